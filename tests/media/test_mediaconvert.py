"""The checker of MediaConvert's rules finds what it is there for: each rule has a job that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.media.mediaconvert import broken
from tests.media.test_job import FILMS, request_of

Settings = dict[str, Any]


def group(settings: Settings) -> Settings:
    return settings["OutputGroups"][0]


def cmaf(settings: Settings) -> Settings:
    return group(settings)["OutputGroupSettings"]["CmafGroupSettings"]


def tiles(settings: Settings) -> Settings:
    return cmaf(settings)["ImageBasedTrickPlaySettings"]


def output(settings: Settings, modifier: str) -> Settings:
    return next(each for each in group(settings)["Outputs"] if each["NameModifier"] == modifier)


def codec(settings: Settings, modifier: str = "_720p") -> Settings:
    return next(v for k, v in output(settings, modifier)["VideoDescription"]["CodecSettings"].items() if k != "Codec")


def aac(settings: Settings, modifier: str = "_audio") -> Settings:
    return output(settings, modifier)["AudioDescriptions"][0]["CodecSettings"]["AacSettings"]


def cmfc(settings: Settings, modifier: str) -> Settings:
    return output(settings, modifier)["ContainerSettings"]["CmfcSettings"]


def corrector(settings: Settings, modifier: str = "_720p") -> Settings:
    return (
        output(settings, modifier)["VideoDescription"]
        .setdefault("VideoPreprocessors", {})
        .setdefault("ColorCorrector", {})
    )


def abr(settings: Settings) -> Settings:
    return group(settings)["AutomatedEncodingSettings"]["AbrSettings"]


def put(part: Callable[[Settings], Any], **values: Any) -> Callable[[Settings], None]:
    """Change members of a part of the settings; None takes one away."""

    def change(settings: Settings) -> None:
        for name, value in values.items():
            if value is None:
                part(settings).pop(name)
            else:
                part(settings)[name] = value

    return change


def twice(settings: Settings) -> None:
    group(settings)["Outputs"].append(group(settings)["Outputs"][0])


def only_poster(settings: Settings) -> None:
    del settings["OutputGroups"][0]


def another_group(settings: Settings) -> None:
    plain = {key: value for key, value in group(settings).items() if key != "AutomatedEncodingSettings"}
    settings["OutputGroups"].append(plain)


def without(modifier: str) -> Callable[[Settings], None]:
    return lambda settings: group(settings)["Outputs"].remove(output(settings, modifier))


PLAIN, LANGUAGES, SOUND = "plain-1080p30-stereo", "two-languages", "sound-alone-with-cover"
THUMBS, TITLE, AV1, HDR, SUBS = "thumbnails-portrait", "per-title", "av1-beside", "hdr10-kept-surround", "captions-608"

#: film, what is changed, words of the sentence that should be said
CASES: list[tuple[str, Callable[[Settings], Any], str]] = [
    # the model
    (PLAIN, put(codec, MaxBitrate=999), "999"),
    (PLAIN, put(codec, CodecProfile="BEST"), "BEST is none of"),
    (PLAIN, put(lambda s: codec(s)["QvbrSettings"], QvbrQualityLevelFineTune=1.5), "1.5 is out of range"),
    (LANGUAGES, put(lambda s: output(s, "_audio_fra")["AudioDescriptions"][0], StreamName="Français"), "not match"),
    (LANGUAGES, put(lambda s: output(s, "_audio_fra")["AudioDescriptions"][0], StreamName="French (CC)"), "not match"),
    (PLAIN, put(codec, Crf=22), "Unknown parameter"),
    # the input
    (SUBS, put(lambda s: s["Inputs"][0]["VideoSelector"], Rotate="AUTO"), "this one is mpegts"),
    (LANGUAGES, put(lambda s: s["Inputs"][0]["AudioSelectors"]["Audio Selector 2"], Tracks=[]), "TRACK without Tracks"),
    (SUBS, put(lambda s: s["Inputs"][0]["CaptionSelectors"], First={"SourceSettings": {"SourceType": "SRT"}}),
     "First: CaptionSelectorName"),
    (SUBS, put(lambda s: s["Inputs"][0]["CaptionSelectors"]["Caption Selector 1"]["SourceSettings"],
               EmbeddedSourceSettings={}), "captions channel number"),
    # the job
    (PLAIN, only_poster, "consist only of a frame capture"),
    (PLAIN, put(cmaf, Destination="s3://vod-outputs/a/"), "filename of the input file"),
    # groups of pictures and segments
    (PLAIN, put(codec, GopSize=48), "do not line up"),
    (PLAIN, put(cmaf, SegmentLength=3), "SegmentLength 3 is not a multiple"),
    ("scope-23976", put(cmaf, SegmentLengthControl="EXACT"), "additional I-frames"),
    (PLAIN, put(cmaf, FragmentLength=5), "fragments longer than segments"),
    ("no-audio", put(cmaf, SegmentLengthControl="MATCH"), "one video output and at least one audio output"),
    (PLAIN, put(codec, GopSize=60.5), "a whole number of frames"),
    (PLAIN, put(codec, GopClosedCadence=0), "don't set this value to 0"),
    # the rate
    (PLAIN, put(codec, MaxBitrate=None), "Required when Rate control mode is QVBR"),
    (PLAIN, put(codec, Bitrate=1_000_000), "QVBR has MaxBitrate"),
    (PLAIN, put(codec, RateControlMode="VBR"), "only when you set QVBR"),
    (PLAIN, put(codec, CodecLevel="LEVEL_3"), "no level LEVEL_3 for 1280x720 at 30"),
    (PLAIN, put(codec, MaxBitrate=400_000_000), "no level  for 1280x720"),
    ("uhd-24", put(lambda s: codec(s, "_2160p"), CodecLevel="LEVEL_4"), "no level LEVEL_4 for 3840x2160"),
    # CMAF
    (PLAIN, twice, "Name modifier is required"),
    (PLAIN, put(lambda s: output(s, "_720p")["ContainerSettings"], Container="MP4"), "holds CMFC, not MP4"),
    (PLAIN, lambda s: output(s, "_audio").update(VideoDescription=output(s, "_720p")["VideoDescription"]),
     "single video, audio, or caption"),
    (PLAIN, put(lambda s: cmfc(s, "_720p"), AudioRenditionSets="music"), "'should all match'"),
    (LANGUAGES, put(lambda s: cmfc(s, "_audio_fra"), AudioTrackType="ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT"),
     "for only one variant"),
    (LANGUAGES, put(lambda s: output(s, "_audio_fra")["AudioDescriptions"][0], StreamName="English"),
     "'MUST have different NAME"),
    ("two-languages-loudness", without("_audio_deu_surround"), "'MUST have the same set of members'"),
    (SOUND, put(lambda s: cmfc(s, "_audio"), AudioTrackType="ALTERNATE_AUDIO_AUTO_SELECT"), "no variant"),
    # pictures
    (PLAIN, put(lambda s: output(s, "_720p")["VideoDescription"], Width=1279), "1279x720 is odd"),
    (PLAIN, put(codec, EntropyEncoding="CABAC", CodecProfile="BASELINE"), "CABAC (must be"),
    (PLAIN, put(codec, ParNumerator=None), "numerator and denominator"),
    (PLAIN, lambda s: output(s, "_720p")["VideoDescription"].update(CodecSettings={"Codec": "H_264"}),
     "Required when you set Codec"),
    ("telecined-ntsc", put(lambda s: output(s, "_270p")["VideoDescription"]["VideoPreprocessors"]["Deinterlacer"],
                           Mode="INVERSE_TELECINE"), "inverse telecine"),
    (PLAIN, put(corrector, ColorSpaceConversion="FORCE_HDR10"), "these settings are required"),
    (PLAIN, put(corrector, ColorSpaceConversion="FORCE_HLG_2020"), "in 8 bit shows bands"),
    (HDR, put(lambda s: corrector(s, "_720p_hevc"), ColorSpaceConversion="FORCE_709"), "10 bit for BT.709"),
    ("download", put(lambda s: group(s)["Outputs"][0]["ContainerSettings"], Container="RAW"), "No container"),
    ("download", put(lambda s: group(s)["Outputs"][0]["ContainerSettings"], Container="CMFC"), "outside of a CMAF"),
    # HEVC and AV1
    (HDR, put(lambda s: codec(s, "_720p_hevc"), RateControlMode="CBR"), "only when you set QVBR"),
    (AV1, put(lambda s: codec(s, "_720p_av1"), GopSize=59.5), "doesn't support GOP length in seconds"),
    (AV1, put(lambda s: codec(s, "_720p_av1"), Slices=3), "must be 1, 2, 4, 8, 16, or 32"),
    (AV1, put(lambda s: output(s, "_720p_av1")["ContainerSettings"], Container="M3U8"), "AV1 in M3U8"),
    (HDR, put(lambda s: output(s, "_720p_hevc")["ContainerSettings"], Container="M3U8"), "only with CMAF or DASH"),
    # sound
    (PLAIN, put(aac, Bitrate=56_000), "not in the AAC output reference tables"),
    (PLAIN, put(aac, SampleRate=22_050), "not in the AAC output reference tables"),
    ("mono", put(aac, Bitrate=320_000), "not in the AAC output reference tables"),
    (HDR, put(lambda s: aac(s, "_audio_surround"), Bitrate=128_000), "not in the AAC output reference tables"),
    (PLAIN, put(lambda s: s["Inputs"][0], AudioSelectors=None), "silence will be inserted"),
    (LANGUAGES, put(lambda s: output(s, "_audio_fra")["AudioDescriptions"][0], LanguageCode=None), "without a lang"),
    ("two-languages-loudness", put(lambda s: aac(s, "_audio_deu"), CodingMode="CODING_MODE_AUTO"),
     "up to 5.1 audio channels"),
    # captions
    (SUBS, put(lambda s: s["Inputs"][0], CaptionSelectors=None), "Caption Selector 1 is no selector"),
    (SUBS, put(lambda s: output(s, "_captions_cc1")["CaptionDescriptions"][0]["DestinationSettings"],
               DestinationType="EMBEDDED"), "CMAF takes IMSC and WebVTT"),
    # trick play
    (THUMBS, put(cmaf, ImageBasedTrickPlay="THUMBNAIL"), "applicable when"),
    (THUMBS, put(tiles, ThumbnailWidth=100), "divisible by 8"),
    (THUMBS, put(tiles, TileHeight=100), "total tile height"),
    (THUMBS, put(tiles, ThumbnailInterval=0), "interval you specify"),
    (THUMBS, put(tiles, IntervalCadence="FOLLOW_SEGMENTATION"), "1x1 tiling"),
    # automated ABR
    (TITLE, lambda s: group(s)["Outputs"].append({**output(s, "_auto"), "NameModifier": "_two"}), "there are 2"),
    (TITLE, put(lambda s: codec(s, "_auto"), QualityTuningLevel="SINGLE_PASS_HQ"), "MULTI_PASS_HQ"),
    (TITLE, put(lambda s: output(s, "_auto")["VideoDescription"], ScalingBehavior="FIT_NO_UPSCALE"), "without upsc"),
    (TITLE, put(lambda s: codec(s, "_auto"), GopSize=60, GopSizeUnits="FRAMES"), "halves a rendition's"),
    (TITLE, put(abr, MinAbrBitrate=9_000_000), "MinAbrBitrate above"),
    (TITLE, put(abr, MaxRenditions=3), "less than or equal to Max renditions"),
    (TITLE, lambda s: abr(s)["Rules"].append({"Type": "FORCE_INCLUDE_RENDITIONS"}), "mutually exclusive"),
    (TITLE, lambda s: abr(s)["Rules"][0].update(AllowedRenditions=[]), "at least one rendition"),
    (TITLE, another_group, "all ABR output groups must use automated ABR"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "said"), CASES, ids=[f"{name}: {said}" for name, _, said in CASES])
def test_a_broken_job_is_found(name, change, said):
    request = request_of(name)
    change(request["Settings"])
    found = broken(request, FILMS[name][0].container)
    assert [sentence for sentence in found if said in sentence], found


def test_embedded_captions_need_a_container_that_has_them():
    assert any("not in the table" in sentence for sentence in broken(request_of(SUBS), "matroska"))
