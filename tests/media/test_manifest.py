"""Manifests: MediaConvert's are understood, ours differ from them by paths and captions alone.

tests/media/samples/stream.* are in MediaConvert's form, published.* are ours made from them; to change those on
purpose: VOD_UPDATE_GOLDEN=1 python -m pytest tests/media/test_manifest.py
"""

from __future__ import annotations

import contextlib
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import manifest
from pipeline.media.manifest import CaptionTrack, ManifestBroken

SAMPLES = Path(__file__).parent / "samples"
MULTIVARIANT = (SAMPLES / "stream.m3u8").read_text()
MEDIA = (SAMPLES / "stream_1080p.m3u8").read_text()
MPD = (SAMPLES / "stream.mpd").read_text()
FOLDER = "v/0123456789-r1/"
CAPTIONS = (
    CaptionTrack("en", "English", "captions/en.vtt", "captions/en.m3u8"),
    CaptionTrack("pt-BR", "Portugu\u00eas (BR) (SDH)", "captions/pt-br-sdh.vtt", "captions/pt-br-sdh.m3u8", sdh=True),
    CaptionTrack("fr", "Fran\u00e7ais (forced)", "captions/fr-forced.vtt", "captions/fr-forced.m3u8", forced=True),
    CaptionTrack("und", "Captions", "captions/und.vtt", "captions/und.m3u8"),
)
DASH = {"": manifest.MPD_NAMESPACE}


# Reading -------------------------------------------------------------------------------------------------------------


def test_variants_are_read_with_what_they_say():
    best, least = manifest.multivariant(MULTIVARIANT).variants
    codecs = "avc1.640028,mp4a.40.2"
    assert best == manifest.Variant(
        "stream_1080p.m3u8", 8829344, 3521088, codecs, 1920, 1080, frame_rate=29.97, audio="audio"
    )
    assert (least.uri, least.width) == ("stream_360p.m3u8", 640)


def test_the_sound_has_a_playlist_of_its_own():
    (sound,) = manifest.multivariant(MULTIVARIANT).of_kind("AUDIO")
    assert sound == manifest.Media("AUDIO", "audio", "English", "eng", "stream_audio.m3u8", True, False, 2, "")


def test_a_media_playlist_is_its_segments():
    playlist = manifest.media_playlist(MEDIA, "stream_1080p.m3u8")
    assert playlist.init == "stream_1080pinit.cmfv" and playlist.ended and playlist.duration_ms == 10_010
    assert [segment.uri[-8:] for segment in playlist.segments] == ["001.cmfv", "002.cmfv", "003.cmfv"]


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("PT10.010S", 10_010),
        ("PT1M0S", 60_000),
        ("PT2H3M4.5S", 7_384_500),
        ("P1DT1S", 86_401_000),
        ("PT0S", 0),
    ],
)
def test_durations_of_the_mpd(written, milliseconds):
    assert manifest.mpd_duration_ms(MPD.replace('Duration="PT10.010S"', f'Duration="{written}"', 1)) == milliseconds


def test_every_representation_is_read_with_what_its_set_says_for_all():
    pictures = ((1920, 1080, "avc1.640028"), (640, 360, "avc1.64001E"))
    assert manifest.representations(MPD) == (
        *(manifest.Representation(*each) for each in pictures),
        manifest.Representation(0, 0, "mp4a.40.2", "audio"),
    )
    shared = MPD.replace(' codecs="mp4a.40.2"', "").replace('lang="eng"', 'lang="eng" codecs="mp4a.40.5"')
    assert manifest.representations(shared)[2].codecs == "mp4a.40.5"


BAD_MULTIVARIANT = {
    "empty": "",
    "a web page": "<html></html>",
    "no variant": "#EXTM3U\n#EXT-X-VERSION:6\n",
    "no uri": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n",
    "a tag for a uri": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-ENDLIST\n",
    "a rate in words": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=fast\na.m3u8\n",
    "half a size": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1280\na.m3u8\n",
    "a size in words": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=bigxsmall\na.m3u8\n",
}
BAD_MEDIA = {
    "empty": "",
    "no segment": "#EXTM3U\n#EXT-X-ENDLIST\n",
    "no duration": "#EXTM3U\nsegment.cmfv\n",
    "a duration in words": "#EXTM3U\n#EXTINF:long,\nsegment.cmfv\n",
    "not a number": "#EXTM3U\n#EXTINF:nan,\nsegment.cmfv\n",
    "negative": "#EXTM3U\n#EXTINF:-4,\nsegment.cmfv\n",
}
BAD_MPD = {
    "empty": "",
    "torn": MPD[:400],
    "another root": "<SmoothStreamingMedia/>",
    "another namespace": "<MPD mediaPresentationDuration='PT1S'/>",
    "no duration": MPD.replace("mediaPresentationDuration", "nothing"),
    "a duration in words": MPD.replace('"PT10.010S"', '"ten"'),
    "two points": MPD.replace('"PT10.010S"', '"PT1.0.1S"'),
    "entities": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa">]>' + MPD.split("\n", 1)[1],
}


