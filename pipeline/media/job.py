"""Plan renditions: source facts in, MediaConvert job settings out. Pure, so that golden files can hold it.

The settings are those that AWS takes and, unchanged, the local MediaConvert. Field names are MediaConvert's own
(API Reference, "Jobs"); the choices are ours:

* one CMAF output group, whose segments HLS and DASH share; sound once, in a rendition group of its own;
* constant group-of-pictures length, closed, no scene-change key frames, so that every rung can be switched to at
  every segment. SegmentLength is a multiple of the GOP; both are in seconds;
* QVBR with a cap per rung (MaxBitrate is required with QVBR);
* pictures are stretched to a size that already has the source's aspect: DEFAULT would pad the odd line that even
  sizes leave over with black;
* a poster as frame capture in the same job, because MediaConvert refuses jobs that only capture frames;
* every destination ends in a fixed base name, or the uploaded file's name would leak into our URLs.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from pipeline.media.asset import Upload
from pipeline.media.errors import PlanImpossible, SourceRejected
from pipeline.media.keys import file_name
from pipeline.media.ladder import Rung, rungs_for
from pipeline.media.source import Source, VideoTrack

STREAM_BASE = "stream"
POSTER_BASE = "poster"
DOWNLOAD_BASE = "download"
AUDIO_MODIFIER = "_audio"
SEGMENT_SECONDS = 4
GOP_SECONDS = 2
SAMPLE_RATE = 48_000
_AUDIO_SELECTOR = "Audio Selector 1"
_LONGEST_MS = 12 * 3600 * 1000
#: Three sweeps: a job that waits in a long queue is silent, and the sweep keeps its step's heartbeat (every 5 minutes).
_HEARTBEAT_SECONDS = 900
#: How long a job may wait for its turn before somebody should know.
_QUEUE_PATIENCE_SECONDS = 7 * 24 * 3600


@dataclasses.dataclass(frozen=True)
class Profile:
    """What the owner asks of every film."""

    name: str
    download: bool


PROFILES = {
    profile.name: profile for profile in (Profile("default", download=False), Profile("download", download=True))
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """rungs best first; streams and download are MediaConvert `Settings`; waits in seconds."""

    rungs: tuple[Rung, ...]
    streams: dict[str, Any]
    download: dict[str, Any] | None
    timeout_seconds: int
    heartbeat_seconds: int


def plan_for(upload: Upload, source: Source, outputs_bucket: str, profile_name: str) -> Plan:
    """Choose rungs and write both jobs' settings. Raises SourceRejected, or PlanImpossible for an unknown profile."""
    if profile_name not in PROFILES:
        raise PlanImpossible(
            "PLAN_IMPOSSIBLE",
            f"there is no profile {profile_name!r}; there are {', '.join(PROFILES)}",
            fix="Deploy with the context value `profile` set to one of those, then redrive the execution.",
        )
    name = file_name(upload.key)
    video = source.require_picture(name)
    source.require_duration(name)
    if source.duration_ms > _LONGEST_MS:
        raise SourceRejected(
            "POLICY_TOO_LONG",
            f"{name} lasts {source.duration_ms / 3.6e6:.1f} hours; the limit is {_LONGEST_MS / 3.6e6:.0f}",
            {"duration_ms": source.duration_ms},
        )
    rungs = rungs_for(video)
    destination = f"s3://{outputs_bucket}/{upload.run_prefix}"
    return Plan(
        rungs=rungs,
        streams=_settings(
            upload, source, [_streams_group(rungs, source, destination), _poster_group(rungs[0], source, destination)]
        ),
        download=_settings(upload, source, [_download_group(rungs[0], source, destination)])
        if PROFILES[profile_name].download
        else None,
        timeout_seconds=_QUEUE_PATIENCE_SECONDS + 30 * math.ceil(source.duration_ms / 1000),
        heartbeat_seconds=_HEARTBEAT_SECONDS,
    )


