"""Jobs as other people's programs send them: the settings of AWS's documentation, SDK examples and VOD solution, and of
programs that use MediaConvert, each with where it was seen.

Written down anew from the settings, which are facts; inputs and outputs are ours. What repeats in the sources (the
console writes the same dozen H.264 settings into every job) is a dictionary here.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

from pipeline.local.mediaconvert import honoured, rules

FILM = "s3://films/film.mp4"
ROLE = "arn:aws:iam::123456789012:role/MediaConvert_Role"
GUIDE = "AWS Elemental MediaConvert User Guide"

# --- what repeats ------------------------------------------------------------------------------------------------

#: What the console exports for any H.264 output.
CONSOLE_H264 = {
    "InterlaceMode": "PROGRESSIVE", "NumberReferenceFrames": 3, "Syntax": "DEFAULT", "Softness": 0,
    "GopClosedCadence": 1, "GopSize": 90, "Slices": 1, "GopBReference": "DISABLED", "SlowPal": "DISABLED",
    "SpatialAdaptiveQuantization": "ENABLED", "TemporalAdaptiveQuantization": "ENABLED",
    "FlickerAdaptiveQuantization": "DISABLED", "EntropyEncoding": "CABAC", "FramerateControl": "INITIALIZE_FROM_SOURCE",
    "RateControlMode": "CBR", "CodecProfile": "MAIN", "Telecine": "NONE", "MinIInterval": 0,
    "AdaptiveQuantization": "HIGH", "CodecLevel": "AUTO", "FieldEncoding": "PAFF", "SceneChangeDetect": "ENABLED",
    "QualityTuningLevel": "SINGLE_PASS", "FramerateConversionAlgorithm": "DUPLICATE_DROP",
    "UnregisteredSeiTimecode": "DISABLED", "GopSizeUnits": "FRAMES", "ParControl": "INITIALIZE_FROM_SOURCE",
    "NumberBFramesBetweenReferenceFrames": 2, "RepeatPps": "DISABLED",
}  # fmt: skip
CONSOLE_VIDEO = {
    "ScalingBehavior": "DEFAULT", "TimecodeInsertion": "DISABLED", "AntiAlias": "ENABLED", "Sharpness": 50,
    "AfdSignaling": "NONE", "DropFrameTimecode": "ENABLED", "RespondToAfd": "NONE", "ColorMetadata": "INSERT",
}  # fmt: skip
CONSOLE_AAC = {
    "AudioDescriptionBroadcasterMix": "NORMAL", "Bitrate": 96000, "RateControlMode": "CBR", "CodecProfile": "LC",
    "CodingMode": "CODING_MODE_2_0", "RawFormat": "NONE", "SampleRate": 48000, "Specification": "MPEG4",
}  # fmt: skip
CONSOLE_TS = {
    "AudioFramesPerPes": 4, "PcrControl": "PCR_EVERY_PES_PACKET", "PmtPid": 480, "PrivateMetadataPid": 503,
    "ProgramNumber": 1, "PatInterval": 0, "PmtInterval": 0, "Scte35Source": "NONE", "Scte35Pid": 500,
    "TimedMetadata": "NONE", "TimedMetadataPid": 502, "VideoPid": 481, "AudioPids": [*range(482, 493)],
}  # fmt: skip
CONSOLE_HLS = {
    "ManifestDurationFormat": "INTEGER", "SegmentLength": 10, "TimedMetadataId3Period": 10,
    "CaptionLanguageSetting": "OMIT", "TimedMetadataId3Frame": "PRIV", "CodecSpecification": "RFC_4281",
    "OutputSelection": "MANIFESTS_AND_SEGMENTS", "ProgramDateTimePeriod": 600, "MinSegmentLength": 0,
    "DirectoryStructure": "SINGLE_DIRECTORY", "ProgramDateTime": "EXCLUDE", "SegmentControl": "SEGMENTED_FILES",
    "ManifestCompression": "NONE", "ClientCache": "ENABLED", "StreamInfResolution": "INCLUDE",
}  # fmt: skip
CONSOLE_MP4 = {"CslgAtom": "INCLUDE", "FreeSpaceBox": "EXCLUDE", "MoovPlacement": "PROGRESSIVE_DOWNLOAD"}
CONSOLE_INPUT = {
    "VideoSelector": {"ColorSpace": "FOLLOW"}, "FilterEnable": "AUTO", "PsiControl": "USE_PSI", "FilterStrength": 0,
    "DeblockFilter": "DISABLED", "DenoiseFilter": "DISABLED", "TimecodeSource": "EMBEDDED",
}  # fmt: skip
TRACK = {"Offset": 0, "SelectorType": "TRACK", "ProgramSelection": 1}
TWO_TRACKS = {
    "Audio Selector 1": {**TRACK, "Tracks": [1], "DefaultSelection": "DEFAULT"},
    "Audio Selector 2": {**TRACK, "Tracks": [2], "DefaultSelection": "NOT_DEFAULT"},
}
SPECIFIED_PAR = {"ParControl": "SPECIFIED", "ParNumerator": 1, "ParDenominator": 1}


def source(selectors: Any = None, **more: Any) -> dict[str, Any]:
    selectors = selectors or {"Audio Selector 1": {**TRACK, "Tracks": [1], "DefaultSelection": "DEFAULT"}}
    return {"FileInput": FILM, **CONSOLE_INPUT, "AudioSelectors": selectors, **more}


def h264(base: dict[str, Any] = CONSOLE_H264, **settings: Any) -> dict[str, Any]:
    return {"Codec": "H_264", "H264Settings": {**base, **settings}}


def picture(codec: dict[str, Any], base: dict[str, Any] = CONSOLE_VIDEO, **description: Any) -> dict[str, Any]:
    return {**base, **description, "CodecSettings": codec}


def aac(base: dict[str, Any] = CONSOLE_AAC, description: dict[str, Any] | None = None, **aac: Any) -> dict[str, Any]:
    console = {"AudioTypeControl": "FOLLOW_INPUT", "LanguageCodeControl": "FOLLOW_INPUT"}
    codec = {"Codec": "AAC", "AacSettings": {**base, **aac}}
    return {**(console if description is None else description), "CodecSettings": codec}


def group(kind: str, destination: str, *outputs: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """`kind`: "Hls", "File", "DashIso", "Cmaf"."""
    types = {"Hls": "HLS", "File": "FILE", "DashIso": "DASH_ISO", "Cmaf": "CMAF"}
    own = {"Destination": f"s3://out/{destination}", **settings}
    return {
        "OutputGroupSettings": {"Type": f"{types[kind]}_GROUP_SETTINGS", f"{kind}GroupSettings": own},
        "Outputs": list(outputs),
    }


def output(container: str, modifier: str | None = None, **parts: Any) -> dict[str, Any]:
    settings = {"M3U8": "M3u8Settings", "MP4": "Mp4Settings", "MPD": "MpdSettings", "CMFC": "CmfcSettings"}
    inside = parts.pop("inside", None)
    name = {} if modifier is None else {"NameModifier": modifier}
    own = {} if inside is None else {settings[container]: inside}
    return {"ContainerSettings": {"Container": container, **own}, **name, **parts}


def thumbnails(destination: str, every: int, at_most: int, **description: Any) -> dict[str, Any]:
    frames = {"FramerateNumerator": 1, "FramerateDenominator": every, "MaxCaptures": at_most, "Quality": 80}
    codec = {"Codec": "FRAME_CAPTURE", "FrameCaptureSettings": frames}
    video = picture(codec, **description)
    return group("File", destination, output("RAW", "_thumb", VideoDescription=video))


def refusals(request: dict[str, Any]) -> list[str]:
    """Everything that CreateJob would say no to, in its order."""
    return [*map(str, rules.violations(request)), *honoured.refusals(request)]


# --- the jobs ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Example:
    """A CreateJob request, without its role, and where its like was seen."""

    name: str
    seen: str
    settings: dict[str, Any]
    request: dict[str, Any] = dataclasses.field(default_factory=dict)

    def as_request(self) -> dict[str, Any]:
        return copy.deepcopy({"Role": ROLE, "Settings": self.settings, **self.request})


def guide_mp4() -> dict[str, Any]:
    codec = h264(
        CodecProfile="HIGH", GopSize=48, Bitrate=4500000, FramerateControl="SPECIFIED", FramerateNumerator=24000,
        FramerateDenominator=1001, CodecLevel="LEVEL_4_1", QualityTuningLevel="SINGLE_PASS_HQ", HrdBufferSize=9000000,
        HrdBufferInitialFillPercentage=90, NumberBFramesBetweenReferenceFrames=3,
    )  # fmt: skip
    film = output(
        "MP4", inside=CONSOLE_MP4, AudioDescriptions=[aac()],
        VideoDescription=picture(codec, Width=1920, Height=1080),
    )  # fmt: skip
    return {
        "OutputGroups": [{"Name": "File Group", **group("File", "guide/mp4", film)}],
        "AdAvailOffset": 0,
        "Inputs": [source(TWO_TRACKS)],
    }


def guide_hls() -> dict[str, Any]:
    high = h264(
        {}, InterlaceMode="PROGRESSIVE", NumberReferenceFrames=3, Softness=0, GopClosedCadence=1, GopSize=90, Slices=1,
        HrdBufferSize=12500000, SpatialAdaptiveQuantization="ENABLED", TemporalAdaptiveQuantization="DISABLED",
        FlickerAdaptiveQuantization="DISABLED", EntropyEncoding="CABAC", Bitrate=8500000, FramerateControl="SPECIFIED",
        FramerateNumerator=30000, FramerateDenominator=1001, RateControlMode="CBR", CodecProfile="HIGH",
        Telecine="NONE", MinIInterval=0, AdaptiveQuantization="MEDIUM", CodecLevel="LEVEL_4",
        SceneChangeDetect="ENABLED", QualityTuningLevel="SINGLE_PASS_HQ", GopSizeUnits="FRAMES", **SPECIFIED_PAR,
        NumberBFramesBetweenReferenceFrames=3, HrdBufferInitialFillPercentage=90, Syntax="DEFAULT",
    )  # fmt: skip
    deinterlace = {"Deinterlacer": {"Algorithm": "INTERPOLATE", "Mode": "DEINTERLACE"}}
    few = {"AfdSignaling": "NONE", "DropFrameTimecode": "ENABLED", "RespondToAfd": "NONE", "ColorMetadata": "INSERT"}
    plain = {"AudioTypeControl": "FOLLOW_INPUT", "AudioSourceName": "Audio Selector 1"}
    first = output(
        "M3U8", "_high", inside={**CONSOLE_TS, "AudioFramesPerPes": 2, "PatInterval": 100, "PmtInterval": 100},
        VideoDescription=picture(
            high, few, Width=1920, Height=1080, VideoPreprocessors=deinterlace, AntiAlias="ENABLED", Sharpness=100
        ),
        AudioDescriptions=[aac(description={**plain, "LanguageCodeControl": "FOLLOW_INPUT"}, Bitrate=128000)],
    )  # fmt: skip

    def lower(modifier: str, width: int, height: int, sharpness: int, **codec: Any) -> dict[str, Any]:
        groups = {"AudioGroupId": "program_audio", "AudioRenditionSets": "program_audio"}
        return output(
            "M3U8", modifier, inside=CONSOLE_TS, AudioDescriptions=[aac()],
            VideoDescription=picture(h264(**codec), Width=width, Height=height, Sharpness=sharpness),
            OutputSettings={"HlsSettings": {**groups, "IFrameOnlyManifest": "EXCLUDE"}},
        )  # fmt: skip

    outputs = [
        first,
        lower("_med", 1280, 720, 50, Bitrate=7500000),
        lower("_low", 960, 540, 100, Bitrate=3500000, CodecLevel="LEVEL_3_1", QualityTuningLevel="SINGLE_PASS_HQ"),
    ]
    return {
        "OutputGroups": [{"Name": "Apple HLS", **group("Hls", "guide/hls1/master", *outputs, **CONSOLE_HLS)}],
        "AdAvailOffset": 0,
        "Inputs": [source(TWO_TRACKS)],
    }


def guide_accelerated() -> dict[str, Any]:
    hevc = {
        "InterlaceMode": "PROGRESSIVE", **SPECIFIED_PAR, "NumberReferenceFrames": 3, "FramerateDenominator": 1001,
        "GopClosedCadence": 1, "AlternateTransferFunctionSei": "DISABLED", "HrdBufferInitialFillPercentage": 90,
        "GopSize": 48, "Slices": 4, "GopBReference": "ENABLED", "HrdBufferSize": 20000000, "SlowPal": "DISABLED",
        "SpatialAdaptiveQuantization": "ENABLED", "TemporalAdaptiveQuantization": "ENABLED",
        "FlickerAdaptiveQuantization": "DISABLED", "Bitrate": 10000000, "FramerateControl": "INITIALIZE_FROM_SOURCE",
        "RateControlMode": "CBR", "CodecProfile": "MAIN_MAIN", "Tiles": "ENABLED", "Telecine": "NONE",
        "FramerateNumerator": 24000, "MinIInterval": 0, "AdaptiveQuantization": "HIGH", "CodecLevel": "LEVEL_5",
        "SceneChangeDetect": "ENABLED", "QualityTuningLevel": "SINGLE_PASS_HQ",
        "FramerateConversionAlgorithm": "DUPLICATE_DROP", "UnregisteredSeiTimecode": "DISABLED",
        "GopSizeUnits": "FRAMES", "NumberBFramesBetweenReferenceFrames": 3, "TemporalIds": "DISABLED",
        "SampleAdaptiveOffsetFilterMode": "ADAPTIVE",
    }  # fmt: skip
    burnin = {"TimecodeBurnin": {"FontSize": 32, "Position": "TOP_CENTER"}}
    video = picture({"Codec": "H_265", "H265Settings": hevc}, Width=1280, Height=720, VideoPreprocessors=burnin)
    film = output(
        "MP4", "1280x720", inside={"CslgAtom": "EXCLUDE", "FreeSpaceBox": "EXCLUDE", "MoovPlacement": "NORMAL"},
        VideoDescription=video, AudioDescriptions=[{**aac(Bitrate=160000), "AudioType": 0}], Extension="mp4",
    )  # fmt: skip
    selector = {"Audio Selector 1": {"Offset": 0, "DefaultSelection": "DEFAULT", "ProgramSelection": 1}}
    clip = [{"StartTimecode": "00:00:00:00", "EndTimecode": "01:00:00:00"}]
    return {
        "TimecodeConfig": {"Source": "ZEROBASED"},
        "OutputGroups": [{"Name": "File Group", **group("File", "guide/accelerated/", film)}],
        "AdAvailOffset": 0,
        "Inputs": [source(selector, TimecodeSource="ZEROBASED", InputClippings=clip)],
    }


def sdk_javascript() -> dict[str, Any]:
    codec = h264(
        Bitrate=5000000, FramerateControl="SPECIFIED", FramerateNumerator=30, FramerateDenominator=1, **SPECIFIED_PAR
    )
    sound = {**aac(Bitrate=64000), "AudioSourceName": "Audio Selector 1"}
    film = output(
        "MP4", "_1", inside=CONSOLE_MP4, VideoDescription=picture(codec), AudioDescriptions=[sound]
    )  # fmt: skip
    return {
        "OutputGroups": [{"Name": "File Group", **group("File", "sdk/", film)}],
        "AdAvailOffset": 0,
        "Inputs": [source()],
        "TimecodeConfig": {"Source": "EMBEDDED"},
    }


def simple_workflow() -> dict[str, Any]:
    hls = {"AudioGroupId": "program_audio", "AudioRenditionSets": "program_audio", "IFrameOnlyManifest": "EXCLUDE"}

    def rung(width: int, height: int, bitrate: int) -> dict[str, Any]:
        return output(
            "M3U8", f"_{height}", inside=CONSOLE_TS, AudioDescriptions=[aac()],
            VideoDescription=picture(h264(Bitrate=bitrate), Width=width, Height=height),
            OutputSettings={"HlsSettings": {**hls, "SegmentModifier": "$dt$"}},
        )  # fmt: skip

    rungs = rung(640, 360, 1000000), rung(960, 540, 2000000), rung(1280, 720, 3000000)
    film = output(
        "MP4", inside=CONSOLE_MP4, AudioDescriptions=[aac()],
        VideoDescription=picture(h264(Bitrate=3000000), Width=1280, Height=720),
    )  # fmt: skip
    return {
        "OutputGroups": [
            {"CustomName": "HLS", "Name": "Apple HLS", **group("Hls", "simple/HLS/", *rungs, **CONSOLE_HLS)},
            {"CustomName": "MP4", "Name": "File Group", **group("File", "simple/MP4/", film)},
            {"CustomName": "Thumbnails", "Name": "File Group", **thumbnails("simple/Thumbnails/", 5, 500)},
        ],
        "AdAvailOffset": 0,
        "Inputs": [source({"Audio Selector 1": {**TRACK, "Tracks": [1], "DefaultSelection": "NOT_DEFAULT"}})],
    }


#: (width, height, MaxBitrate, QVBR level, audio bitrate): the rungs of the solution's six installed templates.
VOD_LADDER = (
    (480, 270, 400000, 7, 64000), (640, 360, 1500000, 7, 64000), (960, 540, 3500000, 8, 96000),
    (1280, 720, 6000000, 8, 96000), (1920, 1080, 8500000, 9, 128000),
)  # fmt: skip


def vod_rung(width: int, height: int, bitrate: int, level: int, sound: int, profile: str = "LC") -> dict[str, Any]:
    codec = h264(
        CodecProfile="HIGH", GopSize=3, GopSizeUnits="SECONDS", GopBReference="ENABLED", RateControlMode="QVBR",
        FlickerAdaptiveQuantization="ENABLED", MaxBitrate=bitrate, QvbrSettings={"QvbrQualityLevel": level},
        HrdBufferSize=bitrate * 5 // 2, HrdBufferInitialFillPercentage=90, AdaptiveQuantization="MEDIUM",
        QualityTuningLevel="SINGLE_PASS_HQ", **SPECIFIED_PAR, NumberBFramesBetweenReferenceFrames=5,
        DynamicSubGop="ADAPTIVE",
    )  # fmt: skip
    codec["H264Settings"].pop("Softness")
    codec["H264Settings"].pop("CodecLevel")
    described = {**aac(Bitrate=sound, CodecProfile=profile), "AudioSourceName": "Audio Selector 1", "AudioType": 0}
    pids = {**CONSOLE_TS, "AudioPids": [*range(482, 499)]}
    for name in ("Scte35Source", "Scte35Pid", "TimedMetadata", "TimedMetadataPid"):
        pids.pop(name)
    return output(
        "M3U8", f"_Ott_Hls_Ts_Avc_Aac_16x9_{width}x{height}p", inside=pids, AudioDescriptions=[described],
        VideoDescription=picture(codec, Width=width, Height=height, Sharpness=100),
    )  # fmt: skip


def vod_solution(**more: Any) -> dict[str, Any]:
    """As the solution's encode function sends it: the template's group with a destination and a segment length."""
    selectors = {"Audio Selector 1": {**TRACK, "Tracks": [1], "DefaultSelection": "NOT_DEFAULT"}}
    selector = {"ColorSpace": "FOLLOW", "Rotate": "DEGREE_0"}
    rungs = [vod_rung(*rung) for rung in VOD_LADDER]
    hls = group("Hls", "vod/hls/", *rungs, SegmentLength=3, MinSegmentLength=0)
    return {
        "TimecodeConfig": {"Source": "ZEROBASED"},
        "OutputGroups": [{"Name": "HLS Group", **hls}],
        "Inputs": [source(selectors, VideoSelector=selector, TimecodeSource="ZEROBASED")],
        **more,
    }


def vod_solution_old() -> dict[str, Any]:
    """Version 5: an MP4 that says almost nothing, HE-AAC in the small rungs, and a frame capture group."""
    few = {
        "MaxBitrate": 50000000, "RateControlMode": "QVBR", "QvbrSettings": {"QvbrQualityLevel": 10},
        "SceneChangeDetect": "TRANSITION_DETECTION", "QualityTuningLevel": "SINGLE_PASS_HQ",
    }  # fmt: skip
    mp4 = output(
        "MP4", "_original", inside={},
        VideoDescription={"VideoPreprocessors": {"Deinterlacer": {}}, "CodecSettings": h264({}, **few)},
        AudioDescriptions=[aac({"Bitrate": 96000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48000}, {})],
    )  # fmt: skip
    rungs = [vod_rung(*VOD_LADDER[0], profile="HEV1"), vod_rung(*VOD_LADDER[2])]
    settings = vod_solution()
    settings["OutputGroups"] = [
        {"Name": "File Group", **group("File", "old/mp4/", mp4)},
        {"Name": "HLS Group", **group("Hls", "old/hls/", *rungs, SegmentLength=5, MinSegmentLength=0)},
        {
            "CustomName": "Frame Capture",
            "Name": "File Group",
            **thumbnails("old/thumbnails/", 5, 10_000_000, Sharpness=100, Width=960, Height=540),
        },
    ]
    return settings


def lambda_function() -> dict[str, Any]:
    """By hand, from the API reference: as little as boto3 takes."""
    bare = {"Bitrate": 128000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48000}

    def rung(width: int, height: int, bitrate: int) -> dict[str, Any]:
        codec = h264(
            {}, Bitrate=bitrate, RateControlMode="CBR", QualityTuningLevel="SINGLE_PASS_HQ", CodecProfile="HIGH",
            CodecLevel="AUTO",
        )  # fmt: skip
        video = {"Width": width, "Height": height, "CodecSettings": codec}
        return output("M3U8", f"_{height}p", inside={}, VideoDescription=video, AudioDescriptions=[aac(bare, {})])

    mp4 = h264({}, Bitrate=2500000, RateControlMode="CBR", QualityTuningLevel="SINGLE_PASS_HQ")
    film = output(
        "MP4", "_720p", inside={}, AudioDescriptions=[aac(bare, {})],
        VideoDescription={"Width": 1280, "Height": 720, "CodecSettings": mp4},
    )  # fmt: skip
    thumbs = thumbnails("lambda/thumb/", 30, 5)
    thumbs["Outputs"][0]["VideoDescription"] = {
        "Width": 1280,
        "Height": 720,
        "CodecSettings": thumbs["Outputs"][0]["VideoDescription"]["CodecSettings"],
    }
    hls = {name: CONSOLE_HLS[name] for name in ("SegmentLength", "MinSegmentLength", "SegmentControl")}
    hls |= {name: CONSOLE_HLS[name] for name in ("ManifestDurationFormat", "OutputSelection")}
    rungs = rung(1920, 1080, 5000000), rung(1280, 720, 2500000), rung(854, 480, 1000000), rung(640, 360, 600000)
    return {
        "Inputs": [
            {
                "FileInput": FILM,
                "AudioSelectors": {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}},
                "VideoSelector": {},
                "TimecodeSource": "ZEROBASED",
            }
        ],
        "OutputGroups": [
            {"Name": "HLS Group", **group("Hls", "lambda/hls/", *rungs, **hls)},
            {"Name": "MP4 Download", **group("File", "lambda/mp4/", film)},
            {"Name": "Thumbnails", **thumbs},
        ],
    }


def automated_abr() -> dict[str, Any]:
    """Automated ABR as the guide describes it: one output for the picture, QVBR, multi-pass, no bitrate."""
    codec = h264(
        {}, RateControlMode="QVBR", QualityTuningLevel="MULTI_PASS_HQ", SceneChangeDetect="TRANSITION_DETECTION"
    )
    video = output("M3U8", "_video", inside={}, VideoDescription={"CodecSettings": codec})
    sound = output("M3U8", "_audio", inside={}, AudioDescriptions=[{**aac(), "AudioSourceName": "Audio Selector 1"}])
    hls = {"Name": "Apple HLS", **group("Hls", "abr/hls/", video, sound, SegmentLength=10, MinSegmentLength=0)}
    hls["AutomatedEncodingSettings"] = {
        "AbrSettings": {"MaxRenditions": 6, "MaxAbrBitrate": 8000000, "MinAbrBitrate": 600000}
    }
    return {"TimecodeConfig": {"Source": "ZEROBASED"}, "OutputGroups": [hls], "Inputs": [source()]}


def cmaf_console() -> dict[str, Any]:
    """A CMAF group as the console exports it: QVBR rungs, sound of its own, I-frame playlists."""
    settings = {
        "WriteHlsManifest": "ENABLED", "WriteDashManifest": "ENABLED", "SegmentLength": 6, "FragmentLength": 2,
        "SegmentControl": "SEGMENTED_FILES", "MpdProfile": "MAIN_PROFILE", "StreamInfResolution": "INCLUDE",
        "ClientCache": "ENABLED", "ManifestDurationFormat": "FLOATING_POINT", "CodecSpecification": "RFC_4281",
        "ManifestCompression": "NONE",
    }  # fmt: skip

    def rung(width: int, height: int, bitrate: int) -> dict[str, Any]:
        codec = h264(
            {}, RateControlMode="QVBR", MaxBitrate=bitrate, SceneChangeDetect="TRANSITION_DETECTION",
            QualityTuningLevel="SINGLE_PASS_HQ", GopSize=2, GopSizeUnits="SECONDS",
        )  # fmt: skip
        video = {"Width": width, "Height": height, "CodecSettings": codec}
        return output("CMFC", f"_{height}", inside={"IFrameOnlyManifest": "INCLUDE"}, VideoDescription=video)

    bare = {"Bitrate": 128000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48000}
    sound = output("CMFC", "_audio", inside={}, AudioDescriptions=[aac(bare, {"AudioSourceName": "Audio Selector 1"})])
    outputs = rung(1280, 720, 3000000), rung(640, 360, 900000), sound
    return {
        "TimecodeConfig": {"Source": "ZEROBASED"},
        "OutputGroups": [{"Name": "CMAF", **group("Cmaf", "cmaf/film", *outputs, **settings)}],
        "Inputs": [source(TimecodeSource="ZEROBASED")],
    }


def dash_console() -> dict[str, Any]:
    settings = {"SegmentLength": 30, "FragmentLength": 3, "SegmentControl": "SINGLE_FILE", "MpdProfile": "MAIN_PROFILE"}
    codec = h264({}, RateControlMode="QVBR", MaxBitrate=3000000, GopSize=3, GopSizeUnits="SECONDS")
    video = output("MPD", "_720", VideoDescription={"Width": 1280, "Height": 720, "CodecSettings": codec})
    sound = output("MPD", "_audio", AudioDescriptions=[aac()])
    return {
        "OutputGroups": [{"Name": "DASH ISO", **group("DashIso", "dash/film", video, sound, **settings)}],
        "Inputs": [source()],
    }


def audio_only() -> dict[str, Any]:
    """From a migration off Elastic Transcoder: sound alone, as an MP4 with the extension m4a."""
    film = output("MP4", "_audio", inside={}, AudioDescriptions=[aac(Bitrate=128000)], Extension="m4a")
    return {
        "OutputGroups": [{"Name": "File Group", **group("File", "audio/", film)}],
        "Inputs": [source()],
    }


def step_functions() -> dict[str, Any]:
    """The smallest of all, printed where a state machine's task for MediaConvert is explained."""
    codec = h264({}, MaxBitrate=1000, RateControlMode="QVBR", SceneChangeDetect="TRANSITION_DETECTION")
    bare = {"Bitrate": 96000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48000}
    film = output("MP4", VideoDescription={"CodecSettings": codec}, AudioDescriptions=[aac(bare, {})])
    selectors = {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}}
    return {
        "OutputGroups": [group("File", "states/", film)],
        "Inputs": [{"FileInput": FILM, "AudioSelectors": selectors}],
    }


