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


MANIFESTS = {
    "index.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=1280x720\nstream_720p.m3u8\n",
    "index.mpd": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT10S"><Period /></MPD>',
}


def publish(table, film) -> None:
    asset_json = playback.published(film, "My Film", VERIFIED, (), "now")
    pointers.publish(table, OUTPUTS, film, "My Film", MANIFESTS, asset_json)


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


def test_a_cancelled_run_is_never_published(table):
    table.register(OLD)
    assert table.cancel(OLD)
    with pytest.raises(SourceSuperseded, match="cancelled"):
        publish(table, OLD)
    assert table.asset(OLD.asset_id) is None and table.version(OLD)["status"] == "cancelled"


def test_a_published_run_can_no_longer_be_cancelled(table):
    table.register(OLD)
    publish(table, OLD)
    assert not table.cancel(OLD) and table.version(OLD)["status"] == "published"


@pytest.mark.parametrize("times", [1, 3, 4])
def test_two_who_speak_at_once_read_again_and_decide_again(aws, monkeypatch, times):
    replace, interruptions = objects.replace, iter(range(times))

    def overtaken(*arguments):
        if next(interruptions, None) is not None:
            objects.write(OUTPUTS, f"a/{OLD.asset_id}/asset.json", json.dumps({"status": "failed"}), "application/json")
            raise PointerContended("POINTER_CONTENDED", "m")
        replace(*arguments)

    monkeypatch.setattr(objects, "replace", overtaken)
    if times < 4:
        assert pointers.show(OUTPUTS, OLD, "t", "failed")
        return
    with pytest.raises(PointerContended):
        pointers.show(OUTPUTS, OLD, "t", "failed")


# Repair --------------------------------------------------------------------------------------------------------------


def test_pointers_that_are_right_are_left_alone(table):
    publish(table, OLD)
    assert pointers.repair(table, OUTPUTS, OLD.asset_id) == []


@pytest.mark.parametrize("died_after", range(3))
def test_a_publication_that_died_half_way_is_finished_from_the_record(table, monkeypatch, died_after):
    publish(table, OLD)
    steps, replace = iter(range(10)), objects.replace

    def dying(*arguments):
        if next(steps) == died_after:
            raise Interrupted
        replace(*arguments)

    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr(objects, "replace", dying)
        publish(table, NEW)
    assert pointers.repair(table, OUTPUTS, OLD.asset_id) == ["index.m3u8", "index.mpd", "asset.json"][died_after:]
    assert_plays(NEW)
    assert pointers.repair(table, OUTPUTS, OLD.asset_id) == []


def test_a_repair_does_not_write_over_a_newer_publication(table, monkeypatch):
    publish(table, OLD)
    objects.write(OUTPUTS, f"a/{OLD.asset_id}/index.mpd", "broken", "application/dash+xml")
    asset = table.asset

    def overtaken(asset_id):
        found = asset(asset_id)
        monkeypatch.setattr(table, "asset", asset)
        publish(table, NEW)
        return found

    monkeypatch.setattr(table, "asset", overtaken)
    assert pointers.repair(table, OUTPUTS, OLD.asset_id) == []
    assert_plays(NEW)


def test_what_was_removed_is_not_brought_back_by_a_repair(table):
    table.register(OLD)
    publish(table, OLD)
    table.remove(OLD.asset_id, OLD.order)
    assert set(pointers.repair(table, OUTPUTS, OLD.asset_id)) == {"asset.json", "index.m3u8", "index.mpd"}
    assert pointers.repair(table, OUTPUTS, OLD.asset_id) == []
    assert json.loads(objects.read(OUTPUTS, f"a/{OLD.asset_id}/asset.json"))["status"] == "removed"


# What viewers read while nothing plays -------------------------------------------------------------------------------


def test_processing_is_shown_and_then_published(table):
    assert pointers.show(OUTPUTS, OLD, "My Film", "processing")
    assert json.loads(objects.read(OUTPUTS, f"a/{OLD.asset_id}/asset.json"))["status"] == "processing"
    publish(table, OLD)
    assert_plays(OLD)


@pytest.mark.parametrize("status", ["processing", "rejected", "failed"])
def test_what_plays_keeps_playing_while_a_newer_upload_is_prepared_or_refused(table, status):
    publish(table, OLD)
    assert not pointers.show(OUTPUTS, NEW, "My Film", status)
    assert_plays(OLD)


def test_a_refused_upload_is_shown_where_nothing_plays(aws):
    assert pointers.show(OUTPUTS, OLD, "t", "processing") and pointers.show(OUTPUTS, OLD, "t", "rejected")
    assert not pointers.show(OUTPUTS, OLD, "t", "processing"), "a late repeat of ingest"
    assert pointers.show(OUTPUTS, NEW, "t", "processing")
