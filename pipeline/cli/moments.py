"""Moments as operators write them: how long ago (90s, 30m, 6h, 14d), or a date and time in ISO 8601.

Raises ArgumentTypeError, which argparse prints, where a text is neither. Without an offset a time is UTC, as are all
times that `vod` and the AWS consoles of record print.
"""

from __future__ import annotations

import argparse
import datetime
import re

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGE = re.compile(r"(\d{1,7})([smhd])")
_FORMS = "write 90s, 30m, 6h or 14d, or a time such as 2026-11-23T14:30Z"


def moment(text: str) -> datetime.datetime:
    """The moment itself, in UTC; an age counts from now."""
    now = datetime.datetime.now(datetime.UTC)
    try:
        if match := _AGE.fullmatch(text):
            return now - datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})
        said = datetime.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no moment: {_FORMS}") from None
    return said.astimezone(datetime.UTC) if said.tzinfo else said.replace(tzinfo=datetime.UTC)
