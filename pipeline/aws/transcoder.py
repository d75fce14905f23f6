"""MediaConvert, as the pipeline needs it: one job per asset, version, revision and role, never two alive at once.

The task token and the intent are in the table, in one write, before CreateJob is called. A repeat of the step (a
retry, a redrive, a heartbeat that was missed) therefore finds the job instead of paying for another: by its id, or,
where the function died between CreateJob and saving the id, by its UserMetadata. ERROR and CANCELED never count as
found. The answer of a job that ended unheard is posted to the same queue that MediaConvert's events take, so that one
function alone resolves tokens.

MediaConvert's ClientRequestToken holds for one minute only (User Guide, "Preventing duplicate jobs"); it is set, but
nothing relies on it.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import itertools
import json
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.clients import client
from pipeline.aws.faults import code_of, is_passing
from pipeline.aws.table import AssetTable
from pipeline.media.asset import Upload
from pipeline.media.errors import UNACCELERATED, ServiceThrottled, TranscodeFailed
from pipeline.media.reconcile import ALIVE
from pipeline.media.source import unreadable
from pipeline.settings import NONE, TranscodeSettings

_LOOK_UP = "Look the error up in MediaConvert's API Reference under CreateJob, mend it, then redrive the execution."
#: What CreateJob's own error names mean to us: (our code, what to do where the code's own fix does not fit).
_REFUSALS = {
    "BadRequestException": ("TRANSCODE_SETTINGS", None),
    "ForbiddenException": ("TRANSCODE_NOT_ALLOWED", None),
    "AccessDeniedException": ("TRANSCODE_NOT_ALLOWED", None),
}
_CLOCKS_DIFFER = datetime.timedelta(minutes=1)


@dataclasses.dataclass(frozen=True)
class Jobs:
    """Whose jobs, and where they wait: those of one table, in its queue and in the one they may hop to.

    A queue may be shared, with somebody else or with another environment that knows the same films; the table's name
    tells our jobs from theirs.
    """

    table: str
    queue_arns: tuple[str, ...]

    @classmethod
    def of(cls, table: str, mediaconvert_queue_arn: str, hop_queue_arn: str = NONE) -> Jobs:
        return cls(table, tuple(arn for arn in (mediaconvert_queue_arn, hop_queue_arn) if arn != NONE))

    def are_ours(self, user_metadata: dict[str, str]) -> bool:
        """Jobs of before this was written down say nothing of a table."""
        return user_metadata.get("table", self.table) == self.table


def probe(url: str) -> dict[str, Any]:
    """MediaConvert's ProbeResult of an s3:// URL. Raises SourceUnreadable where MediaConvert cannot read the file."""
    try:
        results = client("mediaconvert").probe(InputFiles=[{"FileUrl": url}]).get("ProbeResults") or [{}]
        return results[0]
    except ClientError as error:
        # 422 is the documented answer for a file that was recognised and is malformed (API Reference, "Probe").
        if is_passing(error) or code_of(error) not in ("UnprocessableEntityException", "BadRequestException"):
            raise
        raise unreadable(error.response["Error"].get("Message", "")) from error


def transcode(
    upload: Upload, role: str, job_settings: dict[str, Any], task_token: str, settings: TranscodeSettings
) -> str:
    """See that exactly one live job works on this role and that its answer will reach `task_token`. Returns its id."""
    table = AssetTable(settings.table)
    known = table.job(upload, role) or {}
    number = int(known.get("attempt", 0))
    job = find_job(known, Jobs.of(settings.table, settings.mediaconvert_queue_arn, settings.hop_queue_arn))
    if job and job["Status"] in (*ALIVE, "COMPLETE"):
        _stored(table.adopt(upload, role, number, task_token))
        table.submitted(upload, role, number, job["Id"])
        _answer_what_ended(job["Id"], settings.jobs_queue_url)
        return job["Id"]
    settings = dataclasses.replace(settings, acceleration=_acceleration(job, settings.acceleration))
    _stored(table.attempt(upload, role, number + 1, task_token, settings.acceleration))
    job_id = _create(upload, role, number + 1, job_settings, settings)
    table.submitted(upload, role, number + 1, job_id)
    return job_id


def _acceleration(before: dict[str, Any] | None, wanted: str) -> str:
    """The next attempt's mode: none once MediaConvert could not accelerate, or the attempt before did without."""
    before = before or {}
    went_without = before.get("AccelerationSettings", {}).get("Mode") == "DISABLED"
    return "DISABLED" if went_without or before.get("ErrorCode") in UNACCELERATED else wanted


def _stored(won: bool) -> None:
    if not won:
        message = "another run of this step is just making the next attempt"
        raise ServiceThrottled("SERVICE_THROTTLED", message, {"operation": "UpdateItem"})


def _answer_what_ended(job_id: str, queue_url: str) -> None:
    """A job that ended before the token was stored has answered nobody, or the token before: let it answer again."""
    job = find_by_id(job_id)
    if job and job["Status"] not in ALIVE:
        post_answer(job, queue_url)


def cancel(job_id: str) -> bool:
    """Cancel a job; False when it had already ended."""
    try:
        client("mediaconvert").cancel_job(Id=job_id)
        return True
    except ClientError as error:
        if code_of(error) in ("ConflictException", "BadRequestException", "NotFoundException"):
            return False
        raise


def metadata(upload: Upload, role: str, attempt: int) -> dict[str, str]:
    """UserMetadata of a job: how its events, and a lost job, are found again. ASCII ids only, never the key."""
    return {
        "asset_id": upload.asset_id,
        "version": upload.version,
        "revision": str(upload.revision),
        "role": role,
        "attempt": str(attempt),
    }


