"""Log lines that can be followed: while a function works on an upload, each line says which.

asset_id, version and execution stand in every record made within `about`, whoever makes it, boto3 included, and in our
metrics' lines. Lambda's own JSON format writes what a record carries as fields of its own; to follow one film is then
one query over all groups: `filter execution = "..."`. Each call leaves one line of its own with how it ended; where an
error is none of ours that line has its traceback, because the runtime's own line about it names no film.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from pipeline.media.asset import Upload
from pipeline.media.errors import VodError

_fields: ContextVar[dict[str, str]] = ContextVar("fields", default={})  # noqa: B039  (never changed, only replaced)
_log = logging.getLogger(__name__)


def fields() -> dict[str, str]:
    """What this moment's log lines are about."""
    return dict(_fields.get())


@contextlib.contextmanager
def about(upload: Upload | None) -> Iterator[None]:
    """Within the block every log line names this upload; None: none that we know of."""
    _install()
    said = {}
    if upload is not None:
        said = {"asset_id": upload.asset_id, "version": upload.version, "execution": upload.execution_name}
    token = _fields.set(said)
    try:
        yield
    finally:
        _fields.reset(token)


@contextlib.contextmanager
def call(function: str) -> Iterator[None]:
    """One line when the block ends: `ended` is "ok" or the error's name."""
    begin = time.monotonic()

    def say(level: int, ended: str, *details: str, fault: BaseException | None = None) -> None:
        spent = round((time.monotonic() - begin) * 1000)
        extra = {"function": function, "ended": ended, "ms": spent}
        _log.log(level, ": ".join([function, ended, *details]), exc_info=fault, extra=extra)

    try:
        yield
    except VodError as error:
        say(logging.WARNING, type(error).__name__, error.message)
        raise
    except BaseException as error:
        say(logging.ERROR, type(error).__name__, fault=error)
        raise
    say(logging.INFO, "ok")


def upload_in(event: Any) -> Upload | None:
    """The upload of a state's input, where there is a whole one."""
    try:
        return Upload.from_state(event["upload"])
    except (KeyError, TypeError, ValueError):
        return None


def _install() -> None:
    """Once a process: records are made by a factory, so that a line of any logger carries the fields."""
    # At INFO botocore tells in every new process where it found credentials and endpoints.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    make = logging.getLogRecordFactory()
    if getattr(make, "carries_fields", False):
        return

    def factory(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        record.__dict__.update(_fields.get())
        return record

    factory.carries_fields = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(factory)
