"""Errors that carry their address: what was wrong, where, and what to do.

    VodError
    ├── SourceRejected        the upload is bad and its owner can mend it     ends green in "Upload rejected"
    │   └── SourceUnreadable  the same, but perhaps only a severed read       looked at twice, then rejected
    ├── SourceSuperseded      a newer upload of the same key took its place   ends green in "Superseded"
    ├── ServiceThrottled      AWS asked us to slow down, or had a fault       retried with jitter
    ├── PointerContended      another run moved the same pointer meanwhile    read again, decide again
    ├── TranscodeInterrupted  MediaConvert gave up, perhaps only this time    next attempt
    ├── TranscodeFailed       MediaConvert refused, and would again           red, an operator is needed
    ├── OutputMissing         a promised object is not there                  red
    ├── OutputWrong           an object is there and is not what was promised red
    └── PlanImpossible        the planner met facts it cannot place           red, a bug of ours

The class name is what the console shows and what the state machine catches; the code inside is what people and
programs act on. `str(error)` is the JSON object `{message, code, class, retryable, evidence, fix}`, so that a Lambda
function's errorMessage, and with it the execution's cause, can be read by a person and parsed by `parse_cause`.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any


@dataclasses.dataclass(frozen=True)
class Code:
    """What is true of every error with this code; docs/errors.md is made of it.

    kind is one of input, config, service, policy; owner, who acts: uploader, operator, developer or nobody. cause is
    one sentence or two, shows says what the evidence holds, fix what to do.
    """

    kind: str
    retryable: bool
    owner: str
    cause: str
    shows: str
    fix: str


CODES: dict[str, Code] = {
    "INPUT_MISSING": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause="The upload was deleted before it could be read.",
        shows="`bucket` and `key` where it was looked for",
        fix="Upload the file again.",
    ),
    "INPUT_EMPTY": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause="The object has no bytes: an upload that broke off at once, or a placeholder.",
        shows="`key` of the upload",
        fix="Upload the file again and check its size afterwards.",
    ),
    "INPUT_NOT_A_FILM": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause="The file cannot be opened as any container of films, or holds no track of picture or sound.",
        shows="what was read of the container, or MediaConvert's own words in `probe`",
        fix="Upload the film itself, as MP4, MOV, MKV, WebM, MPEG-TS, AVI or MXF.",
    ),
    "INPUT_NO_PICTURE": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause="The file has no picture, and the profile in use does not publish sound alone.",
        shows="`container` and `audio_tracks`; or the number of MediaConvert's error",
        fix="Export the film with its video track and upload that file.",
    ),
    "INPUT_NO_SOUND": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause="The file has no sound, and the profile in use publishes sound alone.",
        shows="`container`",
        fix="Export the film with its sound and upload that file.",
    ),
    "INPUT_CODEC_UNSUPPORTED": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause="Picture or sound is in a codec, or a variant of one, that cannot be decoded.",
        shows="the track as the file describes it, `dolby_vision_profile`, or MediaConvert's own words in `probe`",
        fix="Export the film as H.264, HEVC or ProRes and upload that file.",
    ),
    "INPUT_TRUNCATED": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause="The file ends before its contents do: the upload or the export broke off.",
        shows="`probe` or `mediaconvert_message`: what MediaConvert met at the end of the file",
        fix="The file breaks off. Upload it again, whole; if it still fails, export it again.",
    ),
    "INPUT_UNREADABLE": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause=(
            "The file could not be decoded to its end, and not at a second attempt either; or its picture is stored in"
            " a way that cannot be shown upright."
        ),
        shows="`mediaconvert_message` and `job_id`; or `rotation`, `interlaced` and `chroma`",
        fix="Play the file to its end on your computer. If it plays, upload it again; if not, export it again.",
    ),
    "INPUT_CAPTIONS_UNREADABLE": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause=(
            "Not one caption could be read in a caption file. The film is published without it; this stands among the "
            "receipt's warnings."
        ),
        shows="`file`, its number of `lines`, and the `first_warnings` with their line numbers",
        fix="Save the captions as SubRip (.srt) or WebVTT (.vtt) in UTF-8 and upload the film again.",
    ),
    "INPUT_SIDECAR_WRONG": Code(
        kind="input",
        retryable=False,
        owner="uploader",
        cause=(
            "The JSON file beside the film asks for something that cannot be followed. The film is not published, "
            "because the file may ask to hold it."
        ),
        shows="`file`, and in `problems` every mistake with its line, column and field",
        fix="Correct the JSON file and upload it again beside the film. The film itself need not be uploaded again.",
    ),
    "POLICY_TOO_SHORT": Code(
        kind="policy",
        retryable=False,
        owner="uploader",
        cause="The film is shorter than the shortest that players can show.",
        shows="`duration_ms`",
        fix="Upload a film of at least a tenth of a second.",
    ),
    "POLICY_TOO_LONG": Code(
        kind="policy",
        retryable=False,
        owner="uploader",
        cause="The film is longer than this pipeline accepts.",
        shows="`duration_ms`",
        fix="Cut the film into parts, or ask the owner of this pipeline to raise the limit.",
    ),
    "POLICY_PICTURE_SIZE": Code(
        kind="policy",
        retryable=False,
        owner="uploader",
        cause=(
            "The picture is too small or too large to be encoded, or so wide or tall that its smaller renditions would"
            " be."
        ),
        shows="`width` and `height` in pixels",
        fix="Export the film with a picture between 32 and 8192 pixels on each side.",
    ),
    "APPROVAL_TIMED_OUT": Code(
        kind="policy",
        retryable=False,
        owner="uploader",
        cause="The film was encoded and held until somebody approves it, and nobody did within 28 days.",
        shows="`waited_for`, `since` when, and for how many `days`",
        fix="Ask whoever approves films, then upload it again, or let an operator say `vod retry`: it is encoded anew.",
    ),
    "BUDGET_TIMED_OUT": Code(
        kind="policy",
        retryable=False,
        owner="operator",
        cause="The film waited 28 days for room in the daily budget, and no operator released it.",
        shows="`waited_for`, `since` when, and for how many `days`",
        fix="Raise `daily_budget_usd`, or say `vod retry` and then `vod release`, which encodes it all the same.",
    ),
    "SOURCE_SUPERSEDED": Code(
        kind="policy",
        retryable=False,
        owner="nobody",
        cause="The same key was uploaded again while this upload was under way, or a newer one is published already.",
        shows=(
            "`this_version` and `current_version` of the object, or `this`: the upload's place in the order of uploads"
        ),
        fix="Nothing to do: a newer upload of the same key takes its place.",
    ),
    "RUN_CANCELLED": Code(
        kind="policy",
        retryable=False,
        owner="nobody",
        cause="An operator cancelled this run before it was published, or a later run of the same upload has begun.",
        shows="`run`, or `this`: the upload's place in the order of uploads",
        fix="Somebody cancelled this run; `vod retry` starts the next one.",
    ),
    "ASSET_REMOVED": Code(
        kind="policy",
        retryable=False,
        owner="uploader",
        cause="The asset was deleted while this upload, made before the deletion, was under way.",
        shows="`this`: the upload's place in the order of uploads",
        fix="The asset was deleted after this upload; upload the film again.",
    ),
    "ROLLED_BACK": Code(
        kind="policy",
        retryable=False,
        owner="nobody",
        cause="This run was published once, and an operator has since let an older version play.",
        shows="`this`: the upload's place in the order of uploads",
        fix="Nothing to do: an older version was chosen; `vod rollback` can go forwards too.",
    ),
    "SERVICE_THROTTLED": Code(
        kind="service",
        retryable=True,
        owner="nobody",
        cause="An AWS service asked to be called less often, did not answer, or had a fault of its own.",
        shows="`operation`: the call that was refused",
        fix="Wait: the step is tried again. If it stays, look at the service's quotas and health page.",
    ),
    "POINTER_CONTENDED": Code(
        kind="service",
        retryable=True,
        owner="nobody",
        cause="Another run, a rollback or a deletion wrote the same record or object at the same moment.",
        shows="`key` of the object and `reason`, or the record",
        fix="Wait: the step is tried again.",
    ),
    "TRANSCODE_INTERRUPTED": Code(
        kind="service",
        retryable=True,
        owner="operator",
        cause=(
            "MediaConvert ended the job with an error of its own that may pass, or with a number that is not known "
            "here."
        ),
        shows="`mediaconvert_error_code`, `job_id` and `queue`",
        fix=(
            "The next attempt starts by itself. If all fail, read the job's messages in MediaConvert under the id in "
            "the evidence."
        ),
    ),
    "TRANSCODE_FAILED": Code(
        kind="service",
        retryable=False,
        owner="operator",
        cause="MediaConvert refused the job, or ended it with an error that does not pass by itself.",
        shows="`job_id` and `queue`, or `role` and the API's `error`",
        fix="Read the job's messages in MediaConvert under the id in the evidence, then redrive the execution.",
    ),
    "TRANSCODE_CANCELED": Code(
        kind="service",
        retryable=False,
        owner="operator",
        cause="Somebody cancelled the job in MediaConvert, outside this pipeline.",
        shows="`job_id` and `queue`",
        fix="Somebody cancelled the job. Redrive the execution to start the next attempt.",
    ),
    "TRANSCODE_NOT_ALLOWED": Code(
        kind="config",
        retryable=False,
        owner="operator",
        cause="MediaConvert may not read the sources, write the outputs or use the queue or a key.",
        shows="`mediaconvert_error_code` and `job_id`, or `role` and the API's `error`",
        fix="Give the MediaConvert role access to both buckets (error 14xx tells which), then redrive the execution.",
    ),
    "TRANSCODE_SETTINGS": Code(
        kind="config",
        retryable=False,
        owner="developer",
        cause="MediaConvert calls the job's settings wrong: they do not fit each other or this film.",
        shows="`mediaconvert_error_code` and `job_id`, or `role` and the API's `error`",
        fix=(
            "MediaConvert refuses these job settings; compare them with the golden files in tests/media/golden, mend "
            "the planner and start the upload again."
        ),
    ),
    "OUTPUT_MISSING": Code(
        kind="service",
        retryable=False,
        owner="operator",
        cause="The job ended well, and something that it was told to write is not there.",
        shows="the `object`, `playlist` or `manifest`, and what was `expected`",
        fix=(
            "Run `vod retry`, which encodes anew; if the object is missing again, read the job's messages in "
            "MediaConvert."
        ),
    ),
    "OUTPUT_WRONG": Code(
        kind="service",
        retryable=False,
        owner="operator",
        cause=(
            "Something that the job wrote is not what it was told to write: a duration, a size, a codec, a broken file."
        ),
        shows="the `object`, `playlist` or `manifest`, with both values where two disagree",
        fix="Compare the object in the evidence with the plan; `vod retry` encodes it anew.",
    ),
    "PLAN_IMPOSSIBLE": Code(
        kind="config",
        retryable=False,
        owner="developer",
        cause=(
            "The planner met a film or a profile that it cannot make a job of: a bug, or a deployment with a broken "
            "profiles.toml."
        ),
        shows="none: the source's facts are in the execution's state",
        fix="Keep the source's facts from the execution's state and mend the planner.",
    ),
    "SERVICE_ERROR": Code(
        kind="service",
        retryable=False,
        owner="operator",
        cause="Something that is none of ours went wrong: AWS's own error, a time limit, or a bug in a function.",
        shows="`error`: its name as Step Functions has it",
        fix="Read the failed state's error and cause in the execution's history, then redrive the execution.",
    ),
}


def page_of(code: str) -> str:
    """Where in this repository's documentation a code is explained."""
    return f"docs/errors.md#{code.lower()}"


