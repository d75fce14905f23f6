"""The bench compares like with like: its arithmetic, and how it takes commands apart. Measuring itself is no test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import as_ffmpeg, contenders, measure, quality, sei
from bench.quality import Point
from pipeline.local.mediaconvert import probe
from pipeline.local.mediaconvert.plan import plan_job
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import job, rung, sound

LADDER = job(rung("_a", 320, 180), rung("_b", 160, 90, MaxBitrate=500_000), sound())


def match(tmp_path: Path) -> contenders.Match:
    film = films.plain(tmp_path)
    facts = probe.read_facts(film, "s3://films/plain.mp4")
    return contenders.Match(film, facts, LADDER, plan_job(LADDER, facts), tmp_path)


# --- the same options for all ----------------------------------------------------------------------------------------


def test_each_rendition_has_its_own_words_of_the_command(tmp_path):
    found = match(tmp_path)
    first, second = found.renditions
    assert set(found.sections) == {first.file, second.file}
    options = [contenders.encoder_options(found.sections[one.file]) for one in (first, second)]
    for words, rendition in zip(options, (first, second), strict=True):
        assert words[words.index("-maxrate") + 1] == str(rendition.max_bitrate)
        assert "-c:v" in words and "-map" not in words and "-movflags" not in words


def test_shaka_streamers_options_give_way_to_ours():
    theirs = (
        "-y -i film.mp4 -map 0:v:0 -preset slow -flags +loop -profile:v high -pix_fmt yuv420p -flags +cgop -an "
        "-c:v libx264 -b:v 3M -f mp4 -movflags +frag_keyframe -frag_duration 4000000.0 -keyint_min 120 -g 120 "
        "-vf scale=-2:720,setsar=1:1 pipe1 -map 0:a:0 -vn -ac 2 -c:a aac -b:a 128k pipe2"
    ).split()
    ours = ["-c:v", "libx264", "-crf", "22", "-g", "60"]
    made = as_ffmpeg.rewritten(theirs, {"720": ours})
    assert " ".join(ours) in " ".join(made) and "slow" not in made and "3M" not in made
    assert made.count("-c:v") == 1 and "pipe1" in made and "-b:a" in made and "-movflags" in made


def test_every_contender_encodes_with_the_same_options(tmp_path):
    found = match(tmp_path)
    contenders.raw_pictures(found)
    subprocess.run(contenders.raw_pictures(found).argv, check=True, cwd=tmp_path, timeout=60)
    used = {}
    for name in ("engine", "floor", "separate"):
        folder = tmp_path / name
        folder.mkdir()
        cost = measure.run(contenders.CONTENDERS[name](found, folder), folder)
        assert cost.cpu > 0.05 and cost.wall > 0.05
        used[name] = sei.read(folder)
    assert len(used["engine"]) == 2 and all("rc=crf" in options for options in used["engine"])
    sei.check(used)
    assert bench._packaging(tmp_path / "engine") > 0
    arrivals = bench._arrivals(tmp_path / "engine" / "out", 0)
    assert 0 < arrivals["first_segment"] <= arrivals["playable"]


def test_options_that_differ_are_named():
    with pytest.raises(sei.OptionsDiffer, match=r"a and b differ: \['ref=3'\] against \['ref=5'\]"):
        sei.check({"a": {"cabac=1 ref=3"}, "b": {"cabac=1 ref=5"}})
    with pytest.raises(sei.OptionsDiffer, match="2 renditions against 1"):
        sei.check({"a": {"ref=3", "ref=1"}, "b": {"ref=5"}})


# --- what things cost ------------------------------------------------------------------------------------------------


def test_orphans_are_counted_too(tmp_path):
    """A shell that leaves a busy child behind and ends at once."""
    burn = f"{sys.executable} -c 'import time; t=time.process_time()\nwhile time.process_time() - t < 0.6: pass' &"
    cost = measure.run([measure.Command(["/bin/sh", "-c", burn], str(tmp_path))], tmp_path)
    assert cost.cpu > 0.5


def test_memory_is_what_all_hold_together(tmp_path):
    hold = "import os, time; os.fork(); held = bytearray(os.urandom(1) * (60 << 20)); time.sleep(1.5)"
    cost = measure.run([measure.Command([sys.executable, "-c", hold], str(tmp_path))], tmp_path)
    assert 120 < cost.peak_mb < 400


def test_a_command_that_fails_is_told(tmp_path):
    with pytest.raises(measure.CommandFailed, match="out of order"):
        measure.run([measure.Command(["/bin/sh", "-c", "echo out of order; exit 3"], str(tmp_path))], tmp_path)


def test_a_run_is_done_once_for_the_same_film_and_code(tmp_path):
    done = []

    def work() -> dict:
        done.append(1)
        return {"cpu": 1.0}

    for fingerprint in ("a", "a", "b"):
        assert bench.Runs(tmp_path / "runs.jsonl", fingerprint, fresh=False).once("x", work) == {"cpu": 1.0}
    assert len(done) == 2
    bench.Runs(tmp_path / "runs.jsonl", "a", fresh=True).once("x", work)
    assert len(done) == 3


def test_ratios_are_taken_within_a_round():
    rounds = [{"engine": {"cpu": 2.0}, "floor": {"cpu": 1.0}}, {"engine": {"cpu": 9.0}, "floor": {"cpu": 6.0}}]
    assert bench.ratios(rounds, "floor", "cpu") == [2.0, 1.5]


# --- bits at equal quality -------------------------------------------------------------------------------------------


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(f"p{kbps}", kbps, vmaf) for kbps, vmaf in pairs]


def test_a_frontier_leaves_out_what_another_beats_in_both():
    assert [p.kbps for p in quality.frontier(points((100, 50), (200, 40), (300, 90), (250, 90)))] == [100, 250]


def test_bits_between_two_points_are_interpolated_logarithmically():
    ladder = points((100, 40), (400, 60))
    assert quality.kbps_for(50, ladder) == pytest.approx(200)
    assert quality.kbps_for(39.9, ladder) is None and quality.kbps_for(60.1, ladder) is None


def test_the_ratio_is_that_of_bits_where_both_have_the_quality():
    theirs = points((200, 40), (400, 60), (800, 80))
    half = points((50, 20), (100, 40), (200, 60), (250, 70))
    ratio, low, high = quality.ratio_at_equal_vmaf(half, theirs)
    assert (low, high) == (40, 70) and 0.4 < ratio < 0.51
    assert quality.ratio_at_equal_vmaf(points((1, 10), (2, 20)), theirs) is None


def test_the_table_says_what_was_not_reached():
    run = {"cpu": 10.0, "wall": 5.0, "peak_mb": 900.0, "load": 0.2, "packaging_cpu": 0.1}
    slow = {name: run | {"cpu": cpu} for name, cpu in (("engine", 12.0), ("floor", 10.0), ("shaka", 13.0))}
    results = {
        "source": "film", "machine": "machine", "parts": {"decode": 1.0},
        "speed": {"rounds": [slow], "same_x264_options": ["engine", "floor", "shaka"]},
    }  # fmt: skip
    text = bench.table(json.loads(json.dumps(results)))
    assert "| floor | 1.200 (1.200 to 1.200) | 1.000 (1.000 to 1.000) | cpu at most 1.05: not reached |" in text
    assert "cpu at most 1.0: reached; wall at most 0.8: not reached" in text
