"""One synth for all of these tests, shared by a parallel run's workers, with a small page in the player's place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.bundle import PLAYER_DIST_VARIABLE
from pipeline.local.synth import Assembly, synthesise


def small_page(folder: Path, script: str = "void 0") -> Path:
    """A built player page as far as synthesis cares."""
    (folder / "player").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Films</title>")
    (folder / "player" / "page.0123456789ab.js").write_text(script)
    return folder


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    # Only while synthesising: tests that play films want the real page.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PLAYER_DIST_VARIABLE, str(small_page(tmp_path_factory.mktemp("page"))))
        return synthesise(shared / "synth-home")


@pytest.fixture(scope="session")
def template(assembly: Assembly) -> dict[str, Any]:
    return dict(assembly.template)


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    return template["Resources"]
