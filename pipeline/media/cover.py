"""Cover: the picture that a music or podcast file carries, for the poster of an asset without a picture of its own.

In: a way to read parts of the file. Out: the bytes of a JPEG or PNG, or nothing. It is looked for where each format
keeps it: APIC in ID3v2 (MP3, AAC), `covr` in MP4, PICTURE in FLAC, METADATA_BLOCK_PICTURE in Ogg. A front cover is
preferred to a back cover.

The file is anybody's: every length in it may lie. Reads are counted and limited, nothing larger than 8 MiB is taken,
and what is taken must be an image by its content. What cannot be understood is "no cover": a missing poster holds no
asset back. Matroska's attachments are not looked for: they lie anywhere behind the sound.

Sources: id3.org ID3v2.2 to 2.4, ISO/IEC 14496-12 and Apple's metadata format (covr), RFC 9639 section 8.8 (PICTURE),
RFC 3533 (Ogg), Xiph "Vorbis comment" (METADATA_BLOCK_PICTURE).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import struct
from collections.abc import Callable, Iterator

from pipeline.media import images

MOST_BYTES = images.MOST_BYTES
_MOST_READS = 64
_MOST_BOXES = 400
_WINDOW = 16_384
_FRONT = 3  # ID3v2 "Picture type"; FLAC has the same list

ReadPart = Callable[[int, int], bytes]


@dataclasses.dataclass(frozen=True)
class Cover:
    data: bytes
    image: images.Image

    @property
    def file_name(self) -> str:
        return "cover.png" if self.image.kind == "png" else "cover.jpg"

    @property
    def content_type(self) -> str:
        return f"image/{self.image.kind}"


class _TooMuch(Exception):
    """The file asks for more reads or bytes than a cover is worth."""


@dataclasses.dataclass
class _File:
    """Reads with a small memory of the last window, and a count of them."""

    read_part: ReadPart
    size: int
    reads: int = 0
    start: int = 0
    window: bytes = b""

    def read(self, first: int, length: int) -> bytes:
        """Up to `length` bytes; fewer at the end."""
        if length > 2 * MOST_BYTES:
            raise _TooMuch
        inside = self.start <= first and first + length <= self.start + len(self.window)
        if not inside:
            self.reads += 1
            if self.reads > _MOST_READS:
                raise _TooMuch
            wanted = min(max(length, _WINDOW), max(0, self.size - first))
            self.start, self.window = first, self.read_part(first, wanted) if wanted else b""
        return self.window[first - self.start : first - self.start + length]


def find_cover(read_part: ReadPart, size: int) -> Cover | None:
    """The cover of a file of `size` bytes; read_part(first, length) gives a part of it. Raises what that raises."""
    candidates: list[tuple[int, bytes]] = []
    # What was found before the file stopped making sense still counts.
    with contextlib.suppress(_TooMuch, struct.error, IndexError, binascii.Error):
        candidates.extend(_pictures(_File(read_part, size)))
    for _, data in sorted(candidates, key=lambda found: found[0] != _FRONT):
        cover = _cover(data)
        if cover:
            return cover
    return None


def _cover(data: bytes) -> Cover | None:
    if len(data) > MOST_BYTES:
        return None
    try:
        image = images.look_at(data)
    except images.ImageBroken:
        return None
    return Cover(data, image) if image.width * image.height <= images.MOST_PIXELS else None


def _pictures(file: _File) -> Iterator[tuple[int, bytes]]:
    """(picture type, bytes) of every picture, by what the file begins with."""
    first = file.read(0, 12)
    if first.startswith(b"ID3") and len(first) >= 10:
        yield from _id3(file)
        first = file.read(10 + _synchsafe(file.read(6, 4)), 4)  # some programs put a tag before a FLAC
        if first == b"fLaC":
            yield from _flac(file, 10 + _synchsafe(file.read(6, 4)))
    elif first.startswith(b"fLaC"):
        yield from _flac(file, 0)
    elif first.startswith(b"OggS"):
        yield from _ogg(file)
    elif first[4:8] == b"ftyp":
        yield from _mp4(file)


# ID3v2 ---------------------------------------------------------------------------------------------------------------


def _id3(file: _File) -> Iterator[tuple[int, bytes]]:
    version, flags = file.read(3, 1)[0], file.read(5, 1)[0]
    size = _synchsafe(file.read(6, 4))
    tag = file.read(10, min(size, MOST_BYTES + 2 * _WINDOW))
    if flags & 0x80 and version < 4:
        tag = tag.replace(b"\xff\x00", b"\xff")
    position = 0
    if flags & 0x40 and version > 2:  # an extended header; its size counts itself in 2.4 only
        extended = tag[0:4]
        position = _synchsafe(extended) if version == 4 else 4 + int.from_bytes(extended)
    head = 6 if version == 2 else 10
    letters = 3 if version == 2 else 4
    while position + head <= len(tag):
        name, raw = tag[position : position + letters], tag[position + letters : position + 2 * letters]
        length = _synchsafe(raw) if version == 4 else int.from_bytes(raw)
        if not name.strip(b"\0") or length == 0:
            return
        content = tag[position + head : position + head + length]
        packed = version > 2 and tag[position + 9] & (0x0C if version == 4 else 0xC0)  # compressed or encrypted
        if name in (b"APIC", b"PIC") and not packed:
            if version == 4 and (flags & 0x80 or tag[position + 9] & 0x02):
                content = content.replace(b"\xff\x00", b"\xff")
            yield from _attached(content, 4 if name == b"PIC" else content.find(b"\0", 1) + 1)
        position += head + length


def _attached(content: bytes, type_at: int) -> Iterator[tuple[int, bytes]]:
    """The picture behind encoding, media type, picture type and description: found by its own first bytes."""
    starts = [at for at in (content.find(images.JPEG, 0, 1024), content.find(images.PNG, 0, 1024)) if at >= 0]
    if starts:
        yield content[type_at], content[min(starts) :]


def _synchsafe(data: bytes) -> int:
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
    return number


# FLAC and Ogg --------------------------------------------------------------------------------------------------------


def _flac(file: _File, start: int) -> Iterator[tuple[int, bytes]]:
    position = start + 4
    for _ in range(_MOST_READS):
        head = file.read(position, 4)
        if len(head) < 4:
            return
        length = int.from_bytes(head[1:])
        if head[0] & 0x7F == 6 and length <= MOST_BYTES + _WINDOW:
            yield from _flac_picture(file.read(position + 4, length))
        if head[0] & 0x80:
            return
        position += 4 + length


def _flac_picture(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Type, media type, description, four numbers of the picture's shape, its bytes."""
    kind, length = struct.unpack_from(">II", block)
    position = 8 + length
    position += 4 + struct.unpack_from(">I", block, position)[0] + 16
    length = struct.unpack_from(">I", block, position)[0]
    yield kind, block[position + 4 : position + 4 + length]


