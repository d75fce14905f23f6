"""Synthesise the CDK app for the local stack, and remember the result.

In: the repository as it is. Out: an `Assembly`: the template that AWS would get, byte for byte, and the assets it
names. CDK takes seconds, so the assembly is kept under `<home>/cache/synth`, named by the hash of what it was made of:

    structure    what app.py imports or reads: a change means running CDK again
    carried      the code for Lambda and the player page: CDK only ships them, under a name made of their fingerprint
                 (pipeline/bundle.py), so that a change means new names in the same template, and no CDK

What can go wrong: the player page is not built (`PlayerNotBuilt`), or app.py fails (`SynthFailed`, with what it said).
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import bundle
from pipeline.bundle import ROOT

TEMPLATE = ".template.json"
MANIFEST = ".assets.json"
CARRIED = "carried.json"

#: What app.py imports or reads; tests/stacks holds this list against the modules it really loads.
STRUCTURE = (
    "app.py",
    "cdk.json",
    "prices.toml",
    "profiles.toml",
    "statemachine",
    "player/csp.txt",
    "pipeline/__init__.py",
    "pipeline/bundle.py",
    "pipeline/settings.py",
    "pipeline/media",
    "pipeline/stacks",
)
PACKAGES = ("aws-cdk-lib", "constructs", "jsii")
KEPT = 8
TIMEOUT_SECONDS = 300
_LAST_LINES = 15


class SynthFailed(Exception):
    """app.py did not write a template; the message ends with what it said last."""


class Asset(NamedTuple):
    """A folder (packaging "zip") or file that the template expects in a bucket under a key."""

    object_key: str
    bucket_name_template: str
    path: Path
    packaging: str


@dataclasses.dataclass(frozen=True)
class Assembly:
    stack_name: str
    template_path: Path
    template: Mapping[str, Any]
    assets: tuple[Asset, ...]


def synthesise(home: Path, context: Mapping[str, str] | None = None) -> Assembly:
    """The assembly of the repository as it is now, from the cache where it is there.

    context: options (docs/configuration.md), as -c gives them on the command line.
    """
    context = dict(context or {})
    cache = home / "cache" / "synth"
    carried = _carried()
    structure = structure_hash(context)
    entry = cache / f"{structure}-{_digest(json.dumps(carried, sort_keys=True))}"
    if not entry.is_dir():
        with _lock(cache):
            if not entry.is_dir():
                _make(entry, structure, carried, context)
            _prune(cache, keep=entry)
    os.utime(entry)
    return read(entry)


def read(folder: Path) -> Assembly:
    """An assembly out of CDK's output folder."""
    (path,) = folder.glob(f"*{TEMPLATE}")
    (manifest,) = folder.glob(f"*{MANIFEST}")
    template = json.loads(path.read_text(encoding="utf-8"))
    files = json.loads(manifest.read_text(encoding="utf-8"))["files"].values()
    assets = tuple(_asset(folder, file) for file in files if file["source"]["path"] != path.name)
    return Assembly(path.name.removesuffix(TEMPLATE), path, template, assets)


def run_app(outdir: Path, context: Mapping[str, str] | None = None, *, validate: bool = True) -> None:
    """Run app.py as anybody would, without the CDK CLI and whatever the CLI's or AWS's variables say here.

    `validate` lets CDK check the template with its own rules, which takes another second.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CDK_", "AWS_"))}
    env |= {"CDK_OUTDIR": str(outdir), "CDK_VALIDATION": str(validate).lower()}
    command = [sys.executable, str(ROOT / "app.py")]
    for name, value in (context or {}).items():
        command += ["-c", f"{name}={value}"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
        raise SynthFailed(f"app.py ended with status {done.returncode}:\n{said}")


def structure_hash(context: Mapping[str, str] | None = None) -> str:
    """Hash of all that decides what the template looks like, but for the names of what it carries."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    files = bundle.files_of(STRUCTURE) | _files_named_in(context or {})
    return _digest(json.dumps([bundle.fingerprint(files), versions, context or {}], sort_keys=True))