class VodError(Exception):
    """Base of all our errors. Raise a subclass; `code` must stand in CODES."""

    def __init__(self, code: str, message: str, evidence: dict[str, Any] | None = None, fix: str | None = None):
        known = CODES[code]
        self.code = code
        self.kind = known.kind
        self.retryable = known.retryable
        self.message = message
        self.evidence = evidence or {}
        self.fix = fix or known.fix
        super().__init__(json.dumps(self.as_dict(), ensure_ascii=False, default=str))

    def as_dict(self) -> dict[str, Any]:
        """The contract of every error we show: message first, because the console cuts long causes."""
        return {
            "message": self.message,
            "code": self.code,
            "class": self.kind,
            "retryable": self.retryable,
            "evidence": self.evidence,
            "fix": self.fix,
        }


class SourceRejected(VodError):
    """The upload is bad, or outside a limit; its owner can mend it. Caught: ends in "Upload rejected"."""


class SourceUnreadable(SourceRejected):
    """The source could not be read to its end. Perhaps the read was severed, so the state machine looks twice."""


class SourceSuperseded(VodError):
    """A newer upload of the same key exists, or is published. Caught: ends in "Superseded"."""


class ServiceThrottled(VodError):
    """An AWS service throttled us or had a fault of its own (HTTP 429, 5xx, a broken connection). Retried."""


