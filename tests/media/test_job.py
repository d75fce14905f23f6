"""Job settings, held by golden files: the hinge between our planner, MediaConvert and the local engine.

A reviewer reads their diff. To change them on purpose: VOD_UPDATE_GOLDEN=1 python -m pytest tests/media/test_job.py
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.media import profiles
from pipeline.media.errors import PlanImpossible, SourceRejected
from pipeline.media.job import Plan, plan_for, plan_wished, poster_seconds, profile_named
from pipeline.media.profiles import Profile
from pipeline.media.source import Source
from tests.media.films import OUTPUTS, data, picture, ratio, sound, source, upload
from tests.media.mediaconvert import broken

GOLDEN = Path(__file__).parent / "golden"
PROFILES = profiles.load()
DEFAULT = PROFILES["default"]


def asked(profile: Profile = DEFAULT, **wishes: Any) -> Profile:
    """A profile with other wishes; those of its sound are told by their names."""
    own = {field.name for field in dataclasses.fields(profile.sound)}
    heard = {name: value for name, value in wishes.items() if name in own}
    rest = {name: value for name, value in wishes.items() if name not in own}
    return dataclasses.replace(profile, sound=dataclasses.replace(profile.sound, **heard), **rest)


THUMBNAILS = profiles.Thumbnails(every_seconds=10, longer_side=240, columns=5, rows=5)
HDR10 = {"codec": "HEVC", "TransferCharacteristics": "SMPTE_2084", "ColorPrimaries": "ITU_2020", "BitDepth": 10}
HLG = {"codec": "HEVC", "TransferCharacteristics": "ARIB_B67", "ColorPrimaries": "ITU_2020", "BitDepth": 10}

#: name -> (source, uploaded key, profile, role)
FILMS: dict[str, tuple[Source, str, Profile, str]] = {
    "plain-1080p30-stereo": (source(picture(), sound(language="eng")), "uploads/My Film.mp4", DEFAULT, "streams"),
    "portrait-phone-60-hlg": (
        source(picture(rate="60", Rotation=90, **HLG), sound(), container="quicktime"),
        "uploads/IMG_0042.MOV",
        DEFAULT,
        "streams",
    ),
    "no-audio": (source(picture(1280, 720, "25")), "uploads/silent.mp4", DEFAULT, "streams"),
    "mono": (source(picture(640, 360, "15"), sound(1)), "uploads/lecture.mp4", DEFAULT, "streams"),
    "scope-23976": (
        source(picture(1920, 804, "24000/1001", "PRORES"), sound(6), container="quicktime", seconds=5400.5),
        "uploads/\u96e8 \u591c.mov",
        DEFAULT,
        "streams",
    ),
    "interlaced-pal-anamorphic": (
        source(
            picture(720, 576, "25", "MPEG2", "Interlaced", SampleAspectRatio=ratio("64/45")),
            sound(codec="MP2"),
            container="mpegps",
        ),
        "uploads/tape.mpg",
        DEFAULT,
        "streams",
    ),
    "telecined-ntsc": (
        source(
            picture(720, 480, "30000/1001", "MPEG2", "Interlaced", SampleAspectRatio=ratio("8/9")),
            sound(codec="AC3"),
            container="mpegts",
        ),
        "uploads/broadcast.ts",
        DEFAULT,
        "streams",
    ),
    "matroska-turned": (
        source(picture(1280, 720, "30000/1001", Rotation=270), sound(codec="OPUS"), container="matroska", seconds=0.8),
        "uploads/short.mkv",
        DEFAULT,
        "streams",
    ),
    "screen-variable-odd-size": (
        source(picture(1511, 693, "173/10", CodedFrameRate=ratio("57600")), sound()),
        "uploads/Screen Recording.mp4",
        DEFAULT,
        "streams",
    ),
    "uhd-24": (source(picture(3840, 2160, "24", "PRORES"), sound()), "uploads/master.mov", DEFAULT, "streams"),
    "square-p3": (
        source(picture(1080, 1080, "30", "HEVC", ColorPrimaries="SMPTE_EG_432_1"), sound(), container="quicktime"),
        "uploads/square.mov",
        DEFAULT,
        "streams",
    ),
    "download": (source(), "uploads/My Film.mp4", PROFILES["download"], "download"),
    "thumbnails-portrait": (
        source(picture(1080, 1920, "30"), sound()),
        "uploads/story.mp4",
        asked(thumbnails=THUMBNAILS),
        "streams",
    ),
    "two-languages": (
        source(picture(1280, 720, "25"), sound(2, "eng"), sound(2, "eng", index=3), sound(1, "FRE", index=4)),
        "uploads/dubbed.mp4",
        asked(languages="all"),
        "streams",
    ),
    "two-languages-loudness": (
        source(picture(1280, 720, "25"), sound(2, "deu"), sound(6, "gsw", index=3)),
        "uploads/dubbed.mp4",
        asked(languages="all", loudness_lkfs=-16, surround=True),
        "streams",
    ),
    "hdr10-kept-surround": (
        source(picture(1280, 720, "24", **HDR10), sound(6, "eng"), container="matroska"),
        "uploads/feature.mkv",
        PROFILES["hevc-hdr"],
        "streams",
    ),
    "hlg-kept": (
        source(picture(1280, 720, "30", **HLG), sound(), container="quicktime"),
        "uploads/IMG_0043.MOV",
        PROFILES["hevc-hdr"],
        "streams",
    ),
    "av1-beside": (source(picture(1280, 720, "30"), sound()), "uploads/a.mp4", PROFILES["av1"], "streams"),
    "sound-alone-with-cover": (
        source(picture(600, 600, codec="MJPEG"), sound(codec="MP3"), container="mp3", seconds=180),
        "uploads/song.mp3",
        PROFILES["audio"],
        "streams",
    ),
    "captions-608": (
        source(picture(1280, 720, "30000/1001"), data("C608", "eng"), container="mpegts"),
        "uploads/news.ts",
        asked(embedded_captions=True),
        "streams",
    ),
    "per-title": (source(), "uploads/My Film.mp4", PROFILES["per-title"], "streams"),
}


def plan_of(film: Source, profile: Profile = DEFAULT, key: str = "uploads/My Film.mp4") -> Plan:
    return plan_for(upload(key), film, OUTPUTS, profile)


def settings_of(name: str) -> dict[str, Any]:
    film, key, profile, role = FILMS[name]
    return getattr(plan_of(film, profile, key), role)


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
        "Settings": copy.deepcopy(settings_of(name)),
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


@pytest.mark.parametrize("name", FILMS)
def test_mediaconvert_takes_every_job(name):
    assert broken(request_of(name), FILMS[name][0].container) == []


@pytest.mark.parametrize("name", FILMS)
def test_the_local_mediaconvert_honours_every_setting(name):
    honoured = pytest.importorskip("pipeline.local.mediaconvert.honoured")
    rules = pytest.importorskip("pipeline.local.mediaconvert.rules")
    assert [str(violation) for violation in rules.violations(request_of(name))] == []
    assert honoured.refusals(request_of(name)) == []


# What we promise -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILMS)
def test_no_name_of_the_uploaders_leaks_into_our_urls(name):
    _, key, *_ = FILMS[name]
    for group in settings_of(name)["OutputGroups"]:
        inner = next(value for part, value in group["OutputGroupSettings"].items() if part != "Type")
        assert inner["Destination"].rsplit("/", 1)[1] in ("stream", "poster", "download")
        assert inner["Destination"].startswith(f"s3://{OUTPUTS}/{upload(key).run_prefix}")


def test_groups_of_pictures_are_constant():
    group = settings_of("plain-1080p30-stereo")["OutputGroups"][0]
    for output in group["Outputs"][:5]:
        h264 = output["VideoDescription"]["CodecSettings"]["H264Settings"]
        assert h264["GopSize"] == 60 and h264["SceneChangeDetect"] == "DISABLED" and h264["GopClosedCadence"] == 1


def selector(name: str) -> dict[str, Any]:
    return settings_of(name)["Inputs"][0]["VideoSelector"]


def test_only_mp4_and_quicktime_turn_by_themselves():
    """User Guide, "Rotating video": Automatic works for .mov and .mp4."""
    assert selector("plain-1080p30-stereo")["Rotate"] == selector("portrait-phone-60-hlg")["Rotate"] == "AUTO"
    assert selector("matroska-turned")["Rotate"] == "DEGREES_270"
    assert selector("interlaced-pal-anamorphic")["Rotate"] == "DEGREE_0"


def test_a_turn_that_only_the_codec_knows_of_is_said():
    film = picture()
    film["VideoProperties"]["CodecMetadata"]["Rotation"] = 180
    assert plan_of(source(film)).streams["Inputs"][0]["VideoSelector"]["Rotate"] == "DEGREES_180"


def holding(text: str) -> set[str]:
    """The films with that word in their settings."""
    return {name for name in FILMS if text in json.dumps(settings_of(name))}


def test_only_interlaced_films_are_deinterlaced_and_telecine_is_looked_for_in_americas():
    assert holding("Deinterlacer") == {"interlaced-pal-anamorphic", "telecined-ntsc"}
    assert holding("ADAPTIVE") == {"telecined-ntsc"}


def test_colours_beyond_bt709_are_brought_into_it():
    assert holding("FORCE_709") == {"portrait-phone-60-hlg", "square-p3", "hdr10-kept-surround", "hlg-kept"}


def test_full_range_is_squeezed_wherever_there_is_a_picture_and_nowhere_where_the_owner_does_not_want_it():
    assert FILMS.keys() - holding("LIMITED_RANGE_SQUEEZE") == {"sound-alone-with-cover"}
    plan = plan_of(source(), asked(limited_range=False))
    assert "ColorCorrector" not in json.dumps(plan.streams)


# Renditions of several kinds -----------------------------------------------------------------------------------------


def outputs_of(name: str) -> dict[str, dict[str, Any]]:
    return {output["NameModifier"]: output for output in settings_of(name)["OutputGroups"][0]["Outputs"]}


def test_hdr_is_kept_beside_its_sdr_and_neither_is_the_other():
    outputs = outputs_of("hdr10-kept-surround")
    assert [*outputs][:8] == [
        "_720p", "_540p", "_360p", "_270p", "_720p_hevc", "_540p_hevc", "_360p_hevc", "_audio",
    ]  # fmt: skip
    kept = outputs["_720p_hevc"]["VideoDescription"]
    assert kept["CodecSettings"]["H265Settings"]["CodecProfile"] == "MAIN10_MAIN"
    assert kept["ColorMetadata"] == "INSERT" and "VideoPreprocessors" not in kept
    mapped = outputs["_720p"]["VideoDescription"]["VideoPreprocessors"]["ColorCorrector"]
    assert mapped["ColorSpaceConversion"] == "FORCE_709"


def test_the_poster_is_in_sdr_and_no_larger_than_1080p():
    for name, size in (("hdr10-kept-surround", 1280), ("uhd-24", 1920), ("screen-variable-odd-size", 1510)):
        poster = settings_of(name)["OutputGroups"][1]["Outputs"][0]["VideoDescription"]
        assert (poster["Width"], poster["CodecSettings"]["Codec"]) == (size, "FRAME_CAPTURE")


def test_an_sdr_film_has_no_hdr_to_keep():
    assert {rung.codec for rung in plan_of(source(), PROFILES["hevc-hdr"]).rungs} == {"h264"}


def test_hevc_in_sdr_and_hdr_have_names_of_their_own():
    profile = asked(codecs=("h264", "hevc"), keep_hdr=True)
    names = [rung.name for rung in plan_of(source(picture(960, 540, **HDR10)), profile).rungs]
    assert names == [
        "540p", "360p", "270p", "540p_hevc", "360p_hevc", "540p_hevc_hdr", "360p_hevc_hdr",
    ]  # fmt: skip


# Sound ---------------------------------------------------------------------------------------------------------------


def sounds_of(name: str) -> list[tuple[str, str, str, str]]:
    """(name, group, what is encoded, how it is listed)"""
    return [
        (
            modifier,
            output["ContainerSettings"]["CmfcSettings"]["AudioGroupId"],
            output["AudioDescriptions"][0]["CodecSettings"]["AacSettings"]["CodingMode"].removeprefix("CODING_MODE_"),
            output["ContainerSettings"]["CmfcSettings"]["AudioTrackType"].removeprefix("ALTERNATE_AUDIO_"),
        )
        for modifier, output in outputs_of(name).items()
        if "AudioDescriptions" in output
    ]


@pytest.mark.parametrize(
    ("name", "sounds"),
    [
        ("plain-1080p30-stereo", [("_audio", "audio", "2_0", "AUTO_SELECT_DEFAULT")]),
        ("mono", [("_audio", "audio", "1_0", "AUTO_SELECT_DEFAULT")]),
        ("scope-23976", [("_audio", "audio", "2_0", "AUTO_SELECT_DEFAULT")]),
        ("no-audio", []),
        (
            "two-languages",  # the second English track would be an entry in the menu that says nothing
            [("_audio_eng", "audio", "2_0", "AUTO_SELECT_DEFAULT"), ("_audio_fra", "audio", "1_0", "AUTO_SELECT")],
        ),
        (
            "two-languages-loudness",  # both groups have both languages, as RFC 8216 demands
            [
                ("_audio_deu", "audio", "2_0", "AUTO_SELECT_DEFAULT"),
                ("_audio_gsw", "audio", "2_0", "AUTO_SELECT"),
                ("_audio_deu_surround", "surround", "2_0", "AUTO_SELECT"),
                ("_audio_gsw_surround", "surround", "5_1", "AUTO_SELECT"),
            ],
        ),
        (
            "hdr10-kept-surround",
            [("_audio", "audio", "2_0", "AUTO_SELECT_DEFAULT"), ("_audio_surround", "surround", "5_1", "AUTO_SELECT")],
        ),
        ("sound-alone-with-cover", [("_audio", "audio", "2_0", "AUDIO_ONLY_VARIANT_STREAM")]),
    ],
)
def test_sounds(name, sounds):
    assert sounds_of(name) == sounds
    groups = ",".join(dict.fromkeys(group for _, group, *_ in sounds))
    for output in outputs_of(name).values():
        if "VideoDescription" in output:
            assert output["ContainerSettings"]["CmfcSettings"].get("AudioRenditionSets", "") == groups


def test_selectors_name_the_tracks_of_the_file():
    selectors = settings_of("two-languages")["Inputs"][0]["AudioSelectors"]
    assert [selector["Tracks"] for selector in selectors.values()] == [[1], [3]]
    assert [selector["DefaultSelection"] for selector in selectors.values()] == ["DEFAULT", "NOT_DEFAULT"]


def test_languages_that_mediaconvert_does_not_list_are_custom():
    described = [output["AudioDescriptions"][0] for output in outputs_of("two-languages-loudness").values()
                 if "AudioDescriptions" in output]  # fmt: skip
    assert (described[0]["LanguageCode"], described[0]["StreamName"]) == ("DEU", "German")
    assert described[1]["CustomLanguageCode"] == "gsw" and "LanguageCode" not in described[1]
    assert described[0]["AudioNormalizationSettings"]["TargetLkfs"] == -16


def test_tracks_that_are_not_published_are_told():
    film, *_ = FILMS["two-languages"]
    assert plan_of(film, asked(languages="all")).warnings == (
        "Audio tracks that are not published: 2 (eng, 2 channels).",
    )
    assert "2 (eng, 2 channels), 3 (fra, 1 channels)" in plan_of(film, asked(languages="first")).warnings[0]


def test_sound_alone_is_one_group_without_a_picture():
    settings = settings_of("sound-alone-with-cover")
    assert [group["Name"] for group in settings["OutputGroups"]] == ["Streams"]
    assert "VideoSelector" not in settings["Inputs"][0]


def test_sound_alone_is_one_variant_however_many_languages_it_has():
    song = source(sound(6, "eng"), sound(2, "fra", index=3), container="mp4")
    plan = plan_of(song, asked(PROFILES["audio"], languages="all", surround=True))
    assert [each.name for each in plan.audio] == ["audio"] and "2 (fra, 2 channels)" in plan.warnings[0]


def test_a_film_under_a_profile_of_sound_alone_loses_its_picture_and_a_silent_one_is_refused():
    plan = plan_of(source(), PROFILES["audio"])
    assert plan.rungs == () and plan.download is None and plan.thumbnails is None
    with pytest.raises(SourceRejected) as refused:
        plan_of(source(picture()), PROFILES["audio"])
    assert refused.value.code == "INPUT_NO_SOUND"


# Thumbnails, captions, automated ABR ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "seconds", "planned"),
    [
        ((1920, 1080), 3600, (10, 240, 136)),
        ((1920, 1080), 20, (1, 240, 136)),
        ((1920, 1080), 250, (3, 240, 136)),
        ((1080, 1920), 3600, (10, 136, 242)),
        ((1080, 1080), 3600, (10, 240, 240)),
        ((1920, 804), 3600, (10, 240, 100)),
        ((160, 120), 3600, (10, 160, 120)),
    ],
)
def test_thumbnails_have_the_films_shape_and_short_films_have_them_closer(size, seconds, planned):
    found = plan_of(source(picture(*size), seconds=seconds), asked(thumbnails=THUMBNAILS)).thumbnails
    assert (found.interval_seconds, found.width, found.height) == planned


def test_captions_inside_the_picture_become_a_track_where_the_profile_asks():
    output = outputs_of("captions-608")["_captions_cc1"]
    assert output["CaptionDescriptions"][0]["LanguageCode"] == "ENG"
    assert plan_of(FILMS["captions-608"][0], asked(embedded_captions=False)).captions == ()


def test_automated_abr_may_choose_the_ladders_sizes_and_no_others():
    settings = settings_of("per-title")["OutputGroups"][0]
    (rule,) = settings["AutomatedEncodingSettings"]["AbrSettings"]["Rules"]
    sizes = [(size["Width"], size["Height"]) for size in rule["AllowedRenditions"]]
    assert sizes == [(rung.width, rung.height) for rung in plan_of(source()).rungs]
    assert [*outputs_of("per-title")] == ["_auto", "_audio"]


# Limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("milliseconds", "seconds"), [(100, 1), (9_999, 1), (10_000, 1), (20_000, 2), (25_000, 2), (43_200_000, 4320)]
)
def test_the_poster_lies_a_tenth_into_the_film(milliseconds, seconds):
    assert poster_seconds(milliseconds) == seconds


def test_a_plan_waits_longer_for_longer_films_and_never_longer_than_the_machine():
    machine = json.loads((Path(__file__).parents[2] / "statemachine" / "vod.asl.json").read_text())
    short, long = (plan_of(source(seconds=seconds)) for seconds in (2, 12 * 3600))
    assert 0 < short.heartbeat_seconds < short.timeout_seconds < long.timeout_seconds < machine["TimeoutSeconds"]


def test_a_plan_lists_the_rungs_it_encodes():
    plan = plan_of(source())
    assert [rung.name for rung in plan.rungs] == ["1080p", "720p", "540p", "360p", "270p"] and plan.download is None
    modifiers = [output["NameModifier"] for output in plan.streams["OutputGroups"][0]["Outputs"]]
    assert modifiers == [*(f"_{rung.name}" for rung in plan.rungs), "_audio"]


@pytest.mark.parametrize("name", FILMS)
def test_a_plan_can_travel_through_the_state_machine(name):
    film, key, profile, _ = FILMS[name]
    state = plan_of(film, profile, key).as_state()
    assert json.loads(json.dumps(state)) == state and "streams" not in state


@pytest.mark.parametrize(
    ("film", "code"),
    [
        (source(data("WEBVTT")), "INPUT_NO_PICTURE"),
        (source(seconds=0.02), "POLICY_TOO_SHORT"),
        (source(seconds=12 * 3600 + 1), "POLICY_TOO_LONG"),
        (source(picture(16, 16)), "POLICY_PICTURE_SIZE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_films_outside_the_limits_are_refused_by_the_planner(film, code):
    with pytest.raises(SourceRejected) as refused:
        plan_of(film)
    assert refused.value.code == code


def test_sound_alone_is_refused_where_the_owner_does_not_want_it():
    with pytest.raises(
        SourceRejected, match=r"My Film\.mp4 has no picture: 0 video tracks, audio tracks: 2-channel AAC"
    ):
        plan_of(source(sound()), asked(sound_alone=False))


def test_an_unknown_profile_is_the_owners_mistake_and_says_so():
    with pytest.raises(PlanImpossible, match="no profile 'fancy'; there are default, download") as refused:
        profile_named("fancy")
    assert "context value" in refused.value.fix


# What a film's owner wishes -------------------------------------------------------------------------------------------


def captures(film: Source, wished_ms: int | None) -> dict[str, Any]:
    plan = plan_for(upload(), film, OUTPUTS, DEFAULT, wished_ms)
    output = plan.streams["OutputGroups"][1]["Outputs"][0]
    return {**output["VideoDescription"]["CodecSettings"]["FrameCaptureSettings"], "warnings": plan.warnings}


@pytest.mark.parametrize(
    ("seconds", "wished_ms", "every", "most"),
    [
        (60, 5_500, (2, 11), 2),
        (60, 12_000, (1, 12), 2),
        (60, 59_999, (5, 299), 2),  # so near the end no picture is sure to come
        (60, 0, (1, 1), 1),
        (60, 20, (1, 1), 1),  # within the first picture
        (0.15, 100, (1, 1), 1),
        (7200, 3_723_456, (125, 465_432), 2),
    ],
)
def test_the_poster_is_captured_where_its_owner_wishes(seconds, wished_ms, every, most):
    film = source(picture(rate="25"), seconds=seconds)
    found = captures(film, wished_ms)
    assert (found["FramerateNumerator"], found["FramerateDenominator"], found["MaxCaptures"]) == (*every, most)
    assert found["warnings"] == ()


def test_without_a_wish_the_poster_is_where_it_was():
    assert captures(source(picture(), seconds=60), None) == {
        "FramerateNumerator": 1, "FramerateDenominator": 6, "MaxCaptures": 2, "Quality": 80, "warnings": (),
    }  # fmt: skip


def test_a_poster_after_the_end_is_told_and_taken_where_it_would_be():
    found = captures(source(picture(), seconds=60.5), 61_000)
    assert (found["FramerateNumerator"], found["FramerateDenominator"]) == (1, 6)
    assert found["warnings"] == ("poster_time 00:01:01 is not followed: the film ends at 00:01:00.5.",)


def test_a_poster_of_sound_alone_is_told():
    film = source(sound(codec="MP3"), container="mp3", seconds=180)
    plan = plan_for(upload(), film, OUTPUTS, PROFILES["audio"], 1000)
    assert plan.warnings == ("poster_time is not followed: what is published has no picture.",)


def test_sounds_are_named_by_their_owner_in_the_job_and_its_manifests():
    film = source(picture(), sound(2, "eng"), sound(2, "und", index=3))
    wished = {"audio_languages": ["fr", "pt-BR"]}
    named, plan = plan_wished(upload(), film, OUTPUTS, asked(languages="all"), wished)
    assert [track.language for track in named.audio] == ["fra", "por"]
    assert [(each.language, each.label) for each in plan.audio] == [("fra", "French"), ("por", "Portuguese")]
    assert '"LanguageCode": "FRA"' in json.dumps(plan.streams) and plan.warnings == ()


def test_wishes_that_cannot_be_followed_stand_among_the_warnings():
    film = source(picture(), sound(2, "eng"), sound(2, "deu", index=3), seconds=10)
    _, plan = plan_wished(
        upload(), film, OUTPUTS, DEFAULT, {"audio_languages": ["en", "de", "fr"], "poster_at_ms": 10_000}
    )
    assert plan.warnings == (
        'audio_languages: "fr" is for a track that is not there; the film has 2 sound tracks',
        "poster_time 00:00:10 is not followed: the film ends at 00:00:10.",
    )


def test_a_wished_profile_that_does_not_fit_the_film_is_named_in_the_refusal():
    with pytest.raises(SourceRejected) as refused:
        plan_wished(upload(), source(picture()), OUTPUTS, PROFILES["audio"], {"profile": "audio"})
    assert refused.value.code == "INPUT_NO_SOUND" and refused.value.evidence["profile"] == "audio"
    assert refused.value.message.endswith('has no sound: 0 audio tracks; its JSON file asks for the profile "audio"')
    assert refused.value.fix.endswith("Or ask for another profile, or for none, in the JSON file.")
    with pytest.raises(SourceRejected) as plainly:
        plan_wished(upload(), source(picture()), OUTPUTS, PROFILES["audio"], {})
    assert "JSON" not in plainly.value.message + plainly.value.fix
