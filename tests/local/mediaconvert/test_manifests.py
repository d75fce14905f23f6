"""Playlists and MPD say the truth to the letter. Pure: tracks are made up, parsers are other people's."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

import m3u8
import pytest

from pipeline.local.mediaconvert import manifests
from pipeline.local.mediaconvert.cmaf import IFrame, Segment, Track
from pipeline.local.mediaconvert.manifests import PackagedAudio, PackagedVideo
from pipeline.local.mediaconvert.planned import AudioRendition, CmafGroup, Picture, VideoRendition

MPD = "{urn:mpeg:dash:schema:mpd:2011}"


def track(durations: list[int], sizes: list[int], **fields: Any) -> Track:
    segments, start = [], 0
    for number, (duration, size) in enumerate(zip(durations, sizes, strict=True), 1):
        frames = (IFrame(24, size // 4, duration // 2), IFrame(size // 2, size // 4, duration - duration // 2))
        segments.append(Segment(number, start, duration, size, frames))
        start += duration
    fixed: dict[str, Any] = {
        "kind": "video", "timescale": 30000, "codec": "avc1.64001f", "init": b"", "width": 1280, "height": 720,
    }  # fmt: skip
    return Track(segments=tuple(segments), **fixed | fields)


def video(
    name: str = "stream_720p", groups: tuple[str, ...] = (), i_frames: bool = True, **fields: Any
) -> PackagedVideo:
    rendition = VideoRendition(
        output=0, name=name, file="", picture=Picture((1280, 720), (1280, 720)), frame_rate=Fraction(30000, 1001),
        gop_frames=60, max_bitrate=6_000_000, audio_groups=groups, i_frame_playlist=i_frames,
    )  # fmt: skip
    return PackagedVideo(rendition, track([120120, 120120, 50050], [1_000_000, 2_000_000, 400_000], **fields))


def audio(name: str = "stream_audio", **fields: Any) -> PackagedAudio:
    fixed: dict[str, Any] = {
        "group_id": "audio",
        "language": "en",
        "label": "English",
        "default": True,
        "autoselect": True,
    }
    rendition = AudioRendition(output=1, name=name, file="", **fixed | fields)
    sound = track(
        [192_512, 191_488, 81_920], [64_000, 64_000, 27_000], kind="audio", timescale=48000, codec="mp4a.40.2",
        channels=2, width=0, height=0,
    )  # fmt: skip
    return PackagedAudio(rendition, sound)


def group(**fields: Any) -> CmafGroup:
    fixed: dict[str, Any] = {
        "index": 0, "bucket": "out", "prefix": "v/", "base": "stream", "segment_seconds": Fraction(4),
        "gops_per_segment": 2, "video": (), "audio": (), "hls": True, "dash": True, "minimum_buffer_seconds": None,
        "bandwidth_in_mpd": None,
    }  # fmt: skip
    return CmafGroup(**fixed | fields)


def everything(**fields: Any) -> dict[str, str]:
    return manifests.manifests(group(**fields), [video(groups=("audio",))], [audio()])


# --- names -----------------------------------------------------------------------------------------------------------


def test_files_have_mediaconverts_names():
    names = ["stream_720p.m3u8", "stream_audio.m3u8", "stream_720p_I-Frame.m3u8", "stream.m3u8", "stream.mpd"]
    assert list(everything()) == names
    assert manifests.init_name("stream_720p", video().track) == "stream_720pinit.cmfv"
    assert manifests.segment_name("stream_audio", audio().track, 7) == "stream_audio_000000007.cmfa"


@pytest.mark.parametrize("hls, dash, names", [(False, True, 1), (True, False, 4), (False, False, 0)])
def test_only_the_manifests_asked_for_are_written(hls, dash, names):
    assert len(everything(hls=hls, dash=dash)) == names


# --- rates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "durations, sizes, target, peak",
    [
        ([4, 4, 4], [100, 200, 100], 4, 400),
        ([4, 4, 1], [100, 100, 100], 4, 320),  # the last second alone is less than half a target duration: with its
        ([4, 4, 2], [100, 100, 100], 4, 400),  # neighbour it counts; two seconds count alone
        ([1, 2], [1, 1], 8, 6),  # no run is long enough: the average, rounded up
    ],
)
def test_bandwidth_is_the_highest_rate_a_player_meets(durations, sizes, target, peak):
    assert manifests.peak_rate(track(durations, sizes, timescale=1), target) == peak


@pytest.mark.parametrize(
    "durations, target",
    [([120120, 120120], 4), ([134999], 4), ([135000], 5), ([3000], 1)],
)
def test_the_target_duration_is_rounded_to_the_nearest_second(durations, target):
    assert manifests.target_duration([track(durations, [8] * len(durations))]) == target


@pytest.mark.parametrize(
    "value, text",
    [(Fraction(4), "4"), (Fraction(4004, 1000), "4.004"), (Fraction(10, 3), "3.333333"), (Fraction(0), "0")],
)
def test_seconds_are_written_exactly(value, text):
    assert manifests.decimal(value) == text


# --- HLS -------------------------------------------------------------------------------------------------------------


def test_the_multivariant_playlist_tells_rates_with_sound():
    playlist = m3u8.loads(everything()["stream.m3u8"])
    [variant] = playlist.playlists
    info, picture, sound = variant.stream_info, video().track, audio().track
    assert info.bandwidth == manifests.peak_rate(picture, 4) + manifests.peak_rate(sound, 4)
    assert info.average_bandwidth == manifests.average_rate(picture) + manifests.average_rate(sound)
    assert info.bandwidth > info.average_bandwidth
    assert (info.resolution, info.frame_rate, info.codecs) == ((1280, 720), 29.97, "avc1.64001f,mp4a.40.2")
    assert (info.video_range, info.closed_captions, info.audio) == ("SDR", "NONE", "audio")
    assert playlist.is_independent_segments and variant.uri == "stream_720p.m3u8"


def test_sound_is_a_rendition_with_its_language():
    [media] = m3u8.loads(everything()["stream.m3u8"]).media
    assert (media.type, media.group_id, media.language, media.name) == ("AUDIO", "audio", "en", "English")
    assert (media.default, media.autoselect, media.channels, media.uri) == ("YES", "YES", "2", "stream_audio.m3u8")


def test_i_frames_have_a_playlist_of_byte_ranges():
    files = everything()
    [variant] = m3u8.loads(files["stream.m3u8"]).iframe_playlists
    assert variant.uri == "stream_720p_I-Frame.m3u8" and variant.iframe_stream_info.resolution == (1280, 720)
    playlist = m3u8.loads(files[variant.uri])
    assert playlist.is_i_frames_only and len(playlist.segments) == 6
    assert playlist.segments[0].byterange == "250000@24" and playlist.segments[0].duration == 2.002
    assert playlist.target_duration == 2


def test_without_i_frame_playlists_none_is_named():
    files = manifests.manifests(group(), [video(i_frames=False)], [])
    assert list(files) == ["stream_720p.m3u8", "stream.m3u8", "stream.mpd"] and "I-FRAME" not in files["stream.m3u8"]


def test_a_media_playlist_is_complete():
    text = everything()["stream_720p.m3u8"]
    playlist = m3u8.loads(text)
    assert playlist.playlist_type == "vod" and playlist.is_endlist and playlist.target_duration == 4
    assert [segment.duration for segment in playlist.segments] == [4.004, 4.004, 1.668333]
    assert playlist.segment_map[0].uri == "stream_720pinit.cmfv"
    assert [segment.uri for segment in playlist.segments][2] == "stream_720p_000000003.cmfv"


def test_a_film_without_sound_names_no_audio_group():
    text = manifests.manifests(group(), [video()], [])["stream.m3u8"]
    assert "AUDIO" not in text and 'CODECS="avc1.64001f"' in text


def test_sound_without_a_picture_is_a_variant_of_its_own():
    files = manifests.manifests(group(), [], [audio()])
    playlist = m3u8.loads(files["stream.m3u8"])
    assert [variant.uri for variant in playlist.playlists] == ["stream_audio.m3u8"]
    assert playlist.playlists[0].stream_info.codecs == "mp4a.40.2"
    assert len(ElementTree.fromstring(files["stream.mpd"]).findall(f".//{MPD}AdaptationSet")) == 1


def test_a_variant_of_sound_alone_is_in_no_group_and_no_picture_plays_with_it():
    files = manifests.manifests(group(), [video()], [audio("a"), audio("b", default=False, variant=True)])
    playlist = m3u8.loads(files["stream.m3u8"])
    assert [media.uri for media in playlist.media] == ["a.m3u8"]
    assert [(v.uri, v.stream_info.audio) for v in playlist.playlists] == [
        ("stream_720p.m3u8", "audio"),
        ("b.m3u8", None),
    ]
    alone = m3u8.loads(manifests.manifests(group(), [], [audio("b", variant=True)])["stream.m3u8"])
    assert [v.uri for v in alone.playlists] == ["b.m3u8"] and not alone.media


def test_renditions_of_one_group_have_different_names_and_one_default():
    text = manifests.manifests(group(), [video()], [audio("a"), audio("b"), audio("c", label="French", language="fr")])
    media = m3u8.loads(text["stream.m3u8"]).media
    assert [(m.name, m.default) for m in media] == [("English", "YES"), ("English 2", "NO"), ("French", "NO")]


def test_what_is_the_default_in_one_group_is_in_all():
    sounds = [
        audio("a"), audio("b", label="French", language="fr", default=False),
        audio("c", group_id="surround", default=False, autoselect=False),
        audio("d", group_id="surround", label="French", language="fr", default=False),
    ]  # fmt: skip
    media = m3u8.loads(manifests.manifests(group(), [video()], sounds)["stream.m3u8"]).media
    assert [(m.group_id, m.name, m.default, m.autoselect) for m in media] == [
        ("audio", "English", "YES", "YES"), ("audio", "French", "NO", "YES"),
        ("surround", "English", "YES", "YES"), ("surround", "French", "NO", "YES"),
    ]  # fmt: skip


def test_a_language_nobody_knows_is_said_to_be_unknown():
    files = manifests.manifests(group(), [video()], [audio(language=None)])
    assert m3u8.loads(files["stream.m3u8"]).media[0].language == "und" and 'lang="und"' in files["stream.mpd"]


def test_a_short_last_i_frame_is_no_peak():
    """Its own rate, over the one frame that it lasts, is of no use to a player: RFC 8216bis counts in runs."""
    frames = (IFrame(24, 10_000, 60_060), IFrame(30_000, 10_000, 1001))
    item = video()
    short = dataclasses.replace(
        item, track=dataclasses.replace(item.track, segments=(Segment(1, 0, 61_061, 1, frames),))
    )
    [variant] = m3u8.loads(manifests.manifests(group(), [short], [])["stream.m3u8"]).iframe_playlists
    assert variant.iframe_stream_info.bandwidth == -(-20_000 * 8 * 30_000 // 61_061)


def test_a_video_plays_with_each_of_its_audio_groups():
    pictures = [video(groups=("stereo", "surround"))]
    sounds = [audio("a", group_id="stereo"), audio("b", group_id="surround"), audio("c", group_id="other")]
    playlist = m3u8.loads(manifests.manifests(group(), pictures, sounds)["stream.m3u8"])
    assert [variant.stream_info.audio for variant in playlist.playlists] == ["stereo", "surround"]


@pytest.mark.parametrize("name", ['My Film & <you>\'s "cut"', "日本語 100%", "a?b#c$d"])
def test_any_name_is_a_safe_uri(name):
    pictures, sounds = [video(name)], [audio(name + "_a", label='He said "hi"\nthere')]
    files = manifests.manifests(group(base=name), pictures, sounds)
    playlist = m3u8.loads(files[f"{name}.m3u8"])
    assert playlist.media[0].name == "He said 'hi' there"
    template = ElementTree.fromstring(files[f"{name}.mpd"]).find(f".//{MPD}SegmentTemplate")
    for uri in (
        playlist.playlists[0].uri,
        template.get("initialization"),
        template.get("media").replace("$Number%09d$", ""),
    ):
        assert uri.isascii() and not set(uri) & set(" \"'<>?#$")


# --- DASH ------------------------------------------------------------------------------------------------------------


def mpd(**fields: Any) -> ElementTree.Element:
    return ElementTree.fromstring(everything(**fields)["stream.mpd"])


def test_the_mpd_is_a_static_main_profile():
    root = mpd()
    assert (root.get("type"), root.get("profiles")) == ("static", "urn:mpeg:dash:profile:isoff-main:2011")
    assert root.get("mediaPresentationDuration") == "PT9.676333S" and root.get("minBufferTime") == "PT4S"


def test_timelines_are_exact_and_short():
    timelines = [[dict(s.attrib) for s in timeline] for timeline in mpd().iter(f"{MPD}SegmentTimeline")]
    assert timelines[0] == [{"t": "0", "d": "120120", "r": "1"}, {"t": "240240", "d": "50050"}]
    assert [entry["t"] for entry in timelines[1]] == ["0", "192512", "384000"]


def test_nothing_is_offset_for_players_apply_the_edit_list():
    """An offset as well would play the sound 21 ms early: Chromium was seen to apply both."""
    assert not [one for one in mpd().iter() if one.get("presentationTimeOffset")]


def test_picture_and_sound_are_sets_apart():
    pictures, sounds = mpd().iter(f"{MPD}AdaptationSet")
    assert (pictures.get("contentType"), sounds.get("contentType"), sounds.get("lang")) == ("video", "audio", "en")
    assert sounds.find(f"{MPD}Role").get("value") == "main" and sounds.find(f"{MPD}Label").text == "English"
    assert sounds.find(f".//{MPD}AudioChannelConfiguration").get("value") == "2"
    shown = pictures.find(f"{MPD}Representation")
    assert (shown.get("width"), shown.get("frameRate"), shown.get("sar")) == ("1280", "30000/1001", "1:1")


@pytest.mark.parametrize(
    "kind, rate",
    [
        ("AVERAGE", manifests.average_rate(video().track)),
        ("MAX", 6_000_000),
        (None, manifests.sustained_rate(video().track, 4)),
    ],
)
def test_the_mpds_bandwidth_is_of_the_kind_asked_for(kind, rate):
    assert mpd(bandwidth_in_mpd=kind).find(f".//{MPD}Representation").get("bandwidth") == str(rate)


@pytest.mark.parametrize(
    "durations, sizes, buffer, rate",
    [
        ([4, 4, 4], [100, 100, 100], 4, 200),
        ([4, 4, 4], [100, 200, 100], 4, 400),  # begun at the second segment, with four seconds to wait
        ([4, 4, 4], [100, 200, 100], 8, 200),
        ([2], [100], 4, 200),
        ([1, 1], [1, 1], 1, 8),
    ],
)
def test_dashs_bandwidth_keeps_a_players_buffer_filled(durations, sizes, buffer, rate):
    found = manifests.sustained_rate(track(durations, sizes, timescale=1), buffer)
    assert found == rate


def test_a_minimum_buffer_is_passed_on():
    assert mpd(minimum_buffer_seconds=30).get("minBufferTime") == "PT30S"


def encoded(name: str, codec: str, **fields: Any) -> PackagedVideo:
    item = video(name, codec=codec)
    return dataclasses.replace(item, rendition=dataclasses.replace(item.rendition, **fields))


def test_players_switch_within_one_codec_and_one_range():
    pictures = [
        encoded("a", "avc1.64001f"), encoded("b", "hvc1.1.6.L93.90"), encoded("c", "avc1.64001e"),
        encoded("d", "hvc1.2.4.L120.90", video_range="PQ"), encoded("e", "av01.0.05M.08"),
        encoded("f", "hvc1.2.4.L120.90", video_range="HLG"),
    ]  # fmt: skip
    root = ElementTree.fromstring(manifests.manifests(group(), pictures, [audio()])["stream.mpd"])
    sets = list(root.iter(f"{MPD}AdaptationSet"))
    ids = [[one.get("id") for one in adaptation_set.iter(f"{MPD}Representation")] for adaptation_set in sets]
    assert ids == [["a", "c"], ["b"], ["d"], ["e"], ["f"], ["stream_audio"]]
    assert [one.get("id") for one in sets] == ["1", "2", "3", "4", "5", "6"]
    assert {one.get("par") for one in sets} == {"16:9", None}
    transfer = "urn:mpeg:mpegB:cicp:TransferCharacteristics"
    told = {kind: [one.get("value") for one in root.iter(f"{MPD}{kind}") if one.get("schemeIdUri") == transfer]
            for kind in ("EssentialProperty", "SupplementalProperty")}  # fmt: skip
    assert told == {"EssentialProperty": ["16"], "SupplementalProperty": ["18"]}


def test_hls_says_which_variants_are_hdr():
    pictures = [encoded("a", "avc1.64001f"), encoded("b", "hvc1.2.4.L120.90", video_range="PQ")]
    text = manifests.manifests(group(), pictures, [])["stream.m3u8"]
    ranges = [line.partition("VIDEO-RANGE=")[2].partition(",")[0] for line in text.splitlines() if "RANGE" in line]
    assert ranges == ["SDR", "PQ", "SDR", "PQ"]  # the variants, then their I-frames


def test_every_frame_rate_is_written_as_dash_has_it():
    slow = dataclasses.replace(video().rendition, frame_rate=Fraction(25))
    files = manifests.manifests(group(), [PackagedVideo(slow, video().track)], [])
    assert ElementTree.fromstring(files["stream.mpd"]).find(f".//{MPD}Representation").get("frameRate") == "25"