class PointerContended(VodError):
    """A conditional write met somebody else's: read again and decide again. Retried."""


class TranscodeInterrupted(VodError):
    """A MediaConvert job ended in ERROR for a reason that may pass. Retried: the next attempt is a new job."""


class TranscodeFailed(VodError):
    """A MediaConvert job was refused or failed for a reason that will not pass by itself. Stays red."""


class OutputMissing(VodError):
    """An object that the plan or a manifest promises does not exist."""


class OutputWrong(VodError):
    """An object exists and is not what was promised: wrong duration, broken manifest, no audio."""


class PlanImpossible(VodError):
    """The planner met facts it cannot place. A bug of ours, so it stays red."""


_CONTRACT = frozenset({"message", "code", "class", "retryable", "evidence", "fix"})

#: MediaConvert's numeric error codes -> (our class, our code).
#: Source: AWS Elemental MediaConvert User Guide, "Error codes"; ERROR jobs are not charged (same page).
#: What fails while the file is read (1010, 1075, 1076) may be a severed read: looked at once more, then rejected.
#: 1041, 1042 and 1550 say that the job could not be accelerated: the next attempt goes without (aws.transcoder).
MEDIACONVERT_ERRORS: dict[int, tuple[type[VodError], str]] = {
    1010: (SourceUnreadable, "INPUT_UNREADABLE"),
    1020: (SourceRejected, "INPUT_NO_PICTURE"),
    1021: (SourceRejected, "INPUT_UNREADABLE"),
    1030: (SourceRejected, "INPUT_CODEC_UNSUPPORTED"),
    1040: (TranscodeFailed, "TRANSCODE_SETTINGS"),
    1041: (TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
    1042: (TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
    1050: (TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
    1056: (TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
    1060: (TranscodeFailed, "TRANSCODE_SETTINGS"),
    1075: (SourceUnreadable, "INPUT_UNREADABLE"),
    1076: (SourceUnreadable, "INPUT_TRUNCATED"),
    1080: (TranscodeFailed, "TRANSCODE_SETTINGS"),
    1091: (TranscodeFailed, "TRANSCODE_NOT_ALLOWED"),
    1092: (SourceRejected, "INPUT_UNREADABLE"),
    1401: (TranscodeFailed, "TRANSCODE_NOT_ALLOWED"),
    1404: (SourceRejected, "INPUT_MISSING"),
    1432: (TranscodeFailed, "TRANSCODE_NOT_ALLOWED"),
    1433: (TranscodeFailed, "TRANSCODE_NOT_ALLOWED"),
    1434: (TranscodeFailed, "TRANSCODE_NOT_ALLOWED"),
    1507: (TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
    1515: (TranscodeFailed, "TRANSCODE_NOT_ALLOWED"),
    1550: (TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
    1999: (TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
}


UNACCELERATED = frozenset({1041, 1042, 1550})


def from_mediaconvert(code: int, message: str, evidence: dict[str, Any]) -> VodError:
    """The error that a MediaConvert job's errorCode and errorMessage mean to us; unknown codes may pass, so retry."""
    cls, ours = MEDIACONVERT_ERRORS.get(code, (TranscodeInterrupted, "TRANSCODE_INTERRUPTED"))
    # Cut here: a cause that Step Functions cuts (at 32,768 characters) is no JSON any more.
    said, evidence = message[:4000], {"mediaconvert_error_code": code, **evidence}
    if CODES[ours].kind == "input":  # read by the film's owner, who knows no MediaConvert
        return cls(ours, CODES[ours].cause, {**evidence, "mediaconvert_message": said})
    return cls(ours, f"MediaConvert error {code}: {said}", evidence)


def parse_cause(error: str, cause: str) -> dict[str, Any]:
    """Read our contract back out of a state machine's Error and Cause.

    A Lambda failure wraps it as {"errorMessage": "<json>", ...}; SendTaskFailure passes it bare. Anything else (a
    service's own words) becomes a service error with the text as evidence, so that nothing is lost.
    """
    candidate: Any = _json(cause)
    if isinstance(candidate, dict) and "errorMessage" in candidate:
        candidate = _json(candidate["errorMessage"]) or candidate["errorMessage"]
    if isinstance(candidate, dict) and candidate.keys() >= _CONTRACT and isinstance(candidate["evidence"], dict):
        return candidate
    text = candidate if isinstance(candidate, str) else cause
    unknown = CODES["SERVICE_ERROR"]
    return {
        "message": (f"{error}: {text}" if text else error)[:2000],
        "code": "SERVICE_ERROR",
        "class": unknown.kind,
        "retryable": unknown.retryable,
        "evidence": {"error": error},
        "fix": unknown.fix,
    }


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None
