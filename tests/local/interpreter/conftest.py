"""One embedded AWS for this folder, and all its ASL cases running in it at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.interpreter.cases import Case
from tests.local.interpreter.world import Ended, World, serving


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serving(tmp_path_factory.mktemp("home")) as served:
        served.prepare()
        yield served


class Battery:
    """The chosen cases, started together: most of their time is waiting."""

    def __init__(self, world: World, cases: list[Case]) -> None:
        self.world = world
        self.started = {case.says: world.start(case.machine, case.given) for case in cases}

    def ended(self, case: Case) -> Ended:
        return self.world.wait(self.started[case.says])


@pytest.fixture(scope="package")
def battery(world: World, request: pytest.FixtureRequest) -> Battery:
    chosen = [
        item.callspec.params["case"]
        for item in request.session.items
        if "case" in getattr(getattr(item, "callspec", None), "params", {})
    ]
    return Battery(world, [case for case in chosen if isinstance(case, Case)])