def poster_seconds(duration_ms: int) -> int:
    """The poster is the second captured frame: a tenth into the film, since films begin black. At least one second."""
    return max(1, duration_ms // 10_000)


def _settings(upload: Upload, source: Source, groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {"TimecodeConfig": {"Source": "ZEROBASED"}, "Inputs": [_input(upload, source)], "OutputGroups": groups}


def _input(upload: Upload, source: Source) -> dict[str, Any]:
    # Rotate AUTO works for QuickTime and MP4 only (MediaConvert User Guide, "Rotating video"); elsewhere say the angle.
    automatic = source.container in ("mp4", "quicktime")
    settings: dict[str, Any] = {
        "FileInput": upload.url,
        "TimecodeSource": "ZEROBASED",
        "VideoSelector": {"ColorSpace": "FOLLOW", "Rotate": "AUTO" if automatic else _rotate(source.video)},
    }
    if source.audio:
        settings["AudioSelectors"] = {_AUDIO_SELECTOR: {"DefaultSelection": "DEFAULT"}}
    return settings


def _rotate(video: VideoTrack | None) -> str:
    angle = video.rotation if video else 0
    return {0: "DEGREE_0", 90: "DEGREES_90", 180: "DEGREES_180", 270: "DEGREES_270"}[angle]


def _streams_group(rungs: tuple[Rung, ...], source: Source, destination: str) -> dict[str, Any]:
    outputs = [_rendition(rung, source) for rung in rungs]
    if source.audio:
        outputs.append(_sound(source))
    return {
        "Name": "Streams",
        "OutputGroupSettings": {
            "Type": "CMAF_GROUP_SETTINGS",
            "CmafGroupSettings": {
                "Destination": destination + STREAM_BASE,
                "SegmentControl": "SEGMENTED_FILES",
                "SegmentLength": SEGMENT_SECONDS,
                "FragmentLength": GOP_SECONDS,
                "MinFinalSegmentLength": 0,
                "WriteHlsManifest": "ENABLED",
                "WriteDashManifest": "ENABLED",
                "WriteSegmentTimelineInRepresentation": "ENABLED",
                "StreamInfResolution": "INCLUDE",
                "ManifestDurationFormat": "FLOATING_POINT",
                "CodecSpecification": "RFC_6381",
                "ManifestCompression": "NONE",
                "ClientCache": "ENABLED",
                "MpdProfile": "MAIN_PROFILE",
                "TargetDurationCompatibilityMode": "SPEC_COMPLIANT",
                "PtsOffsetHandlingForBFrames": "ZERO_BASED",
            },
        },
        "Outputs": outputs,
    }


def _rendition(rung: Rung, source: Source) -> dict[str, Any]:
    container: dict[str, Any] = {"Scte35Source": "NONE", "IFrameOnlyManifest": "EXCLUDE"}
    if source.audio:
        container["AudioRenditionSets"] = "audio"
    return {
        "NameModifier": f"_{rung.name}",
        "ContainerSettings": {"Container": "CMFC", "CmfcSettings": container},
        "VideoDescription": _picture(rung, source),
    }


def _picture(rung: Rung, source: Source) -> dict[str, Any]:
    description: dict[str, Any] = {
        "Width": rung.width,
        "Height": rung.height,
        "ScalingBehavior": "STRETCH_TO_OUTPUT",
        "AntiAlias": "ENABLED",
        "TimecodeInsertion": "DISABLED",
        "ColorMetadata": "INSERT",
        "CodecSettings": {"Codec": "H_264", "H264Settings": _h264(rung)},
    }
    preprocessors: dict[str, Any] = {}
    if source.video and source.video.interlaced:
        preprocessors["Deinterlacer"] = {"Mode": "DEINTERLACE", "Algorithm": "INTERPOLATE", "Control": "NORMAL"}
    if source.video and source.video.hdr:
        preprocessors["ColorCorrector"] = {"ColorSpaceConversion": "FORCE_709"}
    if preprocessors:
        description["VideoPreprocessors"] = preprocessors
    return description


def _h264(rung: Rung) -> dict[str, Any]:
    return {
        "RateControlMode": "QVBR",
        "QvbrSettings": {"QvbrQualityLevel": rung.quality},
        "MaxBitrate": rung.max_bitrate_bps,
        "QualityTuningLevel": "SINGLE_PASS_HQ",
        "CodecProfile": "HIGH",
        "CodecLevel": "AUTO",
        "EntropyEncoding": "CABAC",
        "InterlaceMode": "PROGRESSIVE",
        "FramerateControl": "SPECIFIED",
        "FramerateConversionAlgorithm": "DUPLICATE_DROP",
        "FramerateNumerator": rung.frame_rate.numerator,
        "FramerateDenominator": rung.frame_rate.denominator,
        "GopSize": GOP_SECONDS,
        "GopSizeUnits": "SECONDS",
        "GopClosedCadence": 1,
        "SceneChangeDetect": "DISABLED",
        "NumberBFramesBetweenReferenceFrames": 3,
        "GopBReference": "ENABLED",
        "NumberReferenceFrames": 3,
        "ParControl": "SPECIFIED",
        "ParNumerator": 1,
        "ParDenominator": 1,
    }


def _sound(source: Source) -> dict[str, Any]:
    return {
        "NameModifier": AUDIO_MODIFIER,
        "ContainerSettings": {
            "Container": "CMFC",
            "CmfcSettings": {"AudioGroupId": "audio", "AudioTrackType": "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT"},
        },
        "AudioDescriptions": [_aac(source)],
    }


def _aac(source: Source) -> dict[str, Any]:
    mono = source.audio[0].channels == 1
    return {
        "AudioSourceName": _AUDIO_SELECTOR,
        "LanguageCodeControl": "FOLLOW_INPUT",
        "CodecSettings": {
            "Codec": "AAC",
            "AacSettings": {
                "Bitrate": 96_000 if mono else 128_000,
                "CodingMode": "CODING_MODE_1_0" if mono else "CODING_MODE_2_0",
                "SampleRate": SAMPLE_RATE,
                "CodecProfile": "LC",
                "RateControlMode": "CBR",
                "RawFormat": "NONE",
                "Specification": "MPEG4",
            },
        },
    }


def _poster_group(rung: Rung, source: Source, destination: str) -> dict[str, Any]:
    return {
        "Name": "Poster",
        "OutputGroupSettings": {
            "Type": "FILE_GROUP_SETTINGS",
            "FileGroupSettings": {"Destination": destination + POSTER_BASE},
        },
        "Outputs": [
            {
                "ContainerSettings": {"Container": "RAW"},
                "VideoDescription": {
                    **{
                        k: v
                        for k, v in _picture(rung, source).items()
                        if k in ("Width", "Height", "ScalingBehavior", "VideoPreprocessors")
                    },
                    "CodecSettings": {
                        "Codec": "FRAME_CAPTURE",
                        "FrameCaptureSettings": {
                            "FramerateNumerator": 1,
                            "FramerateDenominator": poster_seconds(source.duration_ms),
                            "MaxCaptures": 2,
                            "Quality": 80,
                        },
                    },
                },
            }
        ],
    }


def _download_group(rung: Rung, source: Source, destination: str) -> dict[str, Any]:
    output: dict[str, Any] = {
        # Players start a progressive MP4 before it has been fetched only when the index comes first.
        "ContainerSettings": {"Container": "MP4", "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"}},
        "VideoDescription": _picture(rung, source),
    }
    if source.audio:
        output["AudioDescriptions"] = [_aac(source)]
    return {
        "Name": "Download",
        "OutputGroupSettings": {
            "Type": "FILE_GROUP_SETTINGS",
            "FileGroupSettings": {"Destination": destination + DOWNLOAD_BASE},
        },
        "Outputs": [output],
    }
