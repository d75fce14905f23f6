"""Rate control: what a job asks of bitrates comes out, and renditions stay aligned whatever is cut in the film."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.mediaconvert import encoders, ffmpeg
from pipeline.local.mediaconvert.plan import analysis_of, plan_job
from pipeline.local.mediaconvert.planned import Picture
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import hevc_rung, job, rung
from tests.local.mediaconvert.test_codecs import shown
from tests.local.mediaconvert.test_plan import source
from tests.local.mediaconvert.test_sounds import done
from tests.local.mediaconvert.tiny_s3 import TinyS3

FRAME = Picture((1280, 720), (1280, 720))


def noisy(folder: Path, seconds: float = 4) -> Path:
    """As many bits as an encoder may take."""
    noise = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d={seconds},noise=alls=40:allf=t")
    return films.make(folder / f"noise-{seconds}.mp4", *noise, *films.X264, "-crf", "10", seconds=seconds)


def average(s3: TinyS3, name: str, seconds: float) -> float:
    sizes = [len(o.body) for key, o in s3.objects.items() if key.startswith(f"out/v/{name}_0") and key.endswith("cmfv")]
    return sum(sizes) * 8 / seconds


def rated(modifier: str, maker=rung, **settings: Any) -> dict[str, Any]:
    output = maker(modifier, 320, 180, **settings)
    [(_, found)] = [item for item in output["VideoDescription"]["CodecSettings"].items() if item[0] != "Codec"]
    if settings["RateControlMode"] == "CBR":
        del found["MaxBitrate"]
    del found["QvbrSettings"]
    return output


@pytest.mark.parametrize("maker", [rung, hevc_rung])
@pytest.mark.parametrize("mode", ["VBR", "CBR"])
@pytest.mark.parametrize("level", ["SINGLE_PASS", "MULTI_PASS_HQ"])
def test_a_bitrate_is_what_comes_out(s3, folder, tmp_path, maker, mode, level):
    output = rated("", maker, RateControlMode=mode, Bitrate=400_000, MaxBitrate=800_000, QualityTuningLevel=level)
    done(s3, job(output), tmp_path, noisy(folder))
    assert average(s3, "stream", 4) == pytest.approx(400_000, rel=0.2)


def test_one_first_pass_serves_all_renditions():
    settings = {"RateControlMode": "VBR", "Bitrate": 400_000, "QualityTuningLevel": "MULTI_PASS_HQ"}
    outputs = [rung(f"_{n}", *size, **settings) for n, size in enumerate(((1280, 720), (640, 360), (320, 180)))]
    analysis = analysis_of(job(*outputs), source())
    assert sum("pass=1:" in word for word in analysis.arguments) == 1
    [scale] = [part for part in " ".join(analysis.arguments).split(";") if "]scale=" in part]
    assert "h=360" in scale and "w=640" in scale
    planned = plan_job(job(*outputs), source())
    assert sum(word == "pass=2:stats=first-pass-0.log" for word in planned.arguments) == 3


def test_quality_has_no_second_pass():
    settings = job(rung("", 640, 360, QualityTuningLevel="MULTI_PASS_HQ"))
    assert analysis_of(settings, source()) is None
    assert "slow" in plan_job(settings, source()).arguments


@pytest.mark.parametrize("seconds", [1, 2, 4])
def test_a_short_film_keeps_its_cap(s3, folder, tmp_path, seconds):
    capped = rung("", 320, 180, MaxBitrate=300_000, QvbrSettings={"QvbrQualityLevel": 10})
    done(s3, job(capped), tmp_path, noisy(folder, seconds))
    assert average(s3, "stream", seconds) < 1.15 * 300_000  # a full buffer would let it be 1.4 and more


@pytest.mark.parametrize(
    "settings, seconds, bufsize, occupancy",
    [
        ({}, 3600, 2_000_000, None),
        ({}, None, 2_000_000, None),
        ({}, 8, 2_000_000, 480_000),
        ({}, 2, 500_000, 120_000),
        ({"HrdBufferSize": 3_000_000, "HrdBufferInitialFillPercentage": 50}, 2, 3_000_000, 1_500_000),
    ],
)
def test_the_buffer_is_as_long_as_the_film_can_pay_back(settings, seconds, bufsize, occupancy):
    options = encoders.rate_options({"MaxBitrate": 1_000_000} | settings, FRAME, seconds)
    assert (options["bufsize"], options.get("rc_init_occupancy")) == (bufsize, occupancy)


def picture_types(path: Path) -> list[tuple[str, int]]:
    entries = ["-select_streams", "v", "-show_entries", "frame=pict_type,key_frame", "-of", "json", str(path)]
    answer = subprocess.run([ffmpeg.ffprobe_path(), "-v", "error", *entries], capture_output=True, check=True)
    return [(frame["pict_type"], frame["key_frame"]) for frame in json.loads(answer.stdout)["frames"]]


@pytest.mark.parametrize("length, keys", [(2, [0, 25, 50, 75, 100, 125]), (3, [0, 25, 50, 75, 100, 125])])
@pytest.mark.parametrize("detect", ["TRANSITION_DETECTION", "ENABLED"])
def test_a_cut_is_an_i_frame_that_moves_no_gop(s3, folder, tmp_path, detect, length, keys):
    shots = [f"{name}=s=320x180:r=25:d=1.6" for name in ("mandelbrot", "testsrc2", "smptebars", "rgbtestsrc")]
    shots[2] = shots[2].replace("smptebars", "smptehdbars")
    inputs = [word for shot in shots[:1] for word in ("-f", "lavfi", "-t", "1.6", "-i", shot.partition(":d=")[0])]
    inputs += [word for shot in shots[1:] for word in ("-f", "lavfi", "-i", shot)]
    joined = (
        "[0]format=yuv420p[a];[1]format=yuv420p[b];[2]format=yuv420p[c];[3]format=yuv420p[d];[a][b][c][d]concat=n=4"
    )
    film = films.make(folder / "shots.mp4", *inputs, "-filter_complex", joined, *films.X264)
    large = rung("_large", 320, 180, SceneChangeDetect=detect)
    small = rung("_small", 160, 90, SceneChangeDetect=detect)
    done(s3, job(large, small, SegmentLength=length), tmp_path, film)
    found = [shown(s3, f"stream_{name}", tmp_path) for name in ("large", "small")]
    for stream in found:
        assert [round(at * 25) for at in stream["keys"]] == [*keys, 150]
    types = picture_types(tmp_path / "stream_large.mp4")
    found_cuts = [at for at, kind in enumerate(types) if kind == ("I", 0)]
    assert found_cuts == [80, 120]  # of the first, from a fractal, x264 predicts enough


@pytest.mark.parametrize(
    "rate, gop, seconds, expected",
    [
        (Fraction(25), 50, 5, [0, 50, 100, 125, 175, 225, 250]),
        (Fraction(30000, 1001), 60, None, [0, 60, 120, 180, 240]),
    ],
)
def test_frames_are_forced_where_gops_and_segments_begin(rate, gop, seconds, expected):
    expression = encoders.scene_cut_options(rate, gop, seconds and Fraction(seconds))["force_key_frames"]
    import math

    python = expression.removeprefix("expr:").replace("not(mod(", "is_zero(mod(")
    words = {"floor": math.floor, "ceil": math.ceil, "mod": lambda a, b: a % b, "is_zero": lambda v: v == 0}
    found = [n for n in range(expected[-1] + 1) if eval(python, {**words, "n": n})]
    assert found == expected