def _ogg(file: _File) -> Iterator[tuple[int, bytes]]:
    """The comments are the second packet of the first stream, over as many pages as they need."""
    for packet in _second_packet(file):
        for name in (b"\x03vorbis", b"OpusTags"):
            if packet.startswith(name):
                yield from _comments(packet[len(name) :])


def _second_packet(file: _File) -> Iterator[bytes]:
    position, packets, packet, stream = 0, 0, bytearray(), b""
    while True:
        head = file.read(position, 27)
        if len(head) < 27 or not head.startswith(b"OggS"):
            return
        table = file.read(position + 27, head[26])
        stream = stream or head[14:18]
        body = position + 27 + len(table)
        if head[14:18] == stream:
            data = file.read(body, sum(table))
            at = 0
            for size in table:
                packet += data[at : at + size] if packets == 1 else b""
                at += size
                if size < 255:
                    packets += 1
                    if packets == 2:
                        yield bytes(packet)
                        return
            if len(packet) > 2 * MOST_BYTES:
                raise _TooMuch
        position = body + sum(table)


def _comments(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 4 + struct.unpack_from("<I", data)[0]
    count = struct.unpack_from("<I", data, position)[0]
    position += 4
    for _ in range(min(count, 1000)):
        length = struct.unpack_from("<I", data, position)[0]
        name, _, value = data[position + 4 : position + 4 + length].partition(b"=")
        if name.upper() == b"METADATA_BLOCK_PICTURE":
            yield from _flac_picture(base64.b64decode(value))
        position += 4 + length


# MP4 -----------------------------------------------------------------------------------------------------------------


def _mp4(file: _File) -> Iterator[tuple[int, bytes]]:
    """moov / udta / meta / ilst / covr / data; the first is the front cover, by custom."""
    place = (0, file.size)
    for wanted in (b"moov", b"udta", b"meta", b"ilst", b"covr"):
        found = next((each[1:] for each in _boxes(file, *place) if each[0] == wanted), None)
        if found is None:
            return
        place = found
        if wanted == b"meta" and file.read(place[0] + 4, 4) != b"hdlr":  # a full box, except in QuickTime
            place = (place[0] + 4, place[1])
    for kind, start, end in _boxes(file, *place):
        if kind == b"data" and 8 < end - start <= MOST_BYTES:
            yield _FRONT, file.read(start + 8, end - start - 8)


def _boxes(file: _File, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, first byte of the content, end) of each box."""
    for _ in range(_MOST_BOXES):
        head = file.read(start, 16) if start + 8 <= end else b""
        if len(head) < 8:
            return
        length, kind = struct.unpack_from(">I4s", head)
        inside = 8
        if length == 1:
            length, inside = struct.unpack_from(">Q", head, 8)[0], 16
        elif length == 0:
            length = end - start
        if length < inside or start + length > end:
            return
        yield kind, start + inside, start + length
        start += length
