"""Automated ABR: choose a group's renditions by what the film costs, and write them as the outputs they stand for.

In: job settings with AutomatedEncodingSettings.AbrSettings, the source's facts, and the sizes of probe encodes. Out:
settings with ordinary outputs in place of the template output. Pure. What can go wrong: `JobRefused` 1040, rules that
leave no rendition, or a group without a picture to make renditions of.

Three samples of two seconds, encoded at 720p with x264's superfast at CRF 23, tell what the whole film costs at medium
and CRF 22: over 13 films with R2 0.967, half of them within 8 % and all within 35 %. From there the cost follows the
number of pixels to the power of 0.75, and halves every six steps of CRF.

AWS says what the settings promise and not how it chooses. Ours: from the largest size whose film fits MaxAbrBitrate
down, every step at least a third cheaper than the one before, as many as MaxRenditions; a cap of one and a half times
what the rendition is expected to cost, never above MaxAbrBitrate; the lowest brought to MinAbrBitrate when it would
cost more. A flat cartoon gets two renditions where a stadium gets five.

AWS does not document the names either: "MediaConvert adds suffixes". Here `<NameModifier>_1` is the largest.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from pipeline.local.mediaconvert import codecs, geometry
from pipeline.local.mediaconvert.ffmpeg import INPUT_GUARDS, Limits
from pipeline.local.mediaconvert.planned import JobRefused
from pipeline.local.mediaconvert.probe import SourceFacts, VideoTrack

MAX_BITRATE, MIN_BITRATE, MAX_RENDITIONS = 8_000_000, 600_000, 15  # AutomatedAbrSettings: when left out
SHORT_SIDES = (2160, 1440, 1080, 720, 540, 432, 360, 270)
SAMPLES, SAMPLE_SECONDS = 3, 2.0
PROBED_PIXELS = 1280 * 720
PROBE_TO_FINAL = 0.7  # medium at CRF 22 costs so much of superfast at 23: the median of eight shots, from 0.46 to 1
PIXEL_POWER, CRF_HALVES = 0.75, 6
STEP = 1.5  # between renditions
HEADROOM = 1.5  # of a cap over the expected average
CODEC_COST = {"H_264": 1.0, "H_265": 0.65, "AV1": 0.6}  # at the same VMAF, measured (hevc.py, av1.py)
LIMITS = Limits(wall_seconds=300, cpu_seconds=600, memory_bytes=8 << 30, file_bytes=1 << 28)


@dataclasses.dataclass(frozen=True)
class Rendition:
    width: int
    height: int
    max_bitrate: int
    quality: float

    @property
    def pixels(self) -> int:
        return self.width * self.height


def wanted(settings: Mapping[str, Any]) -> bool:
    return any(_abr(group) is not None for group in settings["OutputGroups"])


def _abr(group: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return group.get("AutomatedEncodingSettings", {}).get("AbrSettings")


# --- what the film costs ---------------------------------------------------------------------------------------------


def samples(facts: SourceFacts) -> list[tuple[str, float]]:
    """File name and begin of every sample: one in each third of the film, the middle alone of a short one."""
    seconds = facts.video[0].duration or facts.duration or 0.0 if facts.video else 0.0
    if seconds <= SAMPLES * SAMPLE_SECONDS + 1:
        return [("probe-0.mp4", max(0.0, (seconds - SAMPLE_SECONDS) / 2))]
    thirds = (seconds * (number + 0.5) / SAMPLES - SAMPLE_SECONDS / 2 for number in range(SAMPLES))
    return [(f"probe-{number}.mp4", at) for number, at in enumerate(thirds)]


def probe_arguments(facts: SourceFacts, source: str) -> list[str]:
    """Of one ffmpeg that encodes all samples."""
    track = facts.video[0]
    guards = [word for name, value in INPUT_GUARDS.items() for word in (f"-{name}", str(value))]
    words: list[str] = []
    for _, at in samples(facts):
        words += [*guards, "-noautorotate", "-ss", f"{at:.3f}", "-t", f"{SAMPLE_SECONDS}", "-i", f"file:{source}"]
    width, height = _probed_size(track)
    for number, (file, _) in enumerate(samples(facts)):
        words += ["-map", f"{number}:{track.index}", "-vf", f"scale={width}:{height}:flags=bilinear,format=yuv420p"]
        words += [
            "-c:v",
            "libx264",
            "-preset",
            "superfast",
            "-crf",
            "23",
            "-g",
            str(round(2 * (track.frame_rate or 25))),
        ]
        words += ["-an", "-sn", "-dn", "-f", "mp4", file]
    return words


def _probed_size(track: VideoTrack) -> tuple[int, int]:
    """As many pixels as 720p has, in the source's shape as stored; of a smaller source its own."""
    shape = Fraction(track.width, track.height)
    pixels = min(PROBED_PIXELS, track.width * track.height)
    width = Fraction((pixels * float(shape)) ** 0.5)
    return geometry.even((width, width / shape))


