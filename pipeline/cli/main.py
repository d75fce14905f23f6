"""The command line: words in, one command out, an exit status back.

What a command answers goes to standard output, everything else (progress, mistakes) to standard error, so that a pipe
gets the answer alone. A mistake of the user's, a refusal of AWS's and a file that cannot be opened are one sentence.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from pipeline.cli.films import NotAFile, films_from
from pipeline.cli.lines import printable
from pipeline.cli.moments import moment
from pipeline.local.home import HomeUnusable, RunInUse, default_home
from pipeline.media.reconcile import STATUSES

OK, FAILED, USAGE, REJECTED, INTERRUPTED, NOBODY_READS = 0, 1, 2, 3, 130, 141

#: What an exit status says, for every command; those of a command's own stand in its epilog. docs/commands.md has both.
STATUSES_OF_EXIT = {
    OK: "done",
    FAILED: "not done: AWS or the machine refused, or it is not possible now; the sentence on standard error says why",
    USAGE: "a wrong command line: no such option, film, asset, execution, profile or key",
    REJECTED: "a film was rejected, or would be, or waits for somebody's word",
    INTERRUPTED: "interrupted with Ctrl-C",
    143: "ended by SIGTERM",
    NOBODY_READS: "whoever read the output went away (`vod list | head`)",
}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with 1, as if the command had failed


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    console = _Console(stderr=getattr(options, "json", False), highlight=False)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        status = options.command(options, console)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Python flushes once more when it ends, and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except _users_mistakes() as error:
        _say(f"vod: {_sentence(error)}")
        return USAGE if isinstance(error, NotAFile) or type(error).__name__ in _USAGE_ERRORS else FAILED


def _say(text: str) -> None:
    """On standard error, in one piece: a terminal breaks the line, nobody else does."""
    line = printable(" ".join(text.splitlines()))
    Console(stderr=True, highlight=False).print(line, markup=False, soft_wrap=True)


def _sentence(error: Exception) -> str:
    """An operating system's error names the file first, as every other mistake does."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not OPTION=VALUE")
    return name, value


def parser() -> argparse.ArgumentParser:
    """Every command and option; docs/commands.md and the shells' completions are made of it."""
    vod = argparse.ArgumentParser(
        prog="vod",
        description="A film goes in, a stream comes out: the whole pipeline on this machine, without an AWS account.",
    )
    commands = vod.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="put films through the pipeline and serve them",
        epilog="exit status: 0 all published, 1 some failed, 3 some rejected, or waiting for somebody's word",
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
    up.add_argument(
        "--console-port", type=_port, metavar="N", help="port of the console (default 8090, or the next free one)"
    )
    up.set_defaults(command=_up)
    demo = commands.add_parser("demo", help="make a 20-second film and put it through the pipeline")
    demo.add_argument("--once", action="store_true", help="exit when the film has ended instead of serving it")
    demo.set_defaults(command=_demo, json=False, output=None)
    for command in (run, up, demo):
        command.add_argument(
            "--port", type=_port, metavar="N", help="port of the AWS endpoint (default 4566, or the next free one)"
        )
        command.add_argument(
            "--edge-port",
            type=_port,
            metavar="N",
            help="port of the CloudFront stand-in (default 8080, or the next free one)",
        )
        command.add_argument(
            "-c",
            "--context",
            metavar="OPTION=VALUE",
            type=_option,
            action="append",
            default=[],
            help="an option of the deployment, such as profile=hevc-hdr (docs/configuration.md lists them)",
        )
    _add_check(commands)
    _add_mediaconvert(commands)
    _add_operations(commands)
    _add_console(commands)
    _add_completion(commands)
    return vod


def _add_check(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="say what the pipeline would do with films, without sending them: verdict, renditions, changes, price",
        epilog="exit status: 0 all would be taken, 3 some would be rejected, 1 some would fail, 2 no such file",
    )
    check.add_argument("films", nargs="+", metavar="FILE", help="film files; captions beside them are read as well")
    check.add_argument("--profile", default="default", metavar="NAME", help="a profile of profiles.toml (default)")
    check.add_argument(
        "--accelerated",
        action="store_true",
        help="the price where the deployment asks for acceleration, which is dearer",
    )
    check.add_argument("--json", action="store_true", help="print one JSON object per film on standard output")
    check.set_defaults(command=_check)


