"""Small Lambda functions for the tests: created through the API, run by AWS's runtime client."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/test"
#: Appends what it was called with, and when, to the file its environment names.
RECORDER = """
import json, os, time
def handler(event, context):
    line = json.dumps({"at": time.time(), "event": event}) + "\\n"
    with open(os.environ["RECORD"], "a") as file:
        file.write(line)
    return ACTION(event)
"""


def create_recorder(aws, name: str, record: Path, action: str = "None", timeout: int = 10) -> str:
    """`action` is the Python expression whose value is returned; `event` is what it may look at."""
    code = RECORDER.replace("ACTION(event)", action)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", code)
    answer = aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.14",
        Handler="app.handler",
        Role=ROLE,
        Timeout=timeout,
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"RECORD": str(record)}},
    )
    return answer["FunctionArn"]


def calls(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def until(true: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What `true` returns, once it is."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return value
