"""Every command that the documentation shows is run, as its reader would, on a stack with films in every state.

Placeholders are filled in, usage notation is read as one use of it; the rest is typed as it stands. What is not run is
parsed, with the reason, by tests/docs/test_documented_commands.py. On the way each `--json` is held against what
docs/commands.md says of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.films import Film
from pipeline.cli.follow import Follower
from pipeline.cli.main import main
from pipeline.cli.shapes import SHAPES
from pipeline.cli.world import announced
from pipeline.local.faults import plan_of
from pipeline.local.stack import set_faults
from tests.docs.commands import Command, documented, is_run
from tests.docs.test_documented_commands import filled
from tests.e2e import films
from tests.e2e.conftest import Pipeline

#: What a mention of a command needs, to be a use of it; and what a use must say for nobody to be asked.
ARGUMENTS = {
    "check": "FILE",
    "run": "FILE",
    "ingest": "PREFIX",
    "delete": "DOOMED --yes",
    "release": "--all",
    **dict.fromkeys(("show", "explain", "logs", "versions", "update", "rollback", "sign"), "ASSET"),
    **dict.fromkeys(("retry", "cancel"), "EXECUTION"),
    "approve": "ASSET",
    "keys": "new films",
    "completion": "bash",
}
#: Exit statuses that are an answer here, where 0 is not the only one.
STATUSES = {
    "sign": {1},  # this stack's films are public; tests/private signs
}
#: Commands that change nothing: they are asked twice, for a person and for a program.
ASK = ("list", "show", "explain", "logs", "cost", "versions", "budget", "check")
STACKS = ("Vod-prod", "Vod-test", "STACK")


@dataclasses.dataclass
class Here:
    """A stack with films in every state, and a shell in a folder of its own."""

    pipeline: Pipeline
    folder: Path
    playing: str
    failing: str
    doomed: str
    held: list[str]

    def record(self, asset_id: str) -> dict[str, Any]:
        """The asset's newest version, as the table has it."""
        told = self.vod("explain", asset_id, "--json")
        return json.loads(told)

    def vod(self, *words: str, statuses: set[int] = frozenset({0})) -> str:
        """Standard output of a command, run in this process: its imports are most of what a new one would do."""
        said = io_of(lambda: main(list(words)))
        assert said[0] in statuses, f"vod {shlex.join(words)}: {said}"
        return said[1]

    def until(self, asset_id: str, *statuses: str) -> None:
        deadline = time.monotonic() + 90
        while (status := self.record(asset_id)["status"]) not in statuses:
            assert time.monotonic() < deadline, f"{asset_id} is still {status}"
            time.sleep(0.3)

    def versions(self, asset_id: str) -> list[dict[str, Any]]:
        """Every version of an asset, when no update of any is under way."""
        deadline = time.monotonic() + 90
        while True:
            found = json.loads(self.vod("versions", asset_id, "--json"))["versions"]
            if {each["status"] for each in found} == {"published"}:
                return found
            assert time.monotonic() < deadline, f"{asset_id} is still {found}"
            time.sleep(0.3)


