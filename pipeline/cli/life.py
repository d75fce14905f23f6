"""`vod versions`, `rollback`, `update`, `delete`, `sign`, `keys`: what plays, what ends, and who may watch.

They speak to the pipeline that `vod up` keeps running in this home, or to a deployed stack (--stack, VOD_STACK), like
the other operators' commands (pipeline.cli.operate). `keys` makes files and needs no pipeline.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.aws import life, playback
from pipeline.cli.operate import command, place
from pipeline.cli.progress import bar
from pipeline.cli.world import World
from pipeline.media import admission, signing


class NotConfirmed(Exception):
    """Nothing was deleted, because nobody said yes."""


class PlaybackIsPublic(Exception):
    """There is nothing to sign: whoever knows a film's address may watch it."""


class KeyNotMade(Exception):
    """The key pair was not written; the message says why."""


def _versions(world: World, options: argparse.Namespace) -> dict[str, Any]:
    return {"asset_id": options.name, "versions": life.versions(options.name, place(world))}


def _tell_versions(result: dict[str, Any]) -> list[str]:
    return [
        f"{each['version']}-r{each['revision']}  {each['status']:<11} {each['registered_at'] or '':<24} "
        f"{_plays(each)}".rstrip()
        for each in result["versions"]
    ]


def _plays(version: dict[str, Any]) -> str:
    """An update that is not published, or never was, leaves the revision before it playing."""
    published = version["published_revision"]
    behind = published is not None and published < version["revision"]
    return " ".join([*(["plays"] if version["plays"] else []), *([f"as r{published}"] if behind else [])])


def _rollback(world: World, options: argparse.Namespace) -> dict[str, Any]:
    return life.rollback(options.name, options.version, place(world))


def _tell_rolled_back(result: dict[str, Any]) -> list[str]:
    return [
        f"{result['asset_id']} plays {result['plays']} again, instead of {result['instead_of']}",
        "viewers in the middle of the film keep what they see; a newer upload follows as usual",
    ]


def _update(world: World, options: argparse.Namespace) -> dict[str, Any]:
    return life.update(options.name, place(world))


def _tell_updated(result: dict[str, Any]) -> list[str]:
    what = [f"{name} is {how}" for how in ("added", "changed", "removed") for name in result[how]]
    how = "will start when intake is resumed" if result["waits"] else "started"
    first = f"{result['execution']} {how}: it publishes what lies beside the film now, and encodes nothing"
    return [first, *(what or ["nothing beside the film has changed"])]


def _delete(world: World, options: argparse.Namespace) -> dict[str, Any]:
    _confirm(options)
    beyond = life.Beyond(world.outputs["TopicArn"], world.outputs["DistributionId"])
    if options.report:
        options.report.open("a", encoding="utf-8").close()  # a report that cannot be written stops it before, not after
    with bar("objects removed", quiet=options.json) as advance:
        report = life.delete(options.name, place(world), beyond, options.purge_sources, advance)
    if options.report:
        options.report.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return report


def _confirm(options: argparse.Namespace) -> None:
    if options.yes:
        return
    what = f"{options.name} and its outputs"
    what += ", EVERY VERSION of its source and its receipt" if options.purge_sources else ""
    if not sys.stdin.isatty():
        raise NotConfirmed(f"this would delete {what}: say --yes")
    print(f"This deletes {what}. Nobody can bring it back.", file=sys.stderr)
    print(f"Type {options.name} to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != options.name:
        raise NotConfirmed("nothing was deleted")


def _tell_deleted(report: dict[str, Any]) -> list[str]:
    lines = [f"{report['asset_id']} is removed: {len(report['outputs'])} objects of {report['outputs_bucket']}"]
    if report["receipts"] or report["sources"]:
        lines.append(
            f"{len(report['sources'])} source versions and {len(report['receipts'])} receipts "
            f"of {report['sources_bucket']}"
        )
    lines += [f"stopped {name}" for name in report["cancelled"]]
    return [*lines, "--json or --report FILE names every object"]


def _sign(world: World, options: argparse.Namespace) -> dict[str, Any]:
    if "SigningSecret" not in world.outputs:
        raise PlaybackIsPublic("playback of this stack is public: there is nothing to sign")
    outputs, seconds = world.outputs, options.minutes * 60
    signer = playback.signer(outputs["SigningSecret"], outputs["TrustedKeys"], outputs["DeliveryUrl"])
    expires_at = int(time.time()) + seconds
    found: dict[str, Any] = {
        "asset_id": options.name,
        "expires_at": expires_at,
        "cookies": signer.cookies_until(options.name, expires_at),
        "manifests": [f"{outputs['DeliveryUrl']}/a/{options.name}/{name}" for name in ("index.m3u8", "index.mpd")],
    }
    if signer.login_secret:
        token = admission.token(signer.login_secret, [options.name], expires_at)
        found["page"] = f"{outputs['DeliveryUrl']}/?asset={options.name}#token={token}"
    return found


def _tell_signed(result: dict[str, Any]) -> list[str]:
    until = datetime.datetime.fromtimestamp(result["expires_at"], datetime.UTC).isoformat().replace("+00:00", "Z")
    header = "; ".join(f"{name}={value}" for name, value in result["cookies"].items())
    page = [f"the page, for one viewer until {until}:", result["page"]] if "page" in result else []
    return [*page, f"for programs, until {until}:", f"curl -H 'Cookie: {header}' {result['manifests'][0]}"]


versions = command(_versions, _tell_versions)
rollback = command(_rollback, _tell_rolled_back)
update = command(_update, _tell_updated)
delete = command(_delete, _tell_deleted)
sign = command(_sign, _tell_signed)


def keys(options: argparse.Namespace, console: Console) -> int:
    """`vod keys new NAME`: a key pair for private playback, as two files.

    The public one is named in signing_public_keys and deployed; the other is what the secret holds, and is deleted
    once it is there.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    public, secret = (options.folder / f"{options.name}.{end}" for end in ("pub.pem", "secret.json"))
    if taken := [str(path) for path in (public, secret) if path.exists()]:
        raise KeyNotMade(f"{', '.join(taken)}: there is a key of that name; nothing was written over it")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    signing.RsaKey.from_pem(private)
    options.folder.mkdir(parents=True, exist_ok=True)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, form))
    login_secret = _login_secret(options.login_of) if options.login_of else secrets.token_urlsafe(48)
    _write_secret(secret, {"private_key": private, "login_secret": login_secret})
    lines = [
        f"{public}: name it in signing_public_keys and deploy, before the old key goes",
        f"{secret}: what the secret holds; delete the file once it is there:",
        f"  aws secretsmanager create-secret --name NAME --secret-string file://{secret}",
        f"  aws secretsmanager put-secret-value --secret-id NAME --secret-string file://{secret}   (a new key)",
    ]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    return 0


def _login_secret(file: Path) -> str:
    """The login's secret of the key before, so that a new key does not sign every viewer out."""
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["login_secret"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyNotMade(f"{file}: no login_secret can be read there ({type(error).__name__})") from None


def _write_secret(path: Path, value: dict[str, str]) -> None:
    """Readable by its owner alone, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file)
