"""`vod check FILE...`: what the pipeline would say to these films, without sending them anywhere.

In: files, and a profile's name. Out: for each film a verdict, with what would be published, what would be changed and
what encoding would cost; exit status 0 when all would be taken, 3 when some would be rejected, 1 when the planner knew
no plan. What can go wrong: `NoSuchProfile`, and what films.py says of a path.

The rules are the pipeline's own functions: `require_bytes` and `asset_part` of Ingest, for which the film's folder
stands for the bucket, the local Probe and `Source.from_probe`, the planner's `plan_wished`, the captions' `parse`.
Probe reads a file's headers and first pictures: damage in the middle is found when the film is encoded, and an answer
here does not promise that there is none. One look is this command's own: a file that is shorter than its index says is
rejected here at once, and by the pipeline after an encode that somebody paid for.
"""

from __future__ import annotations

import argparse
import collections
import json
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from pipeline.cli.films import Film, films_from
from pipeline.cli.lines import printable, rendition_line, sound_line, source_line
from pipeline.cli.progress import bar
from pipeline.local.mediaconvert.extent import missing_bytes
from pipeline.local.mediaconvert.probe import ProbeRefused, probe_file
from pipeline.media import arrival, captions, errors, job, keys, poster, price, profiles, wishes
from pipeline.media.asset import Upload
from pipeline.media.changes import changes
from pipeline.media.source import Source, require_bytes, unreadable

#: Buckets have no names before there is a pipeline, and no rule looks at them.
_SOURCES, _OUTPUTS = "sources", "outputs"
#: Of a film's length, Verify forgives so much (pipeline.media.outputs).
_MISSED_SHARE = 0.02
OK, REJECTED, NO_PLAN = "ok", "rejected", "no plan"
_STATUS = {OK: 0, NO_PLAN: 1, REJECTED: 3}
_WORDS = {
    OK: ("green", "would be published"),
    REJECTED: ("yellow", "would be rejected"),
    NO_PLAN: ("red", "would fail"),
}


class NoSuchProfile(Exception):
    """profiles.toml has no profile of this name, or cannot be read; the message says which, or where it is wrong."""


def check(options: argparse.Namespace, console: Console) -> int:
    """The command: one verdict after the other, or with --json one object to a line on standard output."""
    profile = _profile(options.profile)
    films, reports = films_from(options.films), []
    with bar("films read", len(films), options.json) as advance:
        for film in films:
            report = report_on(film, profile, options.accelerated)
            if options.json:
                print(json.dumps(report), flush=True)  # ASCII: a file's name need not be UTF-8
            else:
                _print(console, report)
            reports.append(report)
            advance(1)
    if len(reports) > 1 and not options.json:
        console.print(_altogether(reports), soft_wrap=True)
    return max(_STATUS[report["verdict"]] for report in reports)


def _profile(name: str) -> profiles.Profile:
    try:
        known = profiles.load()
    except profiles.ProfilesBroken as error:
        raise NoSuchProfile(str(error)) from error
    if name not in known:
        raise NoSuchProfile(f"there is no profile {name!r}; there are {', '.join(known)}")
    return known[name]


# --- the verdict -----------------------------------------------------------------------------------------------------


