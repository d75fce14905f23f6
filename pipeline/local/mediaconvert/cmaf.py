"""Package CMAF: cut the encoder's fragmented MP4s into an init segment and segments, while they are still being
written.

In: the mezzanine files of a plan (one track each: video with a fragment at every GOP, audio in packets), growing or
finished. Out: `Cut` segments, each a few header bytes and ranges of the mezzanine, so that no film is ever held in
memory nor written twice; at the end a `Track` for each, which is all the manifests need. What can go wrong:
`MezzanineBroken` when a file is not what our own encoder writes.

Our own packager, and not a ready one, each of which was tried on the same encodes and fails the lint in tests/lint:

- Shaka Packager 3.8, the best of them: EXT-X-TARGETDURATION 5 over segments of 4.000 s, I-frame playlists with only the
  first I-frame of each segment, sound with DEFAULT=NO, text playlists that end with the last cue, and a BANDWIDTH below
  AVERAGE-BANDWIDTH where segments are unequal.
- ffmpeg's muxers: the average as BANDWIDTH, or the peak without the sound; no AVERAGE-BANDWIDTH, FRAME-RATE or
  INDEPENDENT-SEGMENTS; a wall clock in every film; I-frame playlists that list whole segments; captions 67 ms late.

This one is exact to the tick, cuts while the encoder writes and copies no media; a two-hour film in six renditions
costs it a second of CPU and 40 MiB. Sound is cut where the picture is cut: at the packet nearest to each boundary.
"""

from __future__ import annotations

import array
import dataclasses
import itertools
import os
import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

AAC_PRIMING = 1024  # samples of silence the AAC encoder puts before the sound; the init segment's edit list skips them
_U32 = struct.Struct(">I")
_SYNC_SAMPLE_DEPENDS_ON_NONE = 0x02000000
_NON_SYNC = 0x00010000


class MezzanineBroken(Exception):
    """A file our own encoder wrote does not read as fragmented MP4; the message names the file."""


@dataclasses.dataclass(frozen=True)
class IFrame:
    offset: int  # in its segment
    size: int
    duration: int  # to the next one


@dataclasses.dataclass(frozen=True)
class Segment:
    number: int  # from 1
    start: int  # in ticks of the track
    duration: int
    size: int
    i_frames: tuple[IFrame, ...] = ()


@dataclasses.dataclass(frozen=True)
class Cut:
    """A segment with the bytes it is made of: `head`, then ranges of the mezzanine file."""

    segment: Segment
    head: bytes
    path: Path
    ranges: tuple[tuple[int, int], ...]  # offset, length

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            return self.head + b"".join(os.pread(file.fileno(), length, offset) for offset, length in self.ranges)


@dataclasses.dataclass(frozen=True)
class Track:
    """A finished rendition: everything a manifest says about it.

    Segments are as they are presented, after the init segment's edit list: the first of a sound is shorter than its
    bytes by the priming, and all that follow are earlier. That is the time of HLS, and of a SegmentTimeline.
    """

    kind: str  # video, audio, image or text
    timescale: int
    codec: str
    segments: tuple[Segment, ...]
    init: bytes = dataclasses.field(repr=False)
    width: int = 0
    height: int = 0
    channels: int = 0
    extension: str | None = None  # of its files, where it is not CMAF's

    @property
    def duration(self) -> Fraction:
        return Fraction(sum(segment.duration for segment in self.segments), self.timescale)

    @property
    def size(self) -> int:
        return sum(segment.size for segment in self.segments)

    def spans_ms(self) -> list[tuple[int, int]]:
        """When each segment is presented."""
        ends = [segment.start + segment.duration for segment in self.segments]
        times = [round(Fraction(ticks * 1000, self.timescale)) for ticks in (0, *ends)]
        return list(itertools.pairwise(times))


def image_track(durations: Iterable[int], sizes: Iterable[int], timescale: int, width: int, height: int) -> Track:
    """Images for trick play, in files of their own, as a track that manifests can describe like any other.

    A filter that saw a frame more or less than the encoder may leave one file more or less: none is shown after the
    film, and what has no file is not named.
    """
    segments, start = [], 0
    for number, (duration, size) in enumerate(zip(durations, sizes, strict=False), 1):
        segments.append(Segment(number, start, duration, size))
        start += duration
    return Track("image", timescale, "jpeg", tuple(segments), b"", width, height)


def text_track(beside: Track, sizes: Iterable[int]) -> Track:
    """WebVTT segments, one for each of the track's that they are shown beside."""
    segments = [
        Segment(segment.number, segment.start, segment.duration, size)
        for segment, size in zip(beside.segments, sizes, strict=True)
    ]
    return Track("text", beside.timescale, "wvtt", tuple(segments), b"")


