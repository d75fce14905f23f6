"""What the encoders are told: MediaConvert's codec settings as options of ffmpeg's x264, AAC and JPEG, and what all
codecs have in common. HEVC and AV1 are in hevc.py and av1.py, codecs.py finds the right one. Pure.

In: H264Settings, AacSettings, CmafGroupSettings. Out: options by name. What can go wrong: `JobRefused` 1040, a level
that size and rate do not fit, GOPs that cannot be aligned.

One QVBR level is two steps of x264's CRF, `crf = 38 - 2 * level`: level 8 (MediaConvert's advice for 720p and 1080p)
is CRF 22, 7 is 24, 9 is 20. MaxBitrate is the VBV's rate, and its size is two seconds of that (less in a short film).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pipeline.local.mediaconvert.planned import JobRefused, Picture, VideoRendition

PRESETS = {"SINGLE_PASS": "veryfast", "SINGLE_PASS_HQ": "medium", "MULTI_PASS_HQ": "slow"}
PROFILES = {"BASELINE": "baseline", "MAIN": "main", "HIGH": "high"}
CHANNELS = {"CODING_MODE_1_0": "mono", "CODING_MODE_2_0": "stereo", "CODING_MODE_5_1": "5.1"}
# What belongs to the source stays with it: titles, chapters, timecode tracks.
CLEAN = {"map_metadata": -1, "map_chapters": -1}


def quality_level(settings: Mapping[str, Any], picture: Picture) -> float:
    """The QVBR level, 1 to 10; MediaConvert's advice for the size when the job leaves it out."""
    qvbr = settings.get("QvbrSettings", {})
    level = qvbr.get("QvbrQualityLevel") or (8 if min(picture.frame) >= 720 else 7)
    third = round(qvbr.get("QvbrQualityLevelFineTune", 0) * 3) / 3  # MediaConvert rounds to thirds of a level
    return level + third


def crf(settings: Mapping[str, Any], picture: Picture) -> float:
    return round(38 - 2 * quality_level(settings, picture), 2)


def gop_frames(settings: Mapping[str, Any], rate: Fraction) -> int:
    size = Fraction(str(settings.get("GopSize", 2)))
    return max(1, round(size) if settings.get("GopSizeUnits") == "FRAMES" else round(size * rate))


def gops_per_segment(index: int, video: list[VideoRendition], seconds: Fraction, exact: bool) -> int | None:
    """How many GOPs make a segment; None when segments end inside GOPs and I-frames are forced there."""
    lengths = {rendition.gop_frames / rendition.frame_rate for rendition in video}
    if not lengths:
        return None
    if len(lengths) > 1:
        shown = ", ".join(
            f"{rendition.name} {float(rendition.gop_frames / rendition.frame_rate):.4f} s" for rendition in video
        )
        raise JobRefused(
            1040, f"OutputGroups[{index}]: the GOPs of the renditions differ in length and cannot be aligned: {shown}"
        )
    gop = lengths.pop()
    return _gops_that_fill(seconds, gop) or (None if exact else math.ceil(seconds / gop))


def _gops_that_fill(seconds: Fraction, gop: Fraction) -> int | None:
    """The number of GOPs that make a segment of this length within one in a hundred: GOPs of 2.002 s fill 4 s."""
    count = round(seconds / gop)
    return count if count and abs(count * gop - seconds) <= seconds / 100 else None


# --- rate control ----------------------------------------------------------------------------------------------------

FULL_OCCUPANCY, LEAST_OCCUPANCY = 0.9, 0.24  # of the VBV when the film begins; 0.9 is x264's own
FULL_BUFFER_SECONDS, LEAST_BUFFER_SECONDS = 2.0, 0.5
EXCESS = 0.06  # by how much a film's average may exceed the cap through a buffer that was full at its beginning


def max_bitrate(settings: Mapping[str, Any]) -> int:
    """The cap. CBR has one by itself; VBR without one may reach twice its average (AWS does not say)."""
    if settings.get("RateControlMode") == "CBR":
        return settings["Bitrate"]
    return settings.get("MaxBitrate") or 2 * settings["Bitrate"]