def report_on(film: Film, profile: profiles.Profile, accelerated: bool = False) -> dict[str, Any]:
    """{file, key, title, profile, verdict, error}, and for a film that would be taken {wishes, source, renditions,
    audio, captions, poster, thumbnails, download, changes, warnings, minutes, accelerated, price}. What each holds is
    what the state of an execution holds; minutes are {film, billed}, the second those of all outputs. profile: of films
    that do not ask for another. accelerated: whether the deployment asks for acceleration, which costs more.
    """
    head = {"file": str(film.path), "key": film.key, "title": keys.title(film.key), "profile": profile.name}
    upload = _upload(film)
    try:
        require_bytes(upload.key, upload.size)
        missing = _require_whole(film.path)
        asset = arrival.asset_part(film.key, film.around, partial(_start, film), tuple(profiles.load()))
        wished = asset["wishes"]
        profile = profiles.load().get(wished.get("profile"), profile)
        head |= {"title": asset["title"], "profile": profile.name}
        probed = Source.from_probe(_probe(film.path, upload.url), keys.file_name(upload.key))
        source, plan = job.plan_wished(upload, probed, _OUTPUTS, profile, wished)
    except errors.SourceRejected as error:
        return {**head, "verdict": REJECTED, "error": error.as_dict()}
    except errors.VodError as error:
        return {**head, "verdict": NO_PLAN, "error": error.as_dict()}
    planned = plan.as_state()
    tracks = [_caption(film, sidecar, source.duration_ms) for sidecar in asset["captions"]]
    shown = _poster(film, asset["poster"]) if asset["poster"] else {"warnings": []}
    bill = price.predict_all((plan.streams, plan.download), source.duration_ms, price.load(), accelerated)
    return {
        **head,
        "verdict": OK,
        "error": None,
        "wishes": wished,
        "source": source.as_state(),
        "renditions": planned["rungs"],
        "audio": planned["audio"],
        "captions": [*planned["captions"], *tracks],
        "poster": shown if "path" in shown else None,
        "thumbnails": planned["thumbnails"],
        "download": plan.download is not None,
        "changes": list(changes(source, plan)),
        "warnings": [
            *missing,
            *asset["warnings"],
            *shown["warnings"],
            *source.warnings,
            *plan.warnings,
            *(line for track in tracks for line in track["warnings"]),
            *_left_out(asset["captions_left_out"]),
        ],
        "minutes": {
            "film": round(source.duration_ms / 60_000, 2),
            "billed": round(float(sum(item.minutes for item in bill.items)), 2),
        },
        "accelerated": accelerated,
        "price": bill.as_dict(),
    }


def _upload(film: Film) -> Upload:
    """The upload that this file would be; of its ids only those that depend on its name are its own."""
    return Upload(
        bucket=_SOURCES,
        key=film.key,
        version_id=None,
        etag="",
        size=film.path.stat().st_size,
        order="",
        asset_id=keys.asset_id(_SOURCES, film.key),
        version=keys.version(None, "", ""),
    )


def _probe(path: Path, url: str) -> dict[str, Any]:
    """As the service answers, and as its client understands a refusal (pipeline.aws.transcoder.probe)."""
    try:
        return probe_file(path.resolve(), url)
    except ProbeRefused as refused:
        raise unreadable(str(refused)) from refused


def _require_whole(path: Path) -> list[str]:
    """What a file says of its own length, which the pipeline learns after the encode only. A warning where it lacks a
    little. Raises SourceRejected where it lacks so much that Verify would miss it in the film."""
    size, missing = path.stat().st_size, missing_bytes(path)
    if not missing:
        return []
    said = f"{path.name} has {size:,} bytes, and by its own index it should have {size + missing:,}"
    if missing > _MISSED_SHARE * (size + missing):
        evidence = {"size_bytes": size, "missing_bytes": missing}
        raise errors.SourceRejected("INPUT_TRUNCATED", f"{said}: it breaks off", evidence)
    return [f"{said}: its end may be missing."]


def _start(film: Film, key: str, length: int) -> bytes | None:
    """The first bytes of a file beside the film, as S3 gives those of an object."""
    try:
        with film.around[key].open("rb") as file:
            return file.read(length)
    except FileNotFoundError:
        return None


def _poster(film: Film, key: str) -> dict[str, Any]:
    return poster.look_at(_start(film, key, poster.MOST_BYTES + 1), keys.file_name(key)).as_state()


def _caption(film: Film, sidecar: dict[str, Any], duration_ms: int) -> dict[str, Any]:
    name, language = keys.file_name(sidecar["key"]), sidecar["language"]
    try:
        data = _start(film, sidecar["key"], captions.MOST_BYTES + 1) or b""
        parsed = captions.parse(data, name, duration_ms, language)
    except (OSError, errors.SourceRejected) as error:
        said = error.message if isinstance(error, errors.VodError) else f"{name} cannot be read: {error.strerror}"
        return {"file": name, "language": language, "label": None, "cues": 0, "warnings": [said]}
    return {
        "file": name,
        "language": language,
        "label": captions.label(language, sidecar["marks"]),
        "cues": len(parsed.cues),
        "warnings": list(captions.reported(parsed.warnings, name, language)),
    }


