"""What more can be promised than a picture and a sound: languages, surround, codecs, captions, thumbnails."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.media import bcp47, manifest, outputs
from pipeline.media.errors import OutputMissing, OutputWrong, SourceRejected, VodError
from pipeline.media.promise import Picture, Promise, Sound, promised
from tests.media import tracks
from tests.media.encoded import encoded
from tests.media.test_outputs import Run, film, playlist, replace

GROUPS = ("audio", "surround")
EVERYTHING = Promise(
    base="stream",
    pictures=(
        Picture("1080p", "H_264", 1920, 1080, True, GROUPS),
        Picture("1080p_hevc", "H_265", 1920, 1080, True, GROUPS),
        Picture("720p_av1", "AV1", 1280, 720, False, GROUPS),
    ),
    sounds=(
        Sound("audio_eng", "AAC", "audio", 1, 2),
        Sound("audio_fra", "AAC", "audio", 2, 2),
        Sound("surround", "AAC", "surround", 1, 6),
    ),
    texts=("cc1",),
    images=True,
    closed_captions=False,
    poster=True,
    download=False,
)
#: Its renditions; the variants are written below.
MULTIVARIANT = (Path(__file__).parent / "samples" / "every-kind.m3u8").read_text()
RANGES = {"1080p": "SDR", "1080p_hevc": "PQ", "720p_av1": "SDR"}
CODECS = {"1080p": "avc1.64001F", "1080p_hevc": "hvc1.2.4.L153.B0", "720p_av1": "av01.0.04M.08"}
INITS = {
    "1080p": tracks.VIDEO_INIT,
    "1080p_hevc": tracks.init(tracks.hevc("0220000000B0000000000099", 16)),
    "720p_av1": tracks.init(tracks.av1("040C00")),
}


def variants() -> str:
    lines = []
    for picture in EVERYTHING.pictures:
        for group in GROUPS:
            size = f"RESOLUTION={picture.width}x{picture.height},FRAME-RATE=25.000,VIDEO-RANGE={RANGES[picture.name]}"
            codecs = f'CODECS="{CODECS[picture.name]},mp4a.40.2"'
            lines.append(f'#EXT-X-STREAM-INF:BANDWIDTH=900000,{codecs},{size},AUDIO="{group}",SUBTITLES="subs"')
            lines.append(f"stream_{picture.name}.m3u8")
        if picture.i_frames:
            uri = f"stream_{picture.name}_I-Frame.m3u8"
            lines.append(f'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI="{uri}"')
    lines.append('#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=9000,RESOLUTION=80x46,CODECS="jpeg",URI="stream_thumbnail.m3u8"')
    return "\n".join(lines) + "\n"


def i_frames(name: str) -> str:
    return (
        f'#EXTM3U\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI="stream_{name}init.cmfv"\n'
        f"#EXTINF:4,\n#EXT-X-BYTERANGE:600@100\nstream_{name}_000000001.cmfv\n"
        f"#EXTINF:6,\n#EXT-X-BYTERANGE:100\nstream_{name}_000000001.cmfv\n#EXT-X-ENDLIST\n"
    )


THUMBNAILS = "#EXTM3U\n#EXT-X-IMAGES-ONLY\n" + "".join(
    f"#EXTINF:{seconds},\n#EXT-X-TILES:RESOLUTION=80x46,LAYOUT=2x3,DURATION=1\nstream_thumbnail_{n:09d}.jpg\n"
    for n, seconds in ((1, 6), (2, 4))
)
TEXT = "#EXTM3U\n#EXTINF:8,\nstream_cc1_000000001.vtt\n#EXTINF:2,\nstream_cc1_000000002.vtt\n#EXT-X-ENDLIST\n"


def mpd() -> str:
    pictures = "".join(
        f'<Representation width="{each.width}" height="{each.height}" codecs="{CODECS[each.name]}"/>'
        for each in EVERYTHING.pictures
    )
    sounds = "".join(
        '<AdaptationSet contentType="audio"><Representation codecs="mp4a.40.2"/></AdaptationSet>' for _ in range(3)
    )
    return (
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT10S"><Period>'
        f'<AdaptationSet mimeType="video/mp4">{pictures}</AdaptationSet>{sounds}'
        '<AdaptationSet mimeType="text/vtt"><Representation/></AdaptationSet>'
        '<AdaptationSet mimeType="image/jpeg"><Representation width="160" height="138"/></AdaptationSet>'
        "</Period></MPD>"
    )


class Rich(Run):
    """A run's folder with everything that MediaConvert can be asked for."""

    def __init__(self) -> None:
        self.texts = {"stream.m3u8": MULTIVARIANT + variants(), "stream.mpd": mpd()}
        self.texts |= {f"stream_{each.name}.m3u8": playlist(f"stream_{each.name}") for each in EVERYTHING.pictures}
        self.texts |= {
            f"stream_{each.name}.m3u8": playlist(f"stream_{each.name}", "cmfa") for each in EVERYTHING.sounds
        }
        self.texts |= {f"stream_{name}_I-Frame.m3u8": i_frames(name) for name in ("1080p", "1080p_hevc")}
        self.texts |= {"stream_thumbnail.m3u8": THUMBNAILS, "stream_cc1.m3u8": TEXT}
        named = re.findall(r"stream_\w+\.(?:cmf[va]|vtt|jpg)", "\n".join(self.texts.values()))
        self.sizes = {name: 1000 for name in (*self.texts, *named)} | {"poster.0000001.jpg": 700}

    def verify(self, promise: Promise = EVERYTHING, film_ms: int = 10_000, *sounds_ms: int | None) -> outputs.Verified:
        source = film(film_ms, *(sounds_ms or (10_000, 10_000)))
        return outputs.verify(self.read(promise), self.sizes, promise, source, "My Film.mov")