@pytest.mark.parametrize("case", BAD_MULTIVARIANT)
def test_a_broken_multivariant_playlist_is_told(case):
    with pytest.raises(ManifestBroken):
        manifest.multivariant(BAD_MULTIVARIANT[case])


def test_rewriting_a_playlist_without_variants_is_told():
    with pytest.raises(ManifestBroken, match="lists no variant"):
        manifest.hls(BAD_MULTIVARIANT["no variant"], FOLDER, CAPTIONS)


@pytest.mark.parametrize("case", BAD_MEDIA)
def test_a_broken_media_playlist_is_told_by_name(case):
    with pytest.raises(ManifestBroken, match=r"stream_1080p\.m3u8"):
        manifest.media_playlist(BAD_MEDIA[case], "stream_1080p.m3u8")


@pytest.mark.parametrize("case", BAD_MPD)
def test_a_broken_mpd_is_told(case):
    with pytest.raises(ManifestBroken):
        manifest.mpd_duration_ms(BAD_MPD[case])


def test_an_mpd_that_cannot_be_rewritten_is_told():
    for broken in (MPD.replace("Period", "Era"), MPD.replace("<Period", "<BaseURL>x/</BaseURL><Period", 1)):
        with pytest.raises(ManifestBroken):
            manifest.dash(broken, FOLDER, ())


@given(st.text(max_size=300))
def test_no_text_breaks_the_readers_in_another_way(text):
    for read in (
        manifest.multivariant,
        lambda t: manifest.media_playlist(t, "n"),
        manifest.mpd_duration_ms,
    ):
        for candidate in (text, "#EXTM3U\n" + text, "#EXTM3U\n#EXT-X-STREAM-INF:" + text + "\na\n"):
            with contextlib.suppress(ManifestBroken):
                read(candidate)


# Writing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("published.m3u8", manifest.hls(MULTIVARIANT, FOLDER, CAPTIONS)),
        ("published.mpd", manifest.dash(MPD, FOLDER, CAPTIONS)),
    ],
)
def test_what_viewers_open(name, made):
    path = SAMPLES / name
    if os.environ.get("VOD_UPDATE_GOLDEN"):
        path.write_text(made)
    assert made == path.read_text()


def test_without_captions_only_the_paths_change():
    assert manifest.hls(MULTIVARIANT, "", ()) == MULTIVARIANT
    assert manifest.hls(MULTIVARIANT, FOLDER, ()).replace(FOLDER, "") == MULTIVARIANT
    assert ET.canonicalize(manifest.dash(MPD, "", ())) == ET.canonicalize(MPD)


def test_another_parser_reads_our_playlist():
    read = m3u8.loads(manifest.hls(MULTIVARIANT, FOLDER, CAPTIONS))
    assert [playlist.uri for playlist in read.playlists] == [f"{FOLDER}stream_1080p.m3u8", f"{FOLDER}stream_360p.m3u8"]
    assert all(playlist.stream_info.subtitles == "captions" for playlist in read.playlists)
    subtitles = [media for media in read.media if media.type == "SUBTITLES"]
    assert [(media.name, media.language, media.forced) for media in subtitles] == [
        ("English", "en", "NO"),
        ("Portugu\u00eas (BR) (SDH)", "pt-BR", "NO"),
        ("Fran\u00e7ais (forced)", "fr", "YES"),
        ("Captions", None, "NO"),
    ]
    assert "transcribes-spoken-dialog" in subtitles[1].characteristics
    assert [media.uri for media in read.media if media.type == "AUDIO"] == [f"{FOLDER}stream_audio.m3u8"]
    assert read.iframe_playlists[0].uri == f"{FOLDER}stream_1080p_I-Frame.m3u8"


OF_THE_FILM = MULTIVARIANT.replace(
    "#EXT-X-STREAM-INF",
    '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",LANGUAGE="eng",NAME="English",URI="stream_cc.m3u8"\n#EXT-X-STREAM-INF',
    1,
).replace('AUDIO="audio"', 'AUDIO="audio",SUBTITLES="subs"')


def test_captions_of_the_film_and_from_beside_it_are_one_group():
    """A variant names one group only, and the names in a group differ."""
    made = manifest.hls(OF_THE_FILM, FOLDER, CAPTIONS[:1])
    assert made.count('SUBTITLES="captions"') == 2 and "subs" not in made
    texts = manifest.multivariant(made).of_kind("SUBTITLES")
    assert [(each.group, each.name, each.uri) for each in texts] == [
        ("captions", "English", f"{FOLDER}stream_cc.m3u8"),
        ("captions", "English 2", f"{FOLDER}captions/en.m3u8"),
    ]
    assert manifest.hls(made, "", ()) == made, "a second rewriting changes nothing"


