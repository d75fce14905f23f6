"""The source as probed: MediaConvert's Probe answer turned into the facts that planning needs.

In: one ProbeResult (MediaConvert API Reference, "Probe"; PascalCase as boto3 gives it). Out: a Source. What can go
wrong is the upload's fault and says so: not a film, a codec that cannot be decoded, a turn that cannot be undone. What
is odd but harmless becomes a warning, which its owner reads in the receipt.

The container's size and rotation are turned into what a viewer sees, once, here: a phone's 1920x1080 with a quarter
turn is a 1080x1920 picture from this line on, and an anamorphic 720x576 at 64:45 is 1024x576.

Probe reports what container and codec say, each where it was found; where both speak, the container is believed,
because MediaConvert follows it. For transport streams colours stand with the codec alone (API Reference,
CodecMetadata).
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any, Self

from pipeline.media.errors import CODES, SourceRejected, SourceUnreadable
from pipeline.media.keys import file_name
from pipeline.media.languages import three_letters

#: Containers that carry sound; a video track in one of them is the cover picture.
_AUDIO_CONTAINERS = frozenset({"mp3", "flac", "wave", "aac", "ac3", "eac3"})
#: Where MediaConvert finds 608/708 captions in the picture and can make WebVTT of them in a CMAF group (User Guide,
#: "Supported captions in CMAF output container").
_CAPTION_CONTAINERS = frozenset({"mp4", "quicktime", "mpegts", "mxf"})
_WIDE_PRIMARIES = frozenset({"ITU_2020", "SMPTE_EG_432_1", "SMPTE_431_2"})
#: A rate above this is the tick of a clock (57600, 90000), not a number of pictures.
_FASTEST = 300
_USUAL_RATE = Fraction(30)
_MOST_WARNINGS = 10
_SHORTEST_MS = 100
#: Words of MediaConvert's own messages that tell why it could not open a file; everything else is no film.
_REASONS = (
    ("not a supported input", "INPUT_CODEC_UNSUPPORTED"),
    ("no moov box", "INPUT_TRUNCATED"),
    ("end of file", "INPUT_TRUNCATED"),
)


def require_bytes(key: str, size: int) -> None:
    """Raises SourceRejected where an upload is an object without content. size in bytes."""
    if size == 0:
        raise SourceRejected("INPUT_EMPTY", f"{file_name(key)} is empty: 0 bytes", {"key": key})


def unreadable(message: str) -> SourceUnreadable:
    """The error of a file that MediaConvert's Probe could not read, made of its message.

    Its owner reads our words; MediaConvert's, which are an engineer's and name the bucket, are the evidence.
    """
    code = unreadable_code(message)
    return SourceUnreadable(code, CODES[code].cause, {"probe": message})


def unreadable_code(message: str) -> str:
    """Our code for what MediaConvert says of a file it cannot open ("Failed probe/open: [...]")."""
    return next((code for words, code in _REASONS if words in message.lower()), "INPUT_NOT_A_FILM")


@dataclasses.dataclass(frozen=True)
class VideoTrack:
    """width and height in pixels as displayed: rotated, with square pixels. rotation in degrees, clockwise.

    rotation_in_container: whether the container asks for the turn (or nobody does), and not the codec alone.
    variable_rate: the header's rate is an average. dolby_vision: the profile's number, None for other films.
    """

    codec: str
    width: int
    height: int
    rotation: int
    frame_rate: Fraction
    bit_depth: int
    interlaced: bool
    transfer: str
    primaries: str = "UNSPECIFIED"
    chroma: str = ""
    rotation_in_container: bool = True
    variable_rate: bool = False
    dolby_vision: int | None = None

    @property
    def hdr(self) -> bool:
        return self.transfer in ("SMPTE_2084", "ARIB_B67")

    @property
    def video_range(self) -> str:
        """As HLS calls it: PQ, HLG or SDR."""
        return {"SMPTE_2084": "PQ", "ARIB_B67": "HLG"}.get(self.transfer, "SDR")

    @property
    def beyond_bt709(self) -> bool:
        """Whether its colours must be brought into BT.709 for a player that knows nothing else."""
        return self.hdr or self.primaries in _WIDE_PRIMARIES


@dataclasses.dataclass(frozen=True)
class AudioTrack:
    """number counts the file's audio tracks from 1. language is ISO 639-2/T in small letters, "und" where unknown.
    duration_ms is None where the container does not say it for each track (Matroska)."""

    codec: str
    channels: int
    language: str
    duration_ms: int | None = None
    number: int = 1


@dataclasses.dataclass(frozen=True)
class Source:
    """duration_ms is the picture's: sound that outlasts it is not part of the film that viewers get.

    audio: the tracks that can be decoded. captions: the languages of the captions inside the picture that can become
    a track. warnings: sentences for the film's owner.
    """

    container: str
    duration_ms: int
    size_bytes: int
    video: VideoTrack | None
    audio: tuple[AudioTrack, ...]
    captions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_probe(cls, result: dict[str, Any], name: str) -> Self:
        """Read a ProbeResult. `name` is the file's name, for the message. Raises SourceRejected."""
        container = result.get("Container") or {}
        format_ = container.get("Format")
        tracks = container.get("Tracks") or []
        if not format_ or not tracks:
            raise SourceRejected(
                "INPUT_NOT_A_FILM",
                f"{name} is not a film: no tracks of picture or sound were found in it",
                _evidence(result),
            )
        warnings: list[str] = []
        video = _picture(format_, tracks, name, warnings)
        audio = _sounds(tracks, name, warnings, needed=video is None)
        _warn_of_unreadable_captions(container, tracks, warnings)
        return cls(
            container=format_,
            duration_ms=round(1000 * _seconds(container, tracks, video is not None)),
            size_bytes=(result.get("Metadata") or {}).get("FileSize") or 0,
            video=video,
            audio=audio,
            captions=_captions(format_, tracks, audio) if video else (),
            warnings=tuple(warnings[:_MOST_WARNINGS]),
        )

    def require_picture(self, name: str, or_sound: bool = False) -> None:
        """or_sound: sound alone will do, but a file with neither is no film."""
        if self.video is None and not (or_sound and self.audio):
            heard = ", ".join(f"{track.channels}-channel {track.codec}" for track in self.audio) or "none"
            raise SourceRejected(
                "INPUT_NO_PICTURE",
                f"{name} has no picture: 0 video tracks, audio tracks: {heard}",
                {"container": self.container, "audio_tracks": len(self.audio)},
            )

    def require_sound(self, name: str) -> None:
        if not self.audio:
            raise SourceRejected(
                "INPUT_NO_SOUND", f"{name} has no sound: 0 audio tracks", {"container": self.container}
            )

    def require_duration(self, name: str) -> None:
        if self.duration_ms < _SHORTEST_MS:
            raise SourceRejected(
                "POLICY_TOO_SHORT",
                f"{name} lasts {self.duration_ms} ms; the shortest film we publish is {_SHORTEST_MS} ms",
                {"duration_ms": self.duration_ms},
            )

    @property
    def sound_ms(self) -> int | None:
        """How long viewers hear the first audio track, as the source promises; None where there is none, or no word."""
        said = self.audio[0].duration_ms if self.audio else None
        return None if said is None else min(said, self.duration_ms)

    def as_state(self) -> dict[str, Any]:
        """JSON for the state machine: fractions as "30000/1001"."""
        state = dataclasses.asdict(self)
        for name in ("audio", "captions", "warnings"):
            state[name] = list(state[name])
        if self.video:
            state["video"]["frame_rate"] = str(self.video.frame_rate)
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        video = state["video"]
        return cls(
            container=state["container"],
            duration_ms=state["duration_ms"],
            size_bytes=state["size_bytes"],
            video=VideoTrack(**{**video, "frame_rate": Fraction(video["frame_rate"])}) if video else None,
            audio=tuple(AudioTrack(**track) for track in state["audio"]),
            captions=tuple(state.get("captions", ())),
            warnings=tuple(state.get("warnings", ())),
        )


