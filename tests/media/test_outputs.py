"""A half output is never published: each thing that can be missing or wrong is named."""

from __future__ import annotations

import dataclasses
import re

import pytest

from pipeline.media import outputs
from pipeline.media.errors import OutputMissing, OutputWrong, SourceRejected, VodError
from pipeline.media.promise import Picture, Promise, Sound
from pipeline.media.source import AudioTrack, Source
from tests.media import films, tracks

RUNGS = [("720p", 1280, 720), ("360p", 640, 360)]
PROMISE = Promise(
    base="stream",
    pictures=tuple(Picture(name, "H_264", width, height, False, ("audio",)) for name, width, height in RUNGS),
    sounds=(Sound("audio", "AAC", "audio", 1, 2),),
    texts=(),
    images=False,
    closed_captions=False,
    poster=True,
    download=False,
)
SILENT = dataclasses.replace(
    PROMISE, sounds=(), pictures=tuple(dataclasses.replace(each, groups=()) for each in PROMISE.pictures)
)
SEGMENT_SECONDS = [4.0, 4.0, 2.0]


def playlist(name: str, extension: str = "cmfv", seconds: list[float] = SEGMENT_SECONDS) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:4", f'#EXT-X-MAP:URI="{name}init.{extension}"']
    for number, duration in enumerate(seconds, 1):
        lines += [f"#EXTINF:{duration:.5f},", f"{name}_{number:09d}.{extension}"]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def mpd(seconds: float = 10.0, sizes: list[tuple[int, int]] | None = None, audio: bool = True) -> str:
    sizes = [(width, height) for _, width, height in RUNGS] if sizes is None else sizes
    pictures = "".join(
        f'<Representation id="{number}" width="{width}" height="{height}" codecs="avc1.64001F"/>'
        for number, (width, height) in enumerate(sizes)
    )
    sound = '<AdaptationSet><Representation id="sound" codecs="mp4a.40.2"/></AdaptationSet>' if audio else ""
    return (
        f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT{seconds}S"><Period>'
        f"<AdaptationSet>{pictures}</AdaptationSet>{sound}</Period></MPD>"
    )


class Run:
    """A run's folder as a good job leaves it; tests take something away."""

    def __init__(self, audio: bool = True):
        group = ',AUDIO="audio"' if audio else ""
        named = "".join(
            f'#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.64001F,mp4a.40.2",RESOLUTION={width}x{height}{group}\n'
            f"stream_{name}.m3u8\n"
            for name, width, height in RUNGS
        )
        sound = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="English",URI="stream_audio.m3u8"\n' if audio else ""
        self.texts = {"stream.m3u8": "#EXTM3U\n" + sound + named, "stream.mpd": mpd(audio=audio)}
        self.texts |= {f"stream_{name}.m3u8": playlist(f"stream_{name}") for name, _, _ in RUNGS}
        if audio:
            self.texts["stream_audio.m3u8"] = playlist("stream_audio", "cmfa")
        pieces = re.findall(r"stream_\w+\.cmf[va]", "\n".join(self.texts.values()))
        self.sizes = {name: 1000 for name in (*self.texts, *pieces)}
        self.sizes |= {"poster.0000000.jpg": 500, "poster.0000001.jpg": 700}

    def read(self, promise: Promise = PROMISE) -> outputs.Streams:
        return outputs.read(self.texts, promise)

    def verify(self, promise: Promise = PROMISE, film_ms: int = 10_000, *sounds_ms: int | None) -> outputs.Verified:
        source = film(film_ms, *(sounds_ms or (None,)))
        return outputs.verify(self.read(promise), self.sizes, promise, source, "My Film.mov")


def film(duration_ms: int, *sounds_ms: int | None) -> Source:
    audio = tuple(AudioTrack("AAC", 2, "eng", duration, number) for number, duration in enumerate(sounds_ms, 1))
    return dataclasses.replace(films.source(), duration_ms=duration_ms, audio=audio)


def test_a_whole_output_is_described_as_it_exists():
    verified = Run().verify()
    assert (verified.hls, verified.dash, verified.duration_ms) == ("stream.m3u8", "stream.mpd", 10_000)
    assert verified.has_audio and verified.poster == "poster.0000001.jpg" and verified.download is None
    best = verified.renditions[0]
    assert (best.name, best.width, best.height, best.peak_bps) == ("720p", 1280, 720, 900_000)
    assert best.size_bytes == 3000 and best.bitrate_bps == 2400 and best.codecs == "avc1.64001F,mp4a.40.2"
    assert verified.size_bytes == sum(Run().sizes.values())