def heads() -> dict[str, outputs.Head]:
    pictures = {f"stream_{name}.m3u8": outputs.Head(init, tracks.segment()) for name, init in INITS.items()}
    sounds = {
        f"stream_{each.name}.m3u8": outputs.Head(tracks.AUDIO_INIT, tracks.segment()) for each in EVERYTHING.sounds
    }
    return pictures | sounds


def test_everything_is_described_as_it_exists():
    run = Rich()
    verified = outputs.check_heads(run.verify(), run.read(EVERYTHING), heads())
    assert [(each.name, each.codecs.split(",")[0], each.video_range) for each in verified.renditions] == [
        ("1080p", "avc1.64001F", "SDR"),
        ("1080p_hevc", "hvc1.2.4.L153.B0", "PQ"),
        ("720p_av1", "av01.0.04M.08", "SDR"),
    ]
    assert verified.renditions[0].frame_rate == 25.0
    assert [(each.language, each.label, each.group, each.channels, each.default) for each in verified.audio] == [
        ("en", "English", "audio", 2, True),
        ("fr", "French", "audio", 2, False),
        ("en", "English 5.1", "surround", 6, True),
    ]
    assert verified.captions == (outputs.TextRendition("stream_cc1.m3u8", "en", "CC1", forced=False, sdh=True),)
    assert outputs.first_image(run.read(EVERYTHING)) == ("stream_thumbnail.m3u8", "stream_thumbnail_000000001.jpg")