def _seconds(container: dict[str, Any], tracks: list[dict[str, Any]], has_picture: bool) -> float:
    """The picture's own duration, no longer than the container's; else the container's, else the longest track's."""
    whole = container.get("Duration") or max((track.get("Duration") or 0) for track in tracks)
    pictures = [track["Duration"] for track in tracks if track.get("TrackType") == "video" and track.get("Duration")]
    return min(pictures[0], whole) if pictures and has_picture else whole


def _picture(format_: str, tracks: list[dict[str, Any]], name: str, warnings: list[str]) -> VideoTrack | None:
    pictures = [track for track in tracks if track.get("TrackType") == "video" and not _is_still(track)]
    if not pictures or format_ in _AUDIO_CONTAINERS:
        return None
    if len(pictures) > 1:
        warnings.append(f"The file has {len(pictures)} video tracks; the first is published.")
    track = pictures[0]
    codec = track.get("Codec") or "UNKNOWN"
    if codec == "UNKNOWN":
        raise _undecodable("picture", name, {"container": format_, "track": track.get("Index")})
    properties = track.get("VideoProperties") or {}
    essence = properties.get("CodecMetadata") or {}
    colors = {
        field: _said(properties.get(field)) or _said(essence.get(field)) or "UNSPECIFIED"
        for field in ("TransferCharacteristics", "ColorPrimaries")
    }
    rotation = _rotation(properties, essence, warnings)
    width, height = _square_pixels(properties, essence)
    if rotation in (90, 270):
        width, height = height, width
    interlaced = (essence.get("ScanType") or "").lower().startswith("interlaced") or bool(essence.get("FieldOrder"))
    rate, variable = _frame_rate(properties, essence, interlaced)
    video = VideoTrack(
        codec=codec,
        width=width,
        height=height,
        rotation=rotation,
        frame_rate=rate,
        bit_depth=properties.get("BitDepth") or essence.get("BitDepth") or 8,
        interlaced=interlaced,
        transfer=colors["TransferCharacteristics"],
        primaries=colors["ColorPrimaries"],
        chroma=essence.get("ChromaSubsampling") or "",
        rotation_in_container=bool(properties.get("Rotation")) or rotation == 0,
        variable_rate=variable,
        dolby_vision=(essence.get("DolbyVision") or {}).get("Profile"),
    )
    _check_dolby_vision(video, name)
    _check_turn(video, name)
    return video


