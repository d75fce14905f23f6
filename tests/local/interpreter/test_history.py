"""The history by itself: one end, and not more events than Step Functions allows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline.local.emulators.history import MAX_EVENTS, History, HistoryFull


def _context() -> SimpleNamespace:
    return SimpleNamespace(source_event_id=0, last_published_event_id=0)


def test_events_are_numbered_and_chained() -> None:
    history, context = History(), _context()
    history.add_event(context, "PassStateEntered", {"stateEnteredEventDetails": {"name": "A"}})
    history.add_event(context, "PassStateExited")
    assert [(event["id"], event["previousEventId"]) for event in history.events] == [(1, 0), (2, 1)]


def test_nothing_is_written_after_the_end() -> None:
    history, context = History(), _context()
    history.end("ABORTED", context, None, "E", None)
    history.add_event(context, "TaskSucceeded")
    assert [event["type"] for event in history.events] == ["ExecutionAborted"]
    assert history.events[0]["executionAbortedEventDetails"] == {"error": "E"}


def test_only_end_writes_an_end() -> None:
    history, context = History(), _context()
    history.add_event(context, "ExecutionFailed")
    assert history.events == []


def test_the_25000th_event_is_the_failure() -> None:
    history, context = History(), _context()
    with pytest.raises(HistoryFull):
        while True:
            history.add_event(context, "ChoiceStateEntered")
    assert history.full == "The execution reached the maximum number of history events (25000)."
    history.end("FAILED", context, None, "States.Runtime", history.full)
    assert history.events[-1]["id"] == MAX_EVENTS == 25_000
    assert history.events[-1]["previousEventId"] == 24_999
