"""How films ended, as the command line says it."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.cli.commands import _exit_status
from pipeline.cli.films import Film
from pipeline.cli.follow import Result

FILM = Film(Path("/films/a.mp4"), "uploads/a.mp4")


def _result(status: str) -> Result:
    return Result(FILM, "a-1", "v1", status, error={"code": "X"} if status != "published" else None)


def test_the_exit_status_is_the_worst_that_happened():
    assert _exit_status([_result("published")]) == 0
    assert _exit_status([_result("published"), _result("rejected")]) == 3
    assert _exit_status([_result("published"), _result("superseded")]) == 3
    assert _exit_status([_result("rejected"), _result("failed")]) == 1


def test_the_json_of_a_film_has_exactly_the_promised_names():
    names = "file asset_id version status error playback_url renditions duration_ms seconds".split()
    said = _result("superseded").as_json()
    assert list(said) == names and said["status"] == "rejected"
    assert json.loads(json.dumps(said)) == said
