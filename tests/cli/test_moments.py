"""Moments as operators write them."""

from __future__ import annotations

import argparse
import datetime

import pytest

from pipeline.cli.moments import moment

UTC = datetime.UTC


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("6h", 21_600), ("14d", 1_209_600), ("0s", 0)]
)
def test_an_age_counts_from_now(text, seconds):
    found = moment(text)
    ago = datetime.datetime.now(UTC) - found
    assert datetime.timedelta(seconds=seconds) <= ago < datetime.timedelta(seconds=seconds + 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23", datetime.datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T14:30", datetime.datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ("2026-11-23T14:30Z", datetime.datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ("2026-11-23T14:30:05.250+02:00", datetime.datetime(2026, 11, 23, 12, 30, 5, 250_000, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_utc(text, expected):
    assert moment(text) == expected


@pytest.mark.parametrize("text", ["", "2", "2 h", "-2h", "2w", "yesterday", "2026-13-01", "9999999d", "h", "1.5h"])
def test_what_is_no_moment_is_said_with_what_is(text):
    with pytest.raises(argparse.ArgumentTypeError, match="write 90s"):
        moment(text)
