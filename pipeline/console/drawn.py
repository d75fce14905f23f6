"""The state machine's picture, as it is deployed, or as it was when an execution began.

In: a state machine's ARN. Out: {svg}, without a style of its own: the page's CSS colours its boxes. Asked for again
after a while, since a deployment may change the machine while a page is open.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from pipeline.aws import executions
from pipeline.aws.clients import client
from pipeline.media import graph

_FRESH_SECONDS = 60.0


class Drawings:
    def __init__(self, state_machine_arn: str):
        self._arn = state_machine_arn
        self._drawn: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def drawn(self, query: Mapping[str, str]) -> dict[str, Any]:
        """execution: a name, for the machine as that execution knows it."""
        name, now = query.get("execution", ""), time.monotonic()
        with self._lock:
            at, picture = self._drawn.get(name, (float("-inf"), {}))
            if now - at < _FRESH_SECONDS:
                return picture
        picture = {"svg": graph.svg(json.loads(self._definition(name)), styled=False)}
        with self._lock:
            if len(self._drawn) > 64:
                self._drawn.clear()
            self._drawn[name] = (now, picture)
        return picture

    def _definition(self, name: str) -> str:
        steps = client("stepfunctions")
        if not name:
            return steps.describe_state_machine(stateMachineArn=self._arn)["definition"]
        arn = executions.arn_of(name, self._arn)
        try:
            return steps.describe_state_machine_for_execution(executionArn=arn)["definition"]
        except steps.exceptions.ExecutionDoesNotExist:
            return steps.describe_state_machine(stateMachineArn=self._arn)["definition"]
