"""What must hold after every run, whatever was injected: each rule reads a `World` and says where it is broken.

In: what was sent and what the stack holds. Out: breaches, each with the upload it concerns. `known` breaches are real
ones that the handlers do not promise yet; they are shown, and do not fail the run.
"""

from __future__ import annotations

import collections
import dataclasses
import html
import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from pipeline.local.chaos.looking import DEAD_LETTERS, Version, World
from pipeline.local.chaos.scenarios import Sending
from pipeline.media import keys

#: Every promise by the name that its breach has.
RULES = (
    "lost", "stuck", "wrong end", "record", "announced", "published twice", "orphan job", "paid twice", "pointer",
    "receipt", "half published", "objects left", "dead letters", "late caption",
)  # fmt: skip
OVER = ("COMPLETE", "ERROR", "CANCELED")
#: What a version's record may say when its run has ended so. Everything else failed; where only the announcement did,
#: the film plays, and its record says so.
STATUS = {
    "published": ("published",),
    "rejected": ("rejected",),
    "superseded": ("superseded",),
    "aborted": ("failed", "cancelled"),
}


@dataclasses.dataclass(frozen=True)
class Breach:
    """rule: the promise; number: the upload's; known: not promised yet."""

    rule: str
    number: int | None
    what: str
    known: bool = False


def breaches(world: World, sent: Sequence[Sending]) -> list[Breach]:
    by_asset = {one.asset_id: one for one in sent}
    rules = (
        _lost,
        _stuck,
        _ends,
        _records,
        _announced,
        _jobs,
        _pointers,
        _receipts,
        _whole,
        _left,
        _dead_letters,
        _late,
    )
    found = [breach for rule in rules for breach in rule(world, by_asset)]
    return sorted(found, key=lambda breach: (breach.known, breach.rule, breach.number or 0))


def end_of(world: World, version: Version) -> str:
    """How this version ended; its newest run counts."""
    runs = [name for name in world.executions if name.startswith(f"{version.asset_id}-{version.version}-r")]
    return world.executions[max(runs, key=lambda name: int(name.rpartition("-r")[2]))] if runs else "lost"


def _of(sent: Mapping[str, Sending], asset_id: str) -> int | None:
    return sent[asset_id].number if asset_id in sent else None