HEVC = "stream_360p.m3u8"


def test_a_range_that_is_not_said_is_added_and_one_that_is_said_stays():
    lines = manifest.hls(MULTIVARIANT, "", (), {HEVC: "PQ"}).splitlines()
    assert [line.endswith(",VIDEO-RANGE=PQ") for line in lines if line.startswith("#EXT-X-STREAM-INF")] == [False, True]
    said = MULTIVARIANT.replace("FRAME-RATE=29.970", "FRAME-RATE=29.970,VIDEO-RANGE=HLG")
    assert manifest.hls(said, "", (), {HEVC: "PQ"}) == said


def test_no_closed_captions_are_promised_where_there_are_none():
    silent = manifest.hls(MULTIVARIANT, "", (), closed_captions=False)
    assert silent.count(",CLOSED-CAPTIONS=NONE\n") == 2
    assert manifest.hls(silent, "", (), closed_captions=False) == silent, "said once"
    assert "CLOSED-CAPTIONS" not in manifest.hls(MULTIVARIANT, "", ())


def test_every_kind_of_uri_is_moved_and_no_absolute_one():
    more = (
        '#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,RESOLUTION=80x46,CODECS="jpeg",URI="stream_thumbnail.m3u8"\n'
        '#EXT-X-SESSION-DATA:DATA-ID="a",URI="https://example.com/a.json"\n'
    )
    made = manifest.hls(MULTIVARIANT + more, FOLDER, ())
    assert f'URI="{FOLDER}stream_thumbnail.m3u8"' in made and 'URI="https://example.com/a.json"' in made
    assert manifest.multivariant(made).images == (f"{FOLDER}stream_thumbnail.m3u8",)
    assert manifest.multivariant(made).i_frames == (f"{FOLDER}stream_1080p_I-Frame.m3u8",)


def test_ranges_of_bytes_follow_each_other():
    text = "#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:10@5\na\n#EXTINF:1,\n#EXT-X-BYTERANGE:7\na\n#EXTINF:1,\nb\n"
    parts = manifest.media_playlist(text, "n").segments
    assert [(each.uri, each.first, each.length) for each in parts] == [("a", 5, 10), ("a", 15, 7), ("b", 0, 0)]


BAD_PARTS = {
    "a layout without tiles": "#EXT-X-TILES:RESOLUTION=80x46,LAYOUT=0x4,DURATION=1",
    "a layout in words": "#EXT-X-TILES:RESOLUTION=80x46,LAYOUT=many,DURATION=1",
    "a range in words": "#EXT-X-BYTERANGE:all",
    "a negative range": "#EXT-X-BYTERANGE:-1@0",
}


@pytest.mark.parametrize("case", BAD_PARTS)
def test_broken_ranges_and_tiles_are_told(case):
    with pytest.raises(ManifestBroken):
        manifest.media_playlist(f"#EXTM3U\n#EXTINF:1,\n{BAD_PARTS[case]}\na.jpg\n", "n.m3u8")


def test_the_mpd_keeps_its_namespaces_and_begins_with_the_base_url():
    made = manifest.dash(MPD, FOLDER, CAPTIONS)
    assert "ns0:" not in made and 'xlink:actuate="onRequest"' in made and "xsi:schemaLocation" in made
    root = ET.fromstring(made)
    assert root[0].tag.endswith("BaseURL") and root[0].text == FOLDER
    texts = [each for each in root.find("Period", DASH) if each.get("contentType") == "text"]
    assert [(each.get("lang"), each.find("Role", DASH).get("value")) for each in texts] == [
        ("en", "subtitle"),
        ("pt-BR", "caption"),
        ("fr", "forced-subtitle"),
        ("und", "subtitle"),
    ]
    assert [child.tag.split("}")[1] for child in texts[0]] == ["Label", "Role", "Representation"]
    assert [child.tag.split("}")[1] for child in texts[1]] == ["Label", "Accessibility", "Role", "Representation"]
    assert texts[1].find("Accessibility", DASH).get("value") == "2", "for the hard of hearing"
    identities = [each.get("id") for each in root.iter(f"{{{manifest.MPD_NAMESPACE}}}Representation")]
    assert len(set(identities)) == len(identities)


# An update -----------------------------------------------------------------------------------------------------------

ENCODE, UPDATE = "v/0123456789-r1/", "v/0123456789-r2/"


