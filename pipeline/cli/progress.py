"""A bar for what takes long, for a person who waits: on standard error, on a terminal, and gone when it is done.

In a pipe, in a log and beside --json there is none. Ctrl-C takes it away, too: what rich changes of the terminal it
gives back when the block ends, however it ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)


@contextlib.contextmanager
def bar(what: str, total: int | None = None, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Yields what is to be called with how many more are done. total: how many there will be, None where nobody knows.

    quiet: no bar even on a terminal, for --json.
    """
    console = Console(stderr=True, highlight=False)
    if quiet or not console.is_terminal:
        yield lambda count: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


def jobs_bars(console: Console) -> Progress:
    """A bar for each of several things under way, in percent, below what `console` prints meanwhile."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        console=console,
        transient=True,
    )
