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
    """What is true of every error with this code. kind is one of input, config, service, policy."""

    kind: str
    retryable: bool
    fix: str


CODES: dict[str, Code] = {
    "INPUT_MISSING": Code("input", False, "Upload the file again; it was deleted before it could be read."),
    "INPUT_EMPTY": Code("input", False, "The file has no bytes. Upload it again and check the size afterwards."),
    "INPUT_NOT_A_FILM": Code("input", False, "Upload the film itself, as MP4, MOV, MKV, WebM, MPEG-TS, AVI or MXF."),
    "INPUT_NO_PICTURE": Code("input", False, "Export the film with its video track and upload that file."),
    "INPUT_NO_SOUND": Code("input", False, "Export the film with its sound and upload that file."),
    "INPUT_CODEC_UNSUPPORTED": Code("input", False, "Export the film as H.264, HEVC or ProRes and upload that file."),
    "INPUT_TRUNCATED": Code(
        "input", False, "The file breaks off. Upload it again, whole; if it still fails, export it again."
    ),
    "INPUT_UNREADABLE": Code(
        "input",
        False,
        "Play the file to its end on your computer. If it plays, upload it again; if not, export it again.",
    ),
    "INPUT_CAPTIONS_UNREADABLE": Code(
        "input", False, "Save the captions as SubRip (.srt) or WebVTT (.vtt) in UTF-8 and upload the film again."
    ),
    "POLICY_TOO_SHORT": Code("policy", False, "Upload a film of at least a tenth of a second."),
    "POLICY_TOO_LONG": Code(
        "policy", False, "Cut the film into parts, or ask the owner of this pipeline to raise the limit."
    ),
    "POLICY_PICTURE_SIZE": Code(
        "policy", False, "Export the film with a picture between 32 and 8192 pixels on each side."
    ),
    "SOURCE_SUPERSEDED": Code("policy", False, "Nothing to do: a newer upload of the same key takes its place."),
    "RUN_CANCELLED": Code("policy", False, "Somebody cancelled this run; `vod retry` starts the next one."),
    "ASSET_REMOVED": Code("policy", False, "The asset was deleted after this upload; upload the film again."),
    "ROLLED_BACK": Code(
        "policy", False, "Nothing to do: an older version was chosen; `vod rollback` can go forwards too."
    ),
    "SERVICE_THROTTLED": Code(
        "service", True, "Wait: the step is tried again. If it stays, look at the service's quotas and health page."
    ),
    "POINTER_CONTENDED": Code("service", True, "Wait: the step is tried again."),
    "TRANSCODE_INTERRUPTED": Code(
        "service",
        True,
        "The next attempt starts by itself. If all fail, read the job's messages in MediaConvert under the id in the "
        "evidence.",
    ),
    "TRANSCODE_FAILED": Code(
        "service",
        False,
        "Read the job's messages in MediaConvert under the id in the evidence, then redrive the execution.",
    ),
    "TRANSCODE_CANCELED": Code(
        "service", False, "Somebody cancelled the job. Redrive the execution to start the next attempt."
    ),
    "TRANSCODE_NOT_ALLOWED": Code(
        "config",
        False,
        "Give the MediaConvert role access to both buckets (error 14xx tells which), then redrive the execution.",
    ),
    "TRANSCODE_SETTINGS": Code(
        "config",
        False,
        "MediaConvert refuses these job settings; compare them with the golden files in tests/media/golden, mend the "
        "planner and start the upload again.",
    ),
    "OUTPUT_MISSING": Code(
        "service",
        False,
        "Run `vod retry`, which encodes anew; if the object is missing again, read the job's messages in MediaConvert.",
    ),
    "OUTPUT_WRONG": Code(
        "service", False, "Compare the object in the evidence with the plan; `vod retry` encodes it anew."
    ),
    "PLAN_IMPOSSIBLE": Code(
        "config", False, "Keep the source's facts from the execution's state and mend the planner."
    ),
    "SERVICE_ERROR": Code(
        "service",
        False,
        "Read the failed state's error and cause in the execution's history, then redrive the execution.",
    ),
}


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
#: 1041, 1042 and 1550 belong to accelerated transcoding, which we do not ask for.
MEDIACONVERT_ERRORS: dict[int, tuple[type[VodError], str]] = {
    1010: (SourceUnreadable, "INPUT_UNREADABLE"),
    1020: (SourceRejected, "INPUT_NO_PICTURE"),
    1021: (SourceRejected, "INPUT_UNREADABLE"),
    1030: (SourceRejected, "INPUT_CODEC_UNSUPPORTED"),
    1040: (TranscodeFailed, "TRANSCODE_SETTINGS"),
    1041: (TranscodeFailed, "TRANSCODE_SETTINGS"),
    1042: (TranscodeFailed, "TRANSCODE_SETTINGS"),
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


def from_mediaconvert(code: int, message: str, evidence: dict[str, Any]) -> VodError:
    """The error that a MediaConvert job's errorCode and errorMessage mean to us; unknown codes may pass, so retry."""
    cls, ours = MEDIACONVERT_ERRORS.get(code, (TranscodeInterrupted, "TRANSCODE_INTERRUPTED"))
    # Cut here: a cause that Step Functions cuts (at 32,768 characters) is no JSON any more.
    return cls(ours, f"MediaConvert error {code}: {message[:4000]}", {"mediaconvert_error_code": code, **evidence})


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
