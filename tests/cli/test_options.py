"""Options of the deployment on the command line: `vod run film.mov -c profile=hevc-hdr`."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from pipeline.cli import world
from pipeline.cli.main import parser


def test_options_are_taken_as_cdk_takes_them(capsys):
    options = parser().parse_args(["run", "film.mov", "-c", "profile=hevc-hdr", "--context", "log_days=7"])
    assert dict(options.context) == {"profile": "hevc-hdr", "log_days": "7"}
    with pytest.raises(SystemExit):
        parser().parse_args(["up", "-c", "profile"])
    assert "'profile' is not OPTION=VALUE" in capsys.readouterr().err


def test_options_ask_for_a_stack_of_ones_own(monkeypatch, tmp_path):
    """One that runs already was deployed with others."""
    started = []
    running = world.World("http://127.0.0.1:1", "http://127.0.0.1:2", {})
    deployment = SimpleNamespace(stack_name="Vod")
    stack = SimpleNamespace(
        endpoint_url="http://127.0.0.1:3", delivery_url="http://127.0.0.1:4", outputs={}, deployment=deployment
    )
    monkeypatch.setattr(world, "_running", lambda home: running)
    monkeypatch.setattr("pipeline.local.player_build.build", lambda home: None)
    monkeypatch.setattr(
        "pipeline.local.stack.Stack.start",
        lambda home, **how: started.append(how["context"]) or contextlib.nullcontext(stack),
    )
    with world.open_world(tmp_path, None, None, attach=True) as attached:
        assert attached is running and started == []
    with world.open_world(tmp_path, None, None, attach=True, context={"profile": "av1"}) as own:
        assert own.endpoint_url == stack.endpoint_url and started == [{"profile": "av1"}]
