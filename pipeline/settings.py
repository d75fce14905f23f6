"""What each Lambda function is told about the world: one frozen dataclass per function.

CDK writes it with `as_env()` and the handler reads it with `from_env()`, so that a setting cannot be spelled in
two ways. Endpoints are not here: they come from the SDK's own AWS_ENDPOINT_URL variables, which is why the same
code runs in AWS and on a laptop.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Self


class SettingsMissing(Exception):
    """A function was deployed without a variable it needs; the message names the variable."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Base of all settings: every field is a string and travels as VOD_<FIELD>."""

    def as_env(self) -> dict[str, str]:
        return {_variable(field): getattr(self, field) for field in _fields(self)}

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        missing = [_variable(field) for field in _fields(cls) if _variable(field) not in env]
        if missing:
            raise SettingsMissing(f"{cls.__name__} needs {', '.join(missing)} in the function's environment")
        return cls(**{field: env[_variable(field)] for field in _fields(cls)})


#: An environment variable cannot be empty in Lambda; this says that a setting is not used.
NONE = "none"


def _variable(field: str) -> str:
    return f"VOD_{field.upper()}"


def _fields(settings: Settings | type[Settings]) -> list[str]:
    return [field.name for field in dataclasses.fields(settings)]


@dataclasses.dataclass(frozen=True)
class StartSettings(Settings):
    table: str
    state_machine_arn: str
    sources_bucket: str
    delivery_url: str


@dataclasses.dataclass(frozen=True)
class IngestSettings(Settings):
    table: str
    outputs_bucket: str
    sources_bucket: str
    delivery_url: str


@dataclasses.dataclass(frozen=True)
class ProbeSettings(Settings):
    table: str


@dataclasses.dataclass(frozen=True)
class PlanSettings(Settings):
    table: str
    outputs_bucket: str
    profile: str
    acceleration: str
    stack: str
    daily_budget_usd: str
    sources_bucket: str
    delivery_url: str


@dataclasses.dataclass(frozen=True)
class HoldSettings(Settings):
    """daily_budget_usd: "0" where there is no limit."""

    table: str
    outputs_bucket: str
    delivery_url: str
    topic_arn: str
    daily_budget_usd: str
    sources_bucket: str


@dataclasses.dataclass(frozen=True)
class TranscodeSettings(Settings):
    table: str
    outputs_bucket: str
    mediaconvert_role_arn: str
    mediaconvert_queue_arn: str
    jobs_queue_url: str
    job_priority: str
    hop_queue_arn: str
    hop_minutes: str
    acceleration: str


@dataclasses.dataclass(frozen=True)
class RecallSettings(Settings):
    table: str
    outputs_bucket: str


@dataclasses.dataclass(frozen=True)
class ConvertSettings(Settings):
    outputs_bucket: str


@dataclasses.dataclass(frozen=True)
class VerifySettings(Settings):
    outputs_bucket: str


@dataclasses.dataclass(frozen=True)
class PublishSettings(Settings):
    """playback: public or private, as the configuration has it."""

    table: str
    outputs_bucket: str
    delivery_url: str
    playback: str


@dataclasses.dataclass(frozen=True)
class ReportSettings(Settings):
    table: str
    sources_bucket: str
    stack: str
    archive_tag: str
    delivery_url: str


@dataclasses.dataclass(frozen=True)
class RejectSettings(Settings):
    table: str
    outputs_bucket: str
    sources_bucket: str
    stack: str
    delivery_url: str
    topic_arn: str


@dataclasses.dataclass(frozen=True)
class CompleteSettings(Settings):
    table: str
    outputs_bucket: str
    stack: str
    sources_bucket: str
    delivery_url: str


@dataclasses.dataclass(frozen=True)
class RecordSettings(Settings):
    table: str
    topic_arn: str
    outputs_bucket: str
    sources_bucket: str
    delivery_url: str


@dataclasses.dataclass(frozen=True)
class SweepSettings(Settings):
    table: str
    outputs_bucket: str
    state_machine_arn: str
    mediaconvert_queue_arn: str
    hop_queue_arn: str
    jobs_queue_url: str
    topic_arn: str
    stack: str
    old_outputs_days: str
    daily_budget_usd: str
    sources_bucket: str
    delivery_url: str


@dataclasses.dataclass(frozen=True)
class AdoptSettings(Settings):
    """The custom resource that fits an existing bucket to the pipeline; what it needs comes with each call."""


@dataclasses.dataclass(frozen=True)
class IssueSettings(Settings):
    """Who may watch, where playback is private. trusted_keys: "<key id>=<fingerprint>,..."; base_url: of the films."""

    signing_secret: str
    trusted_keys: str
    base_url: str
    cookie_seconds: str
    same_site: str


@dataclasses.dataclass(frozen=True)
class SiteSettings(Settings):
    """The custom resource that copies the built player page beside the outputs."""

    outputs_bucket: str
