"""One stack for all end-to-end tests of a process: the template, the ASL, the handlers, the engine, nothing faked."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.films import Film
from pipeline.cli.follow import Follower, Result
from pipeline.cli.world import World
from pipeline.local.stack import Stack
from tests.media.receipt_schema import check_receipt

_PATIENCE_SECONDS = 240


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """The running stack, and the way of one film through it."""

    world: World
    stack: Stack

    def send(self, path: Path, key: str | None = None, sidecars: tuple[tuple[Path, str], ...] = ()) -> Result:
        return self.send_all([Film(path, key or f"uploads/{path.name}", sidecars)])[0]

    def send_all(self, films: list[Film]) -> list[Result]:
        """Upload all at once and wait for all to end."""
        followers = [Follower(self.world, film) for film in films]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(Follower.upload, followers))
        return [self.wait(follower) for follower in followers]

    def wait(self, follower: Follower) -> Result:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while follower.result is None:
            assert time.monotonic() < deadline, f"{follower.film.key} has not ended: {follower.snapshot}"
            follower.look()
            time.sleep(0.1)
        return follower.result

    def get(self, path: str) -> bytes:
        """What a viewer gets at this path of the delivery URL."""
        with urllib.request.urlopen(f"{self.world.delivery_url}/{path}", timeout=20) as answer:
            return answer.read()

    def asset_json(self, result: Result) -> dict[str, Any]:
        key = f"a/{result.asset_id}/asset.json"
        body = self.world.client("s3").get_object(Bucket=self.world.outputs["OutputsBucket"], Key=key)["Body"].read()
        return json.loads(body)

    def receipt(self, film_key: str) -> dict[str, Any]:
        key = film_key.replace("uploads/", "receipts/", 1) + ".json"
        body = self.world.client("s3").get_object(Bucket=self.world.outputs["SourcesBucket"], Key=key)["Body"].read()
        return check_receipt(json.loads(body))

    def record(self, result: Result) -> dict[str, Any]:
        from boto3.dynamodb.types import TypeDeserializer

        key = {"pk": {"S": result.asset_id}, "sk": {"S": f"version#{result.version}"}}
        item = self.world.client("dynamodb").get_item(TableName=self.world.outputs["AssetsTable"], Key=key)["Item"]
        return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}

    def executions(self) -> list[dict[str, Any]]:
        sfn = self.world.client("stepfunctions")
        return sfn.list_executions(stateMachineArn=self.world.outputs["StateMachineArn"])["executions"]

    def states(self, result: Result) -> list[str]:
        """The boxes this execution entered, in order."""
        pages = self.world.client("stepfunctions").get_paginator("get_execution_history")
        events = [event for page in pages.paginate(executionArn=result.execution_arn) for event in page["events"]]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


@pytest.fixture(scope="package")  # a process can hold one stack: it must end before other packages' tests begin
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with Stack.start(tmp_path_factory.mktemp("home"), port=0, edge_port=0) as stack:
        yield Pipeline(World(stack.endpoint_url, stack.delivery_url, dict(stack.outputs)), stack)


@pytest.fixture(scope="session")
def film_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")
