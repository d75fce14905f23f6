"""What announcing a library would start and cost, before anything is announced: `vod ingest PREFIX --dry-run`.

In: the sources bucket, a prefix under uploads/, the table, and how the deployment plans (its profile, its
acceleration). Out: how many films lie there, how many the pipeline knows already (they start nothing), and what some of
them would cost: MediaConvert's Probe is asked about a sample, spread evenly over the films' sizes, and each is planned
and priced as Plan would do it. What the whole would cost is the sample's price, by bytes: a guess, and called one.

What a film's own JSON file asks for is not looked at. Raises NotUnderUploads, and ClientError where AWS refuses.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.aws import existing, transcoder
from pipeline.aws.clients import client
from pipeline.aws.table import AssetTable
from pipeline.media import errors, job, keys, price
from pipeline.media.asset import Upload
from pipeline.media.source import Source
from pipeline.settings import PlanSettings

#: How many films are probed where nobody says it: seconds, and enough to see what a library is made of.
SAMPLE = 10
_PLACES = 4


def looked_at(
    sources_bucket: str,
    prefix: str,
    settings: PlanSettings,
    sample: int = SAMPLE,
    tell: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """{films, known, new, left_out, bytes, profile, currency, sampled, estimate}; bytes are those of new films.

    sampled: {films, bytes, duration_ms, predicted, whole, rejected}; rejected counts the sample's rejections by their
    code. estimate: what the new films would cost by the sample, None where it has no price. `tell` hears of each probe.
    """
    films, left_out = _films(sources_bucket, prefix)
    known = AssetTable(settings.table).registered(films)
    new = [film for film in films if film not in known]
    size = sum(film.size for film in new)
    sampled = _sampled(spread(new, sample), settings, tell)
    priced = sampled["predicted"] > 0
    return {
        "films": len(films),
        "known": len(films) - len(new),
        "new": len(new),
        "left_out": left_out,
        "bytes": size,
        "profile": settings.profile,
        "currency": price.load().currency,
        "sampled": sampled,
        "estimate": round(sampled["predicted"] * size / sampled["bytes"], _PLACES) if priced else None,
    }


def plan_settings(state_machine_arn: str) -> PlanSettings:
    """How a deployment plans: the environment of the function behind "Plan renditions"."""
    definition = client("stepfunctions").describe_state_machine(stateMachineArn=state_machine_arn)["definition"]
    function = json.loads(definition)["States"]["Plan renditions"]["Resource"]
    environment = client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    return PlanSettings.from_env(environment)


def spread(films: Sequence[Upload], count: int) -> list[Upload]:
    """At most `count` of them, evenly over their sizes: the smallest, the largest, and what lies between."""
    by_size = sorted(films, key=lambda film: (film.size, film.key))
    if count >= len(by_size) or count < 2:
        return by_size[len(by_size) // 2 :][:1] if count == 1 else by_size[:count]
    return [by_size[round(at * (len(by_size) - 1) / (count - 1))] for at in range(count)]


def _films(bucket: str, prefix: str) -> tuple[list[Upload], int]:
    existing.require_uploads(prefix)
    films, left_out = [], 0
    for version in existing.newest(bucket, prefix):
        if keys.is_film(version["Key"]):
            films.append(Upload.from_event(existing.event_for(bucket, version)))
        else:
            left_out += 1
    return films, left_out


def _sampled(films: Sequence[Upload], settings: PlanSettings, tell: Callable[[int], None]) -> dict[str, Any]:
    profile, prices = job.profile_named(settings.profile), price.load()
    found: dict[str, Any] = {"duration_ms": 0, "predicted": 0.0, "whole": True}
    rejected: collections.Counter[str] = collections.Counter()
    for film in films:
        try:
            source = Source.from_probe(transcoder.probe(film.url), keys.file_name(film.key))
            plan = job.plan_for(film, source, settings.outputs_bucket, profile)
        except errors.SourceRejected as error:
            rejected[error.code] += 1
        else:
            accelerated = settings.acceleration != "DISABLED"
            bill = price.predict_all((plan.streams, plan.download), source.duration_ms, prices, accelerated)
            found["duration_ms"] += source.duration_ms
            found["predicted"] = round(found["predicted"] + float(bill.total), _PLACES)
            found["whole"] = found["whole"] and bill.whole
        tell(1)
    return {"films": len(films), "bytes": sum(film.size for film in films), **found, "rejected": dict(rejected)}