def test_a_silent_film_needs_no_sound():
    assert Run(audio=False).verify(SILENT).has_audio is False


def broken(change) -> Run:
    run = Run()
    change(run)
    return run


def replace(name: str, old: str, new: str):
    def change(run: Run) -> None:
        assert old in run.texts[name]
        run.texts[name] = run.texts[name].replace(old, new)

    return change


HALF_OUTPUTS = {
    "a segment is missing": (
        lambda run: run.sizes.pop("stream_360p_000000002.cmfv"),
        OutputMissing,
        "stream_360p_000000002.cmfv",
    ),
    "a segment is empty": (
        lambda run: run.sizes.update({"stream_720p_000000003.cmfv": 0}),
        OutputMissing,
        "stream_720p_000000003.cmfv",
    ),
    "a sound segment is missing": (
        lambda run: run.sizes.pop("stream_audio_000000001.cmfa"),
        OutputMissing,
        "stream_audio_000000001.cmfa",
    ),
    "an init segment is missing": (
        lambda run: run.sizes.pop("stream_360pinit.cmfv"),
        OutputMissing,
        "stream_360pinit.cmfv",
    ),
    "no init segment is named": (
        replace("stream_360p.m3u8", "#EXT-X-MAP", "#EXT-X-NOTHING"),
        OutputWrong,
        "stream_360p.m3u8",
    ),
    "no end": (
        replace("stream_720p.m3u8", "#EXT-X-ENDLIST\n", ""),
        OutputWrong,
        "stream_720p.m3u8 has no EXT-X-ENDLIST",
    ),
    "a rendition is not listed": (
        lambda run: run.texts.update({"stream.m3u8": run.texts["stream.m3u8"].rsplit("#", 1)[0]}),
        OutputMissing,
        "360p",
    ),
    "a playlist is missing": (
        lambda run: run.texts.pop("stream_360p.m3u8"),
        OutputMissing,
        "stream_360p.m3u8 does not exist",
    ),
    "the multivariant playlist is missing": (
        lambda run: run.texts.pop("stream.m3u8"),
        OutputMissing,
        "stream.m3u8 does not exist",
    ),
    "the MPD is missing": (lambda run: run.texts.pop("stream.mpd"), OutputMissing, "stream.mpd does not exist"),
    "the multivariant playlist is torn": (
        lambda run: run.texts.update({"stream.m3u8": "#EXTM3"}),
        OutputWrong,
        "multivariant playlist",
    ),
    "a media playlist is torn": (
        lambda run: run.texts.update({"stream_360p.m3u8": "#EXTM3U\n"}),
        OutputWrong,
        "stream_360p.m3u8 lists no segment",
    ),
    "the MPD is torn": (lambda run: run.texts.update({"stream.mpd": mpd()[:90]}), OutputWrong, "MPD"),
    "the MPD has no Period": (replace("stream.mpd", "Period", "Era"), OutputWrong, "no Period"),
    "the MPD offers less": (
        lambda run: run.texts.update({"stream.mpd": mpd(audio=False)}),
        OutputMissing,
        "stream.mpd offers 0",
    ),
    "the MPD offers another size": (
        lambda run: run.texts.update({"stream.mpd": mpd(sizes=[(1280, 720), (640, 358)])}),
        OutputWrong,
        "stream.mpd offers no 640x360",
    ),
    "no poster was captured": (
        lambda run: [run.sizes.pop(f"poster.000000{number}.jpg") for number in (0, 1)],
        OutputMissing,
        "no poster",
    ),
    "the sound is not listed": (
        replace("stream.m3u8", "TYPE=AUDIO", "TYPE=VIDEO"),
        OutputMissing,
        "My Film.mov has sound, and stream_audio.m3u8 is not in the multivariant playlist",
    ),
    "one rendition is shorter": (
        lambda run: run.texts.update({"stream_360p.m3u8": playlist("stream_360p", seconds=[4.0, 4.0])}),
        OutputWrong,
        "stream_360p.m3u8 lasts 8000 ms, the others 10000 ms",
    ),
    "the MPD is shorter": (
        lambda run: run.texts.update({"stream.mpd": mpd(9.0)}),
        OutputWrong,
        "stream.mpd lasts 9000 ms",
    ),
    "the MPD is longer": (
        lambda run: run.texts.update({"stream.mpd": mpd(11.0)}),
        OutputWrong,
        "stream.mpd lasts 11000 ms",
    ),
    "the wrong size": (replace("stream.m3u8", "640x360", "640x358"), OutputWrong, "360p is 640x358, planned 640x360"),
    "a segment from elsewhere": (
        replace("stream_360p.m3u8", "stream_360p_000000001", "../x"),
        OutputMissing,
        "../x.cmfv",
    ),
}


