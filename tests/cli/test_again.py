"""What operators let the pipeline do once more: one run, many of them, dead letters, a window of time."""

from __future__ import annotations

import datetime
import json

import pytest

from pipeline.aws import operate as work
from pipeline.aws.window import Failed, Unstarted
from pipeline.cli import again
from tests.cli.test_operate import here, vod  # noqa: F401  (the fixture: which pipeline is spoken to)
from tests.media.films import upload

NOON = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)


def test_retry_says_how_the_run_goes_on(capsys, monkeypatch):
    monkeypatch.setattr(work, "retry", lambda name, place: {"execution": "film-1-r2", "how": "started anew"})
    assert vod(capsys, "retry", "film-1") == (0, "started anew: film-1-r2")


# Many at once --------------------------------------------------------------------------------------------------------

RUNS = [
    Failed("a-1-r1", "uploads/a.mp4", "TRANSCODE_FAILED", "2026-11-23T11:00:00.000Z", None),
    Failed("b-1-r1", "uploads/b.mp4", "TRANSCODE_FAILED", "2026-11-23T10:00:00.000Z", "b-2-r1"),
    Failed("c-1-r1", "uploads/c.mp4", None, "2026-11-23T09:00:00.000Z", None),
]


@pytest.fixture
def asked(monkeypatch) -> list:
    """What window.failed was asked for, and which runs were tried again."""
    calls: list = []
    monkeypatch.setattr(again.window, "failed", lambda place, window, code: calls.append((window, code)) or RUNS)

    def retry(name: str, place: object) -> dict:
        calls.append(name)
        if name == "c-1-r1":
            raise work.NotNow("c-1-r1 is transcoding")
        return {"execution": name, "how": "redriven"}

    monkeypatch.setattr(work, "retry", retry)
    return calls


def test_many_runs_are_only_listed_until_somebody_says_yes(capsys, asked):
    status, said = vod(capsys, "retry", "--since", "2026-11-23T08:00Z", "--code", "TRANSCODE_FAILED")
    ((window, code),) = asked
    assert status == 0 and code == "TRANSCODE_FAILED" and window.since == NOON - datetime.timedelta(hours=4)
    assert said.splitlines() == [
        "2026-11-23 11:00:00  a-1-r1  TRANSCODE_FAILED  uploads/a.mp4",
        "2026-11-23 10:00:00  b-1-r1  TRANSCODE_FAILED  uploads/b.mp4  (a newer upload has come)",
        "2026-11-23 09:00:00  c-1-r1    uploads/c.mp4",
        "2 runs would be tried again: say --yes",
    ]


def test_one_that_cannot_be_tried_again_keeps_nobody_else_and_is_told_by_the_exit_status(capsys, asked):
    status, said = vod(capsys, "retry", "--since", "2026-11-23", "--until", "2026-11-23T12:00Z", "--yes", "--json")
    told = json.loads(said)
    assert status == 1 and told["counts"] == {"redriven": 1, "left": 1} and told["done"]
    assert asked[0][0].until == NOON and asked[1:] == ["a-1-r1", "c-1-r1"]
    assert [run["how"] for run in told["runs"]] == [
        "redriven",
        "a newer upload has come",
        "not now: c-1-r1 is transcoding",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["retry"], "Name an asset or an execution"),
        (["retry", "film-1", "--since", "2h"], "Name an asset or an execution"),
        (["retry", "film-1", "--yes"], "go with --since"),
        (["retry", "--since", "1h", "--until", "2h"], "before it begins"),
        (["replay", "--until", "1h"], "go with --since"),
        (["replay", "--no-letters"], "go with --since"),
        (["replay", "record", "--since", "1h"], "the sweep finds by itself"),
        (["replay", "--since", "soon"], "no moment"),
    ],
)
def test_options_that_do_not_go_together_are_a_wrong_command_line(capsys, words, says):
    try:
        status, said = vod(capsys, *words)
    except SystemExit as ended:  # argparse's own
        status, said = ended.code, capsys.readouterr().err
    assert status == 2 and says in said


# Dead letters and windows --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("queue", "expected"), [("jobs", {"jobs": 2}), ("all", dict.fromkeys(again.QUEUES, 2))])
def test_replay_sends_each_queues_letters_to_where_they_came_from(capsys, monkeypatch, queue, expected):
    sent = []
    for way in ("to_queue", "to_function"):
        monkeypatch.setattr(again.replay, way, lambda dead, goal, tell: sent.append((dead, goal)) or 2)
    told = json.loads(vod(capsys, "replay", queue, "--json")[1])
    assert told == {"dry_run": False, "letters": expected, "missed": {}}
    assert sent == [(f"{name}-dead", name) for name in expected]


