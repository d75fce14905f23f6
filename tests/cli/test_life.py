"""Versions, rollback, delete, sign and keys: what they ask, what they print, what they refuse."""

from __future__ import annotations

import base64
import io
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.aws import life as work
from pipeline.aws import playback
from pipeline.aws.operate import NotNow
from pipeline.cli import operate
from pipeline.cli.world import World
from pipeline.media import admission, signing
from tests.cli.test_operate import OUTPUTS, vod

MORE = {"TopicArn": "topic", "DistributionId": "E1", "DeliveryUrl": "https://films.example"}
REPORT = {
    "asset_id": "film-1",
    "cancelled": ["film-1-0123456789-r1"],
    "outputs_bucket": "outputs",
    "outputs": ["a/film-1/index.m3u8", "a/film-1/v/x"],
    "sources_bucket": "sources",
    "receipts": [{"key": "receipts/f.json", "version_id": "1"}],
    "sources": [{"key": "uploads/f", "version_id": "1"}],
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    outputs = {**OUTPUTS, **MORE}
    monkeypatch.setattr(
        operate, "attached", lambda home, stack: World("", "https://films.example", outputs, shared=True)
    )
    return outputs


def test_versions_are_listed(world: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        {"version": "bb", "revision": 1, "status": "published", "registered_at": "today", "plays": True},
        {"version": "aa", "revision": 2, "status": "expired", "registered_at": None, "plays": False},
    ]
    found[0] |= {"published_revision": 1}
    found[1] |= {"published_revision": 2}
    monkeypatch.setattr(work, "versions", lambda name, place: found)
    status, said = vod(capsys, "versions", "film-1")
    assert status == 0 and [line.split() for line in said.splitlines()] == [
        ["bb-r1", "published", "today", "plays"],
        ["aa-r2", "expired"],
    ]


def test_an_update_that_is_not_published_is_told_apart(
    world: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = {"version": "bb", "revision": 3, "status": "transcoding", "registered_at": "today", "plays": True}
    monkeypatch.setattr(work, "versions", lambda name, place: [{**update, "published_revision": 2}])
    assert vod(capsys, "versions", "film-1")[1].split() == ["bb-r3", "transcoding", "today", "plays", "as", "r2"]


def test_an_update_says_what_it_takes_and_leaves(world: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = {
        "asset_id": "film-1",
        "execution": "film-1-aa-r2",
        "added": ["f.fr.srt"],
        "changed": [],
        "removed": ["f.jpg"],
        "waits": False,
    }
    monkeypatch.setattr(work, "update", lambda name, place: done)
    assert vod(capsys, "update", "film-1") == (
        0,
        "film-1-aa-r2 started: it publishes what lies beside the film now, and encodes nothing\n"
        "f.fr.srt is added\nf.jpg is removed",
    )
    nothing = {**done, "waits": True, "added": [], "removed": []}
    monkeypatch.setattr(work, "update", lambda name, place: nothing)
    status, said = vod(capsys, "update", "film-1")
    assert status == 0 and "when intake is resumed" in said and said.endswith("nothing beside the film has changed")


def test_a_rollback_says_what_plays_now(world: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = {"asset_id": "film-1", "plays": "aa-r1", "instead_of": "bb-r1"}
    asked = []
    monkeypatch.setattr(work, "rollback", lambda name, version, place: asked.append((name, version)) or done)
    status, said = vod(capsys, "rollback", "film-1", "aa")
    assert status == 0 and said.startswith("film-1 plays aa-r1 again, instead of bb-r1")
    vod(capsys, "rollback", "film-1")
    assert asked == [("film-1", "aa"), ("film-1", None)]


def test_what_cannot_be_rolled_back_is_one_sentence(world: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any) -> None:
        raise NotNow("film-1 does not play")

    monkeypatch.setattr(work, "rollback", refuses)
    assert vod(capsys, "rollback", "film-1") == (1, "vod: film-1 does not play")


@pytest.fixture
def deleted(world: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    asked: list[Any] = []
    monkeypatch.setattr(
        work, "delete", lambda name, place, beyond, purge, tell: asked.append((name, beyond, purge)) or REPORT
    )
    return asked


def test_a_deletion_reports_every_object(deleted: list[Any], capsys: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    status, said = vod(capsys, "delete", "film-1", "--yes", "--purge-sources", "--report", str(file))
    assert status == 0 and "film-1 is removed: 2 objects of outputs" in said
    assert "1 source versions and 1 receipts of sources" in said and "stopped film-1-0123456789-r1" in said
    assert json.loads(file.read_text()) == REPORT
    assert deleted == [("film-1", work.Beyond("topic", "E1"), True)]


def test_a_report_that_cannot_be_written_stops_it_before_anything_is_deleted(
    deleted: list[Any], capsys: Any, tmp_path: Path
) -> None:
    file = tmp_path / "nowhere" / "report.json"
    status, said = vod(capsys, "delete", "film-1", "--yes", "--report", str(file))
    assert (status, deleted) == (1, []) and said == f"vod: {file}: No such file or directory"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "goes_on"), [("film-1\n", True), ("yes\n", False), ("", False)])
def test_a_person_is_asked_for_the_name(
    deleted: list[Any], capsys: Any, monkeypatch: pytest.MonkeyPatch, typed: str, goes_on: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    status, _ = vod(capsys, "delete", "film-1")
    assert (status, bool(deleted)) == ((0, True) if goes_on else (2, False))


def test_a_script_must_say_yes(deleted: list[Any], capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("film-1\n"))
    status, said = vod(capsys, "delete", "film-1", "--purge-sources")
    assert (status, deleted) == (2, []) and "EVERY VERSION of its source and its receipt: say --yes" in said


def test_a_key_pair_is_two_files_and_one_of_them_is_the_owners_alone(
    world: dict[str, str], capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vod(capsys, "keys", "new", "2026", "--folder", str(tmp_path))[0] == 0
    public, secret = tmp_path / "2026.pub.pem", tmp_path / "2026.secret.json"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    value = json.loads(secret.read_text())
    key = signing.RsaKey.from_pem(value["private_key"])
    assert key.fingerprint == signing.fingerprint(public.read_text())
    assert len(value["login_secret"]) >= admission.SHORTEST_SECRET
    assert vod(capsys, "keys", "new", "2026", "--folder", str(tmp_path))[0] == 2  # nothing is written over a key
    assert json.loads(secret.read_text()) == value
    follow = ["keys", "new", "2027", "--folder", str(tmp_path), "--login-of", str(secret)]
    assert vod(capsys, *follow)[0] == 0
    assert json.loads((tmp_path / "2027.secret.json").read_text())["login_secret"] == value["login_secret"]
    world |= {"SigningSecret": "films", "TrustedKeys": f"K1={key.fingerprint}"}
    signer = playback.Signer(key, "K1", "https://films.example", value["login_secret"])
    monkeypatch.setattr(playback, "signer", lambda secret, trusted, base: signer)
    _, said = vod(capsys, "sign", "film-1", "--minutes", "5", "--json")
    signed = json.loads(said)
    text = signed["cookies"]["CloudFront-Policy"].translate(str.maketrans("-_~", "+=/"))
    (statement,) = json.loads(base64.b64decode(text))["Statement"]
    assert statement["Resource"] == "https://films.example/a/film-1/*"
    token = signed["page"].removeprefix("https://films.example/?asset=film-1#token=")
    assert admission.admit(value["login_secret"], token, signed["expires_at"] - 1).opens("film-1")


def test_a_public_stack_has_nothing_to_sign(world: Any, capsys: Any) -> None:
    assert vod(capsys, "sign", "film-1") == (1, "vod: playback of this stack is public: there is nothing to sign")
