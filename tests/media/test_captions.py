"""Captions: sloppy sidecars in, clean WebVTT out; nothing spoken is lost in silence."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import bcp47, captions
from pipeline.media.captions import Cue
from pipeline.media.errors import SourceRejected

MINUTE = 60_000
SRT = """1
00:00:01,000 --> 00:00:03,500
Hello.

2
00:00:04,000 --> 00:00:06,000
Two
lines.
"""
HELLO = [Cue(1000, 3500, "Hello."), Cue(4000, 6000, "Two\nlines.")]


def read(text: str | bytes, duration_ms: int = MINUTE) -> captions.Captions:
    return captions.parse(text if isinstance(text, bytes) else text.encode(), "film.en.srt", duration_ms)


def vtt_blocks(vtt: str) -> list[list[str]]:
    """A strict reader of what we write (W3C WebVTT, section 6): header, then cues of a timing and its text."""
    head, *blocks = vtt.removesuffix("\n").split("\n\n")
    assert head == "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0"
    cues = [block.split("\n") for block in blocks]
    for timing, *text in cues:
        assert re.fullmatch(r"\d\d+:[0-5]\d:[0-5]\d\.\d{3} --> \d\d+:[0-5]\d:[0-5]\d\.\d{3}", timing)
        assert timing.split(" --> ")[0] < timing.split(" --> ")[1]
        assert text and all(line.strip() and "-->" not in line for line in text)
    return cues


SLOPPY = {
    "as it should be": SRT,
    "byte order mark": b"\xef\xbb\xbf" + SRT.encode(),
    "UTF-16": SRT.encode("utf-16"),
    "UTF-16, the other way": b"\xfe\xff" + SRT.encode("utf-16-be"),
    "Windows line ends": SRT.replace("\n", "\r\n"),
    "old Macintosh line ends": SRT.replace("\n", "\r"),
    "points for commas": SRT.replace(",", "."),
    "without numbers": re.sub(r"(?m)^\d\n", "", SRT),
    "without hours": SRT.replace("00:00:0", "00:0"),
    "short arrow": SRT.replace("-->", "->"),
    "no space at the arrow": SRT.replace(" --> ", "-->"),
    "no blank line between": SRT.replace("\n\n", "\n"),
    "many blank lines": SRT.replace("\n\n", "\n\n\n\n"),
    "blanks around": re.sub(r"(?m)^", "  ", SRT).replace("\n", " \n"),
    "position after the time": SRT.replace("03,500", "03,500  X1:40 X2:600 Y1:20 Y2:50"),
    "fewer digits": SRT.replace(",000", ",0").replace(",500", ",5"),
    "more digits": SRT.replace(",000", ",0009").replace(",500", ",500123"),
    "no last line end": SRT.rstrip("\n"),
    "UTF-16 without its mark": SRT.encode("utf-16-le"),
    "a mark in the middle": (SRT.replace("2\n00", "\ufeff2\n00")).encode("utf-8-sig"),
    "a mark before a time": SRT.replace("00:00:04", "\ufeff00:00:04"),
    "wrong numbers": SRT.replace("1\n00", "7\n00").replace("2\n00", "7\n00"),
    "a colon before the thousandths": SRT.replace(",", ":"),
    "a blank after the comma": SRT.replace(",", ", "),
    "a long dash": SRT.replace("-->", "\u2013>"),
    "an arrow of one letter": SRT.replace("-->", "\u2192"),
    "no blank line and no number": re.sub(r"(?m)^\d\n", "", SRT).replace("\n\n", "\n"),
    "in the wrong order": "\n".join(reversed(SRT.split("\n\n"))).replace("lines.\n\n", "lines.\n\n"),
}


@pytest.mark.parametrize("case", SLOPPY)
def test_sloppy_subrip_is_understood(case):
    found = read(SLOPPY[case])
    assert list(found.cues) == HELLO and found.warnings == ()
    assert [cue[1:] for cue in vtt_blocks(found.as_vtt())] == [["Hello."], ["Two", "lines."]]


def test_a_time_without_a_fraction_is_a_time():
    assert read("00:01 --> 00:02:03\nx").cues == (Cue(1000, MINUTE, "x"),)


def test_windows_letters_are_read():
    assert (
        read(SRT.replace("Hello", "Caf\u00e9 \u201cquoted\u201d\u2026").encode("cp1252")).cues[0].text
        == "Caf\u00e9 \u201cquoted\u201d\u2026."
    )


def test_text_after_a_blank_line_is_still_spoken():
    found = read(SRT.replace("Two\n", "Two\n\n"))
    assert list(found.cues) == HELLO
    assert read("1\n00:01,0 --> 00:02,0\nIn\n\n1999\n\n2\n00:03,0 --> 00:04,0\nb").cues[0].text == "In\n1999"


def test_a_number_that_is_spoken_is_kept():
    assert read("00:01,0 --> 00:02,0\n42\n\n00:03,0 --> 00:04,0\nb").cues[0].text == "42"


def test_cues_may_overlap_and_come_out_in_order():
    text = "00:05,0 --> 00:09,0\nlate\n\n00:01,0 --> 00:08,0\nearly\n\n00:01,0 --> 00:02,0\nshort"
    assert [cue.text for cue in read(text).cues] == ["short", "early", "late"]


def test_the_last_cue_ends_with_the_film():
    assert read("00:59,0 --> 99:00:00,0\nx").cues == (Cue(59_000, MINUTE, "x"),)


BROKEN = {
    "2\n00:00:04,000 --> 00:00:03,000\nbackwards": ("line 6: the cue ends before it starts; dropped"),
    "2\n00:00:04,000 --> 00:00:04,000\nno time": ("line 6: the cue ends before it starts; dropped"),
    "2\n-00:00:04,000 --> 00:00:05,000\nnegative": ("line 6: '-00:00:04,000 --> 00:00:05,000' is no timing; dropped"),
    "2\n00:00:0x,000 --> 00:00:05,000\ntypo": ("line 6: '00:00:0x,000 --> 00:00:05,000' is no timing; dropped"),
    "2\n00:00:04,000 -->\nno end": ("line 6: '00:00:04,000 -->' is no timing; dropped"),
    "2\n00:02:00,000 --> 00:03:00,000\nlate": ("line 6: the cue starts after the film's end; dropped"),
    "2\n00:02:00,000 --> 00:03:00,000\nlate\n\n00:04:00,000 --> 00:05:00,000\nlater": (
        "line 6 and 1 more: the cue starts after the film's end; dropped"
    ),
    "2\n00:00:04,000 --> 00:00:05,000\n\n": ("line 6: the cue has no text; dropped"),
    "2\n00:00:04,000 --> 00:00:05,000\n{\\an8}": ("line 6: the cue has no text; dropped"),
}


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_cue_is_dropped_and_named_and_the_others_stay(broken):
    found = read("1\n00:00:01,000 --> 00:00:03,500\nHello.\n\n" + broken)
    assert [cue.text for cue in found.cues] == ["Hello."]
    assert found.warnings == (BROKEN[broken],)


def test_an_arrow_in_what_is_said_is_no_timing():
    (cue,) = read("00:01,0 --> 00:02,0\nA --> B").cues
    assert cue.text == "A --&gt; B"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"WEBVTT\n\n",
        b"<html><body>no</body></html>",
        b"\x00\x01\x02\xff\xfe",
        b"1\n2\n3\n",
    ],
)
def test_a_file_in_which_nothing_can_be_read_is_refused_by_name(data):
    with pytest.raises(SourceRejected, match=r"no caption could be read in film\.en\.srt") as refused:
        read(data)
    assert refused.value.code == "INPUT_CAPTIONS_UNREADABLE"


def test_warnings_do_not_grow_without_end():
    text = SRT + "".join(f"\n{n}\n00:00:0{n % 9},x --> 1\nx\n" for n in range(3, 300))
    assert len(read(text).warnings) == 50


# WebVTT --------------------------------------------------------------------------------------------------------------

VTT = """WEBVTT - Translation of that film I like
Kind: captions