@pytest.fixture
def lost(monkeypatch) -> list:
    """A window with one upload and one answer that were lost, and what was sent."""
    sent: list = []
    film = Unstarted(upload(key="uploads/a.mp4"), {"event": "a"}, NOON, "never heard of")
    job = {"Id": "job-1", "Status": "COMPLETE"}
    monkeypatch.setattr(again.window, "unstarted", lambda *arguments: iter([film]))
    monkeypatch.setattr(again.window, "unheard", lambda *arguments: iter([(film.upload, job)]))
    monkeypatch.setattr(again.existing, "send", lambda url, events, tell: sent.append((url, list(events))))
    monkeypatch.setattr(again.transcoder, "post_answer", lambda job, url: sent.append((url, job["Id"])))
    for way in ("to_queue", "to_function"):
        monkeypatch.setattr(again.replay, way, lambda dead, goal, tell: sent.append((dead, goal)) or 1)
    monkeypatch.setattr(again.replay, "waiting", lambda url: 3)
    return sent


def test_a_window_is_sent_once_more_beside_the_dead_letters(capsys, lost):
    status, said = vod(capsys, "replay", "jobs", "--since", "2h")
    assert status == 0 and lost == [("jobs-dead", "jobs"), ("jobs", "job-1")]
    assert said.splitlines()[0] == "jobs: 1 dead letters sent once more"
    assert said.splitlines()[-1] == "1 jobs whose end nobody heard sent once more"


def test_a_window_can_be_sent_without_the_dead_letters(capsys, lost):
    status, said = vod(capsys, "replay", "--since", "2h", "--no-letters")
    assert status == 0 and lost == [("uploads", [{"event": "a"}]), ("jobs", "job-1")]
    assert "2026-11-23T12:00:00Z" in said and "uploads/a.mp4  (never heard of)" in said


def test_a_dry_run_sends_nothing(capsys, lost):
    status, said = vod(capsys, "replay", "--since", "2h", "--dry-run", "--json")
    told = json.loads(said)
    assert status == 0 and lost == [] and told["dry_run"] and told["letters"]["sweep"] == 3
    assert told["missed"]["jobs"][0]["job_id"] == "job-1" and told["missed"]["uploads"][0]["film"] == "uploads/a.mp4"


def test_ingest_says_how_many_films_it_announced(capsys, monkeypatch):
    monkeypatch.setattr(again.existing, "announce", lambda *arguments: {"sent": 4, "left_out": 1})
    status, said = vod(capsys, "ingest", "uploads/old/")
    assert status == 0 and said.startswith("4 films announced; 1 objects are no films")


def test_a_prefix_outside_uploads_is_a_mistake(capsys):
    status, said = vod(capsys, "ingest", "a/")
    assert status == 2 and "uploads/" in said


FOUND = {
    "films": 30,
    "known": 2,
    "new": 28,
    "left_out": 3,
    "bytes": 3 * 2**30,
    "profile": "default",
    "currency": "USD",
    "sampled": {
        "films": 10,
        "bytes": 2**30,
        "duration_ms": 600_000,
        "predicted": 0.5,
        "whole": False,
        "rejected": {"INPUT_EMPTY": 1},
    },
    "estimate": 1.5,
}


@pytest.fixture
def looked(monkeypatch) -> list:
    """What library.looked_at was asked for; announcing is a mistake."""
    calls: list = []
    monkeypatch.setattr(again.library, "plan_settings", lambda arn: "as the deployment plans")
    monkeypatch.setattr(again.library, "looked_at", lambda *arguments: calls.append(arguments[:4]) or FOUND)
    monkeypatch.setattr(again.existing, "announce", lambda *arguments: pytest.fail("announced"))
    return calls


def test_a_dry_ingest_says_how_many_and_what_it_may_cost(capsys, looked):
    status, said = vod(capsys, "ingest", "uploads/old/", "--dry-run")
    assert status == 0 and looked[0][1:] == ("uploads/old/", "as the deployment plans", 10)
    assert said.splitlines() == [
        "28 films would start, 3.00 GiB; 2 came in before and would not; 3 objects are no films",
        "probed 10 of them: 10.0 minutes of film, 0.5000 USD in profile default, without what has no known price",
        "  1 of these would be rejected: INPUT_EMPTY",
        "all together: about 1.5000 USD, if the rest are as these are, byte for byte (--sample N probes more)",
        "nothing was announced: leave out --dry-run to begin",
    ]


def test_a_dry_ingest_may_probe_more_or_nothing(capsys, looked):
    status, said = vod(capsys, "ingest", "uploads/", "--dry-run", "--sample", "0", "--json")
    assert (status, looked[0][3]) == (0, 0) and json.loads(said)["new"] == 28
    assert vod(capsys, "ingest", "uploads/", "--sample", "3")[0] == 2
