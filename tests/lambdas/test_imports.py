"""Importing a handler does nothing: no client, no environment read, no warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HANDLERS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))

_PROGRAM = """
import importlib, sys
import boto3

def refuse(*arguments, **named):
    raise AssertionError(f"a client was made on import: {arguments}")

boto3.client = boto3.resource = boto3.Session = boto3.session.Session = refuse
for name in sys.argv[1:]:
    assert callable(importlib.import_module(f"lambdas.{name}.handler").handler), name
assert "aws_cdk" not in sys.modules and "pipeline.local" not in sys.modules
"""


def test_importing_any_handler_makes_no_client_reads_no_setting_and_warns_of_nothing():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VOD_"))}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM, *HANDLERS],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_is_a_hallway(name):
    lines = (ROOT / "lambdas" / name / "handler.py").read_text().count("\n")
    assert lines <= 75, f"lambdas/{name}/handler.py has {lines} lines: what is interesting belongs into pipeline.media"
