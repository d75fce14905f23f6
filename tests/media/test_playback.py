"""asset.json never goes back, and says what players need."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import playback
from pipeline.media.manifest import CaptionTrack
from tests.media.films import upload

STATUSES = ["processing", "published", "rejected", "failed", "removed"]


def said(status: str, order: str = "5", revision: int = 1) -> dict:
    return {"status": status, "order": order, "revision": revision}


@pytest.mark.parametrize("status", STATUSES)
def test_anything_may_be_said_first(status):
    assert playback.may_replace(None, said(status))


#: (there now, what comes): who wins where both are of one upload and run / where a newer upload comes.
TRUTH = {
    ("processing", "processing"): (True, True),
    ("processing", "published"): (True, True),
    ("processing", "rejected"): (True, True),
    ("processing", "removed"): (True, True),
    ("published", "processing"): (False, False),
    ("published", "published"): (True, True),
    ("published", "rejected"): (False, False),
    ("published", "removed"): (True, True),
    ("processing", "failed"): (True, True),
    ("published", "failed"): (False, False),
    ("rejected", "failed"): (True, True),
    ("removed", "failed"): (False, True),
    ("failed", "processing"): (False, True),
    ("failed", "published"): (True, True),
    ("failed", "rejected"): (True, True),
    ("failed", "failed"): (True, True),
    ("failed", "removed"): (True, True),
    ("rejected", "processing"): (False, True),
    ("rejected", "published"): (True, True),
    ("rejected", "rejected"): (True, True),
    ("rejected", "removed"): (True, True),
    ("removed", "processing"): (False, True),
    ("removed", "published"): (False, True),
    ("removed", "rejected"): (False, True),
    ("removed", "removed"): (True, True),
}


@pytest.mark.parametrize(("there", "comes"), TRUTH)
def test_who_may_follow_whom(there, comes):
    same, newer = TRUTH[there, comes]
    assert playback.may_replace(said(there), said(comes)) is same
    assert playback.may_replace(said(there), said(comes, order="6")) is newer
    assert playback.may_replace(said(there), said(comes, order="4")) is False
    assert playback.may_replace(said(there, revision=2), said(comes)) is False


def test_a_new_run_of_a_rejected_upload_may_say_processing_again():
    assert playback.may_replace(said("rejected"), said("processing", revision=2))


#: A published asset.json is only ever followed by a published or removed one.
messages = st.builds(said, st.sampled_from(STATUSES), st.sampled_from("123456"), st.integers(1, 3))
playing = st.builds(said, st.just("published"), st.sampled_from("123456"), st.integers(1, 3))


@given(st.lists(messages, max_size=12))
def test_in_any_order_of_arrivals_the_asset_never_goes_back(arrivals):
    there = None
    for new in arrivals:
        if playback.may_replace(there, new):
            if there:
                assert (new["order"], new["revision"]) >= (there["order"], there["revision"])
                if there["status"] == "published":
                    assert new["status"] in ("published", "removed")
            there = new


@given(st.lists(playing, min_size=1, max_size=8))
def test_whatever_arrives_first_the_newest_published_one_stays(arrivals):
    there = None
    for new in arrivals:
        there = new if playback.may_replace(there, new) else there
    assert (there["order"], there["revision"]) == max((each["order"], each["revision"]) for each in arrivals)


# asset.json ----------------------------------------------------------------------------------------------------------

VERIFIED = {
    "duration_ms": 20_000,
    "has_audio": True,
    "poster": "poster.0000001.jpg",
    "download": None,
    "audio_only": False,
    "renditions": [
        {
            "name": "720p",
            "playlist": "stream_720p.m3u8",
            "width": 1280,
            "height": 720,
            "bitrate_bps": 1,
            "codecs": "avc1",
            "peak_bps": 2,
            "size_bytes": 3,
            "frame_rate": 25.0,
            "video_range": "SDR",
        }
    ],
    "audio": [
        {
            "playlist": "stream_audio.m3u8",
            "group": "audio",
            "language": "en",
            "label": "English",
            "channels": 2,
            "codecs": "mp4a.40.2",
            "default": True,
            "bitrate_bps": 128_000,
        }
    ],
    "captions": [
        {"language": "en", "label": "English (CC)", "forced": False, "sdh": True, "vtt": None},
        {"language": "fr", "label": "French (CC)", "forced": False, "sdh": True, "vtt": "stream_cc2.vtt"},
    ],
}


def test_asset_json_of_a_film_that_plays():
    film = upload()
    track = CaptionTrack("en", "English", "captions/en.vtt", "captions/en.m3u8")
    made = playback.published(film, "My Film", VERIFIED, (track,), "2026-01-01T00:00:00.000Z")
    folder = f"v/{film.run}/"
    assert made["hls"] == "index.m3u8" and made["dash"] == "index.mpd", "relative: they hold on any domain"
    assert made["poster"] == folder + "poster.0000001.jpg" and made["download"] is None
    assert made["captions"] == [
        {"language": "en", "label": "English", "forced": False, "sdh": False, "vtt": folder + "captions/en.vtt"},
        {"language": "en", "label": "English (CC)", "forced": False, "sdh": True, "vtt": None},
        {"language": "fr", "label": "French (CC)", "forced": False, "sdh": True, "vtt": folder + "stream_cc2.vtt"},
    ]
    assert made["audio"][0].keys() == {"language", "label", "channels", "codecs", "group", "default"}
    assert not {"size_bytes", "playlist"} & made["renditions"][0].keys()
    assert (made["width"], made["height"], made["order"]) == (1280, 720, film.order)
    assert json.loads(json.dumps(made)) == made


def test_asset_json_of_a_film_without_poster():
    assert playback.published(upload(), "t", {**VERIFIED, "poster": None}, (), "now")["poster"] is None


def test_asset_json_says_what_the_films_owner_says_of_it():
    wished = {"title": "t", "description": "Two.\nLines.", "language": "fr", "tags": ["a"], "publish": "now"}
    made = playback.published(upload(), "t", VERIFIED, (), "now", wished=wished)
    assert (made["description"], made["language"], made["tags"]) == ("Two.\nLines.", "fr", ["a"])
    assert not {"publish", "wishes"} & made.keys(), "what is asked of us is nobody else's"
    plain = playback.published(upload(), "t", VERIFIED, (), "now")
    assert (plain["description"], plain["language"], plain["tags"]) == (None, None, [])


def test_a_picture_beside_the_film_goes_before_a_captured_one_and_that_before_a_cover():
    film = upload()
    folder = f"v/{film.run}/"
    pictures = {"cover": "cover.jpg", "own_poster": "poster-sidecar.png"}
    assert playback.published(film, "t", VERIFIED, (), "now", **pictures)["poster"] == folder + "poster-sidecar.png"
    del pictures["own_poster"]
    assert playback.published(film, "t", VERIFIED, (), "now", **pictures)["poster"] == folder + "poster.0000001.jpg"


def test_asset_json_of_sound_alone_has_no_size_and_its_cover_for_a_poster():
    film = upload()
    sound = {**VERIFIED, "poster": None, "audio_only": True, "renditions": []}
    made = playback.published(film, "My Song", sound, (), "now", cover="cover.jpg")
    assert (made["width"], made["height"], made["audio_only"]) == (None, None, True)
    assert made["poster"] == f"v/{film.run}/cover.jpg" and made["storyboard"] is None


DOCUMENT = (Path(__file__).parents[2] / "docs" / "asset-json.md").read_text()


def test_every_field_is_described():
    described = set(re.findall(r"`(\w+)`", DOCUMENT))
    made = playback.published(upload(), "t", VERIFIED, (), "now", storyboard="storyboard.vtt")
    gone = playback.unpublished(upload(), "t", "removed")
    nested = [key for part in ("renditions", "audio", "captions") for key in made[part][0]]
    assert {*made, *gone, *nested} <= described


@pytest.mark.parametrize("status", playback.MESSAGES)
def test_viewers_read_plain_words_while_nothing_plays(status):
    made = playback.unpublished(upload(), "My Film", status)
    assert made["status"] == status and made["message"].endswith(".") and made["title"] == "My Film"


def test_urls():
    assert playback.playback_url("https://d.example", "film-1") == "https://d.example/?asset=film-1"
    assert playback.manifest_url("https://d.example", "film-1", "index.mpd") == "https://d.example/a/film-1/index.mpd"


def test_sidecars_that_could_not_be_read_are_no_tracks():
    track = {
        "file": "f.en.srt",
        "language": "en",
        "label": "English",
        "vtt": "captions/en.vtt",
        "playlist": "captions/en.m3u8",
    }
    unreadable = {"file": "f.srt", "vtt": None, "warnings": ["no caption could be read in f.srt"]}
    made = playback.caption_tracks([{**track, "forced": False, "sdh": True, "warnings": []}, unreadable])
    assert [(each.language, each.sdh) for each in made] == [("en", True)]