def _said(value: str | None) -> str | None:
    return None if value in (None, "UNSPECIFIED", "RESERVED") else value


def _undecodable(what: str, name: str, evidence: dict[str, Any]) -> SourceRejected:
    return SourceRejected(
        "INPUT_CODEC_UNSUPPORTED", f"the {what} of {name} is in a codec that cannot be decoded", evidence
    )


def _is_still(track: dict[str, Any]) -> bool:
    """A cover in a film's container: a JPEG with no rate, or the rate of the container's clock (90000)."""
    rate = _fraction((track.get("VideoProperties") or {}).get("FrameRate"))
    return track.get("Codec") == "MJPEG" and (rate is None or rate > _FASTEST)


def _rotation(properties: dict[str, Any], essence: dict[str, Any], warnings: list[str]) -> int:
    """In quarter turns. Rotate AUTO undoes turns within one degree of a quarter and no others (API Reference)."""
    said = (properties.get("Rotation") or essence.get("Rotation") or 0) % 360
    nearest = round(said / 90) * 90
    if abs(said - nearest) > 1:
        warnings.append(f"The file asks to be turned by {said} degrees; only quarter turns are undone, so it is not.")
        return 0
    return nearest % 360


def _check_turn(video: VideoTrack, name: str) -> None:
    """User Guide, "Using video rotation": for progressive video in 4:2:2 or 4:2:0."""
    if video.rotation and (video.interlaced or video.chroma == "4:4:4"):
        kind = "interlaced" if video.interlaced else "in 4:4:4"
        raise SourceRejected(
            "INPUT_UNREADABLE",
            f"{name} is turned by {video.rotation} degrees and {kind}; such a picture cannot be turned upright",
            {"rotation": video.rotation, "interlaced": video.interlaced, "chroma": video.chroma},
            "Export the film upright and upload that file.",
        )


def _check_dolby_vision(video: VideoTrack, name: str) -> None:
    """Profile 5 has no picture for other players inside: decoded as HDR10 it would come out green and violet."""
    if video.dolby_vision == 5:
        raise SourceRejected(
            "INPUT_CODEC_UNSUPPORTED",
            f"{name} is Dolby Vision profile 5, which only Dolby's own players can show",
            {"dolby_vision_profile": 5},
            "Export the film as Dolby Vision profile 8.1 or 8.4, as HDR10 or as HLG, and upload that file.",
        )


