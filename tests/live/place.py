"""A deployed stack as its users have it: upload, wait, watch, read the receipt; and nothing left afterwards.

Everything goes through the AWS API and the delivery URL, so that the same code serves a stack in an account and the
embedded one.
"""

from __future__ import annotations

import dataclasses
import json
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import boto3

from pipeline.aws import playback
from pipeline.cli.films import Film
from pipeline.cli.follow import Follower, Result
from pipeline.cli.world import World, spoken_to

#: In an account a job may wait for its turn, and CloudFront keeps a pointer for two seconds.
PATIENCE_SECONDS = 1800
SETTLED_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Account(World):
    """A stack in the account and region that the SDK's own settings choose."""

    def client(self, service: str) -> Any:
        return boto3.client(service)


class Place:
    """One stack under test. Every key it uploads lies below a folder of its own."""

    def __init__(self, name: str, world: World) -> None:
        self.name, self.world = name, world
        self.folder = f"uploads/vod-live-{uuid.uuid4().hex[:12]}/"
        self._assets: set[str] = set()

    def __repr__(self) -> str:
        return self.name

    def send(self, path: Path, name: str, *sidecars: tuple[Path, str]) -> Result:
        film = Film(path, self.folder + name, tuple((file, self.folder + key) for file, key in sidecars))
        follower = Follower(self.world, film)
        self._assets.add(follower.asset_id)
        follower.upload()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while follower.result is None:
            assert time.monotonic() < deadline, f"{film.key} has not ended: {follower.snapshot}"
            follower.look()
            time.sleep(0.2 if self.world.endpoint_url else 3)
        return follower.result

    @property
    def private(self) -> bool:
        return "SigningSecret" in self.world.outputs

    def get(self, path: str, headers: dict[str, str] | None = None, *, anonymous: bool = False) -> bytes:
        """What a viewer gets; of a private film, with the cookies that `vod sign` gives."""
        asset = path.split("/")[1] if path.startswith("a/") else None
        if self.private and asset and not anonymous:
            headers = {**(headers or {}), "Cookie": self._cookies(asset)}
        request = urllib.request.Request(f"{self.world.delivery_url}/{path}", headers=headers or {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def _cookies(self, asset_id: str) -> str:
        outputs = self.world.outputs
        with spoken_to(self.world):
            signer = playback.signer(outputs["SigningSecret"], outputs["TrustedKeys"], outputs["DeliveryUrl"])
        cookies = signer.cookies_until(asset_id, int(time.time()) + 600)
        return "; ".join(f"{name}={value}" for name, value in cookies.items())

    def status_of(self, path: str, *, anonymous: bool = False) -> int:
        try:
            self.get(path, anonymous=anonymous)
            return 200
        except urllib.error.HTTPError as error:
            return error.code

    def asset_json(self, asset_id: str, version: str) -> dict[str, Any]:
        """asset.json once it speaks of this version: a pointer may be kept for a moment."""
        deadline = time.monotonic() + SETTLED_SECONDS
        while True:
            said = json.loads(self.get(f"a/{asset_id}/asset.json"))
            if said.get("version") == version or time.monotonic() > deadline:
                return said
            time.sleep(0.5)

    def receipt(self, name: str) -> dict[str, Any]:
        key = f"{self.folder}{name}".replace("uploads/", "receipts/", 1) + ".json"
        bucket = self.world.outputs["SourcesBucket"]
        return json.loads(self.world.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    def executions_of(self, asset_id: str) -> list[str]:
        pages = self.world.client("stepfunctions").get_paginator("list_executions")
        found = (
            each
            for page in pages.paginate(stateMachineArn=self.world.outputs["StateMachineArn"])
            for each in page["executions"]
        )
        return [each["name"] for each in found if each["name"].startswith(asset_id)]

    def clean_up(self) -> None:
        """Remove what this test uploaded and what was made of it, records included; then look whether all is gone."""
        sources, outputs = (self.world.outputs[name] for name in ("SourcesBucket", "OutputsBucket"))
        below = [(sources, self.folder), (sources, self.folder.replace("uploads/", "receipts/", 1))]
        below += [(outputs, f"{top}/{asset}/") for top in ("a", "w") for asset in self._assets]
        for bucket, prefix in below:
            self._remove(bucket, prefix)
        for asset in self._assets:
            self._forget(asset)
        left = [f"{bucket}/{prefix}" for bucket, prefix in below if self._versions(bucket, prefix)]
        assert not left, f"not removed: {left}"

    def _versions(self, bucket: str, prefix: str) -> list[dict[str, str]]:
        pages = self.world.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        return [
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for page in pages
            for kind in ("Versions", "DeleteMarkers")
            for each in page.get(kind, [])
        ]

    def _remove(self, bucket: str, prefix: str) -> None:
        for version in self._versions(bucket, prefix):
            self.world.client("s3").delete_object(Bucket=bucket, **version)

    def _forget(self, asset: str) -> None:
        table, dynamodb = self.world.outputs["AssetsTable"], self.world.client("dynamodb")
        query = {"TableName": table, "KeyConditionExpression": "pk = :pk", "ProjectionExpression": "pk, sk"}
        for page in dynamodb.get_paginator("query").paginate(**query, ExpressionAttributeValues={":pk": {"S": asset}}):
            for item in page["Items"]:
                dynamodb.delete_item(TableName=table, Key=item)