def test_an_updates_playlist_takes_pictures_from_one_folder_and_captions_from_another():
    away = manifest.hls(MULTIVARIANT, "../0123456789-r1/", ())
    kept = manifest.hls(away, "", CAPTIONS, {"../0123456789-r1/" + HEVC: "PQ"})
    assert "\n../0123456789-r1/stream_1080p.m3u8\n" in kept and 'URI="captions/en.m3u8"' in kept
    assert kept.count("VIDEO-RANGE=PQ") == 1
    made = manifest.hls(kept, UPDATE, ())
    assert ".." not in made
    of_one = manifest.hls(manifest.hls(MULTIVARIANT, "", CAPTIONS, {HEVC: "PQ"}), ENCODE, ())
    assert made == of_one.replace(f"{ENCODE}captions/", f"{UPDATE}captions/")


def test_an_updates_mpd_names_the_folder_of_each_set():
    kept = manifest.dash(MPD, "", CAPTIONS, "../0123456789-r1/")
    root = ET.fromstring(manifest.dash(kept, UPDATE, ()))
    assert root.find("BaseURL", DASH) is None
    folders = {
        each.get("mimeType", "").split("/")[0]: each.findtext("BaseURL", None, DASH)
        for each in root.find("Period", DASH)
    }
    assert folders == {"video": ENCODE, "audio": ENCODE, "text": UPDATE}
    for each in root.find("Period", DASH):
        order = [child.tag.split("}")[1] for child in each]
        assert order.count("BaseURL") == 1
        assert set(order[order.index("BaseURL") + 1 :]) <= {"SegmentTemplate", "Representation"}
        assert not {"SegmentTemplate", "Representation"} & set(order[: order.index("BaseURL")])


@pytest.mark.parametrize(
    ("folder", "uri", "whole"),
    [
        ("v/two/", "a.m3u8", "v/two/a.m3u8"),
        ("v/two/", "../one/a.m3u8", "v/one/a.m3u8"),
        ("v/two/", "../one/", "v/one/"),
        ("", "../one/a.m3u8", "../one/a.m3u8"),
        ("v/two/", "https://example.com/../a", "https://example.com/../a"),
        ("v/two/", "/a/../b", "/a/../b"),
    ],
)
def test_a_uri_is_seen_from_elsewhere(folder, uri, whole):
    made = manifest.hls(f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{uri}\n", folder, ())
    assert made.splitlines()[-1] == whole


def test_the_base_url_comes_after_program_information():
    described = MPD.replace("<Period", "<ProgramInformation><Title>x</Title></ProgramInformation><Period", 1)
    tags = [child.tag.split("}")[1] for child in ET.fromstring(manifest.dash(described, FOLDER, ()))]
    assert tags == ["ProgramInformation", "BaseURL", "Period"]


NASTY = 'a"b,URI="evil.m3u8"\n#EXT-X-ENDLIST\r\u2028</Label><script>&'


def test_a_label_cannot_break_out_of_its_attribute():
    track = CaptionTrack("en", NASTY, "captions/en.vtt", "captions/en.m3u8")
    text = manifest.hls(MULTIVARIANT, FOLDER, (track,))
    assert len(text.splitlines()) == len(MULTIVARIANT.splitlines()) + 1
    (media,) = [media for media in m3u8.loads(text).media if media.type == "SUBTITLES"]
    assert media.uri == f"{FOLDER}captions/en.m3u8" and media.name.startswith("a'b,URI='evil")
    label = ET.fromstring(manifest.dash(MPD, FOLDER, (track,))).find(
        ".//AdaptationSet[@contentType='text']/Label", DASH
    )
    assert "<script>" in label.text, "as text, not as an element"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_label_leaves_the_playlist_readable(text):
    track = CaptionTrack("en", text, "captions/en.vtt", "captions/en.m3u8")
    made = manifest.hls(MULTIVARIANT, FOLDER, (track,))
    assert len(manifest.multivariant(made).variants) == 2
    assert [media.uri for media in m3u8.loads(made).media if media.type == "SUBTITLES"] == [f"{FOLDER}captions/en.m3u8"]
    ET.fromstring(manifest.dash(MPD, FOLDER, (track,)))


@pytest.mark.parametrize(
    ("milliseconds", "target"), [(10_010, 11), (20_000, 20), (21_000, 21), (100, 1), (7_200_500, 7201)]
)
def test_a_caption_playlist_is_one_segment_as_long_as_the_film(milliseconds, target):
    read = m3u8.loads(manifest.caption_playlist("en.vtt", milliseconds))
    assert read.target_duration == target and read.is_endlist and len(read.segments) == 1
    assert read.segments[0].uri == "en.vtt" and read.segments[0].duration * 1000 == pytest.approx(milliseconds)
    assert manifest.media_playlist(manifest.caption_playlist("en.vtt", milliseconds), "n").duration_ms == milliseconds
