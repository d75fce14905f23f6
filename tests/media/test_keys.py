"""Keys of every ugly kind become ids that S3, Step Functions, DynamoDB and URLs all take."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import keys
from tests.media.films import upload

UGLY = [
    "uploads/My Film.mov",
    "uploads/ leading and trailing .mp4 ",
    "uploads/" + unicodedata.normalize("NFC", "Gar\u00e7on br\u00fbl\u00e9.mp4"),
    "uploads/" + unicodedata.normalize("NFD", "Gar\u00e7on br\u00fbl\u00e9.mp4"),
    "uploads/\u96e8\u591c\u306e\u6620\u753b.mp4",
    "uploads/\U0001f3ac.mov",
    "uploads/a+b.mp4",
    "uploads/100%25.mp4",
    "uploads/tom & jerry.mp4",
    "uploads/#1?.mp4",
    "uploads/../../etc/passwd.mp4",
    "uploads/a/../b.mp4",
    "uploads//double//slash.mp4",
    'uploads/it\'s "quoted".mp4',
    "uploads/line\nbreak.mp4",
    "uploads/tab\tand\x01control.mp4",
    "uploads/$(rm -rf ~);`id`.mp4",
    "uploads/<script>alert(1)</script>.mp4",
    "uploads/-i.mp4",
    "uploads/noextension",
    "uploads/" + "long " * 180 + ".mp4",
    "uploads/" + "\u6620" * 320 + ".mp4",
    "uploads/one/film.mp4",
    "uploads/two/film.mp4",
    "uploads/one/film.mov",
]
key_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).map(
    lambda text: "uploads/" + text
)


@pytest.mark.parametrize("key", UGLY, ids=ascii)
def test_every_id_of_an_ugly_key_is_small_letters_digits_and_hyphens(key):
    made = upload(key)
    for text in (made.asset_id, made.version, made.run, made.execution_name):
        assert re.fullmatch(r"[a-z0-9-]+", text)
    assert len(made.execution_name) <= 80
    assert len(made.with_revision(999_999).execution_name) <= 80
    assert made.run_prefix == f"a/{made.asset_id}/v/{made.version}-r1/"
    assert made.work_prefix == f"w/{made.asset_id}/{made.version}-r1/"


def test_no_two_of_the_ugly_keys_share_an_asset():
    assert len({keys.asset_id("b", key) for key in UGLY}) == len(UGLY)


def test_one_key_in_two_buckets_is_two_assets():
    assert keys.asset_id("one", "uploads/film.mp4") != keys.asset_id("two", "uploads/film.mp4")


@pytest.mark.parametrize(
    ("key", "slug"),
    [
        ("uploads/My Film.mov", "my-film"),
        ("uploads/Gar\u00e7on.mp4", "garcon"),
        ("uploads/\u96e8\u591c.mp4", "film"),
        ("uploads/2001: A Space Odyssey (1968).mkv", "2001-a-space-odyssey-1968"),
        ("uploads/" + "x" * 100 + ".mp4", "x" * 40),
        ("uploads/" + "y" * 39 + " z.mp4", "y" * 39),
    ],
)
def test_an_asset_id_begins_with_what_people_called_the_film(key, slug):
    assert re.fullmatch(re.escape(slug) + "-[0-9a-f]{12}", keys.asset_id("b", key))


@given(key_text, key_text)
def test_distinct_keys_have_distinct_assets_and_an_asset_is_stable(one, other):
    assert keys.asset_id("b", one) == keys.asset_id("b", one)
    assert (keys.asset_id("b", one) == keys.asset_id("b", other)) == (one == other)


@given(key_text, st.integers(min_value=1, max_value=999_999))
def test_execution_names_always_fit(key, revision):
    name = upload(key).with_revision(revision).execution_name
    assert len(name) <= 80 and re.fullmatch(r"[a-z0-9-]+", name)


# Versions and their order --------------------------------------------------------------------------------------------


def test_a_version_is_the_upload_and_not_the_event():
    again = upload(sequencer="00617F08299329D18A")
    assert again.version == upload().version


@pytest.mark.parametrize("version_id", [None, "null"])
def test_without_versioning_etag_and_sequencer_tell_uploads_apart(version_id):
    first = keys.version(version_id, "etag", "0A")
    assert first == keys.version(version_id, "etag", "0A")
    assert len({first, keys.version(version_id, "etag", "0B"), keys.version(version_id, "other", "0A")}) == 3


hexadecimal = st.text("0123456789ABCDEF", min_size=1, max_size=32)


@given(hexadecimal, hexadecimal)
def test_order_follows_s3s_rule_for_sequencers_of_different_length(one, other):
    """S3 User Guide, "Event message structure": right-pad the shorter value with zeros, then compare."""
    width = max(len(one), len(other))
    padded = one.ljust(width, "0"), other.ljust(width, "0")
    assert (keys.order(one) < keys.order(other)) == (padded[0] < padded[1])
    assert (keys.order(one) == keys.order(other)) == (padded[0] == padded[1])


def test_order_does_not_care_for_the_case_of_digits():
    assert keys.order("00ab") == keys.order("00AB") and keys.order("00ab") < keys.order("00B0")


# Receipts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", UGLY, ids=ascii)
def test_a_receipt_lies_under_receipts_and_fits_into_a_key(key):
    receipt = keys.receipt_key(key)
    assert receipt.startswith("receipts/") and receipt.endswith(".json") and len(receipt.encode()) <= 1024


def test_a_receipt_lies_at_the_same_path_as_its_upload():
    assert keys.receipt_key("uploads/team/My Film.mov") == "receipts/team/My Film.mov.json"
    assert keys.receipt_key("uploads/team/My Film.mov", ".html") == "receipts/team/My Film.mov.html"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=330, max_size=339), st.data())
def test_two_long_uploads_never_share_a_receipt(text, data):
    one, other = f"uploads/{text}", f"uploads/{text[:-1]}{data.draw(st.sampled_from('ab'))}"
    for key in (one, other):
        assert len(keys.receipt_key(key).encode()) <= 1024
    assert (keys.receipt_key(one) == keys.receipt_key(other)) == (one == other)


def test_what_we_write_never_starts_the_pipeline():
    assert not any(
        prefix.startswith(keys.UPLOADS) or keys.UPLOADS.startswith(prefix) for prefix in keys.WRITTEN_PREFIXES
    )


# Films and their sidecars --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "film"),
    [
        ("uploads/film.mp4", True),
        ("uploads/film", True),
        ("uploads/letter.pdf", True),
        ("uploads/FILM.SRT", False),
        ("uploads/film.en.vtt", False),
        ("uploads/folder/", False),
        ("uploads/", False),
        ("uploads/.DS_Store", False),
        ("uploads/.hidden.mp4", False),
        ("uploads/~$film.mp4", False),
        ("uploads/Thumbs.db", False),
        ("uploads/film.jpg", False),
        ("receipts/film.mp4.json", False),
        ("film.mp4", False),
    ],
)
def test_what_counts_as_a_film(key, film):
    assert keys.is_film(key) is film


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("uploads/My Film.mov", "My Film"),
        ("uploads/a/b/film.final.v2.mp4", "film.final.v2"),
        ("uploads/noextension", "noextension"),
        ("uploads/Dr. Strange", "Dr. Strange"),
        ("uploads/film. ", "film"),
        ("uploads/ film .mp4 ", "film"),
        ("uploads/ .mp4", "Untitled"),
    ],
)
def test_a_title_is_the_file_name_without_its_extension(key, title):
    assert keys.title(key) == title


FILM = "uploads/team/film.mov"


@pytest.mark.parametrize(
    ("candidate", "parts"),
    [
        ("uploads/team/film.srt", ("und", set(), "srt")),
        ("uploads/team/film.VTT", ("und", set(), "vtt")),
        ("uploads/team/film.en.srt", ("en", set(), "srt")),
        ("uploads/team/film.pt-BR.vtt", ("pt-BR", set(), "vtt")),
        ("uploads/team/film.zh-Hans-CN.srt", ("zh-Hans-CN", set(), "srt")),
        ("uploads/team/film.fr.forced.vtt", ("fr", {"forced"}, "vtt")),
        ("uploads/team/film.en.SDH.srt", ("en", {"sdh"}, "srt")),
        ("uploads/team/film.en.cc.forced.srt", ("en", {"cc", "forced"}, "srt")),
        ("uploads/team/film.sdh.srt", ("und", {"sdh"}, "srt")),
        ("uploads/team/film.cc.srt", ("und", {"cc"}, "srt")),
        ("uploads/team/film.forced.srt", ("und", {"forced"}, "srt")),
        ("uploads/team/film.English.srt", ("en", set(), "srt")),
        ("uploads/team/film.eng.srt", ("en", set(), "srt")),
        ("uploads/team/film.PT_br.srt", ("pt-BR", set(), "srt")),
        ("uploads/team/film.ZH-hant-tw.vtt", ("zh-Hant-TW", set(), "vtt")),
        ("uploads/team/film.forced.fr.vtt", ("fr", {"forced"}, "vtt")),
        ("uploads/team/film.en.fr.srt", None),
        ("uploads/team/film.part2.srt", None),
        ("uploads/team/film.en..srt", None),
        ("uploads/team/film.2.srt", None),
        ("uploads/team/filmed.srt", None),
        ("uploads/team/film.en.txt", None),
        ("uploads/team/film.mov", None),
        ("uploads/film.srt", None),
        ("uploads/team/film.en.srt\n", None),
    ],
    ids=lambda value: ascii(value) if isinstance(value, str) else "",  # a set's order differs between processes
)
def test_which_sidecars_belong_to_a_film(candidate, parts):
    found = keys.caption_parts(FILM, candidate)
    assert (found and (found[0], set(found[1]), found[2])) == parts


@pytest.mark.parametrize("key", UGLY, ids=ascii)
def test_an_ugly_film_finds_its_own_captions(key):
    assert keys.caption_parts(key, f"{keys.stem(key)}.en.srt") == ("en", frozenset(), "srt")
