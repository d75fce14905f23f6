"""What lies beside a film, end to end: wishes and a poster are followed, a wrong JSON is told by field and line."""

from __future__ import annotations

import json
from pathlib import Path

import m3u8

from tests.e2e import films
from tests.e2e.conftest import Pipeline

SRT = b"1\n00:00:00,100 --> 00:00:00,900\nHello\n"


def beside(folder: Path, film_key: str, **files: bytes) -> tuple[tuple[Path, str], ...]:
    """Sidecars of a film by their endings, with _ for a dot."""
    stem, found = film_key.rpartition(".")[0], []
    for ending, body in files.items():
        key = f"{stem}.{ending.replace('_', '.')}"
        found.append((films.written(folder, key.rpartition("/")[2], body), key))
    return tuple(found)


def test_wishes_a_caption_without_a_language_and_a_poster_are_published_with_the_film(
    pipeline: Pipeline, film_folder: Path
):
    key = "uploads/spring/Wished For.mp4"
    picture = films.make(film_folder, "own.png", *films.picture("320x180", 1, "1"), "-frames:v", "1").read_bytes()
    wished = {
        "title": "One <i>Summer</i>",
        "description": "Two friends.\nOne boat.",
        "language": "fr",
        "tags": ["drama"],
        "poster_time": "0:00.5",
        "audio_languages": ["fr"],
        "captions_language": "fr-CA",
    }
    sidecars = beside(film_folder, key, json=json.dumps(wished).encode("utf-16"), srt=SRT, mp4_PNG=picture)
    result = pipeline.send(films.plain(film_folder, 1), key, sidecars)
    assert (result.status, result.error) == ("published", None)
    asset = pipeline.asset_json(result)
    for name in ("title", "description", "language", "tags"):
        assert asset[name] == wished[name]
    assert pipeline.get(f"a/{result.asset_id}/{asset['poster']}") == picture
    assert [(track["language"], track["label"]) for track in asset["captions"]] == [("fr-CA", "Français (CA)")]
    playlist = m3u8.loads(pipeline.get(f"a/{result.asset_id}/index.m3u8").decode())
    assert [media.language for media in playlist.media if media.type == "AUDIO"] == ["fr"]
    receipt = pipeline.receipt(key)
    assert receipt["title"] == wished["title"]
    assert receipt["warnings"] == ["Wished For.mp4.PNG goes before poster_time as the poster"]


def test_a_wrong_json_rejects_the_film_with_every_mistake_in_the_receipt(pipeline: Pipeline, film_folder: Path):
    key = "uploads/spring/Wrongly Wished.mp4"
    wrong = beside(film_folder, key, json=b'{\n  "profle": "download",\n  "publish": "later",\n}')
    result = pipeline.send(films.plain(film_folder, 1), key, wrong)
    assert result.status == "rejected"
    assert pipeline.receipt(key)["error"]["evidence"]["problems"] == [
        "Wrongly Wished.json, line 3, column 21: there is a comma too many before }"
    ]
    wrong = beside(film_folder, key, json=b'{\n  "profle": "download",\n  "publish": "later"\n}')
    pipeline.send(films.plain(film_folder, 1), key, wrong)
    error = pipeline.receipt(key)["error"]
    assert error["code"] == "INPUT_SIDECAR_WRONG" and error["message"].splitlines() == [
        'Wrongly Wished.json, line 2, column 3, "profle": no such field; did you mean "profile"?',
        'Wrongly Wished.json, line 3, column 14, "publish": "later" should be "now" or "hold"',
    ]
