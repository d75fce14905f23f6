"""Plan renditions: choose the renditions and write the jobs' settings where the next step finds them.

In: {upload, source, wishes}. Out: the `plan` part: rungs, sounds, captions and thumbnails to expect, where each job's
settings lie, how long to wait, what it will cost, and whether the day's budget has room for that. The settings
themselves go to S3, because a state machine's payload may not exceed 256 KiB, and every line of the bill to the run's
record. What the film's owner wishes and cannot be followed stands among the warnings.
Raises SourceRejected (nothing to see or hear, too short, too long, a size that cannot be encoded), PlanImpossible.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipeline.aws import money, objects, receipts
from pipeline.aws.budget import EXHAUSTED, RESERVED, UNLIMITED, Budget
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media import price
from pipeline.media.asset import Upload
from pipeline.media.changes import changes
from pipeline.media.job import plan_wished, profile_named
from pipeline.media.source import Source
from pipeline.settings import PlanSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = PlanSettings.from_env()
    upload = Upload.from_state(event["upload"])
    wished = event.get("wishes", {})  # none in an execution that began before films could have wishes
    profile = profile_named(wished.get("profile", settings.profile))
    source, plan = plan_wished(upload, Source.from_state(event["source"]), settings.outputs_bucket, profile, wished)
    bill = price.predict_all(
        (plan.streams, plan.download), source.duration_ms, price.load(), settings.acceleration != "DISABLED"
    )
    part = {**plan.as_state(), "price": bill.as_state()}
    noted = {**part, "profile": profile.name, "changes": list(changes(source, plan))}
    stored = {
        "budget": _budget(upload, bill, settings),
        "streams": _stored(settings.outputs_bucket, f"{upload.work_prefix}streams.json", plan.streams),
        "download": _stored(settings.outputs_bucket, f"{upload.work_prefix}download.json", plan.download),
    }
    table = AssetTable(settings.table)
    table.note(upload, plan=noted)
    money.predicted(table, upload, bill, settings.stack)
    receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)
    return {**part, **stored}


def _budget(upload: Upload, bill: price.Bill, settings: PlanSettings) -> str:
    """unlimited, reserved or exhausted: whether the film's price found room in today's budget."""
    limit = Decimal(settings.daily_budget_usd)
    if not limit:
        return UNLIMITED
    # What has no known price counts as nothing: the message of a film that waits says so.
    return RESERVED if Budget(settings.table).reserve(upload, round(bill.total, 4), limit) else EXHAUSTED


def _stored(bucket: str, key: str, job_settings: dict[str, Any] | None) -> dict[str, str] | None:
    if job_settings is None:
        return None
    objects.write_json(bucket, key, job_settings)
    return {"settings_key": key}