def _left_out(surplus: int) -> list[str]:
    return [f"{surplus} caption files are left out: at most {captions.MOST_SIDECARS} are taken."] if surplus else []


# --- on the screen ---------------------------------------------------------------------------------------------------


def _print(console: Console, report: dict[str, Any]) -> None:
    colour, verdict = _WORDS[report["verdict"]]
    name = printable(Path(report["file"]).name)
    console.print(Text.assemble((name, "bold"), "  ", (verdict, f"bold {colour}")), soft_wrap=True)
    for line in _lines(report):
        console.print(Text(f"  {printable(line)}"), soft_wrap=True)


def _lines(report: dict[str, Any]) -> list[str]:
    error = report["error"]
    if error:
        return [
            # MediaConvert's own words tell an uploader little: ours first.
            *([errors.CODES[error["code"]].cause] if "probe" in error.get("evidence", {}) else []),
            *error["message"].splitlines(),
            f"What to do: {error['fix']}",
            f"More: {errors.page_of(error['code'])} ({error['code']})",
        ]
    lines = [f"in         {source_line(report['source'])}"]
    if report["renditions"]:
        lines.append(f"pictures   {', '.join(map(rendition_line, report['renditions']))}")
    lines.append(f"sounds     {', '.join(map(sound_line, report['audio'])) or 'none'}")
    named = [one["label"] or f"{one['file']}: left out" for one in report["captions"]]
    lines += [f"captions   {', '.join(named)}"] if named else []
    shown = report["poster"]
    lines += [f"poster     {shown['file']}, {shown['width']}x{shown['height']}"] if shown else []
    lines += [f"wishes     {_wishes(report['wishes'])}"] if report["wishes"] else []
    lines += ["download   one MP4 file"] if report["download"] else []
    lines += [f"changed    {one}" for one in report["changes"]]
    lines += [f"warning    {one}" for one in report["warnings"]]
    return [*lines, *_cost(report)]


def _wishes(wished: dict[str, Any]) -> str:
    """Each in a word or two, so that whoever wrote them sees that they were understood."""
    said = {
        **wished,
        "description": f"{len(wished.get('description', ''))} characters",
        "poster_at_ms": wishes.clock(wished.get("poster_at_ms", 0)),
    }
    named = [f"{name} {_listed(said[name])}" for name in wished]
    return ", ".join(named).replace("poster_at_ms", "poster_time")


def _listed(value: Any) -> str:
    return " + ".join(value) if isinstance(value, list) else str(value)


def _cost(report: dict[str, Any]) -> list[str]:
    """What it would cost, what makes that dearer, and what is not in it."""
    bill = report["price"]
    about = "" if bill["sure"] else "about "
    minutes = f"{report['minutes']['billed']:.1f} minutes of outputs"
    where = f"{bill['region']}, prices of {bill['prices_read']}"
    unknown = [item["output"] for item in bill["items"] if item["price"] is None]
    rest = f", without {', '.join(unknown)}: no price known" if unknown else ""
    lines = [f"price      {about}{bill['total']:.4f} {bill['currency']} for {minutes} ({where}){rest}"]
    priced = [item for item in bill["items"] if item["price"] is not None]
    dearer = {item["why"].split(";")[0] for item in priced if item["class"].startswith("P-")}
    return lines + ([f"dearer     {', '.join(sorted(dearer))}: MediaConvert's professional tier"] if dearer else [])


def _altogether(reports: list[dict[str, Any]]) -> str:
    """Of several films: how many would be what, and what they would cost together."""
    counts = collections.Counter(report["verdict"] for report in reports)
    said = ", ".join(f"{counts[verdict]} {words}" for verdict, (_, words) in _WORDS.items() if counts[verdict])
    bills = [report["price"] for report in reports if report["verdict"] == OK]
    total = sum(bill["total"] for bill in bills)
    cost = f"; about {total:.4f} {bills[0]['currency']} altogether" if bills else ""
    return f"{len(reports)} films: {said}{cost}"
