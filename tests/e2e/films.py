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
    """Sound with a cover, which is a stream of type video in the file."""
    cover = make(folder, "cover.png", *picture("300x300", 1, "1"), "-frames:v", "1")
    maps = ["-map", "0", "-map", "1", "-disposition:v", "attached_pic", "-id3v2_version", "3"]
    return make(folder, "song.mp3", *sound(), "-i", str(cover), *maps, "-c:a", "libmp3lame", "-c:v", "copy")


def subtitles_alone(folder: Path) -> Path:
    text = written(folder, "words.srt", b"1\n00:00:00,000 --> 00:00:03,000\nHello\n")
    return make(folder, "words.mp4", "-i", str(text), "-c:s", "mov_text")


def subtitled(folder: Path) -> Path:
    """French text in a track of its own, as editors export it; MediaConvert does not read it."""
    text = written(folder, "words.srt", b"1\n00:00:00,000 --> 00:00:03,000\nBonjour\n")
    tracks = ["-map", "0", "-map", "1", "-map", "2", "-c:s", "mov_text", "-metadata:s:s:0", "language=fra"]
    return make(folder, "subtitled.mp4", *picture(), *sound(), "-i", str(text), *tracks, *H264, *AAC)


def dubbed(folder: Path) -> Path:
    """English in 5.1, French in the spelling of older files, and a second English track."""
    tracks = ["-map", "0", "-map", "1", "-map", "1", "-map", "1", "-ac:a:0", "6"]
    names = [f"-metadata:s:a:{n}=language={code}" for n, code in enumerate(("eng", "fre", "eng"))]
    words = [word for name in names for word in name.split("=", 1)]
    return make(folder, "dubbed.mkv", *picture(), *sound(), *tracks, *words, *H264, *AAC)


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
