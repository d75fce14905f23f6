"""One job as MediaConvert knows it: a value that each change replaces, and how GetJob shows it.

In: CreateJob's validated input, then what the worker reports. Out: the API's `Job` structure. Nothing here starts,
waits or locks; `dispatch` does. A job never leaves COMPLETE, ERROR or CANCELED.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import string
import time
import zlib
from collections.abc import Mapping
from typing import Any

from pipeline.local.mediaconvert import acceleration

SUBMITTED, PROGRESSING, COMPLETE, CANCELED, ERROR = "SUBMITTED", "PROGRESSING", "COMPLETE", "CANCELED", "ERROR"
FINAL = frozenset({COMPLETE, CANCELED, ERROR})
PHASES = ("PROBING", "TRANSCODING", "UPLOADING")
UNKNOWN_ERROR = 1999  # MediaConvert's code for "something else went wrong"; ours for a worker that died


@dataclasses.dataclass(frozen=True)
class Job:
    id: str
    arn: str
    queue: str  # an ARN
    role: str
    packed_settings: bytes  # see pack(): ten thousand finished jobs stay small
    submitted: float  # seconds since 1970, as all times here
    priority: int = 0
    status_seconds: int = 60
    client_request_token: str | None = None
    acceleration_mode: str = acceleration.DISABLED
    accelerated: bool | None = None  # None: not known yet
    job_template: str | None = None
    hop_destinations: tuple[Mapping[str, Any], ...] = ()
    queue_transitions: tuple[Mapping[str, Any], ...] = ()
    billing_tags_source: str | None = None
    user_metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    status: str = SUBMITTED
    started: float | None = None
    finished: float | None = None
    phase: str | None = None
    phase_percent: int = 0
    percent: int = 0
    frames_decoded: int = 0
    warning_counts: Mapping[int, int] = dataclasses.field(default_factory=dict)
    warning_texts: tuple[str, ...] = ()  # the first of each code, as they came
    info_texts: tuple[str, ...] = ()
    output_group_details: tuple[Mapping[str, Any], ...] = ()  # in the shape of AWS's events, camelCase
    error_code: int | None = None
    error_message: str | None = None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def acceleration_status(self) -> str:
        """ "IN_PROGRESS initially, while the service determines whether the input files and job settings are
        compatible with accelerated transcoding"; a job that ends before that was not accelerated."""
        if self.acceleration_mode == acceleration.DISABLED:
            return "NOT_APPLICABLE"
        if self.accelerated is None:
            return "NOT_ACCELERATED" if self.is_final else "IN_PROGRESS"
        return "ACCELERATED" if self.accelerated else "NOT_ACCELERATED"

    @property
    def settings(self) -> dict[str, Any]:
        return json.loads(zlib.decompress(self.packed_settings))


def new_id(now: float) -> str:
    """As AWS makes them: milliseconds since 1970, a hyphen and six random characters (1671476818694-phptj0)."""
    alphabet = string.ascii_lowercase + string.digits
    return f"{int(now * 1000)}-{''.join(secrets.choice(alphabet) for _ in range(6))}"


def pack(settings: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(settings, separators=(",", ":")).encode())


def from_request(request: Mapping[str, Any], queue_arn: str, arn_prefix: str) -> Job:
    """The job that a valid CreateJob asks for; `arn_prefix` is "arn:aws:mediaconvert:<region>:<account>"."""
    now = time.time()
    job_id = new_id(now)
    return Job(
        id=job_id,
        arn=f"{arn_prefix}:jobs/{job_id}",
        queue=queue_arn,
        role=request["Role"],
        packed_settings=pack(request["Settings"]),
        submitted=now,
        priority=request.get("Priority", 0),
        status_seconds=int(request.get("StatusUpdateInterval", "SECONDS_60").removeprefix("SECONDS_")),
        client_request_token=request.get("ClientRequestToken"),
        acceleration_mode=request.get("AccelerationSettings", {}).get("Mode", acceleration.DISABLED),
        job_template=request.get("JobTemplate"),
        hop_destinations=tuple(request.get("HopDestinations", [])),
        billing_tags_source=request.get("BillingTagsSource"),
        user_metadata=request.get("UserMetadata", {}),
        tags=request.get("Tags", {}),
    )


# --- changes -----------------------------------------------------------------------------------------------------


def start(job: Job) -> Job:
    return dataclasses.replace(job, status=PROGRESSING, started=time.time(), phase=PHASES[0])


