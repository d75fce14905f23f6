"""`vod mediaconvert`: the local MediaConvert alone, until Ctrl-C. One line for every event of a job.

On a terminal the percents of the jobs under way are bars below the lines; in a pipe or a log they are lines, too.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import uuid
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID

from pipeline.cli.commands import wait_for_a_signal
from pipeline.cli.progress import jobs_bars
from pipeline.local.home import open_run
from pipeline.local.mediaconvert.server import ACCOUNT, Server

_ENDS = ("COMPLETE", "ERROR", "CANCELED")


class QueueUnclear(Exception):
    """A --queue that is not NAME or NAME=NUMBER."""


def serve(options: argparse.Namespace, console: Console, home: Path) -> int:
    queues = tuple(_queue(text) for text in options.queue)
    with contextlib.ExitStack() as running:
        run = open_run(home)
        running.callback(run.close)
        bars = running.enter_context(jobs_bars(console)) if console.is_terminal else None
        news = _News(console, options.events, bars)
        running.callback(news.close)
        server = Server(
            run.path,
            news.emit,
            port=options.port,
            workers=options.workers,
            logs=run.logs / "mediaconvert",
            queues=queues,
        )
        running.callback(server.close)
        news.region = server.region
        console.print(
            f"MediaConvert at {server.endpoint_url}, files in the S3 at {server.s3_endpoint}; Ctrl-C stops\n\n"
            f"  export AWS_ENDPOINT_URL_MEDIACONVERT={server.endpoint_url}\n",
            soft_wrap=True,
        )
        wait_for_a_signal()
    return 0


def _queue(text: str) -> tuple[str, int | None]:
    name, _, number = text.partition("=")
    if not name or (number and not (number.isdecimal() and int(number) > 0)) or text.endswith("="):
        raise QueueUnclear(f"--queue {text}: write NAME, or NAME=2 for two jobs at once")
    return name, int(number) if number else None


class _News:
    """Tells of jobs as they go, and keeps their events in a file, one EventBridge event to a line."""

    def __init__(self, console: Console, path: Path | None, bars: Progress | None = None):
        self._console, self._bars = console, bars
        self._tasks: dict[str, TaskID] = {}
        self._file = path.open("a", encoding="utf-8") if path else None
        self.region = ""

    def emit(self, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        if self._bars is None or not self._moved(detail, self._bars):
            self._console.print(_line(detail), soft_wrap=True)
        if self._file:
            event = {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": detail_type,
                "source": "aws.mediaconvert",
                "account": ACCOUNT,
                "time": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": self.region,
                "resources": resources,
                "detail": detail,
            }
            print(json.dumps(event, ensure_ascii=False), file=self._file, flush=True)

    def _moved(self, detail: dict[str, Any], bars: Progress) -> bool:
        """Move or remove the job's bar; whether that has said it all."""
        job, status = detail["jobId"], detail["status"]
        if status == "STATUS_UPDATE":
            if job not in self._tasks:
                self._tasks[job] = bars.add_task(job, total=100)
            bars.update(self._tasks[job], completed=detail["jobProgress"]["jobPercentComplete"])
        elif status in _ENDS and job in self._tasks:
            bars.remove_task(self._tasks.pop(job))
        return status == "STATUS_UPDATE"

    def close(self) -> None:
        if self._file:
            self._file.close()


def _line(detail: dict[str, Any]) -> str:
    status = detail["status"]
    more = {
        "STATUS_UPDATE": lambda: f"{detail['jobProgress']['jobPercentComplete']} %",
        "ERROR": lambda: f"{detail['errorCode']}: {detail['errorMessage']}",
        "NEW_WARNING": lambda: f"{detail['warningCode']}: {detail['warningMessage']}",
        "INPUT_INFORMATION": lambda: ", ".join(one["uri"] for one in detail["inputDetails"]),
        "QUEUE_HOP": lambda: f"to {detail['queue']}",
    }.get(status, lambda: "")
    return escape(f"{detail['jobId']}  {status:<17}  {more()}".rstrip())
