"""Follow one upload from its last byte to its end, through the AWS API alone.

In: a World and an upload's identity. Out: snapshots for the screen, and at the end a Result. The execution's history
is the truth about states; MediaConvert's GetJob knows the percentage between its ten-second events.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from pipeline.cli.films import Film
from pipeline.cli.world import World
from pipeline.media import errors, holds, keys, playback, timeline

_STARTS_WITHIN_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """status: uploading, waiting, running, or a Result's."""

    status: str
    steps: tuple[timeline.Step, ...] = ()
    percent: int | None = None
    uploaded: float = 0.0


@dataclasses.dataclass(frozen=True)
class Result:
    """How one film ended. status: published, rejected, failed or superseded; or held or waiting, where it waits for
    somebody's word, which `waits` says. Times in seconds, durations in ms."""

    film: Film
    asset_id: str
    version: str
    status: str
    error: dict[str, Any] | None = None
    playback_url: str | None = None
    renditions: tuple[dict[str, Any], ...] = ()
    captions: tuple[dict[str, Any], ...] = ()
    duration_ms: int | None = None
    seconds: float = 0.0
    encoding_seconds: float | None = None
    queued_seconds: float = 0.0
    execution_arn: str | None = None
    waits: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: the published contract of the command."""
        return {
            "file": str(self.film.path),
            "asset_id": self.asset_id,
            "version": self.version,
            "status": "rejected" if self.status == "superseded" else self.status,
            "error": self.error,
            **({"waits": self.waits} if self.waits else {}),
            "playback_url": self.playback_url,
            "renditions": list(self.renditions),
            "duration_ms": self.duration_ms,
            "seconds": round(self.seconds, 3),
        }


class Follower:
    """One upload under way. Call `upload`, then `look` until it gives a Result.

    patient: go on looking while the film waits for somebody's word; otherwise that is its Result.
    """

    def __init__(self, world: World, film: Film, patient: bool = True):
        self._world, self._patient = world, patient
        self.film = film
        self.asset_id = keys.asset_id(world.outputs["SourcesBucket"], film.key)
        self.version = ""
        self.snapshot = Snapshot("uploading")
        self.result: Result | None = None
        self._uploaded_at = 0.0
        self._job_id: str | None = None

    def upload(self) -> None:
        """Sidecars first, so that ingest finds them; then the film, in parts, with progress."""
        s3, bucket = self._world.client("s3"), self._world.outputs["SourcesBucket"]
        for path, key in self.film.sidecars:
            s3.upload_file(str(path), bucket, key)
        size, sent = max(1, self.film.path.stat().st_size), 0

        def progress(count: int) -> None:
            nonlocal sent
            sent += count
            self.snapshot = Snapshot("uploading", uploaded=min(1.0, sent / size))

        s3.upload_file(str(self.film.path), bucket, self.film.key, Callback=progress)
        self._uploaded_at = time.time()
        head = s3.head_object(Bucket=bucket, Key=self.film.key)
        self.version = keys.version(head.get("VersionId"), head["ETag"].strip('"'), "")
        self.snapshot = Snapshot("waiting", uploaded=1.0)

    def look(self) -> None:
        """Ask once how things stand; sets `snapshot`, and `result` at the end."""
        sfn, arn = self._world.client("stepfunctions"), self.execution_arn
        try:
            execution = sfn.describe_execution(executionArn=arn)
        except sfn.exceptions.ExecutionDoesNotExist:
            if self._is_left_waiting(()):
                return
            if time.time() - self._uploaded_at > _STARTS_WITHIN_SECONDS:
                self.result = self._ended("failed", error=_never_started(self.film.key), ended=time.time())
            return
        steps = timeline.steps(self._history(arn))
        if execution["status"] == "RUNNING":
            if steps and steps[-1].name.startswith("Hold ") and self._is_left_waiting(steps):
                return
            self.snapshot = Snapshot("running", steps, self._percent(steps), 1.0)
            return
        self.result = self._finish(execution)
        self.snapshot = Snapshot(self.result.status, steps, 100, 1.0)

    def _is_left_waiting(self, steps: tuple[timeline.Step, ...]) -> bool:
        """Whether the film waits for somebody, and nobody here waits with it."""
        record = {} if self._patient else self._record(f"version#{self.version}") or {}
        if record.get("status") not in holds.STATUS.values():
            return False
        self.result = self._ended(record["status"], time.time(), waits=record["waits"])
        self.snapshot = Snapshot(record["status"], steps, None, 1.0)
        return True

    @property
    def execution_arn(self) -> str:
        machine = self._world.outputs["StateMachineArn"]
        return (
            machine.replace(":stateMachine:", ":execution:") + ":" + keys.execution_name(self.asset_id, self.version, 1)
        )

    def _history(self, arn: str) -> list[dict[str, Any]]:
        pages = self._world.client("stepfunctions").get_paginator("get_execution_history")
        return [
            event for page in pages.paginate(executionArn=arn, includeExecutionData=False) for event in page["events"]
        ]

    def _percent(self, steps: tuple[timeline.Step, ...]) -> int | None:
        encoding = [step for step in steps if step.name.startswith("Transcode ") and step.exited is None]
        if not encoding:
            return None
        if self._job_id is None:
            self._job_id = (self._record(f"job#{keys.run(self.version, 1)}#streams") or {}).get("job_id")
        if self._job_id is None:
            return 0
        return self._world.client("mediaconvert").get_job(Id=self._job_id)["Job"].get("JobPercentComplete", 0)

    def _record(self, sk: str) -> dict[str, Any] | None:
        answer = self._world.client("dynamodb").get_item(
            TableName=self._world.outputs["AssetsTable"],
            Key={"pk": {"S": self.asset_id}, "sk": {"S": sk}},
            ConsistentRead=True,
        )
        read = TypeDeserializer().deserialize
        return {name: read(value) for name, value in answer["Item"].items()} if "Item" in answer else None

    def _finish(self, execution: dict[str, Any]) -> Result:
        ended = execution["stopDate"].timestamp()
        if execution["status"] != "SUCCEEDED":
            return self._ended(
                "failed",
                ended,
                error=errors.parse_cause(execution.get("error", execution["status"]), execution.get("cause", "")),
            )
        output = json.loads(execution["output"])
        if "rejection" in output:
            superseded = output["rejection"].get("status") == "superseded"
            return self._ended(
                "superseded" if superseded else "rejected",
                ended,
                error=_superseded(self.film.key) if superseded else output["rejection"],
            )
        verified = output["verified"]
        return self._ended(
            "published",
            ended,
            playback_url=playback.playback_url(self._world.delivery_url, self.asset_id),
            renditions=tuple(verified["renditions"]),
            captions=tuple(output["outputs"]["captions"]),
            duration_ms=verified["duration_ms"],
            **self._job_times(output["outputs"]["streams"]["job_id"]),
        )

    def _ended(self, status: str, ended: float, **more: Any) -> Result:
        return Result(
            self.film,
            self.asset_id,
            self.version,
            status,
            seconds=max(0.0, ended - self._uploaded_at),
            execution_arn=self.execution_arn,
            **more,
        )

    def _job_times(self, job_id: str) -> dict[str, float]:
        timing = self._world.client("mediaconvert").get_job(Id=job_id)["Job"]["Timing"]
        return {
            "encoding_seconds": (timing["FinishTime"] - timing["StartTime"]).total_seconds(),
            "queued_seconds": (timing["StartTime"] - timing["SubmitTime"]).total_seconds(),
        }


def _superseded(key: str) -> dict[str, Any]:
    return errors.SourceSuperseded(
        "SOURCE_SUPERSEDED", f"{key} was uploaded again before this upload was published"
    ).as_dict()


def _never_started(key: str) -> dict[str, Any]:
    return {
        "message": f"no execution started for {key} within {_STARTS_WITHIN_SECONDS} s of its upload",
        "code": "NOT_STARTED",
        "class": "service",
        "retryable": True,
        "evidence": {"key": key},
        "fix": "Look at the start function's log and at the uploads queue's dead-letter queue.",
    }