def rate_options(settings: Mapping[str, Any], picture: Picture, seconds: float | None) -> dict[str, Any]:
    """Quality or bitrate, and the VBV, for x264 and x265. `seconds`: the film's length.

    A VBV that starts full is a loan never paid back: a film of four seconds could be half as large again as its cap
    allows. So a short film starts with less in a smaller buffer, unless the job sets them.
    """
    maximum, mode = max_bitrate(settings), settings.get("RateControlMode", "QVBR")
    options: dict[str, Any] = {"crf": crf(settings, picture)} if mode == "QVBR" else {"b:v": settings["Bitrate"]}
    options |= {"minrate": maximum} if mode == "CBR" else {}
    given, fill = settings.get("HrdBufferSize"), settings.get("HrdBufferInitialFillPercentage")
    buffer_seconds, occupancy = FULL_BUFFER_SECONDS, FULL_OCCUPANCY
    if seconds:
        buffer_seconds = max(LEAST_BUFFER_SECONDS, min(FULL_BUFFER_SECONDS, seconds / 4))
        held = given / maximum if given else buffer_seconds
        occupancy = max(LEAST_OCCUPANCY, min(FULL_OCCUPANCY, EXCESS * seconds / held))
    size = given or round(buffer_seconds * maximum)
    options |= {"maxrate": maximum, "bufsize": size}
    if fill is not None:
        options["rc_init_occupancy"] = size * fill // 100
    elif occupancy < FULL_OCCUPANCY:
        options["rc_init_occupancy"] = round(size * occupancy)
    return options


def two_passes(codec: Mapping[str, Any]) -> bool:
    """Whether a first pass helps: x264 has none for a constant quality, where MULTI_PASS_HQ is a slower preset."""
    settings = codec.get("H264Settings", {})
    modes = settings.get("QualityTuningLevel"), settings.get("RateControlMode")
    return codec["Codec"] == "H_264" and modes[0] == "MULTI_PASS_HQ" and modes[1] in ("VBR", "CBR")


# What x264 compares between the passes; everything else may differ, the size too: it scales what it learnt.
_IN_BOTH_PASSES = ("preset", "profile:v", "g", "keyint_min", "sc_threshold", "bf", "b_strategy", "b-pyramid", "flags")
_IN_BOTH_PASSES += ("force_key_frames", "forced-idr", "video_track_timescale", "refs", "a53cc", "c:v")


def first_pass_options(options: Mapping[str, Any], log: str) -> dict[str, Any]:
    kept = {name: options[name] for name in _IN_BOTH_PASSES if name in options}
    return {**kept, "crf": 23, "x264-params": f"pass=1:stats={log}"}


def scene_cut_options(rate: Fraction, gop: int, forced_seconds: Fraction | None) -> dict[str, Any]:
    """I-frames at cuts that leave the GOPs where they are.

    x264 makes a cut an IDR frame when it is far enough from the last, and GOPs would part ways between renditions. With
    an endless keyint it never is: a cut becomes an I-frame within its GOP, and all IDR frames are those forced here, at
    every GOP's beginning (and at every segment's, where segments are not whole GOPs; frames count from there).
    """
    frame = "n"
    if forced_seconds:
        segment = f"floor((n+0.5)/{float(forced_seconds * rate):.9f})"
        frame = f"(n-ceil({segment}*{float(forced_seconds * rate):.9f}-0.5))"
    return {
        "g": ENDLESS,
        "keyint_min": ENDLESS // 2,
        "sc_threshold": 40,
        "forced-idr": 1,
        "force_key_frames": f"expr:not(mod({frame},{gop}))",
    }


ENDLESS = 1_000_000


# --- x264 ------------------------------------------------------------------------------------------------------------

LEVELS = {  # H.264 table A-1: macroblocks per second, macroblocks per frame
    "1": (1485, 99), "1.1": (3000, 396), "1.2": (6000, 396), "1.3": (11880, 396), "2": (11880, 396),
    "2.1": (19800, 792),
    "2.2": (20250, 1620), "3": (40500, 1620), "3.1": (108000, 3600), "3.2": (216000, 5120), "4": (245760, 8192),
    "4.1": (245760, 8192), "4.2": (522240, 8704), "5": (589824, 22080), "5.1": (983040, 36864), "5.2": (2073600, 36864),
}  # fmt: skip


def _level(place: str, settings: Mapping[str, Any], picture: Picture, rate: Fraction) -> str | None:
    named = settings.get("CodecLevel", "AUTO")
    if named == "AUTO":
        return None
    level = named.removeprefix("LEVEL_").replace("_", ".")
    blocks = math.ceil(picture.frame[0] / 16) * math.ceil(picture.frame[1] / 16)
    if blocks > LEVELS[level][1] or blocks * rate > LEVELS[level][0]:
        raise level_refused(place)
    return level


def level_refused(place: str) -> JobRefused:
    return JobRefused(
        1040,
        f"Error initializing encoder for video target [{place}] [initialization failed: Invalid level specified "
        "for the selected framerate or resolution.]",
    )


