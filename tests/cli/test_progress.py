"""Bars: for a person at a terminal, and for nobody else."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipeline.cli import mediaconvert, progress

SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"  # the cursor


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def screen(request, monkeypatch) -> tuple[bool, io.StringIO]:
    text = io.StringIO()
    monkeypatch.setattr(
        progress, "Console", lambda **options: Console(file=text, force_terminal=request.param, width=100)
    )
    return request.param, text


def test_a_bar_is_shown_on_a_terminal_alone(screen):
    is_terminal, text = screen
    with progress.bar("films announced", 4) as advance:
        advance(3)
    assert ("films announced" in text.getvalue() and "3/4" in text.getvalue()) is is_terminal
    assert is_terminal or text.getvalue() == ""


def test_who_asks_for_json_sees_no_bar(screen):
    with progress.bar("films announced", 4, quiet=True) as advance:
        advance(4)
    assert screen[1].getvalue() == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_the_terminal_is_as_before_however_it_ends(screen, error):
    is_terminal, text = screen
    with pytest.raises(error), progress.bar("films announced") as advance:
        advance(1)
        raise error
    written = text.getvalue()
    assert not is_terminal or written.rfind(SHOWN) > written.rfind(HIDDEN) >= 0


def test_a_name_is_no_markup(screen):
    is_terminal, text = screen
    with progress.bar("fetching [bold]a[/bold].mp4", 1):
        pass
    assert not is_terminal or "[bold]a[/bold].mp4" in text.getvalue()


def detail(status: str, percent: int = 0, job: str = "job-1") -> dict:
    return {
        "jobId": job,
        "status": status,
        "jobProgress": {"jobPercentComplete": percent},
        "errorCode": 1,
        "errorMessage": "x",
    }


def test_jobs_under_way_are_bars_on_a_terminal_and_lines_elsewhere():
    for is_terminal in (True, False):
        text = io.StringIO()
        console = Console(file=text, force_terminal=is_terminal, width=100)
        bars = progress.jobs_bars(console) if is_terminal else None
        news = mediaconvert._News(console, None, bars)
        for each in (detail("PROGRESSING"), detail("STATUS_UPDATE", 40), detail("STATUS_UPDATE", 80)):
            news.emit("", each, [])
        assert ("40 %" in text.getvalue()) is not is_terminal, "a percent is said once"
        if bars:
            assert [task.completed for task in bars.tasks] == [80]
        news.emit("", detail("COMPLETE"), [])
        assert "COMPLETE" in text.getvalue() and not (bars and bars.tasks)
