"""The words of a plan: what is rendered, how it is grouped, where it goes. Values only; plan.py fills them in.

Files are named relative to the job's working directory, destinations by bucket, key prefix and base name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pipeline.local.mediaconvert.ffmpeg import Limits
from pipeline.local.mediaconvert.hdr import Metadata


class JobRefused(Exception):
    """The job cannot be done with this source; `code` is MediaConvert's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclasses.dataclass(frozen=True)
class Warned:
    code: int
    message: str


@dataclasses.dataclass(frozen=True)
class Picture:
    """Where the source's picture goes in an output's frame: scaled to `inner`, padded or cropped to `frame`."""

    frame: tuple[int, int]
    inner: tuple[int, int]
    offset: tuple[int, int] | None = None  # of the inner picture in the frame; in the middle when None


@dataclasses.dataclass(frozen=True)
class Look:
    """What outputs ask of the picture before it is scaled; those that agree share the work."""

    colors: str = "SDR"  # the source's own; HDR: kept; BT709, BT601: converted
    depth: int = 8  # bits
    deinterlacer: tuple[str, str] | None = None  # Mode and Control
    crop: tuple[int, int, int, int] | None = None  # x, y, width, height of what is kept, in pixels as stored


@dataclasses.dataclass(frozen=True)
class VideoEncode:
    """A picture to encode, once, however many outputs show it; `file` is a fragmented MP4 that all of them are cut or
    copied from."""

    file: str
    look: Look
    picture: Picture
    frame_rate: Fraction
    options: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class VideoRendition:
    output: int  # its place among the group's outputs
    name: str  # base name and modifier: the name of its playlist
    file: str  # of its VideoEncode
    picture: Picture
    frame_rate: Fraction
    gop_frames: int
    max_bitrate: int
    audio_groups: tuple[str, ...]
    i_frame_playlist: bool
    video_range: str = "SDR"  # as VIDEO-RANGE in HLS: SDR, PQ, HLG
    hdr: Metadata | None = None


@dataclasses.dataclass(frozen=True)
class AudioRendition:
    output: int
    name: str
    file: str  # a fragmented MP4 with this sound alone; others may play the same
    group_id: str
    language: str | None  # BCP 47
    label: str
    default: bool
    autoselect: bool
    variant: bool = False  # an EXT-X-STREAM-INF of its own, that no picture plays with


@dataclasses.dataclass(frozen=True)
class Tiles:
    """Thumbnails for trick play, `columns` times `rows` of them in each JPEG, in the order of a page's words."""

    name: str  # base name and what kind of images these are: the name of their playlist
    file: str  # before "_000000001.jpg" in the working directory
    picture: Picture  # of one thumbnail
    columns: int
    rows: int
    every_seconds: Fraction
    by_segment: bool  # one thumbnail for each video segment, however long

    @property
    def size(self) -> tuple[int, int]:
        """Of an image, with all its thumbnails."""
        width, height = self.picture.frame
        return width * self.columns, height * self.rows


@dataclasses.dataclass(frozen=True)
class CaptionSource:
    """Where captions come from: `url` names a sidecar; without one they are inside the pictures."""

    kind: str  # EMBEDDED, SRT, WEBVTT
    file: str  # in the working directory
    url: str | None = None
    channel: int = 1  # CC1 to CC4
    shift_ms: int = 0


@dataclasses.dataclass(frozen=True)
class CaptionRendition:
    output: int
    name: str
    source: CaptionSource
    language: str | None  # BCP 47
    label: str
    default: bool
    accessibility: bool  # for people who are deaf or hard of hearing


@dataclasses.dataclass(frozen=True)
class CmafGroup:
    index: int
    bucket: str
    prefix: str  # of the keys, up to and with the last "/"
    base: str
    segment_seconds: Fraction
    gops_per_segment: int | None  # None: segments end where `segment_seconds` says (SegmentLengthControl EXACT)
    video: tuple[VideoRendition, ...]
    audio: tuple[AudioRendition, ...]
    hls: bool
    dash: bool
    minimum_buffer_seconds: int | None
    bandwidth_in_mpd: str | None  # AVERAGE, MAX, or what was measured
    tiles: tuple[Tiles, ...] = ()
    captions: tuple[CaptionRendition, ...] = ()
    kind: str = "CMAF_GROUP"  # as outputGroupDetails calls it
    extension: str | None = None  # of all segments; CMAF has one for each kind


@dataclasses.dataclass(frozen=True)
class Capture:
    output: int
    name: str  # before ".0000000.jpg"
    file: str  # the same in the working directory
    picture: Picture
    every_seconds: Fraction
    at_most: int
    quality: int
    look: Look | None = None  # that of the renditions when it asks for none


@dataclasses.dataclass(frozen=True)
class MovieSound:
    file: str
    language: str  # ISO 639-2
    label: str | None


@dataclasses.dataclass(frozen=True)
class Movie:
    """A picture, sounds, or both, copied into one file when they are encoded."""

    output: int
    name: str
    file: str  # of its own, in the working directory
    extension: str
    muxer: str  # ffmpeg's name of the container
    options: Mapping[str, Any]
    video: VideoRendition | None
    sounds: tuple[MovieSound, ...]


@dataclasses.dataclass(frozen=True)
class FileGroup:
    index: int
    bucket: str
    prefix: str
    captures: tuple[Capture, ...]
    movies: tuple[Movie, ...]


@dataclasses.dataclass(frozen=True)
class TsRendition:
    """An output of an HLS group: a picture with the sounds muxed into it, or one sound alone."""

    output: int
    name: str
    segment_name: str  # the name with the SegmentModifier
    video: VideoRendition | None
    sounds: tuple[MovieSound, ...]
    audio: AudioRendition | None  # of sound alone: how it is listed
    pts_offset_ms: int
    muxer: Mapping[str, Any]  # M3u8Settings: PIDs and numbers


@dataclasses.dataclass(frozen=True)
class HlsGroup:
    index: int
    bucket: str
    prefix: str
    base: str
    segment_seconds: Fraction
    gops_per_segment: int | None
    renditions: tuple[TsRendition, ...]
    playlists: bool
    whole_seconds: bool  # durations in playlists
    tiles: tuple[Tiles, ...] = ()
    captions: tuple[CaptionRendition, ...] = ()
    caption_seconds: int | None = None  # how long caption segments are; as the picture's when None


Group = CmafGroup | FileGroup | HlsGroup


@dataclasses.dataclass(frozen=True)
class Analysis:
    """What must be known of a source before its job can be planned, and the command that finds it out."""

    arguments: tuple[str, ...]
    loudness_files: Mapping[str, Any]  # file name -> the sound chain it measures
    limits: Limits


@dataclasses.dataclass(frozen=True)
class EnginePlan:
    arguments: tuple[str, ...]
    groups: tuple[Group, ...]
    duration: float | None  # of the picture (of the sound when there is no picture), as the source's headers promise it
    limits: Limits
    filters: frozenset[str]  # those that not every build of ffmpeg has
    warnings: tuple[Warned, ...]

    @property
    def caption_sources(self) -> tuple[CaptionSource, ...]:
        groups = (group for group in self.groups if isinstance(group, CmafGroup | HlsGroup))
        return tuple(dict.fromkeys(rendition.source for group in groups for rendition in group.captions))
