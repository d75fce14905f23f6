"""Whatever a user does, the answer is a sentence and a status: never a traceback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from botocore.exceptions import ClientError
from hypothesis import strategies

from pipeline.cli import operate, world
from pipeline.cli.main import main, parser
from tests.cli.test_operate import HERE
from tests.e2e import films

VOD = [sys.executable, "-m", "pipeline.cli"]
#: Everything that looks for a pipeline, with arguments that the parser takes.
ASKING = [
    ["list"],
    ["show", "a"],
    ["explain", "a"],
    ["logs", "a"],
    ["cost", "a"],
    ["cancel", "a"],
    ["retry", "a"],
    ["retry", "--since", "1h"],
    ["sweep"],
    ["replay"],
    ["replay", "--since", "1h", "--no-letters"],
    ["ingest", "uploads/"],
    ["approve", "a"],
    ["release", "--all"],
    ["budget"],
    ["pause"],
    ["resume"],
    ["versions", "a"],
    ["rollback", "a"],
    ["update", "a"],
    ["delete", "a", "--yes"],
    ["sign", "a"],
    ["console", "--port", "0"],
]


def environment(home: Path, **more: str) -> dict[str, str]:
    """A shell that knows no account and no pipeline."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VOD_"))}
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**kept, **nothing, "AWS_EC2_METADATA_DISABLED": "true", "VOD_HOME": str(home), **more}


def ran(words: list[str], home: Path, **more: str) -> tuple[int, str]:
    done = subprocess.run([*VOD, *words], env=environment(home, **more), capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    assert done.stdout == "", "a mistake is no answer"
    return done.returncode, done.stderr


def sentence(said: str) -> str:
    assert said.startswith("vod: ") and said.endswith("\n") and said.count("\n") == 1, said
    return said


def test_every_command_that_looks_for_a_pipeline_is_in_the_list():
    commands = next(action.choices for action in parser()._actions if action.choices)
    looking = {name for name, command in commands.items() if "--stack" in command._option_string_actions}
    assert looking == {words[0] for words in ASKING}


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_without_a_pipeline_each_says_how_to_come_by_one(words, tmp_path, monkeypatch, capsys):
    for name in ("AWS_ENDPOINT_URL", "VOD_STACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VOD_HOME", str(tmp_path / "none"))
    assert main(words) == 1
    assert "no pipeline runs in this home" in sentence(capsys.readouterr().err)


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
@pytest.mark.parametrize("code", ["ExpiredTokenException", "AccessDeniedException", "ThrottlingException"])
def test_what_aws_refuses_is_told_in_its_words(words, code, monkeypatch, capsys):
    def refuses(home: Path, stack: str | None) -> world.World:
        raise ClientError({"Error": {"Code": code, "Message": "said AWS"}}, "DescribeStacks")

    monkeypatch.setattr(operate, "attached", refuses)
    monkeypatch.setattr("pipeline.cli.console.attached", refuses)
    assert main(words) == 1
    assert "said AWS" in sentence(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "region"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "credentials"),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
        ({"AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": __file__}, "config"),
        (
            {
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
                "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
                "AWS_MAX_ATTEMPTS": "1",
            },
            "127.0.0.1:9",
        ),
    ],
    ids=["no region", "no credentials", "no such profile", "no config", "nobody listens"],
)
def test_an_account_that_cannot_be_reached_is_one_sentence(more, says, tmp_path):
    status, said = ran(["list", "--stack", "Vod"], tmp_path, **more)
    assert status == 1 and says in sentence(said)


@hypothesis.given(name=strategies.text(min_size=1, max_size=40))
@hypothesis.settings(max_examples=25, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_any_name_is_answered(name, monkeypatch, capsys):
    """Against a pipeline that has nothing: the table is asked, and has no such thing."""

    class Empty:
        def get_paginator(self, operation):
            return self

        def paginate(self, **parameters):
            return [{"Items": []}]

        def get_item(self, **parameters):
            return {}

    monkeypatch.setattr(operate, "attached", lambda home, stack: HERE)
    monkeypatch.setattr("pipeline.aws.table.client", lambda service: Empty())
    for command in ("show", "explain", "cancel", "retry", "versions"):
        try:
            status = main([command, "--", name])
        except SystemExit as ended:  # argparse's own
            status = ended.code
        said = capsys.readouterr()
        assert status == 2 and said.out == "" and said.err.endswith("\n") and said.err[:-1].isprintable()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["run", "/nowhere/film.mp4"], 2),
        (["check", "/"], 2),
        (["keys", "new", "a", "--folder", "/proc/nothing"], 1),
        (["keys", "new", "a", "--login-of", "/nowhere"], 2),
        (["mediaconvert", "--events", "/nowhere/events"], 1),
        (["mediaconvert", "--queue", "=1"], 2),
        (["up", "--port", "99999999"], 2),
        (["list", "--since", "99999999d"], 2),
        (["list", "--limit", "-5"], 2),
        (["sign", "a", "--minutes", "0"], 2),
        (["sweep", "--grace", "-1"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_wrong_path_or_number_is_one_sentence(words, status, tmp_path):
    done = subprocess.run(
        [*VOD, *words],
        env=environment(tmp_path, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith(("vod: ", "usage: "))


@pytest.mark.parametrize("home", ["/proc/vod", __file__])
@pytest.mark.parametrize("words", [["up"], ["demo", "--once"], ["mediaconvert"]], ids=" ".join)
def test_a_home_that_cannot_be_written_is_one_sentence(words, home):
    done = subprocess.run(
        [*VOD, *words],
        env=environment(Path(home), AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert home in done.stderr.splitlines()[-1]


# Who goes away -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["completion", "bash"], ["check", "FILM"], ["check", "FILM", "--json"]], ids=" ".join
)
def test_a_reader_that_has_gone_is_no_failure(words, tmp_path):
    film = str(films.plain(tmp_path, 1))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*VOD, *[film if word == "FILM" else word for word in words]],
            env=environment(tmp_path),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.fixture
def silent() -> Iterator[tuple[str, threading.Event]]:
    """An endpoint that takes every call and never answers: its URL, and what is set with the first call."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        asked = threading.Event()
        kept: list[socket.socket] = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(server.accept()[0])
                    asked.set()

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        for each in kept:
            each.close()


@pytest.mark.parametrize(
    ("words", "how", "status", "says"),
    [
        (["list"], signal.SIGINT, 130, "interrupted\n"),
        (["replay", "--since", "1h"], signal.SIGINT, 130, "interrupted\n"),
        (["retry", "--since", "1h", "--yes"], signal.SIGINT, 130, "interrupted\n"),
        (["delete", "a", "--yes"], signal.SIGINT, 130, "interrupted\n"),
        (["ingest", "uploads/"], signal.SIGTERM, 143, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value).strip(),
)
def test_who_waits_for_aws_may_leave(words, how, status, says, silent, tmp_path):
    url, asked = silent
    more = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    process = subprocess.Popen(
        [*VOD, *words],
        env=environment(tmp_path, **more, AWS_DEFAULT_REGION="us-east-1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert asked.wait(60)
    process.send_signal(how)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (status, "", says)