def find_job(record: dict[str, Any], ours: Jobs) -> dict[str, Any] | None:
    """The job of a job record's newest attempt: by its id, or by its UserMetadata where the id was never saved."""
    if not record.get("attempt"):
        return None
    if record.get("job_id"):
        return find_by_id(record["job_id"])
    wanted = metadata(Upload.from_state(record["upload"]), record["role"], int(record["attempt"]))
    attempted_at = datetime.datetime.fromisoformat(record["attempted_at"])
    found = (_find(wanted, ours, queue, attempted_at) for queue in ours.queue_arns)
    return next((job for job in found if job), None)


def live_jobs(ours: Jobs) -> dict[str, dict[str, Any]]:
    """Every job of the queues that waits or works, by its id; somebody else's too."""
    jobs = client("mediaconvert").get_paginator("list_jobs")
    found = {}
    for queue_arn, status in itertools.product(ours.queue_arns, ALIVE):
        pages = jobs.paginate(
            Queue=_queue_name(queue_arn), Status=status, Order="DESCENDING", PaginationConfig={"PageSize": 20}
        )
        found |= {job["Id"]: job for page in pages for job in page.get("Jobs", [])}
    return found


def was_accelerated(job_id: str) -> bool:
    """Whether MediaConvert did accelerate a job that asked for it; PREFERRED leaves that to MediaConvert."""
    return (find_by_id(job_id) or {}).get("AccelerationStatus") == "ACCELERATED"


def find_by_id(job_id: str) -> dict[str, Any] | None:
    """A job by its id; None where MediaConvert no longer knows it (it forgets jobs after 90 days)."""
    try:
        return client("mediaconvert").get_job(Id=job_id)["Job"]
    except ClientError as error:
        if code_of(error) == "NotFoundException":
            return None
        raise


def _queue_name(queue_arn: str) -> str:
    return queue_arn.rsplit("/", 1)[-1]


def _find(wanted: dict[str, str], ours: Jobs, queue_arn: str, attempted_at: datetime.datetime) -> dict[str, Any] | None:
    """The job with this UserMetadata: newest first, back to when its creation was tried. None: never made."""
    jobs = client("mediaconvert").get_paginator("list_jobs")
    pages = jobs.paginate(Queue=_queue_name(queue_arn), Order="DESCENDING", PaginationConfig={"PageSize": 20})
    for job in (job for page in pages for job in page.get("Jobs", [])):
        said = job.get("UserMetadata") or {}
        if wanted.items() <= said.items() and ours.are_ours(said):
            return job
        if job["CreatedAt"] < attempted_at - _CLOCKS_DIFFER:
            return None
    return None


def _create(upload: Upload, role: str, attempt: int, job_settings: dict[str, Any], settings: TranscodeSettings) -> str:
    wanted = metadata(upload, role, attempt)
    try:
        answer = client("mediaconvert").create_job(
            Role=settings.mediaconvert_role_arn,
            Queue=settings.mediaconvert_queue_arn,
            UserMetadata={**wanted, "table": settings.table},
            Priority=int(settings.job_priority),
            AccelerationSettings={"Mode": settings.acceleration},
            ClientRequestToken=hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:64],
            StatusUpdateInterval="SECONDS_10",
            Settings=job_settings,
            **_hop(settings),
        )
    except ClientError as error:
        if is_passing(error):
            raise
        code, fix = _REFUSALS.get(code_of(error), ("TRANSCODE_FAILED", _LOOK_UP))
        raise TranscodeFailed(
            code,
            f"MediaConvert refused the job: {error.response['Error'].get('Message', '')}",
            {"role": role, "error": code_of(error)},
            fix,
        ) from error
    return answer["Job"]["Id"]


def _hop(settings: TranscodeSettings) -> dict[str, Any]:
    """Where a job goes on its own when it has waited too long."""
    if settings.hop_queue_arn == NONE:
        return {}
    hop = {
        "Queue": settings.hop_queue_arn,
        "WaitMinutes": int(settings.hop_minutes),
        "Priority": int(settings.job_priority),
    }
    return {"HopDestinations": [hop]}


def post_answer(job: dict[str, Any], queue_url: str) -> None:
    """Say again what the job's last event said, in the event's shape, to the queue that events take."""
    detail = {
        "jobId": job["Id"],
        "status": job["Status"],
        "queue": job.get("Queue"),
        "userMetadata": job.get("UserMetadata", {}),
        "errorCode": job.get("ErrorCode"),
        "errorMessage": job.get("ErrorMessage"),
        "warnings": [{"code": each.get("Code"), "count": each.get("Count")} for each in job.get("Warnings", [])],
        "outputGroupDetails": [
            {"outputDetails": [_output_detail(output) for output in group.get("OutputDetails", [])]}
            for group in job.get("OutputGroupDetails", [])
        ],
    }
    body = {"source": "aws.mediaconvert", "detail-type": "MediaConvert Job State Change", "detail": detail}
    client("sqs").send_message(QueueUrl=queue_url, MessageBody=json.dumps(body))


def _output_detail(output: dict[str, Any]) -> dict[str, Any]:
    detail: dict[str, Any] = {"durationInMs": output.get("DurationInMs", 0)}
    video = output.get("VideoDetails") or {}
    if video.get("HeightInPx"):
        detail["videoDetails"] = {"widthInPx": video.get("WidthInPx"), "heightInPx": video["HeightInPx"]}
    return detail