def sdk_java() -> dict[str, Any]:
    hls = {**CONSOLE_HLS, "SegmentLength": 4, "MinFinalSegmentLength": 0.0}

    def codec(bitrate: int, level: int) -> dict[str, Any]:
        return h264(
            RateControlMode="QVBR", QvbrSettings={"QvbrQualityLevel": level}, MaxBitrate=bitrate, GopSize=2.0,
            GopSizeUnits="SECONDS", DynamicSubGop="STATIC",
        )  # fmt: skip

    def rung(name: str, width: int, height: int, bitrate: int, level: int) -> dict[str, Any]:
        hls_settings = {"SegmentModifier": "_$dt$", "AudioGroupId": "program_audio", "IFrameOnlyManifest": "EXCLUDE"}
        return output(
            "M3U8", f"_{name}", inside={**CONSOLE_TS, "NielsenId3": "NONE"}, AudioDescriptions=[aac()],
            VideoDescription=picture(codec(bitrate, level), Width=width, Height=height),
            OutputSettings={"HlsSettings": hls_settings},
        )  # fmt: skip

    rungs = (
        rung("low", 640, 360, 750000, 7),
        rung("medium", 1280, 720, 1200000, 7),
        rung("high", 1920, 1080, 3500000, 8),
    )
    film = output(
        "MP4", AudioDescriptions=[aac(Bitrate=160000, SampleRate=44100)], Extension="mp4",
        VideoDescription=picture(codec(2400000, 8), Width=1280, Height=720),
    )  # fmt: skip
    thumbs = thumbnails("java/thumbs/", 1, 10_000_000)
    thumbs["Outputs"][0]["Extension"] = "jpg"
    selectors = {"Audio Selector 1": {"DefaultSelection": "DEFAULT", "Offset": 0}}
    return {
        "OutputGroups": [
            {"Name": "Apple HLS", "CustomName": "Example", **group("Hls", "java/index", *rungs, **hls)},
            {"Name": "File Group", "CustomName": "thumbs", **thumbs},
            {"Name": "File Group", "CustomName": "mp4", **group("File", "java/mp4/", film)},
        ],
        "Inputs": [source(selectors, VideoSelector={"ColorSpace": "FOLLOW", "Rotate": "DEGREE_0"})],
    }