def progress(job: Job, message: Mapping[str, Any]) -> Job:
    """A progress line of the worker. Percentages never run backwards: a viewer of a bar would think it had failed."""
    phase = message["phase"]
    if phase not in PHASES:
        raise ValueError(f"{phase} is not a phase of a job ({', '.join(PHASES)})")
    return dataclasses.replace(
        job,
        phase=phase,
        phase_percent=_percent(message.get("phase_percent", 0)),
        percent=max(job.percent, _percent(message.get("job_percent", 0))),
        frames_decoded=max(job.frames_decoded, int(message.get("frames_decoded") or 0)),
    )


def _percent(value: float | None) -> int:
    return max(0, min(100, int(value or 0)))


def accelerate(job: Job, accelerated: bool) -> Job:
    return dataclasses.replace(job, accelerated=accelerated)


def hop(job: Job, queue_arn: str, priority: int | None) -> Job:
    """Move a waiting job to another queue; it keeps its priority unless it was given another for there."""
    move = {"SourceQueue": job.queue, "DestinationQueue": queue_arn, "Timestamp": time.time()}
    return dataclasses.replace(
        job,
        queue=queue_arn,
        priority=job.priority if priority is None else priority,
        queue_transitions=(*job.queue_transitions, move),
    )


def inform(job: Job, text: str) -> Job:
    return dataclasses.replace(job, info_texts=(*job.info_texts, text))


def caution(job: Job, text: str) -> Job:
    """ "conditions that might cause your job not to run or to fail" (JobMessages.Warning); no code, no event."""
    return dataclasses.replace(job, warning_texts=(*job.warning_texts, text))


def warn(job: Job, code: int, text: str) -> Job:
    """Count a warning. One text is kept for each code: a source can raise the same one for every frame."""
    counts = {**job.warning_counts, code: job.warning_counts.get(code, 0) + 1}
    texts = job.warning_texts if code in job.warning_counts else (*job.warning_texts, text)
    return dataclasses.replace(job, warning_counts=counts, warning_texts=texts)


def complete(job: Job, output_group_details: list[Mapping[str, Any]]) -> Job:
    return dataclasses.replace(
        job,
        status=COMPLETE,
        finished=time.time(),
        phase=PHASES[-1],
        phase_percent=100,
        percent=100,
        output_group_details=tuple(output_group_details),
    )


def fail(job: Job, code: int, text: str) -> Job:
    return dataclasses.replace(job, status=ERROR, finished=time.time(), error_code=code, error_message=text)


def cancel(job: Job) -> Job:
    return dataclasses.replace(job, status=CANCELED, finished=time.time())


# --- what the API shows ------------------------------------------------------------------------------------------


def describe(job: Job) -> dict[str, Any]:
    """The API's `Job` structure; members that are not known yet are left out, as AWS leaves them out."""
    described = {
        "Arn": job.arn,
        "Id": job.id,
        "CreatedAt": job.submitted,
        "Queue": job.queue,
        "Role": job.role,
        "Settings": job.settings,
        "Status": job.status,
        "Priority": job.priority,
        "StatusUpdateInterval": f"SECONDS_{job.status_seconds}",
        "AccelerationSettings": {"Mode": job.acceleration_mode},
        "AccelerationStatus": job.acceleration_status,
        "BillingTagsSource": job.billing_tags_source,
        "ClientRequestToken": job.client_request_token,
        "UserMetadata": dict(job.user_metadata),
        "JobTemplate": job.job_template,
        "HopDestinations": [dict(hop) for hop in job.hop_destinations],
        "QueueTransitions": [dict(move) for move in job.queue_transitions],
        "SimulateReservedQueue": "DISABLED",
        "RetryCount": 0,
        "Messages": {"Info": list(job.info_texts), "Warning": list(job.warning_texts)},
        "Timing": {"SubmitTime": job.submitted, "StartTime": job.started, "FinishTime": job.finished},
    }
    if job.warning_counts:
        described["Warnings"] = [{"Code": code, "Count": count} for code, count in job.warning_counts.items()]
    if job.phase:
        described |= {"CurrentPhase": job.phase, "JobPercentComplete": job.percent}
    if job.status == COMPLETE:
        described["OutputGroupDetails"] = [_group_details(group) for group in job.output_group_details]
    if job.status == ERROR:
        described |= {"ErrorCode": job.error_code, "ErrorMessage": job.error_message}
    return described


def _group_details(group: Mapping[str, Any]) -> dict[str, Any]:
    """GetJob knows less of the outputs than the COMPLETE event does: durations and picture sizes, no file names."""
    return {"OutputDetails": [_output_details(output) for output in group.get("outputDetails", [])]}


def _output_details(output: Mapping[str, Any]) -> dict[str, Any]:
    video = output.get("videoDetails")
    size = {"WidthInPx": video["widthInPx"], "HeightInPx": video["heightInPx"]} if video else None
    return {"DurationInMs": output.get("durationInMs"), "VideoDetails": size}
