"""Job settings, held by golden files: the hinge between our planner, MediaConvert and the local engine.

A reviewer reads their diff. To change them on purpose: VOD_UPDATE_GOLDEN=1 python -m pytest tests/media/test_job.py
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from pipeline.media.errors import PlanImpossible, SourceRejected
from pipeline.media.job import plan_for, poster_seconds
from pipeline.media.ladder import rungs_for
from pipeline.media.source import Source
from tests.media.films import OUTPUTS, picture, ratio, sound, source, upload

GOLDEN = Path(__file__).parent / "golden"

#: name -> (source, uploaded key, profile, role)
FILMS: dict[str, tuple[Source, str, str, str]] = {
    "plain-1080p30-stereo": (source(picture(), sound(language="eng")), "uploads/My Film.mp4", "default", "streams"),
    "portrait-phone-60-hlg": (
        source(
            picture(rate="60", codec="HEVC", Rotation=90, TransferCharacteristics="ARIB_B67", BitDepth=10),
            sound(),
            container="quicktime",
        ),
        "uploads/IMG_0042.MOV",
        "default",
        "streams",
    ),
    "no-audio": (source(picture(1280, 720, "25")), "uploads/silent.mp4", "default", "streams"),
    "mono": (source(picture(640, 360, "15"), sound(1)), "uploads/lecture.mp4", "default", "streams"),
    "scope-23976": (
        source(picture(1920, 804, "24000/1001", "PRORES"), sound(6), container="quicktime", seconds=5400.5),
        "uploads/\u96e8 \u591c.mov",
        "default",
        "streams",
    ),
    "interlaced-pal-anamorphic": (
        source(
            picture(720, 576, "25", "MPEG2", "Interlaced", SampleAspectRatio=ratio("64/45")),
            sound(codec="MP2"),
            container="mpegps",
        ),
        "uploads/tape.mpg",
        "default",
        "streams",
    ),
    "matroska-turned": (
        source(picture(1280, 720, "30000/1001", Rotation=270), sound(codec="OPUS"), container="matroska", seconds=0.8),
        "uploads/short.mkv",
        "default",
        "streams",
    ),
    "download": (source(), "uploads/My Film.mp4", "download", "download"),
}


def settings_of(name: str) -> dict[str, Any]:
    film, key, profile, role = FILMS[name]
    return getattr(plan_for(upload(key), film, OUTPUTS, profile), role)


def request_of(name: str) -> dict[str, Any]:
    """The CreateJob request as pipeline.aws.transcoder sends it."""
    return {
        "Role": "arn:aws:iam::123456789012:role/Vod-MediaConvert",
        "Queue": "arn:aws:mediaconvert:us-east-1:123456789012:queues/Vod",
        "UserMetadata": {
            "asset_id": "film-0123456789ab",
            "version": "0123456789",
            "revision": "1",
            "role": "streams",
            "attempt": "1",
        },
        "ClientRequestToken": "0" * 64,
        "StatusUpdateInterval": "SECONDS_10",
        "Settings": settings_of(name),
    }


@pytest.mark.parametrize("name", FILMS)
def test_the_planner_writes_what_the_golden_file_holds(name):
    path = GOLDEN / f"{name}.json"
    if os.environ.get("VOD_UPDATE_GOLDEN"):
        path.write_text(json.dumps(settings_of(name), indent=1, ensure_ascii=False) + "\n")
    assert settings_of(name) == json.loads(path.read_text())


def test_every_golden_file_belongs_to_a_film():
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(FILMS)


# What MediaConvert takes ---------------------------------------------------------------------------------------------


def broken_places(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """botocore checks types; the service checks enumerations, ranges and patterns too, so we walk them here."""
    if shape.type_name == "structure":
        for name, item in value.items():
            yield from broken_places(shape.members[name], item, f"{path}.{name}")
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from broken_places(shape.member, item, f"{path}[{index}]")
    elif shape.type_name == "map":
        for name, item in value.items():
            yield from broken_places(shape.value, item, f"{path}.{name}")
    elif shape.type_name == "string":
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"{path}: {value} is none of {shape.enum}"
        if "pattern" in shape.metadata and not re.search(shape.metadata["pattern"], value):
            yield f"{path}: {value} does not match {shape.metadata['pattern']}"
        if len(value) > shape.metadata.get("max", len(value)):
            yield f"{path}: too long"
    elif not shape.metadata.get("min", value) <= value <= shape.metadata.get("max", value):
        yield f"{path}: {value} is out of range"


@pytest.mark.parametrize("name", FILMS)
def test_mediaconverts_own_model_takes_every_job(name):
    model = botocore.session.get_session().get_service_model("mediaconvert").operation_model("CreateJob").input_shape
    assert not ParamValidator().validate(request_of(name), model).has_errors()
    assert list(broken_places(model, request_of(name))) == []


@pytest.mark.parametrize("name", FILMS)
def test_the_local_mediaconvert_honours_every_setting(name):
    honoured = pytest.importorskip("pipeline.local.mediaconvert.honoured")
    rules = pytest.importorskip("pipeline.local.mediaconvert.rules")
    assert [str(violation) for violation in rules.violations(request_of(name))] == []
    assert honoured.refusals(request_of(name)) == []


@pytest.mark.parametrize("name", FILMS)
def test_what_mediaconvert_documents_between_settings_holds(name):
    """Sources: MediaConvert API Reference and User Guide ("AAC output reference tables", QVBR, CMAF)."""
    settings = settings_of(name)
    outputs = [output for group in settings["OutputGroups"] for output in group["Outputs"]]
    for output in outputs:
        h264 = output.get("VideoDescription", {}).get("CodecSettings", {}).get("H264Settings")
        if h264:
            assert h264["RateControlMode"] == "QVBR" and h264["MaxBitrate"] and "Bitrate" not in h264
        for description in output.get("AudioDescriptions", []):
            aac = description["CodecSettings"]["AacSettings"]
            lowest, highest = {"CODING_MODE_1_0": (56_000, 288_000), "CODING_MODE_2_0": (64_000, 576_000)}[
                aac["CodingMode"]
            ]
            assert aac["SampleRate"] == 48_000 and lowest <= aac["Bitrate"] <= highest
    names = [output.get("NameModifier") for group in settings["OutputGroups"][:1] for output in group["Outputs"]]
    assert len(set(names)) == len(names)


# What we promise -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILMS)
def test_no_name_of_the_uploaders_leaks_into_our_urls(name):
    _, key, *_ = FILMS[name]
    for group in settings_of(name)["OutputGroups"]:
        inner = next(value for part, value in group["OutputGroupSettings"].items() if part != "Type")
        assert inner["Destination"].rsplit("/", 1)[1] in ("stream", "poster", "download")
        assert inner["Destination"].startswith(f"s3://{OUTPUTS}/{upload(key).run_prefix}")


def test_segments_are_whole_groups_of_pictures():
    group = settings_of("plain-1080p30-stereo")["OutputGroups"][0]
    length = group["OutputGroupSettings"]["CmafGroupSettings"]["SegmentLength"]
    for output in group["Outputs"]:
        if "VideoDescription" in output:
            h264 = output["VideoDescription"]["CodecSettings"]["H264Settings"]
            assert h264["GopSizeUnits"] == "SECONDS" and length % h264["GopSize"] == 0
            assert h264["SceneChangeDetect"] == "DISABLED" and h264["GopClosedCadence"] == 1


def selector(name: str) -> dict[str, Any]:
    return settings_of(name)["Inputs"][0]["VideoSelector"]


def test_only_mp4_and_quicktime_turn_by_themselves():
    """User Guide, "Rotating video": Automatic works for .mov and .mp4."""
    assert selector("plain-1080p30-stereo")["Rotate"] == selector("portrait-phone-60-hlg")["Rotate"] == "AUTO"
    assert selector("matroska-turned")["Rotate"] == "DEGREES_270"
    assert selector("interlaced-pal-anamorphic")["Rotate"] == "DEGREE_0"


def test_sound_is_its_own_rendition_and_silence_has_none():
    heard = json.dumps(settings_of("plain-1080p30-stereo"))
    assert heard.count('"AudioRenditionSets": "audio"') == 5 and heard.count('"AudioGroupId": "audio"') == 1
    assert "Audio" not in json.dumps(settings_of("no-audio"))


def test_only_interlaced_films_are_deinterlaced_and_only_hdr_films_are_mapped():
    with_deinterlacer = {name for name in FILMS if "Deinterlacer" in json.dumps(settings_of(name))}
    with_corrector = {name for name in FILMS if "ColorCorrector" in json.dumps(settings_of(name))}
    assert with_deinterlacer == {"interlaced-pal-anamorphic"} and with_corrector == {"portrait-phone-60-hlg"}


@pytest.mark.parametrize(
    ("milliseconds", "seconds"), [(100, 1), (9_999, 1), (10_000, 1), (20_000, 2), (25_000, 2), (43_200_000, 4320)]
)
def test_the_poster_lies_a_tenth_into_the_film(milliseconds, seconds):
    assert poster_seconds(milliseconds) == seconds


def test_a_plan_waits_longer_for_longer_films_and_never_longer_than_the_machine():
    machine = json.loads((Path(__file__).parents[2] / "statemachine" / "vod.asl.json").read_text())
    short, long = (plan_for(upload(), source(seconds=seconds), OUTPUTS, "default") for seconds in (2, 12 * 3600))
    assert 0 < short.heartbeat_seconds < short.timeout_seconds < long.timeout_seconds < machine["TimeoutSeconds"]


def test_a_plan_lists_the_rungs_it_encodes():
    plan = plan_for(upload(), source(), OUTPUTS, "default")
    assert plan.rungs == rungs_for(source().video) and plan.download is None
    modifiers = [output["NameModifier"] for output in plan.streams["OutputGroups"][0]["Outputs"]]
    assert modifiers == [*(f"_{rung.name}" for rung in plan.rungs), "_audio"]


@pytest.mark.parametrize(
    ("film", "code"),
    [
        (source(sound()), "INPUT_NO_PICTURE"),
        (source(seconds=0.02), "POLICY_TOO_SHORT"),
        (source(seconds=12 * 3600 + 1), "POLICY_TOO_LONG"),
        (source(picture(16, 16)), "POLICY_PICTURE_SIZE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_films_outside_the_limits_are_refused_by_the_planner(film, code):
    with pytest.raises(SourceRejected) as refused:
        plan_for(upload("uploads/odd.mp4"), film, OUTPUTS, "default")
    assert refused.value.code == code


def test_an_unknown_profile_is_the_owners_mistake_and_says_so():
    with pytest.raises(PlanImpossible, match="no profile 'fancy'; there are default, download") as refused:
        plan_for(upload(), source(), OUTPUTS, "fancy")
    assert "context value" in refused.value.fix
