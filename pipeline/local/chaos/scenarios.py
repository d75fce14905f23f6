"""What happens to each upload of a chaos run, drawn from the seed and the upload's number alone.

In: a seed, a number, the sources bucket. Out: a `Sending`: which film goes to which key, what its user does next, which
faults it meets, and how it may end. Two scenarios of one family are never drawn together, because one would hide the
other (a job that crashes writes no half outputs).
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.local.chaos.films import BAD, GOOD
from pipeline.local.faults import Fault
from pipeline.media import errors, keys

#: When captions come that were not there with the film: while its job is at work, or once it has been published.
MID_ENCODE, LATE = "mid-encode", "late"
PUBLISHED = frozenset({"published"})
REJECTED = frozenset({"rejected"})
REAL_EVERY = 10  # uploads: at least one in ten is encoded by ffmpeg
STEPS = ("Ingest", "Probe", "Plan", "Transcode", "Verify", "Publish", "Report")
PASSING_CODES = sorted({c for c, (cls, _) in errors.MEDIACONVERT_ERRORS.items() if cls is errors.TranscodeInterrupted})
RED_CODES = sorted({c for c, (cls, _) in errors.MEDIACONVERT_ERRORS.items() if cls is errors.TranscodeFailed})
BAD_FILM_CODES = sorted({c for c, (cls, _) in errors.MEDIACONVERT_ERRORS.items() if cls is errors.SourceRejected})
HALVES = ("segment", "empty_segment", "cut_segment", "rendition", "playlist", "cut_playlist", "manifest")


@dataclasses.dataclass(frozen=True)
class Story:
    """One thing that happens. ends: how the film may end because of it (empty: as if nothing had happened)."""

    faults: tuple[Fault, ...] = ()
    ends: frozenset[str] = frozenset()
    film: str | None = None
    cancelled: bool = False  # by an operator, when its job is at work
    retried: bool = False  # by an operator, once it has ended red
    again: tuple[tuple[str, float], ...] = ()  # films uploaded to the same key later, and how many seconds later
    captioned: str | None = None  # French captions come: MID_ENCODE, or LATE


@dataclasses.dataclass(frozen=True)
class Sending:
    """One upload of the run, and all that is meant to happen to it."""

    number: int
    key: str
    asset_id: str
    film: str
    again: tuple[tuple[str, float], ...]
    sidecar: bool
    real: bool
    stories: tuple[str, ...]
    faults: tuple[Fault, ...]
    ends: frozenset[str]
    replaced: bool
    cancelled: bool
    retried: bool
    captioned: str | None = None

    @property
    def late_caption(self) -> str:
        return keys.stem(self.key) + ".fr.srt"

    def may_end(self, is_last: bool) -> frozenset[str]:
        """How one version of the key may end; every version but the last may be superseded."""
        return self.ends if is_last else self.ends | {"superseded", "published"}


Teller = Callable[[random.Random, Mapping[str, Path]], Story]


def sendings(seed: int, numbers: Sequence[int], bucket: str, films: Mapping[str, Path]) -> list[Sending]:
    return [draw(seed, number, bucket, films) for number in numbers]


def draw(seed: int, number: int, bucket: str, films: Mapping[str, Path]) -> Sending:
    rng = random.Random(f"{seed}/{number}")
    key = f"uploads/chaos {seed}/film {number:04d}.mp4"
    asset = keys.asset_id(bucket, key)
    names = _choose(rng, rng.choices((0, 1, 2), (15, 50, 35))[0])
    stories = [SCENARIOS[name][2](rng, films) for name in names]
    film = next((story.film for story in stories if story.film), None) or rng.choice(GOOD)
    again = tuple(step for story in stories for step in story.again)
    real = number % REAL_EVERY == 0
    own = [_about(fault, asset) for story in stories for fault in story.faults]
    ends = frozenset().union(*(story.ends for story in stories)) or PUBLISHED
    replaced = any(fault.kind == "mediaconvert.source_replaced" for fault in own)
    if film in BAD:
        ends = REJECTED
    elif again or replaced:
        ends |= PUBLISHED
    sidecar = rng.random() < 0.15
    faults = (*own, *fast(asset, real))
    cancelled, retried = (any(getattr(story, name) for story in stories) for name in ("cancelled", "retried"))
    captioned = next((story.captioned for story in stories if story.captioned), None)
    return Sending(
        number,
        key,
        asset,
        film,
        again,
        sidecar,
        real,
        tuple(names),
        faults,
        ends,
        replaced,
        cancelled,
        retried,
        captioned,
    )


def fast(asset: str, real: bool = False) -> tuple[Fault, ...]:
    """No faults: the fake encoder, unless the upload is one of those that ffmpeg does."""
    match = {"asset_id": asset}
    return () if real else tuple(
        Fault(kind, match, count=None) for kind in ("mediaconvert.fake_encode", "mediaconvert.fake_probe")
    )  # fmt: skip


def _choose(rng: random.Random, how_many: int) -> list[str]:
    chosen: list[str] = []
    while len(chosen) < how_many:
        families = {SCENARIOS[name][0] for name in chosen}
        left = [name for name in SCENARIOS if SCENARIOS[name][0] not in families]
        chosen += rng.choices(left, [SCENARIOS[name][1] for name in left])
    return chosen


def _about(fault: Fault, asset: str) -> Fault:
    return dataclasses.replace(fault, match={**fault.match, "asset_id": asset})


def _fault(kind: str, count: int | None = 1, match: Mapping[str, str] | None = None, **parameters: object) -> Fault:
    return Fault(kind, match or {}, count=count, parameters=parameters)


# --- the scenarios ---------------------------------------------------------------------------------------------------


def _some(kind: str, most: int, **choices: Sequence[str]) -> Teller:
    """Up to `most` faults of a kind, at one of the places named."""

    def tell(rng: random.Random, films: Mapping[str, Path]) -> Story:
        match = {fact: rng.choice(places) for fact, places in choices.items()}
        return Story((_fault(kind, rng.randint(1, most), match),))

    return tell


def _job_error(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.error", rng.randint(1, 2), code=rng.choice([*PASSING_CODES, 1517, 3450])),))


def _job_error_thrice(rng: random.Random, films: Mapping[str, Path]) -> Story:
    fault = _fault("mediaconvert.error", 3, code=rng.choice(PASSING_CODES))
    return Story((fault,), frozenset({"failed TranscodeInterrupted"}))


def _job_error_red(rng: random.Random, films: Mapping[str, Path]) -> Story:
    fault = _fault("mediaconvert.error", None, code=rng.choice(RED_CODES))
    return Story((fault,), frozenset({"failed TranscodeFailed"}))


def _job_error_bad_film(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.error", None, code=rng.choice(BAD_FILM_CODES)),), REJECTED)


def _error_unheard(rng: random.Random, films: Mapping[str, Path]) -> Story:
    lost = _fault("mediaconvert.event_lost", 1, {"status": "ERROR"})
    return Story((_fault("mediaconvert.error", 1, code=rng.choice(PASSING_CODES)), lost))


def _crash(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.engine_crash", rng.randint(1, 2), signal=rng.choice(("SIGSEGV", "SIGKILL"))),))


def _worker_kill(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.worker_kill", rng.randint(1, 2)),))


def _half(rng: random.Random, films: Mapping[str, Path]) -> Story:
    fault = _fault("mediaconvert.half_output", None, part=rng.choice(HALVES))
    return Story((fault,), frozenset({"failed OutputMissing", "failed OutputWrong"}))


def _slow(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.slow", 1, seconds=round(rng.uniform(0.5, 4), 1)),))


def _stuck(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.stuck", 1, seconds=round(rng.uniform(2, 10), 1)),))


def _stop(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("states.stop"), _fault("mediaconvert.slow", 1, seconds=3.0)), frozenset({"aborted"}))


def _cancelled(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.slow", None, seconds=5.0),), frozenset({"aborted"}), cancelled=True)


def _retried(rng: random.Random, films: Mapping[str, Path]) -> Story:
    """A job fails for a reason that its step does not retry; after the operator's retry it does not."""
    return Story((_fault("mediaconvert.error", 1, code=rng.choice(RED_CODES)),), PUBLISHED, retried=True)


