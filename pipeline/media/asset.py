"""An upload and the asset it belongs to: identity, and nothing that can change.

One asset per source key, one version per upload of it, one revision per run of a version. In: S3's "Object Created"
event as EventBridge delivers it. Out: the `upload` part of the state, from which every other id follows.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Self

from pipeline.media import keys


class EventNotUnderstood(ValueError):
    """An event lacks a field that we need; the message names the field. It will go to the dead-letter queue."""


@dataclasses.dataclass(frozen=True)
class Upload:
    """One upload of one key. size in bytes; order compares as text between uploads of the same key."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size: int
    order: str
    asset_id: str
    version: str
    revision: int = 1

    @classmethod
    def from_event(cls, event: dict[str, Any]) -> Self:
        """Read EventBridge's "Object Created" (S3 User Guide, "EventBridge event message structure")."""
        try:
            bucket = _text(event["detail"]["bucket"], "name")
            s3_object = event["detail"]["object"]
            key, etag, sequencer = (_text(s3_object, field) for field in ("key", "etag", "sequencer"))
            size = int(s3_object.get("size", 0))
            version_id = s3_object.get("version-id")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise EventNotUnderstood(f"{type(error).__name__} {error} in the event {str(event)[:300]}") from error
        return cls(
            bucket=bucket,
            key=key,
            version_id=version_id,
            etag=etag,
            size=size,
            order=keys.order(sequencer),
            asset_id=keys.asset_id(bucket, key),
            version=keys.version(version_id, etag, sequencer),
        )

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        return cls(**state)

    def as_state(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def with_revision(self, revision: int) -> Self:
        return dataclasses.replace(self, revision=revision)

    @property
    def execution_name(self) -> str:
        return keys.execution_name(self.asset_id, self.version, self.revision)

    def deduplication_id(self, event: str) -> str:
        """What a receiver drops repetitions by: the same in the message on the topic and in the receipt."""
        return f"{self.execution_name}-{event}"

    @property
    def run(self) -> str:
        return keys.run(self.version, self.revision)

    @property
    def run_prefix(self) -> str:
        return keys.run_prefix(self.asset_id, self.version, self.revision)

    @property
    def work_prefix(self) -> str:
        return keys.work_prefix(self.asset_id, self.version, self.revision)

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def _text(part: dict[str, Any], field: str) -> str:
    if not isinstance(part[field], str) or not part[field]:
        raise TypeError(f"{field!r} is no text")
    return part[field]
