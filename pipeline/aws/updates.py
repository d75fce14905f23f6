"""Updates: captions, a poster or wishes that come after their film become its next revision, without a new encode.

In: a film's key, and whether somebody has just said that a sidecar of it came. Out: the upload whose record has
changed, or None. Nobody counts events here: what lies beside the film now is held against what its newest run has seen,
which that run notes before all else. Where the two differ and the run has ended, the next begins, by a conditional
write. So a sidecar that comes in mid-encode, twice, late or together with another is neither lost nor taken twice,
whoever looks: `start` when the sidecar comes and when a run ends, the sweep when neither was heard of.

An update takes away nothing by itself. A sidecar that has gone from beside the film keeps its place in what plays,
because folders are tidied up after publication; `vod update` publishes exactly what lies there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.aws import executions, objects, receipts
from pipeline.aws.intake import Intake
from pipeline.aws.table import AssetTable, upload_of
from pipeline.media import keys, reconcile, sidecars, wishes
from pipeline.media.asset import Upload
from pipeline.media.captions import MOST_SIDECARS
from pipeline.media.source import Source

#: What an update needs to know of the run whose pictures it uses.
_PARTS = ("asset", "source", "plan", "verified", "outputs")


def films_of(bucket: str, sidecar: str) -> tuple[str, ...]:
    """The films that this sidecar is for: one, or none where it fits none or more than one.

    A film that was deleted after publication counts where no other fits.
    """
    found = sidecars.films_of(sidecar, objects.keys_around(bucket, sidecar))
    if not found:
        gone = [key for name in sidecars.prefixes(sidecar) for key in objects.versioned_keys_below(bucket, f"{name}.")]
        found = sidecars.films_of(sidecar, gone)
    return found if len(found) == 1 else ()


def seen(film: str, around: Mapping[str, str]) -> dict[str, str]:
    """The sidecars that belong to a film, each with what tells one upload of it from another: what a run has seen.

    around: as objects.keys_around gives it.
    """
    found = sidecars.beside(film, around)
    used = [*(each.key for each in found.captions[:MOST_SIDECARS]), found.poster, found.wishes]
    return {key: around[key] for key in used if key}


def beside(bucket: str, film: str) -> dict[str, str]:
    """The sidecars that lie beside a film now, as a run would see them."""
    return seen(film, objects.keys_around(bucket, film))


def look(bucket: str, film: str, table: Intake, state_machine_arn: str, delivery_url: str, told: bool) -> Upload | None:
    """Start the film's next revision if its newest run has ended and has not seen all that lies beside it now.

    Out: the upload as the run that its record is at, where something was done about it.
    """
    changed = _look(bucket, film, table, state_machine_arn, told)
    if changed:
        receipts.refresh(table, bucket, delivery_url, changed)
    return changed


def _look(bucket: str, film: str, table: Intake, state_machine_arn: str, told: bool) -> Upload | None:
    records = [record for record in table.versions(keys.asset_id(bucket, film)) if "upload" in record]
    if not records:
        return None  # the film's own run will find it
    record = max(records, key=lambda each: each["upload"]["order"])
    upload = upload_of(record)
    if record["status"] not in _FOLLOWED or objects.is_current(upload) is False:
        return None  # a newer upload of the film is on its way, and looks for itself
    plays = ((table.asset(upload.asset_id) or {}).get("current") or {}).get("version") == upload.version
    noted, there = table.known(upload).get("sidecars"), beside(bucket, film)
    action = reconcile.for_sidecars(record, plays, noted, there, told)
    if action == "warn":
        table.warn(upload, _not_used(noted or {}, there))
        return upload
    if action in ("update", "revise"):
        return begin(record, table, state_machine_arn)
    return _start(upload, table, state_machine_arn) if action == "start" else None


_FOLLOWED = ("received", "published", "rejected")


def begin(record: dict[str, Any], table: Intake, state_machine_arn: str, exact: bool = False) -> Upload | None:
    """Start the next run of a version that plays, or was rejected; None where somebody else was first.

    It waits while intake is paused. exact: what lies beside the film is all there is to be, and what has gone is taken
    away.
    """
    upload = upload_of(record)
    if exact:
        table.note(upload.with_revision(upload.revision + 1), exact=True)
    following = table.revise(upload, record["published_revision"] if record["status"] == "published" else None)
    return _start(following, table, state_machine_arn) if following else None


def _start(upload: Upload, table: Intake, state_machine_arn: str) -> Upload:
    if (pause := table.state())["paused"]:
        table.wait(upload, pause)
    else:
        table.started(upload, executions.start(upload, state_machine_arn))
    return upload


def _not_used(noted: Mapping[str, str], there: Mapping[str, str]) -> str:
    late = [keys.file_name(key) for key, which in there.items() if noted.get(key) != which]
    many = f"{late[0]} and {len(late) - 1} more" if len(late) > 1 else late[0]
    return f"{many} came, and an older version of the film plays: `vod update` gives it what lies beside the film now"


# --- in the update's own run ------------------------------------------------------------------------------------------


def before(upload: Upload, table: AssetTable) -> dict[str, Any] | None:
    """What is known of the revision that this run is to follow, and `run`, its name; None where it is no update."""
    revision = (table.version(upload) or {}).get("published_revision")
    if revision is None or int(revision) >= upload.revision:
        return None
    published = upload.with_revision(int(revision))
    return {**table.known(published), "run": published.run}


def keep(asset: dict[str, Any], earlier: Mapping[str, Any], there_now: Mapping[str, str]) -> dict[str, Any]:
    """The asset as an update has it: what has gone from beside the film stays as the revision before had it."""
    was, made = earlier.get("asset") or {}, earlier.get("outputs") or {}
    readable = {track["file"] for track in made.get("captions") or [] if track["vtt"]}
    there = {keys.file_name(caption["key"]) for caption in asset["captions"]}
    gone = [each for each in was.get("captions", []) if keys.file_name(each["key"]) in readable - there]
    room = MOST_SIDECARS - len(asset["captions"])
    kept = {**asset, "captions": sorted([*asset["captions"], *gone[:room]], key=lambda each: each["key"])}
    if not any(key.lower().endswith(sidecars.WISHES_SUFFIX) for key in there_now) and was.get("wishes"):
        kept |= {"wishes": was["wishes"], "title": was["title"]}
    if asset["poster"] is None and (made.get("poster") or {}).get("path"):
        kept["poster"] = was["poster"]
    return kept


def base(upload: Upload, asset: Mapping[str, Any], earlier: Mapping[str, Any], table: AssetTable) -> str | None:
    """The run whose pictures this update may use: None where what is wished now needs another encode."""
    run = earlier.get("encode")
    encoded = known_of(upload, run, table) if run else {}
    if not set(_PARTS) <= encoded.keys():
        return None
    return run if _encoded_alike(encoded, asset["wishes"]) else None


def known_of(upload: Upload, run: str, table: AssetTable) -> dict[str, Any]:
    """What is known of another run of the same upload, by its name."""
    return table.known(upload.with_revision(int(run.rpartition("-r")[2])))


def _encoded_alike(encoded: Mapping[str, Any], wished: Mapping[str, Any]) -> bool:
    was = encoded["asset"]["wishes"]
    source = Source.from_state(encoded["source"])
    same = all(was.get(name) == wished.get(name) for name in ("profile", "poster_at_ms"))
    return same and wishes.heard(source, was)[0] == wishes.heard(source, wished)[0]
