"""Films for the end-to-end tests, made by ffmpeg: small, so that the whole path takes seconds."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.local.mediaconvert.ffmpeg import ffmpeg_path


def make(folder: Path, name: str, *arguments: str) -> Path:
    """Run ffmpeg with these arguments and the film's path last; the film."""
    film = folder / name
    if not film.exists():
        film.parent.mkdir(parents=True, exist_ok=True)
        argv = [str(ffmpeg_path()), "-y", "-nostdin", "-hide_banner", "-loglevel", "error", *arguments, str(film)]
        subprocess.run(argv, check=True, timeout=120)
    return film


def picture(size: str = "480x270", seconds: float = 3, rate: str = "30") -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]


def sound(seconds: float = 3, channels: str = "stereo") -> list[str]:
    return ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds},aformat=channel_layouts={channels}"]


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
AAC = ["-c:a", "aac"]


def plain(folder: Path, seconds: float = 3) -> Path:
    return make(folder, f"plain-{seconds}.mp4", *picture(seconds=seconds), *sound(seconds), *H264, *AAC)


def silent(folder: Path) -> Path:
    return make(folder, "silent.mp4", *picture(), *H264)


def turned(folder: Path) -> Path:
    """A phone's film: 480x270 in the file, a quarter turn in its header, 270x480 for whoever watches."""
    upright = make(folder, "turned-source.mp4", *picture(), *sound(), *H264, *AAC)
    return make(folder, "turned.mp4", "-display_rotation", "90", "-i", str(upright), "-c", "copy")


def song(folder: Path) -> Path:
    return make(folder, "song.mp3", *sound(), "-c:a", "libmp3lame")


def cut_short(folder: Path) -> Path:
    """A fast-start MP4 whose header promises ten seconds and whose bytes end after a third."""
    whole = make(folder, "whole.mp4", *picture(seconds=10), *sound(10), *H264, *AAC, "-movflags", "+faststart")
    film = folder / "cut-short.mp4"
    film.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    return film


def without_index(folder: Path) -> Path:
    """An MP4 whose index stood at the end and is gone: an upload that stopped."""
    whole = make(folder, "index-last.mp4", *picture(seconds=4), *H264)
    film = folder / "without-index.mp4"
    film.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return film


def strange_codec(folder: Path) -> Path:
    """A real film in a codec that MediaConvert does not list among its inputs."""
    return make(folder, "strange.avi", *picture(), "-c:v", "ffvhuff")


def written(folder: Path, name: str, content: bytes) -> Path:
    film = folder / name
    film.write_bytes(content)
    return film
