"""What MediaConvert takes: a CreateJob request held against botocore's model and against its documented cross-field
rules.

In: a request, and the source's container. Out: one sentence for each thing that AWS would refuse, or do otherwise than
the planner means. Written from AWS's documents alone, and apart from pipeline/local/mediaconvert/rules.py, so that a
mistake there is not repeated here. Each rule quotes what it stands on.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

SEGMENTED = ("CMAF_GROUP_SETTINGS", "HLS_GROUP_SETTINGS", "DASH_ISO_GROUP_SETTINGS", "MS_SMOOTH_GROUP_SETTINGS")
CODEC_SETTINGS = {"H_264": "H264Settings", "H_265": "H265Settings", "AV1": "Av1Settings"}
#: User Guide, "AAC output reference tables", LC in CBR: (coding mode, sample rate) -> lowest, highest rate. 5.1 at
#: 48 kHz: the table's lower end is not certain to us, so the narrower 256,000 stands here.
AAC = {
    ("CODING_MODE_1_0", 32_000): (32_000, 192_000),
    ("CODING_MODE_1_0", 44_100): (56_000, 256_000),
    ("CODING_MODE_1_0", 48_000): (56_000, 288_000),
    ("CODING_MODE_2_0", 32_000): (40_000, 384_000),
    ("CODING_MODE_2_0", 44_100): (64_000, 512_000),
    ("CODING_MODE_2_0", 48_000): (64_000, 576_000),
    ("CODING_MODE_5_1", 48_000): (256_000, 1_024_000),
}
#: H.264 table A-1: name -> macroblocks per second, per frame, and bits per second in High profile (1.25 x MaxBR).
LEVELS = {
    "LEVEL_3": (40_500, 1_620, 12_500_000), "LEVEL_3_1": (108_000, 3_600, 17_500_000),
    "LEVEL_3_2": (216_000, 5_120, 25_000_000), "LEVEL_4": (245_760, 8_192, 25_000_000),
    "LEVEL_4_1": (245_760, 8_192, 62_500_000), "LEVEL_4_2": (522_240, 8_704, 62_500_000),
    "LEVEL_5": (589_824, 22_080, 168_750_000), "LEVEL_5_1": (983_040, 36_864, 300_000_000),
    "LEVEL_5_2": (2_073_600, 36_864, 300_000_000),
}  # fmt: skip


@functools.cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("mediaconvert").operation_model("CreateJob").input_shape


def broken(request: dict[str, Any], container: str = "mp4") -> list[str]:
    """Everything that is wrong with a request; [] where MediaConvert would take it as it is meant."""
    model = _model()
    report = ParamValidator().validate(request, model)
    if report.has_errors():
        return [report.generate_report()]
    return [*_outside_the_model(model, request), *_rules(request["Settings"], container)]


def _outside_the_model(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """botocore checks types; the service checks enumerations, ranges and patterns too, so we walk them here."""
    if shape.type_name == "structure":
        for name, item in value.items():
            yield from _outside_the_model(shape.members[name], item, f"{path}.{name}")
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from _outside_the_model(shape.member, item, f"{path}[{index}]")
    elif shape.type_name == "map":
        for name, item in value.items():
            yield from _outside_the_model(shape.value, item, f"{path}.{name}")
    elif shape.type_name == "string":
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"{path}: {value} is none of {shape.enum}"
        if "pattern" in shape.metadata and not re.search(shape.metadata["pattern"], value, re.ASCII):
            yield f"{path}: {value} does not match {shape.metadata['pattern']}"
        if not shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", len(value)):
            yield f"{path}: the length of {value}"
    elif shape.type_name == "double":
        # The range stands in the shape's name alone: __doubleMin0Max1, __doubleMinNegative59Max0.
        ends = re.fullmatch(r"__doubleMin(Negative)?(\d+)(?:Max(\d+))?", shape.name)
        if ends:
            least = int(ends.group(2)) * (-1 if ends.group(1) else 1)
            if not least <= value <= (int(ends.group(3)) if ends.group(3) else math.inf):
                yield f"{path}: {value} is out of range"
    elif not shape.metadata.get("min", value) <= value <= shape.metadata.get("max", value):
        yield f"{path}: {value} is out of range"


def _rules(settings: dict[str, Any], container: str) -> Iterator[str]:
    yield from _input_rules(settings["Inputs"][0], container)
    yield from _job_rules(settings)
    for group in settings["OutputGroups"]:
        yield from _group_rules(group)
        for output in group["Outputs"]:
            where = f"{group['Name']}{output.get('NameModifier', '')}"
            kind = group["OutputGroupSettings"]["Type"]
            yield from _container_rules(where, kind, output)
            if "VideoDescription" in output:
                yield from _video_rules(where, kind, output, "AutomatedEncodingSettings" in group)
            for description in output.get("AudioDescriptions", []):
                yield from _audio_rules(where, description, settings["Inputs"][0])
            for description in output.get("CaptionDescriptions", []):
                yield from _caption_rules(where, output, description, settings["Inputs"][0])


# --- inputs and the job ----------------------------------------------------------------------------------------------


def _input_rules(source: dict[str, Any], container: str) -> Iterator[str]:
    if source.get("VideoSelector", {}).get("Rotate") == "AUTO" and container not in ("mp4", "quicktime"):
        yield f"Rotate AUTO: 'If your input video container is .mov or .mp4', this one is {container}"
    for name, selector in source.get("AudioSelectors", {}).items():
        if not re.fullmatch(r"Audio Selector \d+", name):
            yield f"{name}: selectors are named 'Audio Selector <n>'"
        if selector.get("SelectorType") == "TRACK" and not selector.get("Tracks"):
            yield f"{name}: TRACK without Tracks"
    for name, selector in source.get("CaptionSelectors", {}).items():
        if not re.fullmatch(r"Caption Selector \d+", name):
            yield f"{name}: CaptionSelectorName 'should be of the format \"Caption Selector <n>\"'"
        embedded = selector["SourceSettings"]
        if embedded["SourceType"] == "EMBEDDED":
            if container not in ("mp4", "quicktime", "mpegts", "mxf"):
                yield f"{name}: embedded captions of {container} are not in the table of supported input captions"
            if "Source608ChannelNumber" not in embedded.get("EmbeddedSourceSettings", {}):
                yield f"{name}: converted to another format, 'specify the captions channel number'"


def _job_rules(settings: dict[str, Any]) -> Iterator[str]:
    groups = settings["OutputGroups"]
    outputs = [output for group in groups for output in group["Outputs"]]
    if outputs and all(_codec(output) == "FRAME_CAPTURE" for output in outputs):
        yield "'MediaConvert doesn't support jobs that consist only of a frame capture output'"
    segmented = [group for group in groups if group["OutputGroupSettings"]["Type"] in SEGMENTED]
    automated = [group for group in segmented if "AutomatedEncodingSettings" in group]
    if automated and len(automated) < len(segmented):
        yield "'In a job that includes an automated ABR output group, all ABR output groups must use automated ABR'"
    for group in groups:
        inner = _inner(group)
        if inner.get("Destination", "/").endswith("/"):
            yield f"{group['Name']}: 'If you do not specify the base filename ... the filename of the input file'"


def _inner(group: dict[str, Any]) -> dict[str, Any]:
    return next((value for key, value in group["OutputGroupSettings"].items() if key != "Type"), {})


def _codec(output: dict[str, Any]) -> str | None:
    return output.get("VideoDescription", {}).get("CodecSettings", {}).get("Codec")


def _codec_settings(output: dict[str, Any]) -> dict[str, Any]:
    return output["VideoDescription"]["CodecSettings"].get(CODEC_SETTINGS.get(_codec(output) or "", ""), {})


# --- groups ----------------------------------------------------------------------------------------------------------


def _group_rules(group: dict[str, Any]) -> Iterator[str]:
    kind, name = group["OutputGroupSettings"]["Type"], group["Name"]
    names = [output.get("NameModifier") for output in group["Outputs"]]
    if len(names) > 1 and (None in names or len(set(names)) < len(names)):
        yield f"{name}: 'When you create multiple outputs in the same output group, Name modifier is required'; {names}"
    if kind == "CMAF_GROUP_SETTINGS":
        yield from _segment_rules(group)
        yield from _rendition_group_rules(group)
        yield from _trick_play_rules(group)
    if "AutomatedEncodingSettings" in group:
        yield from _automated_rules(group)


def _gop_seconds(output: dict[str, Any]) -> Fraction | None:
    settings = _codec_settings(output)
    rate = Fraction(settings["FramerateNumerator"], settings["FramerateDenominator"])
    size = Fraction(str(settings["GopSize"]))
    # AV1: "Specify the GOP length in frames. With AV1, MediaConvert doesn't support GOP length in seconds."
    in_frames = _codec(output) == "AV1" or settings["GopSizeUnits"] == "FRAMES"
    return size / rate if in_frames else size


def _segment_rules(group: dict[str, Any]) -> Iterator[str]:
    """Viewers change renditions where segments begin, so all GOPs are of one length and segments whole GOPs."""
    settings, outputs = _inner(group), [output for output in group["Outputs"] if _codec(output) in CODEC_SETTINGS]
    outputs = [output for output in outputs if _codec_settings(output)]
    lengths = {_gop_seconds(output) for output in outputs}
    if len(lengths) > 1:
        yield f"GOPs of {', '.join(f'{float(length):.4f}' for length in lengths)} s do not line up"
    for length in lengths:
        count = settings["SegmentLength"] / length
        if abs(count - round(count)) > Fraction(1, 100):
            yield f"SegmentLength {settings['SegmentLength']} is not a multiple of the GOP, {float(length):.4f} s"
        # GOP_MULTIPLE: "MediaConvert will round up the segment lengths to match the next GOP boundary."
        if settings["SegmentLengthControl"] == "GOP_MULTIPLE" and math.ceil(count) != round(count):
            yield f"segments of {settings['SegmentLength']} s would be rounded up to {math.ceil(count)} GOPs"
        # EXACT: "this might result in additional I-frames in the output GOP".
        if settings["SegmentLengthControl"] == "EXACT" and count != round(count):
            yield f"exact segments of {settings['SegmentLength']} s need additional I-frames"
    if settings["SegmentLengthControl"] == "MATCH" and not (outputs and len(outputs) < len(group["Outputs"])):
        yield "MATCH: 'Include at least one video output and at least one audio output'"
    if settings.get("FragmentLength", 2) > settings["SegmentLength"]:
        yield "fragments longer than segments"


def _rendition_group_rules(group: dict[str, Any]) -> Iterator[str]:
    members: dict[str, list[tuple[str, str]]] = {}
    sounds = [output for output in group["Outputs"] if "AudioDescriptions" in output]
    for output in sounds:
        description = output["AudioDescriptions"][0]
        language = description.get("LanguageCode") or description.get("CustomLanguageCode") or ""
        kept = members.setdefault(output["ContainerSettings"]["CmfcSettings"]["AudioGroupId"], [])
        kept.append((description.get("StreamName", ""), language))
    if len({tuple(sorted(kept)) for kept in members.values()}) > 1:
        yield f"RFC 8216, 4.3.4.1.1: groups of one type 'MUST have the same set of members'; {members}"
    for name, kept in members.items():
        if len({stream for stream, _ in kept}) < len(kept):
            yield f"RFC 8216, 4.3.4.1.1: members of {name} 'MUST have different NAME attributes'; {kept}"
    kinds = [output["ContainerSettings"]["CmfcSettings"]["AudioTrackType"] for output in sounds]
    if kinds.count("ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT") > 1:
        yield "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT: 'Choose this value for only one variant in your output group'"
    has_picture = any("VideoDescription" in output for output in group["Outputs"])
    if not has_picture and "AUDIO_ONLY_VARIANT_STREAM" not in kinds:
        yield "no variant: without a picture only AUDIO_ONLY_VARIANT_STREAM is an EXT-X-STREAM-INF"
    for output in group["Outputs"]:
        if "VideoDescription" in output:
            listed = output["ContainerSettings"]["CmfcSettings"].get("AudioRenditionSets", "")
            if set(filter(None, listed.split(","))) != set(members):
                yield f"AudioRenditionSets {listed!r} 'should all match' the groups there are: {sorted(members)}"


def _trick_play_rules(group: dict[str, Any]) -> Iterator[str]:
    settings = _inner(group)
    tiles = settings.get("ImageBasedTrickPlaySettings")
    if (settings.get("ImageBasedTrickPlay", "NONE") == "ADVANCED") != bool(tiles):
        yield "ImageBasedTrickPlaySettings: 'applicable when imageBasedTrickPlay is ADVANCED'"
    if not tiles:
        return
    if tiles["ThumbnailWidth"] % 8 or tiles["ThumbnailHeight"] % 2:
        yield "ThumbnailWidth 'Must be divisible by 8', ThumbnailHeight 'Must be divisible by 2'"
    if tiles["ThumbnailHeight"] * tiles["TileHeight"] > 4096:
        yield "'a total tile height greater than 4096'"
    if tiles["IntervalCadence"] == "FOLLOW_CUSTOM" and not tiles.get("ThumbnailInterval"):
        yield "FOLLOW_CUSTOM: 'according to the interval you specify in thumbnailInterval'"
    if tiles["IntervalCadence"] == "FOLLOW_SEGMENTATION" and (tiles["TileWidth"], tiles["TileHeight"]) != (1, 1):
        yield "'FOLLOW_SEGMENTATION requires 1x1 tiling'"
    if not any("VideoDescription" in output for output in group["Outputs"]):
        yield "images of no picture"


def _automated_rules(group: dict[str, Any]) -> Iterator[str]:
    """User Guide, "Job settings limitations for automated ABR", "Applying automated ABR rules"."""
    settings = group["AutomatedEncodingSettings"]["AbrSettings"]
    pictures = [output for output in group["Outputs"] if "VideoDescription" in output]
    if len(pictures) != 1:
        yield f"'Output 1 ... represents every video rendition in your stack'; there are {len(pictures)}"
    for output in pictures:
        codec = _codec_settings(output)
        if _codec(output) not in ("H_264", "H_265"):
            yield "'Your output Video codec must be AVC (H.264) or HEVC (H.265)'"
        if codec.get("QualityTuningLevel") != "MULTI_PASS_HQ" or codec.get("RateControlMode") != "QVBR":
            yield "'you must explicitly set qualityTuningLevel to MULTI_PASS_HQ and rateControlMode to QVBR'"
        if output["VideoDescription"].get("ScalingBehavior") == "FIT_NO_UPSCALE":
            yield "'You can't use Fit without upscaling'"
        if codec.get("GopSizeUnits") == "FRAMES":
            yield "GOPs in frames do not line up when MediaConvert halves a rendition's frame rate"
    if settings["MinAbrBitrate"] > settings["MaxAbrBitrate"]:
        yield "MinAbrBitrate above MaxAbrBitrate"
    kinds = [rule["Type"] for rule in settings.get("Rules", [])]
    if {"FORCE_INCLUDE_RENDITIONS", "ALLOWED_RENDITIONS"} <= set(kinds):
        yield "'Force include and Allowed renditions are mutually exclusive'"
    for rule in settings.get("Rules", []):
        for member in ("AllowedRenditions", "ForceIncludeRenditions"):
            if len(rule.get(member, [])) > settings.get("MaxRenditions", 15):
                yield f"{member}: 'The number of resolutions must be less than or equal to Max renditions'"
        if rule["Type"] == "ALLOWED_RENDITIONS" and not rule.get("AllowedRenditions"):
            yield "'required to add at least one rendition'"


# --- outputs ---------------------------------------------------------------------------------------------------------


def _container_rules(where: str, kind: str, output: dict[str, Any]) -> Iterator[str]:
    container, codec = output["ContainerSettings"]["Container"], _codec(output)
    parts = [part for part in ("VideoDescription", "AudioDescriptions", "CaptionDescriptions") if part in output]
    if kind == "CMAF_GROUP_SETTINGS":
        if container != "CMFC":
            yield f"{where}: a CMAF group holds CMFC, not {container}"
        if len(parts) != 1 or len(output.get("AudioDescriptions", [None])) != 1:
            yield f"{where}: 'may only contain a single video, audio, or caption output'"
    elif container == "CMFC":
        yield f"{where}: CMFC outside of a CMAF group"
    if (codec == "FRAME_CAPTURE") != (container == "RAW") or (codec == "FRAME_CAPTURE" and len(parts) > 1):
        yield f"{where}: 'remove the audio component, choose No container for the container'"
    if codec == "AV1" and container not in ("CMFC", "MPD", "MP4"):
        yield f"{where}: AV1 in {container}"


def _video_rules(where: str, kind: str, output: dict[str, Any], automated: bool) -> Iterator[str]:
    video, codec = output["VideoDescription"], _codec(output)
    if video["Width"] % 2 or video["Height"] % 2:
        yield f"{where}: {video['Width']}x{video['Height']} is odd, 4:2:0 has one chroma sample for two"
    yield from _preprocessor_rules(where, video)
    if codec == "FRAME_CAPTURE":
        return
    settings = _codec_settings(output)
    if CODEC_SETTINGS[codec] not in video["CodecSettings"]:
        yield f"{where}: 'Required when you set Codec to the value {codec}'"
        return
    if settings["RateControlMode"] == "QVBR" and not automated and "MaxBitrate" not in settings:
        yield f"{where}: MaxBitrate 'Required when Rate control mode is QVBR'"
    if settings["RateControlMode"] != "QVBR" and ("QvbrSettings" in settings or codec == "AV1"):
        yield f"{where}: QvbrSettings 'only when you set QVBR for Rate control mode'; AV1 'supports only' QVBR"
    if settings["RateControlMode"] == "QVBR" and "Bitrate" in settings:
        yield f"{where}: Bitrate is 'Required for VBR and CBR', QVBR has MaxBitrate"
    if settings.get("FramerateControl") == "SPECIFIED":
        rate = Fraction(settings["FramerateNumerator"], settings["FramerateDenominator"])
        yield from _level_rules(where, codec, video, settings, rate)
        if _deinterlacer(video).get("Mode") == "INVERSE_TELECINE" and rate != Fraction(24000, 1001):
            yield f"{where}: 'when you use inverse telecine, you must still specify your output frame rate as 23.97'"
    if codec == "AV1":
        if "GopSizeUnits" in settings or settings["GopSize"] != int(settings["GopSize"]) or settings["GopSize"] <= 0:
            yield f"{where}: 'With AV1, MediaConvert doesn't support GOP length in seconds'"
        if settings.get("Slices", 1) not in (1, 2, 4, 8, 16, 32):
            yield f"{where}: Slices 'must be 1, 2, 4, 8, 16, or 32'"
        return
    if settings["GopSizeUnits"] == "FRAMES" and settings["GopSize"] != int(settings["GopSize"]):
        yield f"{where}: GopSize 'a whole number of frames or a decimal value of seconds'"
    if kind in SEGMENTED and settings.get("GopClosedCadence") == 0:
        yield f"{where}: GopClosedCadence 'for segmented outputs, don't set this value to 0'"
    if settings.get("ParControl") == "SPECIFIED" and not {"ParNumerator", "ParDenominator"} <= settings.keys():
        yield f"{where}: ParControl SPECIFIED 'must also specify values for' numerator and denominator"
    if settings.get("EntropyEncoding") == "CABAC" and settings.get("CodecProfile") == "BASELINE":
        yield f"{where}: 'CABAC (must be in Main or High profile)'"
    container = output["ContainerSettings"]["Container"]
    if "WriteMp4PackagingType" in settings and container not in ("CMFC", "MPD", "MP4"):
        yield f"{where}: WriteMp4PackagingType 'only with CMAF or DASH outputs, or ... MP4 outputs'"


def _level_rules(
    where: str, codec: str, video: dict[str, Any], settings: dict[str, Any], rate: Fraction
) -> Iterator[str]:
    """1040: "Invalid level specified for the selected framerate or resolution". AUTO finds one, if there is one."""
    if codec != "H_264":
        return
    blocks = math.ceil(video["Width"] / 16) * math.ceil(video["Height"] / 16)
    wanted = settings.get("CodecLevel", "AUTO")
    names = LEVELS if wanted == "AUTO" else {wanted: LEVELS[wanted]}
    limits = names.values()
    needed = (blocks * rate, blocks, settings.get("MaxBitrate", 0))
    if not any(all(need <= most for need, most in zip(needed, limit, strict=True)) for limit in limits):
        yield f"{where}: no level {'' if wanted == 'AUTO' else wanted} for {video['Width']}x{video['Height']} at {rate}"


def _deinterlacer(video: dict[str, Any]) -> dict[str, Any]:
    return video.get("VideoPreprocessors", {}).get("Deinterlacer", {})


def _preprocessor_rules(where: str, video: dict[str, Any]) -> Iterator[str]:
    corrector = video.get("VideoPreprocessors", {}).get("ColorCorrector", {})
    conversion = corrector.get("ColorSpaceConversion", "NONE")
    codec = video["CodecSettings"]
    ten_bit = "MAIN10" in codec.get("H265Settings", {}).get("CodecProfile", "")
    ten_bit = ten_bit or codec.get("Av1Settings", {}).get("BitDepth") == "BIT_10"
    if conversion == "FORCE_HDR10" and not {"MaxContentLightLevel", "MaxFrameAverageLightLevel"} <= set(
        corrector.get("Hdr10Metadata", {})
    ):
        yield f"{where}: 'When you set Color space conversion to HDR 10, these settings are required'"
    if conversion in ("FORCE_HDR10", "FORCE_HLG_2020") and not ten_bit:
        yield f"{where}: {conversion} in 8 bit shows bands"
    if conversion == "FORCE_709" and ten_bit:
        yield f"{where}: 10 bit for BT.709 costs bits and players"


# --- sound and captions ----------------------------------------------------------------------------------------------


def _audio_rules(where: str, description: dict[str, Any], source: dict[str, Any]) -> Iterator[str]:
    settings = description["CodecSettings"]["AacSettings"]
    ends = AAC.get((settings["CodingMode"], settings["SampleRate"]))
    if settings["CodecProfile"] != "LC" or ends is None or not ends[0] <= settings["Bitrate"] <= ends[1]:
        yield f"{where}: {settings} is not in the AAC output reference tables"
    if description.get("AudioSourceName", "Audio Selector 1") not in source.get("AudioSelectors", {}):
        yield f"{where}: {description.get('AudioSourceName')} is no selector: 'silence will be inserted'"
    if description.get("LanguageCodeControl") == "USE_CONFIGURED" and not (
        description.get("LanguageCode") or description.get("CustomLanguageCode")
    ):
        yield f"{where}: USE_CONFIGURED without a language"
    loudness = description.get("AudioNormalizationSettings")
    if loudness and loudness["Algorithm"] != "ITU_BS_1770_4" and settings["CodingMode"] not in (
        "CODING_MODE_1_0", "CODING_MODE_2_0", "CODING_MODE_5_1",
    ):  # fmt: skip
        yield f"{where}: {loudness['Algorithm']} 'Supports up to 5.1 audio channels'"


def _caption_rules(
    where: str, output: dict[str, Any], description: dict[str, Any], source: dict[str, Any]
) -> Iterator[str]:
    if description["CaptionSelectorName"] not in source.get("CaptionSelectors", {}):
        yield f"{where}: {description['CaptionSelectorName']} is no selector"
    kind = description["DestinationSettings"]["DestinationType"]
    if output["ContainerSettings"]["Container"] == "CMFC" and kind not in ("WEBVTT", "IMSC"):
        yield f"{where}: CMAF takes IMSC and WebVTT, not {kind} ('Supported captions in CMAF output container')"
