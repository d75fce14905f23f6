"""MediaConvert's own faults, each by itself: requests, waiting, workers, outputs, events."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from pipeline.local.mediaconvert import faults, jobs
from pipeline.local.mediaconvert.errors import InternalServerErrorException, TooManyRequestsException
from pipeline.local.mediaconvert.process import WorkerDied

JOB = jobs.from_request(
    {
        "Role": "arn:aws:iam::123456789012:role/x",
        "Settings": {"Inputs": [{"FileInput": "s3://films/x.mov"}]},
        "UserMetadata": {"asset_id": "film-1", "attempt": "1"},
    },
    "arn:aws:mediaconvert:us-east-1:123456789012:queues/Default",
    "arn:aws:mediaconvert:us-east-1:123456789012",
)
COMPLETE = {"type": "complete", "output_group_details": []}


class Says:
    """A hook that has these effects at one point, and remembers what it was asked."""

    def __init__(self, point: str, *effects: dict):
        self.point, self.effects, self.asked = point, effects, []

    def __call__(self, point, facts):
        self.asked.append((point, facts))
        return self.effects if point == self.point else ()


class Worker:
    def __init__(self, *messages):
        self.said, self.killed = messages, False

    def messages(self):
        for message in self.said:
            if self.killed:
                raise WorkerDied("killed")
            yield message

    def kill(self):
        self.killed = True

    def stop(self):
        self.killed = True

    def close(self):
        return 0


@pytest.mark.parametrize(
    ("kind", "error"),
    [("mediaconvert.throttle", TooManyRequestsException), ("mediaconvert.fault", InternalServerErrorException)],
)
def test_a_request_is_refused(kind, error):
    hook = Says("mediaconvert.request", {"kind": kind})
    request = {"Settings": JOB.settings, "UserMetadata": dict(JOB.user_metadata)}
    with pytest.raises(error):
        faults.before(hook, "CreateJob", request)
    assert hook.asked[0][1] == {
        "operation": "CreateJob", "input": "s3://films/x.mov", "asset_id": "film-1", "attempt": "1"
    }  # fmt: skip


def test_an_answer_is_lost_after_the_work():
    with pytest.raises(InternalServerErrorException):
        faults.after(Says("mediaconvert.answer", {"kind": "mediaconvert.lost_answer"}), "CreateJob", {})


def test_a_job_stays_submitted_for_a_while_or_for_ever():
    released = threading.Event()
    hook = Says("mediaconvert.submit", {"kind": "mediaconvert.stuck", "seconds": 0.05})
    assert faults.holds(hook, JOB, released.set) and released.wait(2)
    released.clear()
    for_ever = Says("mediaconvert.submit", {"kind": "mediaconvert.stuck", "seconds": None})
    assert faults.holds(for_ever, JOB, released.set) and not released.wait(0.1)
    assert not faults.holds(faults.nothing, JOB, released.set)


def test_a_job_ends_in_the_error_of_the_plan_without_a_worker():
    effect = {"kind": "mediaconvert.error", "code": 1040, "message": "No"}
    worker = faults.FaultyWorker([effect], lambda: pytest.fail("a worker was started"))
    assert list(worker.messages()) == [{"type": "error", "code": 1040, "message": "No"}]


def test_a_slow_job_takes_longer_unless_it_is_cancelled():
    slow = {"kind": "mediaconvert.slow", "seconds": 0.2}
    began = time.monotonic()
    assert list(faults.FaultyWorker([slow], lambda: Worker(COMPLETE)).messages()) == [COMPLETE]
    assert time.monotonic() - began >= 0.2
    worker = faults.FaultyWorker([slow | {"seconds": 60}], lambda: pytest.fail("a worker was started"))
    threading.Timer(0.05, worker.stop).start()
    with pytest.raises(WorkerDied):
        list(worker.messages())


def test_a_worker_is_killed_at_work():
    worker = faults.FaultyWorker([{"kind": "mediaconvert.worker_kill"}], lambda: Worker({"type": "progress"}, COMPLETE))
    with pytest.raises(WorkerDied):
        list(worker.messages())


def test_the_engine_is_made_to_die_of_the_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import subprocess

    monkeypatch.setenv("VOD_FFMPEG", "")
    monkeypatch.delenv("VOD_FFMPEG")
    faults.break_engine([{"kind": "mediaconvert.engine_crash", "signal": "SIGSEGV"}], tmp_path)
    import os

    dying = os.environ["VOD_FFMPEG"]
    assert subprocess.run([dying, "-version"], capture_output=True, check=False).returncode == 0
    assert subprocess.run([dying, "-progress", "-"], capture_output=True, check=False).returncode == -11
    monkeypatch.delenv("VOD_FFMPEG")


NAMES = (
    "stream_180p_000000001.cmfv stream_180p_000000002.cmfv stream_90p_000000001.cmfv stream_audio_000000001.cmfa "
    "stream_180pinit.cmfv stream_180p.m3u8 stream_90p.m3u8 stream.mpd stream.m3u8 poster.0000000.jpg"
).split()


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("segment", {"stream_180p_000000001.cmfv": None}),
        ("empty_segment", {"stream_180p_000000001.cmfv": 0}),
        ("cut_segment", {"stream_180p_000000001.cmfv": 5}),
        (
            "rendition",
            dict.fromkeys(("stream_180p_000000001.cmfv", "stream_180p_000000002.cmfv", "stream_180pinit.cmfv")),
        ),
        ("playlist", {"stream_180p.m3u8": None}),
        ("cut_playlist", {"stream_180p.m3u8": 5}),
        ("manifest", {"stream.mpd": None}),
    ],
)
def test_half_outputs(part, changed):
    class Uploader:
        written: dict[str, int] = {}  # noqa: RUF012

        def submit(self, bucket, key, read):
            self.written[key.removeprefix("a/")] = len(read())

    uploader = Uploader()
    uploader.written = {}
    spoilt = faults.spoil([{"kind": "mediaconvert.half_output", "part": part}], uploader)
    for name in NAMES:
        spoilt.submit("bucket", f"a/{name}", lambda: b"0123456789")
    whole = dict.fromkeys(NAMES, 10)
    assert uploader.written == {name: size for name, size in (whole | changed).items() if size is not None}
    assert faults.spoil([], uploader) is uploader


def emitted(*effects_of_first: dict) -> list[str]:
    """What arrives of PROGRESSING and COMPLETE when these effects strike PROGRESSING."""
    arrived = []

    def hook(point, facts):
        return effects_of_first if facts["status"] == "PROGRESSING" else ()

    emit = faults.Emitting(lambda kind, detail, resources: arrived.append(detail["status"]), hook)
    for status in ("PROGRESSING", "COMPLETE"):
        emit("x", {"jobId": "1", "status": status, "userMetadata": {}}, [])
    time.sleep(0.3)
    return arrived


@pytest.mark.parametrize(
    ("effect", "arrived"),
    [
        ({"kind": "mediaconvert.event_lost"}, ["COMPLETE"]),
        ({"kind": "mediaconvert.event_duplicate", "times": 2}, ["PROGRESSING"] * 3 + ["COMPLETE"]),
        ({"kind": "mediaconvert.event_late", "seconds": 0.1}, ["COMPLETE", "PROGRESSING"]),
        ({"kind": "mediaconvert.event_reordered", "seconds": 5}, ["COMPLETE", "PROGRESSING"]),
        ({"kind": "mediaconvert.event_reordered", "seconds": 0.05}, ["COMPLETE", "PROGRESSING"]),
    ],
)
def test_events_go_wrong(effect, arrived):
    assert emitted(effect) == arrived


def test_a_hook_whose_plan_is_away_is_not_asked():
    class Away(Says):
        active = False

    hook = Away("mediaconvert.event", {"kind": "mediaconvert.event_lost"})
    arrived = []
    emit = faults.Emitting(lambda *event: arrived.append(event), hook)
    emit("x", {"jobId": "1", "status": "COMPLETE"}, [])
    assert arrived and not faults.holds(hook, JOB, lambda: None) and not hook.asked
