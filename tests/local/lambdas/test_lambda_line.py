"""Who gets a sandbox that has come free."""

from __future__ import annotations

import threading

import pytest

from pipeline.local.lambda_line import TURN, Line


def test_who_waits_for_this_kind_comes_before_who_has_waited_longer():
    line = Line()
    longest, own = line.join("probe"), line.join("publish")
    assert line.next("publish", turns=0) is own
    assert line.next("publish", turns=0) is longest
    assert line.next("publish", turns=0) is None


def test_after_its_turns_a_place_goes_to_who_has_waited_longest():
    line = Line()
    longest, _ = line.join("probe"), line.join("publish")
    assert line.next("publish", turns=TURN) is longest


def test_nobody_waits_for_ever_behind_a_crowd():
    line = Line()
    for _ in range(1000):
        line.join("publish")
    lonely = line.join("probe")
    turns, served = 0, []
    while lonely not in served:
        served.append(line.next("publish", turns))
        turns = turns + 1 if served[-1].kind == "publish" and turns < TURN else 0
    assert len(served) <= 1001  # the crowd came first; what comes to it later does not count


def test_a_crowd_that_grows_keeps_nobody_waiting_for_ever():
    line = Line()
    lonely, turns, served = line.join("probe"), 0, []
    while lonely not in served:
        line.join("publish")
        served.append(line.next("publish", turns))
        turns += 1
    assert len(served) == TURN + 1


@pytest.mark.parametrize("kind", ["probe", "publish"])
def test_within_a_kind_first_come_is_first_served(kind):
    line = Line()
    waiters = [line.join(kind) for _ in range(5)]
    assert [line.pop() for _ in range(5)] == waiters
    assert len(line) == 0
    assert line.pop() is None


def test_a_closed_line_sends_everybody_away_without_a_place():
    line = Line()
    waiter, answers = line.join("probe"), []
    thread = threading.Thread(target=lambda: answers.append(waiter.taken()))
    thread.start()
    line.close()
    thread.join(5)
    assert answers == [None]
