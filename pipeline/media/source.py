"""The source as probed: MediaConvert's Probe answer turned into the facts that planning needs.

In: one ProbeResult (MediaConvert API Reference, "Probe"; PascalCase as boto3 gives it). Out: a Source. What can go
wrong is the upload's fault and says so: not a film, no picture, a codec that cannot be decoded.

The container's size and rotation are turned into what a viewer sees, once, here: a phone's 1920x1080 with a quarter
turn is a 1080x1920 picture from this line on, and an anamorphic 720x576 at 64:45 is 1024x576.
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any, Self

from pipeline.media.errors import SourceRejected

#: Containers that carry sound; a video track in one of them is the cover picture.
_AUDIO_CONTAINERS = frozenset({"mp3", "flac", "wave", "aac", "ac3", "eac3"})
_SHORTEST_MS = 100
#: Words of MediaConvert's own messages that tell why it could not open a file; everything else is no film.
_REASONS = (
    ("not a supported input", "INPUT_CODEC_UNSUPPORTED"),
    ("no moov box", "INPUT_TRUNCATED"),
    ("end of file", "INPUT_TRUNCATED"),
)


def unreadable_code(message: str) -> str:
    """Our code for what MediaConvert says of a file it cannot open ("Failed probe/open: [...]")."""
    return next((code for words, code in _REASONS if words in message.lower()), "INPUT_NOT_A_FILM")


@dataclasses.dataclass(frozen=True)
class VideoTrack:
    """width and height in pixels as displayed: rotated, with square pixels. rotation in degrees, clockwise."""

    codec: str
    width: int
    height: int
    rotation: int
    frame_rate: Fraction
    bit_depth: int
    interlaced: bool
    transfer: str

    @property
    def hdr(self) -> bool:
        return self.transfer in ("SMPTE_2084", "ARIB_B67")


@dataclasses.dataclass(frozen=True)
class AudioTrack:
    """duration_ms is None where the container does not say it for each track (Matroska)."""

    codec: str
    channels: int
    language: str
    duration_ms: int | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """duration_ms is the picture's: sound that outlasts it is not part of the film that viewers get."""

    container: str
    duration_ms: int
    size_bytes: int
    video: VideoTrack | None
    audio: tuple[AudioTrack, ...]

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
        source = cls(
            container=format_,
            duration_ms=round(1000 * _seconds(container, tracks)),
            size_bytes=(result.get("Metadata") or {}).get("FileSize") or 0,
            video=_picture(format_, tracks, name),
            audio=tuple(_audio(track) for track in tracks if track.get("TrackType") == "audio"),
        )
        return source

    def require_picture(self, name: str) -> VideoTrack:
        if self.video is None:
            heard = ", ".join(f"{track.channels}-channel {track.codec}" for track in self.audio) or "none"
            raise SourceRejected(
                "INPUT_NO_PICTURE",
                f"{name} has no picture: 0 video tracks, audio tracks: {heard}",
                {"container": self.container, "audio_tracks": len(self.audio)},
            )
        return self.video

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
        state["audio"] = [dataclasses.asdict(track) for track in self.audio]
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
        )


def _seconds(container: dict[str, Any], tracks: list[dict[str, Any]]) -> float:
    """The picture's own duration, no longer than the container's; else the container's, else the longest track's."""
    whole = container.get("Duration") or max((track.get("Duration") or 0) for track in tracks)
    pictures = [track["Duration"] for track in tracks if track.get("TrackType") == "video" and track.get("Duration")]
    return min(pictures[0], whole) if pictures else whole


def _picture(format_: str, tracks: list[dict[str, Any]], name: str) -> VideoTrack | None:
    pictures = [track for track in tracks if track.get("TrackType") == "video"]
    if not pictures or format_ in _AUDIO_CONTAINERS:
        return None
    track = pictures[0]
    codec = track.get("Codec") or "UNKNOWN"
    if codec == "UNKNOWN":
        raise SourceRejected(
            "INPUT_CODEC_UNSUPPORTED",
            f"the picture of {name} is in a codec that cannot be decoded",
            {"container": format_, "track": track.get("Index")},
        )
    properties = track.get("VideoProperties") or {}
    essence = properties.get("CodecMetadata") or {}
    rotation = _rotation(properties, essence, name)
    width, height = _square_pixels(properties, essence)
    if rotation in (90, 270):
        width, height = height, width
    return VideoTrack(
        codec=codec,
        width=width,
        height=height,
        rotation=rotation,
        frame_rate=_fraction(properties.get("FrameRate")) or _fraction(essence.get("CodedFrameRate")) or Fraction(25),
        bit_depth=properties.get("BitDepth") or essence.get("BitDepth") or 8,
        interlaced=(essence.get("ScanType") or "").lower().startswith("interlaced") or bool(essence.get("FieldOrder")),
        transfer=properties.get("TransferCharacteristics") or essence.get("TransferCharacteristics") or "UNSPECIFIED",
    )


def _rotation(properties: dict[str, Any], essence: dict[str, Any], name: str) -> int:
    """Container rotation first: MediaConvert's Rotate AUTO follows it. Odd angles are the uploader's to mend."""
    rotation = (properties.get("Rotation") or essence.get("Rotation") or 0) % 360
    if rotation not in (0, 90, 180, 270):
        raise SourceRejected(
            "INPUT_UNREADABLE",
            f"{name} is turned by {rotation} degrees; only quarter turns can be undone",
            {"rotation": rotation},
            "Export the film upright and upload that file.",
        )
    return rotation


def _square_pixels(properties: dict[str, Any], essence: dict[str, Any]) -> tuple[int, int]:
    width, height = (
        properties.get("Width") or essence.get("Width") or 0,
        properties.get("Height") or essence.get("Height") or 0,
    )
    sample_aspect = (
        _fraction(properties.get("SampleAspectRatio")) or _fraction(essence.get("SampleAspectRatio")) or Fraction(1)
    )
    return round(width * sample_aspect), height


def _audio(track: dict[str, Any]) -> AudioTrack:
    properties = track.get("AudioProperties") or {}
    return AudioTrack(
        codec=track.get("Codec") or "UNKNOWN",
        channels=properties.get("Channels") or 2,
        language=properties.get("LanguageCode") or "und",
        duration_ms=round(1000 * track["Duration"]) if track.get("Duration") else None,
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
