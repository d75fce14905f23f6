"""What a run should cost and did cost, kept where receipts, lists and metrics find it.

In: bills (pipeline.media.price), and what MediaConvert says of a job that is complete. Out: the run's part `price`
{predicted, actual}, each a whole bill; a bill in each job's record; copies of the sums in the version's; and the
metrics PredictedCost and ActualCost, in the currency of prices.toml.

Money is spent when MediaConvert is done, whatever becomes of the film: one that is rejected or replaced afterwards has
cost as much. So the bill is made with the job's last event. A run that encodes nothing has no jobs, and costs nothing.

What can go wrong: botocore's ClientError where AWS refuses. A bill that cannot be made is no error: the job's record
says why there is none (`no_bill`), and the sum says that it is not the whole.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws import metrics, objects, transcoder
from pipeline.aws.table import AssetTable
from pipeline.media import outputs, price
from pipeline.media.asset import Upload
from pipeline.settings import CompleteSettings

_log = logging.getLogger(__name__)


def predicted(table: AssetTable, upload: Upload, bill: price.Bill, stack: str) -> None:
    """Keep what this run's jobs will cost, before the first of them is made."""
    table.note(upload, price={"predicted": bill.as_dict()})
    table.predict(upload, bill.as_dict()["total"])
    metrics.put(stack, {"PredictedCost": float(bill.total)}, "None")


def spent(record: dict[str, Any], detail: dict[str, Any], settings: CompleteSettings) -> dict[str, Any]:
    """{bill} or {no_bill} for the record of a job that is complete; counted when its event comes for the first time.

    record: the job's; detail: of its COMPLETE event.
    """
    try:
        bill = _bill(record, detail, settings.outputs_bucket)
    except ClientError:
        raise  # the event comes again
    except Exception as error:
        # Whatever a bill may trip over, the film is encoded, and a step waits to hear of it.
        _log.exception("no bill for job %s", detail["jobId"])
        return {"no_bill": f"{type(error).__name__}: {error}"}
    if not record.get("bill"):
        metrics.put(settings.stack, {"ActualCost": float(bill.total)}, "None")
    return {"bill": bill.as_dict()}


def _bill(record: dict[str, Any], detail: dict[str, Any], outputs_bucket: str) -> price.Bill:
    upload = Upload.from_state(record["upload"])
    job_settings = json.loads(objects.read(outputs_bucket, f"{upload.work_prefix}{record['role']}.json"))
    asked = record.get("acceleration", "DISABLED") != "DISABLED"
    accelerated = asked and transcoder.was_accelerated(detail["jobId"])
    return price.actual(outputs.group_details(detail), job_settings, price.load(), accelerated)


def settle(table: AssetTable, upload: Upload) -> dict[str, Any]:
    """Add up what this run's jobs have cost so far: {..., unbilled}, the bill that the run's part `price` keeps.

    unbilled: the roles of jobs that are complete, and of which no bill could be made.
    Made anew from the jobs' records each time, so that twice does no harm.
    """
    jobs = table.jobs_of_version(upload)
    own = [job for job in jobs if job["sk"].startswith(f"job#{upload.run}#")]
    unbilled = [job["role"] for job in own if job.get("no_bill")]
    actual = {**price.added([job["bill"] for job in own if job.get("bill")], price.load()), "unbilled": unbilled}
    if unbilled:
        actual |= {"whole": False, "sure": False}
    table.note(upload, price={**table.known(upload).get("price", {}), "actual": actual})
    if jobs:
        table.bill(upload, round(sum(job["bill"]["total"] for job in jobs if job.get("bill")), 4))
    return actual
