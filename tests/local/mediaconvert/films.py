"""Films for the engine's tests, made by ffmpeg's own generators when a test asks for them, and jobs to do with them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert import ffmpeg

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size={size}:rate={rate}:duration={seconds}")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration={seconds}")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def make(path: Path, *arguments: str, size: str = "320x180", rate: str = "25", seconds: float = 2) -> Path:
    """Run ffmpeg with these arguments; {size}, {rate} and {seconds} are filled in. The film is made once."""
    if not path.exists():
        words = [argument.format(size=size, rate=rate, seconds=seconds) for argument in arguments]
        command = [ffmpeg.ffmpeg_path(), "-nostdin", "-v", "error", "-y", *words, str(path)]
        subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)
    return path


def plain(folder: Path, name: str = "plain.mp4", **how: Any) -> Path:
    return make(folder / name, *PICTURE, *SOUND, *X264, "-g", "25", "-c:a", "aac", "-movflags", "+faststart", **how)


def silent(folder: Path, name: str = "silent.mp4", **how: Any) -> Path:
    return make(folder / name, *PICTURE, *X264, **how)


def truncated(film: Path, name: str, share: float = 0.5) -> Path:
    path = film.with_name(name)
    path.write_bytes(film.read_bytes()[: int(film.stat().st_size * share)])
    return path


def rung(modifier: str, width: int, height: int, **more: Any) -> dict[str, Any]:
    """A video output. `more` goes into the H264Settings but for `description`, which goes into the VideoDescription."""
    description = more.pop("description", {})
    cmfc = {"IFrameOnlyManifest": "INCLUDE"} | more.pop("cmfc", {})
    h264 = {
        "RateControlMode": "QVBR",
        "QvbrSettings": {"QvbrQualityLevel": 7},
        "MaxBitrate": 1_000_000,
        "QualityTuningLevel": "SINGLE_PASS",
        "CodecProfile": "HIGH",
        "FramerateControl": "SPECIFIED",
        "FramerateNumerator": 25,
        "FramerateDenominator": 1,
        "GopSize": 1,
        "GopSizeUnits": "SECONDS",
        "ParControl": "SPECIFIED",
        "ParNumerator": 1,
        "ParDenominator": 1,
    }
    return {
        "NameModifier": modifier,
        "ContainerSettings": {"Container": "CMFC", "CmfcSettings": cmfc},
        "VideoDescription": {
            "Width": width,
            "Height": height,
            **description,
            "CodecSettings": {"Codec": "H_264", "H264Settings": h264 | more},
        },
    }


def hevc_rung(modifier: str, width: int, height: int, **more: Any) -> dict[str, Any]:
    output = rung(modifier, width, height, **{"CodecProfile": "MAIN_MAIN", "WriteMp4PackagingType": "HVC1"} | more)
    settings = output["VideoDescription"]["CodecSettings"].pop("H264Settings")
    output["VideoDescription"]["CodecSettings"] = {"Codec": "H_265", "H265Settings": settings}
    return output


def av1_rung(modifier: str, width: int, height: int, **more: Any) -> dict[str, Any]:
    output = rung(modifier, width, height, **{"GopSize": 25} | more)
    settings = output["VideoDescription"]["CodecSettings"].pop("H264Settings")
    for name in ("QualityTuningLevel", "CodecProfile", "GopSizeUnits", "ParControl", "ParNumerator", "ParDenominator"):
        settings.pop(name)
    output["VideoDescription"]["CodecSettings"] = {"Codec": "AV1", "Av1Settings": settings}
    return output


def sound(modifier: str = "_audio", coding_mode: str = "CODING_MODE_2_0", **description: Any) -> dict[str, Any]:
    aac = {"Bitrate": 96_000, "CodingMode": coding_mode, "SampleRate": 48_000}
    return {
        "NameModifier": modifier,
        "ContainerSettings": {"Container": "CMFC", "CmfcSettings": {"AudioGroupId": "audio"}},
        "AudioDescriptions": [{**description, "CodecSettings": {"Codec": "AAC", "AacSettings": aac}}],
    }


def movie(modifier: str, width: int, height: int, **more: Any) -> dict[str, Any]:
    """A file group with one MP4, picture and sound."""
    output = rung(modifier, width, height, **more) | {"AudioDescriptions": sound()["AudioDescriptions"]}
    output["ContainerSettings"] = {"Container": "MP4", "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"}}
    settings = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": "s3://out/v/film"}}
    return {"Name": "Download", "OutputGroupSettings": settings, "Outputs": [output]}


def hls_rung(
    modifier: str, width: int, height: int, sounds: bool = True, hls: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A picture in a transport stream, with its sound unless `sounds` is False."""
    output = rung(modifier, width, height, **more)
    output["ContainerSettings"] = {"Container": "M3U8", "M3u8Settings": {"VideoPid": 481, "AudioPids": [482, 483]}}
    output["OutputSettings"] = {"HlsSettings": {"IFrameOnlyManifest": "INCLUDE"} | (hls or {})}
    return output | ({"AudioDescriptions": sound()["AudioDescriptions"]} if sounds else {})


