"""What becomes of each film: `python -m bench.films FILM... --out DIR [--players] [--vmaf SECONDS]`.

In: film files. Each goes through the whole pipeline on this machine, one after the other. Out: a few lines a film on
standard output; in DIR `films.json`, per published film a contact sheet (upper row the source as a player shows it,
lower row the top rung, at a tenth, the half and nine tenths) and what viewers get, as files.

    seconds   upload to published; enc is the part that MediaConvert's job took
    memory    peak of the whole process family, and disk, of the run's folder, while the film was on its way
    out       each rendition as ffprobe reads it from the delivered playlists
    off       how much longer or shorter the streams are than the source, in milliseconds
    VMAF      of the top rung against the source scaled to its size (first --vmaf seconds; none where colours changed)
    players   hls.js and Shaka Player in Chromium, three seconds each

A film that is refused is a row too. Exit status 0 whatever became of them: this measures, tests judge.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import m3u8

from pipeline.cli.collect import collect
from pipeline.cli.films import Film, films_from
from pipeline.cli.follow import Follower, Result
from pipeline.cli.world import World, open_world
from pipeline.local.lambda_processes import family_kb
from pipeline.local.mediaconvert import ffmpeg

LOOK_SECONDS = 0.25
#: Our own output is read with the demuxer of playlists, which no film may be.
OURS = ["-protocol_whitelist", "file", "-format_whitelist", "hls,mov,mp4,m4a,3gp,3g2,mj2,webvtt,png,image2,mjpeg"]
THEIRS = ["-protocol_whitelist", "file", "-format_whitelist", ",".join(ffmpeg.FORMATS)]
TONE_MAPPED = ("smpte2084", "arib-std-b67")


@dataclasses.dataclass
class Peak:
    """The highest memory and disk use until the block ends."""

    folder: Path
    memory_mb: float = 0
    disk_mb: float = 0

    def __enter__(self) -> Peak:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            self.memory_mb = max(self.memory_mb, family_kb() / 1024)
            self.disk_mb = max(self.disk_mb, _size_of(self.folder) / 1e6)


def main(argv: list[str] | None = None) -> None:
    options = _options(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as home, open_world(Path(home), None, None, attach=False) as world:
        for film in films_from(options.films):
            rows.append(_through(world, film, options, Path(home)))
            print(block(rows[-1]), flush=True)
    (options.out / "films.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False))


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.films", description=__doc__.splitlines()[0])
    parser.add_argument("films", nargs="+", metavar="FILM")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--players", action="store_true", help="play each published film in Chromium")
    parser.add_argument("--vmaf", type=float, default=20, metavar="SECONDS", help="of each film (20; 0: none)")
    return parser.parse_args(argv)


def _through(world: World, film: Film, options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """One film on its way, and what came of it."""
    source = _streams(film.path, THEIRS)
    with Peak(home) as peak:
        result = _followed(Follower(world, film))
    row = {
        "film": film.name,
        "source": _source_facts(source),
        "status": result.status,
        "why": result.error and f"{result.error.get('code')}: {result.error.get('message')}",
        "seconds": round(result.seconds, 1),
        "encoding_seconds": result.encoding_seconds and round(result.encoding_seconds, 1),
        "memory_mb": round(peak.memory_mb),
        "disk_mb": round(peak.disk_mb),
    }
    if result.status == "published":
        folder = collect(world, result, options.out)
        row |= _delivered(folder, film.path, source, options, f"{options.out / result.asset_id}.png")
        if options.players:
            row["players"] = _played(world, result)
    return row


def _followed(follower: Follower) -> Result:
    follower.upload()
    while follower.result is None:
        time.sleep(LOOK_SECONDS)
        follower.look()
    return follower.result


# --- reading ---------------------------------------------------------------------------------------------------------


def _streams(path: Path, guards: list[str]) -> dict[str, Any]:
    argv = [ffmpeg.ffprobe_path(), "-v", "error", *guards, "-of", "json", "-show_streams", "-show_format", str(path)]
    return json.loads(subprocess.run(argv, capture_output=True, text=True, timeout=120).stdout or "{}")


def _of(probed: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    attached = [one for one in probed.get("streams", []) if one.get("disposition", {}).get("attached_pic")]
    return [one for one in probed.get("streams", []) if one.get("codec_type") == kind and one not in attached]


def _source_facts(probed: dict[str, Any]) -> str:
    video, audio = _of(probed, "video"), _of(probed, "audio")
    words = []
    for one in video[:1]:
        rotation = [side["rotation"] for side in one.get("side_data_list", []) if "rotation" in side]
        words += [
            f"{one.get('codec_name')} {one.get('width')}x{one.get('height')}",
            f"sar {one['sample_aspect_ratio']}" if one.get("sample_aspect_ratio") not in (None, "1:1", "0:1") else "",
            f"turned {rotation[0]}" if rotation else "",
            f"{_rate(one.get('avg_frame_rate')):.5g} fps",
            one.get("pix_fmt", ""),
            one.get("color_transfer", "") if one.get("color_transfer") in TONE_MAPPED else "",
        ]
    words += [f"{one.get('codec_name')} {one.get('channels')} ch" for one in audio] or ["no sound"]
    words.append(f"{float(probed.get('format', {}).get('duration', 0)):.2f} s")
    return " ".join(word for word in words if word)


def _rate(text: str | None) -> float:
    over, _, under = (text or "0/1").partition("/")
    return float(over) / float(under or 1) if float(under or 1) else 0.0


def _delivered(
    folder: Path, film: Path, source: dict[str, Any], options: argparse.Namespace, sheet: str
) -> dict[str, Any]:
    index = m3u8.load(str(folder / "index.m3u8"))
    lists = [folder / one.uri for one in sorted(index.playlists, key=lambda one: -(one.stream_info.bandwidth or 0))]
    pictures = [(path, _streams(path, OURS)) for path in dict.fromkeys(lists)]
    sounds = [_streams(folder / one.uri, OURS) for one in index.media if one.type == "AUDIO" and one.uri]
    length = float(source["format"]["duration"])
    lengths = [float(probed["format"]["duration"]) for probed in [*(probed for _, probed in pictures), *sounds]]
    row = {
        "out": [_rendition(_of(probed, "video")[0]) for _, probed in pictures if _of(probed, "video")],
        "sound": [f"{one.get('codec_name')} {one.get('channels')} ch" for s in sounds for one in _of(s, "audio")],
        "off_ms": [round(1000 * (one - length)) for one in lengths],
    }
    if not row["out"]:
        return row
    top, probed = pictures[0]
    _contact_sheet(film, top, length, sheet)
    changed = any(one.get("color_transfer") in TONE_MAPPED for one in _of(source, "video"))
    if options.vmaf and not changed:
        row["vmaf"] = _vmaf(top, film, _of(source, "video")[0], _of(probed, "video")[0], options.vmaf)
    return row


def _rendition(video: dict[str, Any]) -> str:
    colour = "/".join(str(video.get(f"color_{part}", "?")) for part in ("primaries", "transfer", "space", "range"))
    return (
        f"{video['codec_name']} {video['width']}x{video['height']} sar {video.get('sample_aspect_ratio', '1:1')} "
        f"{_rate(video['avg_frame_rate']):.5g} fps {video['pix_fmt']} {colour}"
    )


# --- looking ---------------------------------------------------------------------------------------------------------


def _vmaf(rung: Path, film: Path, source: dict[str, Any], video: dict[str, Any], seconds: float) -> float | None:
    """Mean VMAF of every third frame; None where ffmpeg could not say.

    What the film does not say of its colours is taken to be what the rung says; ffmpeg alone would take it for BT.601.
    """
    theirs, ours = source.get("color_space", "unknown"), video.get("color_space", "bt709")
    matrices = f"in_color_matrix={ours if theirs == 'unknown' else theirs}:out_color_matrix={ours}"
    size, rate = f"{video['width']}:{video['height']}", video["avg_frame_rate"]
    with tempfile.NamedTemporaryFile(suffix=".json") as log:
        graph = (
            f"[1:v]fps={rate}:start_time=0,scale={size}:flags=bicubic:{matrices},setsar=1,format=yuv420p[r];"
            f"[0:v]setpts=PTS-STARTPTS,format=yuv420p[d];"
            f"[d][r]libvmaf=n_threads=2:n_subsample=3:log_fmt=json:log_path={log.name}"
        )
        _ffmpeg([*OURS, "-t", str(seconds), "-i", str(rung), *THEIRS, "-t", str(seconds), "-i", str(film)], graph)
        text = Path(log.name).read_text()
    return round(json.loads(text)["pooled_metrics"]["vmaf"]["mean"], 2) if text else None


def _contact_sheet(film: Path, rung: Path, length: float, sheet: str) -> None:
    inputs, moments = [], [length * part for part in (0.1, 0.5, 0.9)]
    for path, guards in ((film, THEIRS), (rung, OURS)):
        for moment in moments:
            inputs += [*guards, "-ss", f"{moment:.3f}", "-i", str(path)]
    fit = "scale=400:300:force_original_aspect_ratio=decrease,pad=400:300:-1:-1:gray,setsar=1"
    each = ";".join(f"[{n}:v]{fit},trim=end_frame=1[f{n}]" for n in range(6))
    rows = "[f0][f1][f2]hstack=3[a];[f3][f4][f5]hstack=3[b];[a][b]vstack[out]"
    _ffmpeg(inputs, f"{each};{rows}", ["-map", "[out]", "-frames:v", "1", "-y", sheet])


def _ffmpeg(inputs: list[str], graph: str, output: list[str] | None = None) -> None:
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *inputs, "-filter_complex", graph]
    subprocess.run([*argv, *(output or ["-f", "null", "-"])], timeout=1800)


def _played(world: World, result: Result) -> dict[str, str]:
    """What Chromium made of it, per player: the size and frames that were seen, or what was wrong."""
    from playwright.sync_api import Error, sync_playwright

    from tests.browser import chromium, watching

    film, seen = watching.Film(world.delivery_url, result.asset_id), {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.chromium_path(), headless=True, args=chromium.CHROMIUM_FLAGS
        )
        for player in watching.ENGINES:
            try:
                page = browser.new_page()
                if not result.renditions:  # sound alone
                    watching.open_film(page, film, player)
                    seen[player] = f"sound, {watching.seen(page)['audio']} bytes decoded"
                    continue
                found = watching.watch(page, film, player, min(3, (result.duration_ms or 0) / 2000))
                seen[player] = f"{found['width']}x{found['height']}, {found['frames']} frames"
            except (AssertionError, Error) as problem:
                seen[player] = f"NO: {str(problem)[:200]}"
        browser.close()
    return seen


def _size_of(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
            except OSError:
                continue  # it went while we looked
    return total


# --- saying ----------------------------------------------------------------------------------------------------------


def block(row: dict[str, Any]) -> str:
    """A film in a few lines."""
    off = row.get("off_ms") or [0]
    lines = [
        row["film"],
        f"  source   {row['source']}",
        f"  ended    {row['status']} {row['why'] or ''}",
        f"  took     {row['seconds']} s, encoding {row['encoding_seconds']} s; peak {row['memory_mb']} MB of memory, "
        f"{row['disk_mb']} MB of disk",
    ]
    if "out" in row:
        lines += [f"  out      {one}" for one in row["out"]]
        lines += [f"  sound    {one}" for one in row["sound"]]
        lines += [f"  off      {min(off)} to {max(off)} ms", f"  VMAF     {row.get('vmaf', '-')}"]
    lines += [f"  {player:<8} {said}" for player, said in row.get("players", {}).items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