def x264_options(
    place: str,
    settings: Mapping[str, Any],
    picture: Picture,
    rate: Fraction,
    gop: int,
    seconds: float | None = None,
) -> dict[str, Any]:
    profile = settings.get("CodecProfile", "MAIN")
    options: dict[str, Any] = {
        "c:v": "libx264",
        "preset": PRESETS[settings.get("QualityTuningLevel", "SINGLE_PASS_HQ")],
        **rate_options(settings, picture, seconds),
        "profile:v": PROFILES[profile],
        "g": gop,
        "keyint_min": gop,
        "sc_threshold": 0,  # an I-frame at a cut would fall on different frames in different renditions
        "flags": "+cgop",
        "bf": 0 if profile == "BASELINE" else settings.get("NumberBFramesBetweenReferenceFrames", 3),
        "refs": settings.get("NumberReferenceFrames", 3),
        "b_strategy": 0 if settings.get("DynamicSubGop") == "STATIC" else 1,
        # 608/708 captions inside the pictures would pass through unannounced; MediaConvert drops them, too, unless a
        # caption output asks for them.
        "a53cc": 0,
    }
    level = _level(place, settings, picture, rate)
    extra = {
        "level": level,
        "b-pyramid": "none" if settings.get("GopBReference") == "DISABLED" else None,
        "coder": "cavlc" if settings.get("EntropyEncoding") == "CAVLC" or profile == "BASELINE" else None,
        "aq-mode": 0 if settings.get("AdaptiveQuantization") == "OFF" else None,
        "slices": settings["Slices"] if settings.get("Slices", 1) > 1 else None,
    }
    options |= {name: value for name, value in extra.items() if value is not None}
    return options


def fragment_options(cmaf: Mapping[str, Any], rate: Fraction, gop: int) -> dict[str, Any]:
    """A fragmented MP4 of its own: a fragment at every GOP and, in longer GOPs, whenever FragmentLength is full.

    `cmaf` is empty for a picture that is not cut into segments."""
    options: dict[str, Any] = {
        "movflags": "+frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets",
        "video_track_timescale": timescale(rate),
    }
    if not cmaf:
        return options
    frames = round(cmaf.get("FragmentLength", 2) * rate)
    if frames < gop:
        options["frag_duration"] = int((frames - Fraction(1, 2)) / rate * 1_000_000)
    seconds = Fraction(cmaf.get("SegmentLength", 10))
    exact = cmaf.get("SegmentLengthControl", "EXACT") == "EXACT"
    if exact and _gops_that_fill(seconds, gop / rate) is None:
        options["force_key_frames"] = f"expr:gte(t,n_forced*{int(seconds)}-{float(1 / rate / 2):.6f})"

    return options


def timescale(rate: Fraction) -> int:
    """Ticks in which every frame has the same whole length."""
    return rate.numerator * (1 if rate.numerator >= 10_000 else 1000)


# Options that say how the encoded picture is cut, not what it looks like.
_CUTTING = ("movflags", "frag_duration")


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two outputs want the same bits, however they are cut."""
    return all(one.get(name) == other.get(name) for name in {*one, *other} if name not in _CUTTING)


def finer_cut(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, int]:
    lengths = [options["frag_duration"] for options in (one, other) if "frag_duration" in options]
    return {"frag_duration": min(lengths)} if lengths else {}


def highest_rate(options: Mapping[str, Any]) -> int:
    return int(options["maxrate"])


# --- sound -----------------------------------------------------------------------------------------------------------

HE_AAC = ("HEV1", "HEV2")
LOCAL_WARNING = 900_001  # not one of MediaConvert's: what the local engine does in another way, and says
_AUDIO_SETTINGS = {"AAC": "AacSettings"}


def audio_settings(codec: Mapping[str, Any]) -> Mapping[str, Any]:
    return codec[_AUDIO_SETTINGS[codec["Codec"]]]


def channel_layout(codec: Mapping[str, Any], channels: int) -> str:
    return CHANNELS[audio_settings(codec)["CodingMode"]]


def audio_options(codec: Mapping[str, Any]) -> dict[str, Any]:
    return {"c:a": "aac", "b:a": audio_settings(codec)["Bitrate"], "profile:a": "aac_low"}


def he_aac_warning(place: str, settings: Mapping[str, Any]) -> str:
    return (
        f"{place}: no build of ffmpeg encodes HE-AAC ({settings['CodecProfile']}); encoded as AAC-LC at the same "
        f"{settings['Bitrate']} bits per second, which sounds duller than MediaConvert's."
    )


# --- files -----------------------------------------------------------------------------------------------------------

MOVIES = {"MP4": ("mp4", "mp4"), "MOV": ("mov", "mov")}  # extension, ffmpeg's muxer


def movie_options(container: Mapping[str, Any]) -> dict[str, Any]:
    settings = container.get("Mp4Settings", {})
    index_first = container["Container"] == "MP4" and settings.get("MoovPlacement", "PROGRESSIVE_DOWNLOAD") != "NORMAL"
    # A progressive MP4 must start before it has been fetched.
    return {"movflags": "+faststart"} if index_first else {}


def jpeg_quality(quality: int) -> int:
    """MediaConvert's 1 to 100 on ffmpeg's scale, where 2 is the best and 31 the worst."""
    return round(2 + (100 - quality) * 29 / 99)
