"""Bits and VMAF: what a ladder's renditions cost and how they look on a screen of the source's size.

In: renditions as files, the source. Out: `Point`s (kb/s of pictures, VMAF mean), the frontier they span, and the ratio
of two ladders' bits at equal VMAF. VMAF v0.6.1 by libvmaf in imageio-ffmpeg, every nth frame, pictures scaled up to the
source (bicubic, as players do). Nothing is extrapolated: where one ladder has no point as good or as bad as the other,
the comparison says so. What can go wrong: `CannotCompare`, a source in HDR or turned, where the reference would have to
be converted by the thing that is judged.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import m3u8

from pipeline.local.mediaconvert import ffmpeg
from pipeline.local.mediaconvert.probe import SourceFacts

#: AWS's Video on Demand solution v6.1.13, the rungs of its MediaConvert template: height, bits per second, GOP of 3 s.
AWS_RUNGS = ((1080, 8_500_000), (720, 6_000_000), (540, 3_500_000), (360, 1_500_000), (270, 400_000))


class CannotCompare(Exception):
    """This source cannot be its own reference."""


@dataclasses.dataclass(frozen=True)
class Point:
    name: str
    kbps: float
    vmaf: float


def check_source(facts: SourceFacts) -> None:
    track = facts.video[0]
    if track.is_hdr or track.rotation or track.interlaced or track.sample_aspect != 1:
        raise CannotCompare("the source is HDR, turned, interlaced or anamorphic: VMAF would judge its conversion")


def renditions_of(folder: Path, whole: Path) -> list[tuple[str, Path]]:
    """Each video rendition of an HLS multivariant playlist as one file in `whole`, best first."""
    [top] = [path for path in folder.rglob("*.m3u8") if "#EXT-X-STREAM-INF" in path.read_text()]
    found = {}
    for variant in m3u8.load(str(top)).playlists:
        path = top.parent / variant.uri
        playlist = m3u8.load(str(path))
        parts = [playlist.segment_map[0].uri, *(segment.uri for segment in playlist.segments)]
        target = whole / f"{path.stem}.mp4"
        target.write_bytes(b"".join((path.parent / part).read_bytes() for part in parts))
        found[path.stem] = (variant.stream_info.resolution[1], target)
    return [(name, path) for name, (_, path) in sorted(found.items(), key=lambda item: -item[1][0])]


def aws_commands(source: Path, facts: SourceFacts, rate: Fraction, folder: Path) -> list[tuple[str, list[str]]]:
    """AWS's ladder spending its nominal rates: x264's average bitrate with that rate as its VBV's, preset medium."""
    track, gop = facts.video[0], round(3 * rate)
    made = []
    for height, bits in AWS_RUNGS:
        if height > track.height:
            continue
        width = round(track.width * height / track.height / 2) * 2
        options = ["-c:v", "libx264", "-preset", "medium", "-b:v", bits, "-maxrate", bits, "-bufsize", 2 * bits]
        options += ["-g", gop, "-keyint_min", gop, "-sc_threshold", 0, "-pix_fmt", "yuv420p", "-an"]
        scale = ["-vf", f"fps={rate},scale={width}:{height}:flags=lanczos,setsar=1"]
        words = ["-nostdin", "-v", "error", "-y", "-i", source, *scale, *options, folder / f"aws_{height}p.mp4"]
        made.append((f"aws_{height}p", [ffmpeg.ffmpeg_path(), *map(str, words)]))
    return made


def measure(name: str, file: Path, source: Path, facts: SourceFacts, rate: Fraction, every: int) -> Point:
    track = facts.video[0]
    log = file.with_suffix(".vmaf.json")
    judged = f"[0:v]fps={rate}:start_time=0,scale={track.width}:{track.height}:flags=bicubic,format=yuv420p[made]"
    original = f"[1:v]fps={rate}:start_time=0,format=yuv420p[source]"
    vmaf = f"[made][source]libvmaf=n_threads=2:n_subsample={every}:shortest=1:log_fmt=json:log_path={log.name}"
    command = [ffmpeg.ffmpeg_path(), "-nostdin", "-v", "error", "-i", str(file), "-i", str(source)]
    command += ["-lavfi", f"{judged};{original};{vmaf}", "-f", "null", "-"]
    subprocess.run(command, check=True, cwd=file.parent, stdin=subprocess.DEVNULL)
    seconds = _seconds(file)
    return Point(
        name, _picture_bytes(file) * 8 / seconds / 1000, json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"]
    )


def _seconds(file: Path) -> float:
    return sum(duration for duration, _ in _packets(file))


def _picture_bytes(file: Path) -> int:
    return sum(size for _, size in _packets(file))


def _packets(file: Path) -> list[tuple[float, int]]:
    show = ["-select_streams", "v:0", "-show_entries", "packet=duration_time,size", "-of", "json"]
    answer = subprocess.run([ffmpeg.ffprobe_path(), "-v", "error", *show, str(file)], capture_output=True, check=True)
    return [(float(one["duration_time"]), int(one["size"])) for one in json.loads(answer.stdout)["packets"]]


# --- frontiers -------------------------------------------------------------------------------------------------------


def frontier(points: Sequence[Point]) -> list[Point]:
    """Those that no other point beats in both: more bits always look better along it."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.kbps, -point.vmaf)):
        if not best or point.vmaf > best[-1].vmaf:
            best.append(point)
    return best


def kbps_for(vmaf: float, points: Sequence[Point]) -> float | None:
    """Bits that a ladder needs for this quality: between two of its points, logarithmically; None beyond its ends."""
    edge = frontier(points)
    for low, high in itertools.pairwise(edge):
        if low.vmaf <= vmaf <= high.vmaf:
            share = (vmaf - low.vmaf) / (high.vmaf - low.vmaf)
            return math.exp(math.log(low.kbps) * (1 - share) + math.log(high.kbps) * share)
    return None


def ratio_at_equal_vmaf(
    ours: Sequence[Point], theirs: Sequence[Point], steps: int = 50
) -> tuple[float, float, float] | None:
    """(mean ratio of bits, from which VMAF, to which): the geometric mean over the qualities that both ladders have."""
    low = max(frontier(ours)[0].vmaf, frontier(theirs)[0].vmaf)
    high = min(frontier(ours)[-1].vmaf, frontier(theirs)[-1].vmaf)
    if high <= low:
        return None
    wanted = [low + (high - low) * step / steps for step in range(steps + 1)]
    logs = [math.log(a / b) for v in wanted if (a := kbps_for(v, ours)) and (b := kbps_for(v, theirs))]
    return (math.exp(sum(logs) / len(logs)), low, high) if logs else None
