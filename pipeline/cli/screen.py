"""What a person sees while films travel: states ticking, a bar per job; afterwards a short receipt per film.

On a terminal the picture is redrawn in place; in a pipe or a log it is one line per change. Everything here is
presentation: it is given Followers and Results and decides nothing.
"""

from __future__ import annotations

import time

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.cli.follow import Follower, Result
from pipeline.media.timeline import Step

_REFUSED_BY = ("Reject upload", "Report superseded")
_MANY = 4  # from here on one line per film
_COLOURS = {"published": "green", "rejected": "yellow", "superseded": "yellow", "failed": "red"}


class Screen:
    """Shows followers until they end. Use as a context manager around the waiting."""

    def __init__(self, console: Console, followers: list[Follower]):
        self._console = console
        self._followers = followers
        self._live = Live(console=console, refresh_per_second=8, transient=False) if console.is_terminal else None
        self._said: dict[str, set[str]] = {follower.film.key: set() for follower in followers}

    def __enter__(self) -> Screen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live:
            self.refresh()
            self._live.stop()

    def refresh(self) -> None:
        if self._live:
            few = len(self._followers) <= _MANY
            self._live.update(
                Group(*[_block(follower) if few else _line(follower) for follower in self._followers]), refresh=True
            )
            return
        for follower in self._followers:
            self._say_news(follower)

    def _say_news(self, follower: Follower) -> None:
        said = self._said[follower.film.key]
        for step in follower.snapshot.steps:
            if step.exited is not None and step.name not in said:
                said.add(step.name)
                self._console.print(
                    f"{escape(follower.film.name)}: [green]done[/] {step.name} [dim]{_took(step)}[/]", highlight=False
                )


def _block(follower: Follower) -> Group:
    snapshot = follower.snapshot
    lines: list[object] = [_head(follower)]
    if snapshot.status == "uploading":
        lines.append(_bar("Upload to S3", snapshot.uploaded * 100))
    for step, following in zip(snapshot.steps, [*snapshot.steps[1:], None], strict=True):
        if following and following.name in _REFUSED_BY:
            lines.append(Text.assemble(("  ✘ ", "yellow"), f"{step.name:<20}", (" refused", "yellow")))
            continue
        encoding = step.name.startswith("Transcode ") and step.exited is None and snapshot.percent is not None
        lines.append(_bar(step.name, snapshot.percent or 0) if encoding else _tick(step, snapshot.status))
    return Group(*lines, Text(""))


def _line(follower: Follower) -> Table:
    snapshot = follower.snapshot
    running = [step.name for step in snapshot.steps if step.exited is None]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=40, no_wrap=True)
    grid.add_column(width=24)
    grid.add_column()
    percent = (
        snapshot.percent
        if snapshot.percent is not None
        else 100 * snapshot.uploaded
        if snapshot.status == "uploading"
        else 0
    )
    grid.add_row(
        escape(follower.film.name),
        ProgressBar(total=100, completed=percent, width=22),
        Text(running[-1] if running else snapshot.status, _colour(snapshot.status)),
    )
    return grid


def _head(follower: Follower) -> Text:
    return Text.assemble(
        (follower.film.name, "bold"),
        ("  ", ""),
        (follower.asset_id, "dim"),
        ("  ", ""),
        (follower.snapshot.status, _colour(follower.snapshot.status)),
    )


def _tick(step: Step, status: str) -> Text:
    if step.exited is not None:
        mark, style = "✔", "green"
    elif status == "failed":
        mark, style = "✘", "red"
    else:
        mark, style = "●", "cyan"
    retried = f"  {step.failures} failed attempt{'s' if step.failures != 1 else ''}" if step.failures else ""
    return Text.assemble((f"  {mark} ", style), f"{step.name:<20}", (f" {_took(step)}", "dim"), (retried, "yellow"))


def _bar(name: str, percent: float) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        Text.assemble(("  ● ", "cyan"), f"{name:<20}"),
        ProgressBar(total=100, completed=percent, width=40),
        Text(f"{percent:3.0f} %"),
    )
    return grid


def _took(step: Step) -> str:
    return f"{(step.exited or time.time()) - step.entered:.1f} s"


def _colour(status: str) -> str:
    return _COLOURS.get(status, "cyan")


def print_receipt(console: Console, result: Result) -> None:
    """The short receipt of one film."""
    if result.waits:
        console.print(Text.assemble((f"{result.status} ", "bold cyan"), (result.film.name, "bold")))
        console.print(Text(f"  {result.waits['message']}"), soft_wrap=True)
        return
    if result.status != "published":
        _print_trouble(console, result)
        return
    table = Table(title=None, box=None, padding=(0, 2, 0, 2), show_edge=False)
    for column, justify in (("rendition", "left"), ("size", "right"), ("bitrate", "right"), ("file size", "right")):
        table.add_column(column, justify=justify, header_style="dim")
    for rendition in result.renditions:
        table.add_row(
            rendition["name"],
            f"{rendition['width']}x{rendition['height']}",
            f"{rendition['bitrate_bps'] / 1000:,.0f} kb/s",
            f"{rendition['size_bytes'] / 1e6:.1f} MB",
        )
    console.print(
        Text.assemble(
            ("published ", "bold green"),
            (result.film.name, "bold"),
            f"  {(result.duration_ms or 0) / 1000:.1f} s of film in {result.seconds:.1f} s",
        )
    )
    console.print(table)
    if result.encoding_seconds is not None:
        rest = max(0.0, result.seconds - result.encoding_seconds - result.queued_seconds)
        waited = f", waiting for its turn {result.queued_seconds:.1f} s" if result.queued_seconds >= 0.5 else ""
        console.print(
            f"  encoding took {result.encoding_seconds:.1f} s{waited}, everything else {rest:.1f} s", style="dim"
        )
    for track in result.captions:
        what = (
            f"captions {track['file']}: {track['label']}" if track.get("vtt") else f"captions {track['file']} left out"
        )
        console.print(
            f"  {escape(what)}"
            + (
                f" ({len(track['warnings'])} warnings; first: {escape(track['warnings'][0])})"
                if track["warnings"]
                else ""
            ),
            highlight=False,
        )
    console.print(Text.assemble("  play ", (result.playback_url or "", "bold underline")), soft_wrap=True)


def _print_trouble(console: Console, result: Result) -> None:
    error = result.error or {}
    console.print(
        Text.assemble(
            (f"{result.status} ", f"bold {_colour(result.status)}"),
            (result.film.name, "bold"),
            f"  {error.get('code', '')}",
        )
    )
    if error:
        console.print(Text(f"  {error['message']}"), soft_wrap=True)
        console.print(Text(f"  What to do: {error['fix']}"), soft_wrap=True)
        if result.status == "failed":
            evidence = ", ".join(f"{name}={value}" for name, value in error.get("evidence", {}).items())
            console.print(Text(f"  Where to look: {result.execution_arn}  {evidence}", "dim"), soft_wrap=True)