# --- boxes -----------------------------------------------------------------------------------------------------------


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, where the body starts, where the box ends) of each box in a range."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8 or start + size > end:
            raise ValueError(f"box {kind!r} of {size} bytes does not fit")
        yield kind, start + 8, start + size
        start += size


def find(data: bytes, start: int, end: int, *path: bytes) -> tuple[int, int] | None:
    for kind, body, stop in boxes(data, start, end):
        if kind == path[0]:
            return (body, stop) if len(path) == 1 else find(data, body, stop, *path[1:])
    return None


STYP = box(b"styp", b"cmfs", bytes(4), b"cmfsmsdh")
FTYP = box(b"ftyp", b"cmfc", bytes(4), b"cmfciso6dash")


# --- reading fragments -----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Fragment:
    start: int
    duration: int
    offset: int  # of its moof in the file
    size: int  # of moof and mdat
    sync: bool  # begins with an I-frame
    first_sample_end: int  # counted from its own start
    data_offset: int  # of its first sample in the file
    sizes: tuple[int, ...]
    durations: tuple[int, ...]


class FragmentReader:
    """Reads the complete fragments of a growing file; call `advance` again for those written since."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.moov = b""
        self._at = 0

    def advance(self) -> list[Fragment]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            try:
                return list(self._fragments(file.fileno(), os.fstat(file.fileno()).st_size))
            except (ValueError, struct.error, IndexError, TypeError) as error:
                raise MezzanineBroken(f"{self.path.name} at byte {self._at}: {error}") from error

    def _fragments(self, descriptor: int, end: int) -> Iterator[Fragment]:
        while (header := self._header(descriptor, self._at, end)) is not None:
            kind, length = header
            if kind == b"moov":
                self.moov = os.pread(descriptor, length, self._at)
            elif kind == b"moof":
                following = self._header(descriptor, self._at + length, end)
                if following is None:  # its mdat is still being written
                    return
                moof = os.pread(descriptor, length, self._at)
                yield parse_moof(moof, self._at, length + following[1])
                length += following[1]
            self._at += length

    def _header(self, descriptor: int, at: int, end: int) -> tuple[bytes, int] | None:
        """Type and length of the box at `at`, None while it is not there in full."""
        header = os.pread(descriptor, 16, at)
        if len(header) < 8:
            return None
        length, kind = struct.unpack_from(">I4s", header)
        if length == 1:
            length = struct.unpack_from(">Q", header, 8)[0]
        if length < 8:  # ffmpeg writes a size of 0 first and the true one when the box is done
            return None
        return (kind, length) if at + length <= end else None


def parse_moof(moof: bytes, offset: int, size: int) -> Fragment:
    traf = find(moof, 8, len(moof), b"traf")
    start = default_duration = default_size = default_flags = 0
    for kind, body, _ in boxes(moof, *traf):
        if kind == b"tfhd":
            default_duration, default_size, default_flags = _parse_tfhd(moof, body)
        elif kind == b"tfdt":
            start = struct.unpack_from(">Q", moof, body + 4)[0] if moof[body] else _U32.unpack_from(moof, body + 4)[0]
        elif kind == b"trun":
            run = _parse_trun(moof, body, default_duration, default_size, default_flags)
    data_offset, first_flags, sizes, durations = run
    return Fragment(
        start=start, duration=sum(durations), offset=offset, size=size, sync=not first_flags & _NON_SYNC,
        first_sample_end=data_offset + sizes[0], data_offset=offset + data_offset, sizes=sizes, durations=durations,
    )  # fmt: skip


def _parse_tfhd(moof: bytes, at: int) -> tuple[int, int, int]:
    flags = _U32.unpack_from(moof, at)[0] & 0xFFFFFF
    at += 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
    values = []
    for bit in (0x8, 0x10, 0x20):
        values.append(_U32.unpack_from(moof, at)[0] if flags & bit else 0)
        at += 4 if flags & bit else 0
    return tuple(values)


def _parse_trun(moof: bytes, at: int, duration: int, size: int, flags_of_all: int):
    flags, count = _U32.unpack_from(moof, at)[0] & 0xFFFFFF, _U32.unpack_from(moof, at + 4)[0]
    at += 8
    data_offset = struct.unpack_from(">i", moof, at)[0]
    at += 4
    columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    first_flags = flags_of_all
    if flags & 4:
        first_flags = _U32.unpack_from(moof, at)[0]
        at += 4
    table = struct.unpack_from(f">{count * len(columns)}I", moof, at)
    column = {bit: table[position :: len(columns)] for position, bit in enumerate(columns)}
    if 0x400 in column and not flags & 4:
        first_flags = column[0x400][0]
    return data_offset, first_flags, column.get(0x200, (size,) * count), column.get(0x100, (duration,) * count)


# --- cutting ---------------------------------------------------------------------------------------------------------


class VideoCutter:
    """Groups GOPs into segments; a segment is complete when the GOP after it has begun."""

    def __init__(self, path: Path, gops_per_segment: int | None, segment_seconds: Fraction) -> None:
        self.reader = FragmentReader(path)
        self.segments: list[Segment] = []
        self._gops, self._seconds = gops_per_segment, segment_seconds
        self._pending: list[Fragment] = []
        self._gops_pending = 0

    @property
    def timescale(self) -> int:
        return media_timescale(self.reader.moov)

    @property
    def end(self) -> Fraction:
        """Where the finished segments end, in seconds."""
        done = self.segments[-1].start + self.segments[-1].duration if self.segments else 0
        return Fraction(done, self.timescale) if self.reader.moov else Fraction(0)

    def advance(self) -> Iterator[Cut]:
        for fragment in self.reader.advance():
            if fragment.sync:
                if self._pending and self._starts_segment(fragment):
                    yield self._cut()
                self._gops_pending += 1
            self._pending.append(_without_table(fragment))

    def finish(self) -> Iterator[Cut]:
        yield from self.advance()
        if self._pending:
            yield self._cut()

    def _starts_segment(self, fragment: Fragment) -> bool:
        if self._gops is not None:
            return self._gops_pending >= self._gops
        due = (len(self.segments) + 1) * self._seconds
        return Fraction(fragment.start, self.timescale) >= due - Fraction(1, 100)

    def _cut(self) -> Cut:
        position, i_frames = len(STYP), []
        for fragment in self._pending:
            if fragment.sync:
                i_frames.append(IFrame(position, fragment.first_sample_end, fragment.duration))
            else:  # a GOP in several fragments: its I-frame is shown to the end of the last
                i_frames[-1] = dataclasses.replace(i_frames[-1], duration=i_frames[-1].duration + fragment.duration)
            position += fragment.size
        segment = Segment(
            number=len(self.segments) + 1,
            start=self._pending[0].start,
            duration=sum(fragment.duration for fragment in self._pending),
            size=position,
            i_frames=tuple(i_frames),
        )  # fmt: skip
        ranges = tuple((fragment.offset, fragment.size) for fragment in self._pending)
        self.segments.append(segment)
        self._pending, self._gops_pending = [], 0
        return Cut(segment, STYP, self.reader.path, ranges)

    def track(self) -> Track:
        moov = self.reader.moov
        codec, width, height = video_description(moov)
        return Track(
            kind="video", timescale=self.timescale, codec=codec, segments=tuple(self.segments), init=init_segment(moov),
            width=width, height=height,
        )  # fmt: skip


def _without_table(fragment: Fragment) -> Fragment:
    return dataclasses.replace(fragment, sizes=(), durations=())


class AudioCutter:
    """Makes new fragments of the audio packets, one for each video segment.

    Packets are kept as three numbers each (a two-hour film has a third of a million), their bytes stay in the file.
    """

    def __init__(self, path: Path, priming: int = AAC_PRIMING) -> None:
        self.reader = FragmentReader(path)
        self.segments: list[Segment] = []
        self.priming = priming
        self._sizes, self._durations, self._offsets = array.array("L"), array.array("L"), array.array("Q")
        self._next = 0  # the first packet not yet in a segment
        self._next_start = 0

    @property
    def timescale(self) -> int:
        return media_timescale(self.reader.moov)

    def advance(self, boundaries: Iterable[Fraction]) -> Iterator[Cut]:
        """Segments up to each of these times that the audio has reached; boundaries already cut at are passed over."""
        self._read()
        if not self.reader.moov:  # ffmpeg has not begun to write this file
            return
        for boundary in list(boundaries)[len(self.segments) :]:
            until = self._packet_at(boundary)
            if until is None:
                return
            if until > self._next:
                yield self._cut(until)

    def finish(self, boundaries: Iterable[Fraction], end: Fraction | None) -> Iterator[Cut]:
        """All the rest; of what lies beyond `end`, where the video ends, only the packet that reaches over it."""
        self._read()
        for boundary in list(boundaries)[len(self.segments) :]:
            until = self._packet_at(boundary)
            if until is not None and until > self._next:
                yield self._cut(until)
        last = len(self._sizes)
        if end is not None:
            last, at = self._next, self._next_start
            while last < len(self._sizes) and at < end * self.timescale + self.priming:
                at += self._durations[last]
                last += 1
        if last > self._next:
            yield self._cut(last)

    def even_boundaries(self, seconds: Fraction) -> list[Fraction]:
        """Where sound without a picture is cut: every `seconds`."""
        self._read()
        total = Fraction(sum(self._durations) - self.priming, self.timescale) if self.reader.moov else Fraction(0)
        return [number * seconds for number in range(1, int(total / seconds) + 1)]

    def _read(self) -> None:
        for fragment in self.reader.advance():
            position = fragment.data_offset
            for size, duration in zip(fragment.sizes, fragment.durations, strict=True):
                self._sizes.append(size)
                self._durations.append(duration)
                self._offsets.append(position)
                position += size

    def _packet_at(self, boundary: Fraction) -> int | None:
        """The packet nearest to a time, None when the audio has not come that far yet."""
        target = boundary * self.timescale + self.priming
        packet, at = self._next, self._next_start
        while packet < len(self._sizes):
            if at + self._durations[packet] // 2 >= target:
                return packet
            at += self._durations[packet]
            packet += 1
        return None

    def _cut(self, until: int) -> Cut:
        sizes, durations = self._sizes[self._next : until], self._durations[self._next : until]
        duration, number = sum(durations), len(self.segments) + 1
        head = STYP + audio_moof(number, self._next_start, sizes, durations) + _U32.pack(8 + sum(sizes)) + b"mdat"
        segment = Segment(number=number, start=self._next_start, duration=duration, size=len(head) + sum(sizes))
        ranges = _merged(zip(self._offsets[self._next : until], sizes, strict=True))
        self.segments.append(segment)
        self._next, self._next_start = until, self._next_start + duration
        return Cut(segment, head, self.reader.path, ranges)

    def track(self) -> Track:
        moov = self.reader.moov
        return Track(
            kind="audio", timescale=self.timescale, codec="mp4a.40.2", segments=tuple(self._presented()),
            init=init_segment(moov, priming=self.priming), channels=audio_channels(moov),
        )  # fmt: skip

    def _presented(self) -> Iterator[Segment]:
        for segment in self.segments:
            start, end = segment.start - self.priming, segment.start + segment.duration - self.priming
            # A sound no longer than its priming is never heard, but a segment has to last.
            yield dataclasses.replace(segment, start=max(0, start), duration=max(1, end - max(0, start)))


def _merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Neighbouring ranges as one: packets lie one after the other but for the headers between fragments."""
    merged: list[tuple[int, int]] = []
    for offset, length in ranges:
        if merged and sum(merged[-1]) == offset:
            merged[-1] = (merged[-1][0], merged[-1][1] + length)
        else:
            merged.append((offset, length))
    return tuple(merged)


