"""Receipts say where an upload stands, in words that its owner understands, at every point of its way."""

from __future__ import annotations

import pytest

from pipeline.media import reconcile
from pipeline.media.receipt import DELETED, FINAL, MOST_VERSIONS, found_in, length, receipt
from tests.media.films import picture, sound, source, upload
from tests.media.receipt_schema import RECEIPT, check_receipt
from tests.media.receipts import (
    DELIVERY,
    FILM,
    KEY,
    OLDER,
    RECEIPTS,
    RECORDS,
    REJECTED,
    SOURCE,
    asset,
    planned,
    run,
    version,
)


@pytest.mark.parametrize("name", RECEIPTS)
def test_every_receipt_is_as_its_schema_has_it(name):
    check_receipt({**RECEIPTS[name], "updated_at": "2026-11-23T12:50:00.000Z"})


def test_the_schema_knows_every_status_and_no_other():
    known = set(RECEIPT.schema["$defs"]["status"]["enum"])
    assert known == {*reconcile.STATUSES, *reconcile.REFUSED, DELETED} and known > set(FINAL)
    assert {made["status"] for made in RECEIPTS.values()} == known - {"removed"}


@pytest.mark.parametrize("status", [*reconcile.STATUSES, *reconcile.REFUSED])
def test_no_status_is_without_a_sentence(status):
    said = receipt([version(status=status), asset()], DELIVERY)["state"]
    assert said.endswith(".") and said[0].isupper()


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("received", "received", "It has arrived, and will be looked at in a moment."),
        ("looked at", "transcoding", "It is being looked at."),
        ("probed", "transcoding", "Its renditions are being planned."),
        ("planned", "transcoding", "It waits for its turn to be encoded."),
        ("encoding", "transcoding", "It is being encoded: 42 %."),
        ("encoded", "transcoding", "It is encoded, and is being checked."),
        ("published", "published", "It is published."),
        ("held", "held", "It is ready, and will be published when somebody approves it."),
        ("deleted", "deleted", "It was deleted. Nothing of it plays any more."),
        ("replacing", "transcoding", "It is being encoded: 42 %. An earlier version plays meanwhile."),
        ("rolled back", "published", "It was published. Another version plays in its place now."),
        ("being updated", "transcoding", "What came after its publication is being added."),
        ("updated in vain", "published", "It is published. Something that came after it did not work."),
    ],
)
def test_where_it_stands_is_said_in_plain_words(name, status, said):
    assert (RECEIPTS[name]["status"], RECEIPTS[name]["state"]) == (status, said)


def test_an_upload_that_has_just_come_has_a_receipt_already():
    assert RECEIPTS["received"] == {
        "schema": 2,
        "file": KEY,
        "asset_id": FILM.asset_id,
        "version": FILM.version,
        "revision": 1,
        "title": "Garçon & Fille (final)",
        "size_bytes": FILM.size,
        "status": "received",
        "state": "It has arrived, and will be looked at in a moment.",
        "since": "2026-11-23T12:49:03.512Z",
        "received_at": "2026-11-23T12:47:01.120Z",
        "versions": [
            {
                "version": FILM.version,
                "revision": 1,
                "status": "received",
                "since": "2026-11-23T12:49:03.512Z",
                "received_at": "2026-11-23T12:47:01.120Z",
                "size_bytes": FILM.size,
                "plays": False,
            }
        ],
    }


def test_progress_is_the_encodes_and_gone_afterwards():
    percents = {name: made.get("percent") for name, made in RECEIPTS.items()}
    assert {name: percent for name, percent in percents.items() if percent is not None} == {
        "encoding": 42,
        "encoded": 100,
        "replacing": 42,
    }


