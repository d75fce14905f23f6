"""Which files a command line means, and under which keys they go up."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.films import NotAFile, films_from


def _write(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"film")
    return [str(folder / name) for name in names]


def test_a_film_goes_up_under_its_own_name(tmp_path: Path):
    (path,) = _write(tmp_path, "My Film (final).mov")
    assert [film.key for film in films_from([path])] == ["uploads/My Film (final).mov"]


def test_two_films_of_one_name_do_not_replace_each_other(tmp_path: Path):
    paths = _write(tmp_path, "monday/film.mp4", "tuesday/film.mp4")
    assert [film.key for film in films_from(paths)] == ["uploads/monday/film.mp4", "uploads/tuesday/film.mp4"]


def test_one_file_named_twice_is_two_assets(tmp_path: Path):
    (path,) = _write(tmp_path, "a/film.mp4")
    first, second = films_from([path, path])
    assert first.key != second.key


def test_captions_beside_the_film_come_along_and_others_do_not(tmp_path: Path):
    film, *_ = _write(tmp_path, "film.mp4", "film.en.srt", "film.VTT", "filmed.srt", "other.en.srt", "film.txt")
    (only,) = films_from([film])
    assert [key for _, key in only.sidecars] == ["uploads/film.VTT", "uploads/film.en.srt"]


def test_wishes_and_posters_come_along_and_what_is_another_given_films_does_not(tmp_path: Path):
    names = ("film.json", "film.JPG", "film.mov.en.srt", "film.en.srt", "film.txt")
    one, other, *_ = _write(tmp_path, "film.mp4", "film.mov", *names)
    (alone,) = films_from([one])
    assert {key for _, key in alone.sidecars} == {"uploads/film.json", "uploads/film.JPG", "uploads/film.en.srt"}
    _, second = films_from([one, other])
    assert {key for _, key in second.sidecars} == {f"uploads/{name}" for name in names if name != "film.txt"}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("missing.mp4", "there is no such file"),
        (".", "not a file"),
        (".hidden.mp4", "hidden"),
        ("film.srt", "sidecar"),
    ],
)
def test_what_cannot_be_uploaded_is_said_before_anything_starts(tmp_path: Path, monkeypatch, path: str, says: str):
    monkeypatch.chdir(tmp_path)
    _write(tmp_path, ".hidden.mp4", "film.srt")
    with pytest.raises(NotAFile, match=says):
        films_from([path])