def hls_sound(modifier: str) -> dict[str, Any]:
    output = sound(modifier)
    output["ContainerSettings"] = {"Container": "M3U8", "M3u8Settings": {}}
    output["OutputSettings"] = {"HlsSettings": {"AudioGroupId": "aac"}}
    return output


def hls(*outputs: dict[str, Any], **settings: Any) -> dict[str, Any]:
    fixed = {"Destination": "s3://out/h/ts", "SegmentLength": 2, "MinSegmentLength": 0}
    kind = {"Type": "HLS_GROUP_SETTINGS", "HlsGroupSettings": fixed | settings}
    return {"Name": "Transport streams", "OutputGroupSettings": kind, "Outputs": [*outputs]}


def dash() -> dict[str, Any]:
    outputs = [rung("_v", 320, 180), sound("_a")]
    for output in outputs:
        output["ContainerSettings"] = {"Container": "MPD"}
    cut = {"SegmentLength": 2, "FragmentLength": 2, "SegmentControl": "SEGMENTED_FILES"}
    kind = {"Type": "DASH_ISO_GROUP_SETTINGS", "DashIsoGroupSettings": {"Destination": "s3://out/d/dash"} | cut}
    return {"Name": "DASH", "OutputGroupSettings": kind, "Outputs": outputs}


def captures(width: int, height: int, seconds: int = 1, at_most: int = 2) -> dict[str, Any]:
    frames = {"FramerateNumerator": 1, "FramerateDenominator": seconds, "MaxCaptures": at_most, "Quality": 80}
    output = {
        "ContainerSettings": {"Container": "RAW"},
        "VideoDescription": {
            "Width": width,
            "Height": height,
            "CodecSettings": {"Codec": "FRAME_CAPTURE", "FrameCaptureSettings": frames},
        },
    }
    settings = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": "s3://out/v/poster"}}
    return {"Name": "Poster", "OutputGroupSettings": settings, "Outputs": [output]}


def job(*outputs: dict[str, Any], groups: tuple[dict[str, Any], ...] = (), **cmaf: Any) -> dict[str, Any]:
    """Job settings: one CMAF group with these outputs (`cmaf` goes into its settings), then the other groups."""
    group = {
        "Destination": "s3://out/v/stream",
        "SegmentLength": 2,
        "FragmentLength": 2,
        "SegmentLengthControl": "EXACT",
    }
    streams = {
        "Name": "Streams",
        "OutputGroupSettings": {"Type": "CMAF_GROUP_SETTINGS", "CmafGroupSettings": group | cmaf},
        "Outputs": list(outputs),
    }
    source = {
        "FileInput": "s3://films/My Film.mov",
        "VideoSelector": {"Rotate": "AUTO"},
        "AudioSelectors": {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}},
    }
    return {"Inputs": [source], "OutputGroups": [streams, *groups]}
