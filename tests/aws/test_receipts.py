"""Receipts are kept: of several who write at once the older truth never stays, and no film fails for its receipt."""

from __future__ import annotations

import json
import logging
import threading

import pytest

from pipeline.aws import objects, receipts
from pipeline.aws.clients import client
from pipeline.aws.table import AssetTable
from pipeline.media.errors import PointerContended
from pipeline.media.reconcile import START_GRACE
from tests.aws.world import DELIVERY, TABLE, refusal
from tests.media.films import BUCKET, upload
from tests.media.receipt_schema import check_receipt

FILM = upload()
JSON, HTML = "receipts/My Film.mov.json", "receipts/My Film.mov.html"


def refresh(film=FILM) -> bool:
    return receipts.refresh(AssetTable(TABLE), BUCKET, DELIVERY, film)


def told() -> dict:
    return check_receipt(json.loads(objects.read(BUCKET, JSON)))


def versions(key: str) -> int:
    return len(client("s3").list_object_versions(Bucket=BUCKET, Prefix=key).get("Versions", []))


def test_a_receipt_is_there_for_programs_and_for_people(table):
    table.register(FILM)
    assert refresh()
    assert told()["status"] == "received" and b"<h1>" in objects.read(BUCKET, HTML)
    heads = {key: client("s3").head_object(Bucket=BUCKET, Key=key) for key in (JSON, HTML)}
    assert heads[JSON]["ContentType"] == "application/json"
    assert heads[HTML]["ContentType"] == "text/html; charset=utf-8"
    assert {head["CacheControl"] for head in heads.values()} == {"no-cache"}


def test_what_says_the_same_already_is_not_written(table):
    table.register(FILM)
    refresh()
    assert receipts.write(table, BUCKET, DELIVERY, FILM) == []
    assert versions(JSON) == versions(HTML) == 1
    table.mark(FILM, "transcoding")
    assert receipts.write(table, BUCKET, DELIVERY, FILM) == [JSON, HTML]
    assert versions(JSON) == versions(HTML) == 2


def test_a_page_whose_writer_died_before_it_is_made_up_for(table):
    table.register(FILM)
    refresh()
    objects.write(BUCKET, HTML, "half a page", "text/html")
    assert receipts.write(table, BUCKET, DELIVERY, FILM) == [HTML]
    assert b"<h1>" in objects.read(BUCKET, HTML)


def test_by_its_id_an_asset_has_the_same_receipt(table):
    table.register(FILM)
    assert receipts.write(table, BUCKET, DELIVERY, FILM.asset_id) == [], "nobody knows its key yet"
    table.open_asset(FILM, "My Film")
    assert receipts.write(table, BUCKET, DELIVERY, FILM.asset_id) == [JSON, HTML]
    assert receipts.write(table, BUCKET, DELIVERY, FILM) == []


@pytest.mark.parametrize("which", [JSON, HTML])
def test_an_older_truth_never_stays(table, monkeypatch, which):
    """Somebody reads the records, and before it writes, the film moves on and another writer is done."""
    table.register(FILM)
    real, once = objects.replace, iter([True])

    def slowly(bucket, key, *more):
        if key == which and next(once, False):
            table.mark(FILM, "transcoding")
            assert refresh()
        return real(bucket, key, *more)

    monkeypatch.setattr(objects, "replace", slowly)
    assert refresh()
    assert told()["status"] == "transcoding"
    assert b"Being prepared" in objects.read(BUCKET, HTML)


def test_of_a_receipt_that_changes_to_and_fro_the_last_stays(table, monkeypatch):
    """The same words again are another object: its ETag is that of the moment they were written."""
    table.register(FILM)
    table.mark(FILM, "transcoding")
    refresh()
    real, once = objects.replace, iter([True])

    def slowly(bucket, key, *more):
        if key == JSON and next(once, False):
            for status in ("transcoding", "superseded", "rejected"):
                table.mark(FILM, status)
                refresh()
        return real(bucket, key, *more)

    monkeypatch.setattr(objects, "replace", slowly)
    table.mark(FILM, "superseded")
    assert refresh() and told()["status"] == "rejected"


def test_eight_writers_at_once_end_with_the_newest_truth(table):
    table.register(FILM)

    def one(percent: int) -> None:
        table.note(FILM, asset={"title": f"at {percent}"})
        receipts.refresh(AssetTable(TABLE), BUCKET, DELIVERY, FILM)

    threads = [threading.Thread(target=one, args=(percent,)) for percent in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert told()["title"] == table.known(FILM)["asset"]["title"]


@pytest.mark.parametrize("trouble", [refusal("PutObject", "AccessDenied", 403), KeyError("a bug of ours")])
def test_a_receipt_that_cannot_be_written_fails_nobody_and_is_left_to_the_sweep(table, monkeypatch, caplog, trouble):
    table.register(FILM)

    def refused(*arguments):
        raise trouble

    monkeypatch.setattr(objects, "replace", refused)
    with caplog.at_level(logging.ERROR):
        assert refresh() is False
    assert f"the receipt of {FILM.asset_id} could not be written" in caplog.text
    (record,) = table.due("asset", START_GRACE)
    monkeypatch.undo()
    assert receipts.write(table, BUCKET, DELIVERY, record["pk"]) == [JSON, HTML]


def test_a_bug_in_a_page_fails_nobody(table, monkeypatch, caplog):
    table.register(FILM)
    monkeypatch.setattr(receipts.receipt_page, "page", lambda made: made["no such thing"])
    assert refresh() is False and "KeyError" in caplog.text


def test_nobody_is_failed_when_the_table_does_not_answer_either(table, monkeypatch, caplog):
    def refused(*arguments, **named):
        raise refusal("Query", "InternalServerError", 500)

    monkeypatch.setattr(AssetTable, "everything", refused)
    monkeypatch.setattr(AssetTable, "look_again", refused)
    assert refresh() is False and "could not be asked" in caplog.text


def test_whose_work_it_is_hears_of_it(table, monkeypatch):
    table.register(FILM)

    def contended(*arguments):
        raise PointerContended("POINTER_CONTENDED", "again")

    monkeypatch.setattr(objects, "replace", contended)
    with pytest.raises(PointerContended):
        receipts.write(table, BUCKET, DELIVERY, FILM)


def test_the_longest_key_has_both_receipts(table):
    film = upload("uploads/" + "\u6620" * 338 + ".m")
    assert len(film.key.encode()) == 1024
    table.register(film)
    assert refresh(film)
    written = objects.keys_below(BUCKET, "receipts/")
    assert {key.rsplit(".", 1)[1] for key in written} == {"json", "html"}
    assert all(len(key.encode()) <= 1024 for key in written)
