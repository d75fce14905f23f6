"""What a console may do to an execution: the commands of `vod`, by the same code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.aws import operate
from pipeline.console.place import Here


class NotPossible(Exception):
    """This pipeline cannot do that; the message says why."""


def cancel(name: str, here: Here) -> dict[str, Any]:
    return {"cancelled": operate.cancel(name, here.place)}


def retry(name: str, here: Here) -> dict[str, Any]:
    return operate.retry(name, here.place)


def _not_yet(name: str, here: Here) -> dict[str, Any]:
    raise NotPossible("this pipeline holds nothing: there is nothing to approve or release")


ACTIONS: dict[str, Callable[[str, Here], dict[str, Any]]] = {
    "cancel": cancel,
    "retry": retry,
    "approve": _not_yet,
    "release": _not_yet,
}
