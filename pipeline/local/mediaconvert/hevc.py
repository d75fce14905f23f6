"""What x265 is told: MediaConvert's H265Settings as options of ffmpeg. Pure.

In: H265Settings. Out: options by name. What can go wrong: `JobRefused` 1040, a level that size and rate do not fit.

Keyframes are IDR frames in the same places as x264's, so that renditions of both codecs have the same segments.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pipeline.local.mediaconvert import encoders, hdr
from pipeline.local.mediaconvert.planned import Picture

PRESETS = {"SINGLE_PASS": "veryfast", "SINGLE_PASS_HQ": "medium", "MULTI_PASS_HQ": "slow"}
PROFILES = {"MAIN_MAIN": "main", "MAIN_HIGH": "main", "MAIN10_MAIN": "main10", "MAIN10_HIGH": "main10"}
# H.265 table A.8 and A.9: luma samples a picture, a second
LEVELS = {
    "1": (36_864, 552_960), "2": (122_880, 3_686_400), "2.1": (245_760, 7_372_800), "3": (552_960, 16_588_800),
    "3.1": (983_040, 33_177_600), "4": (2_228_224, 66_846_720), "4.1": (2_228_224, 133_693_440),
    "5": (8_912_896, 267_386_880), "5.1": (8_912_896, 534_773_760), "5.2": (8_912_896, 1_069_547_520),
    "6": (35_651_584, 1_069_547_520), "6.1": (35_651_584, 2_139_095_040), "6.2": (35_651_584, 4_278_190_080),
}  # fmt: skip


def depth(settings: Mapping[str, Any]) -> int:
    return 10 if settings.get("CodecProfile", "MAIN_MAIN").startswith("MAIN10") else 8


def options(
    place: str,
    settings: Mapping[str, Any],
    picture: Picture,
    rate: Fraction,
    gop: int,
    seconds: float | None = None,
    metadata: hdr.Metadata | None = None,
) -> dict[str, Any]:
    rates = encoders.rate_options(settings, picture, seconds)
    filled = rates.pop("rc_init_occupancy", None)  # x265's own option: ffmpeg does not pass this one on
    parameters = [*_parameters(place, settings, picture, rate), *hdr.x265_parameters(metadata)]
    parameters += [f"vbv-init={filled / rates['bufsize']:.3f}"] if filled else []
    return {
        "c:v": "libx265",
        "preset": PRESETS[settings.get("QualityTuningLevel", "SINGLE_PASS_HQ")],
        **rates,
        "profile:v": PROFILES[settings.get("CodecProfile", "MAIN_MAIN")],
        "g": gop,
        "keyint_min": gop,
        "forced-idr": 1,
        "bf": settings.get("NumberBFramesBetweenReferenceFrames", 3),
        "refs": settings.get("NumberReferenceFrames", 3),
        "a53cc": 0,
        "dolbyvision": 0,  # its profile 8 needs metadata for every frame, which scaling and cutting leave behind
        "tag:v": settings.get("WriteMp4PackagingType", "HEV1").lower(),
        "x265-params": ":".join(parameters),
    }


def _parameters(place: str, settings: Mapping[str, Any], picture: Picture, rate: Fraction) -> list[str]:
    found = [
        "log-level=error",  # it prints past ffmpeg's own log
        "info=0",
        "scenecut=0",
        "open-gop=0",
        "repeat-headers=0",
        f"high-tier={int(settings.get('CodecProfile', '').endswith('_HIGH'))}",
    ]
    level = _level(place, settings, picture, rate)
    found += [f"level-idc={level}"] if level else []
    found += ["b-pyramid=0"] if settings.get("GopBReference") == "DISABLED" else []
    found += ["b-adapt=0"] if settings.get("DynamicSubGop") == "STATIC" else []
    found += ["aq-mode=0"] if settings.get("AdaptiveQuantization") == "OFF" else []
    found += ["sao=0"] if settings.get("SampleAdaptiveOffsetFilterMode") == "OFF" else []
    found += ["no-deblock=1"] if settings.get("Deblocking") == "DISABLED" else []
    found += ["temporal-mvp=0"] if settings.get("MvTemporalPredictor") == "DISABLED" else []
    found += [f"slices={settings['Slices']}"] if settings.get("Slices", 1) > 1 else []
    return found


def _level(place: str, settings: Mapping[str, Any], picture: Picture, rate: Fraction) -> str | None:
    named = settings.get("CodecLevel", "AUTO")
    if named == "AUTO":
        return None
    level = named.removeprefix("LEVEL_").replace("_", ".")
    samples = picture.frame[0] * picture.frame[1]
    if samples > LEVELS[level][0] or samples * rate > LEVELS[level][1]:
        raise encoders.level_refused(place)
    return level