def audio_moof(number: int, start: int, sizes: array.array, durations: array.array) -> bytes:
    same = len(set(durations)) == 1
    flags = 0x201 if same else 0x301  # data offset, size, and duration where packets differ in it
    rows = sizes if same else [value for pair in zip(durations, sizes, strict=True) for value in pair]
    table = struct.pack(f">{len(rows)}I", *rows)
    tfhd = box(b"tfhd", struct.pack(">IIII", 0x020028, 1, durations[0], _SYNC_SAMPLE_DEPENDS_ON_NONE))
    tfdt = box(b"tfdt", struct.pack(">IQ", 0x01000000, start))
    mfhd = box(b"mfhd", struct.pack(">II", 0, number))
    trun_size = 8 + 12 + len(table)
    moof_size = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + trun_size
    trun = box(b"trun", struct.pack(">III", flags, len(sizes), moof_size + 8), table)
    return box(b"moof", mfhd, box(b"traf", tfhd, tfdt, trun))


# --- the init segment ------------------------------------------------------------------------------------------------


def picture_seconds(path: Path) -> Fraction:
    """How long the picture of a finished, unfragmented MP4 lasts; 0 when it has none or is no MP4."""
    with path.open("rb") as file:
        at, size = 0, os.fstat(file.fileno()).st_size
        while at + 8 <= size:
            header = os.pread(file.fileno(), 16, at)
            length, kind = struct.unpack_from(">I4s", header)
            length = struct.unpack_from(">Q", header, 8)[0] if length == 1 else length
            if kind == b"moov":
                return _picture_seconds(os.pread(file.fileno(), length, at))
            at += max(8, length)
    return Fraction(0)


