"""What MediaConvert is told about a picture: one rung's VideoDescription in H.264, HEVC or AV1. Pure.

In: a Rung, the source's picture and the profile. Out: MediaConvert's `VideoDescription`. The choices:

* constant groups of pictures, closed, no scene-change key frames, so that every rung can be switched to at every
  segment. Their length is said in frames: AV1 knows no other unit, and 2 s of 29.97 would leave the rounding to others;
* QVBR with a cap per rung (MaxBitrate is required with QVBR); levels are MediaConvert's to choose (AUTO), for they
  follow from size, rate and cap;
* pictures are stretched to a size that already has the source's aspect: DEFAULT would pad the odd line that even sizes
  leave over with black;
* 8 bit 4:2:0 in limited range and BT.709, unless HDR is kept: then 10 bit, in the source's own colours.
"""

from __future__ import annotations

from typing import Any

from pipeline.media.ladder import Rung
from pipeline.media.profiles import Profile
from pipeline.media.source import VideoTrack

GOP_SECONDS = 2
_TELECINED_RATE = 30_000 / 1001


def gop_frames(rung: Rung) -> int:
    """The whole frames of two seconds: at every standard rate the same time on every rung, halved rates too."""
    return round(GOP_SECONDS * rung.frame_rate)


def picture(rung: Rung, video: VideoTrack, profile: Profile) -> dict[str, Any]:
    """VideoDescription of one rendition."""
    settings = {"h264": _h264, "hevc": _hevc, "av1": _av1}[rung.codec](rung)
    return {
        **frame(rung, video, profile),
        "AntiAlias": "ENABLED",
        "TimecodeInsertion": "DISABLED",
        "ColorMetadata": "INSERT",
        "CodecSettings": settings,
    }


def automated(rung: Rung, video: VideoTrack, profile: Profile) -> dict[str, Any]:
    """The one H.264 output that automated ABR makes every rendition from: the largest size and rate it may choose.

    User Guide, "Creating an automated ABR stack": MULTI_PASS_HQ and QVBR said explicitly, quality and MaxBitrate
    not; GOPs in seconds, for it may halve the rate of lower renditions.
    """
    description = picture(rung, video, profile)
    settings = description["CodecSettings"]["H264Settings"]
    for name in ("QvbrSettings", "MaxBitrate"):
        del settings[name]
    settings |= {"QualityTuningLevel": "MULTI_PASS_HQ", "GopSize": GOP_SECONDS, "GopSizeUnits": "SECONDS"}
    return description


def frame(rung: Rung, video: VideoTrack, profile: Profile) -> dict[str, Any]:
    """Size and preprocessing: what a rendition has in common with a captured frame."""
    description: dict[str, Any] = {"Width": rung.width, "Height": rung.height, "ScalingBehavior": "STRETCH_TO_OUTPUT"}
    preprocessors = _preprocessors(rung, video, profile)
    return {**description, "VideoPreprocessors": preprocessors} if preprocessors else description


def _preprocessors(rung: Rung, video: VideoTrack, profile: Profile) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if video.interlaced:
        # Film in American television is telecined; ADAPTIVE finds out and undoes it (User Guide, "Settings for scan
        # type conversion": useful for "an entire library of assets").
        telecined = abs(video.frame_rate - _TELECINED_RATE) < 0.01
        mode = "ADAPTIVE" if telecined else "DEINTERLACE"
        found["Deinterlacer"] = {"Mode": mode, "Algorithm": "INTERPOLATE", "Control": "NORMAL"}
    color: dict[str, Any] = {}
    if rung.video_range == "SDR":
        if video.beyond_bt709:
            color["ColorSpaceConversion"] = "FORCE_709"
        if profile.limited_range:
            # Probe does not tell the range. "For limited range inputs, values ... are passed through".
            color["SampleRangeConversion"] = "LIMITED_RANGE_SQUEEZE"
    return {**found, "ColorCorrector": color} if color else found


def _rate_control(rung: Rung) -> dict[str, Any]:
    level = int(rung.quality)
    thirds = round((rung.quality - level) * 3)
    fine = {"QvbrQualityLevelFineTune": (0, 0.33, 0.67)[thirds % 3]} if thirds % 3 else {}
    return {
        "RateControlMode": "QVBR",
        "QvbrSettings": {"QvbrQualityLevel": level + thirds // 3, **fine},
        "MaxBitrate": rung.max_bitrate_bps,
    }


def _rate(rung: Rung) -> dict[str, Any]:
    return {
        "FramerateControl": "SPECIFIED",
        "FramerateConversionAlgorithm": "DUPLICATE_DROP",
        "FramerateNumerator": rung.frame_rate.numerator,
        "FramerateDenominator": rung.frame_rate.denominator,
    }


def _h26x(rung: Rung) -> dict[str, Any]:
    """What H.264 and HEVC have in common."""
    return {
        **_rate_control(rung),
        "QualityTuningLevel": "SINGLE_PASS_HQ",
        "CodecLevel": "AUTO",
        "InterlaceMode": "PROGRESSIVE",
        **_rate(rung),
        "GopSize": gop_frames(rung),
        "GopSizeUnits": "FRAMES",
        "GopClosedCadence": 1,
        "SceneChangeDetect": "DISABLED",
        "NumberBFramesBetweenReferenceFrames": 3,
        "GopBReference": "ENABLED",
        "NumberReferenceFrames": 3,
        "ParControl": "SPECIFIED",
        "ParNumerator": 1,
        "ParDenominator": 1,
    }


def _h264(rung: Rung) -> dict[str, Any]:
    return {
        "Codec": "H_264",
        "H264Settings": {**_h26x(rung), "CodecProfile": "HIGH", "EntropyEncoding": "CABAC"},
    }


def _hevc(rung: Rung) -> dict[str, Any]:
    """HVC1: Apple's players take no other (HLS Authoring Specification, 1.10)."""
    profile = "MAIN_MAIN" if rung.video_range == "SDR" else "MAIN10_MAIN"
    return {
        "Codec": "H_265",
        "H265Settings": {**_h26x(rung), "CodecProfile": profile, "WriteMp4PackagingType": "HVC1"},
    }


def _av1(rung: Rung) -> dict[str, Any]:
    """Seven B-frames, as the API Reference recommends; its wish for a GOP of 1 + 8n frames gives way to alignment."""
    return {
        "Codec": "AV1",
        "Av1Settings": {
            **_rate_control(rung),
            **_rate(rung),
            "GopSize": gop_frames(rung),
            "NumberBFramesBetweenReferenceFrames": 7,
            "BitDepth": "BIT_8",
        },
    }
