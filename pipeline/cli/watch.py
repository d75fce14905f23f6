"""`vod up`: one line when an execution starts and one when it ends, for whoever keeps the window open."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.markup import escape

from pipeline.cli.world import World

_EVERY_SECONDS = 1.0
_COLOURS = {"RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "yellow"}


class Watch:
    """Watches the newest executions from a thread of its own for as long as the block lasts."""

    def __init__(self, world: World, console: Console):
        self._world, self._console = world, console
        self._seen: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _watch(self) -> None:
        sfn, machine = self._world.client("stepfunctions"), self._world.outputs["StateMachineArn"]
        while not self._stop.wait(_EVERY_SECONDS):
            for execution in reversed(sfn.list_executions(stateMachineArn=machine, maxResults=100)["executions"]):
                if self._seen.get(execution["name"]) != execution["status"]:
                    self._seen[execution["name"]] = execution["status"]
                    colour = _COLOURS.get(execution["status"], "white")
                    self._console.print(f"[{colour}]{execution['status'].lower():<9}[/] {escape(execution['name'])}")