SOLUTION = "Video on Demand on AWS (aws-solutions-library-samples)"
EXAMPLES = (
    Example("One MP4, CBR", f"{GUIDE}, Example job settings, mp4 output", guide_mp4()),
    Example("HLS of three rungs, CBR", f"{GUIDE}, Example job settings, ABR output", guide_hls()),
    Example(
        "HEVC in MP4, accelerated",
        f"{GUIDE}, Example accelerated transcoding JSON job",
        guide_accelerated(),
        {"AccelerationSettings": {"Mode": "ENABLED"}, "UserMetadata": {"job": "Acceleration"}},
    ),
    Example("Automated ABR in HLS", f"{GUIDE}, Automated ABR (its settings; no example is printed)", automated_abr()),
    Example(
        "One MP4 of the source's size",
        "aws-doc-sdk-examples, javascriptv3 emc_createjob.js",
        sdk_javascript(),
        {"UserMetadata": {"Customer": "Amazon"}},
    ),
    Example("HLS, thumbnails and MP4, QVBR", "aws-doc-sdk-examples, javav2 CreateJob.java", sdk_java()),
    Example("One MP4, hardly described", "AWS Step Functions Developer Guide, createJob.sync", step_functions()),
    Example(
        "HLS, MP4 and thumbnails",
        "aws-media-services-simple-vod-workflow, 7-MediaConvertJobLambda/job.json",
        simple_workflow(),
    ),
    Example(
        "HLS of five rungs, QVBR",
        f"{SOLUTION}, 1080p_avc_aac_16x9_qvbr",
        vod_solution(),
        {"AccelerationSettings": {"Mode": "PREFERRED"}, "StatusUpdateInterval": "SECONDS_60", "Priority": 0},
    ),
    Example(
        "MP4, HLS with HE-AAC, thumbnails", f"{SOLUTION} v5, 1080p_avc_aac_16x9_qvbr_no_preset", vod_solution_old()
    ),
    Example("HLS, MP4 and thumbnails, written by hand", "a Lambda function that calls boto3", lambda_function()),
    Example("CMAF with HLS and DASH", "the console's CMAF output group", cmaf_console()),
    Example("DASH ISO in single files", "the console's DASH ISO output group", dash_console()),
    Example("Sound alone", "migrate-workflow-from-amazon-elastic-transcoder (aws-samples)", audio_only()),
)
