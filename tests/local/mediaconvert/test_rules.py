"""MediaConvert's rules between settings, each with a job that breaks it and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.mediaconvert import rules
from tests.local.mediaconvert.conftest import JOB, ROLE

Change = Callable[[dict[str, Any]], Any]


def cmaf(job: dict[str, Any]) -> dict[str, Any]:
    return job["OutputGroups"][0]["OutputGroupSettings"]["CmafGroupSettings"]


def captions(job: dict[str, Any], selector: dict[str, Any] | None = None, **description: Any) -> None:
    """One more output, with captions from the selector C."""
    settings = {"SourceType": "EMBEDDED"} if selector is None else selector
    job["Inputs"][0]["CaptionSelectors"] = {"C": {"SourceSettings": settings}}
    webvtt = {"CaptionSelectorName": "C", "DestinationSettings": {"DestinationType": "WEBVTT"}}
    wanted = {name: value for name, value in (webvtt | description).items() if value is not None}
    container = {"Container": "CMFC"}
    output = {"NameModifier": "_cc", "ContainerSettings": container, "CaptionDescriptions": [wanted]}
    job["OutputGroups"][0]["Outputs"].append(output)


def trick_play(job: dict[str, Any], **settings: Any) -> None:
    cmaf(job).update(ImageBasedTrickPlay="ADVANCED", ImageBasedTrickPlaySettings=settings)


def video(job: dict[str, Any]) -> dict[str, Any]:
    return job["OutputGroups"][0]["Outputs"][0]


def h264(job: dict[str, Any]) -> dict[str, Any]:
    return video(job)["VideoDescription"]["CodecSettings"]["H264Settings"]


def audio(job: dict[str, Any]) -> dict[str, Any]:
    return job["OutputGroups"][0]["Outputs"][1]


def aac(job: dict[str, Any]) -> dict[str, Any]:
    return audio(job)["AudioDescriptions"][0]["CodecSettings"]["AacSettings"]


def capture(job: dict[str, Any]) -> dict[str, Any]:
    return job["OutputGroups"][1]["Outputs"][0]


def another_video(job: dict[str, Any], modifier: str | None) -> None:
    output = copy.deepcopy(video(job))
    output.pop("NameModifier")
    if modifier:
        output["NameModifier"] = modifier
    job["OutputGroups"][0]["Outputs"].append(output)


def another_audio(job: dict[str, Any]) -> None:
    job["OutputGroups"][0]["Outputs"].append({**copy.deepcopy(audio(job)), "NameModifier": "_more"})


def violations(change: Change) -> list[str]:
    job = copy.deepcopy(JOB)
    change(job)
    return [str(violation) for violation in rules.violations({"Role": ROLE, "Settings": job})]


def test_the_planners_job_breaks_no_rule():
    assert violations(lambda job: None) == []


CAPTIONS = "/outputGroups/0/outputs/2/captionDescriptions/0"
CMAF = "/outputGroups/0/outputGroupSettings/cmafGroupSettings"
VIDEO = "/outputGroups/0/outputs/0"
H264 = f"{VIDEO}/videoDescription/codecSettings/h264Settings"
AUDIO = "/outputGroups/0/outputs/1"
CAPTURE = "/outputGroups/1/outputs/0"

CASES: dict[str, tuple[Change, str]] = {
    "a caption selector without a source": (
        lambda job: captions(job, selector={}),
        "/inputs/0/captionSelectors/C: sourceSettings with sourceType is a required property",
    ),
    "a caption file without a name": (
        lambda job: captions(job, selector={"SourceType": "SRT"}),
        "/inputs/0/captionSelectors/C/sourceSettings: fileSourceSettings with sourceFile is a required property for "
        "SRT",
    ),
    "captions from nowhere": (
        lambda job: captions(job, CaptionSelectorName="D"),
        f"{CAPTIONS}/captionSelectorName: D should be the name of a caption selector of the input (there are: C)",
    ),
    "captions without a selector": (
        lambda job: captions(job, CaptionSelectorName=None),
        f"{CAPTIONS}: captionSelectorName is a required property",
    ),
    "burned-in captions in CMAF": (
        lambda job: captions(job, DestinationSettings={"DestinationType": "BURN_IN"}),
        f"{CAPTIONS}/destinationSettings/destinationType: BURN_IN does not belong in a CMFC container "
        "(these do: IMSC, WEBVTT)",
    ),
    "trick play settings without ADVANCED": (
        lambda job: cmaf(job).update(ImageBasedTrickPlay="THUMBNAIL", ImageBasedTrickPlaySettings={"TileWidth": 2}),
        f"{CMAF}/imageBasedTrickPlaySettings: Applies only when imageBasedTrickPlay is ADVANCED",
    ),
    "trick play variants that are none": (
        lambda job: cmaf(job).update(ImageBasedTrickPlay="VARIANTS"),
        f"{CMAF}: imageBasedTrickPlayVariants is a required property with VARIANTS",
    ),
    "a thumbnail that is 100 wide": (
        lambda job: trick_play(job, ThumbnailWidth=100),
        f"{CMAF}/imageBasedTrickPlaySettings/thumbnailWidth: 100 should be divisible by 8",
    ),
    "a thumbnail that is 45 high": (
        lambda job: trick_play(job, ThumbnailHeight=45),
        f"{CMAF}/imageBasedTrickPlaySettings/thumbnailHeight: 45 should be divisible by 2",
    ),
    "an image that is too high": (
        lambda job: trick_play(job, ThumbnailHeight=512, TileHeight=9),
        f"{CMAF}/imageBasedTrickPlaySettings: tileHeight times thumbnailHeight is 4608; should not be greater than "
        "4096",
    ),
    "a cadence of one's own without an interval": (
        lambda job: trick_play(job, IntervalCadence="FOLLOW_CUSTOM"),
        f"{CMAF}/imageBasedTrickPlaySettings: thumbnailInterval is a required property when intervalCadence is "
        "FOLLOW_CUSTOM",
    ),
    "thumbnails by segment in a grid": (
        lambda job: trick_play(job, IntervalCadence="FOLLOW_SEGMENTATION", TileWidth=2, TileHeight=1),
        f"{CMAF}/imageBasedTrickPlaySettings: tileWidth and tileHeight should be 1 when intervalCadence is "
        "FOLLOW_SEGMENTATION",
    ),
    "no inputs member": (lambda job: job.pop("Inputs"), "/: inputs is a required property"),
    "no inputs": (lambda job: job.update(Inputs=[]), "/inputs: Should have at least 1 items"),
    "no groups member": (lambda job: job.pop("OutputGroups"), "/: outputGroups is a required property"),
    "no groups": (lambda job: job.update(OutputGroups=[]), "/outputGroups: Should have at least 1 items"),
    "no file": (lambda job: job["Inputs"][0].pop("FileInput"), "/inputs/0: fileInput is a required property"),
    "a bucket as file": (
        lambda job: job["Inputs"][0].update(FileInput="s3://films/"),
        "/inputs/0/fileInput: s3://films/ should name an object in the bucket",
    ),
    "a track selector without tracks": (
        lambda job: job["Inputs"][0]["AudioSelectors"]["Audio Selector 1"].update(SelectorType="TRACK"),
        "/inputs/0/audioSelectors/Audio Selector 1: tracks is a required property when selectorType is TRACK",
    ),
    "a job that only captures frames": (
        lambda job: job["OutputGroups"].pop(0),
        "MediaConvert doesn't support jobs that consist only of frame capture outputs",
    ),
    "a selector that is not there": (
        lambda job: audio(job)["AudioDescriptions"][0].update(AudioSourceName="Audio Selector 2"),
        f"{AUDIO}/audioDescriptions/0/audioSourceName: Audio Selector 2 should be the name of an audio selector of the "
        "input (there are: Audio Selector 1)",
    ),
    "no selectors at all": (
        lambda job: job["Inputs"][0].pop("AudioSelectors"),
        "Audio Selector 1 should be the name of an audio selector of the input (there are: none)",
    ),
    "two groups that write the same files": (
        lambda job: job["OutputGroups"].append(copy.deepcopy(job["OutputGroups"][1])),
        f"/outputGroups/2/outputs/0/nameModifier: This output writes the same files as {CAPTURE}",
    ),
    "a group without settings": (
        lambda job: job["OutputGroups"][0].pop("OutputGroupSettings"),
        "/outputGroups/0: outputGroupSettings is a required property",
    ),
    "a group without type": (
        lambda job: job["OutputGroups"][0]["OutputGroupSettings"].pop("Type"),
        "/outputGroups/0/outputGroupSettings: type is a required property",
    ),
    "a group without its type's settings": (
        lambda job: job["OutputGroups"][1]["OutputGroupSettings"].pop("FileGroupSettings"),
        "/outputGroups/1/outputGroupSettings: fileGroupSettings is a required property",
    ),
    "a group with another type's settings": (
        lambda job: job["OutputGroups"][1]["OutputGroupSettings"].update(HlsGroupSettings={}),
        "/outputGroups/1/outputGroupSettings: hlsGroupSettings does not belong to a group of type FILE_GROUP_SETTINGS",
    ),
    "a group without outputs member": (
        lambda job: job["OutputGroups"][1].pop("Outputs"),
        "/outputGroups/1: outputs is a required property",
    ),
    "a group without outputs": (
        lambda job: job["OutputGroups"][1].update(Outputs=[]),
        "/outputGroups/1/outputs: Should have at least 1 items",
    ),
    "no destination": (
        lambda job: cmaf(job).pop("Destination"),
        "/outputGroups/0/outputGroupSettings/cmafGroupSettings: destination is a required property",
    ),
    "a destination without a path": (
        lambda job: cmaf(job).update(Destination="s3://out"),
        "cmafGroupSettings/destination: s3://out should be s3://bucket/ and a path",
    ),
    "a destination without a bucket": (
        lambda job: cmaf(job).update(Destination="s3:///stream"),
        "cmafGroupSettings/destination: s3:///stream should be s3://bucket/ and a path",
    ),
    "the same modifier twice": (
        lambda job: another_video(job, "_360p"),
        "/outputGroups/0/outputs/2/nameModifier: _360p is already used in this output group",
    ),
    "no modifier among several": (
        lambda job: another_video(job, None),
        "/outputGroups/0/outputs/2: nameModifier is a required property when a group has several outputs",
    ),
    "a rendition set nobody provides": (
        lambda job: video(job)["ContainerSettings"]["CmfcSettings"].update(AudioRenditionSets="audio,surround"),
        "surround should be the audioGroupId of an audio output of this group (there are: audio)",
    ),
    "two default audio outputs": (
        lambda job: another_audio(job),
        f"ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT is already the type of {AUDIO}",
    ),
    "no container settings": (
        lambda job: video(job).pop("ContainerSettings"),
        f"{VIDEO}: containerSettings is a required property",
    ),
    "no container": (
        lambda job: capture(job)["ContainerSettings"].pop("Container"),
        f"{CAPTURE}/containerSettings: container is a required property",
    ),
    "a container of another group": (
        lambda job: video(job)["ContainerSettings"].update(Container="M3U8"),
        f"{VIDEO}/containerSettings/container: M3U8 does not belong in a group of type CMAF_GROUP_SETTINGS",
    ),
    "video and audio in one CMAF output": (
        lambda job: video(job).update(AudioDescriptions=audio(job)["AudioDescriptions"]),
        "this one has 1 video, 1 audio and 0 captions",
    ),
    "nothing in a CMAF output": (
        lambda job: audio(job).update(AudioDescriptions=[]),
        "this one has 0 video, 0 audio and 0 captions",
    ),
    "nothing in a file output": (
        lambda job: capture(job).pop("VideoDescription"),
        f"{CAPTURE}: Should have a videoDescription, audioDescriptions or captionDescriptions",
    ),
    "no codec settings": (
        lambda job: video(job)["VideoDescription"].pop("CodecSettings"),
        f"{VIDEO}/videoDescription: codecSettings is a required property",
    ),
    "no codec": (
        lambda job: audio(job)["AudioDescriptions"][0]["CodecSettings"].pop("Codec"),
        f"{AUDIO}/audioDescriptions/0/codecSettings: codec is a required property",
    ),
    "a codec without its settings": (
        lambda job: video(job)["VideoDescription"]["CodecSettings"].pop("H264Settings"),
        f"{VIDEO}/videoDescription/codecSettings: h264Settings is a required property",
    ),
    "AAC without its settings": (
        lambda job: audio(job)["AudioDescriptions"][0]["CodecSettings"].pop("AacSettings"),
        f"{AUDIO}/audioDescriptions/0/codecSettings: aacSettings is a required property",
    ),
    "frame capture in a CMAF group": (
        lambda job: job["OutputGroups"][0]["Outputs"].append({**capture(job), "NameModifier": "_c"}),
        "Frame capture belongs in a FILE_GROUP_SETTINGS group, not CMAF_GROUP_SETTINGS",
    ),
    "frame capture in a container": (
        lambda job: capture(job)["ContainerSettings"].update(Container="MP4"),
        "Frame capture needs RAW (No container), not MP4",
    ),
    "frame capture with audio": (
        lambda job: capture(job).update(AudioDescriptions=audio(job)["AudioDescriptions"]),
        f"{CAPTURE}/audioDescriptions: A frame capture output has no audio",
    ),
    "an odd width": (
        lambda job: video(job)["VideoDescription"].update(Width=641),
        f"{VIDEO}/videoDescription/width: 641 should be an even number",
    ),
    "an odd height": (
        lambda job: capture(job)["VideoDescription"].update(Height=361),
        f"{CAPTURE}/videoDescription/height: 361 should be an even number",
    ),
    "QVBR without its ceiling": (
        lambda job: h264(job).pop("MaxBitrate"),
        f"{H264}: maxBitrate is a required property when rateControlMode is QVBR",
    ),
    "QVBR settings for another mode": (
        lambda job: h264(job).update(RateControlMode="CBR", Bitrate=1000000),
        f"{H264}: qvbrSettings is not for rateControlMode CBR",
    ),
    "an average bitrate for QVBR": (
        lambda job: h264(job).update(Bitrate=1000000),
        f"{H264}: bitrate is for rateControlMode VBR and CBR; QVBR has maxBitrate",
    ),
    "CBR without a bitrate": (
        lambda job: h264(job).update(RateControlMode="CBR"),
        f"{H264}: bitrate is a required property when rateControlMode is CBR",
    ),
    "half a frame rate": (
        lambda job: h264(job).pop("FramerateDenominator"),
        f"{H264}: framerateDenominator is a required property when framerateControl is SPECIFIED",
    ),
    "no frame rate": (
        lambda job: [h264(job).pop("FramerateNumerator"), h264(job).pop("FramerateDenominator")],
        f"{H264}: framerateNumerator and framerateDenominator is a required property when framerateControl is",
    ),
    "half a pixel shape": (
        lambda job: h264(job).pop("ParNumerator"),
        f"{H264}: parNumerator is a required property when parControl is SPECIFIED",
    ),
    "no GOP size": (
        lambda job: h264(job).pop("GopSize"),
        f"{H264}: gopSize is a required property when gopSizeUnits is SECONDS",
    ),
    "a size for automatic GOPs": (
        lambda job: h264(job).update(GopSizeUnits="AUTO"),
        f"{H264}/gopSize: Leave gopSize out when gopSizeUnits is AUTO",
    ),
    "half a frame": (
        lambda job: h264(job).update(GopSizeUnits="FRAMES", GopSize=59.5),
        f"{H264}/gopSize: 59.5 should be a whole number of frames",
    ),
    "no length at all": (lambda job: h264(job).update(GopSize=0), f"{H264}/gopSize: 0 should be greater than 0"),
    "open GOPs in segments": (
        lambda job: h264(job).update(GopClosedCadence=0),
        f"{H264}/gopClosedCadence: Should not be 0 in segmented outputs",
    ),
    "CABAC in Baseline": (
        lambda job: h264(job).update(CodecProfile="BASELINE"),
        f"{H264}/entropyEncoding: CABAC must be in Main or High profile, not BASELINE",
    ),
    "a bitrate AAC does not have": (
        lambda job: aac(job).update(Bitrate=100000),
        f"{AUDIO}/audioDescriptions/0/codecSettings/aacSettings/bitrate: 100000 should be one of 6000, 8000,",
    ),
    "a configured language that is not": (
        lambda job: audio(job)["AudioDescriptions"][0].update(LanguageCodeControl="USE_CONFIGURED"),
        f"{AUDIO}/audioDescriptions/0: languageCode is a required property when languageCodeControl is USE_CONFIGURED",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_job_that_breaks_a_rule_is_refused_with_the_place(name):
    change, message = CASES[name]
    found = violations(change)
    assert any(message in violation for violation in found), found


@pytest.mark.parametrize(
    ("role", "refused"), [("arn:aws:iam::123456789012:role/MediaConvert", False), ("MediaConvert", True)]
)
def test_a_role_is_an_arn(role, refused):
    assert bool(list(rules.violations({"Role": role, "Settings": JOB}))) is refused


@pytest.mark.parametrize(
    "change",
    [
        lambda job: job["OutputGroups"].pop(1),
        lambda job: job["OutputGroups"][0]["Outputs"].pop(0) and None,
        lambda job: h264(job).update(GopSizeUnits="FRAMES", GopSize=60),
        lambda job: cmaf(job).update(SegmentLength=5),  # AWS rounds up to the next GOP
        lambda job: audio(job)["AudioDescriptions"][0].pop("AudioSourceName"),  # then "Audio Selector 1 will be chosen"
        lambda job: job["Inputs"][0].update(FileInput="s3://films/My Film+1%20(ü).mov"),
        lambda job: another_video(job, "_more"),
        lambda job: video(job)["ContainerSettings"]["CmfcSettings"].update(AudioRenditionSets=" audio , "),
    ],
)
def test_what_aws_takes_is_taken(change):
    assert violations(change) == []
