"""What films should have cost and did cost, one film's runs or a period's days: read from the records of money.py.

In: a place and an asset's id or an execution's name, or a table and a time. Out: plain dictionaries, as the command
line prints them. Nothing is computed from MediaConvert here and nothing is written, so that the answer is the same
after prices.toml has changed, and after MediaConvert has forgotten the job. Raises NothingByThatName; ClientError
where AWS refuses.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.aws import operate, reading
from pipeline.aws.operate import Place
from pipeline.aws.table import AssetTable, upload_of
from pipeline.media import price
from pipeline.media.reconcile import REFUSED

#: Versions whose encode is still to come, or goes on.
_UNDER_WAY = ("received", "waiting", "transcoding")
#: How many films are named that cost something else than was said.
_DEVIATIONS = 5
#: Bills are kept to a hundredth of a cent.
_PLACES = 4


def of_film(name: str, place: Place) -> dict[str, Any]:
    """{asset_id, film, currency, predicted, actual, whole, runs}, in the order of the runs.

    A run is {execution, version, revision, status, predicted, actual, kept, jobs}: whole bills, None where none was
    made; kept is {bytes, usd_a_month} of what its encode wrote, None where nothing is there (any more).
    status is None of a run that a later one of the same upload has replaced. A job is {role, job_id, status, billed,
    why}: why it has no bill, where it has none.
    """
    records = sorted(operate.records_of(name, place), key=lambda record: record["upload"]["order"])
    table, runs = AssetTable(place.table), []
    everything = {item["sk"]: item for item in table.everything(upload_of(records[-1]).asset_id)}
    for record in records:
        newest = upload_of(record)
        for revision in range(1, newest.revision + 1):
            upload = newest.with_revision(revision)
            run = _run(upload.run, everything)
            if record["status"] in REFUSED:
                run["kept"] = None
            status = record["status"] if revision == newest.revision else None
            head = {"execution": upload.execution_name, "version": upload.version, "revision": revision}
            runs.append({**head, "status": status, **run})
    return {
        "asset_id": upload_of(records[-1]).asset_id,
        "film": upload_of(records[-1]).key,
        "currency": price.load().currency,
        "predicted": _sum(run["predicted"]["total"] for run in runs if run["predicted"]),
        "actual": _sum(run["actual"]["total"] for run in runs if run["actual"]),
        "whole": all(run["actual"]["whole"] for run in runs if run["actual"]),
        "runs": runs,
    }


def _run(run: str, everything: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    known = everything.get(f"run#{run}", {})
    bills, own = known.get("price", {}), known.get("encode") == run
    jobs = [item for sk, item in everything.items() if sk.startswith(f"job#{run}#")]
    return {
        "predicted": bills.get("predicted"),
        "actual": bills.get("actual"),
        "kept": _kept(known["verified"]["size_bytes"]) if own else None,
        "jobs": [_job(job) for job in sorted(jobs, key=lambda job: job["role"] != "streams")],
    }


def _kept(size_bytes: int) -> dict[str, Any]:
    """Of an update, which plays an earlier run's pictures, nothing is counted twice."""
    return {"bytes": size_bytes, "usd_a_month": round(float(price.storage_a_month(size_bytes, price.load())), _PLACES)}


def _job(record: Mapping[str, Any]) -> dict[str, Any]:
    bill, status = record.get("bill"), record.get("status")
    why = None
    if not bill:
        why = record.get("no_bill") or {
            "COMPLETE": "no bill was made for this job",
            "ERROR": "MediaConvert charges nothing for a job that ends in ERROR",
            "CANCELED": "what MediaConvert charges for a cancelled job is not known",
        }.get(str(status), "the job is not complete")
    return {
        "role": record["role"],
        "job_id": record.get("job_id"),
        "status": status,
        "billed": bill["total"] if bill else None,
        "why": why,
    }


def of_period(table: str, since: datetime.datetime) -> dict[str, Any]:
    """{since, currency, region, prices_read, days, films, predicted, actual, deviations, under_way}.

    A film counts on the day (UTC) of its last bill, with all that its runs have cost; films, predicted and actual are
    those of all days. deviations: {film, asset_id, version, predicted, actual}, the furthest apart first. under_way:
    {films, predicted} of what has no bill yet and has changed since.
    """
    after = since.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    versions = list(reading.listed(table, since))
    billed = [one for one in versions if one["cost_usd"] is not None and one["billed_at"] >= after]
    waits = [one for one in versions if one["cost_usd"] is None and one["status"] in _UNDER_WAY]
    days = sorted({one["billed_at"][:10] for one in billed})
    apart = sorted((one for one in billed if _apart(one)), key=_apart, reverse=True)
    prices = price.load()
    return {
        "since": after,
        "currency": prices.currency,
        "region": prices.region,
        "prices_read": prices.read.isoformat(),
        "days": [{"day": day, **_sums(one for one in billed if one["billed_at"].startswith(day))} for day in days],
        **_sums(billed),
        "deviations": [
            {
                "film": one["film"],
                "asset_id": one["asset_id"],
                "version": one["version"],
                "predicted": one["predicted_usd"],
                "actual": one["cost_usd"],
            }
            for one in apart[:_DEVIATIONS]
        ],
        "under_way": {"films": len(waits), "predicted": _sum(one["predicted_usd"] or 0 for one in waits)},
    }


def _sums(versions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    these = list(versions)
    return {
        "films": len(these),
        "predicted": _sum(one["predicted_usd"] or 0 for one in these),
        "actual": _sum(one["cost_usd"] for one in these),
    }


def _apart(one: Mapping[str, Any]) -> float:
    """How far a film's cost is from what was predicted; 0 where nothing was."""
    return 0.0 if one["predicted_usd"] is None else round(abs(one["cost_usd"] - one["predicted_usd"]), _PLACES)


def _sum(amounts: Iterable[float]) -> float:
    return round(sum(amounts), _PLACES)
