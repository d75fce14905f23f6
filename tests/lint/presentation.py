"""What a film looks like to a player, read from its files alone: playlists, MPD, and the boxes of CMAF segments.

In: every file of a folder by its path, and the names of the top manifests. Out: values for the rules to look at.
Nothing here is shared with what wrote the files. What can go wrong: `Broken`, a file that cannot be read at all.
"""

from __future__ import annotations

import dataclasses
import functools
import posixpath
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

NAMESPACE = "{urn:mpeg:dash:schema:mpd:2011}"


class Broken(ValueError):
    """A file is missing, or is not what its place says."""


# --- playlists -------------------------------------------------------------------------------------------------------

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)(?:,|$)')


@dataclasses.dataclass(frozen=True)
class Tag:
    name: str
    value: str

    @functools.cached_property
    def attributes(self) -> dict[str, str]:
        return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(self.value)}


@dataclasses.dataclass(frozen=True)
class Piece:
    """A URI of a media playlist with the tags that stand before it."""

    path: str
    seconds: Fraction
    tags: tuple[Tag, ...]

    def tag(self, name: str) -> Tag | None:
        return next((tag for tag in self.tags if tag.name == name), None)

    @property
    def byte_range(self) -> tuple[int, int] | None:
        """Offset and length."""
        tag = self.tag("EXT-X-BYTERANGE")
        length, _, offset = tag.value.partition("@") if tag else ("", "", "")
        return (int(offset), int(length)) if tag else None


@dataclasses.dataclass(frozen=True)
class Playlist:
    path: str
    tags: tuple[Tag, ...]
    pieces: tuple[Piece, ...]

    def tag(self, name: str) -> Tag | None:
        return next((tag for tag in self.tags if tag.name == name), None)

    @property
    def target(self) -> int | None:
        tag = self.tag("EXT-X-TARGETDURATION")
        return int(tag.value) if tag else None

    @property
    def seconds(self) -> Fraction:
        return sum((piece.seconds for piece in self.pieces), Fraction(0))

    @property
    def init(self) -> str | None:
        tag = self.tag("EXT-X-MAP")
        return _beside(self.path, tag.attributes["URI"]) if tag else None


def _beside(path: str, uri: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(uri.partition("?")[0])))


def read_playlist(path: str, text: str) -> Playlist:
    lines = text.splitlines()
    if not lines or lines[0] != "#EXTM3U":
        raise Broken(f"{path} does not begin with #EXTM3U")
    tags, pieces, pending = [], [], []
    for line in filter(None, lines[1:]):
        if line.startswith("#EXT"):
            name, _, value = line[1:].partition(":")
            tags.append(Tag(name, value))
            pending.append(tags[-1])
        elif not line.startswith("#"):
            duration = next((tag.value for tag in pending if tag.name == "EXTINF"), "0")
            pieces.append(Piece(_beside(path, line), Fraction(duration.partition(",")[0]), tuple(pending)))
            pending = []
    return Playlist(path, tuple(tags), tuple(pieces))


# --- CMAF ------------------------------------------------------------------------------------------------------------


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[str, int, int, int]]:
    """(type, where it begins, where its body begins, where it ends)"""
    at, end = start, len(data) if end is None else end
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > end:
            raise Broken(f"a {kind!r} box of {size} bytes at {at} of {end}")
        yield kind.decode("latin-1"), at, at + 8, at + size
        at += size


def body(data: bytes, *path: str) -> bytes | None:
    """The body of the first box on this path."""
    for name in path:
        found = next((data[inner:stop] for kind, _, inner, stop in boxes(data) if kind == name), None)
        if found is None:
            return None
        data = found
    return data


@dataclasses.dataclass(frozen=True)
class Fragment:
    offset: int  # of its moof in the segment
    start: int
    durations: tuple[int, ...]
    sizes: tuple[int, ...]
    sync: bool
    data_at: int  # of the first sample, counted from the moof
    default_base_is_moof: bool
    offset_of_first: int  # composition offset: how long after its decode time the first sample is shown

    @property
    def duration(self) -> int:
        return sum(self.durations)