@pytest.mark.parametrize("case", HALF_OUTPUTS)
def test_half_outputs_are_stopped_and_name_the_object(case):
    change, error, says = HALF_OUTPUTS[case]
    with pytest.raises(error) as stopped:
        broken(change).verify()
    assert says in stopped.value.message and stopped.value.evidence


@pytest.mark.parametrize("part", ["init", "segment", "playlist"])
def test_every_single_object_counts(part):
    whole = Run()
    wanted = {"init": "init.cmf", "segment": "_0000", "playlist": ".m3u8"}[part]
    for name in [name for name in whole.sizes if wanted in name and name.startswith("stream_")]:
        run = Run()
        (run.texts if part == "playlist" else run.sizes).pop(name)
        with pytest.raises(VodError, match=re.escape(name)):
            run.verify()


# Durations -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("promised_ms", "whole"),
    [
        (10_000, True),
        (10_500, True),
        (10_501, False),
        (9_000, True),  # longer than promised is no loss
        (20_000, False),
    ],
)
def test_a_film_that_breaks_off_is_the_uploaders_to_mend(promised_ms, whole):
    if whole:
        Run().verify(film_ms=promised_ms)
        return
    with pytest.raises(SourceRejected, match=r"My Film\.mov promises .* and breaks off after 10\.0 s") as refused:
        Run().verify(film_ms=promised_ms)
    assert refused.value.code == "INPUT_TRUNCATED"


def long_run(seconds: int) -> Run:
    run = Run()
    for name, _, _ in RUNGS:
        run.texts[f"stream_{name}.m3u8"] = playlist(f"stream_{name}", seconds=[seconds])
    run.texts["stream.mpd"] = mpd(seconds)
    return run


@pytest.mark.parametrize(
    ("promised_s", "found_s", "whole"), [(300, 295, True), (300, 290, False), (7200, 7191, True), (7200, 7180, False)]
)
def test_two_in_a_hundred_may_be_missing_but_never_ten_seconds(promised_s, found_s, whole):
    run = long_run(found_s)
    if whole:
        run.verify(film_ms=promised_s * 1000)
        return
    with pytest.raises(SourceRejected):
        run.verify(film_ms=promised_s * 1000)


def test_sound_may_end_before_the_picture_or_after_it():
    for seconds, longest in (([4.0, 2.0], 10.0), ([4.0, 4.0, 4.0], 12.0)):
        run = Run()
        run.texts["stream_audio.m3u8"] = playlist("stream_audio", "cmfa", seconds)
        run.texts["stream.mpd"] = mpd(longest)
        assert run.verify().duration_ms == 10_000


@pytest.mark.parametrize(
    ("promised_ms", "heard_s", "whole"),
    [
        (None, 4.0, True),
        (10_000, 9.5, True),
        (10_000, 9.4, False),
        (5_000, 5.0, True),  # the source's own sound ends before the picture
        (5_000, 4.0, False),
    ],
)
def test_sound_that_stops_before_the_sources_does_is_noticed(promised_ms, heard_s, whole):
    run = Run()
    run.texts["stream_audio.m3u8"] = playlist("stream_audio", "cmfa", [heard_s])
    if whole:
        assert run.verify(PROMISE, 10_000, promised_ms).has_audio
        return
    with pytest.raises(OutputWrong, match=r"the sound of stream_audio\.m3u8 ends after"):
        run.verify(PROMISE, 10_000, promised_ms)


# The first bytes -----------------------------------------------------------------------------------------------------


def heads(**changed: outputs.Head) -> dict[str, outputs.Head]:
    found = {f"stream_{name}.m3u8": outputs.Head(tracks.VIDEO_INIT, tracks.segment()) for name, _, _ in RUNGS}
    found["stream_audio.m3u8"] = outputs.Head(tracks.AUDIO_INIT, tracks.segment())
    return {**found, **{f"stream_{name}.m3u8": head for name, head in changed.items()}}


