"""Sounds: from an audio selector to filtered streams and the options of their encoders. Pure.

In: AudioSelectors and AudioDescriptions, the source's facts, what loudness.py measured. Out: `Sound` values, each
encoded once however many outputs play it, and ffmpeg-python streams for them. What can go wrong: `JobRefused` with
MediaConvert's code: 1021 no sound, 1030 a codec we do not decode, 1040 a track or a language that is not there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ffmpeg as graph

from pipeline.local.mediaconvert import encoders, loudness, pictures, probe
from pipeline.local.mediaconvert.clips import Stretch
from pipeline.local.mediaconvert.languages import bcp47, iso639_2
from pipeline.local.mediaconvert.planned import JobRefused
from pipeline.local.mediaconvert.probe import AudioTrack, SourceFacts

MARGIN_SECONDS = 2  # silence beyond the expected end; what is too much is cut when the real end is known
MUTE_DB = -60  # in MediaConvert's remix, the lowest gain is silence
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


@dataclasses.dataclass(frozen=True)
class Chain:
    """What decides the filters: sounds that agree in this share them."""

    tracks: tuple[tuple[int, int], ...]  # stream index and channels; the channels of several follow each other
    remixes: tuple[str, ...]
    offset_ms: int
    sample_rate: int
    layout: str
    loudness: loudness.Wanted | None
    clips: tuple[Stretch, ...] = ()

    @property
    def decoded(self) -> list[tuple[Any, ...]]:
        """What it begins with: tracks, each at a sample rate and an offset, cut."""
        return [(index, self.sample_rate, self.offset_ms, self.clips) for index, _ in self.tracks]


@dataclasses.dataclass(frozen=True)
class Sound:
    """A sound to encode, into a fragmented MP4 of its own."""

    file: str
    chain: Chain
    options: Mapping[str, Any]
    language: str  # ISO 639-2

    @property
    def key(self) -> tuple[Any, ...]:
        return self.chain, tuple(sorted(self.options.items())), self.language


class Sounds:
    """The sounds a job needs, found one by one while its outputs are planned."""

    def __init__(self, source: Mapping[str, Any], facts: SourceFacts, clips: tuple[Stretch, ...] = ()) -> None:
        self._source, self._facts, self._clips = source, facts, clips
        self.all: list[Sound] = []
        self.tracks: dict[int, AudioTrack] = {}

    def add(self, place: str, description: Mapping[str, Any]) -> Sound:
        """The sound of an AudioDescription; the same one for all that want the same."""
        name = description.get("AudioSourceName", "Audio Selector 1")
        selector = self._source.get("AudioSelectors", {}).get(name, {})
        tracks = self._selected(place, name, selector)
        self.tracks |= {track.index: track for track in tracks}
        codec = description["CodecSettings"]
        settings = encoders.audio_settings(codec)
        chain = Chain(
            tracks=tuple((track.index, track.channels) for track in tracks),
            remixes=tuple(_remixes(place, tracks, selector.get("RemixSettings"), description.get("RemixSettings"))),
            offset_ms=selector.get("Offset", 0),
            sample_rate=settings["SampleRate"],
            layout=encoders.channel_layout(codec, sum(track.channels for track in tracks)),
            loudness=loudness.wanted(description.get("AudioNormalizationSettings")),
            clips=self._clips,
        )
        language = iso639_2(language_of(description, tracks[0]))
        found = Sound(f"audio-{len(self.all)}.mp4", chain, encoders.audio_options(codec), language)
        for sound in self.all:
            if sound.key == found.key:
                return sound
        self.all.append(found)
        return found

    def track_of(self, description: Mapping[str, Any]) -> AudioTrack:
        """The first track of an output's selector, whose language and name the output may follow."""
        name = description.get("AudioSourceName", "Audio Selector 1")
        return self._selected("", name, self._source.get("AudioSelectors", {}).get(name, {}))[0]

    def _selected(self, place: str, name: str, selector: Mapping[str, Any]) -> tuple[AudioTrack, ...]:
        if not self._facts.audio:
            raise JobRefused(
                1021,
                f"No audio frames decoded on [selector-({name})-track-1-drc] ({place} is an audio output; the file has "
                f"{tracks_in_words(self._facts)}).",
            )
        if selector.get("SelectorType") == "LANGUAGE_CODE":
            return (self._of_language(name, selector),)
        return tuple(self._numbered(name, number) for number in selector.get("Tracks") or [1])

    def _numbered(self, name: str, number: int) -> AudioTrack:
        if number > len(self._facts.audio):
            missing = f"Audio track [{number}] not found in input container."
            raise JobRefused(1040, f"Invalid audio track specified for audio_selector [{name}]. {missing}")
        track = self._facts.audio[number - 1]
        if probe.audio_codec(track.codec) == "UNKNOWN":
            codec = f"Audio codec [{track.codec}] for track [{number}]"
            raise JobRefused(1030, f"{codec} is not a supported input audio codec")
        if not track.channels:
            unread = f"track [{number}] ({track.codec}) has no sound that could be decoded"
            raise JobRefused(1092, f"MediaConvert can't decode one or more of your input audio streams: {unread}")
        return track

    def _of_language(self, name: str, selector: Mapping[str, Any]) -> AudioTrack:
        wanted = bcp47(selector.get("CustomLanguageCode") or selector.get("LanguageCode"))
        for number, track in enumerate(self._facts.audio, 1):
            if bcp47(track.language) == wanted:
                return self._numbered(name, number)
        there = ", ".join(track.language or "und" for track in self._facts.audio)
        raise JobRefused(1040, f"audio_selector [{name}]: no audio track in the language {wanted}; tracks: {there}")


