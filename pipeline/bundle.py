"""What travels to Lambda and to the player page: which files of the repository, and their fingerprint.

One zip serves all functions (`lambdas/` and the two floors below it), another carries the built player page. CDK
ships both as assets under the fingerprints made here, which depend on nothing but names and contents, so that two
machines and two runs agree; and whoever deploys can tell without CDK whether an asset has changed.

What can go wrong: the player page has not been built (`PlayerNotBuilt`), or its build holds a file that the
distribution would not serve (`StrayPlayerFile`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CODE = (
    "lambdas",
    "prices.toml",
    "profiles.toml",
    "pipeline/__init__.py",
    "pipeline/settings.py",
    "pipeline/media",
    "pipeline/aws",
)
"""What handlers may import or read. Nothing of pipeline/local or pipeline/stacks is in AWS."""

PLAYER_DIST_VARIABLE = "VOD_PLAYER_DIST"


class PlayerNotBuilt(Exception):
    """There is no built player page; the message says where it was looked for and how to build it."""


class StrayPlayerFile(Exception):
    """A file of the built page lies where no behaviour of the distribution serves it."""


def code_files(root: Path = ROOT) -> dict[str, Path]:
    """The Lambda bundle: path inside the zip -> file."""
    return files_of(CODE, root)


def page_folder() -> Path:
    """Where the built page is: player/dist, or the folder that VOD_PLAYER_DIST names."""
    return Path(os.environ.get(PLAYER_DIST_VARIABLE) or ROOT / "player" / "dist")


def page_files(folder: Path | None = None) -> dict[str, Path]:
    """The built page: key in the outputs bucket -> file. The folder is laid out as the bucket is."""
    folder = folder or page_folder()
    if not (folder / "index.html").is_file():
        raise PlayerNotBuilt(f"no index.html in {folder}: run `make player` first")
    files = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    for key in files:
        if key != "index.html" and not key.startswith("player/"):
            raise StrayPlayerFile(f"{folder / key}: only index.html and player/... are served; move it under player/")
    return files


def files_of(parts: Sequence[str], root: Path = ROOT) -> dict[str, Path]:
    """The files of some parts of the repository, by their path in it."""
    return {path.relative_to(root).as_posix(): path for part in parts for path in _files(root / part)}


def fingerprint(files: Mapping[str, Path]) -> str:
    """Hash of names and contents, in a fixed order; modes and times do not count."""
    digest = hashlib.sha256()
    for name in sorted(files):
        content = files[name].read_bytes()
        digest.update(f"{len(name.encode())}:{name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def stage(files: Mapping[str, Path], folder: Path) -> None:
    """Copy the files into the folder under their new names."""
    for name, path in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and not _is_litter(file.relative_to(path)))


def _is_litter(path: Path) -> bool:
    """Byte code differs from machine to machine, and dot files are an editor's or the system's."""
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts) or path.suffix == ".pyc"
