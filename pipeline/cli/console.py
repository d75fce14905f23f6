"""`vod console`: the console of a pipeline, served on this machine until Ctrl-C; `vod up` serves its own beside it.

Read-only in AWS, unless --write: a page that is open all day should not hold the power to cancel by accident. It is
served by a thread of this process and ends with it.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import webbrowser
from collections.abc import Iterator

from rich.console import Console

from pipeline.cli.operate import place
from pipeline.cli.world import World, attached, spoken_to
from pipeline.local.home import default_home

PORT = 8090


def serve(options: argparse.Namespace, terminal: Console) -> int:
    """Serve the console of the pipeline that is meant until a signal comes."""
    from pipeline.cli.commands import wait_for_a_signal

    world = attached(default_home(), options.stack)
    with spoken_to(world), served(world, options.port, options.write) as url:
        allowed = "" if may_write(world, options.write) else ", reading only (--write allows actions and uploads)"
        terminal.print(f"console of {world.name} at {url}{allowed}; Ctrl-C stops", soft_wrap=True)
        if options.open:
            webbrowser.open(url)
        wait_for_a_signal()
    return 0


@contextlib.contextmanager
def served(world: World, port: int | None = None, write: bool = False) -> Iterator[str]:
    """The console's URL, for as long as the block lasts; pipeline.aws must speak to this world (`spoken_to`)."""
    from pipeline.console.app import application
    from pipeline.console.place import Here
    from pipeline.local.edge.server import Serving
    from pipeline.local.emulators.server import HOST, reserve

    here = Here(
        stack=world.name,
        place=place(world),
        sources_bucket=world.outputs["SourcesBucket"],
        endpoint="local" if world.endpoint_url or "AWS_ENDPOINT_URL" in os.environ else None,
        may_write=may_write(world, write),
        by=f"{_user()} (console)",
    )
    listener = reserve(port, PORT)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    with Serving(application(here, url), listener):
        yield url


def may_write(world: World, write: bool) -> bool:
    """A laptop's own pipeline may always be written to: there is nothing to lose there."""
    return write or bool(world.endpoint_url)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "somebody"