def fragments(segment: bytes) -> list[Fragment]:
    return [_fragment(segment[at:], at) for kind, at, _, _ in boxes(segment) if kind == "moof"]


def _fragment(data: bytes, offset: int) -> Fragment:
    traf = body(data, "moof", "traf")
    tfhd, tfdt, trun = body(traf, "tfhd"), body(traf, "tfdt"), body(traf, "trun")
    flags = int.from_bytes(tfhd[1:4])
    defaults, at = {}, 8 + 8 * bool(flags & 1) + 4 * bool(flags & 2)
    for bit in (0x8, 0x10, 0x20):
        if flags & bit:
            defaults[bit] = int.from_bytes(tfhd[at : at + 4])
            at += 4
    run, count = int.from_bytes(trun[1:4]), int.from_bytes(trun[4:8])
    data_at, at = struct.unpack_from(">i", trun, 8)[0], 12
    first_flags = defaults.get(0x20, 0)
    if run & 4:
        first_flags, at = int.from_bytes(trun[at : at + 4]), at + 4
    columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if run & bit]
    rows = struct.unpack_from(f">{count * len(columns)}I", trun, at)
    column = {bit: rows[place :: len(columns)] for place, bit in enumerate(columns)}
    if 0x400 in column and not run & 4:
        first_flags = column[0x400][0]
    return Fragment(
        offset=offset,
        start=int.from_bytes(tfdt[4:12] if tfdt[0] else tfdt[4:8]),
        durations=column.get(0x100, (defaults.get(0x8, 0),) * count),
        sizes=column.get(0x200, (defaults.get(0x10, 0),) * count),
        sync=not first_flags & 0x10000,
        data_at=data_at,
        default_base_is_moof=bool(flags & 0x020000),
        offset_of_first=_signed(column[0x800][0]) if 0x800 in column and trun[0] else column.get(0x800, (0,))[0],
    )


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


@dataclasses.dataclass(frozen=True)
class Init:
    kind: str  # vide or soun
    entry: str  # avc1, hvc1, av01, mp4a
    timescale: int
    width: int
    height: int
    channels: int
    skipped: int  # media time at which presentation begins, by the edit list
    brands: frozenset[str]


def read_init(data: bytes) -> Init:
    mdia = body(data, "moov", "trak", "mdia")
    mdhd, stsd = body(mdia, "mdhd"), body(mdia, "minf", "stbl", "stsd")
    elst, ftyp = body(data, "moov", "trak", "edts", "elst"), body(data, "ftyp")
    entry = stsd[8:]
    return Init(
        kind=body(mdia, "hdlr")[8:12].decode(),
        entry=entry[4:8].decode(),
        timescale=int.from_bytes(mdhd[20:24] if mdhd[0] else mdhd[12:16]),
        width=int.from_bytes(entry[32:34]),
        height=int.from_bytes(entry[34:36]),
        channels=int.from_bytes(entry[24:26]),
        skipped=struct.unpack_from(">i", elst, 12)[0] if elst else 0,
        brands=frozenset(ftyp[at : at + 4].decode() for at in (0, *range(8, len(ftyp), 4))),
    )


# --- the whole -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Rendition:
    """A media playlist of CMAF segments, with what is in them."""

    playlist: Playlist
    init: Init
    segments: tuple[tuple[Fragment, ...], ...]
    sizes: tuple[int, ...]

    @property
    def seconds(self) -> list[Fraction]:
        return [Fraction(ticks, self.init.timescale) for _, ticks in presented(self.init, self.segments)]

    @property
    def starts(self) -> list[int]:
        """Presentation time of each segment, in ticks."""
        return [start for start, _ in presented(self.init, self.segments)]


def presented(init: Init, segments: Sequence[Sequence[Fragment]]) -> list[tuple[int, int]]:
    """When each segment is shown and how long, in ticks, after the edit list: what lies before it is not shown."""
    found = []
    for segment in segments:
        start = segment[0].start + segment[0].offset_of_first - init.skipped
        ticks = sum(fragment.duration for fragment in segment)
        found.append((max(0, start), ticks + min(0, start)))
    return found


