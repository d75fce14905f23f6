"""The films that chaos uploads: made by ffmpeg, two seconds long, and some that are no films.

In: a folder. Out: files by name. Same instructions, same films; `other` and `plain` differ in their bytes only, so that
a replaced source is noticed by its version and not by its shape.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.local.mediaconvert.ffmpeg import ffmpeg_path

GOOD = ("plain", "silent", "tall")
BAD = ("text", "cut", "empty")
_SOUND = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2", "-c:a", "aac"]
_TIMEOUT_SECONDS = 120


class FilmNotMade(Exception):
    """ffmpeg could not make one of the films; the message holds its last words."""


def make_films(folder: Path) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    films = {
        "plain": _make(folder / "plain.mp4", "320x180", _SOUND),
        "silent": _make(folder / "silent.mp4", "320x180", []),
        "tall": _make(folder / "tall.mp4", "180x320", _SOUND),
        "other": _make(folder / "other.mp4", "320x180", [*_SOUND, "-metadata", "comment=another"]),
    }
    whole = films["plain"].read_bytes()
    bad = {"text": b"This is no film.\n" * 100, "cut": whole[: len(whole) // 3], "empty": b""}
    for name, data in bad.items():
        films[name] = folder / f"{name}.mp4"
        films[name].write_bytes(data)
    return films


def _make(film: Path, size: str, more: list[str]) -> Path:
    inputs = more[:4] if more else []
    argv = [
        str(ffmpeg_path()), "-y", "-nostdin", "-hide_banner", "-loglevel", "error",
        "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=30:duration=2", *inputs,
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *more[4:], str(film),
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    if done.returncode:
        raise FilmNotMade(f"{film.name}: ffmpeg ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return film
