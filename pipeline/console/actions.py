"""What a console may do to an execution: the commands of `vod`, by the same code.

Raises NothingByThatName, and NotNow where things stand otherwise by now: a page is always a little old.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.aws import decide, operate
from pipeline.console.place import Here


def cancel(name: str, here: Here, note: str) -> dict[str, Any]:
    return {"cancelled": operate.cancel(name, here.place)}


def retry(name: str, here: Here, note: str) -> dict[str, Any]:
    return operate.retry(name, here.place)


def approve(name: str, here: Here, note: str) -> dict[str, Any]:
    return decide.approve(name, here.place, here.by, note)


def release(name: str, here: Here, note: str) -> dict[str, Any]:
    return decide.release(name, here.place, here.by, note)


ACTIONS: dict[str, Callable[[str, Here, str], dict[str, Any]]] = {
    "cancel": cancel,
    "retry": retry,
    "approve": approve,
    "release": release,
}
