"""Where films go: the stack that this process starts, one that `vod up` already keeps running, or one in AWS.

All are spoken to through the AWS API alone, so that what is seen here is what any S3 client would see. `vod up`
leaves its address in up.json; a `vod run` in the same home finds it there and asks it whether it is alive.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from pipeline.aws import clients


@dataclasses.dataclass(frozen=True)
class World:
    """One running stack. outputs are the CloudFormation stack's; shared says that another process keeps it alive.

    name: the stack's. console_url: where its console is served, if it is.
    """

    endpoint_url: str
    delivery_url: str
    outputs: dict[str, str]
    shared: bool = False
    name: str = ""
    console_url: str = ""

    def client(self, service: str) -> Any:
        return _client(service, self.endpoint_url)


class NoPipeline(Exception):
    """There is no pipeline to speak to; the message says how to come by one."""


def attached(home: Path, stack: str | None) -> World:
    """A pipeline that runs elsewhere: the stack of this name (or VOD_STACK's), else the one `vod up` keeps running.

    Where AWS_ENDPOINT_URL points to somebody's pipeline, its stack is the one that is meant.
    """
    name = stack or os.environ.get("VOD_STACK")
    if not name:
        running = _running(home)
        if running:
            return running
        if "AWS_ENDPOINT_URL" not in os.environ:
            raise NoPipeline("no pipeline runs in this home: start `vod up`, or name a deployed stack with --stack")
        name = "Vod"
    return _deployed(name)


def _deployed(name: str) -> World:
    """A stack by its name, in the account and region that the SDK's own settings choose."""
    try:
        (stack,) = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        raise NoPipeline(f"stack {name}: {error.response['Error'].get('Message', error)}") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    if "StateMachineArn" not in outputs:
        raise NoPipeline(f"stack {name} is {stack['StackStatus']} and has no outputs of this pipeline")
    return World("", outputs["DeliveryUrl"], outputs, shared=True, name=name)


@contextlib.contextmanager
def spoken_to(world: World) -> Iterator[World]:
    """Within the block pipeline.aws speaks to this world: through the SDK's own variables, as a function does."""
    ours = {}
    if world.endpoint_url:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        ours = {"AWS_ENDPOINT_URL": world.endpoint_url, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        ours |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    clients.client.cache_clear()
    try:
        yield world
    finally:
        clients.client.cache_clear()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@functools.cache
def _client(service: str, endpoint_url: str) -> Any:
    # Signatures are not checked on the laptop, but boto3 wants something to sign with.
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard"}, s3={"addressing_style": "path"}, max_pool_connections=32),
    )


@contextlib.contextmanager
def open_world(
    home: Path, port: int | None, edge_port: int | None, attach: bool, context: Mapping[str, str] | None = None
) -> Iterator[World]:
    """A running stack: an attached one where `vod up` serves this home, else a new one that ends with the block.

    context: options of the deployment (docs/configuration.md); they, and ports, ask for a stack of one's own.
    """
    running = _running(home) if attach and port is None and edge_port is None and not context else None
    if running:
        yield running
        return
    from pipeline.local import player_build
    from pipeline.local.stack import Stack  # the emulators take a second to import; not for --help

    player_build.build(home)
    with Stack.start(home, port=port, edge_port=edge_port, context=context) as stack:
        yield World(stack.endpoint_url, stack.delivery_url, dict(stack.outputs), name=stack.deployment.stack_name)


@contextlib.contextmanager
def announced(home: Path, world: World) -> Iterator[None]:
    """Let other commands in this home find the stack for as long as the block lasts."""
    file = home / "up.json"
    text = json.dumps({**dataclasses.asdict(world), "pid": os.getpid()})
    partial = file.with_suffix(".tmp")
    partial.write_text(text)
    partial.replace(file)
    try:
        yield
    finally:
        if file.exists() and json.loads(file.read_text()).get("pid") == os.getpid():
            file.unlink()


def _running(home: Path) -> World | None:
    file = home / "up.json"
    try:
        said = json.loads(file.read_text())
        said.pop("pid")
        world = World(**{**said, "shared": True})
        urllib.request.urlopen(f"{world.endpoint_url}/{world.outputs['SourcesBucket']}?location", timeout=2).close()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return world