def test_a_published_film_tells_all_there_is_to_know():
    made = RECEIPTS["published"]
    assert made["playback"]["url"] == f"{DELIVERY}/?asset={FILM.asset_id}"
    assert made["playback"]["poster"] == f"{DELIVERY}/{FILM.run_prefix}poster.0000000.jpg"
    assert made["plays"] == {"version": FILM.version, "revision": 1}
    assert made["found"].startswith("1080x1920 HEVC HDR (HLG), 29.97 fps, rotated 90 degrees, AAC stereo (English)")
    assert made["changes"][0] == "The picture is turned upright, by 90 degrees."
    assert made["renditions"][0]["size_bytes"] and "planned" not in made
    assert [each["file"] for each in made["captions"]] == [
        "Garçon & Fille (final).de.srt",
        "Garçon & Fille (final).fr.forced.vtt",
    ]
    assert made["price"]["predicted"]["total"] == 0.0273 and made["price"]["actual"]["total"] == 0.0281
    assert "items" not in made["price"]["actual"]
    assert made["deduplication_id"] == FILM.deduplication_id("published")
    assert "subtitles (deu)" in made["warnings"][0]


def test_what_is_planned_stands_there_until_it_is_made():
    assert [rung["name"] for rung in RECEIPTS["encoding"]["planned"]] == ["1080p", "720p", "540p", "360p", "270p"]
    assert RECEIPTS["encoding"]["captions"][1] == {
        "file": "Garçon & Fille (final).fr.forced.vtt",
        "language": "fr",
        "forced": True,
        "sdh": False,
    }


def test_a_rejection_brings_reason_evidence_fix_and_page():
    made = RECEIPTS["rejected"]
    assert made["error"] == REJECTED and made["error_page"] == "docs/errors.md#input_truncated"
    assert made["deduplication_id"] == FILM.deduplication_id("rejected")


def test_a_code_of_another_day_leads_to_no_page():
    old = version(status="rejected", error={**REJECTED, "code": "FORGOTTEN"})
    assert "error_page" not in receipt([old], DELIVERY)


@pytest.mark.parametrize(
    ("name", "command", "by"),
    [
        ("held", f"vod approve {FILM.asset_id}", "whoever may approve films"),
        ("waiting for the budget", f"vod release {FILM.asset_id}", "an operator, or the next day's budget"),
        ("waiting for the end of a pause", "vod resume", "an operator"),
    ],
)
def test_what_waits_says_for_what_and_who_lets_it_go_on(name, command, by):
    waits = RECEIPTS[name]["waits"]
    assert (waits["command"], waits["by"]) == (command, by)
    assert waits["message"] and waits["since"] == "2026-11-23T12:49:03.512Z"


def test_waiting_that_is_over_is_not_told():
    went_on = {**RECORDS["held"][0], "status": "transcoding"}
    assert "waits" not in receipt([went_on, asset(), planned()], DELIVERY)


def test_who_approved_it_is_kept():
    said = {"by": "ana", "at": "2026-11-24T09:00:00.000Z", "note": "lovely"}
    items = [*RECORDS["published"][:2], planned(approval=said)]
    assert check_receipt({**receipt(items, DELIVERY), "updated_at": said["at"]})["approval"] == said


def test_of_several_uploads_the_newest_is_told_of_and_all_are_listed():
    made = RECEIPTS["replacing"]
    assert [(each["version"], each["status"], each["plays"]) for each in made["versions"]] == [
        (FILM.version, "transcoding", False),
        (OLDER.version, "published", True),
    ]
    assert made["plays"]["version"] == OLDER.version and OLDER.run in made["playback"]["poster"]
    assert made["version"] == FILM.version and made["planned"]


def test_the_order_of_the_records_does_not_matter():
    for items in RECORDS.values():
        assert receipt(reversed(items), DELIVERY) == receipt(items, DELIVERY)


def test_a_film_that_is_uploaded_every_night_lists_the_last_twenty():
    nights = [upload(KEY, sequencer=f"{night:04d}", **{"version-id": str(night)}) for night in range(1, 26)]
    made = receipt([version(each, status="published") for each in nights], DELIVERY)
    assert len(made["versions"]) == MOST_VERSIONS and made["versions_left_out"] == 5
    assert made["version"] == nights[-1].version == made["versions"][0]["version"]


