"""Publishing: monotonic, never half, whatever two runs do at the same time."""

from __future__ import annotations

import itertools
import json

import pytest

from pipeline.aws import objects, pointers
from pipeline.media import playback
from pipeline.media.errors import PointerContended, SourceSuperseded
from tests.media.films import OUTPUTS, upload
from tests.media.test_playback import VERIFIED

OLD = upload(sequencer="01", **{"version-id": "old"})
NEW = upload(sequencer="02", **{"version-id": "new"})


def publish(table, film) -> None:
    asset_json = playback.published(film, "My Film", VERIFIED, (), (1280, 720), "now")
    manifests = {"index.m3u8": f"#EXTM3U {film.run}", "index.mpd": f"<MPD>{film.run}</MPD>"}
    pointers.publish(table, OUTPUTS, film, "My Film", manifests, asset_json)


def shown() -> dict[str, str]:
    return {
        name: objects.read(OUTPUTS, f"a/{OLD.asset_id}/{name}").decode()
        for name in ("index.m3u8", "index.mpd", "asset.json")
    }


def assert_plays(film) -> None:
    everything = shown()
    assert film.run in everything["index.m3u8"] and film.run in everything["index.mpd"]
    assert json.loads(everything["asset.json"])["version"] == film.version


def test_the_first_film_plays(table):
    publish(table, OLD)
    assert_plays(OLD)


def test_a_newer_upload_takes_its_place(table):
    publish(table, OLD)
    publish(table, NEW)
    assert_plays(NEW)


def test_an_older_upload_that_ends_later_changes_nothing(table):
    publish(table, NEW)
    before = shown()
    with pytest.raises(SourceSuperseded):
        publish(table, OLD)
    assert shown() == before


def test_publishing_twice_is_the_same_success(table):
    publish(table, OLD)
    publish(table, OLD)
    assert_plays(OLD)


class Interrupted(Exception):
    """Another run did its work in the middle of ours."""


@pytest.mark.parametrize(
    ("ours", "other", "step"),
    [(ours, other, step) for (ours, other), step in itertools.product([(OLD, NEW), (NEW, OLD)], range(4))],
)
def test_two_runs_at_once_end_with_the_newer_one_playing(table, monkeypatch, ours, other, step):
    """The other run publishes just before our step: reading is over, then each of the three writes."""
    publish(table, upload(sequencer="00", **{"version-id": "first"}))
    steps, real_replace, real_publish = iter(range(10)), objects.replace, table.publish

    def interrupted(work):
        def run(*arguments):
            if next(steps) == step:
                monkeypatch.undo()
                try_publish(table, other)
            return work(*arguments)

        return run

    monkeypatch.setattr(objects, "replace", interrupted(real_replace))
    monkeypatch.setattr(table, "publish", interrupted(real_publish))
    try_publish(table, ours)
    assert_plays(NEW)


def try_publish(table, film) -> None:
    """As the state machine does: contended is tried again, superseded is the end."""
    for _ in range(5):
        try:
            return publish(table, film)
        except PointerContended:
            continue
        except SourceSuperseded:
            return None
    raise AssertionError("contended five times by one other run")


def test_asset_json_is_the_last_to_change(table, monkeypatch):
    written = []
    monkeypatch.setattr(objects, "replace", lambda bucket, key, *rest: written.append(key.rsplit("/", 1)[1]))
    publish(table, OLD)
    assert written == ["index.m3u8", "index.mpd", "asset.json"]


# What viewers read while nothing plays -------------------------------------------------------------------------------


def test_processing_is_shown_and_then_published(table):
    assert pointers.show(OUTPUTS, OLD, "My Film", "processing")
    assert json.loads(objects.read(OUTPUTS, f"a/{OLD.asset_id}/asset.json"))["status"] == "processing"
    publish(table, OLD)
    assert_plays(OLD)


@pytest.mark.parametrize("status", ["processing", "rejected"])
def test_what_plays_keeps_playing_while_a_newer_upload_is_prepared_or_refused(table, status):
    publish(table, OLD)
    assert not pointers.show(OUTPUTS, NEW, "My Film", status)
    assert_plays(OLD)


def test_a_refused_upload_is_shown_where_nothing_plays(aws):
    assert pointers.show(OUTPUTS, OLD, "t", "processing") and pointers.show(OUTPUTS, OLD, "t", "rejected")
    assert not pointers.show(OUTPUTS, OLD, "t", "processing"), "a late repeat of ingest"
    assert pointers.show(OUTPUTS, NEW, "t", "processing")
