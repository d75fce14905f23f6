"""CloudFormation's custom resources: how to tell it that the work is done, or why it is not.

CloudFormation gives each call a URL and waits until something is PUT there; a handler that raises without answering
leaves the whole deployment waiting for its timeout (User Guide, "Custom resource request and response reference").
What can go wrong: the answer cannot be delivered (URLError, raised; Lambda calls again).
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

_REASON_LIMIT = 1000  # the whole answer may be 4096 bytes


def respond(event: dict[str, Any], work: Callable[[], str]) -> None:
    """Do the work, which returns the physical id, and tell CloudFormation how it went."""
    try:
        answer = {"Status": "SUCCESS", "PhysicalResourceId": work()}
    except Exception as error:  # every failure must reach CloudFormation, in the words it has
        reason = f"{type(error).__name__}: {error}"[:_REASON_LIMIT]
        print(json.dumps({"level": "ERROR", "message": reason, "request": event["RequestType"]}))
        answer = {"Status": "FAILED", "Reason": reason, "PhysicalResourceId": event.get("PhysicalResourceId", "none")}
    _put(
        event["ResponseURL"],
        {**{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}, **answer},
    )


def _put(url: str, answer: dict[str, str]) -> None:
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"ResponseURL {url[:80]!r} is no web address")
    # The URL is signed for an empty Content-Type; urllib would add one of its own.
    request = urllib.request.Request(url, json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT")
    with urllib.request.urlopen(request, timeout=20):
        pass
