"""Histories that are looked at again and again."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from pipeline.aws import histories
from pipeline.aws.histories import Descriptions, Histories
from tests.aws.world import refusal

AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ARN = "arn:aws:states:us-east-1:123456789012:execution:Vod:film-1"


class Steps:
    """GetExecutionHistory over a growing list, page by page; what was asked is kept."""

    class exceptions:
        class ExecutionDoesNotExist(Exception):
            pass

    def __init__(self):
        self.events: list[dict[str, Any]] | None = []
        self.asked: list[tuple[bool, int]] = []

    def grow(self, count: int) -> None:
        first = len(self.events) + 1
        self.events += [{"id": number, "timestamp": AT, "type": "T"} for number in range(first, first + count)]

    def get_paginator(self, name):
        assert name == "get_execution_history"
        return self

    def paginate(self, executionArn, PaginationConfig, reverseOrder=False):
        if self.events is None:
            raise self.exceptions.ExecutionDoesNotExist
        events, size = (self.events[::-1] if reverseOrder else self.events), PaginationConfig["PageSize"]
        for start in range(0, max(1, len(events)), size):
            page = events[start : start + size]
            self.asked.append((reverseOrder, len(page)))
            yield {"events": page}


@pytest.fixture
def steps(monkeypatch):
    fake = Steps()
    monkeypatch.setattr(histories, "client", lambda service: fake)
    return fake


def ids(events: list[dict[str, Any]]) -> list[int]:
    return [event["id"] for event in events]


def test_a_long_history_is_read_once_and_then_only_its_news(steps):
    kept = Histories()
    steps.grow(2500)
    assert ids(kept.events(ARN)) == list(range(1, 2501))
    assert steps.asked == [(False, 1000), (False, 1000), (False, 500)]
    steps.asked.clear()
    steps.grow(3)
    assert ids(kept.events(ARN)) == list(range(1, 2504))
    assert steps.asked == [(True, 100)]
    assert ids(kept.events(ARN)) == list(range(1, 2504))


def test_news_of_several_pages_are_joined_without_a_gap(steps):
    kept = Histories()
    steps.grow(2)
    kept.events(ARN)
    steps.grow(350)
    assert ids(kept.events(ARN)) == list(range(1, 353))


def test_an_execution_that_nobody_knows_has_no_events(steps):
    steps.events = None
    assert Histories().events(ARN) == []


def test_only_the_histories_looked_at_last_are_kept(steps):
    kept = Histories()
    steps.grow(1)
    for number in range(histories.KEPT + 5):
        kept.events(f"{ARN}{number}")
    assert len(kept._known) == histories.KEPT


def test_an_execution_that_has_ended_is_described_once(monkeypatch):
    asked = []
    answers = {"ended": {"status": "SUCCEEDED"}, "runs": {"status": "RUNNING"}, "forgotten": None}
    monkeypatch.setattr(histories, "find", lambda arn: asked.append(arn) or answers[arn])
    known = Descriptions()
    for now in (0, 1, 9, 11):
        for arn in answers:
            assert known.of(arn, "t1", now) == answers[arn]
    assert (asked.count("ended"), asked.count("runs"), asked.count("forgotten")) == (1, 2, 1)
    known.of("ended", "t2", 12)  # its record changed: it may have been redriven
    assert asked.count("ended") == 2


def test_a_passing_fault_leaves_what_is_known_and_is_not_remembered(monkeypatch):
    answers = iter(
        [{"status": "RUNNING"}, refusal("DescribeExecution", "ThrottlingException"), {"status": "SUCCEEDED"}]
    )

    def find(arn):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(histories, "find", find)
    known = Descriptions()
    assert [known.of(ARN, "t", now)["status"] for now in (0, 11, 12)] == ["RUNNING", "RUNNING", "SUCCEEDED"]


def test_a_refusal_is_told(monkeypatch):
    def refuse(arn):
        raise refusal("DescribeExecution", "AccessDeniedException")

    monkeypatch.setattr(histories, "find", refuse)
    with pytest.raises(Exception, match="AccessDenied"):
        Descriptions().of(ARN, "t", 0)
