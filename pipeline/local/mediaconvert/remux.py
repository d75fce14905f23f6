"""Copy what is encoded into files: one command a file, a few hundredths of a second, because nothing is encoded again.

In: a planned `Movie` and the fragmented MP4s of its picture and sounds. Out: arguments for ffmpeg, and how long the
file will be. What can go wrong: nothing here; the caller judges the exit.

The fragmented sounds do not say that their first packets are priming (nothing in them can); they are told to begin
before 0 by that much, for which the muxer writes an edit list. What reaches beyond the picture's end is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from pipeline.local.mediaconvert import cmaf
from pipeline.local.mediaconvert.ffmpeg import INPUT_GUARDS
from pipeline.local.mediaconvert.planned import Movie, MovieSound


def arguments(movie: Movie, seconds: Fraction, work: Path) -> list[str]:
    words = inputs(movie.video.file if movie.video else None, movie.sounds, work)
    words += ["-c", "copy", "-map_metadata", "-1", "-map_chapters", "-1", "-t", f"{float(seconds):.6f}"]
    for number, sound in enumerate(movie.sounds):
        words += [f"-metadata:s:a:{number}", f"language={sound.language}"]
        words += [f"-metadata:s:a:{number}", f"handler_name={sound.label}"] if sound.label else []
        words += [f"-disposition:a:{number}", "0" if number else "default"]
    for name, value in movie.options.items():
        words += [f"-{name}", str(value)]
    return [*words, "-f", movie.muxer, movie.file]


def inputs(video: str | None, sounds: Sequence[MovieSound], work: Path) -> list[str]:
    """All that goes into a file, with its maps; each sound begins so much before 0 as its priming is long."""
    words = _input(video) if video else []
    for sound in sounds:
        words += ["-itsoffset", f"-{float(cmaf.AAC_PRIMING / _clock(work / sound.file)):.9f}", *_input(sound.file)]
    for number in range(len(sounds) + bool(video)):
        words += ["-map", str(number)]
    return words


def seconds(movie: Movie, work: Path) -> Fraction:
    """How long the picture is, or the sound where there is none."""
    files = [movie.video.file] if movie.video else [sound.file for sound in movie.sounds]
    return max((length(work / file, 0 if movie.video else cmaf.AAC_PRIMING) for file in files), default=Fraction(0))


def _input(file: str) -> list[str]:
    guards = [word for name, value in INPUT_GUARDS.items() for word in (f"-{name}", str(value))]
    return [*guards, "-i", f"file:{file}"]


def length(path: Path, priming: int = 0) -> Fraction:
    reader = cmaf.FragmentReader(path)
    ticks = sum(fragment.duration for fragment in reader.advance())
    return Fraction(max(0, ticks - priming), cmaf.media_timescale(reader.moov)) if reader.moov else Fraction(0)


def _clock(path: Path) -> int:
    reader = cmaf.FragmentReader(path)
    reader.advance()
    return cmaf.media_timescale(reader.moov)
