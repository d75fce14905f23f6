"""Sweep: every five minutes, finish what somebody left unfinished (pipeline.aws.sweep says what that may be).

In: EventBridge's scheduled event, or {"grace_seconds": n} from an operator who knows that nobody is at work. Out: the
report: counts of what was done, names, what could not be done, and whether time sufficed. The report is logged, and
its counts are metrics (Sweep...). Raises ServiceThrottled where executions or jobs cannot be listed: the next comes.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

from pipeline.aws import metrics
from pipeline.aws.faults import handles_faults
from pipeline.aws.sweep import Sweep
from pipeline.media.reconcile import START_GRACE
from pipeline.settings import SweepSettings

_LAST_THING_MS = 30_000


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = SweepSettings.from_env()
    grace = event.get("grace_seconds")
    sweep = Sweep(
        settings,
        lambda: context is None or context.get_remaining_time_in_millis() > _LAST_THING_MS,
        START_GRACE if grace is None else datetime.timedelta(seconds=int(grace)),
    )
    report = sweep.run().as_dict()
    print(json.dumps({"message": "sweep", **report}, ensure_ascii=False))
    counts = {_metric(name): count for name, count in report["counts"].items()}
    metrics.count(
        settings.stack,
        {**counts, "SweepTrouble": len(report["trouble"]), "SweepUnfinished": int(not report["finished"])},
    )
    metrics.put(settings.stack, {"OldestUnfinished": report["oldest_seconds"]}, "Seconds")
    return report


def _metric(name: str) -> str:
    """ "answer posted" -> SweepAnswerPosted."""
    return "Sweep" + name.title().replace(" ", "")