def test_the_bytes_to_read_are_each_tracks_init_and_first_segment():
    assert outputs.heads_needed(Run().read()) == {
        f"stream_{name}.m3u8": (f"stream_{name}init.{kind}", f"stream_{name}_000000001.{kind}")
        for name, kind in (("360p", "cmfv"), ("720p", "cmfv"), ("audio", "cmfa"))
    }


def test_tracks_that_begin_as_the_manifests_say_are_good():
    run = Run()
    verified = outputs.check_heads(run.verify(), run.read(), heads())
    assert [each.codecs for each in verified.audio] == ["mp4a.40.2"], "a sound's codec is told by its bytes"


NO_KEY_FRAME = tracks.segment(trun=tracks.full("trun", 0x5, tracks.words(1, 0, tracks.NON_SYNC)))
FALSE_HEADS = {
    "stream_360p.m3u8 does not begin with a key frame": ("360p", outputs.Head(tracks.VIDEO_INIT, NO_KEY_FRAME)),
    "stream_720p.m3u8 is avc1.640028": ("720p", outputs.Head(tracks.init(tracks.avc("640028")), tracks.segment())),
    "stream_audio.m3u8 is mp4a.40.5": ("audio", outputs.Head(tracks.init(tracks.aac(5)), tracks.segment())),
    "stream_360p.m3u8 does not begin as CMAF": ("360p", outputs.Head(b"<html>", tracks.segment())),
    "there is no moof": ("720p", outputs.Head(tracks.VIDEO_INIT, b"")),
}


@pytest.mark.parametrize("says", FALSE_HEADS)
def test_a_track_that_does_not_begin_as_the_manifests_say_is_stopped(says):
    name, head = FALSE_HEADS[says]
    with pytest.raises(OutputWrong, match=re.escape(says)):
        outputs.check_heads(Run().verify(), Run().read(), heads(**{name: head}))


def test_a_codec_that_only_the_mpd_names_wrongly_is_stopped_too():
    run = Run()
    run.texts["stream.mpd"] = run.texts["stream.mpd"].replace("mp4a.40.2", "ec-3")
    with pytest.raises(OutputWrong, match=r"stream_audio\.m3u8 is mp4a\.40\.2"):
        outputs.check_heads(run.verify(), run.read(), heads())


# Extras --------------------------------------------------------------------------------------------------------------


def test_the_poster_is_the_last_capture_that_has_bytes():
    run = Run()
    run.sizes["poster.0000001.jpg"] = 0
    assert run.verify().poster == "poster.0000000.jpg"


def test_what_publish_and_convert_put_into_the_folder_is_not_counted():
    run = Run()
    before = run.verify().size_bytes
    run.sizes |= {"index.m3u8": 900, "index.mpd": 900, "asset.json": 900, "captions/en.vtt": 900}
    assert run.verify().size_bytes == before


def test_a_download_that_was_asked_for_must_be_there():
    promise = dataclasses.replace(PROMISE, download=True)
    with pytest.raises(OutputMissing, match="download"):
        Run().verify(promise)
    run = Run()
    run.sizes["download.mp4"] = 9
    assert run.verify(promise).download == "download.mp4"


def test_the_playlists_to_read_are_those_that_are_named():
    assert outputs.playlists_needed(Run().texts["stream.m3u8"], PROMISE) == {
        "stream_360p.m3u8": "picture",
        "stream_720p.m3u8": "picture",
        "stream_audio.m3u8": "sound",
    }
    with pytest.raises(OutputWrong, match="multivariant"):
        outputs.playlists_needed("<html>", PROMISE)


def test_a_complete_event_becomes_small():
    """Fields as in the User Guide, "Events with COMPLETE status"."""
    detail = {
        "jobId": "1515368087458-qnoxtd",
        "warnings": [{"code": 230001, "count": 2}],
        "outputGroupDetails": [
            {
                "type": "CMAF_GROUP",
                "outputDetails": [
                    {"durationInMs": 10010, "videoDetails": {"widthInPx": 1280}},
                    {"durationInMs": 10005},
                ],
            },
            {"type": "FILE_GROUP", "outputDetails": [{"outputFilePaths": ["s3://b/poster.0000001.jpg"]}]},
        ],
    }
    assert outputs.from_complete_event(detail) == {
        "job_id": "1515368087458-qnoxtd",
        "warnings": ["230001"],
        "duration_ms": 10010,
    }
    assert outputs.from_complete_event({"jobId": "j"}) == {"job_id": "j", "warnings": [], "duration_ms": 0}
