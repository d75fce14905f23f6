"""From an upload to a stream in a deployed stack: the promises that a user of it relies on, in a few minutes."""

from __future__ import annotations

import json
from pathlib import Path

import m3u8
import pytest

from pipeline.cli.follow import Result
from tests.e2e import films
from tests.live.conftest import LIVE, OWNERS
from tests.live.place import Place


@pytest.fixture(scope="package")
def published(places: list[Place], film_folder: Path) -> list[tuple[Place, Result]]:
    return [(place, place.send(films.plain(film_folder, 2), "film.mp4")) for place in places]


def test_a_film_becomes_a_stream(published: list[tuple[Place, Result]]) -> None:
    for place, film in published:
        assert (film.status, film.error) == ("published", None), place
        asset = place.asset_json(film.asset_id, film.version)
        assert (asset["status"], asset["title"]) == ("published", "film")
        assert place.receipt("film.mp4")["playback"]["url"] == film.playback_url
        assert (film.playback_url or "").startswith(place.world.delivery_url)


def test_players_find_playlists_segments_the_poster_and_the_page(published: list[tuple[Place, Result]]) -> None:
    for place, film in published:
        base = f"a/{film.asset_id}/"
        multivariant = m3u8.loads(place.get(base + "index.m3u8").decode())
        playlist = m3u8.loads(place.get(base + multivariant.playlists[0].uri).decode())
        folder = (base + multivariant.playlists[0].uri).rpartition("/")[0]
        assert playlist.is_endlist and abs(sum(each.duration for each in playlist.segments) - 2) < 0.5
        assert b"moof" in place.get(f"{folder}/{playlist.segments[0].uri}")[:4096]
        assert len(place.get(f"{folder}/{playlist.segments[0].uri}", {"Range": "bytes=0-99"})) == 100
        assert b"<MPD" in place.get(base + "index.mpd")
        poster = place.asset_json(film.asset_id, film.version)["poster"]
        assert place.get(base + poster).startswith(b"\xff\xd8\xff")
        assert b"<html" in place.get(f"?asset={film.asset_id}")


def test_what_is_not_served_is_not_there(published: list[tuple[Place, Result]]) -> None:
    for place, film in published:
        assert place.status_of(f"a/{film.asset_id}/nothing.m3u8") == 404
        assert place.status_of(f"w/{film.asset_id}/{film.version}-r1/streams.json") in (403, 404)


def test_a_private_film_is_for_those_who_were_let_in(published: list[tuple[Place, Result]]) -> None:
    for place, film in published:
        seen = place.status_of(f"a/{film.asset_id}/index.m3u8", anonymous=True)
        assert seen == (403 if place.private else 200)


def test_a_published_source_is_marked_for_the_archive(published: list[tuple[Place, Result]]) -> None:
    """Where the deployment archives: the version is tagged, and the tag starts nothing."""
    place, film = published[0]
    if place.name != "owners":
        pytest.skip("this configuration archives nothing")
    tags = place.world.client("s3").get_object_tagging(Bucket=OWNERS["sources_bucket"], Key=film.film.key)["TagSet"]
    assert tags == [{"Key": "vod-archive", "Value": "yes"}]
    assert len(place.executions_of(film.asset_id)) == 1


def test_a_second_upload_keeps_the_url_and_the_old_version(
    published: list[tuple[Place, Result]], film_folder: Path
) -> None:
    place, first = published[0]
    second = place.send(films.silent(film_folder), "film.mp4")
    assert second.playback_url == first.playback_url and second.version != first.version
    assert place.asset_json(second.asset_id, second.version)["has_audio"] is False
    assert place.get(f"a/{first.asset_id}/v/{first.version}-r1/stream.m3u8").startswith(b"#EXTM3U")


def test_a_bad_file_is_answered_in_plain_words(places: list[Place], film_folder: Path) -> None:
    place = places[0]
    result = place.send(films.written(film_folder, "text.mp4", b"this is no film"), "text.mp4")
    assert result.status == "rejected" and result.error and result.error["code"] == "INPUT_NOT_A_FILM"
    assert place.receipt("text.mp4")["error"]["fix"]


def test_environments_do_not_hear_each_other(published: list[tuple[Place, Result]]) -> None:
    """Each has its own film by the same name, and has run it once."""
    assert len({film.asset_id for _, film in published}) == len(published)
    for place, film in published:
        assert [name for name in place.executions_of(film.asset_id) if film.version in name] == [
            f"{film.asset_id}-{film.version}-r1"
        ]
        for other, _ in published:
            assert other is place or not other.executions_of(film.asset_id)


@pytest.mark.skipif(bool(LIVE), reason="only where the test made the buckets itself")
def test_what_the_owner_had_in_his_buckets_is_still_there(places: list[Place]) -> None:
    if places[0].name != "owners":
        pytest.skip("this configuration has new buckets")
    s3 = places[0].world.client("s3")
    for bucket in (OWNERS["sources_bucket"], OWNERS["outputs_bucket"]):
        statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        assert statements[0]["Sid"] == "Theirs"
    told = s3.get_bucket_notification_configuration(Bucket=OWNERS["sources_bucket"])
    assert [each["Id"] for each in told["QueueConfigurations"]] == ["theirs"]
    assert "EventBridgeConfiguration" in told
    rules = s3.get_bucket_lifecycle_configuration(Bucket=OWNERS["sources_bucket"])["Rules"]
    assert len(rules) == 4