def _add_console(commands: Any) -> None:
    page = commands.add_parser(
        "console",
        help="serve a page on this machine that shows what runs, how far it is and why it failed",
        epilog="It looks at the pipeline that `vod up` keeps running here (which serves its own console as well), or "
        "at a deployed stack, which it only reads unless --write is given",
    )
    page.add_argument("--stack", metavar="NAME", help="a deployed stack, in the account your AWS settings choose")
    page.add_argument(
        "--port", type=_port, metavar="N", help="where to listen on 127.0.0.1 (default 8090, or the next free one)"
    )
    page.add_argument("--write", action="store_true", help="also upload, cancel, retry, approve and release from it")
    page.add_argument("--open", action="store_true", help="open it in the browser")
    page.set_defaults(command=_console)


def _add_mediaconvert(commands: Any) -> None:
    alone = commands.add_parser(
        "mediaconvert",
        help="serve the local MediaConvert alone, to any program, with files from any S3",
        epilog="S3 and its credentials are those the AWS SDK finds: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, "
        "AWS_PROFILE, AWS_ACCESS_KEY_ID and so on",
    )
    alone.add_argument(
        "--port", type=_port, metavar="N", help="where to listen on 127.0.0.1 (default 4567, or the next free one)"
    )
    alone.add_argument("--workers", type=_count, metavar="N", help="jobs at once (default: one for two cores)")
    alone.add_argument(
        "--queue", action="append", default=[], metavar="NAME[=N]", help="make a queue, of N jobs at once; repeatable"
    )
    alone.add_argument(
        "--events", type=Path, metavar="FILE", help="also append every event to a file, one EventBridge event to a line"
    )
    alone.set_defaults(command=_mediaconvert)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: 0 (any that is free) to 65535")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of 1 or more")
    return int(text)


def _add_completion(commands: Any) -> None:
    completion = commands.add_parser(
        "completion",
        help="print a script that teaches your shell to complete commands, options, files and assets",
        epilog='bash: source <(vod completion bash); zsh, after compinit: eval "$(vod completion zsh)"; '
        "fish: vod completion fish | source",
    )
    completion.add_argument(
        "what", choices=["bash", "zsh", "fish", "assets"], help="a shell; assets: what the scripts themselves ask for"
    )
    completion.set_defaults(command=_completion)


