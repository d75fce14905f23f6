"""A film goes in, a stream comes out: what is there afterwards, seen as viewers, teams and operators see it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import m3u8
import pytest

from pipeline.local.mediaconvert.ffmpeg import ffprobe_path
from tests.e2e import films
from tests.e2e.conftest import Pipeline
from tests.lint import rules
from tests.lint.presentation import Presentation

HAPPY_PATH = [
    "Ingest upload",
    "Probe source",
    "Plan renditions",
    "Transcode",
    "Verify outputs",
    "Publish asset",
    "Announce",
    "Published",
]


@pytest.fixture(scope="module")
def plain(pipeline: Pipeline, film_folder: Path):
    return pipeline.send(films.plain(film_folder))


def test_a_film_is_published(plain):
    assert (plain.status, plain.error) == ("published", None)
    assert [rendition["name"] for rendition in plain.renditions] == ["270p"]
    assert abs(plain.duration_ms - 3000) <= 500


def test_the_execution_tells_the_story_in_order(pipeline: Pipeline, plain):
    entered = [state for state in pipeline.states(plain) if state in HAPPY_PATH]
    assert entered == HAPPY_PATH


def test_viewers_get_playlists_segments_and_the_page(pipeline: Pipeline, plain):
    base = f"{pipeline.world.delivery_url}/a/{plain.asset_id}/"
    multivariant = m3u8.loads(pipeline.get(f"a/{plain.asset_id}/index.m3u8").decode(), uri=base + "index.m3u8")
    assert multivariant.is_variant and len(multivariant.playlists) == 1
    media = m3u8.load(multivariant.playlists[0].absolute_uri)
    assert media.is_endlist and abs(sum(segment.duration for segment in media.segments) - 3) < 0.5
    first = media.segments[0].absolute_uri.removeprefix(pipeline.world.delivery_url + "/")
    assert b"moof" in pipeline.get(first)[:4096]
    assert b"<MPD" in pipeline.get(f"a/{plain.asset_id}/index.mpd")
    assert b"<html" in pipeline.get(f"?asset={plain.asset_id}")
    poster = json.loads(pipeline.get(f"a/{plain.asset_id}/asset.json"))["poster"]
    assert pipeline.get(f"a/{plain.asset_id}/{poster}").startswith(b"\xff\xd8\xff")


def test_what_viewers_get_passes_the_lint(pipeline: Pipeline, plain):
    store, bucket = pipeline.world.client("s3"), pipeline.world.outputs["OutputsBucket"]
    folder = f"a/{plain.asset_id}/"
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
    keys = [item["Key"] for page in pages for item in page["Contents"]]
    files = {key.removeprefix(folder): store.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    assert rules.check(Presentation(files, "index.m3u8", "index.mpd")) == []


def test_somebody_elses_player_reads_the_stream(pipeline: Pipeline, plain):
    import subprocess

    url = f"{pipeline.world.delivery_url}/a/{plain.asset_id}/index.m3u8"
    argv = [str(ffprobe_path()), "-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "json", url]
    streams = json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=60).stdout)["streams"]
    assert {stream["codec_name"] for stream in streams} == {"h264", "aac"}
    assert (480, 270) in {(stream.get("width"), stream.get("height")) for stream in streams}


def test_the_record_the_receipt_and_asset_json_agree(pipeline: Pipeline, plain):
    asset, receipt, record = pipeline.asset_json(plain), pipeline.receipt(plain.film.key), pipeline.record(plain)
    assert asset["status"] == receipt["status"] == record["status"] == "published"
    assert asset["version"] == receipt["version"] == plain.version
    assert asset["title"] == "plain-3" and asset["has_audio"] is True
    assert receipt["playback"]["url"] == plain.playback_url


def test_a_second_upload_is_a_new_version_under_the_same_url(pipeline: Pipeline, film_folder: Path, plain):
    again = pipeline.send(films.plain(film_folder))
    assert again.status == "published"
    assert again.playback_url == plain.playback_url and again.version != plain.version
    assert pipeline.asset_json(again)["version"] == again.version
    old = f"a/{plain.asset_id}/v/{plain.version}-r1/stream.m3u8"
    assert pipeline.get(old).startswith(b"#EXTM3U"), "viewers in the middle of the old version keep it"


def test_a_duplicate_event_starts_nothing(pipeline: Pipeline, film_folder: Path):
    result = pipeline.send(films.plain(film_folder), "uploads/duplicate.mp4")
    before = len(pipeline.executions())
    s3_object = pipeline.world.client("s3").head_object(
        Bucket=pipeline.world.outputs["SourcesBucket"], Key="uploads/duplicate.mp4"
    )
    upload = pipeline.record(result)["upload"]
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": pipeline.world.outputs["SourcesBucket"]},
            "object": {
                "key": upload["key"],
                "etag": upload["etag"],
                "version-id": s3_object["VersionId"],
                "sequencer": upload["order"],
                "size": 1,
            },
        },
    }
    queue = pipeline.world.outputs["UploadsQueueUrl"]
    pipeline.world.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(event))
    _wait_until_empty(pipeline, queue)
    assert len(pipeline.executions()) == before


def test_a_film_without_sound_and_a_turned_one_come_out_right(pipeline: Pipeline, film_folder: Path):
    silent, turned = pipeline.send(films.silent(film_folder)), pipeline.send(films.turned(film_folder))
    assert silent.status == turned.status == "published"
    assert pipeline.asset_json(silent)["has_audio"] is False
    assert [(rendition["width"], rendition["height"]) for rendition in turned.renditions] == [(270, 480)]


def test_sound_alone_is_a_stream_with_its_cover_as_poster(pipeline: Pipeline, film_folder: Path):
    song = pipeline.send(films.song(film_folder))
    assert (song.status, song.error) == ("published", None)
    asset, playlist = pipeline.asset_json(song), m3u8.loads(pipeline.get(f"a/{song.asset_id}/index.m3u8").decode())
    assert asset["audio_only"] is True and asset["renditions"] == []
    assert [variant.stream_info.codecs for variant in playlist.playlists] == ["mp4a.40.2"]
    assert pipeline.get(f"a/{song.asset_id}/{asset['poster']}").startswith(b"\x89PNG")


def test_every_language_is_a_rendition_with_its_name(pipeline: Pipeline, film_folder: Path):
    dubbed = pipeline.send(films.dubbed(film_folder))
    assert (dubbed.status, dubbed.error) == ("published", None)
    playlist = m3u8.loads(pipeline.get(f"a/{dubbed.asset_id}/index.m3u8").decode())
    sounds = [media for media in playlist.media if media.type == "AUDIO"]
    assert [(sound.language, sound.default) for sound in sounds] == [("en", "YES"), ("fr", "NO")]
    assert len({sound.name for sound in sounds}) == 2
    assert b'lang="fr"' in pipeline.get(f"a/{dubbed.asset_id}/index.mpd")
    told = pipeline.receipt(dubbed.film.key)["warnings"]
    assert told == ["Audio tracks that are not published: 3 (eng, 2 channels)."]


def test_subtitles_inside_the_film_hold_it_not_back_and_its_owner_is_told(pipeline: Pipeline, film_folder: Path):
    result = pipeline.send(films.subtitled(film_folder))
    assert (result.status, result.error) == ("published", None)
    (told,) = pipeline.receipt(result.film.key)["warnings"]
    assert "subtitles (fra)" in told and ".srt" in told


def test_the_seek_bar_has_thumbnails(pipeline: Pipeline, plain):
    asset = pipeline.asset_json(plain)
    lines = pipeline.get(f"a/{plain.asset_id}/{asset['storyboard']}").decode().splitlines()
    cues = [line for line in lines if "#xywh=" in line]
    assert lines[0].startswith("WEBVTT") and len(cues) == 3
    folder = asset["storyboard"].rpartition("/")[0]
    assert pipeline.get(f"a/{plain.asset_id}/{folder}/{cues[0].partition('#')[0]}").startswith(b"\xff\xd8\xff")


def test_captions_beside_the_film_become_renditions(pipeline: Pipeline, film_folder: Path):
    english = films.written(
        film_folder,
        "spoken.en.srt",
        b"1\n00:00:00,500 --> 00:00:01,500\nHello <b>there</b>\n\n2\n00:00:xx --> broken\nlost\n",
    )
    sloppy = films.written(
        film_folder, "spoken.fr.forced.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nÀ bientôt\n".encode("utf-16")
    )
    sidecars = ((english, "uploads/spoken.en.srt"), (sloppy, "uploads/spoken.fr.forced.vtt"))
    result = pipeline.send(films.plain(film_folder), "uploads/spoken.mp4", sidecars)
    asset = pipeline.asset_json(result)
    assert [(track["language"], track["label"]) for track in asset["captions"]] == [
        ("en", "English"),
        ("fr", "Français (forced)"),
    ]
    vtt = pipeline.get(f"a/{result.asset_id}/{asset['captions'][0]['vtt']}").decode()
    assert "Hello <b>there</b>" in vtt and "lost" not in vtt
    playlist = m3u8.loads(pipeline.get(f"a/{result.asset_id}/index.m3u8").decode())
    assert {media.language for media in playlist.media if media.type == "SUBTITLES"} == {"en", "fr"}
    assert b'lang="fr"' in pipeline.get(f"a/{result.asset_id}/index.mpd")
    warnings = {track["file"]: track["warnings"] for track in pipeline.receipt("uploads/spoken.mp4")["captions"]}
    assert "line 6" in warnings["spoken.en.srt"][0]


def test_everything_but_the_encoder_is_quick(pipeline: Pipeline, plain):
    """Not a benchmark: a broken wait (a lost wake-up, a polling second) would be many times this."""
    assert plain.seconds - plain.encoding_seconds - plain.queued_seconds < 10


def _wait_until_empty(pipeline: Pipeline, queue_url: str) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    for _ in range(100):
        attributes = pipeline.world.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)[
            "Attributes"
        ]
        if not any(int(value) for value in attributes.values()):
            return
        time.sleep(0.1)
    raise AssertionError(f"the queue still holds messages: {attributes}")
