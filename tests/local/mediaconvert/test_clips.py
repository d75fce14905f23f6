"""Inputs cut by their clippings: to the frame, with the sound that belongs to them."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.mediaconvert import clips, ffmpeg
from pipeline.local.mediaconvert.plan import plan_job
from pipeline.local.mediaconvert.planned import JobRefused
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import job, rung, sound
from tests.local.mediaconvert.test_codecs import shown
from tests.local.mediaconvert.test_plan import NTSC, picture, source, tone
from tests.local.mediaconvert.test_sounds import done, heard, measure

#: A frame's number is its luminance, and every second has a tone of its own.
COUNTED = "nullsrc=s=64x64:r=25:d=4,format=gray,geq=lum='16+2*N',format=yuv420p"
TONES = "aevalsrc='0.5*sin(2*PI*t*(500+500*floor(t)))':s=48000:d=4"


def counted(folder: Path, name: str = "counted.mkv", *more: str) -> Path:
    inputs = ("-f", "lavfi", "-i", COUNTED, "-f", "lavfi", "-i", TONES)
    return films.make(folder / name, *inputs, "-c:v", "libx264", "-qp", "1", "-c:a", "aac", *more)


def cut(settings: dict[str, Any], *pairs: tuple[str | None, str | None], **fields: Any) -> dict[str, Any]:
    names = ("StartTimecode", "EndTimecode")
    clippings = [{n: code for n, code in zip(names, pair, strict=True) if code} for pair in pairs]
    settings["Inputs"][0] |= {"InputClippings": clippings, "TimecodeSource": "ZEROBASED", **fields}
    return settings


def numbers(path: Path) -> list[int]:
    """Of the source's frames that are in a film."""
    command = [ffmpeg.ffmpeg_path(), "-v", "error", "-nostdin", "-i", str(path), "-vf", "scale=1:1:flags=area"]
    data = subprocess.run([*command, "-pix_fmt", "gray", "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    return [round((value - 16) / 2) for value in data]


def assert_shows(path: Path, frames: list[int]) -> None:
    """These frames and no others. An encoder may move a luminance by one, but not all of them one way."""
    errors = [found - frame for found, frame in zip(numbers(path), frames, strict=True)]
    assert max(map(abs, errors)) <= 1 and abs(sum(errors)) / len(errors) <= 0.2, errors


@pytest.mark.parametrize(
    "pairs, fields, frames",
    [
        ([("00:00:01:00", "00:00:01:24")], {}, [*range(25, 50)]),
        ([("00:00:02:10", None)], {}, [*range(60, 100)]),
        ([(None, "00:00:00:09")], {}, [*range(10)]),
        ([("00:00:00:05", "00:00:00:14"), ("00:00:03:00", "00:00:03:09")], {}, [*range(5, 15), *range(75, 85)]),
        (
            [("01:00:01:00", "01:00:01:09")],
            {"TimecodeSource": "SPECIFIEDSTART", "TimecodeStart": "01:00:00:00"},
            [*range(25, 35)],
        ),
    ],
)
def test_clips_are_cut_to_the_frame(s3, folder, tmp_path, pairs, fields, frames):
    settings = cut(job(rung("", 64, 64), sound()), *pairs, **fields)
    said = done(s3, settings, tmp_path, counted(folder))
    durations = [output["durationInMs"] for output in said[-1]["output_group_details"][0]["outputDetails"]]
    assert durations[0] == 40 * len(frames) and 0 <= durations[1] - durations[0] <= 22
    assert not [message for message in said if message["type"] == "warning"]
    shown(s3, "stream", tmp_path)
    assert_shows(tmp_path / "stream.mp4", frames)


def test_the_sound_is_cut_with_the_picture(s3, folder, tmp_path):
    settings = cut(job(rung("", 64, 64), sound()), ("00:00:01:00", "00:00:01:24"), ("00:00:03:00", "00:00:03:24"))
    done(s3, settings, tmp_path, counted(folder))
    path = heard(s3, "stream_audio", tmp_path)
    for begin, frequency in ((0.05, 1000), (1.05, 2000)):
        levels = {}
        for candidate in (500, 1000, 1500, 2000):
            found = measure(path, f"atrim={begin}:{begin + 0.9},bandpass=f={candidate}:w=50,volumedetect")
            levels[candidate] = float(re.search(r"mean_volume: (-?[\d.]+)", found).group(1))
        assert max(levels, key=levels.get) == frequency


def test_embedded_timecodes_are_counted_from_the_sources_first(s3, folder, tmp_path):
    film = counted(folder, "timecode.mov", "-timecode", "10:00:00:00")
    settings = cut(job(rung("", 64, 64)), ("10:00:01:00", "10:00:01:04"), TimecodeSource="EMBEDDED")
    done(s3, settings, tmp_path, film)
    shown(s3, "stream", tmp_path)
    assert_shows(tmp_path / "stream.mp4", [25, 26, 27, 28, 29])


@pytest.mark.parametrize(
    "timecode, rate, frame",
    [
        ("00:00:01:00", Fraction(25), 25),
        ("00:01:00:00", NTSC, 1800),
        ("00:01:00;02", NTSC, 1800),  # ;00 and ;01 of a minute do not exist
        ("00:10:00;00", NTSC, 17982),
        ("00:01:00;04", Fraction(60000, 1001), 3600),
        ("01:00:00:00", Fraction(24000, 1001), 86400),
    ],
)
def test_timecodes_are_frames(timecode, rate, frame):
    assert clips.frame_number(timecode, rate) == frame


@pytest.mark.parametrize(
    "pairs, fields, says",
    [
        ([("00:00:02:00", "00:00:01:00")], {}, r"InputClippings\[0\]: the clip ends before it starts"),
        (
            [("00:00:02:00", "00:00:03:00"), ("00:00:01:00", None)],
            {},
            r"InputClippings\[1\]: the clip starts before the one in front of it ends \(2.000-3.040\)",
        ),
        ([("00:01:00:00", None)], {}, r"the clip 60.000- begins after the source's end at 4.000 s"),
        (
            [("00:00:01:00", None)],
            {"TimecodeSource": "SPECIFIEDSTART", "TimecodeStart": "01:00:00:00"},
            "00:00:01:00 is before the source's first frame",
        ),
    ],
)
def test_clips_that_are_not_there_are_refused(pairs, fields, says):
    with pytest.raises(JobRefused, match=says) as refused:
        plan_job(cut(job(rung("", 320, 180)), *pairs, **fields), source())
    assert refused.value.code == 1040


def test_sound_without_a_picture_is_cut_too():
    planned = plan_job(cut(job(sound()), ("00:00:01:00", "00:00:01:29")), source(tone(index=0)))
    assert planned.duration == pytest.approx(1.0)
    assert "atrim" in " ".join(planned.arguments)


def test_the_promise_is_as_long_as_the_clips():
    settings = cut(job(rung("", 320, 180)), ("00:00:01:00", "00:00:01:24"), ("00:00:03:00", None))
    assert plan_job(settings, source(picture(duration=4.0))).duration == pytest.approx(2.0)