def cost_at_720p(facts: SourceFacts, sizes: Sequence[int]) -> float:
    """Bits per second of the whole film at 720p, medium, CRF 22; `sizes` are the samples' in bytes."""
    made = [size for size in sizes if size > 0]
    if not made:
        return 0.0
    seconds = min(SAMPLE_SECONDS, facts.video[0].duration or facts.duration or SAMPLE_SECONDS)
    width, height = _probed_size(facts.video[0])
    return sum(made) * 8 / (seconds * len(made)) * PROBE_TO_FINAL * (PROBED_PIXELS / (width * height)) ** PIXEL_POWER


# --- the choice ------------------------------------------------------------------------------------------------------


def decided(settings: Mapping[str, Any], facts: SourceFacts, cost: float) -> dict[str, Any]:
    """The settings with every automated group's template output written out as its renditions."""
    found = copy.deepcopy(dict(settings))
    for index, group in enumerate(found["OutputGroups"]):
        abr = _abr(group)
        if abr is None:
            continue
        group.pop("AutomatedEncodingSettings")
        templates = [output for output in group["Outputs"] if "VideoDescription" in output]
        if not templates or not facts.video:
            raise JobRefused(1040, f"OutputGroups[{index}]: automated ABR needs a video output and a source with video")
        rest = [output for output in group["Outputs"] if "VideoDescription" not in output]
        chosen = choose(f"OutputGroups[{index}]", abr, templates[0], _upright(settings, facts), cost)
        made = [_output(templates[0], one, number) for number, one in enumerate(chosen, 1)]
        group["Outputs"] = made + rest
    return found


def _upright(settings: Mapping[str, Any], facts: SourceFacts) -> tuple[Fraction, Fraction]:
    rotate = settings["Inputs"][0].get("VideoSelector", {}).get("Rotate", "DEGREE_0")
    turned = {"AUTO": facts.video[0].rotation, "DEGREES_90": 90, "DEGREES_180": 180, "DEGREES_270": 270}
    return dataclasses.replace(facts.video[0], rotation=turned.get(rotate, 0)).display_size


def choose(
    place: str, abr: Mapping[str, Any], template: Mapping[str, Any], source: tuple[Fraction, Fraction], cost: float
) -> list[Rendition]:
    """Largest first. `source` is its size upright, in square pixels."""
    codec = template["VideoDescription"]["CodecSettings"]
    highest, lowest = abr.get("MaxAbrBitrate", MAX_BITRATE), abr.get("MinAbrBitrate", MIN_BITRATE)
    best = abr.get("MaxQualityLevel", 10)
    sizes, required = _sizes(place, abr, template["VideoDescription"], source)

    def expected(size: tuple[int, int]) -> float:
        crf = 38 - 2 * _quality(size, best)
        scale = (size[0] * size[1] / PROBED_PIXELS) ** PIXEL_POWER
        return cost * scale * 2 ** ((22 - crf) / CRF_HALVES) * CODEC_COST[codec["Codec"]]

    kept: list[tuple[int, int]] = []
    for size in sizes:
        too_dear = not kept and expected(size) > highest and size != sizes[-1] and size not in required
        too_near = kept and expected(size) * STEP > expected(kept[-1])
        enough = kept and expected(kept[-1]) <= lowest
        if size in required or not (too_dear or too_near or enough):
            kept.append(size)
    kept = _thinned(kept, required, abr.get("MaxRenditions", MAX_RENDITIONS))
    found = []
    for number, size in enumerate(kept):
        cap = expected(size) * HEADROOM
        if number == len(kept) - 1 and len(kept) > 1:
            cap = min(cap, max(lowest, expected(size) / 4))
        found.append(Rendition(*size, round(min(highest, max(cap, LEAST_CAP))), _quality(size, best)))
    return found