Change = Callable[[Rich], Any]
SPOILT: dict[str, tuple[Change, type[Exception], str]] = {
    "a language is missing": (
        replace("stream.m3u8", "stream_audio_fra.m3u8", "stream_audio_eng.m3u8"),
        OutputMissing,
        "stream_audio_fra.m3u8 is not in the multivariant playlist",
    ),
    "a language has no segments": (
        lambda run: run.sizes.pop("stream_audio_fra_000000002.cmfa"),
        OutputMissing,
        "stream_audio_fra_000000002.cmfa",
    ),
    "surround is in the group of stereo": (
        replace("stream.m3u8", 'GROUP-ID="surround"', 'GROUP-ID="audio"'),
        OutputWrong,
        "stream_surround.m3u8 is in the group 'audio', planned 'surround'",
    ),
    "a picture is not offered with surround": (
        replace("stream.m3u8", 'VIDEO-RANGE=PQ,AUDIO="surround"', 'VIDEO-RANGE=PQ,AUDIO="audio"'),
        OutputMissing,
        "does not offer 1080p_hevc with the sounds of the group 'surround'",
    ),
    "another codec than planned": (
        replace("stream.m3u8", "av01.0.04M.08", "avc1.64001F"),
        OutputWrong,
        "720p_av1 is avc1.64001F,mp4a.40.2, planned AV1",
    ),
    "the captions are not listed": (
        replace("stream.m3u8", "TYPE=SUBTITLES", "TYPE=VIDEO"),
        OutputMissing,
        "the captions stream_cc1.m3u8 are not in stream.m3u8",
    ),
    "captions without words": (
        lambda run: run.sizes.update({"stream_cc1_000000002.vtt": 0}),
        OutputMissing,
        "stream_cc1_000000002.vtt",
    ),
    "an I-frame playlist is not listed": (
        replace("stream.m3u8", '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI="stream_1080p_I', '#X:URI="x'),
        OutputMissing,
        "stream.m3u8 has 1 I-frame playlists, 2 were asked for",
    ),
    "an I-frame beyond its segment": (
        lambda run: run.sizes.update({"stream_1080p_000000001.cmfv": 799}),
        OutputWrong,
        "names 100 bytes from byte 700 of stream_1080p_000000001.cmfv, which has 799",
    ),
    "no thumbnails in HLS": (
        replace("stream.m3u8", "#EXT-X-IMAGE-STREAM-INF", "#EXT-X-NOTHING"),
        OutputMissing,
        "stream.m3u8 has no thumbnails",
    ),
    "no thumbnails in DASH": (
        replace("stream.mpd", "image/jpeg", "application/ttml+xml"),
        OutputMissing,
        "stream.mpd has no thumbnails",
    ),
    "a tile is missing": (
        lambda run: run.sizes.pop("stream_thumbnail_000000002.jpg"),
        OutputMissing,
        "stream_thumbnail_000000002.jpg",
    ),
    "DASH has fewer sounds": (
        replace("stream.mpd", 'contentType="audio"', 'contentType="video"'),
        OutputMissing,
        "stream.mpd offers 0 representations of sound, stream.m3u8 has 3 playlists",
    ),
    "DASH has no captions": (
        replace("stream.mpd", "text/vtt", "image/png"),
        OutputMissing,
        "stream.mpd offers 0 representations of text, stream.m3u8 has 1 playlists",
    ),
    "one language breaks off": (
        lambda run: run.texts.update({"stream_audio_fra.m3u8": playlist("stream_audio_fra", "cmfa", [4.0])}),
        OutputWrong,
        "the sound of stream_audio_fra.m3u8 ends after 4.0 s, the source's lasts 10.0 s",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_missing_or_wrong_is_named(case):
    change, error, says = SPOILT[case]
    run = Rich()
    change(run)
    with pytest.raises(error) as stopped:
        run.verify()
    assert says in stopped.value.message and stopped.value.evidence


def test_each_sound_is_measured_by_its_own_track():
    """The second language of the source ends early, and so may its rendition."""
    run = Rich()
    run.texts["stream_audio_fra.m3u8"] = playlist("stream_audio_fra", "cmfa", [4.0])
    assert run.verify(EVERYTHING, 10_000, 10_000, 4_000).has_audio


def test_a_range_that_the_bytes_deny_is_stopped():
    run = Rich()
    streams, hlg = run.read(EVERYTHING), tracks.init(tracks.hevc("0220000000B0000000000099", 18))
    with pytest.raises(OutputWrong, match=r"stream_1080p_hevc\.m3u8 is HLG, the multivariant playlist says PQ"):
        outputs.check_heads(
            run.verify(), streams, {**heads(), "stream_1080p_hevc.m3u8": outputs.Head(hlg, tracks.segment())}
        )


def test_a_range_that_the_playlist_does_not_say_is_read_from_the_bytes():
    run = Rich()
    run.texts["stream.m3u8"] = re.sub(r",VIDEO-RANGE=\w+", "", run.texts["stream.m3u8"])
    verified = outputs.check_heads(run.verify(), run.read(EVERYTHING), heads())
    assert {each.name: each.video_range for each in verified.renditions} == RANGES


JPEG_160x138 = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x8a\x00\xa0\x03"


def test_thumbnails_are_measured_by_an_image():
    run = Rich()
    verified = outputs.check_image(run.verify(), run.read(EVERYTHING), "stream_thumbnail.m3u8", JPEG_160x138)
    assert verified.thumbnails == outputs.Thumbnails("stream_thumbnail.m3u8", 160, 138)
    for spoilt in (b"", b"<html>", JPEG_160x138[:10], JPEG_160x138.replace(b"\x00\x8a", b"\x00\x02")):
        with pytest.raises(OutputWrong, match=r"stream_thumbnail\.m3u8"):
            outputs.check_image(run.verify(), run.read(EVERYTHING), "stream_thumbnail.m3u8", spoilt)


def test_captions_in_one_piece_are_a_file_that_a_page_can_open():
    run = Rich()
    run.texts["stream_cc1.m3u8"] = TEXT.replace("_000000002", "_000000001")
    assert run.verify().captions[0].vtt == "stream_cc1_000000001.vtt"


# Automated ABR -------------------------------------------------------------------------------------------------------

AUTOMATIC = dataclasses.replace(EVERYTHING, pictures=(), automatic=3)


def test_renditions_that_mediaconvert_chose_are_taken_from_the_outputs():
    verified = Rich().verify(AUTOMATIC)
    assert [each.name for each in verified.renditions] == ["1080p", "1080p_hevc", "720p_av1"]
    assert verified.renditions[0].height == 1080 and not verified.audio_only


@pytest.mark.parametrize("most", [1, 2])
def test_more_renditions_than_were_allowed_are_not_what_was_asked_for(most):
    with pytest.raises(OutputWrong, match=f"lists 3 pictures, 1 to {most} were asked for"):
        Rich().verify(dataclasses.replace(AUTOMATIC, automatic=most))


# Sound alone ---------------------------------------------------------------------------------------------------------

SOUND = Promise("stream", (), (Sound("audio", "AAC", "audio", 1, 2),), (), False, False, False, False)


class Alone(Run):
    """What a job without a picture leaves: the sound is a rendition, and the variant that plays it."""

    def __init__(self, media: bool = True):
        named = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",DEFAULT=YES,URI="stream_audio.m3u8"\n'
        group = ',AUDIO="audio"' if media else ""
        variant = f'#EXT-X-STREAM-INF:BANDWIDTH=130000,CODECS="mp4a.40.2"{group}\nstream_audio.m3u8\n'
        self.texts = {
            "stream.m3u8": "#EXTM3U\n" + (named if media else "") + variant,
            "stream_audio.m3u8": playlist("stream_audio", "cmfa"),
            "stream.mpd": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT10S"><Period>'
            '<AdaptationSet contentType="audio"><Representation codecs="mp4a.40.2"/></AdaptationSet></Period></MPD>',
        }
        named_files = re.findall(r"stream_\w+\.cmfa", "\n".join(self.texts.values()))
        self.sizes = {name: 1000 for name in (*self.texts, *named_files)}


@pytest.mark.parametrize("media", [True, False])
def test_sound_alone_needs_no_picture_and_no_poster(media):
    run = Alone(media)
    head = {"stream_audio.m3u8": outputs.Head(tracks.AUDIO_INIT, tracks.segment())}
    verified = outputs.check_heads(run.verify(SOUND, 10_000, 10_000), run.read(SOUND), head)
    assert verified.audio_only and verified.renditions == () and verified.poster is None
    assert verified.duration_ms == 10_000 and [each.codecs for each in verified.audio] == ["mp4a.40.2"]


def test_sound_alone_that_breaks_off_is_its_owners_to_mend():
    with pytest.raises(SourceRejected, match=r"promises 20\.0 s and breaks off after 10\.0 s"):
        Alone().verify(SOUND, 20_000, 20_000)


# Whole segments ------------------------------------------------------------------------------------------------------


def long_film(segments: int, rungs: int) -> tuple[Run, Promise, list[str]]:
    """A film of many segments; rates differ from second to second, the same way in every rung."""
    names = [f"r{number}" for number in range(rungs)]
    promise = dataclasses.replace(
        SOUND, pictures=tuple(Picture(name, "H_264", 640, 360, False) for name in names), sounds=SOUND.sounds
    )
    run = Run()
    lines = [f"#EXT-X-STREAM-INF:BANDWIDTH=9\nstream_{name}.m3u8" for name in names]
    sound = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="A",URI="stream_audio.m3u8"'
    run.texts = {"stream.m3u8": "\n".join(["#EXTM3U", sound, *lines]), "stream.mpd": mpd()}
    run.sizes = {}
    for place, name in enumerate([*names, "audio"]):
        kind = "cmfa" if name == "audio" else "cmfv"
        run.texts[f"stream_{name}.m3u8"] = playlist(f"stream_{name}", kind, [4.0] * segments)
        run.sizes[f"stream_{name}init.{kind}"] = 800
        for number in range(1, segments + 1):
            busy = 1 + (number * 7919 % 13) / 4 if kind == "cmfv" else 1
            run.sizes[f"stream_{name}_{number:09d}.{kind}"] = int(64_000 * busy * (1 + place))
    return run, promise, names


def test_every_segment_of_a_short_film_is_read_once():
    run = Rich()
    names = outputs.segments_to_read(run.read(EVERYTHING), run.sizes)
    assert sorted(names) == sorted(name for name in run.sizes if re.search(r"_\d+\.cmf[va]$", name))


@pytest.mark.parametrize("rungs", [1, 3, 6])
def test_of_a_long_film_so_many_are_read_the_ends_among_them(rungs):
    run, promise, names = long_film(900, rungs)
    chosen = outputs.segments_to_read(run.read(promise), run.sizes, 500)
    assert len(chosen) == len(set(chosen)) == 500
    for name in names:
        assert {f"stream_{name}_000000001.cmfv", f"stream_{name}_000000900.cmfv"} <= set(chosen)
    numbers = sorted(int(name[-14:-5]) for name in chosen)
    assert max(b - a for a, b in itertools.pairwise(numbers)) < 60, "spread over the whole film"


@pytest.mark.parametrize(
    "victim", ["stream_r0_000000444.cmfv", "stream_r2_000000002.cmfv", "stream_audio_000000777.cmfa"]
)
def test_a_segment_with_half_its_bytes_is_among_the_first_that_are_read(victim):
    """Rates differ by a factor of four from one second to the next; the other rungs tell what it should weigh."""
    run, promise, _ = long_film(900, 3)
    run.sizes[victim] //= 2
    assert victim in outputs.segments_to_read(run.read(promise), run.sizes, 60)


def test_a_segment_that_was_cut_is_refused_by_name():
    whole = tracks.segment()
    outputs.check_segment("stream_a_1.cmfv", len(whole), lambda first, length: whole[first : first + length])
    cut = whole[: len(whole) // 2]
    with pytest.raises(OutputWrong, match=r"stream_a_1\.cmfv is not whole: the \w+ box at byte \d+ is \d+ bytes long"):
        outputs.check_segment("stream_a_1.cmfv", len(cut), lambda first, length: cut[first : first + length])


def test_a_download_that_was_cut_is_refused_by_name():
    whole = tracks.VIDEO_INIT + tracks.box("mdat", bytes(5000))
    outputs.check_download("download.mp4", len(whole), lambda first, length: whole[first : first + length])
    with pytest.raises(OutputWrong, match=r"download\.mp4 is not whole: the mdat box"):
        outputs.check_download("download.mp4", 3000, lambda first, length: whole[:3000][first : first + length])


# Every job of ours ----------------------------------------------------------------------------------------------------

GOLDEN = {
    path.stem: promised(settings)
    for path in sorted((Path(__file__).parent / "golden").glob("*.json"))
    if path.stem != "download"
    for settings in [json.loads(path.read_text())]
}


def verified_of(promise: Promise, files: dict[str, bytes]) -> outputs.Verified:
    """The whole of the step, its reads replaced."""
    texts = {name: body.decode() for name, body in files.items() if name.endswith((".m3u8", ".mpd"))}
    sizes = {name: len(body) for name, body in files.items()}
    streams = outputs.read(texts, promise)
    verified = outputs.verify(streams, sizes, promise, film(10_000, *[10_000] * 9), "My Film.mov")
    heads = {
        path: outputs.Head(files[init], files[first]) for path, (init, first) in outputs.heads_needed(streams).items()
    }
    verified = outputs.check_heads(verified, streams, heads)
    if found := outputs.first_image(streams):
        verified = outputs.check_image(verified, streams, found[0], files[found[1]])
    for name in outputs.segments_to_read(streams, sizes):
        outputs.check_segment(name, sizes[name], lambda first, length, body=files[name]: body[first : first + length])
    return verified


@pytest.mark.parametrize("name", GOLDEN)
def test_every_job_of_ours_can_be_kept_and_published(name):
    promise = GOLDEN[name]
    files = encoded(promise)
    verified = verified_of(promise, files)
    assert verified.audio_only == (name == "sound-alone-with-cover")
    assert {each.name for each in verified.renditions} >= {each.name for each in promise.pictures}
    assert [each.language for each in verified.audio] == [bcp47.tag(each.language) for each in promise.sounds]
    tracks_of_ours = (manifest.CaptionTrack("en", "English", "captions/en.vtt", "captions/en.m3u8"),)
    hls = manifest.hls(files["stream.m3u8"].decode(), "v/1-r1/", tracks_of_ours, closed_captions=False)
    read = manifest.multivariant(hls)
    named = [variant.uri for variant in read.variants] + [media.uri for media in read.media]
    assert all(str(uri).startswith("v/1-r1/") for uri in [*named, *read.i_frames, *read.images])
    manifest.dash(files["stream.mpd"].decode(), "v/1-r1/", tracks_of_ours)


@pytest.mark.parametrize("name", GOLDEN)
def test_nothing_of_a_job_may_be_missing_or_cut_in_half(name):
    promise = GOLDEN[name]
    whole = encoded(promise)
    for gone in whole:
        if gone.startswith("poster."):  # either of the two captures will do
            continue
        with pytest.raises(VodError):
            verified_of(promise, {name: body for name, body in whole.items() if name != gone})
        if gone.endswith((".cmfv", ".cmfa", ".mpd")):
            with pytest.raises(VodError):
                verified_of(promise, {**whole, gone: whole[gone][: len(whole[gone]) // 2]})
