"""The contract: these state machines end here as they end in AWS."""

from __future__ import annotations

import pytest

from tests.local.interpreter.cases import ANYTHING, Case, flow, jsonata, services, tasks
from tests.local.interpreter.conftest import Battery

CASES = [*flow.CASES, *tasks.CASES, *services.CASES, *jsonata.CASES]


@pytest.mark.parametrize("case", CASES, ids=[case.says for case in CASES])
def test_a_state_machine_ends_as_in_aws(battery: Battery, case: Case) -> None:
    ended = battery.ended(case)
    assert (ended.status, ended.error) == (case.status, case.error or ended.error), ended.cause
    if case.output is not ANYTHING:
        assert ended.output == case.output
    assert case.check(ended), ended


def test_the_battery_is_not_small() -> None:
    assert len(CASES) >= 70
    assert len({case.says for case in CASES}) == len(CASES)
