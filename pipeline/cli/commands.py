"""`vod run` and `vod up`: what they do, in the order they do it."""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from pipeline.cli.collect import collect
from pipeline.cli.console import served
from pipeline.cli.films import Film
from pipeline.cli.follow import Follower, Result
from pipeline.cli.screen import Screen, print_receipt
from pipeline.cli.watch import Watch
from pipeline.cli.world import World, announced, open_world, spoken_to

_LOOK_SECONDS = 0.2
_UPLOADS_AT_ONCE = 4


def run(films: list[Film], console: Console, home: Path, options: argparse.Namespace) -> int:
    """Upload films, follow them to their ends, say how they ended; then serve until Ctrl-C, unless asked not to."""
    with _started(console, home, options, attach=True) as world:
        results = _follow([Follower(world, film, patient=False) for film in films], console)
        for result in results:
            if result.status == "published" and options.output:
                collect(world, result, options.output)
            print_receipt(console, result)
            if options.json:
                print(json.dumps(result.as_json(), ensure_ascii=False), flush=True)
        if not options.once and not world.shared:
            _serve(console, world)
    return _exit_status(results)


def up(console: Console, home: Path, options: argparse.Namespace) -> int:
    """Keep a stack running, with its console, and say what happens in it."""
    with contextlib.ExitStack() as running:
        world = running.enter_context(_started(console, home, options, attach=False))
        running.enter_context(spoken_to(world))
        world = dataclasses.replace(world, console_url=running.enter_context(served(world, options.console_port)))
        running.enter_context(announced(home, world))
        _say_how_to_upload(console, world)
        with Watch(world, console):
            _serve(console, world)
    return 0


@contextlib.contextmanager
def _started(console: Console, home: Path, options: argparse.Namespace, attach: bool) -> Iterator[World]:
    with contextlib.ExitStack() as running:
        with console.status("starting the pipeline on this machine"):
            world = running.enter_context(
                open_world(home, options.port, options.edge_port, attach, dict(options.context))
            )
        yield world


def _follow(followers: list[Follower], console: Console) -> list[Result]:
    """Look at every film in turn until all have ended. A broken upload is that film's failure alone."""
    with Screen(console, followers) as screen, concurrent.futures.ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        uploads = {follower: pool.submit(follower.upload) for follower in followers}
        while any(follower.result is None for follower in followers):
            for follower, upload in uploads.items():
                if upload.done() and follower.result is None:
                    upload.result()
                    follower.look()
            screen.refresh()
            time.sleep(_LOOK_SECONDS)
    return [follower.result for follower in followers if follower.result]


def _serve(console: Console, world: World) -> None:
    if world.console_url:
        console.print(f"\nconsole at {world.console_url}", end="")
    console.print(f"\nserving at {world.delivery_url}, AWS endpoint {world.endpoint_url}; Ctrl-C stops")
    wait_for_a_signal()


def wait_for_a_signal() -> None:
    """Wait until a signal handler raises.

    With a time limit, again and again: a signal that comes just before the thread begins to wait sets Python's flag,
    and nothing would look at it until the next one.
    """
    forever = threading.Event()
    while not forever.wait(1):
        pass


def _say_how_to_upload(console: Console, world: World) -> None:
    bucket = world.outputs["SourcesBucket"]
    console.print(
        f"the pipeline is up. From any S3 client:\n\n"
        f"  export AWS_ENDPOINT_URL={world.endpoint_url} AWS_DEFAULT_REGION=us-east-1\n"
        f"  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n"
        f'  aws s3 cp "My Film.mov" s3://{bucket}/uploads/\n'
        f"  aws stepfunctions list-executions --state-machine-arn {world.outputs['StateMachineArn']}",
        soft_wrap=True,
    )


def _exit_status(results: list[Result]) -> int:
    statuses = {result.status for result in results}
    if "failed" in statuses:
        return 1
    return 3 if statuses - {"published"} else 0