STYLE
::cue { background-image: linear-gradient(to bottom, dimgray, lightgray); }

REGION
id:fred
width:40%

NOTE
This is a note of
several lines.

intro
00:01.000 --> 00:03.500 region:fred align:left line:0 position:20%,line-left
<v Fred>Hi, <b>I am</b> <c.yellow.bg_blue>Fred</c>

NOTE one more

00:04.000 --> 00:06.000
<lang en>Rock &amp; <00:05.000>roll</lang> <ruby>&lrm;x<rt>y</rt></ruby>
"""


def test_webvtt_keeps_its_words_and_loses_its_dress():
    found = read(VTT)
    assert [cue.text for cue in found.cues] == ["Hi, <b>I am</b> Fred", "Rock &amp; roll \u200exy"]
    assert found.warnings == ()
    vtt_blocks(found.as_vtt())


def test_a_blank_line_ends_a_webvtt_cue():
    assert read("WEBVTT\n\n00:01.0 --> 00:02.0\nspoken\n\nNOTE not spoken").cues[0].text == "spoken"


# What must not reach a page ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("<b onclick=x>bold</b>", "&lt;b onclick=x&gt;bold</b>"),
        ("<I>slanted</I> <u>under</u>", "<I>slanted</I> <u>under</u>"),
        ('<font color="red">red</font>', "red"),
        ("{\\an8}{\\i1}up{\\i0}", "up"),
        ("1 < 2 && 3 > 2", "1 &lt; 2 &amp;&amp; 3 &gt; 2"),
        ("-->", "--&gt;"),
        ("nul\x00 bell\x07 page\x0c", "nul bell page"),
    ],
)
def test_markup_becomes_text(said, written):
    (cue,) = read(f"00:01,0 --> 00:02,0\n{said}").cues
    assert cue.text == written


@given(st.text(max_size=200))
def test_whatever_is_said_the_file_stays_readable(said):
    try:
        found = read(
            f"1\n00:00:01,000 --> 00:00:02,000\n{said}\n\n2\n00:00:03,000 --> 00:00:04,000\nend".encode(
                "utf-8", "replace"
            )
        )
    except SourceRejected:
        return
    cues = vtt_blocks(found.as_vtt())
    assert len(cues) == len(found.cues) >= 1
    assert not re.search(r"<(?!/?[biu]>)", found.as_vtt(), re.IGNORECASE)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(SourceRejected):
        vtt_blocks(read(b"1\n00:01,0 --> 00:02,0\nx\n\n" + data).as_vtt())


def test_our_own_output_reads_back():
    made = read(VTT).as_vtt()
    assert read(made).as_vtt() == made


# Time and memory ------------------------------------------------------------------------------------------------------

CUE = "00:00:01,000 --> 00:00:02,000\n"
#: Text that makes careless expressions take the square of its length, or raise what nobody expects.
COSTLY = {
    "opened tags": CUE + "<font " * 300_000,
    "opened overrides": CUE + "{\\" * 700_000,
    "opened times": CUE + "<1:" * 700_000,
    "blanks": CUE + " " * 2_000_000,
    "a long number": CUE + "&#" + "9" * 2_000_000 + ";",
    "a long word": CUE + "&" * 2_000_000,
    "digits": "1" * 2_000_000 + " --> 00:00:02,000\nx",
    "arrows": "-->" * 600_000,
    "arrows and digits": "->1" * 600_000 + "x",
    "colons": "1:" * 1_000_000 + "-->",
    "empty lines": CUE + "\n" * 3_000_000,
    "cues": (CUE + "x\n") * 90_000,
    "broken cues": "00:00:0x,000 --> 1\nx\n" * 150_000,
    "late cues": "00:09:00,000 --> 00:09:01,000\nx\n" * 100_000,
}


@pytest.mark.parametrize("case", COSTLY)
def test_four_megabytes_of_anything_take_seconds_at_most(case):
    began = time.process_time()
    with contextlib.suppress(SourceRejected):
        vtt_blocks(read(COSTLY[case][: captions.MOST_BYTES]).as_vtt())
    assert time.process_time() - began < 8


def test_a_file_that_is_too_long_for_words_is_refused():
    with pytest.raises(SourceRejected, match=r"film\.en\.srt is too long for captions"):
        read(b"x" * (captions.MOST_BYTES + 1))


#: What sidecars are made of, in any order: the reader must make the best of it.
PIECES = st.sampled_from(
    ["1", "2", "", "", "\n", "00:00:01,000 --> 00:00:02,500", "00:01.5 -> 00:02", "0:0:1:500-->0:0:2:500", "-->", "x",
     "00:00:03,000 --> ", "99:99:99,999 --> 100:00:00,000", "WEBVTT", "NOTE", "STYLE", "<i>Hi</i>", "<b", "42", "\r",
     "&#99999999999;", "\ufeff", "\u2028", "{\\an8}", "<00:00:01.000>", "--&gt;", "&lt;script&gt;", "\x00", "A --> B"]
)  # fmt: skip
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "iso8859_2", "koi8_r"])


@given(st.lists(PIECES | st.text(max_size=8), max_size=30), ENCODINGS, st.sampled_from(["und", "ru", "pl", "ja"]))
def test_any_order_of_what_sidecars_are_made_of_is_read_or_refused(pieces, encoding, language):
    data = "\n".join(pieces).encode(encoding, "replace")
    try:
        found = captions.parse(data, "film.srt", MINUTE, language)
    except SourceRejected as refused:
        assert refused.code == "INPUT_CAPTIONS_UNREADABLE"
        return
    assert len(vtt_blocks(found.as_vtt())) == len(found.cues) >= 1
    assert all(0 <= cue.start_ms < cue.end_ms <= MINUTE for cue in found.cues)
    again = read(found.as_vtt())
    assert [(cue.start_ms, cue.end_ms) for cue in again.cues] == [(cue.start_ms, cue.end_ms) for cue in found.cues]


# Tracks --------------------------------------------------------------------------------------------------------------


def test_two_sidecars_of_one_language_and_kind_get_numbers():
    taken: set[str] = set()
    tracks = [captions.track("en", marks, taken) for marks in ([], ["sdh"], [], ["forced"])]
    assert [track.vtt for track in tracks] == [f"captions/{name}.vtt" for name in ("en", "en-sdh", "en-2", "en-forced")]
    assert [track.label for track in tracks] == ["English", "English (SDH)", "English 2", "English (forced)"]
    assert [(track.sdh, track.forced) for track in tracks] == [
        (False, False),
        (True, False),
        (False, False),
        (False, True),
    ]


def test_a_sidecar_without_a_language_is_told_how_to_be_named():
    (first,) = captions.reported((), "My Film.srt", "und")
    assert "no language" in first and first.endswith("name it like My Film.en.srt")
    assert captions.reported((), "My Film.en.srt", "en") == []
    many = captions.reported(tuple("abcdefgh"), "My Film.en.srt", "en")
    assert many == ["a", "b", "c", "d", "e", "and 3 more"]


# Labels --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "marks", "label"),
    [
        ("en", [], "English"),
        ("EN", [], "English"),
        ("pt-BR", [], "Portugu\u00eas (BR)"),
        ("fr", ["forced"], "Fran\u00e7ais (forced)"),
        ("en", ["sdh", "cc"], "English (CC) (SDH)"),
        ("und", [], "Captions"),
        ("und", ["sdh"], "Captions (SDH)"),
        ("xx", [], "xx"),
    ],
)
def test_labels_are_in_the_languages_own_words(language, marks, label):
    assert captions.label(language, marks) == label


def test_no_two_languages_share_a_label_but_norwegian_and_its_default():
    labels = list(bcp47.LABELS.values())
    assert len(set(labels)) == len(labels)
