"""Plan renditions: choose the rungs and write the jobs' settings where the next step finds them.

In: {upload, source}. Out: the `plan` part: rungs, where each job's settings lie, how long to wait. The
settings themselves go to S3, because a state machine's payload may not exceed 256 KiB. Raises SourceRejected (no
picture, too short, too long, a size that cannot be encoded), PlanImpossible.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import objects
from pipeline.aws.faults import handles_faults
from pipeline.media.asset import Upload
from pipeline.media.job import plan_for
from pipeline.media.source import Source
from pipeline.settings import PlanSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = PlanSettings.from_env()
    upload = Upload.from_state(event["upload"])
    plan = plan_for(upload, Source.from_state(event["source"]), settings.outputs_bucket, settings.profile)
    return {
        "rungs": [
            {
                "name": rung.name,
                "width": rung.width,
                "height": rung.height,
                "frame_rate": str(rung.frame_rate),
                "max_bitrate_bps": rung.max_bitrate_bps,
            }
            for rung in plan.rungs
        ],
        "streams": _stored(settings.outputs_bucket, f"{upload.work_prefix}streams.json", plan.streams),
        "download": _stored(settings.outputs_bucket, f"{upload.work_prefix}download.json", plan.download),
        "timeout_seconds": plan.timeout_seconds,
        "heartbeat_seconds": plan.heartbeat_seconds,
    }


def _stored(bucket: str, key: str, job_settings: dict[str, Any] | None) -> dict[str, str] | None:
    if job_settings is None:
        return None
    objects.write_json(bucket, key, job_settings)
    return {"settings_key": key}