def _picture_seconds(moov: bytes) -> Fraction:
    for kind, body, end in boxes(moov, 8, len(moov)):
        if kind == b"trak":
            handler, _ = find(moov, body, end, b"mdia", b"hdlr")
            if moov[handler + 8 : handler + 12] == b"vide":
                header, _ = find(moov, body, end, b"mdia", b"mdhd")
                form, at = (">IQ", 20) if moov[header] else (">II", 12)
                timescale, duration = struct.unpack_from(form, moov, header + at)
                return Fraction(duration, timescale)
    return Fraction(0)


def media_timescale(moov: bytes) -> int:
    body, _ = find(moov, 8, len(moov), b"trak", b"mdia", b"mdhd")
    return _U32.unpack_from(moov, body + (20 if moov[body] else 12))[0]


def _sample_entry(moov: bytes) -> int:
    body, _ = find(moov, 8, len(moov), b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    return body + 8


def video_description(moov: bytes) -> tuple[str, int, int]:
    """The codec as RFC 6381 names it (avc1.640028, hvc1.2.4.L120.90, av01.0.08M.10), width and height."""
    entry = _sample_entry(moov)
    kind, end = moov[entry + 4 : entry + 8].decode(), entry + _U32.unpack_from(moov, entry)[0]
    width, height = struct.unpack_from(">HH", moov, entry + 8 + 24)
    parts = {box_kind: moov[body:stop] for box_kind, body, stop in boxes(moov, entry + 8 + 78, end)}
    if b"avcC" in parts:
        codec = f"{kind}.{parts[b'avcC'][1:4].hex()}"
    elif b"hvcC" in parts:
        codec = f"{kind}.{_hevc_profile(parts[b'hvcC'])}"
    else:
        codec = f"{kind}.{_av1_profile(parts[b'av1C'], parts.get(b'colr', b''))}"
    return codec, width, height


def _hevc_profile(config: bytes) -> str:
    """ISO/IEC 14496-15 E.3: profile, compatibility in reversed bits, tier and level, constraints without end zeros."""
    space, tier, profile = config[1] >> 6, config[1] >> 5 & 1, config[1] & 31
    compatibility = int(f"{_U32.unpack_from(config, 2)[0]:032b}"[::-1], 2)
    constraints = [f"{byte:X}" for byte in config[6:12].rstrip(bytes(1))]
    level = f"{'LH'[tier]}{config[12]}"
    return ".".join([f"{['', 'A', 'B', 'C'][space]}{profile}", f"{compatibility:X}", level, *constraints])


def _av1_profile(config: bytes, colour: bytes) -> str:
    """AV1's ISO binding: profile, level and tier, depth; all of the rest where the colour is not BT.709's."""
    profile, level, tier = config[1] >> 5, config[1] & 31, config[2] >> 7
    depth = 8 + 2 * (config[2] >> 6 & 1) + 2 * (config[2] >> 5 & 1)
    found = f"{profile}.{level:02d}{'MH'[tier]}.{depth:02d}"
    nclx = struct.unpack(">HHHB", colour[4:11]) if colour[:4] == b"nclx" else (1, 1, 1, 0)
    if nclx[:3] == (1, 1, 1):
        return found
    monochrome, subsampling = config[2] >> 4 & 1, f"{config[2] >> 3 & 1}{config[2] >> 2 & 1}{config[2] & 3}"
    primaries, transfer, matrix, full = nclx
    return f"{found}.{monochrome}.{subsampling}.{primaries:02d}.{transfer:02d}.{matrix:02d}.{full >> 7}"


def audio_channels(moov: bytes) -> int:
    return struct.unpack_from(">H", moov, _sample_entry(moov) + 8 + 16)[0]


def init_segment(moov: bytes, priming: int = 0) -> bytes:
    """ftyp and the encoder's moov, without what names the encoder, with the edit list that skips the priming.

    Fragmented MP4 from ffmpeg says nothing about the priming (its own edit list would be in the moov it writes before
    it knows), and without the edit list sound is 21 ms late.
    """
    return FTYP + box(b"moov", *_rebuilt(moov, 8, len(moov), priming))


def _rebuilt(moov: bytes, start: int, end: int, priming: int) -> Iterator[bytes]:
    for kind, body, stop in boxes(moov, start, end):
        if kind == b"udta" or kind == b"edts":
            continue
        if kind != b"trak":
            yield moov[body - 8 : stop]
            continue
        parts = list(_rebuilt(moov, body, stop, 0))
        if priming:
            entry = struct.pack(">IIiHH", 1, 0, priming, 1, 0)
            parts.insert(1, box(b"edts", box(b"elst", bytes(4), entry)))  # after tkhd
        yield box(b"trak", *parts)
