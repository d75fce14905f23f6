"""One synth for all of these tests, shared by a parallel run's workers, with a small page in the player's place."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import app
from pipeline.bundle import PLAYER_DIST_VARIABLE
from pipeline.local.synth import Assembly, synthesise
from pipeline.stacks import configuration, guard


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


#: Two buckets that were there before.
ADOPTED = {"sources_bucket": "films-in", "outputs_bucket": "films-out"}
PRIVATE = {"playback": "private", "signing_public_keys": "tests/stacks/films.pub.pem", "signing_secret": "vod/films"}


@pytest.fixture(scope="session")
def template_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """The template that these options give, made in this process: a second for the first, less for others."""
    page = small_page(tmp_path_factory.mktemp("page"))

    @functools.cache
    def make(**options: str) -> dict[str, Any]:
        app.node_from_wheel()
        from aws_cdk import App

        from pipeline.stacks.vod import VodStack

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(PLAYER_DIST_VARIABLE, str(page))
            patch.setenv("CDK_VALIDATION", "false")
            built = App(outdir=str(tmp_path_factory.mktemp("out")), context=options, analytics_reporting=False)
            stack = VodStack(built, configuration.from_context(built.node.get_all_context()))
            template = built.synth().get_stack_by_name(stack.stack_name).template
        guard.check(template)
        return template

    return make


@pytest.fixture(scope="session")
def resources_with(template_with: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    return lambda **options: template_with(**options)["Resources"]


@pytest.fixture(scope="session")
def template(assembly: Assembly) -> dict[str, Any]:
    return dict(assembly.template)


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    return template["Resources"]