class Presentation:
    def __init__(self, files: Mapping[str, bytes], multivariant: str, mpd: str | None = None) -> None:
        self.files, self.multivariant_path, self.mpd_path = files, multivariant, mpd

    def bytes(self, path: str) -> bytes:
        if path not in self.files:
            raise Broken(f"{path} is not there")
        return self.files[path]

    @functools.cached_property
    def multivariant(self) -> Playlist:
        return self.playlist(self.multivariant_path)

    @functools.cache  # noqa: B019  a presentation lives as long as its test
    def playlist(self, path: str) -> Playlist:
        return read_playlist(path, self.bytes(path).decode())

    @functools.cached_property
    def variants(self) -> list[tuple[Tag, str]]:
        """Each EXT-X-STREAM-INF with its playlist's path."""
        found = []
        for piece in self.multivariant.pieces:
            tag = piece.tag("EXT-X-STREAM-INF")
            if tag is None:
                raise Broken(f"{piece.path} has no EXT-X-STREAM-INF")
            found.append((tag, piece.path))
        return found

    def tags(self, name: str) -> list[Tag]:
        return [tag for tag in self.multivariant.tags if tag.name == name]

    def media(self, kind: str, group: str | None = None) -> list[Tag]:
        return [
            tag
            for tag in self.tags("EXT-X-MEDIA")
            if tag.attributes.get("TYPE") == kind and group in (None, tag.attributes.get("GROUP-ID"))
        ]

    def beside(self, tag: Tag) -> str:
        return _beside(self.multivariant_path, tag.attributes["URI"])

    @functools.cache  # noqa: B019
    def rendition(self, path: str) -> Rendition:
        playlist = self.playlist(path)
        if playlist.init is None:
            raise Broken(f"{path} has no EXT-X-MAP")
        parts = [self.bytes(piece.path) for piece in playlist.pieces]
        init = read_init(self.bytes(playlist.init))
        return Rendition(playlist, init, tuple(tuple(fragments(part)) for part in parts), tuple(map(len, parts)))

    @functools.cached_property
    def video(self) -> dict[str, Rendition]:
        paths = dict.fromkeys(path for tag, path in self.variants if "RESOLUTION" in tag.attributes)
        return {path: self.rendition(path) for path in paths}

    @functools.cached_property
    def audio(self) -> dict[str, Rendition]:
        paths = dict.fromkeys(self.beside(tag) for tag in self.media("AUDIO") if "URI" in tag.attributes)
        return {path: self.rendition(path) for path in paths}

    @functools.cached_property
    def captions(self) -> dict[str, Playlist]:
        return {self.beside(tag): self.playlist(self.beside(tag)) for tag in self.media("SUBTITLES")}

    @property
    def timed(self) -> dict[str, Rendition]:
        return {**self.video, **self.audio}

    @functools.cached_property
    def mpd(self) -> Any:
        return ElementTree.fromstring(self.bytes(self.mpd_path or ""))

    def sets(self, kind: str | None = None) -> list[Any]:
        return [one for one in self.mpd.iter(f"{NAMESPACE}AdaptationSet") if kind in (None, one.get("contentType"))]

    def beside_mpd(self, uri: str, within: Any) -> str:
        """A path by an MPD's URI that stands within an element of an AdaptationSet, with the BaseURLs around it."""
        return _beside(self.mpd_path or "", self._bases.get(within, "") + uri)

    @functools.cached_property
    def _bases(self) -> dict[Any, str]:
        """The BaseURLs that hold for each element of each AdaptationSet, but for its Representation's own."""
        around = self.mpd.findtext(f"{NAMESPACE}BaseURL") or ""
        return {
            element: around + (one.findtext(f"{NAMESPACE}BaseURL") or "")
            for one in self.sets()
            for element in one.iter()
        }