def test_a_deleted_asset_says_how_much_went_and_comes_back_with_a_newer_upload():
    assert RECEIPTS["deleted"]["removed_objects"] == {"outputs": 231, "sources": 0}
    assert RECEIPTS["deleted"]["deduplication_id"] == FILM.deduplication_id("deleted")
    newer = upload(KEY, sequencer="FF", **{"version-id": "newer"})
    again = receipt([version(newer, status="received"), *RECORDS["deleted"]], DELIVERY)
    assert (again["status"], again["versions"][1]["status"]) == ("received", "deleted")
    assert "removed_objects" not in again


def test_a_run_that_was_stopped_by_the_deletion_counts_as_deleted():
    stopped = [version(status="cancelled"), asset(status="removed", removed=FILM.order)]
    assert receipt(stopped, DELIVERY)["status"] == "deleted"


def test_purged_sources_have_no_receipt_until_a_newer_upload_comes():
    purged = [version(status="removed"), asset(status="removed", removed=FILM.order, purged=True)]
    assert receipt(purged, DELIVERY) is None
    newer = upload(KEY, sequencer="FF", **{"version-id": "newer"})
    assert receipt([version(newer, status="received"), *purged], DELIVERY)["version"] == newer.version


def test_an_update_tells_of_the_encode_that_it_uses_again():
    made = RECEIPTS["updated"]
    assert made["revision"] == 2 and made["renditions"] and made["found"]
    assert made["deduplication_id"] == FILM.with_revision(2).deduplication_id("updated")
    assert RECEIPTS["being updated"]["renditions"] and RECEIPTS["being updated"]["plays"]["revision"] == 1


def test_an_update_that_failed_tells_of_what_plays():
    made = RECEIPTS["updated in vain"]
    assert (made["revision"], made["status"], made["error"]["code"]) == (1, "published", "OUTPUT_MISSING")


def test_a_second_failure_has_the_second_messages_id():
    assert RECEIPTS["failed"]["deduplication_id"] == f"{FILM.execution_name}-failed-1"


def test_what_somebody_started_by_hand_has_a_receipt_by_its_upload():
    by_hand = {name: part for name, part in version().items() if name not in ("upload", "revision", "created_at")}
    assert receipt([by_hand, run()], DELIVERY) is None
    made = receipt([by_hand, run()], DELIVERY, FILM)
    assert (made["version"], made["status"]) == (FILM.version, "transcoding") and "received_at" not in made


def test_nothing_has_no_receipt():
    assert receipt([], DELIVERY) is None


# What was found ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("film", "said"),
    [
        (source(picture(), sound(), seconds=12.3), "1080p H.264, 30 fps, AAC stereo, 12.3 s"),
        (source(picture(rate="30000/1001", scan="Interlaced")), "1080i H.264, 29.97 fps, no sound, 20.0 s"),
        (source(picture(1920, 804, "24000/1001")), "1920x804 H.264, 23.976 fps, no sound, 20.0 s"),
        (source(sound(1, codec="MP3"), container="mp3"), "no picture, MP3 mono, 20.0 s"),
        (
            source(picture(3840, 2160, codec="HEVC", BitDepth=10, TransferCharacteristics="SMPTE_2084")),
            "2160p HEVC 10 bit HDR (PQ), 30 fps, no sound, 20.0 s",
        ),
        (
            source(picture(CodedFrameRate={"Numerator": 60, "Denominator": 1}), sound()),
            "1080p H.264, 30 fps on average (variable), AAC stereo, 20.0 s",
        ),
        (
            source(picture(), sound(6, "eng", "AC3"), sound(2, "fra", index=3)),
            "1080p H.264, 30 fps, Dolby Digital 5.1 (English), AAC stereo (French), 20.0 s",
        ),
    ],
)
def test_what_was_found_is_one_line(film, said):
    assert found_in(film.as_state()) == said


@pytest.mark.parametrize(
    ("duration_ms", "said"),
    [(320, "0.3 s"), (59_900, "59.9 s"), (59_990, "60.0 s"), (245_000, "4 min 05 s"), (5_520_000, "1 h 32 min")],
)
def test_lengths_are_said_as_people_say_them(duration_ms, said):
    assert length(duration_ms) == said


def test_the_sample_is_a_telephones_film():
    assert SOURCE.video.rotation == 90 and SOURCE.video.video_range == "HLG"
