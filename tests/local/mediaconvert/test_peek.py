"""Probing a large object by its outline gives what the whole gives, or does not give an answer at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.local.mediaconvert import peek, probe, transfer
from tests.local.mediaconvert.films import PICTURE, SOUND, X264, make
from tests.local.mediaconvert.tiny_s3 import TinyS3

NOISE = ("-vf", "noise=alls=40:allf=t", "-g", "25", "-b:v", "12M")  # four seconds are some seven MB
FILMS = {
    "index-first.mp4": (*PICTURE, *SOUND, *X264, *NOISE, "-c:a", "aac", "-movflags", "+faststart"),
    "index-last.mp4": (*PICTURE, *SOUND, *X264, *NOISE, "-c:a", "aac"),
    "pcm.mov": (*PICTURE, *SOUND, *X264, *NOISE, "-c:a", "pcm_s16le"),
    "film.mkv": (*PICTURE, *SOUND, *X264, *NOISE, "-c:a", "aac"),
    "film.ts": (*PICTURE, *SOUND, *X264, *NOISE, "-c:a", "aac"),
    "film.avi": (*PICTURE, *SOUND, *X264, *NOISE, "-c:a", "mp3"),
    "fragmented.mp4": (*PICTURE, *SOUND, *X264, *NOISE, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "sound-behind.mp4": (*PICTURE, *SOUND, *X264, *NOISE, "-c:a", "aac", "-max_interleave_delta", "0"),
}
SEEN_FROM_THE_ENDS = ("index-first.mp4", "index-last.mp4", "pcm.mov", "film.mkv", "film.ts", "sound-behind.mp4")


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    # A transport stream says what is in it by five megabytes of itself, so this one is longer.
    seconds = {"film.ts": 8}
    return {
        name: make(folder / name, *words, size="640x360", seconds=seconds.get(name, 4)) for name, words in FILMS.items()
    }


@pytest.fixture
def store():
    store = TinyS3()
    yield store
    store.close()


def outline(store: TinyS3, film: Path, folder: Path):
    store.put(f"films/{film.name}", film.read_bytes())
    client = transfer.s3_client(store.url, "eu-west-1")
    url = f"s3://films/{film.name}"
    store.served = 0
    return peek.facts(client, url, transfer.head(client, url), folder / "source")


@pytest.mark.parametrize("name", SEEN_FROM_THE_ENDS)
def test_the_ends_and_the_index_tell_what_the_whole_tells(films, store, tmp_path, monkeypatch, name):
    monkeypatch.setattr(peek, "END_BYTES", 5 << 20 if name == "film.ts" else 1 << 20)
    film = films[name]
    facts = outline(store, film, tmp_path)
    assert facts == probe.read_facts(film, "s3://films/x")
    assert facts.video[0].raw == probe.read_facts(film, "s3://films/x").video[0].raw
    assert store.served < film.stat().st_size * 0.8


@pytest.mark.parametrize("name", ["film.avi", "fragmented.mp4"])
def test_what_has_its_facts_all_over_is_not_told_from_its_ends(films, store, tmp_path, monkeypatch, name):
    monkeypatch.setattr(peek, "END_BYTES", 1 << 20)
    assert outline(store, films[name], tmp_path) is None


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("end_bytes", [1 << 10, 1 << 14, 1 << 17])
def test_an_outline_that_is_too_small_never_tells_something_else(films, store, tmp_path, monkeypatch, name, end_bytes):
    monkeypatch.setattr(peek, "END_BYTES", end_bytes)
    assert outline(store, films[name], tmp_path) in (None, probe.read_facts(films[name], "s3://films/x"))


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("name", SEEN_FROM_THE_ENDS)
def test_a_broken_film_is_not_judged_by_its_outline(films, store, tmp_path, monkeypatch, name, share):
    monkeypatch.setattr(peek, "END_BYTES", 1 << 18)
    film = tmp_path / name
    film.write_bytes(films[name].read_bytes()[: int(films[name].stat().st_size * share)])
    try:
        whole = probe.read_facts(film, "s3://films/x")
    except probe.ProbeRefused:
        whole = None
    assert outline(store, film, tmp_path) in (None, whole)


def test_rubbish_has_no_outline(store, tmp_path):
    film = tmp_path / "rubbish.mp4"
    film.write_bytes(bytes(range(256)) * 64)
    assert outline(store, film, tmp_path) is None


def test_what_is_there_is_not_fetched_again(store, tmp_path):
    store.put("films/a", bytes(range(100)))
    client = transfer.s3_client(store.url, "eu-west-1")
    path = tmp_path / "a"
    path.write_bytes(bytes(100))
    seen = peek.Outline(client, "s3://films/a", transfer.head(client, "s3://films/a"), path)
    seen.fetch(10, 20)
    seen.fetch(15, 30)
    seen.fetch(40, 50)
    seen.fetch(5, 60)
    assert (seen.ranges, seen.fetched, store.served) == ([(5, 60)], 55, 55)
    assert path.read_bytes() == bytes(5) + bytes(range(5, 60)) + bytes(40)
    assert not seen.has(50, 61)
    seen.fetch(90, 200)
    assert seen.has(95, 300)
