"""Plan the sound: which tracks, in which groups, at which rates; and MediaConvert's settings for them.

In: a Source and the profile's wishes. Out: `AudioRendition`s, and the parts of the job that name them. Pure.

A stereo rendition (mono stays mono) is always there, because every player plays it. MediaConvert mixes more channels
down by itself where the coding mode has fewer than the input; RemixSettings are for other mixes than its own (API
Reference, RemixSettings). The coefficients of its downmix are not documented.

Where 5.1 is kept, it is a second rendition group with the same members, for RFC 8216 (4.3.4.1.1) demands that groups of
one type have the same members: a language without 5.1 is there in stereo again. Only one output of a job may be
DEFAULT=YES (API Reference, AudioTrackType), so in the second group none is.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.media.languages import MEDIACONVERT, english_name
from pipeline.media.profiles import Profile, Sound
from pipeline.media.source import AudioTrack, Source

MODIFIER = "_audio"
SAMPLE_RATE = 48_000
_MOST_TRACKS = 16
_CHANNELS = {"CODING_MODE_1_0": 1, "CODING_MODE_2_0": 2, "CODING_MODE_5_1": 6}


@dataclasses.dataclass(frozen=True)
class AudioRendition:
    """One planned sound. name is the rendition's in every manifest; group its rendition group, audio or surround.

    track is the AudioTrack's number, selector the AudioSelector's name.
    """

    name: str
    group: str
    track: int
    selector: str
    language: str
    label: str
    coding_mode: str
    bitrate_bps: int
    is_default: bool

    @property
    def channels(self) -> int:
        return _CHANNELS[self.coding_mode]

    def as_state(self) -> dict[str, Any]:
        """What verify and publish need to know."""
        kept = ("name", "group", "language", "label", "bitrate_bps")
        return {**{key: getattr(self, key) for key in kept}, "channels": self.channels}


def wanted_tracks(source: Source, languages: str) -> tuple[AudioTrack, ...]:
    """The first track; with "all" also the first track of every other language. Tracks of no language (commentaries,
    stems, single channels) would be entries in the menu that say nothing. Without a picture each track is a variant,
    and players would change the language with the bandwidth: there is one."""
    tracks = list(source.audio[:1])
    if languages == "all" and source.video:
        for track in source.audio[1:]:
            if track.language != "und" and track.language not in {kept.language for kept in tracks}:
                tracks.append(track)
    return tuple(tracks[:_MOST_TRACKS])


def renditions_for(source: Source, profile: Profile) -> tuple[AudioRendition, ...]:
    """Every sound of the streams, the default first; empty for a silent film."""
    wishes = profile.sound
    tracks = wanted_tracks(source, wishes.languages)
    planned = [_rendition(track, index, tracks, wishes, "audio") for index, track in enumerate(tracks)]
    if wishes.surround and source.video and any(track.channels >= 6 for track in tracks):
        planned += [_rendition(track, index, tracks, wishes, "surround") for index, track in enumerate(tracks)]
    return tuple(planned)


def left_out(source: Source, languages: str) -> tuple[str, ...]:
    """A sentence for the film's owner where a track is not published."""
    kept = {track.number for track in wanted_tracks(source, languages)}
    lost = [track for track in source.audio if track.number not in kept]
    if not lost:
        return ()
    named = ", ".join(f"{track.number} ({track.language}, {track.channels} channels)" for track in lost[:8])
    return (f"Audio tracks that are not published: {named}{' and more' if len(lost) > 8 else ''}.",)


def _rendition(
    track: AudioTrack, index: int, tracks: tuple[AudioTrack, ...], wishes: Sound, group: str
) -> AudioRendition:
    mode = "CODING_MODE_1_0" if track.channels == 1 else "CODING_MODE_2_0"
    if group == "surround" and track.channels >= 6:
        mode = "CODING_MODE_5_1"
    language = f"_{track.language if track.language != 'und' else track.number}" if len(tracks) > 1 else ""
    rates = {
        "CODING_MODE_1_0": wishes.mono_bps,
        "CODING_MODE_2_0": wishes.stereo_bps,
        "CODING_MODE_5_1": wishes.surround_bps,
    }
    return AudioRendition(
        name=f"audio{language}" + ("_surround" if group == "surround" else ""),
        group=group,
        track=track.number,
        selector=f"Audio Selector {index + 1}",
        language=track.language,
        label=english_name(track.language),
        coding_mode=mode,
        bitrate_bps=rates[mode],
        is_default=index == 0 and group == "audio",
    )


# --- MediaConvert's settings -----------------------------------------------------------------------------------------


def selectors(planned: tuple[AudioRendition, ...]) -> dict[str, Any]:
    """AudioSelectors: one for each track, however many renditions play it. The first answers for a missing one."""
    found: dict[str, Any] = {}
    for rendition in planned:
        default = {"DefaultSelection": "DEFAULT" if rendition.selector == "Audio Selector 1" else "NOT_DEFAULT"}
        found[rendition.selector] = {**default, "SelectorType": "TRACK", "Tracks": [rendition.track]}
    return found


def output(rendition: AudioRendition, wishes: Sound, alone: bool) -> dict[str, Any]:
    """One output of the CMAF group. alone: there is no picture, so the sound itself is the variant that plays."""
    if alone:
        kind = "AUDIO_ONLY_VARIANT_STREAM"
    else:
        kind = "ALTERNATE_AUDIO_AUTO_SELECT" + ("_DEFAULT" if rendition.is_default else "")
    return {
        "NameModifier": f"_{rendition.name}",
        "ContainerSettings": {
            "Container": "CMFC",
            "CmfcSettings": {"AudioGroupId": rendition.group, "AudioTrackType": kind},
        },
        "AudioDescriptions": [description(rendition, wishes)],
    }


def description(rendition: AudioRendition, wishes: Sound) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "AudioSourceName": rendition.selector,
        **_language(rendition.language),
        "StreamName": rendition.label,
        "CodecSettings": {
            "Codec": "AAC",
            "AacSettings": {
                "Bitrate": rendition.bitrate_bps,
                "CodingMode": rendition.coding_mode,
                "SampleRate": SAMPLE_RATE,
                "CodecProfile": "LC",
                "RateControlMode": "CBR",
                "RawFormat": "NONE",
                "Specification": "MPEG4",
            },
        },
    }
    if wishes.loudness_lkfs is not None:
        settings["AudioNormalizationSettings"] = {
            "Algorithm": "ITU_BS_1770_3",
            "AlgorithmControl": "CORRECT_AUDIO",
            "LoudnessLogging": "DONT_LOG",
            "PeakCalculation": "TRUE_PEAK",
            "TargetLkfs": wishes.loudness_lkfs,
        }
    return settings


def _language(language: str) -> dict[str, str]:
    """What the probe said, said again: a container's own spelling ("fre", "fr") would reach the manifests otherwise."""
    if language == "und":
        return {"LanguageCodeControl": "FOLLOW_INPUT"}
    known = language in MEDIACONVERT
    code = {"LanguageCode": language.upper()} if known else {"CustomLanguageCode": language}
    return {**code, "LanguageCodeControl": "USE_CONFIGURED"}
