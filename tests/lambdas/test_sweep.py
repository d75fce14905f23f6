"""sweep: the report comes out, into the log, and as metrics."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from lambdas.sweep.handler import handler
from pipeline.aws import executions
from pipeline.media.errors import ServiceThrottled
from tests.aws.world import refusal
from tests.media.films import upload

pytestmark = pytest.mark.usefixtures("environment", "mediaconvert")
FILM = upload()
SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    monkeypatch.setattr(executions, "running", lambda arn: set())
    monkeypatch.setattr(executions, "start", lambda film, arn: f"{arn}:{film.execution_name}")


def test_the_report_is_returned_logged_and_counted(table, capsys):
    table.register(FILM)
    report = handler({"grace_seconds": 0}, None)
    assert report["counts"] == {"execution started": 1} and report["finished"] and report["trouble"] == []
    logged, metrics, age = map(json.loads, capsys.readouterr().out.splitlines())
    assert logged["did"] == [f"execution started: {FILM.execution_name}"]
    assert (metrics["SweepExecutionStarted"], metrics["SweepTrouble"], metrics["Stack"]) == (1, 0, "Vod")
    (described,) = metrics["_aws"]["CloudWatchMetrics"]
    assert {each["Name"] for each in described["Metrics"]} <= metrics.keys()
    assert age["OldestUnfinished"] == 0
    assert age["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "OldestUnfinished", "Unit": "Seconds"}]


def test_by_the_clock_it_leaves_fresh_work_to_those_who_are_at_it(table):
    table.register(FILM)
    assert handler(SCHEDULED, None)["counts"] == {}


def test_it_stops_before_its_own_time_is_up(table):
    table.register(FILM)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 20_000)
    report = handler({"grace_seconds": 0}, context)
    assert (report["counts"], report["did"], report["trouble"], report["finished"]) == ({}, [], [], False)


def test_where_nothing_can_be_listed_the_next_sweep_comes(monkeypatch):
    def throttled(arn):
        raise refusal("ListExecutions", "ThrottlingException")

    monkeypatch.setattr(executions, "running", throttled)
    with pytest.raises(ServiceThrottled):
        handler(SCHEDULED, None)
