"""Every rule of the lint finds what it is for: a film that passes all of them, and one fault at a time."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lint import rules
from tests.lint.films import Sidecar, packaged, presentation
from tests.lint.presentation import Broken, read_playlist
from tests.lint.test_films import everything, with_sound
from tests.local.mediaconvert import captioned
from tests.local.mediaconvert.test_captions import SHOWN, SRT

Files = dict[str, bytes]
PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("lint")
    film = with_sound(captioned.h264(folder / "cc.ts", SHOWN), folder)
    return packaged(everything(), film, folder / "scratch", Sidecar("films/a.srt", SRT))


def edit(name: str, pattern: str, new: str, count: int = 1) -> Callable[[Files], None]:
    """Another text in a manifest; that it was there before is part of the case."""

    def spoil(files: Files) -> None:
        text, made = re.subn(pattern, new, files[name].decode(), count=count)
        assert made, f"{name} has no {pattern}"
        files[name] = text.encode()

    return spoil


def patch(name: str, kind: bytes, offset: int, form: str, value: int) -> Callable[[Files], None]:
    """Another number in the body of the first box of a kind."""

    def spoil(files: Files) -> None:
        data = bytearray(files[name])
        struct.pack_into(form, data, data.index(kind) + 4 + offset, value)
        assert bytes(data) != files[name]
        files[name] = bytes(data)

    return spoil


def rename(name: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    def spoil(files: Files) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return spoil


def without(name: str) -> Callable[[Files], None]:
    return lambda files: files.pop(name) and None


def together(*spoils: Callable[[Files], None]) -> Callable[[Files], None]:
    return lambda files: [spoil(files) for spoil in spoils] and None


def captions_in_a_picture(files: Files) -> None:
    payload = b"GA94\x03"
    files["stream_a_000000001.cmfv"] += struct.pack(">I4s", 8 + len(payload), b"free") + payload


MAIN, MPD = "stream.m3u8", "stream.mpd"
TIMED = ("stream_a", "stream_b", "stream_en", "stream_51")
ENTRY = r"#EXTINF:[^\n]*\n(?:#EXT-X-BYTERANGE[^\n]*\n)?[^#\n]+\n"

#: rule -> what breaks it; ffmpeg's and Shaka Packager's own faults among them
CASES: dict[str, Callable[[Files], None]] = {
    "hls.uris_lead_somewhere": without("stream_a_000000002.cmfv"),
    "hls.playlists_are_of_films_on_demand": edit("stream_a.m3u8", "#EXT-X-ENDLIST\n", ""),
    "hls.no_wall_clock_in_a_film": edit(
        "stream_b.m3u8", "#EXTINF", "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n#EXTINF"
    ),
    "hls.target_durations_bound_segments": edit("stream_a.m3u8", "TARGETDURATION:2", "TARGETDURATION:1"),
    "hls.target_durations_are_no_longer_than_needed": together(
        *(edit(f"{name}.m3u8", "TARGETDURATION:2", "TARGETDURATION:3") for name in TIMED)
    ),
    "hls.target_durations_agree": edit("stream_en.m3u8", "TARGETDURATION:2", "TARGETDURATION:3"),
    "hls.durations_are_exact": edit("stream_a.m3u8", "#EXTINF:2,", "#EXTINF:2.067,"),
    "hls.playlists_cover_the_same_time": edit("stream_fr.m3u8", ENTRY, ""),
    "hls.segments_continue_each_other": patch("stream_a_000000002.cmfv", b"tfdt", 4, ">Q", 12_345),
    "hls.segments_begin_with_key_frames": patch("stream_a_000000002.cmfv", b"trun", 12, ">I", 0x01010000),
    "hls.renditions_are_cut_at_the_same_times": patch("stream_b_000000002.cmfv", b"tfdt", 4, ">Q", 60_000),
    "hls.init_segments_are_named": edit("stream_a.m3u8", "#EXT-X-VERSION:7", "#EXT-X-VERSION:5"),
    "hls.segments_are_said_to_be_independent": edit(MAIN, "#EXT-X-INDEPENDENT-SEGMENTS\n", ""),
    "hls.attributes_are_there": edit(MAIN, 'LANGUAGE="fr",', ""),
    "hls.pictures_are_as_large_and_fast_as_said": edit(MAIN, "FRAME-RATE=25.000", "FRAME-RATE=30.000"),
    "hls.codecs_are_those_of_the_segments": edit(MAIN, "mp4a.40.2", "ec-3"),
    "hls.parameter_sets_are_in_the_init_segments": rename("stream_ainit.cmfv", b"avc1", b"avc3"),
    "hls.video_ranges_are_those_of_the_segments": edit(MAIN, "VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ"),
    "hls.bandwidths_are_the_peaks": edit(
        MAIN, r":BANDWIDTH=\d+,AVERAGE-BANDWIDTH=(\d+)", r":BANDWIDTH=\1,AVERAGE-BANDWIDTH=\1"
    ),
    "hls.average_bandwidths_are_the_averages": edit(
        MAIN, r":BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=\d+", r":BANDWIDTH=\1,AVERAGE-BANDWIDTH=\g<1>0"
    ),
    "hls.groups_are_there": edit(MAIN, 'SUBTITLES="subs"', 'SUBTITLES="texts"'),
    "hls.names_differ_and_one_is_the_default": edit(MAIN, 'NAME="French"', 'NAME="English"'),
    "hls.groups_correspond": edit(MAIN, r'(GROUP-ID="surround".*?)DEFAULT=YES', r"\1DEFAULT=NO"),
    "hls.channels_are_counted": edit(MAIN, 'CHANNELS="6"', 'CHANNELS="2"'),
    "hls.sounds_skip_their_priming": patch("stream_eninit.cmfa", b"elst", 12, ">i", 0),
    "hls.captions_in_pictures_are_announced": captions_in_a_picture,
    "hls.i_frames_have_playlists": edit("stream_a_I-Frame.m3u8", "#EXT-X-I-FRAMES-ONLY\n", ""),
    "hls.every_i_frame_is_listed": edit("stream_a_I-Frame.m3u8", f"({ENTRY}){ENTRY}", r"\1"),
    "hls.i_frames_cover_the_film": edit("stream_a_I-Frame.m3u8", ENTRY, ""),
    "hls.images_are_grids_to_the_end": edit("stream_thumbnail.m3u8", "LAYOUT=2x2", "LAYOUT=4x2"),
    "hls.captions_have_a_timestamp_map": edit("stream_cc_000000002.vtt", "X-TIMESTAMP-MAP[^\n]*\n", ""),
    "hls.cues_are_in_their_segments": edit("stream_cc_000000001.vtt", r"\S+ --> \S+", "00:00:06.8 --> 00:00:09"),
    "hls.captions_for_the_deaf_are_marked": edit(MAIN, ",public.accessibility.describes-music-and-sound", ""),
    "hls.tracks_are_cmaf": rename("stream_b_000000001.cmfv", b"cmfs\0\0\0\0cmfs", b"msdh\0\0\0\0msdh"),
    "dash.elements_are_in_the_schemas_order": edit(MPD, r"(<Label>\w+</Label>)(\s*)(<Role[^>]*/>)", r"\3\2\1"),
    "dash.the_mpd_is_static_and_as_long_as_the_film": edit(MPD, 'Duration="PT4.04S"', 'Duration="PT4.0S"'),
    "dash.attributes_are_there": edit(MPD, ' par="16:9"', ""),
    "dash.ids_differ": edit(MPD, 'AdaptationSet id="2"', 'AdaptationSet id="1"'),
    # What this engine once did: with the edit list, the sound is 21 ms early in every player.
    "dash.timelines_are_those_of_the_segments": edit(
        MPD, 'timescale="48000"', 'timescale="48000" presentationTimeOffset="1024"'
    ),
    "dash.every_segment_is_there_and_named": edit(MPD, '<S t="0" d="50000" r="1" />', '<S t="0" d="50000" r="2" />'),
    "dash.a_set_has_one_codec_and_one_cut": edit(MPD, 'codecs="avc1', 'codecs="hvc1'),
    "dash.codecs_and_sizes_are_those_of_the_segments": edit(MPD, 'width="320"', 'width="322"'),
    "dash.bandwidths_keep_the_buffer_full": edit(MPD, r'(id="stream_a" bandwidth=")\d', r"\1"),
    "dash.images_are_grids_to_the_end": edit(MPD, "dashif.org/guidelines/thumbnail_tile", "dashif.org/thumbnails"),
    "dash.dash_offers_what_hls_offers": edit(MPD, 'contentType="text"', 'contentType="application"'),
}  # fmt: skip
RULES = {rule.name: rule for rule in (*rules.HLS, *rules.DASH)}


def test_the_film_that_is_spoiled_below_passes_every_rule(good):
    assert rules.check(presentation(good)) == []


def test_every_rule_has_a_case():
    assert list(CASES) == list(RULES)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_found_by_its_rule(good, name):
    files = dict(good)
    CASES[name](files)
    assert list(RULES[name].check(presentation(files))), "the rule lets it pass"


def test_a_file_that_cannot_be_read_is_a_finding_and_no_crash(good):
    files = {**good, "stream_a.m3u8": b"nothing"}
    assert any("stream_a.m3u8 does not begin with #EXTM3U" in found for found in rules.check(presentation(files)))
    with pytest.raises(Broken, match="does not begin"):
        read_playlist("x.m3u8", "")


def test_the_page_lists_every_rule():
    assert PAGE.read_text() == rules.page(), "run: python -m tests.lint.rules > docs/conformance.md"