def _files_named_in(context: Mapping[str, str]) -> dict[str, Path]:
    """Some options are files' paths (public keys): what stands in them is in the template."""
    paths = [ROOT / part for value in context.values() for part in value.split(",") if part]
    return {str(path): path for path in paths if path.is_file()}


def _carried() -> dict[str, str]:
    return {"code": bundle.fingerprint(bundle.code_files()), "page": bundle.fingerprint(bundle.page_files())}


def _make(entry: Path, structure: str, carried: dict[str, str], context: Mapping[str, str]) -> None:
    """Fill the entry beside its place and move it there whole: nobody ever sees half of one."""
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix="new-") as scratch:
        new = Path(scratch) / "entry"
        base = next((path for path in entry.parent.glob(f"{structure}-*") if path.is_dir()), None)
        if base:
            _derive(base, new, carried)
        else:
            run_app(new, context, validate=False)
        (new / CARRIED).write_text(json.dumps(carried), encoding="utf-8")
        new.rename(entry)


def _derive(base: Path, new: Path, carried: dict[str, str]) -> None:
    """The same template with other assets: their keys are all that CDK would write differently."""
    before = json.loads((base / CARRIED).read_text(encoding="utf-8"))
    new.mkdir()
    for path in (*base.glob(f"*{TEMPLATE}"), *base.glob(f"*{MANIFEST}")):
        text = path.read_text(encoding="utf-8")
        for part, value in carried.items():
            text = text.replace(asset_hash(before[part]), asset_hash(value))
        (new / path.name).write_text(text, encoding="utf-8")
    for part, files in (("code", bundle.code_files()), ("page", bundle.page_files())):
        bundle.stage(files, new / f"asset.{asset_hash(carried[part])}")


def asset_hash(fingerprint: str) -> str:
    """What CDK makes of a custom asset hash (AssetStaging.calculateHash in aws-cdk-lib)."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()


def _asset(folder: Path, file: Mapping[str, Any]) -> Asset:
    (destination,) = file["destinations"].values()
    source = file["source"]
    return Asset(destination["objectKey"], destination["bucketName"], folder / source["path"], source["packaging"])


def _prune(cache: Path, keep: Path) -> None:
    """Keep the newest few. What a killed process left half made goes as well: the lock says nobody is at it."""
    for path in cache.glob("new-*"):
        shutil.rmtree(path, ignore_errors=True)
    entries = sorted((path for path in cache.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in entries[:-KEPT]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


def _remove_older(out: Path) -> None:
    """Another environment's files, which lie beside those that were just written."""
    for kind in (TEMPLATE, MANIFEST):
        *older, _ = sorted(out.glob(f"*{kind}"), key=lambda path: path.stat().st_mtime_ns)
        for path in older:
            path.unlink()


def _remove_older_assets(out: Path, assembly: Assembly) -> None:
    """CDK adds to its output folder and never removes."""
    current = {asset.path.name for asset in assembly.assets}
    for path in out.glob("asset.*"):
        if path.name not in current:
            shutil.rmtree(path)


@contextmanager
def _lock(cache: Path) -> Iterator[None]:
    """One synth at a time: a second process waits for the first one's result instead of making its own."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the CloudFormation template and its assets, offline.")
    parser.add_argument("--out", type=Path, default=Path("cdk.out"), help="the folder to write (default: cdk.out)")
    parser.add_argument(
        "-c", "--context", metavar="OPTION=VALUE", action="append", default=[], help="docs/configuration.md lists them"
    )
    options = parser.parse_args()
    out = options.out.absolute()
    bundle.page_files()  # says what is missing in one line, before CDK says it in forty
    run_app(out, dict(pair.split("=", 1) for pair in options.context))
    _remove_older(out)
    assembly = read(out)
    _remove_older_assets(out, assembly)
    print(f"{assembly.template_path}: {len(assembly.template['Resources'])} resources")
    for asset in assembly.assets:
        print(f"{asset.path}: {asset.object_key}")


if __name__ == "__main__":
    try:
        main()
    except (bundle.PlayerNotBuilt, bundle.StrayPlayerFile, SynthFailed) as error:
        sys.exit(f"{type(error).__name__}: {error}")
