"""Hold for approval, Hold for budget: note what the film waits for, tell people, and leave.

In: {reason, upload, asset, outputs, verified, task_token} for an approval, {reason, upload, plan, task_token} for the
budget. Out: nothing that matters: the step sleeps until `vod approve`, `vod release` or the sweep answers the token.
Before it asks for an approval it puts manifests and asset.json into the run's folder, so that the film can be watched
where it is, at a link of the player page. Raises SourceSuperseded (cancelled), OutputMissing, PointerContended.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from pipeline.aws import assembly, pointers, receipts, topic
from pipeline.aws.budget import Budget, day
from pipeline.aws.faults import handles_faults
from pipeline.media import holds, playback
from pipeline.media.asset import Upload
from pipeline.settings import HoldSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = HoldSettings.from_env()
    upload, reason = Upload.from_state(event["upload"]), event["reason"]
    table = Budget(settings.table)
    began = (table.find(upload, reason) or {}).get("waits", {}).get("since")
    since = datetime.datetime.fromisoformat(began) if began else datetime.datetime.now(datetime.UTC)
    begin = _for_approval if reason == holds.APPROVAL else _for_budget
    waits, more = begin(event, upload, since, table, settings)
    if table.begin(upload, reason, event["task_token"], waits, **more):
        title = table.title(upload)
        receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)
        topic.announce(settings.topic_arn, holds.STATUS[reason], upload, {"waits": waits}, title=title)
    return {"waits": waits}


Begun = tuple[dict[str, Any], dict[str, Any]]


def _for_approval(
    event: dict[str, Any], upload: Upload, since: datetime.datetime, table: Budget, settings: HoldSettings
) -> Begun:
    asset, outputs, verified = event["asset"], event["outputs"], event["verified"]
    made = assembly.assemble(settings.outputs_bucket, upload, asset, outputs, verified, published_at=None)
    pointers.keep(settings.outputs_bucket, upload, made.manifests, made.asset_json)
    # Receipts and lists are made of what is known of the run: it is whole now but for its publication.
    table.note(upload, verified=verified, outputs=outputs, encode=upload.run)
    url = playback.preview_url(settings.delivery_url, upload.asset_id, upload.run)
    return holds.for_approval(upload.asset_id, since, url), {}


def _for_budget(
    event: dict[str, Any], upload: Upload, since: datetime.datetime, table: Budget, settings: HoldSettings
) -> Begun:
    price, limit = event["plan"]["price"], Decimal(settings.daily_budget_usd)
    reserved = Decimal(str(table.of_day(day())["reserved_usd"]))
    waits = holds.for_budget(upload.asset_id, since, price, limit, reserved)
    return waits, {"price_usd": price["total"], "limit_usd": limit}
