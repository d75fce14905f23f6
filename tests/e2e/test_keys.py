"""Every key that S3 takes goes through: none becomes a path, a shell word, a filter or an unescaped tag."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.cli.films import Film
from tests.e2e import films
from tests.e2e.conftest import Pipeline

UGLY = [
    "uploads/My Film.mp4",
    "uploads/ein Föhn übers Gebirge.mp4",
    "uploads/映画 第1話.mp4",
    "uploads/100% + 1 & more = #2?.mp4",
    'uploads/she said "it\'s fine".mp4',
    "uploads/../../etc/passwd.mp4",
    "uploads/a//b/./c.mp4",
    "uploads/line\nbreak.mp4",
    "uploads/-y -f lavfi.mp4",
    "uploads/[v];movie=x[out],$(id)`id`.mp4",
    "uploads/<script>alert(1)</script>.mp4",
    "uploads/%2e%2e%2fescaped+plus.mp4",
    "uploads/" + "long/" * 170 + "name" * 10 + ".mp4",
    "uploads/no extension",
]


def test_ugly_keys_are_published(pipeline: Pipeline, film_folder: Path):
    film = films.make(film_folder, "one-second.mp4", *films.picture("160x90", 1), *films.H264)
    results = pipeline.send_all([Film(film, key) for key in UGLY])
    assert {result.film.key: result.status for result in results} == dict.fromkeys(UGLY, "published")
    assert len({result.asset_id for result in results}) == len(UGLY)
    for result in results:
        assert re.fullmatch(r"[a-z0-9-]{1,53}", result.asset_id)
        assert pipeline.get(f"a/{result.asset_id}/index.m3u8").startswith(b"#EXTM3U")
