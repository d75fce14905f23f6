"""The state stays far under 256 KiB for the largest film we can think of; what is large lies in S3."""

from __future__ import annotations

import itertools
import json

import pytest

from lambdas.report.handler import handler as report
from pipeline.aws import transcoder
from tests.lambdas.test_steps import KEY, put, run, stored
from tests.media.films import BUCKET, picture, probed, sound

pytestmark = pytest.mark.usefixtures("environment")

#: Step Functions Developer Guide, "Quotas": the longest input or result of a state, in bytes of UTF-8.
LIMIT = 262_144
#: 1,024 bytes of UTF-8 with its extension: the longest key that S3 takes.
LONGEST = "uploads/" + "\u6620" * 328
LANGUAGES = [f"{a}{b}{c}" for a, b, c in itertools.product("bcde", repeat=3)]
BROKEN_CUES = "1\n00:00:01,000 --> 00:00:02,000\nHello\n" + "9\n00:00:xx --> 00:00:99\n" * 200


@pytest.fixture
def largest(table, monkeypatch):
    """A film with the longest key, 32 audio tracks, 40 renditions and 50 broken sidecars, after its last step."""
    tracks = [sound(language="eng", index=number) for number in range(2, 34)]
    monkeypatch.setattr(transcoder, "probe", lambda url: probed(picture(), *tracks))
    film = put(f"{LONGEST}.mov")
    for language in LANGUAGES[:50]:
        put(f"{LONGEST}.{language}.srt", BROKEN_CUES.encode())
    words = {"title": "\U0001f3ac" * 200, "description": "\U0001f3ac" * 2000, "tags": [f"{n:060}" for n in range(30)]}
    put(f"{LONGEST}.json", json.dumps(words).encode())
    put(f"{LONGEST}.jpg")
    for number in range(12):
        put(f"{LONGEST}.part{number}.srt")
    state = run(film, "playback")
    for part, name in (("plan", "rungs"), ("verified", "renditions")):
        state[part][name] = list(itertools.islice(itertools.cycle(state[part][name]), 40))
    return state


def test_forty_renditions_32_audio_tracks_the_longest_names_and_wishes_fit(largest):
    assert len(largest["source"]["audio"]) == 32 and len(largest["verified"]["renditions"]) == 40
    assert len(json.dumps(largest, ensure_ascii=False).encode()) < 0.6 * LIMIT
    assert len(largest["asset"]["warnings"]) == 9 and len(largest["asset"]["wishes"]["description"]) == 2000
    assert len(json.dumps(largest)) < LIMIT, "even with every letter escaped"


def test_sidecars_beyond_forty_are_left_out_and_the_receipt_says_so(largest):
    assert len(largest["asset"]["captions"]) == 40 and largest["asset"]["captions_left_out"] == 10
    event = {**largest, "captions": largest["outputs"]["captions"], "warnings": largest["plan"]["warnings"]}
    receipt = stored(BUCKET, report(event, None)["receipt"])
    assert receipt["captions_left_out"] == 10


def test_of_many_warnings_the_first_are_kept_and_the_rest_counted(largest):
    warnings = largest["outputs"]["captions"][0]["warnings"]
    assert len(warnings) == 6 and warnings[-1] == "and 45 more"


def test_a_film_with_few_sidecars_has_nothing_to_say_about_it(table, monkeypatch):
    monkeypatch.setattr(transcoder, "probe", lambda url: probed(picture(), sound()))
    state = run(put(KEY), "playback")
    receipt = stored(BUCKET, report({**state, "captions": [], "warnings": []}, None)["receipt"])
    assert "captions_left_out" not in receipt and receipt["deduplication_id"].endswith("-r1-published")