def io_of(work: Callable[[], int]) -> tuple[int, str, str]:
    import io

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = work()
        except SystemExit as ended:  # argparse's own
            status = int(ended.code or 0)
    return status, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def here(pipeline: Pipeline, film_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    folder = tmp_path_factory.mktemp("shell")
    for name in ("My Film.mov", "other.mkv", "film.mov", "FILE"):
        films.make(folder, name, *films.picture("320x180", 1), *films.H264, *(["-f", "mov"] if name == "FILE" else []))
    faults = [{"kind": "mediaconvert.error", "match": {"key": "uploads/docs/failing*"}, "count": None, "code": 1060}]
    set_faults(plan_of({"faults": faults}, "here"))
    plain, bad = films.plain(film_folder, 1), films.written(film_folder, "bad.mp4", b"no film")
    keys = {name: f"uploads/docs/{name}.mp4" for name in ("playing", "failing", "doomed")}
    first = [Film(plain, keys["playing"]), Film(plain, keys["failing"]), Film(plain, keys["doomed"])]
    results = pipeline.send_all([*first, Film(bad, "uploads/docs/rejected.mp4")])
    results.append(pipeline.send(films.plain(film_folder, 2), keys["playing"]))
    held = []
    for number in range(sum(command.words.startswith("vod approve") for command in OURS)):
        wish = films.written(film_folder, f"held {number}.json", b'{"publish": "hold"}')
        film = Film(plain, f"uploads/docs/held {number}.mp4", ((wish, f"uploads/docs/held {number}.json"),))
        held.append(Follower(pipeline.world, film))
        held[-1].upload()
    assert [result.status for result in results] == ["published", "failed", "published", "rejected", "published"]
    environment = {
        "VOD_HOME": str(folder / "home"),
        "AWS_ENDPOINT_URL": pipeline.world.endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    (folder / "home").mkdir()
    before, was = dict(os.environ), Path.cwd()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        with announced(folder / "home", pipeline.world):
            yield Here(pipeline, folder, *(result.asset_id for result in results[:3]), [one.asset_id for one in held])
    finally:
        os.chdir(was)
        os.environ.clear()
        os.environ.update(before)
        set_faults(None)


def use_of(command: Command, here: Here) -> list[str]:
    """The words of one use: placeholders filled in, for each command with a film that it is for."""
    text = filled(command.words)
    name = text.split()[1]
    if len(text.split()) == 2:
        text = f"{text} {ARGUMENTS.get(name, '')}"
    if name in ("retry", "cancel"):
        here.until(here.failing, "failed", "cancelled")
        text = re.sub(r"\b(ASSET|EXECUTION)\b", here.record(here.failing)["execution"], text)
    if name == "approve":
        film = here.held.pop()
        here.until(film, "held")
        text = re.sub(r"\b(ASSET|EXECUTION)\b", film, text)
    if name == "update":
        here.versions(here.playing)
    if name == "rollback":
        (other,) = [each["version"] for each in here.versions(here.playing) if not each["plays"]]
        text = f"{text} {other}"
    text = re.sub(r"\b(DOOMED|(?<=delete )ASSET)\b", here.doomed, text)
    places = {"EXECUTION": here.failing, "ASSET": here.playing, "PREFIX": "uploads/docs/", "FILM": "film.mov"}
    text = re.sub(rf"\b({'|'.join(places)})\b", lambda found: places[found[0]], text)
    if name == "delete" and "--yes" not in text:
        text += " --yes"
    return ["Vod" if word in STACKS else word for word in shlex.split(text)[1:]]


OURS = [command for command in documented() if is_run(command) and command.program == "vod"]
THEIRS = [command for command in documented() if is_run(command) and command.program == "aws"]


def ids(command: Command) -> str:
    return f"{command.page}: {command.text}"[:90]


@pytest.mark.parametrize("command", OURS, ids=ids)
def test_a_documented_command_does_what_it_is_for(here: Here, command: Command):
    words = use_of(command, here)
    mention = len(filled(command.words).split()) == 2
    statuses = STATUSES.get(words[0], {0})
    if words[0] == "release" and "--all" not in words:
        statuses = {1}  # no budget is set, so that no film waits for it; tests/e2e/test_holds.py releases one
    answers = words[0] in SHAPES and words[0] not in STATUSES
    if not (mention and answers):
        said = here.vod(*words, statuses=statuses)
        assert said.strip() or 0 not in statuses, "it says what it did"
    if answers and (mention or words[0] in ASK):
        for line in here.vod(*words, "--json", statuses=statuses).splitlines():
            keys = set(json.loads(line))
            assert any(fits(keys, shape) for shape in SHAPES[words[0]]), f"vod {words[0]} --json prints {sorted(keys)}"


def fits(keys: set[str], shape: dict[str, str]) -> bool:
    may = {key.rstrip("?") for key in shape}
    return {key for key in shape if not key.endswith("?")} <= keys <= may


@pytest.mark.parametrize("command", THEIRS, ids=ids)
def test_a_documented_call_of_aws_is_answered(here: Here, command: Command):
    outputs = here.pipeline.world.outputs
    names = {
        "SOURCES_BUCKET": outputs["SourcesBucket"],
        "STATE_MACHINE_ARN": outputs["StateMachineArn"],
        "ARN": outputs["StateMachineArn"],
    }
    text = re.sub("|".join(rf"\b{name}\b" for name in names), lambda found: names[found[0]], command.words)
    done = subprocess.run(shlex.split(text), cwd=here.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_readers_mistake_is_one_sentence_here_as_well(here: Here):
    status, out, err = io_of(lambda: main(["show", "nobody"]))
    assert (status, out) == (2, "") and err == "vod: nobody: there is neither an asset nor an execution of that name\n"