def _frame_rate(properties: dict[str, Any], essence: dict[str, Any], interlaced: bool) -> tuple[Fraction, bool]:
    """The rate, and whether it is an average: of a variable rate the codec's own word differs, or is a clock's tick.

    The codec may count fields, so twice the rate says nothing of an interlaced film.
    """
    said, coded = _fraction(properties.get("FrameRate")), _fraction(essence.get("CodedFrameRate"))
    plausible = [rate for rate in (said, coded) if rate and rate <= _FASTEST]
    rate = plausible[0] if plausible else (Fraction(25) if said is None and coded is None else _USUAL_RATE)
    variable = not interlaced and bool(coded) and abs(coded - rate) > rate / 50
    return rate, variable


def _square_pixels(properties: dict[str, Any], essence: dict[str, Any]) -> tuple[int, int]:
    width, height = (
        properties.get("Width") or essence.get("Width") or 0,
        properties.get("Height") or essence.get("Height") or 0,
    )
    sample_aspect = (
        _fraction(properties.get("SampleAspectRatio")) or _fraction(essence.get("SampleAspectRatio")) or Fraction(1)
    )
    return round(width * sample_aspect), height


def _sounds(tracks: list[dict[str, Any]], name: str, warnings: list[str], needed: bool) -> tuple[AudioTrack, ...]:
    """The tracks that can be decoded. A film that would be silent for want of a decoder is refused, not silenced."""
    every = [track for track in tracks if track.get("TrackType") == "audio"]
    found = tuple(
        _audio(track, number) for number, track in enumerate(every, 1) if (track.get("Codec") or "UNKNOWN") != "UNKNOWN"
    )
    if every and not found:
        raise _undecodable("sound", name, {"audio_tracks": len(every), "has_picture": not needed})
    if len(found) < len(every):
        lost = sorted(set(range(1, len(every) + 1)) - {track.number for track in found})
        numbers = ", ".join(map(str, lost))
        warnings.append(f"Audio track {numbers} is in a codec that cannot be decoded, and is left out.")
    return found


def _audio(track: dict[str, Any], number: int) -> AudioTrack:
    properties = track.get("AudioProperties") or {}
    return AudioTrack(
        codec=track["Codec"],
        channels=properties.get("Channels") or 2,
        language=three_letters(properties.get("LanguageCode")),
        duration_ms=round(1000 * track["Duration"]) if track.get("Duration") else None,
        number=number,
    )


def _captions(format_: str, tracks: list[dict[str, Any]], audio: tuple[AudioTrack, ...]) -> tuple[str, ...]:
    """The language of 608/708 captions in the picture. They do not say it themselves: the first sound's is likely."""
    if format_ not in _CAPTION_CONTAINERS:
        return ()
    inside = [track for track in tracks if track.get("Codec") in ("C608", "C708")]
    said = [three_letters((track.get("DataProperties") or {}).get("LanguageCode")) for track in inside]
    spoken = audio[0].language if audio else "und"
    # One track, however many are listed: 708 repeats what 608 says, and CC1 is the only channel sure to be there.
    return (next((language for language in said if language != "und"), spoken),) if inside else ()


def _warn_of_unreadable_captions(container: dict[str, Any], tracks: list[dict[str, Any]], warnings: list[str]) -> None:
    """Text tracks (mov_text, SubRip, PGS) have no codec in Probe's answer; what has a language and no codec is one.

    MediaConvert reads text from transport streams and sidecar files alone (User Guide, "Supported captions in CMAF
    output container"). A timecode track has a language too; the container then says a start timecode.
    """
    suspects = [
        language
        for track in tracks
        if track.get("TrackType") == "data" and (track.get("Codec") or "UNKNOWN") in ("UNKNOWN", "WEBVTT")
        for language in [three_letters((track.get("DataProperties") or {}).get("LanguageCode"))]
        if language != "und"
    ]
    count = len(suspects) - bool(container.get("StartTimecode"))
    if count > 0:
        languages = ", ".join(dict.fromkeys(suspects))
        warnings.append(
            f"The file seems to hold subtitles ({languages}) that cannot be read from inside it; upload them beside "
            "the film as .srt or .vtt files."
        )


def _fraction(value: dict[str, int] | None) -> Fraction | None:
    if not value or not value.get("Numerator") or not value.get("Denominator"):
        return None
    return Fraction(value["Numerator"], value["Denominator"])


def _evidence(result: dict[str, Any]) -> dict[str, Any]:
    return {
        "container": (result.get("Container") or {}).get("Format"),
        "size_bytes": (result.get("Metadata") or {}).get("FileSize"),
    }
