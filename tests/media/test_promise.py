"""What was promised is read from the settings that MediaConvert gets, in whatever way they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.media.promise import Picture, Promise, Sound, promised

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


def job(*outputs: dict[str, Any], selectors: dict[str, Any] | None = None, **group: Any) -> dict[str, Any]:
    cmaf = {"Destination": "s3://bucket/a/film/v/1-r1/stream", **group.pop("cmaf", {})}
    settings = {"Type": "CMAF_GROUP_SETTINGS", "CmafGroupSettings": cmaf}
    return {
        "Inputs": [{"AudioSelectors": selectors or {}}],
        "OutputGroups": [{"OutputGroupSettings": settings, "Outputs": list(outputs), **group}],
    }


def video(name: str, codec: str = "H_264", **cmfc: Any) -> dict[str, Any]:
    description = {"Width": 1280, "Height": 720, "CodecSettings": {"Codec": codec}}
    return {"NameModifier": name, "VideoDescription": description, "ContainerSettings": {"CmfcSettings": cmfc}}


def audio(name: str, group: str, selector: str = "A", mode: str = "CODING_MODE_2_0") -> dict[str, Any]:
    codec = {"Codec": "AAC", "AacSettings": {"CodingMode": mode}}
    return {
        "NameModifier": name,
        "AudioDescriptions": [{"AudioSourceName": selector, "CodecSettings": codec}],
        "ContainerSettings": {"CmfcSettings": {"AudioGroupId": group}},
    }


def captions(kind: str) -> dict[str, Any]:
    return {"NameModifier": "_cc", "CaptionDescriptions": [{"DestinationSettings": {"DestinationType": kind}}]}


def test_pictures_with_their_codecs_groups_and_i_frames():
    promise = promised(
        job(
            video("_720p", AudioRenditionSets="audio, surround", IFrameOnlyManifest="INCLUDE"),
            video("_720p_hevc", "H_265"),
        )
    )
    assert promise.pictures == (
        Picture("720p", "H_264", 1280, 720, True, ("audio", "surround")),
        Picture("720p_hevc", "H_265", 1280, 720, False),
    )
    assert promise.playlist("720p") == "stream_720p.m3u8" and not promise.audio_only


def test_sounds_know_their_track_of_the_source():
    selectors = {"A": {"DefaultSelection": "DEFAULT"}, "B": {"SelectorType": "TRACK", "Tracks": [3]}}
    outputs = [audio("_eng", "audio"), audio("_fra", "audio", "B"), audio("_51", "surround", "A", "CODING_MODE_5_1")]
    assert promised(job(*outputs, selectors=selectors)).sounds == (
        Sound("eng", "AAC", "audio", 1, 2),
        Sound("fra", "AAC", "audio", 3, 2),
        Sound("51", "AAC", "surround", 1, 6),
    )
    (receiver_mix,) = promised(job(audio("_x", "audio", mode="AD_RECEIVER_MIX"))).sounds
    assert receiver_mix.channels == 0


def test_captions_as_renditions_are_told_from_captions_inside_the_picture():
    assert promised(job(captions("WEBVTT"))).texts == ("cc",)
    assert promised(job(captions("IMSC"))).texts == ()
    inside = {**video("_720p"), **captions("EMBEDDED"), "NameModifier": "_720p"}
    assert promised(job(inside)).closed_captions and not promised(job(video("_720p"))).closed_captions


@pytest.mark.parametrize(
    ("kind", "images"), [("NONE", False), ("THUMBNAIL", True), ("ADVANCED", True), ("VARIANTS", True)]
)
def test_thumbnails(kind, images):
    assert promised(job(cmaf={"ImageBasedTrickPlay": kind})).images is images
    assert promised(job()).images is False


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({}, 15),
        ({"MaxRenditions": 5}, 5),
        ({"MaxRenditions": 2, "Rules": [{"Type": "FORCE_INCLUDE_RENDITIONS", "ForceIncludeRenditions": [{}] * 3}]}, 3),
        ({"MaxRenditions": 4, "Rules": [{"Type": "MIN_TOP_RENDITION_SIZE"}]}, 4),
    ],
)
def test_with_automated_abr_only_bounds_are_promised(settings, most):
    promise = promised(job(video("_x"), AutomatedEncodingSettings={"AbrSettings": settings}))
    assert promise.automatic == most and promise.pictures == () and not promise.audio_only


def test_poster_and_download():
    capture = {"VideoDescription": {"CodecSettings": {"Codec": "FRAME_CAPTURE"}}}
    poster = {"OutputGroupSettings": {"Type": "FILE_GROUP_SETTINGS"}, "Outputs": [capture]}
    settings = job(video("_720p"))
    assert not promised(settings).poster and not promised(settings).download
    settings["OutputGroups"].append(poster)
    assert promised(settings, {"OutputGroups": []}).poster and promised(settings, {}).download


def test_a_job_without_streams_is_none_of_ours():
    with pytest.raises(ValueError, match="no CMAF output group"):
        promised({"OutputGroups": [{"OutputGroupSettings": {"Type": "FILE_GROUP_SETTINGS"}, "Outputs": []}]})


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_plan_of_ours_promises_something(path):
    written = json.loads(path.read_text())
    settings = written if "OutputGroups" in written else written.get("streams", written)
    if "OutputGroups" not in settings or all(
        each["OutputGroupSettings"]["Type"] != "CMAF_GROUP_SETTINGS" for each in settings["OutputGroups"]
    ):
        pytest.skip("not a streams job")
    promise = promised(settings)
    assert isinstance(promise, Promise) and promise.base == "stream"
    assert promise.audio_only == (not promise.pictures and not promise.automatic)
    assert promise.sounds or promise.pictures or promise.automatic
    assert promise.poster != promise.audio_only
    for picture in promise.pictures:
        assert set(picture.groups) <= {sound.group for sound in promise.sounds}
