"""`vod check`: a good film, bad ones and badly named ones, read by the real Probe and planned by the real planner."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.media import job, price
from tests.e2e import films
from tests.media.test_images import png


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("films")


def checked(capsys, *words: str) -> tuple[int, list[dict]]:
    status = main(["check", "--json", *words])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def told(capsys, *words: str) -> str:
    main(["check", *words])
    return capsys.readouterr().out


def test_a_good_film_would_be_published_as_the_planner_has_it(folder, capsys):
    status, (report,) = checked(capsys, str(films.plain(folder, 1)))
    assert (status, report["verdict"], report["error"]) == (0, "ok", None)
    assert [(rung["name"], rung["width"], rung["height"]) for rung in report["renditions"]] == [("270p", 480, 270)]
    assert [sound["channels"] for sound in report["audio"]] == [2] and report["changes"] == []
    assert report["source"]["video"]["codec"] == "AVC" and report["download"] is False
    # Ten seconds are the least: one SD picture and the sound.
    minute = price.load().rates["basic"]
    assert report["price"]["total"] == round(float(minute / 6 + minute / 6 * price.load().audio), 4)
    assert [item["output"] for item in report["price"]["items"]] == ["Streams_270p", "Streams_audio", "Poster"]


def test_nothing_is_left_beside_the_film(folder, capsys, tmp_path):
    film = films.plain(tmp_path, 1)
    checked(capsys, str(film))
    assert list(tmp_path.iterdir()) == [film]


def test_a_profile_is_chosen_by_name(folder, capsys):
    film = str(films.plain(folder, 1))
    _, (report,) = checked(capsys, "--profile", "download", film)
    assert report["profile"] == "download" and report["download"] is True
    assert "Download" in [item["output"] for item in report["price"]["items"]]
    _, (report,) = checked(capsys, "--profile", "audio", film)
    assert report["renditions"] == [] and report["changes"] == [
        "The picture is left out: this profile publishes sound alone."
    ]


def test_an_unknown_profile_is_a_mistake_on_the_command_line(folder, capsys):
    assert main(["check", "--profile", "defualt", str(films.plain(folder, 1))]) == 2
    assert "there is no profile 'defualt'; there are default, " in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (lambda folder: films.written(folder, "empty.mp4", b""), {"INPUT_EMPTY"}),
        (lambda folder: films.written(folder, "letter.mp4", b"Dear Sir or Madam, " * 999), {"INPUT_NOT_A_FILM"}),
        (films.strange_codec, {"INPUT_CODEC_UNSUPPORTED"}),
        (films.without_index, {"INPUT_NOT_A_FILM", "INPUT_TRUNCATED", "INPUT_UNREADABLE"}),
        (films.subtitles_alone, {"INPUT_NO_PICTURE"}),
    ],
)
def test_a_bad_film_is_rejected_in_the_pipelines_words(folder, capsys, make, codes):
    film = make(folder)
    status, (report,) = checked(capsys, str(film))
    assert (status, report["verdict"]) == (3, "rejected")
    assert report["error"]["code"] in codes and report["error"]["fix"] and report["error"]["class"] == "input"
    words = told(capsys, str(film))
    assert "would be rejected" in words and report["error"]["fix"].split()[0] in words
    assert f"docs/errors.md#{report['error']['code'].lower()}" in words


def test_one_bad_film_among_good_ones_stops_none_of_them(folder, capsys):
    bad = films.written(folder, "bad.mp4", b"no film" * 100)
    status, reports = checked(capsys, str(bad), str(films.plain(folder, 1)))
    assert status == 3 and [report["verdict"] for report in reports] == ["rejected", "ok"]


def test_a_film_that_nobody_can_plan_is_no_rejection(folder, capsys, monkeypatch):
    def lost(*_):
        raise job.PlanImpossible("PLAN_IMPOSSIBLE", "no plan for this")

    monkeypatch.setattr(job, "plan_for", lost)
    status, (report,) = checked(capsys, str(films.plain(folder, 1)))
    assert (status, report["verdict"], report["error"]["code"]) == (1, "no plan", "PLAN_IMPOSSIBLE")


@pytest.mark.parametrize(
    "name", ["-rf $(x) %2e%2e [bold]é.MOV", "two\nlines\x1b[2J.mp4", "Dr. Strange", "a" * 200 + ".mp4"]
)
def test_an_ugly_name_is_only_a_name(folder, capsys, tmp_path, monkeypatch, name):
    film = tmp_path / name
    film.write_bytes(films.plain(folder, 1).read_bytes())
    status, (report,) = checked(capsys, str(film))
    assert (status, report["verdict"], report["key"]) == (0, "ok", f"uploads/{name}")
    words = told(capsys, str(film))
    assert "\x1b" not in words and "would be published" in words.splitlines()[0]
    assert ("[bold]" in words) == ("[bold]" in name)


def test_a_name_that_is_no_text_is_no_trouble(folder, capsys, tmp_path):
    film = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    Path(os.fsdecode(film)).write_bytes(films.plain(folder, 1).read_bytes())
    status, (report,) = checked(capsys, os.fsdecode(film))
    assert (status, report["verdict"]) == (0, "ok")
    assert "caf\ufffd.mp4" in told(capsys, os.fsdecode(film))


def test_what_is_no_film_by_its_name_is_a_mistake_on_the_command_line(tmp_path, capsys):
    films.written(tmp_path, "film.srt", b"1")
    assert main(["check", str(tmp_path / "film.srt")]) == 2
    assert main(["check", str(tmp_path / "nowhere.mp4")]) == 2
    assert "there is no such file" in " ".join(capsys.readouterr().err.split())


def test_captions_beside_the_film_are_read_as_the_pipeline_reads_them(folder, capsys, tmp_path):
    film = tmp_path / "talk.mp4"
    film.write_bytes(films.plain(folder, 1).read_bytes())
    films.written(tmp_path, "talk.en.srt", b"1\n00:00:00,100 --> 00:00:00,900\nHello\n")
    films.written(tmp_path, "talk.fr.vtt", b"this is no caption")
    status, (report,) = checked(capsys, str(film))
    good, bad = report["captions"]
    assert status == 0 and (good["file"], good["label"], good["cues"]) == ("talk.en.srt", "English", 1)
    assert bad["label"] is None and "no caption could be read in talk.fr.vtt" in report["warnings"]
    assert "talk.fr.vtt: left out" in told(capsys, str(film))


@pytest.fixture
def talk(folder, tmp_path) -> Path:
    film = tmp_path / "talk.mp4"
    film.write_bytes(films.plain(folder, 1).read_bytes())
    return film


def test_wishes_beside_the_film_are_followed_as_the_pipeline_follows_them(talk, capsys):
    wished = {"title": "A Talk", "profile": "download", "poster_time": 0.5, "tags": ["a", "b"], "publish": "hold"}
    films.written(talk.parent, "talk.json", json.dumps(wished).encode())
    films.written(talk.parent, "talk.png", png(640, 360) + b"IEND")
    status, (report,) = checked(capsys, str(talk))
    assert (status, report["title"], report["profile"], report["download"]) == (0, "A Talk", "download", True)
    assert report["wishes"] == {
        "title": "A Talk", "tags": ["a", "b"], "profile": "download", "poster_at_ms": 500, "publish": "hold",
    }  # fmt: skip
    assert report["poster"] == {
        "file": "talk.png", "path": "poster-sidecar.png", "width": 640, "height": 360, "warnings": [],
    }  # fmt: skip
    words = told(capsys, str(talk))
    assert "poster     talk.png, 640x360" in words
    assert "wishes     title A Talk, tags a + b, profile download, poster_time 00:00:00.5, publish hold" in words


def test_wishes_that_cannot_be_followed_reject_the_film_with_field_and_line(talk, capsys):
    films.written(talk.parent, "talk.json", b'{\n "profle": "download",\n "publish": "later"}')
    status, (report,) = checked(capsys, str(talk))
    assert (status, report["verdict"], report["error"]["code"]) == (3, "rejected", "INPUT_SIDECAR_WRONG")
    lines = [line.strip() for line in told(capsys, str(talk)).splitlines()]
    assert 'talk.json, line 2, column 2, "profle": no such field; did you mean "profile"?' in lines
    assert 'talk.json, line 3, column 13, "publish": "later" should be "now" or "hold"' in lines


def test_what_cannot_be_done_with_this_film_is_told(talk, capsys):
    films.written(talk.parent, "talk.json", b'{"poster_time": 5, "audio_languages": ["en", "fr"]}')
    films.written(talk.parent, "talk.jpg", b"GIF89a")
    status, (report,) = checked(capsys, str(talk))
    assert status == 0 and report["poster"] is None
    assert report["warnings"] == [
        "talk.jpg goes before poster_time as the poster",
        "talk.jpg is not used as the poster: it begins neither as JPEG nor as PNG; save it as JPEG or PNG",
        'audio_languages: "fr" is for a track that is not there; the film has 1 sound track',
        "poster_time 00:00:05 is not followed: the film ends at 00:00:01.",
    ]


def test_what_may_be_another_films_is_told(talk, capsys):
    films.written(talk.parent, "talk.mov", b"another film, or the same one")
    films.written(talk.parent, "talk.en.srt", b"1\n00:00:00,100 --> 00:00:00,900\nHello\n")
    _, (report,) = checked(capsys, str(talk))
    assert report["captions"] == [] and report["warnings"] == [
        "talk.en.srt is not used, because it may be for talk.mov or talk.mp4; "
        "name it talk.mov.en.srt or talk.mp4.en.srt"
    ]


# Money and length ----------------------------------------------------------------------------------------------------


def test_the_report_has_the_minutes_of_the_film_and_those_of_the_bill(folder, capsys):
    _, (report,) = checked(capsys, str(films.plain(folder, 1)))
    assert report["minutes"] == {"film": 0.02, "billed": 0.5} and report["accelerated"] is False
    words = told(capsys, str(films.plain(folder, 1)))
    assert "for 0.5 minutes of outputs (us-east-1, prices of " in words and "without Poster: no price known" in words
    assert "dearer" not in words


def test_acceleration_is_priced_where_somebody_says_so(folder, capsys):
    film = str(films.plain(folder, 1))
    _, (plain,) = checked(capsys, film)
    _, (dear,) = checked(capsys, "--accelerated", film)
    assert dear["accelerated"] and dear["price"]["total"] > plain["price"]["total"]
    assert "dearer     accelerated transcoding: MediaConvert's professional tier" in told(capsys, "--accelerated", film)


def test_what_has_no_price_is_not_what_makes_it_dearer(folder, capsys):
    words = told(capsys, "--profile", "av1", str(films.plain(folder, 1)))
    assert "dearer     AV1: MediaConvert's professional tier" in words


def test_several_films_are_summed_up(folder, capsys):
    bad = films.written(folder, "bad too.mp4", b"no film" * 100)
    good = films.plain(folder, 1)
    last = told(capsys, str(bad), str(good)).splitlines()[-1]
    assert last.startswith("2 films: 1 would be published, 1 would be rejected; about 0.00") and "USD" in last
    assert "altogether" not in told(capsys, str(good))
    assert told(capsys, str(bad), str(bad)).splitlines()[-1] == "2 films: 2 would be rejected"


def test_a_file_that_was_copied_by_half_is_told_before_anybody_pays_for_it(folder, capsys, tmp_path):
    whole = films.plain(folder, 1).read_bytes()
    half = films.written(tmp_path, "half.mp4", whole[: len(whole) * 2 // 3])
    status, (report,) = checked(capsys, str(half))
    assert (status, report["verdict"]) == (3, "rejected") and report["error"]["code"] == "INPUT_TRUNCATED"


def test_a_file_that_lacks_a_little_is_warned_of(folder, capsys, tmp_path):
    """A box of four bytes more than there are, at the end."""
    whole = films.plain(folder, 1).read_bytes()
    more = films.written(tmp_path, "more.mp4", whole + (12).to_bytes(4, "big") + b"free")
    status, (report,) = checked(capsys, str(more))
    assert (status, report["verdict"]) == (0, "ok")
    assert report["warnings"][0] == (
        f"more.mp4 has {len(whole) + 8:,} bytes, and by its own index it should have {len(whole) + 12:,}: "
        "its end may be missing."
    )
