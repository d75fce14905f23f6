"""A short chaos run with a fixed seed, and the scenarios it draws from."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.local.chaos import films, scenarios
from pipeline.local.chaos.films import BAD, GOOD
from pipeline.local.chaos.run import chaos
from pipeline.local.faults import KINDS, NO_FAULTS

SEED, UPLOADS = 11, 14
FILMS = {name: Path(f"{name}.mp4") for name in (*GOOD, *BAD, "other")}


def test_every_promise_is_kept_in_a_short_run(tmp_path: Path):
    outcome = chaos(tmp_path, SEED, range(UPLOADS))
    assert outcome.kept, outcome.tables()
    assert sum(one.real for one in outcome.sent) * 10 >= UPLOADS
    assert len({one.kind for one in outcome.injected}) >= 5


def test_an_upload_is_drawn_from_its_seed_and_number_alone():
    drawn = scenarios.sendings(7, range(300), "films", FILMS)
    assert scenarios.draw(7, 123, "films", FILMS) == drawn[123]
    assert scenarios.draw(8, 123, "films", FILMS) != drawn[123]
    assert sum(one.real for one in drawn) == 30


def test_every_scenario_and_every_kind_is_met_in_a_long_run():
    drawn = scenarios.sendings(7, range(600), "films", FILMS)
    assert {name for one in drawn for name in one.stories} == set(scenarios.SCENARIOS)
    without = {"mediaconvert.unaccelerated"}  # our own jobs do not ask for acceleration
    assert {fault.kind for one in drawn for fault in one.faults} | NO_FAULTS | without == set(KINDS)


def test_the_scenarios_faults_are_valid():
    from pipeline.local.faults import plan_of

    for one in scenarios.sendings(7, range(300), "films", FILMS):
        for fault in one.faults:
            plan_of({"faults": [{"kind": fault.kind, "match": dict(fault.match), **fault.parameters}]}, "scenario")


@pytest.mark.parametrize("name", BAD)
def test_bad_films_are_no_films(name, tmp_path):
    assert films.make_films(tmp_path)[name].stat().st_size < films.make_films(tmp_path)["plain"].stat().st_size
