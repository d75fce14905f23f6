"""The bench: `make bench`, or `python -m bench [--source FILM] [--seconds N] [--rounds N] [--out DIR]`. Not a test.

In: a film, or none (then one is made). Out: tables on standard output; in DIR `results.json`, every single run in
`runs.jsonl`, and each contender's last output. A run that is in `runs.jsonl` is not done again: a bench that was
interrupted goes on; `--fresh` begins anew. What can go wrong: a contender that fails is told and left out of the
tables; contenders whose x264 options differ end the bench, since then its times would mean nothing.

Contenders run in turn within a round (A B C D, A B C D), and what is compared is the median of the rounds' ratios: a
machine that grows busy slows all of one round. The load beside each run is shown; above about 1 do not believe it.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench import contenders, measure, quality, sei
from pipeline.local.mediaconvert import ffmpeg, probe
from pipeline.local.mediaconvert.plan import plan_job
from pipeline.local.mediaconvert.planned import JobRefused
from pipeline.media.asset import Upload
from pipeline.media.job import plan_for, profile_named
from pipeline.media.source import Source

#: What the engine is held to, against each contender: CPU and wall at most this many times theirs.
TARGETS = {("floor", "cpu"): 1.05, ("shaka", "cpu"): 1.0, ("shaka", "wall"): 0.8}
BIT_TARGETS = {"default": 0.5, "per-title": 0.4}


def main() -> int:
    options = _arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    source = _source(options)
    runs = Runs(options.out / "runs.jsonl", _fingerprint(source, options), options.fresh)
    facts = probe.read_facts(source, "s3://bench/film")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.memory) as raw:
        match = _match(source, facts, Path(raw), profile_named("default"))
        results = {"machine": _machine(), "source": _described(source, facts), "rounds": options.rounds}
        if not options.quality_only:
            results["speed"] = _speed(match, options, runs)
            results["x264"] = sorted(sei.read(options.out / "engine" / "out"))
            results["parts"] = _parts(match, options, runs)
        if not options.no_quality:
            results["quality"] = _quality(match, options, runs)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(table(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the engine against its rivals")
    parser.add_argument("--source", type=Path, help="a film; without one, ten seconds are made")
    parser.add_argument("--seconds", type=float, help="only this much of the film, from its beginning")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(".bench"))
    parser.add_argument("--memory", default="/dev/shm" if Path("/dev/shm").is_dir() else None, help="for raw pictures")
    parser.add_argument("--every", type=int, default=3, help="frames between those that VMAF looks at, plus one")
    parser.add_argument("--no-quality", action="store_true", help="times only")
    parser.add_argument("--quality-only", action="store_true", help="bits and VMAF only")
    parser.add_argument("--fresh", action="store_true", help="forget earlier runs")
    options = parser.parse_args()
    options.out = options.out.absolute()
    return options


# --- the source and the job ------------------------------------------------------------------------------------------


def _source(options: argparse.Namespace) -> Path:
    if options.source is None:
        film = options.out / "generated.mp4"
        return film if film.exists() else _generated(film, options.seconds or 10)
    if options.seconds is None:
        return options.source.absolute()
    cut = options.out / f"{options.source.stem}-{options.seconds:g}s.mp4"
    words = ["-i", options.source, "-t", options.seconds, "-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", cut]
    _run(words)
    return cut


def _generated(film: Path, seconds: float) -> Path:
    """Three shots with cuts between them: a zoom into a fractal, a moving test card, cells with grain; and a tone."""
    part = seconds / 3
    size, rate = "1920x1080", 30
    shots = [
        f"mandelbrot=size={size}:rate={rate}:maxiter=200",
        f"testsrc2=size={size}:rate={rate},noise=alls=6:allf=t",
        f"cellauto=size=480x270:rate={rate}:rule=110,scale=1920:1080:flags=neighbor,gblur=2,noise=alls=10:allf=t",
    ]
    inputs = [word for shot in shots for word in ("-f", "lavfi", "-t", part, "-i", shot)]
    joined = "".join(f"[{n}:v]format=yuv420p,setsar=1[v{n}];" for n in range(3)) + "[v0][v1][v2]concat=n=3:v=1:a=0[v]"
    sound = ["-f", "lavfi", "-t", seconds, "-i", "sine=frequency=330:sample_rate=48000"]
    encoded = ["-c:v", "libx264", "-preset", "fast", "-crf", 14, "-c:a", "aac", "-ac", 2, "-movflags", "+faststart"]
    _run([*inputs, *sound, "-filter_complex", joined, "-map", "[v]", "-map", "3:a", *encoded, film])
    return film


def _run(words: list[Any]) -> None:
    command = [ffmpeg.ffmpeg_path(), "-nostdin", "-v", "error", "-y", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _settings(source: Path, facts: probe.SourceFacts, profile: Any) -> dict[str, Any]:
    """The streams of a profile, without posters and thumbnails, which no rival makes."""
    upload = Upload("bench", "uploads/film", None, "etag", facts.size, "0", "film", "0")
    found = Source.from_probe(probe.probe_result(facts), source.name)
    settings = copy.deepcopy(plan_for(upload, found, "bench", profile).streams)
    groups = settings["OutputGroups"]
    settings["OutputGroups"] = [g for g in groups if g["OutputGroupSettings"]["Type"] == "CMAF_GROUP_SETTINGS"]
    for name in ("ImageBasedTrickPlay", "ImageBasedTrickPlaySettings"):
        settings["OutputGroups"][0]["OutputGroupSettings"]["CmafGroupSettings"].pop(name, None)
    return settings


def _match(source: Path, facts: probe.SourceFacts, raw: Path, profile: Any) -> contenders.Match:
    settings = _settings(source, facts, profile)
    return contenders.Match(source, facts, settings, plan_job(settings, facts), raw)


def _fingerprint(source: Path, options: argparse.Namespace) -> str:
    """Of the film and of the code that is measured: results of either's past are not mixed in."""
    digest = hashlib.sha256(source.read_bytes())
    for folder in ("pipeline/local/mediaconvert", "pipeline/media", "bench"):
        for path in sorted((measure.ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return f"{digest.hexdigest()[:16]}-{options.every}"


class Runs:
    """Every run there ever was, by what it measured; a line each."""

    def __init__(self, path: Path, fingerprint: str, fresh: bool) -> None:
        self._path, self._fingerprint = path, fingerprint
        if fresh:
            path.unlink(missing_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        known = [json.loads(line) for line in lines]
        self._known = {run["key"]: run["value"] for run in known if run["of"] == fingerprint}

    def once(self, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if key not in self._known:
            self._known[key] = work()
            line = json.dumps({"of": self._fingerprint, "key": key, "value": self._known[key], "at": time.time()})
            with self._path.open("a") as file:
                file.write(line + "\n")
        return self._known[key]


# --- speed -----------------------------------------------------------------------------------------------------------


def _speed(match: contenders.Match, options: argparse.Namespace, runs: Runs) -> dict[str, Any]:
    names = [name for name in contenders.CONTENDERS if not _left_out(name)]
    rounds: list[dict[str, dict[str, Any]]] = []
    for number in range(options.rounds):
        rounds.append({})
        for name in names:
            key = f"round {number} {name}"
            folder = options.out / name
            rounds[-1][name] = runs.once(key, lambda name=name, folder=folder: _contend(match, name, folder))
            run = rounds[-1][name]
            told = f"{run['cpu']:.1f} s CPU, {run['wall']:.1f} s wall, {run['peak_mb']:.0f} MB, load {run['load']:.1f}"
            print(f"{key}: {told}", file=sys.stderr, flush=True)
    options_used = {name: sei.read(options.out / name) for name in names if (options.out / name).exists()}
    sei.check(options_used)
    return {"rounds": rounds, "same_x264_options": sorted(options_used)}


def _left_out(name: str) -> bool:
    if why := contenders.missing(name):
        print(f"{name} is left out: {why}", file=sys.stderr)
    return bool(why)


def _contend(match: contenders.Match, name: str, folder: Path) -> dict[str, Any]:
    if name == "floor":
        _prepare_raw(match)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    commands = contenders.CONTENDERS[name](match, folder)
    started = time.time()
    run = dataclasses.asdict(measure.run(commands, folder))
    return {**run, **_arrivals(folder / "out", started), "packaging_cpu": _packaging(folder)}


def _prepare_raw(match: contenders.Match) -> None:
    """Once: the floor's pictures stay in memory for all rounds."""
    if any(match.raw.iterdir()):
        return
    needed, free = contenders.raw_bytes(match, match.facts.duration or 0), shutil.disk_usage(match.raw).free
    if needed > 0.8 * free:
        sys.exit(f"the floor needs {needed / 1e9:.1f} GB at {match.raw}, {free / 1e9:.1f} are free; use --seconds")
    command = contenders.raw_pictures(match)
    subprocess.run(command.argv, check=True, cwd=command.cwd, stdin=subprocess.DEVNULL)


def _arrivals(out: Path, started: float) -> dict[str, float]:
    """When the first segment was whole, and when a player could have begun: the manifests are there, for good."""
    files = [path for path in out.rglob("*") if path.is_file()] if out.exists() else []
    segments = [path for path in files if path.suffix in (".cmfv", ".m4s", ".mp4") and "init" not in path.name]
    manifests = [path for path in files if path.suffix in (".m3u8", ".mpd")]
    found = {}
    if segments and manifests:
        found["first_segment"] = min(path.stat().st_mtime for path in segments) - started
        found["playable"] = max(path.stat().st_mtime for path in manifests) - started
    return found


def _packaging(folder: Path) -> float | None:
    """CPU seconds of packaging: ours is counted inside, Shaka Packager's by the shell that started it."""
    if (folder / "work" / "packaging.json").exists():
        return json.loads((folder / "work" / "packaging.json").read_text())["cpu"]
    if (folder / "packager.times").exists():
        children = (folder / "packager.times").read_text().splitlines()[1].split()
        return sum(int(m) * 60 + float(s) for m, s in (word.rstrip("s").split("m") for word in children))
    return None


# --- where the rest goes ---------------------------------------------------------------------------------------------


def _parts(match: contenders.Match, options: argparse.Namespace, runs: Runs) -> dict[str, float]:
    """CPU seconds of what is beside x264: decoding, scaling, sound, each by itself."""
    guards = ["-i", str(match.source)]
    start = [ffmpeg.ffmpeg_path(), "-nostdin", "-v", "error", "-y"]
    scaled = contenders.raw_pictures(match).argv
    to_null = ["-" if word.endswith(".yuv") else "null" if word == "rawvideo" else word for word in scaled]
    commands = {
        "decode": [*start, *guards, "-map", "0:v:0", "-f", "null", "-"],
        "decode and scale": to_null,
        "sound": [*start, *guards, "-map", "0:a:0?", "-c:a", "aac", "-b:a", "128k", "-f", "null", "-"],
    }
    if not match.facts.audio:
        del commands["sound"]
    folder = options.out / "parts"
    folder.mkdir(exist_ok=True)
    found = {}
    for name, argv in commands.items():
        once = runs.once(
            f"part {name}",
            lambda argv=argv: dataclasses.asdict(measure.run([measure.Command(argv, str(folder))], folder)),
        )
        found[name] = once["cpu"]
    return found


# --- quality ---------------------------------------------------------------------------------------------------------


def _quality(match: contenders.Match, options: argparse.Namespace, runs: Runs) -> dict[str, Any]:
    try:
        quality.check_source(match.facts)
    except quality.CannotCompare as error:
        return {"left_out": str(error)}
    rate = max(rendition.frame_rate for rendition in match.renditions)
    found: dict[str, Any] = {"ladders": {}, "left_out": {}}
    default = profile_named("default")
    for name, profile in (("default", default), ("per-title", dataclasses.replace(default, per_title=True))):
        try:
            found["ladders"][name] = runs.once(
                f"quality {name}", lambda name=name, profile=profile: _ladder(match, name, profile, rate, options)
            )
        except (JobRefused, measure.CommandFailed) as error:
            found["left_out"][name] = str(error).strip().splitlines()[-1]
    found["ladders"]["aws"] = runs.once("quality aws", lambda: _aws(match, rate, options))
    points = {name: [_point(p) for p in ladder["points"]] for name, ladder in found["ladders"].items()}
    found["ratios"] = {
        name: quality.ratio_at_equal_vmaf(points[name], points["aws"]) for name in points if name != "aws"
    }
    return found


def _ladder(
    match: contenders.Match, name: str, profile: Any, rate: Fraction, options: argparse.Namespace
) -> dict[str, Any]:
    folder = options.out / f"ladder-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "whole").mkdir(parents=True)
    settings = _settings(match.source, match.facts, profile)
    run = measure.run(contenders.engine(dataclasses.replace(match, settings=settings), folder), folder)
    files = quality.renditions_of(folder / "out", folder / "whole")
    return {"cpu": run.cpu, "points": _points(files, match, rate, options)}


def _aws(match: contenders.Match, rate: Fraction, options: argparse.Namespace) -> dict[str, Any]:
    folder = options.out / "ladder-aws"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    commands = quality.aws_commands(match.source, match.facts, rate, folder)
    run = measure.run([measure.Command(argv, str(folder)) for _, argv in commands], folder)
    files = [(name, folder / f"{name}.mp4") for name, _ in commands]
    nominal = {f"aws_{height}p": bits / 1000 for height, bits in quality.AWS_RUNGS}
    points = _points(files, match, rate, options)
    # Its nominal rate is what an owner of that ladder pays for, whatever this film made of it.
    return {"cpu": run.cpu, "points": [p | {"kbps": nominal[p["name"]], "spent": p["kbps"]} for p in points]}


def _points(
    files: list[tuple[str, Path]], match: contenders.Match, rate: Fraction, options: argparse.Namespace
) -> list[dict[str, Any]]:
    made = [quality.measure(n, path, match.source, match.facts, rate, options.every) for n, path in files]
    return [dataclasses.asdict(point) for point in made]


# --- the table -------------------------------------------------------------------------------------------------------


def ratios(rounds: list[dict[str, dict[str, Any]]], rival: str, what: str) -> list[float]:
    """The engine's cost over the rival's, round by round."""
    return [one["engine"][what] / one[rival][what] for one in rounds if rival in one]


def table(results: dict[str, Any]) -> str:
    lines = [f"# Bench of {results['source']}", "", results["machine"], ""]
    if "speed" in results:
        lines += _speed_table(results["speed"], results["parts"])
    if "quality" in results:
        lines += _quality_table(results["quality"])
    return "\n".join(lines)


def _speed_table(speed: dict[str, Any], parts: dict[str, float]) -> list[str]:
    rounds = speed["rounds"]
    lines = [f"{len(rounds)} rounds in turn; x264's own options, read from the pictures, are the same in "
             f"{', '.join(speed['same_x264_options'])}.", "",
             "| | CPU s | wall s | peak MB | packaging CPU s | first segment s | playable s | load beside |",
             "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for name in rounds[0]:
        cells = [_median(rounds, name, what) for what in ("cpu", "wall", "peak_mb")]
        cells += [_median(rounds, name, what) for what in ("packaging_cpu", "first_segment", "playable", "load")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| engine over | CPU | wall | target |", "|---|---|---|---|"]
    for rival in list(rounds[0])[1:]:
        found = {what: ratios(rounds, rival, what) for what in ("cpu", "wall")}
        cells = [f"{statistics.median(r):.3f} ({min(r):.3f} to {max(r):.3f})" for r in found.values()]
        lines.append(f"| {rival} | {' | '.join(cells)} | {_verdicts(rival, found)} |")
    beside = {**parts, "packaging": statistics.median(one["engine"]["packaging_cpu"] for one in rounds)}
    told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in beside.items())
    return [*lines, "", f"CPU seconds beside x264, each measured alone: {told}.", ""]


def _median(rounds: list[dict[str, dict[str, Any]]], name: str, what: str) -> str:
    values = [one[name][what] for one in rounds if one[name].get(what) is not None]
    return f"{statistics.median(values):.2f}" if values else "-"


def _verdicts(rival: str, found: dict[str, list[float]]) -> str:
    said = []
    for what, values in found.items():
        if (rival, what) in TARGETS:
            most = TARGETS[rival, what]
            reached = statistics.median(values) <= most
            said.append(f"{what} at most {most}: {'reached' if reached else 'not reached'}")
    return "; ".join(said) or "-"


def _quality_table(found: dict[str, Any]) -> list[str]:
    if "ladders" not in found:
        return [f"No VMAF: {found['left_out']}.", ""]
    lines = ["| ladder | rendition | kb/s | VMAF | on its frontier |", "|---|---|---|---|---|"]
    for name, ladder in found["ladders"].items():
        edge = {p.name for p in quality.frontier([_point(p) for p in ladder["points"]])}
        for point in ladder["points"]:
            spent = f" (spent {point['spent']:.0f})" if "spent" in point else ""
            on_edge = "yes" if point["name"] in edge else "no"
            lines.append(f"| {name} | {point['name']} | {point['kbps']:.0f}{spent} | {point['vmaf']:.2f} | {on_edge} |")
    lines += ["", "| ladder | bits over AWS's at equal VMAF | between VMAF | all rungs' bits over AWS's | target |",
              "|---|---|---|---|---|"]  # fmt: skip
    whole = {name: sum(p["kbps"] for p in ladder["points"]) for name, ladder in found["ladders"].items()}
    for name, ratio in found["ratios"].items():
        equal, between = (f"{ratio[0]:.3f}", f"{ratio[1]:.1f} and {ratio[2]:.1f}") if ratio else ("no overlap", "-")
        target = BIT_TARGETS[name]
        verdict = "reached" if ratio and ratio[0] <= target else "not reached"
        lines.append(f"| {name} | {equal} | {between} | {whole[name] / whole['aws']:.3f} | {target}: {verdict} |")
    heads = " | ".join(f"{name}, bits over nominal" for name in found["ratios"])
    lines += ["", f"| at the quality of | VMAF | {heads} |", f"|---|---|{'---|' * len(found['ratios'])}"]
    for rung in map(_point, found["ladders"]["aws"]["points"]):
        ladders = [[_point(p) for p in found["ladders"][name]["points"]] for name in found["ratios"]]
        needed = [quality.kbps_for(rung.vmaf, ladder) for ladder in ladders]
        cells = [f"{kbps / rung.kbps:.3f}" if kbps else "beyond its ends" for kbps in needed]
        lines.append(f"| {rung.name} | {rung.vmaf:.2f} | {' | '.join(cells)} |")
    lines += [f"\n{name} is left out: {why}" for name, why in found["left_out"].items()]
    return [*lines, ""]


def _point(point: dict[str, Any]) -> quality.Point:
    return quality.Point(point["name"], point["kbps"], point["vmaf"])


def _described(source: Path, facts: probe.SourceFacts) -> str:
    track = facts.video[0]
    size = f"{track.width} x {track.height}, {float(track.frame_rate or 0):.2f} frames a second"
    return (
        f"{source.name}: {facts.duration or 0:.2f} s, {size}, {facts.size * 8 / 1e6 / (facts.duration or 1):.1f} Mb/s"
    )


def _machine() -> str:
    ours, version = platform.machine(), ffmpeg.inspect(ffmpeg.ffmpeg_path()).version
    return f"{os.cpu_count()} cores, {ours}, Python {platform.python_version()}, ffmpeg {version}"


if __name__ == "__main__":
    sys.exit(main())
