"""Which files beside a film are its own: every rule of names, and that both ways of asking give one answer."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import keys, sidecars

FOLDER = "uploads/a/"
NFC, NFD = (unicodedata.normalize(form, "Gar\u00e7on \u00e9t\u00e9") for form in ("NFC", "NFD"))


def around(*names: str) -> list[str]:
    return [f"{FOLDER}{name}" for name in names]


def beside(film: str, *names: str) -> sidecars.Beside:
    return sidecars.beside(f"{FOLDER}{film}", around(film, *names))


def files(found: sidecars.Beside) -> set[str]:
    captions = {one.key for one in found.captions}
    return {key.removeprefix(FOLDER) for key in captions | {found.poster, found.wishes} if key}


@pytest.mark.parametrize(
    ("sidecar", "films", "owners"),
    [
        ("My Film.json", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.en.srt", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.fr.forced.vtt", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.jpg", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.JPEG", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.PNG", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.EN.SRT", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.mov.json", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.mov.en.srt", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.mov.srt", ["My Film.mov"], ["My Film.mov"]),
        ("My Film.mov.jpg", ["My Film.mov", "My Film.mp4"], ["My Film.mov"]),
        ("My Film.mp4.en.srt", ["My Film.mov", "My Film.mp4"], ["My Film.mp4"]),
        ("My Film.json", ["My Film.mov", "My Film.mp4"], ["My Film.mov", "My Film.mp4"]),
        ("My Film.en.srt", ["My Film.en.mov", "My Film.mov"], ["My Film.en.mov"]),
        ("My Film.en.json", ["My Film.en.mov", "My Film.mov"], ["My Film.en.mov"]),
        ("My Film.json", ["My Film.en.mov", "My Film.mov"], ["My Film.mov"]),
        ("My Film.mov.json", ["My Film.mov", "My Film.mov.mp4"], ["My Film.mov"]),
        ("My Film.mov.srt", ["My Film.mp4"], []),
        ("My Film.part2.srt", ["My Film.mov"], []),
        ("My Film.part2.srt", ["My Film.mov", "My Film.part2.mov"], ["My Film.part2.mov"]),
        ("My Film 2.json", ["My Film.mov"], []),
        ("my film.json", ["My Film.mov"], []),
        ("My Film.json", ["My Film"], ["My Film"]),
        ("My Film.json", ["My Film", "My Film.mov"], ["My Film.mov"]),
        ("My Film.json", ["My Film", "My Film.rushes"], ["My Film", "My Film.rushes"]),
        ("My Film.json", ["My Film.pdf", "My Film.mov", "My Film.fcpxml"], ["My Film.mov"]),
        ("My Film.pdf.json", ["My Film.pdf", "My Film.mov"], ["My Film.pdf"]),
        ("My Film.txt", ["My Film.mov"], []),
        ("My Film.en.json", ["My Film.mov"], []),
        (f"{NFC}.en.srt", [f"{NFD}.mov"], [f"{NFD}.mov"]),
        (f"{NFD}.json", [f"{NFC}.mov"], [f"{NFC}.mov"]),
        (f"{NFD}.json", [f"{NFC}.mov", f"{NFD}.mov"], [f"{NFD}.mov"]),
        (".json", ["My Film.mov"], []),
        ("Dr. Strange.en.srt", ["Dr. Strange.mov"], ["Dr. Strange.mov"]),
    ],
    ids=ascii,
)
def test_whose_a_sidecar_is(sidecar, films, owners):
    assert sidecars.films_of(f"{FOLDER}{sidecar}", around(*films, sidecar)) == tuple(sorted(around(*owners)))


def test_folders_are_part_of_the_name():
    assert sidecars.films_of("uploads/b/My Film.json", around("My Film.mov")) == ()
    assert sidecars.films_of("uploads/en/b.srt", ["uploads/en.mov", "uploads/en/b.mov"]) == ("uploads/en/b.mov",)


def test_a_film_has_its_captions_poster_and_wishes():
    found = beside("My Film.mov", "My Film.json", "My Film.en.srt", "My Film.fr.forced.vtt", "My Film.png", "Other.srt")
    assert found == sidecars.Beside(
        captions=(
            sidecars.Caption(f"{FOLDER}My Film.en.srt", "en", ()),
            sidecars.Caption(f"{FOLDER}My Film.fr.forced.vtt", "fr", ("forced",)),
        ),
        poster=f"{FOLDER}My Film.png",
        wishes=f"{FOLDER}My Film.json",
        doubted=(),
        warnings=(),
    )


def test_the_whole_name_gives_the_same_language_as_the_stem():
    (caption,) = beside("My Film.mov", "My Film.mov.pt_br.sdh.srt").captions
    assert (caption.language, caption.marks) == ("pt-BR", ("sdh",))


def test_an_ambiguous_sidecar_is_nobodys_and_both_films_say_so_with_the_cure():
    for film in ("My Film.mov", "My Film.mp4"):
        found = beside(film, "My Film.mov", "My Film.mp4", "My Film.en.srt")
        assert files(found) == set()
        assert found.warnings == (
            "My Film.en.srt is not used, because it may be for My Film.mov or My Film.mp4; "
            "name it My Film.mov.en.srt or My Film.mp4.en.srt",
        )


def test_an_ambiguous_sidecar_is_not_missed_by_a_film_that_has_its_own():
    names = ("My Film.mp4", "My Film.en.srt", "My Film.mov.en.srt", "My Film.jpg", "My Film.mov.png")
    found = beside("My Film.mov", *names)
    assert files(found) == {"My Film.mov.en.srt", "My Film.mov.png"} and found.warnings == ()
    assert len(beside("My Film.mp4", "My Film.mov", *names).warnings) == 2


def test_ambiguous_wishes_are_named_as_doubted_because_one_may_ask_to_hold():
    found = beside("My Film.mov", "My Film.mp4", "My Film.json")
    assert found.wishes is None and found.doubted == (f"{FOLDER}My Film.json",) and len(found.warnings) == 1
    assert beside("My Film.mov", "My Film.mp4", "My Film.json", "My Film.mov.json").doubted == ()


@pytest.mark.parametrize(
    ("names", "used", "spare"),
    [
        (["My Film.png", "My Film.jpg"], "My Film.jpg", "My Film.png"),
        (["My Film.jpeg", "My Film.jpg"], "My Film.jpg", "My Film.jpeg"),
        (["My Film.JPG", "My Film.jpg"], "My Film.jpg", "My Film.JPG"),
        (["My Film.jpg", "My Film.mov.png"], "My Film.mov.png", "My Film.jpg"),
        (["My Film.json", "My Film.mov.json"], "My Film.mov.json", "My Film.json"),
        (["My Film.JSON", "My Film.json"], "My Film.json", "My Film.JSON"),
    ],
)
def test_of_two_posters_or_two_wishes_one_is_used_and_the_other_told(names, used, spare):
    found = beside("My Film.mov", *names)
    assert files(found) == {used}
    assert len(found.warnings) == 1 and found.warnings[0].startswith(f"{spare} is not used, because {used} is;")


def test_two_wishes_of_one_rank_are_both_looked_at_for_a_hold():
    assert beside("My Film.mov", "My Film.json", "My Film.JSON").doubted == (f"{FOLDER}My Film.JSON",)
    assert beside("My Film.mov", "My Film.json", "My Film.mov.json").doubted == ()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("My Film.part2.srt", "'part2' is neither a language nor forced, sdh or cc"),
        ("My Film.en.fr.srt", "more than one language is in its name"),
        ("My Film.mov.en.srt", "'mov' is neither a language nor forced, sdh or cc"),
    ],
)
def test_captions_that_fit_no_film_are_told(name, why):
    found = beside("My Film.mp4", name)
    assert found.captions == ()
    assert found.warnings == (f"{name} is not used: {why}; name captions like My Film.en.srt",)


def test_what_begins_with_a_longer_film_s_name_is_that_film_s_matter():
    names = ("My Film.mov", "My Film.part2.mov", "My Film.part2.odd1.srt")
    assert beside("My Film.mov", *names).warnings == ()
    assert len(beside("My Film.part2.mov", *names).warnings) == 1


def test_many_warnings_are_cut_and_counted():
    found = beside("My Film.mov", *(f"My Film.part{number}.srt" for number in range(20)))
    assert len(found.warnings) == 9 and found.warnings[-1] == "and 12 more files beside the film are not used"


def test_many_films_of_one_name_are_not_all_named():
    found = beside("f.mov", "f.json", *(f"f.{ending}" for ending in ("mkv", "mp4", "mpg", "mxf")))
    assert found.warnings == (
        "f.json is not used, because it may be for f.mkv, f.mov, f.mp4 or others; name it f.mkv.json or f.mov.json",
    )


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("uploads/f.json", True),
        ("uploads/f.srt", True),
        ("uploads/f.JPG", True),
        ("uploads/f.mov", False),
        ("uploads/f.txt", False),
        ("uploads/.f.json", False),
        ("uploads/.json", False),
        ("receipts/f.mov.json", False),
    ],
)
def test_what_is_a_sidecar(key, expected):
    assert sidecars.is_sidecar(key) is expected


# Both questions give one answer, and the listings they ask for are enough ---------------------------------------------

_words = st.sampled_from(
    ["f", "g", "en", "fr", "forced", "sdh", "mov", "mp4", "x1", "\u00e9", "e\u0301", "json", "srt", "jpg", ""]
)
_names = st.lists(_words, min_size=1, max_size=5).map(".".join)
_endings = st.sampled_from(["", ".mov", ".mp4", ".srt", ".json", ".JSON", ".jpg", ".png"])
_keys = st.builds(
    lambda folder, name, ending: f"uploads/{folder}{name}{ending}",
    st.sampled_from(["", "d/", "\u00e9/", "e\u0301/"]),
    _names,
    _endings,
)


def listed(key: str, everything: set[str]) -> set[str]:
    """What objects.keys_around finds."""
    names = sidecars.prefixes(key)
    return {each for each in everything if any(each == name or each.startswith(f"{name}.") for name in names)}


def whole_forms(key: str) -> bool:
    return any(unicodedata.is_normalized(form, part) for form in ("NFC", "NFD") for part in [keys.file_name(key)])


@given(st.sets(_keys, max_size=12))
def test_film_and_sidecar_agree_whoever_asks_and_by_what_a_listing_finds(everything):
    everything = set(filter(whole_forms, everything))
    films = set(filter(keys.is_film, everything))
    for sidecar in filter(sidecars.is_sidecar, everything):
        owners = sidecars.films_of(sidecar, everything)
        assert sidecars.films_of(sidecar, listed(sidecar, everything)) == owners
        for film in films:
            found = sidecars.beside(film, listed(film, everything))
            used = {one.key for one in found.captions} | {found.poster, found.wishes}
            if sidecar in used:
                assert owners == (film,)
            elif owners == (film,) and sidecar.endswith(".srt"):
                raise AssertionError(f"{film} does not find its {sidecar}")
            elif film in owners and sidecar not in found.doubted:
                told = " ".join(found.warnings)
                assert keys.file_name(sidecar) in told or "more files" in told or settled(found, sidecar)


def settled(found: sidecars.Beside, sidecar: str) -> bool:
    kinds = (keys.CAPTION_SUFFIXES, sidecars.POSTER_SUFFIXES, (".json",))
    own = [*(one.key for one in found.captions), found.poster or "", found.wishes or ""]
    return any(
        sidecar.lower().endswith(kind) and any(key.lower().endswith(kind) for key in own if key) for kind in kinds
    )


@given(_keys, st.sets(_keys, max_size=8))
def test_no_file_is_two_things_and_only_one_film_has_it(film, others):
    everything = {film, *others}
    if not keys.is_film(film):
        return
    found = sidecars.beside(film, everything)
    used = [one.key for one in found.captions] + [key for key in (found.poster, found.wishes) if key]
    assert len(used) == len(set(used)) and film not in used
