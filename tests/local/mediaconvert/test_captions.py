"""Captions from pictures and files come out as WebVTT: what is said, and when, is what was said."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import m3u8
import pytest

from pipeline.local.mediaconvert import captions, cea608, extras, ffmpeg
from pipeline.local.mediaconvert.captions import CaptionsBroken, Cue
from pipeline.local.mediaconvert.extras import ExtrasBroken
from pipeline.local.mediaconvert.plan import USER_DATA_FILE, plan_job
from pipeline.local.mediaconvert.planned import CaptionSource, JobRefused
from tests.local.mediaconvert import captioned, films
from tests.local.mediaconvert.captioned import CR, EDM, ENM, EOC, RCL, RDC, RU2, row, text, twice
from tests.local.mediaconvert.films import job, rung, sound
from tests.local.mediaconvert.test_manifests import MPD
from tests.local.mediaconvert.test_plan import picture, source
from tests.local.mediaconvert.test_worker import run
from tests.local.mediaconvert.tiny_s3 import TinyS3

# --- 608: what a decoder does ----------------------------------------------------------------------------------------


def said(*pairs: tuple[int, int], channel: int = 1, field: int = 1, end: int = 10_000) -> list[tuple[int, int, str]]:
    """Cues of pairs that come 100 ms apart."""
    timed = [(number * 100, field, first, second) for number, (first, second) in enumerate(pairs)]
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in cea608.cues(timed, channel, end)]


def test_pop_on_captions_are_shown_when_they_are_ended_and_until_they_are_erased():
    assert said(RCL, row(14), *text("Hi"), row(15), *text("you"), EOC, (0, 0), (0, 0), EDM) == [(600, 900, "Hi\nyou")]


def test_control_codes_are_sent_twice_and_count_once():
    pairs = [*twice(RCL, row(15)), *text("ab"), *twice((0x14, 0x21)), *text("c"), *twice(EOC)]
    assert said(*pairs)[0][2] == "ac"  # one backspace, not two


def test_a_caption_replaces_the_one_before():
    pairs = [RCL, row(15), *text("One"), EOC, ENM, RCL, row(15), *text("Two"), EOC]
    assert said(*pairs) == [(400, 1000, "One"), (1000, 10_000, "Two")]


def test_rolled_up_lines_appear_whole():
    pairs = [RU2, CR, row(15), *text("aa"), CR, *text("bb"), CR, *text("cc"), EDM]
    assert said(*pairs) == [(300, 400, "aa"), (400, 600, "aa\nbb"), (600, 800, "bb\ncc")]


def test_captions_are_painted_on():
    assert said(RDC, row(1), *text("Paint"), (0, 0), EDM) == [(200, 600, "Paint")]


@pytest.mark.parametrize("field, channel, codes", [(1, 1, 0x14), (1, 2, 0x1C), (2, 3, 0x15), (2, 4, 0x1D)])
def test_every_channel_has_its_own_captions(field, channel, codes):
    pairs = [(codes, 0x20), (codes - codes % 8 + 4, 0x60), *text("mine"), (codes, 0x2F)]
    for other in (1, 2, 3, 4):
        spoken = [cue[2] for cue in said(*pairs, channel=other, field=field)]
        assert spoken == (["mine"] if other == channel else []), other


def test_two_channels_of_a_field_do_not_mix():
    first = [RCL, row(15), *text("English"), EOC]
    second = [(0x1C, 0x20), (0x1C, 0x60), *text("French"), (0x1C, 0x2F)]
    assert [cue[2] for cue in said(*first, *second)] == ["English"]
    assert [cue[2] for cue in said(*first, *second, channel=2)] == ["French"]


@pytest.mark.parametrize(
    "pairs, shown",
    [
        ([(0x11, 0x37)], "♪"),
        ([(0x2A, 0x5C)], "áé"),
        ([(0x41, 0x00), (0x12, 0x20)], "Á"),  # an extended letter takes the place of the plain one before it
        ([(0x61, 0x00), (0x11, 0x2E), (0x62, 0x00)], "a b"),  # italics take a column
        ([(0x61, 0x00), (0x17, 0x22), (0x62, 0x00)], "a b"),  # a tab
        ([*text("abc"), (0x14, 0x24)], "abc"),
        ([*text("abcd"), (0x15, 0x60), (0x14, 0x24)], "abcd"),  # row 6 is empty already
        ([*text("abcd"), (0x14, 0x60), (0x14, 0x24)], ""),  # from the first column to the end of the row
    ],
)
def test_letters_and_places(pairs, shown):
    assert "".join(cue[2] for cue in said(RCL, row(15), *pairs, EOC)) == shown


def test_ratings_and_programme_names_are_no_captions():
    xds = [(0x01, 0x03), *text("Film"), (0x0F, 0x40)]
    pairs = [(0x15, 0x20), (0x14, 0x60), *text("He"), *xds, (0x15, 0x20), *text("y!"), (0x15, 0x2F)]
    assert [cue[2] for cue in said(*pairs, channel=3, field=2)] == ["Hey!"]


def test_text_mode_is_no_caption():
    assert said((0x14, 0x2A), *text("page"), EOC) == []


def test_a_film_that_begins_in_mid_caption_loses_no_more_than_it_must():
    assert [cue[2] for cue in said(*[row(15), *text("rest"), EOC])] == ["rest"]


# --- 608: from user data ---------------------------------------------------------------------------------------------


def test_pairs_are_read_from_user_data():
    data = b"\x06\x04\x30\xb5\x00\x31GA94\x03" + bytes([0x44, 0xFF]) + bytes.fromhex("fc9420 fd8080 fa0000 f89420")
    assert list(cea608.cc_pairs(data)) == [(1, 0x94, 0x20), (2, 0x80, 0x80)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GA94",
        b"GA94\x03",
        b"GA94\x03\x42",
        b"GA94\x03\x42\xff\xfc\x94",
        b"GA94\x03\x02\xff\xfc\x94\x20",
        b"GA94\x06",
    ],
)
def test_user_data_that_breaks_off_or_says_no_captions_gives_none(data):
    assert list(cea608.cc_pairs(data)) == []


def test_emulation_prevention_is_taken_out():
    assert list(cea608.cc_pairs(b"GA94\x03\x42\xff\xfc\x00\x00\x03\xfd\x80\x80")) == [(1, 0, 0), (2, 0x80, 0x80)]


@pytest.mark.parametrize("data", [b"\x00\x00", b"\x1a\x45\xdf", struct.pack(">IB", 0x1F43B675, 0x83) + b"\xa3\x81\x81"])
def test_a_file_that_is_not_matroska_is_an_error(tmp_path, data):
    (tmp_path / "x.mkv").write_bytes(data)
    with pytest.raises(CaptionsBroken, match=r"x\.mkv"):
        cea608.read_pairs(tmp_path / "x.mkv")


#: Shown from picture 20 (0.8 s) to picture 50 (2 s).
SHOWN: list[tuple[int, int] | None] = [None] * 100
SHOWN[8:13] = [RCL, row(15), *text("Hello")]
SHOWN[20], SHOWN[50] = EOC, EDM


def copied(film: Path, codec: str, folder: Path) -> Path:
    out = folder / USER_DATA_FILE
    command = [ffmpeg.ffmpeg_path(), "-v", "error", "-y", "-i", str(film), "-c:v", "copy", "-bsf:v"]
    options = ["-avoid_negative_ts", "disabled", "-f", "matroska", str(out)]
    subprocess.run([*command, cea608.COPIED[codec], *options], check=True, timeout=30)
    return out


@pytest.mark.parametrize(
    "name, codec", [("a.mp4", "h264"), ("a.ts", "h264"), ("b.mkv", "h264"), ("c.ts", "mpeg2video")]
)
def test_captions_are_copied_out_of_a_film(tmp_path, name, codec):
    make = captioned.mpeg2 if codec == "mpeg2video" else captioned.h264
    pairs = cea608.read_pairs(copied(make(tmp_path / name, SHOWN), codec, tmp_path))
    [cue] = cea608.cues(pairs, 1, 4000)
    assert (
        cue.text == "Hello" and cue.start_ms == pytest.approx(800, abs=1) and cue.end_ms == pytest.approx(2000, abs=1)
    )


# --- files -----------------------------------------------------------------------------------------------------------

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>One</i> &amp; two

2
00:00:03,000 --> 00:00:04,000
{\\an8}Three

after a blank line

3
0:00:05.5 --> 0:00:06.75
Four
"""
VTT = """WEBVTT - with a title

STYLE
::cue { color: red }

NOTE nothing

intro
00:01.000 --> 00:02.500 align:start line:0
<v Anna>One</v> <00:00:01.500><c.loud>two</c>

00:03.000 --> 00:04.000

00:05.000 --> 00:06.000
Three
and four

no cue
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_subrip_is_read(encoding, line_end):
    cues = captions.read("SRT", SRT.replace("\n", line_end).encode(encoding))
    assert cues == [
        Cue(1000, 2500, "One & two"),
        Cue(3000, 4000, "Three\nafter a blank line"),
        Cue(5500, 6750, "Four"),
    ]


def test_webvtt_is_read():
    cues = captions.read("WEBVTT", VTT.encode())
    assert cues == [Cue(1000, 2500, "One two"), Cue(5000, 6000, "Three\nand four")]


@pytest.mark.parametrize(
    "kind, data, says",
    [
        ("SRT", b"", "no cue can be read as SRT in 1 lines"),
        ("SRT", b"\xff\xd8\xff\xe0JFIF", "not UTF-8: invalid start byte at byte 0"),
        ("SRT", b"1\n00:00:02,000 --> 00:00:01,000\nbackwards\n", "no cue"),
        ("WEBVTT", SRT.encode(), "does not begin with WEBVTT"),
        ("WEBVTT", b"WEBVTT\n\nNOTE empty\n", "no cue can be read as WEBVTT"),
    ],
)
def test_what_cannot_be_read_is_an_error(kind, data, says):
    with pytest.raises(CaptionsBroken, match=says):
        captions.read(kind, data)


@pytest.mark.parametrize("by, expected", [(0, [(1000, 2500), (3000, 3500)]), (-2000, [(0, 500), (1000, 2000)])])
def test_cues_are_moved_and_end_with_the_film(by, expected):
    moved = captions.shifted(captions.read("SRT", SRT.encode()), by, 3500)
    assert [(cue.start_ms, cue.end_ms) for cue in moved][:2] == expected
    assert all(cue.end_ms <= 3500 for cue in moved)


# --- WebVTT ----------------------------------------------------------------------------------------------------------


def test_what_would_be_markup_is_text():
    assert "\n1 &lt; 2 &amp; 3 --&gt; 4\n" in captions.as_vtt([Cue(0, 1, "1 < 2 & 3 --> 4")])


def starts_of(vtt: str) -> list[str]:
    return [line[:12] for line in vtt.splitlines() if "-->" in line]


def test_a_cue_is_in_every_segment_it_is_shown_in():
    cues = [
        Cue(0, 9000, "long"),
        Cue(1000, 2000, "in the first"),
        Cue(3999, 4001, "over"),
        Cue(8000, 9000, "in the third"),
    ]
    first, second, third, fourth = captions.segments(cues, [(0, 4000), (4000, 8000), (8000, 12000), (12000, 12500)])
    assert starts_of(first) == ["00:00:00.000", "00:00:01.000", "00:00:03.999"]
    assert starts_of(second) == ["00:00:00.000", "00:00:03.999"]
    assert starts_of(third) == ["00:00:00.000", "00:00:08.000"]
    assert fourth == "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"


# --- the plan --------------------------------------------------------------------------------------------------------


def caption(modifier: str, selector: str, **description: Any) -> dict[str, Any]:
    webvtt = {"DestinationType": "WEBVTT", "WebvttDestinationSettings": description.pop("webvtt", {})}
    return {
        "NameModifier": modifier,
        "ContainerSettings": {"Container": "CMFC"},
        "CaptionDescriptions": [
            {"CaptionSelectorName": selector, "DestinationSettings": webvtt, **description},
        ],
    }


def selecting(settings: dict[str, Any], **selectors: dict[str, Any]) -> dict[str, Any]:
    settings["Inputs"][0]["CaptionSelectors"] = {
        name: {"SourceSettings": selector} for name, selector in selectors.items()
    }
    return settings


EMBEDDED = {"SourceType": "EMBEDDED"}
SIDECAR = {"SourceType": "SRT", "FileSourceSettings": {"SourceFile": "s3://films/a'b;c.srt", "TimeDelta": 2}}


def planned(*outputs: dict[str, Any], **selectors: dict[str, Any]):
    return plan_job(selecting(job(rung("_a", 320, 180), *outputs), **selectors), source(picture()))


def test_a_track_has_the_language_and_name_it_was_given():
    outputs = (
        caption("_1", "C", LanguageCode="FRA", webvtt={"Accessibility": "ENABLED"}),
        caption("_2", "C", CustomLanguageCode="pt-BR", LanguageCode="POR", LanguageDescription="Brasil"),
        caption("_3", "C"),
    )
    [group] = planned(*outputs, C=EMBEDDED).groups
    assert [(c.name, c.language, c.label, c.default, c.accessibility) for c in group.captions] == [
        ("stream_1", "fr", "French", True, True),
        ("stream_2", "pt-BR", "Brasil", False, False),
        ("stream_3", None, "Captions", False, False),
    ]


def test_a_sidecars_name_never_reaches_the_command():
    plan = planned(caption("_1", "S"), S=SIDECAR)
    [captions_source] = plan.caption_sources
    assert captions_source == CaptionSource("SRT", "captions-0", "s3://films/a'b;c.srt", shift_ms=2000)
    assert not any("a'b" in word for word in plan.arguments) and USER_DATA_FILE not in plan.arguments


@pytest.mark.parametrize("codec, there", [("h264", True), ("mpeg2video", True), ("hevc", True), ("prores", False)])
def test_user_data_is_copied_beside_the_encode(codec, there):
    settings = selecting(job(rung("_a", 320, 180), caption("_1", "C")), C=EMBEDDED)
    plan = plan_job(settings, source(picture(codec=codec)))
    assert (USER_DATA_FILE in plan.arguments) == there
    assert plan.arguments.count("-i") == 1  # the film is read once


def test_nothing_is_copied_when_nobody_asks():
    assert USER_DATA_FILE not in planned().arguments


def test_captions_alone_are_refused():
    with pytest.raises(JobRefused, match=r"1040: .*captions need a picture or sound"):
        plan_job(selecting(job(caption("_1", "S")), S=SIDECAR), source(picture()))


@pytest.mark.parametrize("data, says", [(b"nothing", "no cue can be read"), (b"x" * (33 << 20), "are too many")])
def test_a_sidecar_that_cannot_be_read_fails_the_job(tmp_path, data, says):
    (tmp_path / "captions-0").write_bytes(data)
    with pytest.raises(ExtrasBroken, match=rf"1010: Unable to open input file \[s3://b/c.srt\]: \[.*{says}"):
        extras.read_captions(CaptionSource("SRT", "captions-0", "s3://b/c.srt"), tmp_path, 1000)


# --- whole jobs ------------------------------------------------------------------------------------------------------


def vtt_names(store: TinyS3) -> Sequence[str]:
    return sorted(key.removeprefix("out/v/") for key in store.objects if key.endswith(".vtt"))


def test_captions_in_pictures_and_files_become_renditions(s3, tmp_path):
    film = captioned.h264(tmp_path / "film.ts", SHOWN)
    s3.put("films/a'b;c.srt", SRT.encode())
    outputs = (
        rung("_a", 320, 180),
        caption("_cc", "C", LanguageCode="ENG", webvtt={"Accessibility": "ENABLED"}),
        caption("_fr", "S", LanguageCode="FRA"),
    )
    settings = selecting(job(*outputs), C=EMBEDDED, S=SIDECAR)
    said = run(s3, settings, tmp_path, film)[-1]
    assert said["type"] == "complete", said
    assert [detail["durationInMs"] for detail in said["output_group_details"][0]["outputDetails"]] == [4000] * 3
    assert vtt_names(s3) == [
        f"stream_{name}{end}.vtt" for name in ("cc", "fr") for end in ("", "_000000001", "_000000002")
    ]
    first, second = (s3.objects[f"out/v/stream_cc_00000000{number}.vtt"].body.decode() for number in (1, 2))
    assert "00:00:00.800 --> 00:00:02.000\nHello\n" in first and "Hello" not in second
    assert s3.objects["out/v/stream_cc.vtt"].headers["content-type"] == "text/vtt"
    whole = s3.objects["out/v/stream_fr.vtt"].body.decode()
    assert "00:00:03.000 --> 00:00:04.000\nOne &amp; two" in whole and "TIMESTAMP" not in whole  # 2 s later
    check_playlists(s3)
    check_mpd(s3)


def check_playlists(store: TinyS3) -> None:
    playlist = m3u8.loads(store.objects["out/v/stream.m3u8"].body.decode())
    [first, second] = [media for media in playlist.media if media.type == "SUBTITLES"]
    assert (first.language, first.name, first.default, first.autoselect) == ("en", "English", "YES", "YES")
    assert "transcribes-spoken-dialog" in first.characteristics and second.characteristics is None
    assert (second.default, second.forced) == ("NO", "NO")
    [variant] = playlist.playlists
    assert variant.stream_info.subtitles == first.group_id == second.group_id
    texts = m3u8.loads(store.objects[f"out/v/{second.uri}"].body.decode())
    pictures = m3u8.loads(store.objects["out/v/stream_a.m3u8"].body.decode())
    assert [segment.duration for segment in texts.segments] == [segment.duration for segment in pictures.segments]
    assert texts.is_endlist and texts.target_duration == pictures.target_duration


def check_mpd(store: TinyS3) -> None:
    root = ElementTree.fromstring(store.objects["out/v/stream.mpd"].body)
    sets = [one for one in root.iter(f"{MPD}AdaptationSet") if one.get("contentType") == "text"]
    assert [one.get("lang") for one in sets] == ["en", "fr"]
    assert sets[0].find(f"{MPD}Accessibility").get("value") == "caption" and sets[0].find(f"{MPD}Role") is None
    assert sets[1].find(f"{MPD}Role").get("value") == "subtitle"
    assert sets[1].find(f".//{MPD}BaseURL").text == "stream_fr.vtt"


@pytest.mark.parametrize("length, ends", [("MATCH_VIDEO", [2, 2]), ("LARGE_SEGMENTS", [4])])
def test_captions_and_images_go_with_transport_streams(s3, tmp_path, length, ends):
    film = captioned.h264(tmp_path / "film.ts", SHOWN)
    text = caption("_cc", "C", LanguageCode="ENG") | {"ContainerSettings": {"Container": "M3U8"}}
    group = films.hls(
        films.hls_rung("_a", 320, 180, sounds=False), text, CaptionSegmentLengthControl=length,
        ImageBasedTrickPlay="THUMBNAIL",
    )  # fmt: skip
    settings = selecting(job(rung("_a", 320, 180), groups=(group,)), C=EMBEDDED)
    assert run(s3, settings, tmp_path, film)[-1]["type"] == "complete"
    playlist = m3u8.loads(s3.objects["out/h/ts.m3u8"].body.decode())
    assert playlist.playlists[0].stream_info.subtitles == playlist.media[0].group_id == "subs"
    texts = m3u8.loads(s3.objects[f"out/h/{playlist.media[0].uri}"].body.decode())
    assert [segment.duration for segment in texts.segments] == ends and texts.is_endlist
    first = s3.objects[f"out/h/{texts.segments[0].uri}"].body.decode()
    # The clock of the transport stream begins at two seconds, and cue time 0 is there.
    assert "X-TIMESTAMP-MAP=MPEGTS:180000,LOCAL:00:00:00.000" in first
    assert texts.segments[0].uri == "ts_cc_00001.vtt" and "00:00:00.800 --> 00:00:02.000\nHello" in first
    assert "#EXT-X-IMAGE-STREAM-INF:" in s3.objects["out/h/ts.m3u8"].body.decode()
    assert "ts_thumbnail_00001.jpg" in s3.objects["out/h/ts_thumbnail.m3u8"].body.decode()
    assert "out/h/ts_thumbnail_00001.jpg" in s3.objects


def test_dash_has_captions_whole_and_images(s3, tmp_path):
    film = captioned.h264(tmp_path / "film.ts", SHOWN)
    group = films.dash()
    group["Outputs"] = [group["Outputs"][0], caption("_cc", "C") | {"ContainerSettings": {"Container": "MPD"}}]
    group["OutputGroupSettings"]["DashIsoGroupSettings"]["ImageBasedTrickPlay"] = "THUMBNAIL"
    settings = selecting(job(rung("_a", 320, 180), groups=(group,)), C=EMBEDDED)
    assert run(s3, settings, tmp_path, film)[-1]["type"] == "complete"
    root = ElementTree.fromstring(s3.objects["out/d/dash.mpd"].body)
    assert [one.get("contentType") for one in root.iter(f"{MPD}AdaptationSet")] == ["video", "text", "image"]
    names = [key for key in s3.objects if key.startswith("out/d/") and key.endswith(".vtt")]
    assert names == ["out/d/dash_cc.vtt"] and b"Hello" in s3.objects[names[0]].body


def test_captions_go_with_sound_alone(s3, tmp_path):
    s3.put("films/a'b;c.srt", SRT.encode())
    settings = selecting(job(sound(), caption("_en", "S", LanguageCode="ENG")), S=SIDECAR)
    assert run(s3, settings, tmp_path, films.plain(tmp_path, seconds=3))[-1]["type"] == "complete"
    playlist = m3u8.loads(s3.objects["out/v/stream.m3u8"].body.decode())
    assert playlist.playlists[0].stream_info.subtitles == "subs"
    texts = m3u8.loads(s3.objects["out/v/stream_en.m3u8"].body.decode())
    sounds = m3u8.loads(s3.objects["out/v/stream_audio.m3u8"].body.decode())
    assert [s.duration for s in texts.segments] == pytest.approx([s.duration for s in sounds.segments], abs=1e-5)


def test_a_picture_without_captions_has_an_empty_track(s3, tmp_path):
    settings = selecting(job(rung("_a", 320, 180), caption("_en", "C")), C=EMBEDDED)
    assert run(s3, settings, tmp_path, films.silent(tmp_path))[-1]["type"] == "complete"
    assert s3.objects["out/v/stream_en.vtt"].body == b"WEBVTT\n"


def test_a_sidecar_that_is_not_there_is_named(s3, tmp_path):
    settings = selecting(job(rung("_a", 320, 180), caption("_en", "S")), S=SIDECAR)
    answer = run(s3, settings, tmp_path, films.silent(tmp_path))[-1]
    assert answer["code"] == 1404 and "s3://films/a'b;c.srt" in answer["message"]