def _lost(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    for version in world.versions:
        if end_of(world, version) == "lost":
            yield Breach("lost", _of(sent, version.asset_id), f"{version.key} ({version.version}) started nothing")
    keys_there = {version.key for version in world.versions}
    for one in sent.values():
        if one.key not in keys_there:
            yield Breach("lost", one.number, f"{one.key} is not in the sources bucket")


def _stuck(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    for version in world.versions:
        if end_of(world, version) == "running":
            yield Breach("stuck", _of(sent, version.asset_id), f"{version.key} ({version.version}) is still running")
    for queue, count in world.waiting.items():
        if count and DEAD_LETTERS not in queue:
            yield Breach("stuck", None, f"{count} messages still in {queue}")


def _ends(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    for version in world.versions:
        one, end = sent.get(version.asset_id), end_of(world, version)
        if one and end not in ("running", "lost") and end not in (allowed := one.may_end(version.is_last)):
            yield Breach("wrong end", one.number, f"{version.version} ended {end}, not {' or '.join(sorted(allowed))}")


def _records(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    for version in world.versions:
        record, end = world.records.get((version.asset_id, f"version#{version.version}")), end_of(world, version)
        if record is None:
            yield Breach("record", _of(sent, version.asset_id), f"{version.version} has no record")
        elif "published_revision" in record and record["status"] == "published":
            continue  # its update may have ended in any way
        elif end not in ("running", "lost") and record["status"] not in STATUS.get(end, ("failed", "published")):
            what = f"{version.version} ended {end}, its record says {record['status']}"
            yield Breach("record", _of(sent, version.asset_id), what)


def _announced(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    told = collections.Counter(m["deduplication_id"] for m in world.messages if m["event"] in ("published", "updated"))
    expected = set()
    for version in world.versions:
        runs = [name for name in world.executions if name.startswith(f"{version.asset_id}-{version.version}-r")]
        good = [name for name in runs if world.executions[name] == "published"]
        expected.update(_announcement(world, version.asset_id, name) for name in good)
        number = _of(sent, version.asset_id)
        encoded = [name for name in good if _is_encode(world, version.asset_id, name[len(version.asset_id) + 1 :])]
        if len(encoded) > 1:
            yield Breach("published twice", number, f"{version.version} was published by {', '.join(encoded)}")
        for name in good:
            if not told[_announcement(world, version.asset_id, name)]:
                yield Breach("announced", number, f"{name} was published and nobody was told")
    for name in told.keys() - expected:
        # A stop after the announcement is the one way to be told of what did not end green.
        yield Breach("announced", None, f"{name} was announced and its execution did not end published")


def _announcement(world: World, asset_id: str, name: str) -> str:
    """The deduplication id of the message that tells of this execution's publication."""
    return f"{name}-{'published' if _is_encode(world, asset_id, name[len(asset_id) + 1 :]) else 'updated'}"


def _is_encode(world: World, asset_id: str, run: str) -> bool:
    """Whether a run's pictures are its own; an update uses those of an earlier run."""
    return world.records.get((asset_id, f"run#{run}"), {}).get("encode", run) == run


def _jobs(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    finished: collections.Counter[tuple[str, ...]] = collections.Counter()
    for job in world.jobs:
        told = job.get("UserMetadata", {})
        asset, number = told.get("asset_id", ""), _of(sent, told.get("asset_id", ""))
        run = keys.run(told.get("version", ""), int(told.get("revision", 0)))
        if job["Status"] not in OVER:
            yield Breach("orphan job", number, f"job {job['Id']} of {asset} is {job['Status']}")
        if (asset, f"job#{run}#{told.get('role')}") not in world.records:
            yield Breach("orphan job", number, f"job {job['Id']} belongs to no record")
        if job["Status"] == "COMPLETE":
            finished[asset, run, told.get("role", "")] += 1
    for (asset, run, role), count in finished.items():
        if count > 1:
            yield Breach("paid twice", _of(sent, asset), f"{count} COMPLETE jobs for {role} of {run}")


def _pointers(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    best: dict[str, Mapping] = {}
    for (asset, sk), record in world.records.items():
        if sk.startswith("version#") and record["status"] == "published":
            newest = best.get(asset)
            if newest is None or record["upload"]["order"] > newest["upload"]["order"]:
                best[asset] = record
    for asset, record in best.items():
        run = keys.run(record["upload"]["version"], int(record.get("published_revision", record["revision"])))
        for what in _points_elsewhere(world, asset, run):
            yield Breach("pointer", _of(sent, asset), f"{what}, not to {run}, the newest that is published")


def _points_elsewhere(world: World, asset: str, run: str) -> Iterator[str]:
    prefix = keys.pointer_prefix(asset)
    asset_json = json.loads(world.texts.get(f"{prefix}asset.json", "{}"))
    said = f"{asset_json.get('version')}-r{asset_json.get('revision')}"
    if asset_json.get("status") != "published" or said != run:
        yield f"asset.json ({asset_json.get('status')}) points to {said}"
    for name in ("index.m3u8", "index.mpd"):
        runs = set(re.findall(r"v/([a-z0-9]+-r\d+)/", world.texts.get(prefix + name, "")))
        pictures = world.records.get((asset, f"run#{run}"), {}).get("encode", run)
        if not {pictures} <= runs <= {run, pictures}:
            yield f"{name} points to {', '.join(sorted(runs)) or 'nothing'}"
    current = world.records.get((asset, "asset"), {}).get("current", {})
    if f"{current.get('version')}-r{current.get('revision')}" != run:
        yield f"the record's current is {dict(current)}"


def _receipts(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    """Both of them, whoever wrote last, and however many at once."""
    for one in sent.values():
        said = {ending: world.receipts.get(keys.receipt_key(one.key, ending)) for ending in (".json", ".html")}
        if missing := [ending for ending, text in said.items() if text is None]:
            yield Breach("receipt", one.number, f"{one.key} has no receipt {' and none '.join(missing)}")
            continue
        receipt = json.loads(said[".json"] or "")
        record = world.records.get((one.asset_id, f"version#{receipt['version']}"), {})
        newest = max(record["upload"]["order"] for record in _versions_of(world, one.asset_id))
        if record.get("status") != receipt["status"] or record["upload"]["order"] != newest:
            what = f"{one.key}: the receipt of {receipt['version']} says {receipt['status']}"
            yield Breach("receipt", one.number, f"{what}, its record {record.get('status')}")
        if html.escape(receipt["state"]) not in (said[".html"] or ""):
            yield Breach("receipt", one.number, f"{one.key}: the page says something else than {receipt['state']!r}")


def _versions_of(world: World, asset_id: str) -> Iterator[Mapping]:
    for (pk, sk), record in world.records.items():
        if pk == asset_id and sk.startswith("version#"):
            yield record


def _whole(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    """Every file that a published film's playlists name is there and has bytes."""
    for version in world.versions:
        if end_of(world, version) != "published":
            continue
        prefix = f"{keys.ASSETS}{version.asset_id}/v/{version.version}-r"
        for path in [path for path in world.texts if path.startswith(prefix) and path.endswith(".m3u8")]:
            for uri in _uris(world.texts[path]):
                target = posixpath.normpath(posixpath.join(posixpath.dirname(path), uri))
                if not world.objects.get(target):
                    what = f"{path} names {uri}, which is not there"
                    yield Breach("half published", _of(sent, version.asset_id), what)


def _uris(playlist: str) -> list[str]:
    lines = [line for line in playlist.splitlines() if line and not line.startswith("#")]
    return lines + re.findall(r'URI="([^"]+)"', playlist)


def _left(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    """Objects of runs that were superseded or cancelled. What failed or was stopped stays, for its redrive."""
    for version in world.versions:
        record = world.records.get((version.asset_id, f"version#{version.version}"), {})
        if (status := record.get("status")) not in ("superseded", "cancelled"):
            continue
        prefix = f"{keys.ASSETS}{version.asset_id}/v/{version.version}-r"
        count = sum(key.startswith(prefix) for key in world.objects)
        if count:
            what = f"{count} objects of the {status} version {version.version} are left"
            yield Breach("objects left", _of(sent, version.asset_id), what)


def _late(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    """Captions that came after their film play with it in the end, whatever happened to the film in between."""
    newest = {version.asset_id: version.version for version in world.versions if version.is_last}
    for asset, one in sent.items():
        plays = world.records.get((asset, "asset"), {}).get("current", {})
        if one.late_caption not in world.sidecars or plays.get("version") != newest.get(asset):
            continue
        shown = json.loads(world.texts.get(f"{keys.pointer_prefix(asset)}asset.json", "{}"))
        found = [each["vtt"] for each in shown.get("captions", []) if each["language"] == "fr"]
        if not found:
            yield Breach(
                "late caption", one.number, f"{one.late_caption} came {one.captioned} and is not in asset.json"
            )
        elif not world.objects.get(keys.pointer_prefix(asset) + found[0]):
            yield Breach("late caption", one.number, f"{found[0]} is not there")
        elif not _is_in_mpd(world.texts.get(f"{keys.pointer_prefix(asset)}index.mpd", ""), found[0]):
            yield Breach("late caption", one.number, f"{found[0]} is not in index.mpd")


def _is_in_mpd(mpd: str, path: str) -> bool:
    """v/<run>/captions/fr.vtt: the folder is said for the whole MPD or for the set of these captions."""
    folder, _, file = path.partition("/captions/")
    return f"<BaseURL>{folder}/</BaseURL>" in mpd and f"<BaseURL>captions/{file}</BaseURL>" in mpd


def _dead_letters(world: World, sent: Mapping[str, Sending]) -> Iterator[Breach]:
    for queue, count in world.waiting.items():
        if count and DEAD_LETTERS in queue:
            yield Breach("dead letters", None, f"{count} messages in {queue}")
