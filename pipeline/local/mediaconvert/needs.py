"""What a job will need of this machine, told before it starts: disk and memory.

In: the source's facts, the plan and the settings it was made of. Out: `Needs`. Nothing is measured here and nothing can
go wrong; the dispatcher compares it with what there is.

Everything a job makes lies on the disk until the job ends, beside the source. How much that is depends on the film: a
bitrate is a ceiling, and drawings stay far below it. So there are two numbers: the most it can be, and what it will
hardly be less than. A job is refused by the second and warned about by the first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.local.mediaconvert.planned import EnginePlan, Picture, VideoRendition
from pipeline.local.mediaconvert.probe import SourceFacts

LEAST = 0.1  # of the bitrates: drawings and lectures; a film uses a third to a half of a QVBR ceiling
SOUND_BITRATE = 192_000  # where the codec has no say
MUXING = 1.02  # boxes, padding, manifests
JPEG_BITS_PER_PIXEL = 2
#: Of the whole worker: two Pythons' worth of imports and ffmpeg's own code and stacks.
BASE_MEMORY = 250 << 20
#: How many pictures are alive at once: decoded ones between the decoder and the encoders, and x264's lookahead,
#: references and reconstruction for each rendition (measured: 0.91 GB where this says 0.87).
SOURCE_PICTURES, RENDITION_PICTURES = 24, 110
BYTES_PER_PIXEL = 1.5


@dataclasses.dataclass(frozen=True)
class Needs:
    """Bytes: the most of the disk, the least of it, and memory (about)."""

    disk: int
    disk_least: int
    memory: int

    def message(self) -> dict[str, Any]:
        return {"type": "needs", "disk": self.disk, "disk_least": self.disk_least, "memory": self.memory}


def of_source(size: int) -> Needs:
    """Before the source is fetched, when its size is all that is known."""
    return Needs(size, size, 0)


def of_job(facts: SourceFacts, plan: EnginePlan, settings: Mapping[str, Any]) -> Needs:
    seconds = plan.duration or 0
    made = (sum(_pictures(plan)) + sum(_sounds(settings))) * seconds / 8
    most = made * MUXING + sum(_stills(plan, seconds))
    return Needs(int(facts.size + most), int(facts.size + made * LEAST), _memory(facts, plan))


def _pictures(plan: EnginePlan) -> Iterator[float]:
    """Bits per second of every picture that is encoded, and of every copy a file group makes of one."""
    for film in _films(plan).values():
        yield film.max_bitrate
    for group in plan.groups:
        yield from (movie.video.max_bitrate for movie in getattr(group, "movies", ()) if movie.video)


def _sounds(settings: Mapping[str, Any]) -> Iterator[float]:
    for group in settings["OutputGroups"]:
        for output in group.get("Outputs", []):
            for description in output.get("AudioDescriptions", []):
                words = (one for one in description.get("CodecSettings", {}).values() if isinstance(one, Mapping))
                yield next(words, {}).get("Bitrate", SOUND_BITRATE)


def _stills(plan: EnginePlan, seconds: float) -> Iterator[float]:
    for group in plan.groups:
        for tiles in getattr(group, "tiles", ()):
            yield seconds / float(tiles.every_seconds or 1) * _jpeg(tiles.picture)
        for capture in getattr(group, "captures", ()):
            yield min(capture.at_most, seconds / float(capture.every_seconds) + 1) * _jpeg(capture.picture)


def _jpeg(picture: Picture) -> float:
    width, height = picture.frame
    return width * height * JPEG_BITS_PER_PIXEL / 8


def _memory(facts: SourceFacts, plan: EnginePlan) -> int:
    source = max((track.width * track.height * _depth(track.bit_depth) for track in facts.video), default=0)
    renditions = sum(film.picture.frame[0] * film.picture.frame[1] for film in _films(plan).values())
    return int(BASE_MEMORY + BYTES_PER_PIXEL * (SOURCE_PICTURES * source + RENDITION_PICTURES * renditions))


def _films(plan: EnginePlan) -> dict[str, VideoRendition]:
    """Every encoded picture once, by its file."""
    shown = [film for group in plan.groups for film in getattr(group, "video", ())]
    shown += [movie.video for group in plan.groups for movie in getattr(group, "movies", ()) if movie.video]
    return {film.file: film for film in shown}


def _depth(bits: int) -> int:
    return 2 if bits > 8 else 1
