"""`vod cancel`, `sweep`: what operators do to a pipeline that runs elsewhere, and how every such command finds it.

The pipeline is the one that `vod up` keeps running in this home, or a deployed stack (--stack, VOD_STACK). Both are
spoken to with the AWS API by the code that runs in Lambda too. Each command prints what it did, or with --json one
object, and exits with 0; a mistake, or something that stands against it, is one sentence and 2 or 1.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from pipeline.aws import operate
from pipeline.aws.clients import client
from pipeline.cli.lines import printable
from pipeline.cli.world import World, attached, spoken_to
from pipeline.local.home import default_home
from pipeline.settings import NONE


class OperationFailed(Exception):
    """AWS refused, or could not be reached; the message is AWS's own."""


def command(
    work: Callable[[World, argparse.Namespace], dict[str, Any]],
    tell: Callable[[dict[str, Any]], list[str]],
    status: Callable[[dict[str, Any]], int] = lambda result: 0,
) -> Callable[[argparse.Namespace, Console], int]:
    """A command of the command line: find the pipeline, do the work, print what came of it, exit with its status."""

    def run(options: argparse.Namespace, console: Console) -> int:
        try:
            with spoken_to(attached(default_home(), options.stack)) as world:
                result = work(world, options)
        except (ClientError, BotoCoreError) as error:
            raise OperationFailed(str(error)) from error
        if options.json:
            print(json.dumps(result, ensure_ascii=False), flush=True)
        else:
            # In one piece: rich takes longer for five thousand lines than DynamoDB's answer takes to read.
            console.print("\n".join(map(printable, tell(result))), markup=False, soft_wrap=True)
        return status(result)

    return run


def _cancel(world: World, options: argparse.Namespace) -> dict[str, Any]:
    return {"cancelled": operate.cancel(options.name, place(world))}


def _tell_cancelled(result: dict[str, Any]) -> list[str]:
    return [
        f"cancelled {run['execution']}: {len(run['cancelled_jobs'])} jobs stopped, "
        f"{run['removed_objects']} objects removed"
        for run in result["cancelled"]
    ]


def _sweep(world: World, options: argparse.Namespace) -> dict[str, Any]:
    event = {} if options.grace is None else {"grace_seconds": options.grace}
    answer = client("lambda").invoke(FunctionName=world.outputs["SweepFunction"], Payload=json.dumps(event).encode())
    said = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        raise OperationFailed(f"the sweep failed: {said[:1000]}")
    return json.loads(said)


def _tell_swept(report: dict[str, Any]) -> list[str]:
    counts = [f"{count} x {what}" for what, count in report["counts"].items()] or ["nothing was left unfinished"]
    trouble = [f"could not see to {each}" for each in report["trouble"]]
    rest = [] if report["finished"] else ["time did not suffice; the next sweep does the rest"]
    return [*counts, *(f"  {each}" for each in report["did"]), *trouble, *rest]


cancel = command(_cancel, _tell_cancelled)
sweep = command(_sweep, _tell_swept)


def place(world: World) -> operate.Place:
    """Where this stack keeps its things, from its outputs."""
    return operate.Place(
        table=world.outputs["AssetsTable"],
        outputs_bucket=world.outputs["OutputsBucket"],
        state_machine_arn=world.outputs["StateMachineArn"],
        mediaconvert_queue_arn=world.outputs["MediaConvertQueueArn"],
        delivery_url=world.outputs["DeliveryUrl"],
        hop_queue_arn=world.outputs.get("HopQueueArn", NONE),
    )
