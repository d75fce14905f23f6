"""The command line: words in, one of three commands out, an exit status back."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from pipeline.cli.films import NotAFile, films_from
from pipeline.local.home import HomeUnusable, RunInUse, default_home

OK, FAILED, USAGE, REJECTED, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    console = Console(stderr=getattr(options, "json", False), highlight=False)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return options.command(options, console)
    except KeyboardInterrupt:
        console.print("interrupted")
        return INTERRUPTED
    except _users_mistakes() as error:
        console.print(f"[bold red]vod:[/] {error}", soft_wrap=True)
        return USAGE if isinstance(error, NotAFile) else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vod",
        description="A film goes in, a stream comes out: the whole pipeline on this machine, without an AWS account.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="put films through the pipeline and serve them",
        epilog="exit status: 0 all published, 1 some failed, 3 some rejected",
    )
    run.add_argument(
        "films", nargs="+", metavar="FILM", help="film files; captions beside them (film.en.srt) come along"
    )
    run.add_argument("--once", action="store_true", help="exit when all films have ended instead of serving them")
    run.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object per film on standard output, everything else on standard error",
    )
    run.add_argument(
        "--output", type=Path, metavar="DIR", help="also leave what viewers get as files, DIR/<asset_id>/index.m3u8"
    )
    run.set_defaults(command=_run)
    up = commands.add_parser("up", help="keep the pipeline running for uploads from any S3 client")
    up.set_defaults(command=_up)
    demo = commands.add_parser("demo", help="make a 20-second film and put it through the pipeline")
    demo.add_argument("--once", action="store_true", help="exit when the film has ended instead of serving it")
    demo.set_defaults(command=_demo, json=False, output=None)
    for command in (run, up, demo):
        command.add_argument("--port", type=int, help="port of the AWS endpoint (default 4566, or the next free one)")
        command.add_argument(
            "--edge-port", type=int, help="port of the CloudFront stand-in (default 8080, or the next free one)"
        )
    return parser


def _run(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.commands import run

    films = films_from(options.films)
    return run(films, console, default_home(), options)


def _up(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.commands import up

    return up(console, default_home(), options)


def _demo(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.commands import run
    from pipeline.local.demo_film import demo_film

    with console.status("making a 20-second film"):
        film = demo_film(default_home() / "cache")
    return run(films_from([str(film)]), console, default_home(), options)


def _users_mistakes() -> tuple[type[Exception], ...]:
    """Errors whose message is the whole answer. Anything else is a bug of ours and keeps its traceback."""
    mistakes: list[type[Exception]] = [NotAFile, HomeUnusable, RunInUse]
    for module, names in _LAZY_ERRORS.items():
        if module in sys.modules:
            mistakes += [getattr(sys.modules[module], name) for name in names]
    return tuple(mistakes)


#: Modules that take long to import name their errors here; one that was never imported cannot have raised.
_LAZY_ERRORS = {
    "pipeline.bundle": ("PlayerNotBuilt",),
    "pipeline.local.demo_film": ("DemoFilmFailed",),
    "pipeline.local.deploy": ("DeployFailed",),
    "pipeline.local.emulators": ("EmulatorVersion",),
    "pipeline.local.emulators.server": ("PortTaken", "ServerFailed"),
    "pipeline.local.mediaconvert.ffmpeg": ("EngineMissing",),
    "pipeline.local.player_build": ("PlayerBuildFailed",),
    "pipeline.local.synth": ("SynthFailed",),
}


def _terminated(signum: int, frame: object) -> NoReturn:
    raise SystemExit(128 + signum)
