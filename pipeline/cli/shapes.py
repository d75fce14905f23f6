"""What `--json` prints, command by command: one object, or for some one object to a film and line.

A promise to programs: keys are added, and neither renamed nor taken away without a word in the changelog. A key
with a question mark at its end may be missing. docs/commands.md is made of it, and
tests/e2e/test_documented_commands.py holds it against what the commands print.
"""

from __future__ import annotations

_ERROR = "{message, code, class, retryable, evidence, fix} (docs/errors.md), or null"
_BILL = "{total, currency, items, ...} or null"

#: Command -> the shapes it may print; each is a key and what stands there.
SHAPES: dict[str, list[dict[str, str]]] = {
    "run": [
        {
            "file": "the path as given",
            "asset_id": "text",
            "version": "text",
            "status": "published, rejected or failed",
            "error": _ERROR,
            "playback_url": "where to watch it, or null",
            "renditions": "[{name, width, height, bitrate_bps, size_bytes, ...}]",
            "duration_ms": "number or null",
            "seconds": "from the last byte of the upload to the end",
        },
        {
            "file": "the path as given",
            "asset_id": "text",
            "version": "text",
            "status": "held or waiting: for somebody's word",
            "error": "null",
            "waits": "{reason, since, until, message, ...}",
            "playback_url": "null",
            "renditions": "[]",
            "duration_ms": "null",
            "seconds": "from the last byte of the upload to the waiting",
        },
    ],
    "check": [
        {
            "file": "the path as given",
            "key": "the key it would have",
            "title": "text",
            "profile": "text",
            "verdict": "ok, rejected or no plan",
            "error": _ERROR,
            "source": "what was read of the file; this and what follows only with verdict ok",
            "renditions": "[{name, width, height, ...}]",
            "audio": "[{label, channels, ...}]",
            "wishes": "what the JSON file beside it asks for",
            "captions": "[{file, language, label, cues, warnings}]",
            "poster": "the picture beside it, or null",
            "thumbnails": "object or null",
            "download": "whether there would be one MP4 file",
            "changes": "sentences: what would be changed",
            "warnings": "sentences",
            "minutes": "{film, billed}: the second of all outputs together",
            "accelerated": "whether the price is that of accelerated transcoding",
            "price": _BILL,
        }
    ],
    "list": [
        {
            "films": "[{asset_id, version, revision, film, status, code, created_at, updated_at, ...}], newest first",
            "found": "how many there are, with those that --limit leaves out",
            "intake": "{paused, since, by, reason}",
        }
    ],
    "show": [
        {
            "asset_id": "text",
            "title": "text or null",
            "film": "the upload's key",
            "plays": "{version, revision} or null",
            "versions": "[{version, revision, status, error, waits, created_at, updated_at}], oldest first",
            "execution": "the newest run's",
            "steps": "[{state, entered, seconds, failed_attempts, error, cause, message}]",
            "jobs": "[{role, job_id, attempt, status, percent, error_code, error_message, messages}]",
            "renditions": "of what plays: [{name, width, height, bitrate_bps, ...}]",
            "price": "of the newest run: {predicted, actual}, each as in `vod cost` once it is known",
            "duration_ms": "number or null",
            "links": "{console, play}; null where there is none",
        }
    ],
    "explain": [
        {
            "asset_id": "text",
            "film": "the upload's key",
            "version_id": "the S3 version of the upload, or null",
            "execution": "text",
            "status": "the version's",
            "execution_status": "Step Functions' own, or null where it has forgotten it",
            "error": f"with `state`, the box that failed: {_ERROR}",
            "waits": "{reason, since, message} or null",
            "failed_attempts": "steps of `vod show` that failed at least once",
            "source": "what was read of the file, or null",
            "plan": "what was planned, or null",
            "profile": "text or null",
            "jobs": "as in `vod show`; the engine's last lines are in error_message",
            "log": "the last lines of `vod logs`",
            "reproduce": "the command that does it again on this machine",
            "fetched": "files that --fetch has written",
            "links": "{console}",
        }
    ],
    "logs": [{"lines": "[{at, function, line}], oldest first; line as the function wrote it, mostly JSON"}],
    "cost": [
        {
            "asset_id": "text",
            "film": "the upload's key",
            "runs": "[{execution, version, revision, status, predicted, actual, jobs, kept}]",
            "predicted": "sum",
            "actual": "sum",
            "whole": "whether everything that was billed has a known price",
            "currency": "text",
        },
        {
            "since": "without a name: ISO 8601",
            "days": "[{day, films, predicted, actual}]",
            "films": "how many",
            "predicted": "sum",
            "actual": "sum",
            "under_way": "{films, predicted}",
            "deviations": "films that cost otherwise than predicted",
            "prices_read": "the day of the price list",
            "region": "whose prices they are",
            "currency": "text",
        },
    ],
    "cancel": [{"cancelled": "[{execution, cancelled_jobs, removed_objects}]"}],
    "retry": [
        {"execution": "the run that goes on", "how": "redriven, or started anew"},
        {
            "done": "with --since: whether --yes was said",
            "runs": "[{execution, film, code, at, newer, how}]",
            "counts": "{redriven, started anew, left}",
        },
    ],
    "sweep": [
        {
            "counts": "{what: how often}",
            "did": "sentences, the first fifty",
            "trouble": "what could not be seen to",
            "finished": "whether time sufficed",
            "oldest_seconds": "the age of the oldest upload under way",
        }
    ],
    "replay": [
        {
            "dry_run": "whether nothing was sent",
            "letters": "{queue: how many}",
            "missed": "with --since: {uploads: [{film, asset_id, at, why}], jobs: [{execution, job_id, status}]}",
        }
    ],
    "ingest": [
        {"sent": "films announced", "left_out": "objects that are no films"},
        {
            "dry_run": "with --dry-run: true",
            "films": "how many lie there",
            "known": "how many of them came in before",
            "new": "how many would start",
            "left_out": "objects that are no films",
            "bytes": "of those that would start",
            "profile": "the deployment's",
            "sampled": "{films, bytes, duration_ms, predicted, whole, rejected} of those that were probed",
            "estimate": "what all that would start may cost, or null",
            "currency": "text",
        },
    ],
    "approve": [
        {
            "execution": "text",
            "waited_for": "approval",
            "by": "who decided",
            "at": "ISO 8601",
            "note?": "text, where one was given",
            "goes_on": "whether its step has heard",
        }
    ],
    "release": [{"released": "[{execution, waited_for, by, at, note, goes_on}]"}],
    "budget": [
        {
            "day": "today, UTC",
            "limit_usd": "number, or null without a budget",
            "reserved_usd": "number",
            "left_usd": "number or null",
            "waiting": "[{execution, asset_id, film, price_usd, since, message}]",
        }
    ],
    "pause": [{"paused": "true", "since": "ISO 8601", "by": "who", "reason": "text", "changed": "whether it was open"}],
    "resume": [
        {
            "paused": "false",
            "since": "ISO 8601 or null",
            "by": "who",
            "reason": "text",
            "changed": "whether it was paused",
            "started": "executions that waited",
        }
    ],
    "versions": [
        {
            "asset_id": "text",
            "versions": "[{version, revision, published_revision, status, registered_at, replaced_at, plays}], newest"
            " first",
        }
    ],
    "update": [
        {
            "asset_id": "text",
            "execution": "the revision that was begun",
            "waits": "true while intake is paused",
            "added": "file names of sidecars that what plays did not have",
            "changed": "file names of those that were uploaded again",
            "removed": "file names of those that no longer lie beside the film",
        }
    ],
    "rollback": [{"asset_id": "text", "plays": "the run that plays now", "instead_of": "the run that played"}],
    "delete": [
        {
            "asset_id": "text",
            "file": "s3:// address of the newest upload",
            "cancelled": "executions",
            "outputs_bucket": "text",
            "outputs": "keys",
            "sources_bucket": "text",
            "receipts": "[{key, version_id}]",
            "sources": "[{key, version_id}], with --purge-sources",
            "invalidation": "CloudFront's id",
        }
    ],
    "sign": [
        {
            "asset_id": "text",
            "expires_at": "seconds since 1970",
            "cookies": "{name: value}",
            "manifests": "addresses",
            "page?": "the link for one viewer, where there is a login's secret",
        }
    ],
}