def language_of(description: Mapping[str, Any], track: AudioTrack) -> str | None:
    """BCP 47: the track's own, or the configured one, as LanguageCodeControl says."""
    configured = description.get("CustomLanguageCode") or description.get("LanguageCode")
    if description.get("LanguageCodeControl", "FOLLOW_INPUT") == "USE_CONFIGURED":
        return bcp47(configured)
    return bcp47(track.language) or bcp47(configured)


def tracks_in_words(facts: SourceFacts) -> str:
    kinds = [("video", len(facts.video)), ("audio", len(facts.audio))]
    return " and ".join(f"{count} {kind} track{'s' if count != 1 else ''}" for kind, count in kinds)


def _remixes(place: str, tracks: Sequence[AudioTrack], *settings: Mapping[str, Any] | None) -> Iterator[str]:
    """RemixSettings of the selector, then of the output, as arguments of ffmpeg's pan filter."""
    channels = sum(track.channels for track in tracks)
    for remix in filter(None, settings):
        outputs = remix.get("ChannelMapping", {}).get("OutputChannels", [])
        rows = [out.get("InputChannelsFineTune") or out.get("InputChannels", []) for out in outputs]
        if len(rows) not in LAYOUTS or any(len(row) > channels for row in rows):
            raise JobRefused(
                1040, f"{place}: the remix is of {[len(row) for row in rows]} channels; the selector has {channels}"
            )
        parts = (
            "+".join(f"{_gain(decibel)}*c{at}" for at, decibel in enumerate(row) if decibel > MUTE_DB) for row in rows
        )
        yield "|".join([LAYOUTS[len(rows)], *(f"c{number}={part or '0*c0'}" for number, part in enumerate(parts))])
        channels = len(rows)


def _gain(decibel: float) -> str:
    return f"{10 ** (decibel / 20):.6f}"


# --- filters ---------------------------------------------------------------------------------------------------------


def streams(sounds: Sequence[Sound], ends_at: float | None, gains: Mapping[Chain, loudness.Measured]) -> dict[str, Any]:
    """The filtered stream of every sound, by its file. `ends_at`: where the picture ends that they play with."""
    takers: dict[Chain, list[str]] = {}
    for sound in sounds:
        takers.setdefault(sound.chain, []).append(sound.file)
    found: dict[str, Any] = {}
    mixed = _mixed(list(takers))
    for chain, files in takers.items():
        stream = _levelled(mixed[chain], chain, gains)
        if ends_at is not None:
            stream = stream.filter("apad", whole_dur=f"{ends_at + MARGIN_SECONDS:.3f}")
        found |= zip(files, pictures.split(stream, len(files), "asplit"), strict=True)
    return found