def _half_retried(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.half_output", 1, part=rng.choice(HALVES)),), PUBLISHED, retried=True)


def _stopped_and_retried(rng: random.Random, films: Mapping[str, Path]) -> Story:
    faults = (_fault("states.stop"), _fault("mediaconvert.slow", 1, seconds=3.0))
    return Story(faults, PUBLISHED, retried=True)


def _cancelled_and_retried(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.slow", 1, seconds=5.0),), PUBLISHED, cancelled=True, retried=True)


def _captioned_in_mid_encode(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.slow", 1, seconds=3.0),), captioned=MID_ENCODE)


def _captioned_late(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story(captioned=LATE)


def _replaced(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.source_replaced", file=str(films["other"])),))


def _lost_complete(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.event_lost", 1, {"status": "COMPLETE"}),))


def _late_event(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.event_late", 1, {"status": "COMPLETE"}, seconds=round(rng.uniform(1, 5), 1)),))


def _duplicate_events(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.event_duplicate", None, times=rng.randint(1, 3)),))


def _reordered_events(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("mediaconvert.event_reordered", 2, {"status": "PROGRESSING"}),))


def _step_dies(kind: str, functions: Sequence[str], most: int) -> Teller:
    def tell(rng: random.Random, films: Mapping[str, Path]) -> Story:
        when = rng.choice(("before", "during", "after"))
        match = {"function": f"*{rng.choice(functions)}*"}
        return Story((_fault(kind, rng.randint(1, most), match, when=when),))

    return tell


def _upload_event(rng: random.Random, films: Mapping[str, Path]) -> Story:
    times, seconds = rng.randint(1, 3), round(rng.uniform(0, 3), 1)
    return Story((_fault("s3.event_duplicate", 1, times=times, seconds=seconds),))


def _late_upload_event(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story((_fault("s3.event_late", 1, seconds=round(rng.uniform(1, 4), 1)),))


def _uploaded_twice(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story(film="plain", again=(("plain", round(rng.uniform(0, 3), 1)),))


def _replaced_by_user(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story(film="plain", again=(("other", rng.choice((0.0, 0.0, 1.0, 3.0))),))


def _bad_file(rng: random.Random, films: Mapping[str, Path]) -> Story:
    return Story(film=rng.choice(BAD))


#: name -> (family, weight, what happens)
SCENARIOS: dict[str, tuple[str, int, Teller]] = {
    "CreateJob throttled": ("create", 4, _some("mediaconvert.throttle", 6, operation=("CreateJob",))),
    "Probe or GetJob throttled": ("create", 2, _some("mediaconvert.throttle", 6, operation=("Probe", "GetJob"))),
    "CreateJob 500": ("create", 2, _some("mediaconvert.fault", 5, operation=("CreateJob", "Probe"))),
    "CreateJob's answer lost": ("create", 4, _some("mediaconvert.lost_answer", 5, operation=("CreateJob",))),
    "killed in CreateJob": ("create", 4, _some("lambda.kill_in_create_job", 2)),
    "job error that passes": ("job", 4, _job_error),
    "job error three times": ("job", 2, _job_error_thrice),
    "job error that stays": ("job", 3, _job_error_red),
    "job error: bad film": ("job", 3, _job_error_bad_film),
    "job error, event lost": ("job", 2, _error_unheard),
    "engine crash": ("job", 3, _crash),
    "worker killed": ("job", 3, _worker_kill),
    "half output": ("job", 4, _half),
    "slow job": ("job", 2, _slow),
    "stopped in mid-encode": ("job", 4, _stop),
    "cancelled by an operator": ("job", 4, _cancelled),
    "job error, retried by an operator": ("job", 4, _retried),
    "half output, retried by an operator": ("job", 4, _half_retried),
    "stopped, retried by an operator": ("job", 3, _stopped_and_retried),
    "cancelled, retried by an operator": ("job", 3, _cancelled_and_retried),
    "source replaced in the queue": ("job", 4, _replaced),
    "caption comes in mid-encode": ("job", 5, _captioned_in_mid_encode),
    "caption comes late": ("caption", 5, _captioned_late),
    "job stuck for a while": ("queue", 3, _stuck),
    "COMPLETE lost": ("events", 4, _lost_complete),
    "COMPLETE late": ("events", 2, _late_event),
    "job events repeated": ("events", 3, _duplicate_events),
    "job events reordered": ("events", 2, _reordered_events),
    "function killed": ("lambda", 5, _step_dies("lambda.kill", STEPS, 3)),
    "function timed out": ("lambda", 3, _step_dies("lambda.timeout", STEPS, 2)),
    "start or complete killed": ("lambda", 3, _step_dies("lambda.kill", ("Start", "Complete"), 2)),
    "Invoke throttled": ("lambda", 4, _some("lambda.throttle", 6)),
    "Invoke 500": ("lambda", 2, _some("lambda.fault", 4)),
    "S3 SlowDown": ("s3", 4, _some("s3.slow_down", 6, operation=("GetObject", "HeadObject"))),
    "S3 500 on a write": ("s3", 3, _some("s3.fault", 6, operation=("PutObject",), key=("a/*", "w/*", "receipts/*"))),
    "S3 answer lost": ("s3", 3, _some("s3.lost_answer", 3, operation=("PutObject",), key=("a/*", "receipts/*"))),
    "DynamoDB throttled": ("dynamodb", 3, _some("dynamodb.throttle", 6)),
    "DynamoDB 500": ("dynamodb", 2, _some("dynamodb.fault", 5)),
    "DynamoDB answer lost": ("dynamodb", 3, _some("dynamodb.lost_answer", 3, operation=("UpdateItem", "PutItem"))),
    "StartExecution fails": ("states", 3, _some("states.fault", 5, operation=("StartExecution",))),
    "StartExecution throttled": ("states", 2, _some("states.throttle", 5, operation=("StartExecution",))),
    "StartExecution's answer lost": ("states", 3, _some("states.lost_answer", 5, operation=("StartExecution",))),
    "SNS 500": ("sns", 2, _some("sns.fault", 3)),
    "upload event repeated": ("upload", 3, _upload_event),
    "upload event late": ("upload", 2, _late_upload_event),
    "uploaded twice": ("user", 3, _uploaded_twice),
    "replaced by its user": ("user", 4, _replaced_by_user),
    "bad file": ("user", 5, _bad_file),
}
