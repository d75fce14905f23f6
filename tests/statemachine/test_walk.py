"""Every arrow of statemachine/vod.asl.json is walked, the red ones too, by the interpreter that runs it on a laptop.

The runs are made from the file (walks.py), what they have walked is read from their histories (arrows.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.local.interpreter.world import Ended, World
from tests.statemachine.arrows import arrows_of, red_box, visits_of, walked
from tests.statemachine.scripted import definition, serving
from tests.statemachine.walks import MACHINE, STATES, TASKS, WALKS, Walk

AT_ONCE = 16


@dataclass(frozen=True)
class Walked:
    first: Ended
    redriven: Ended | None

    @property
    def last(self) -> Ended:
        return self.redriven or self.first


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Walked]]:
    """All walks, a few at a time."""
    with serving(tmp_path_factory.mktemp("home")) as world:
        arn = world.steps.create_state_machine(
            name="vod", definition=definition(), roleArn="arn:aws:iam::123456789012:role/test"
        )["stateMachineArn"]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ended = pool.map(lambda walk: _run(world, arn, walk), WALKS.values())
            yield dict(zip(WALKS, ended, strict=True))


def _run(world: World, arn: str, walk: Walk) -> Walked:
    upload = {"asset_id": walk.name, "version": "v", "revision": 1}
    first = world.wait(world.start(arn, {"upload": upload}))
    if walk.redriven is None:
        return Walked(first, None)
    assert first.status == "FAILED", walk.says
    world.steps.redrive_execution(executionArn=first.arn)
    return Walked(first, world.wait(first.arn))


def _ending(ended: Ended) -> str:
    """The Succeed state of a green execution, the red box of a red one."""
    if ended.status == "SUCCEEDED":
        return visits_of(ended.events)[-1].name
    return red_box(ended.events)


@pytest.mark.parametrize("name", WALKS)
def test_it_ends_where_the_file_says(runs: dict[str, Walked], name: str) -> None:
    walk, run = WALKS[name], runs[name]
    assert _ending(run.first) == walk.ends, run.first.cause
    assert (run.first.status == "FAILED") == (walk.ends in TASKS)


@pytest.mark.parametrize("name", [walk.name for walk in WALKS.values() if walk.redriven])
def test_a_red_one_is_red_at_the_box_that_failed_with_its_error_and_a_redrive_goes_on_there(
    runs: dict[str, Walked], name: str
) -> None:
    walk, first, again = WALKS[name], runs[name].first, runs[name].redriven
    last_failure = visits_of(first.events)
    failed = next(visit for visit in last_failure if visit.name == walk.ends)
    assert first.error == failed.failures[-1] and failed.failed_at
    assert not any(kind.startswith("FailState") for kind in first.types)
    assert (again.status, _ending(again)) == ("SUCCEEDED", walk.redriven)
    entered = [visit.name for visit in visits_of(again.events)]
    assert entered.count(walk.ends) == 1 and len(set(entered)) == len(entered), "nothing is entered twice"


def test_no_error_goes_unnoticed(runs: dict[str, Walked]) -> None:
    """Each failure a script has is in the history, under its name or one that its rule stands for."""
    for name, run in runs.items():
        failures = {visit.name: visit.failures for visit in visits_of(run.last.events)}
        for state, errors in WALKS[name].fails.items():
            assert len(failures[state]) == len(errors), f"{WALKS[name].says}: {failures[state]} for {errors}"


def test_every_arrow_is_walked(runs: dict[str, Walked]) -> None:
    gone = set().union(*(walked(MACHINE, run.last.events) for run in runs.values()))
    assert not gone - arrows_of(MACHINE), "arrows that are not in the file"
    assert sorted(arrows_of(MACHINE) - gone) == []


def test_an_arrow_that_only_one_run_walks_is_missing_without_it(runs: dict[str, Walked]) -> None:
    """That is, the test above can fail."""
    plain = "a-film-without-download-and-captions-is-published"
    gone = set().union(*(walked(MACHINE, run.last.events) for name, run in runs.items() if name != plain))
    assert arrows_of(MACHINE) - gone == {
        "Download wanted?: Default -> No download",
        "No download: the end",
        "Has captions?: Default -> No captions",
        "No captions: the end",
        "Has poster?: Default -> No poster",
        "No poster: the end",
        "Sound alone?: Default -> No cover",
        "No cover: the end",
    }


def test_every_task_can_be_red(runs: dict[str, Walked]) -> None:
    reds = {red_box(run.first.events) for run in runs.values() if run.first.status == "FAILED"}
    assert reds == set(TASKS) and not [name for name, state in STATES.items() if state["Type"] == "Fail"]