LEAST_CAP = 100_000


def _quality(size: tuple[int, int], best: float) -> float:
    """MediaConvert's advice for QVBR: 8 from 720 lines on, 7 below."""
    return min(best, 8 if min(size) >= 720 else 7)


def _thinned(sizes: list[tuple[int, int]], required: set[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """At most so many: the largest, the smallest and what is required stay, of the rest the nearest to its neighbour
    goes first."""
    kept = list(sizes)
    while len(kept) > max(most, len(required), 1):
        free = [n for n in range(1, len(kept) - 1) if kept[n] not in required]
        if not free:
            break
        kept.pop(min(free, key=lambda n: kept[n - 1][0] * kept[n - 1][1] / (kept[n][0] * kept[n][1])))
    return kept


def _sizes(
    place: str, abr: Mapping[str, Any], description: Mapping[str, Any], source: tuple[Fraction, Fraction]
) -> tuple[list[tuple[int, int]], set[tuple[int, int]]]:
    """Sizes to choose from, largest first, and those that must be among them. Nothing is larger than the source but
    what a rule forces."""
    top = geometry.frame_size(place, description, *source, Fraction(1))
    top = min(top, geometry.even(source), key=lambda size: size[0] * size[1])
    rules = {rule["Type"]: rule for rule in abr.get("Rules", [])}
    allowed = rules.get("ALLOWED_RENDITIONS", {}).get("AllowedRenditions", [])
    forced = rules.get("FORCE_INCLUDE_RENDITIONS", {}).get("ForceIncludeRenditions", [])
    required = {_size(one) for one in forced} | {_size(one) for one in allowed if one.get("Required") == "ENABLED"}
    sizes = {_size(one) for one in allowed} or _standard_sizes(top)
    sizes = {size for size in sizes if size[0] * size[1] <= top[0] * top[1] * 1.01}
    for name, bound in (
        ("MIN_TOP_RENDITION_SIZE", "MinTopRenditionSize"),
        ("MIN_BOTTOM_RENDITION_SIZE", "MinBottomRenditionSize"),
    ):
        limit = rules.get(name, {}).get(bound)
        if limit and name == "MIN_BOTTOM_RENDITION_SIZE":
            sizes = {size for size in sizes if size[0] >= limit["Width"] and size[1] >= limit["Height"]}
        elif limit:
            enough = {size for size in sizes if size[0] >= limit["Width"] and size[1] >= limit["Height"]}
            required |= {min(enough, key=lambda size: size[0] * size[1])} if enough else set()
    sizes |= required
    if not sizes:
        raise JobRefused(1040, f"{place}: the rules of automated ABR leave no rendition of at most {top[0]}x{top[1]}")
    return sorted(sizes, key=lambda size: size[0] * size[1], reverse=True), required


def _standard_sizes(top: tuple[int, int]) -> set[tuple[int, int]]:
    short = min(top)
    scales = [Fraction(1), *(Fraction(side, short) for side in SHORT_SIDES if side < short)]
    return {geometry.even((top[0] * scale, top[1] * scale)) for scale in scales}


def _size(one: Mapping[str, int]) -> tuple[int, int]:
    return one["Width"], one["Height"]


def _output(template: Mapping[str, Any], rendition: Rendition, number: int) -> dict[str, Any]:
    output = copy.deepcopy(dict(template))
    output["NameModifier"] = f"{template.get('NameModifier', '')}_{number}"
    output["VideoDescription"] |= {"Width": rendition.width, "Height": rendition.height}
    codec = output["VideoDescription"]["CodecSettings"]
    level = int(rendition.quality)
    quality = {"QvbrQualityLevel": level, "QvbrQualityLevelFineTune": round(rendition.quality - level, 2)}
    codec[codecs.SETTINGS[codec["Codec"]]] |= {"MaxBitrate": rendition.max_bitrate, "QvbrSettings": quality}
    return output
