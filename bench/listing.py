"""What `vod list` costs by itself: over 5,000 films on the embedded stack, beside a bare boto3 Query of the same.

In: nothing; a stack is started in a folder of its own, and 5,000 versions are written to its table. Out: seconds of CPU
of the `vod` process alone (user and system) and of wall time, beside those of a program that does nothing but import
boto3 and read the same index. Rounds are taken in turn, and medians are told. It is no test: a busy machine makes bad
numbers; the ratio bears it better than the seconds.

    python -m bench.listing [--films 5000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from pipeline.cli.world import World, announced
from pipeline.local.stack import Stack
from pipeline.media import keys
from pipeline.media.reconcile import LISTED_INDEX

_BATCH = 25  # BatchWriteItem's limit
FLOOR = """
import sys, boto3
pages = boto3.client("dynamodb").get_paginator("query").paginate(
    TableName=sys.argv[1], IndexName=sys.argv[2], KeyConditionExpression="listed = :v",
    ExpressionAttributeValues={":v": {"S": "version"}}, ScanIndexForward=False)
print(sum(len(page["Items"]) for page in pages))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="what `vod list` costs by itself")
    parser.add_argument("--films", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder), port=0, edge_port=0) as stack:
        world = World(stack.endpoint_url, stack.delivery_url, dict(stack.outputs))
        with announced(Path(folder), world):
            write(world, options.films)
            told = measure(world, Path(folder), options.films, options.rounds)
    print(json.dumps(told, indent=1))


def write(world: World, count: int) -> None:
    """Versions as `start` registers them and publish leaves them; one of fifty has failed."""
    table, bucket, pack = world.outputs["AssetsTable"], world.outputs["SourcesBucket"], TypeSerializer().serialize
    for first in range(0, count, _BATCH):
        items = [record(bucket, number) for number in range(first, min(first + _BATCH, count))]
        puts = [{"PutRequest": {"Item": {name: pack(value) for name, value in item.items()}}} for item in items]
        world.client("dynamodb").batch_write_item(RequestItems={table: puts})


def record(bucket: str, number: int) -> dict[str, Any]:
    key = f"uploads/season {number // 100}/A film with a name {number}.mp4"
    at = f"2026-11-{1 + number % 28:02}T12:{number % 60:02}:00.{number % 1000:03}Z"
    failed = {"status": "failed", "code": "TRANSCODE_FAILED"} if number % 50 == 0 else {"status": "published"}
    return {
        "pk": keys.asset_id(bucket, key),
        "sk": f"version#{keys.version(str(number), '', '')}",
        "listed": "version",
        "film": key,
        "revision": 1,
        "created_at": at,
        "updated_at": at,
        **failed,
    }


def measure(world: World, home: Path, films: int, rounds: int) -> dict[str, Any]:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "VOD_HOME": str(home),
        "AWS_ENDPOINT_URL": world.endpoint_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    listing = [sys.executable, "-m", "pipeline.cli", "list", "--limit", str(films)]
    programs = {
        "floor": [sys.executable, "-c", FLOOR, world.outputs["AssetsTable"], LISTED_INDEX],
        "list": listing,
        "list --json": [*listing, "--json"],
    }
    for argv in programs.values():
        once(argv, environment)  # modules are compiled, and kept so
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, argv in programs.items():
            found[name].append(once(argv, environment))
    told: dict[str, Any] = {"films": films, "rounds": rounds}
    for name, pairs in found.items():
        cpu, wall = (round(statistics.median(values), 3) for values in zip(*pairs, strict=True))
        told[name] = {"cpu_seconds": cpu, "wall_seconds": wall}
    ratios = [mine[0] / floor[0] for mine, floor in zip(found["list"], found["floor"], strict=True)]
    return {**told, "list / floor, CPU": round(statistics.median(ratios), 2)}


def once(argv: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """CPU (user and system) of this process alone, and wall time, in seconds."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begin
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall


if __name__ == "__main__":
    main()
