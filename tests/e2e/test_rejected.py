"""Bad input ends green in "Upload rejected", and everybody is told the same in plain words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e import films
from tests.e2e.conftest import Pipeline

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"

CASES: dict[str, tuple[Callable[[Path], Path], set[str]]] = {
    "empty": (lambda folder: films.written(folder, "empty.mp4", b""), {"INPUT_EMPTY"}),
    "no film": (lambda folder: films.written(folder, "letter.mp4", b"Dear Sir or Madam, " * 999), {"INPUT_NOT_A_FILM"}),
    "noise": (lambda folder: films.written(folder, "noise.mov", bytes(range(256)) * 4096), {"INPUT_NOT_A_FILM"}),
    "disguised playlist": (lambda folder: films.written(folder, "playlist.mp4", PLAYLIST), {"INPUT_NOT_A_FILM"}),
    "disguised concat list": (lambda folder: films.written(folder, "list.mov", CONCAT), {"INPUT_NOT_A_FILM"}),
    "neither picture nor sound": (films.subtitles_alone, {"INPUT_NO_PICTURE"}),
    "unsupported codec": (films.strange_codec, {"INPUT_CODEC_UNSUPPORTED"}),
    "breaks off": (films.cut_short, {"INPUT_TRUNCATED"}),
    "index missing": (films.without_index, {"INPUT_NOT_A_FILM", "INPUT_TRUNCATED", "INPUT_UNREADABLE"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_upload_is_rejected_in_plain_words(pipeline: Pipeline, film_folder: Path, case: str):
    make, codes = CASES[case]
    result = pipeline.send(make(film_folder))
    assert result.status == "rejected", result.error
    assert result.error["code"] in codes, result.error
    assert result.error["class"] in ("input", "policy") and result.error["retryable"] is False
    assert result.error["message"] and result.error["fix"]
    assert pipeline.states(result)[-1] == "Upload rejected"
    record, receipt = pipeline.record(result), pipeline.receipt(result.film.key)
    assert record["status"] == receipt["status"] == "rejected"
    assert record["error"]["code"] == receipt["error"]["code"] == result.error["code"]
    assert pipeline.asset_json(result)["status"] == "rejected"


def test_a_bad_second_upload_leaves_the_first_playing(pipeline: Pipeline, film_folder: Path):
    good = pipeline.send(films.plain(film_folder), "uploads/replaced.mp4")
    bad = pipeline.send(films.written(film_folder, "bad.mp4", b"oops"), "uploads/replaced.mp4")
    assert (good.status, bad.status) == ("published", "rejected")
    assert pipeline.asset_json(bad)["version"] == good.version


def test_a_replaced_source_ends_superseded_and_the_newer_one_plays(pipeline: Pipeline, film_folder: Path):
    from pipeline.cli.films import Film
    from pipeline.cli.follow import Follower

    film = Film(films.plain(film_folder), "uploads/hasty.mp4")
    first, second = Follower(pipeline.world, film), Follower(pipeline.world, film)
    first.upload()
    second.upload()
    ended = [pipeline.wait(first), pipeline.wait(second)]
    assert [result.status for result in ended] == ["superseded", "published"]
    assert pipeline.states(ended[0])[-1] == "Superseded"
    assert pipeline.asset_json(ended[1])["version"] == second.version
