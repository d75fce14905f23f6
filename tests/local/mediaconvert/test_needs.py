"""What a job needs of disk and memory: estimated from its plan, told on the job, and refused where it is not there."""

from __future__ import annotations

import shutil
from typing import NamedTuple

import pytest

from pipeline.local.mediaconvert import needs, plan, probe
from tests.local.mediaconvert import films
from tests.local.mediaconvert.conftest import create
from tests.local.mediaconvert.test_probe import facts, stream

GB = 10**9


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def source(seconds: float = 7200.0, width: int = 1920, height: int = 1080) -> probe.SourceFacts:
    sound = {"index": 1, "codec_type": "audio", "codec_name": "aac", "channels": 2, "sample_rate": "48000"}
    track = stream(width=width, height=height, duration=str(seconds))
    return facts(track, {**sound, "duration": str(seconds)})


def needed(job: dict, of: probe.SourceFacts) -> needs.Needs:
    return needs.of_job(of, plan.plan_job(job, of), job)


def test_the_most_is_the_source_and_every_picture_and_sound_at_its_rate():
    job = films.job(films.rung("_a", 1280, 720, MaxBitrate=4_000_000), films.sound())
    of = source()
    found = needed(job, of)
    assert found.disk == pytest.approx(of.size + (4_000_000 + 96_000) / 8 * 7200 * needs.MUXING, rel=0.001)
    assert of.size < found.disk_least < found.disk


def test_a_file_is_one_copy_more_of_a_picture_that_is_encoded_once():
    rung = films.rung("_a", 1280, 720, MaxBitrate=4_000_000)
    alone = needed(films.job(rung), source()).disk
    download = films.movie("_download", 1280, 720, MaxBitrate=4_000_000)
    both = needed(films.job(rung, groups=(download,)), source()).disk
    copies = (both - alone) / (4_000_000 / 8 * 7200)
    assert 1 <= copies <= 2.2


def test_memory_grows_with_the_pictures_and_not_with_the_length():
    small, large = films.job(films.rung("_a", 640, 360)), films.job(films.rung("_a", 1920, 1080))
    assert needed(small, source()).memory < needed(large, source()).memory < needed(large, source(width=3840)).memory
    assert needed(large, source(60.0)).memory == needed(large, source(7200.0)).memory


def test_a_job_tells_what_it_needs(client, events):
    job_id = create(client, "input-needs-complete")["Id"]
    events.wait_for("COMPLETE")
    [info] = client.get_job(Id=job_id)["Job"]["Messages"]["Info"]
    assert info.startswith("The job needs up to 3.0 GB of disk (")
    assert info.endswith(" are free) and about 0.6 GB of memory")


def test_a_job_that_the_disk_cannot_hold_is_refused_before_it_begins(client, events):
    job_id = create(client, "input-hugeneeds-moment-complete")["Id"]
    error = events.wait_for("ERROR", job_id=job_id)
    assert error["errorCode"] == 1507
    assert error["errorMessage"].startswith("Disk full: the job needs 1000000.0 GB at ")
    assert " are free" in error["errorMessage"]


def test_a_job_that_may_fill_the_disk_runs_with_a_warning(client, events):
    job_id = create(client, "input-roughneeds-complete")["Id"]
    events.wait_for("COMPLETE")
    [warning] = client.get_job(Id=job_id)["Job"]["Messages"]["Warning"]
    assert warning.startswith("The disk may become full: the job needs up to")


def test_what_running_jobs_were_promised_is_not_free(start_service, serve, events, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(3 * GB, 0, int(1.5 * GB)))
    client = serve(start_service(workers=2))
    create(client, "needs-input-hang")
    events.wait_for("INPUT_INFORMATION")
    second = create(client, "needs-moment-complete")["Id"]
    error = events.wait_for("ERROR", job_id=second)
    assert error["errorCode"] == 1507
    assert "promised to running jobs" in error["errorMessage"]