def _mixed(chains: Sequence[Chain]) -> dict[Chain, Any]:
    """Every chain up to its channels; each track is decoded once, however many chains begin with it."""
    wanted = [key for chain in chains for key in chain.decoded]
    copies = {key: pictures.split(_decoded(*key), wanted.count(key), "asplit") for key in dict.fromkeys(wanted)}
    return {chain: _mix(chain, [copies[key].pop() for key in chain.decoded]) for chain in chains}


def _mix(chain: Chain, parts: list[Any]) -> Any:
    stream = parts[0] if len(parts) == 1 else _merged(chain, parts)
    for remix in chain.remixes:
        stream = stream.filter("pan", args=remix)
    return stream.filter("aformat", sample_fmts="fltp", channel_layouts=chain.layout)


def _merged(chain: Chain, parts: list[Any]) -> Any:
    # The resampler before could give any channels, and amerge any rate: neither would know what to choose.
    channels = [count for _, count in chain.tracks]
    parts = [
        part.filter("aformat", channel_layouts=LAYOUTS.get(count, f"{count}c"))
        for part, count in zip(parts, channels, strict=True)
    ]
    return graph.filter(parts, "amerge", inputs=len(parts))


def _decoded(index: int, sample_rate: int, offset_ms: int, clips: tuple[Stretch, ...]) -> Any:
    stream = pictures.source()[str(index)]
    if offset_ms:
        stream = stream.filter("asetpts", f"PTS+{offset_ms / 1000:g}/TB")
    # A track that begins late is filled with silence from 0, one with holes is filled in them.
    stream = stream.filter("aresample", sample_rate, **{"async": 1, "first_pts": 0})
    if not clips:
        return stream
    copies = pictures.split(stream, len(clips), "asplit")
    parts = [_clipped(copy, clip, clip is clips[-1]) for copy, clip in zip(copies, clips, strict=True)]
    return parts[0] if len(parts) == 1 else graph.filter(parts, "concat", n=len(parts), v=0, a=1)


def _clipped(stream: Any, clip: Stretch, last: bool) -> Any:
    end = {} if clip.end is None else {"end": f"{float(clip.end):.6f}"}
    stream = stream.filter("atrim", start=f"{float(clip.start):.6f}", **end).filter("asetpts", "PTS-STARTPTS")
    if last or clip.end is None:
        return stream
    # Sound that ends within a clip is silent to its end, or the next would come too early.
    return stream.filter("apad", whole_dur=f"{float(clip.end - clip.start):.6f}")


def _levelled(stream: Any, chain: Chain, gains: Mapping[Chain, loudness.Measured]) -> Any:
    if chain.loudness is None:
        return stream
    measured = gains[chain]
    gain = loudness.gain_db(chain.loudness, measured)
    stream = stream.filter("volume", f"{gain:g}dB", precision="float") if gain else stream
    if loudness.limited(chain.loudness, measured):
        # At four times the rate, where peaks between samples are samples too.
        stream = stream.filter("aresample", chain.sample_rate * 4)
        limit = max(0.0625, 10 ** (chain.loudness.peak / 20))
        stream = stream.filter("alimiter", limit=f"{limit:.6f}", level="false", latency="true")
        stream = stream.filter("aresample", chain.sample_rate)
        stream = stream.filter("aformat", sample_fmts="fltp", channel_layouts=chain.layout)
    return stream


def measurements(sounds: Sequence[Sound]) -> tuple[list[Any], dict[str, Chain]]:
    """ffmpeg outputs that measure every chain whose loudness matters, and the stems of the files they write."""
    chains = [chain for chain in dict.fromkeys(sound.chain for sound in sounds) if chain.loudness]
    stems = {f"loudness-{number}": chain for number, chain in enumerate(chains)}
    mixed = _mixed(chains)
    return [_measured(stem, mixed[chain]) for stem, chain in stems.items()], stems


def _measured(stem: str, stream: Any) -> Any:
    stream = stream.filter("ebur128", peak="true", metadata=1, framelog="quiet")
    for name, key in loudness.KEYS.items():
        stream = stream.filter("ametadata", "print", key=key, file=f"{stem}.{name}")
    return graph.output(stream, f"{stem}.null", f="null")


def end(track: Any, facts: SourceFacts) -> float | None:
    """Where a track ends on the film's own clock, which begins at the earliest track."""
    if track.duration is None:
        return None
    return track.duration + max(0.0, (track.start or 0.0) - facts.start)