def _some(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of 0 or more")
    return int(text)


_NAMED = "an asset's id, or an execution's name or ARN"
_WHEN = "90s, 30m, 6h or 14d ago, or a time such as 2026-11-23T14:30Z"


def _add_operations(commands: Any) -> None:
    """What operators do to a pipeline that runs elsewhere; each name is a function of pipeline.cli.operate."""
    _add_questions(commands)
    cancel = _operation(commands, "cancel", "cancel", "stop a run, cancel its jobs and remove what it made")
    cancel.add_argument("name", metavar="ASSET|EXECUTION", help=_NAMED)
    retry = _operation(
        commands, "retry", "retry", "let a failed run go on at its red box, or begin the upload's next run", "again"
    )
    retry.add_argument("name", nargs="?", metavar="ASSET|EXECUTION", help=_NAMED)
    _add_window(retry, "every run that failed from then on: ")
    retry.add_argument("--code", metavar="CODE", help="with --since: only those that failed with this error's code")
    retry.add_argument("--yes", action="store_true", help="with --since: do it; without it they are only listed")
    sweep = _operation(commands, "sweep", "sweep", "finish now what somebody left unfinished, and say what it was")
    sweep.add_argument(
        "--grace",
        type=_seconds,
        metavar="SECONDS",
        help="take up what is older than this (default 120: nobody's hands)",
    )
    replay = _operation(
        commands,
        "replay",
        "replay_letters",
        "send dead letters once more, and what was lost without leaving one",
        "again",
    )
    queues = ["uploads", "jobs", "record", "sweep", "all"]
    replay.add_argument("queue", nargs="?", default="all", choices=queues, help="whose dead letters (default: all)")
    _add_window(replay, "also uploads that came from then on and never started, and jobs whose end nobody heard: ")
    replay.add_argument("--no-letters", action="store_true", help="with --since: leave dead letters where they are")
    replay.add_argument("--dry-run", action="store_true", help="say what would be sent, and send nothing")
    ingest = _operation(commands, "ingest", "ingest", "announce films that lie in the sources bucket already", "again")
    ingest.add_argument("prefix", metavar="PREFIX", help="where they lie: uploads/, or something below it")
    ingest.add_argument("--dry-run", action="store_true", help="say how many would start and what it may cost")
    ingest.add_argument(
        "--sample", type=_some, metavar="N", help="with --dry-run: how many are probed for the price (10; 0: none)"
    )
    _add_holds(commands)
    _add_life(commands)


def _add_holds(commands: Any) -> None:
    """What waits for a person; each name is a function of pipeline.cli.holds."""

    def decision(name: str, help_text: str) -> argparse.ArgumentParser:
        parser = _operation(commands, name, name, help_text, "holds")
        parser.add_argument("--by", metavar="NAME", default="", help="who decides (default: who is logged in here)")
        return parser

    approve = decision("approve", "let a film that is held for approval be published")
    approve.add_argument("name", metavar="ASSET|EXECUTION", help=_NAMED)
    release = decision("release", "let a film that waits for the daily budget be encoded all the same")
    release.add_argument("name", nargs="?", metavar="ASSET|EXECUTION", help=_NAMED)
    release.add_argument("--all", action="store_true", help="all that waits for the budget, oldest first")
    for one in (approve, release):
        one.add_argument("--note", metavar="TEXT", default="", help="a word to keep with the decision")
    _operation(commands, "budget", "budget", "what of today's budget is reserved, and which films wait for it", "holds")
    pause = decision("pause", "start nothing from now on: uploads are registered and wait, what runs goes on")
    pause.add_argument("--reason", metavar="TEXT", default="", help="why, for whoever asks")
    decision("resume", "start uploads again, those that waited first")


def _add_window(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--since", type=moment, metavar="WHEN", help=f"{what}{_WHEN}")
    command.add_argument("--until", type=moment, metavar="WHEN", help="with --since: until then (default: now)")


def _add_life(commands: Any) -> None:
    """Which version plays, how an asset ends, who may watch; each name is a function of pipeline.cli.life."""

    def about_an_asset(name: str, help_text: str) -> argparse.ArgumentParser:
        parser = _operation(commands, name, name, help_text, "life")
        parser.add_argument("name", metavar="ASSET", help="an asset's id")
        return parser

    about_an_asset("versions", "list an asset's versions: which plays, which can play again")
    rollback = about_an_asset("rollback", "let an older version play again")
    rollback.add_argument("version", nargs="?", metavar="VERSION", help="which (default: the one before what plays)")
    about_an_asset("update", "publish what lies beside the film now: captions, poster, words; nothing is encoded")
    delete = about_an_asset("delete", "remove an asset: outputs and addresses; its receipt says so")
    delete.add_argument("--purge-sources", action="store_true", help="also every version of the uploaded file")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("--report", type=Path, metavar="FILE", help="write down every object that was removed")
    sign = about_an_asset("sign", "let somebody watch a private film: a link to the page, and cookies")
    sign.add_argument("--minutes", type=_count, default=60, metavar="N", help="for how long (default 60)")
    keys = commands.add_parser("keys", help="make a key pair for private playback")
    keys.add_argument("action", choices=["new"], help="what to do")
    keys.add_argument("name", metavar="NAME", help="what to call the files")
    keys.add_argument(
        "--folder", type=Path, metavar="DIR", default=Path("keys"), help="where to write them (default: keys)"
    )
    keys.add_argument(
        "--login-of", type=Path, metavar="FILE", help="keep the login's secret of an older NAME.secret.json"
    )
    keys.set_defaults(command=_keys)


def _keys(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.life import keys

    return keys(options, console)


def _add_questions(commands: Any) -> None:
    """What operators ask of a pipeline; each name is a function of pipeline.cli.inspect."""
    films = _operation(commands, "list", "list_films", "list films, the newest change first", "inspect")
    films.add_argument("--status", "--state", choices=STATUSES, help="only those that are so")
    films.add_argument("--code", "--error", metavar="CODE", help="only those that ended with this error's code")
    films.add_argument("--limit", type=_count, default=100, metavar="N", help="at most so many (100)")
    show = _operation(
        commands, "show", "show", "one film: uploads, boxes with times and retries, jobs, links", "inspect"
    )
    explain = _operation(
        commands, "explain", "explain", "why a film is where it is, and the command that does it again", "explain"
    )
    logs = _operation(commands, "logs", "logs", "what the functions logged about a film", "explain")
    explain.add_argument(
        "--fetch", type=Path, metavar="DIR", help="bring film, sidecars and this bundle (explain.json) into a folder"
    )
    cost = _operation(
        commands, "cost", "cost", "what encoding should cost and did cost: one film, or all of a period", "cost"
    )
    cost.add_argument("name", nargs="?", metavar="ASSET|EXECUTION", help="one film; left out: day by day")
    for one in (show, explain, logs):
        one.add_argument("name", metavar="ASSET|EXECUTION", help=_NAMED)
    cost.add_argument("--since", type=moment, metavar="WHEN", help=f"day by day from then on: {_WHEN} (30d)")
    for one in (films, logs):
        one.add_argument("--since", type=moment, metavar="WHEN", help=f"only from then on: {_WHEN}")


def _operation(
    commands: Any, name: str, function: str, help_text: str, module: str = "operate"
) -> argparse.ArgumentParser:
    def run(options: argparse.Namespace, console: Console) -> int:
        return getattr(importlib.import_module(f"pipeline.cli.{module}"), function)(options, console)

    parser = commands.add_parser(
        name,
        help=help_text,
        epilog="It speaks to the pipeline that `vod up` keeps running here, or to a deployed stack. "
        "Exit status: 0 done, 1 not possible now, 2 no such thing",
    )
    parser.add_argument("--stack", metavar="NAME", help="a deployed stack, in the account your AWS settings choose")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.set_defaults(command=run)
    return parser


def _run(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.commands import run

    films = films_from(options.films)
    return run(films, console, default_home(), options)


def _up(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.commands import up

    return up(console, default_home(), options)


def _check(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.check import check

    return check(options, console)


def _console(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.console import serve

    return serve(options, console)


def _completion(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.completion import complete

    return complete(options, console)


def _mediaconvert(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.mediaconvert import serve

    return serve(options, console, default_home())


def _demo(options: argparse.Namespace, console: Console) -> int:
    from pipeline.cli.commands import run
    from pipeline.local.demo_film import demo_film

    with console.status("making a 20-second film"):
        film = demo_film(default_home() / "cache")
    return run(films_from([str(film)]), console, default_home(), options)


def _users_mistakes() -> tuple[type[Exception], ...]:
    """Errors whose message is the whole answer. Anything else is a bug of ours and keeps its traceback."""
    mistakes: list[type[Exception]] = [NotAFile, HomeUnusable, RunInUse, OSError]
    for module, names in _LAZY_ERRORS.items():
        if module in sys.modules:
            mistakes += [getattr(sys.modules[module], name) for name in names]
    return tuple(mistakes)


#: Of the errors below, those that a better command line would have avoided.
_USAGE_ERRORS = (
    "NothingByThatName",
    "NothingNamed",
    "NotUnderUploads",
    "QueueUnclear",
    "Unclear",
    "NotConfirmed",
    "KeyNotMade",
    "NotAnAssetId",
    "NoSuchProfile",
)

#: Modules that take long to import name their errors here; one that was never imported cannot have raised.
_LAZY_ERRORS = {
    "boto3.exceptions": ("Boto3Error",),
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "pipeline.aws.existing": ("NotUnderUploads", "QueueRefused"),
    "pipeline.aws.operate": ("NothingByThatName", "NotNow"),
    "pipeline.aws.playback": ("SecretNotUsable",),
    "pipeline.aws.replay": ("ReplayRefused",),
    "pipeline.bundle": ("PlayerNotBuilt",),
    "pipeline.cli.check": ("NoSuchProfile",),
    "pipeline.cli.holds": ("NothingNamed",),
    "pipeline.cli.life": ("KeyNotMade", "NotConfirmed", "PlaybackIsPublic"),
    "pipeline.cli.mediaconvert": ("QueueUnclear",),
    "pipeline.cli.again": ("Unclear",),
    "pipeline.cli.operate": ("OperationFailed",),
    "pipeline.cli.world": ("NoPipeline",),
    "pipeline.media.signing": ("KeyNotUsable", "NotAnAssetId"),
    "pipeline.local.demo_film": ("DemoFilmFailed",),
    "pipeline.local.deploy": ("DeployFailed",),
    "pipeline.local.emulators": ("EmulatorVersion",),
    "pipeline.local.emulators.server": ("PortTaken", "ServerFailed"),
    "pipeline.local.mediaconvert.errors": ("ApiError",),
    "pipeline.local.mediaconvert.ffmpeg": ("EngineMissing",),
    "pipeline.local.mediaconvert.server": ("NoCredentials", "PortTaken"),
    "pipeline.local.player_build": ("PlayerBuildFailed",),
    "pipeline.local.synth": ("SynthFailed",),
}


def _terminated(signum: int, frame: object) -> NoReturn:
    raise SystemExit(128 + signum)
