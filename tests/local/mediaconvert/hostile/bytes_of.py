"""Containers by hand: boxes, EBML elements, RIFF chunks and H.264 headers that no muxer would write.

In: plain values. Out: bytes. Nothing here checks anything: that is the point.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta", b"mvex", b"moof", b"traf")
Edit = Callable[[bytes], bytes | None]

# --- MP4 -------------------------------------------------------------------------------------------------------------


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) of each box; of a well-formed file only."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + size]
        at += size


def edited(data: bytes, **edits: Edit) -> bytes:
    """The file with every box of these types given to its edit; None drops the box. mdat must come before moov."""
    made = []
    for kind, body in boxes(data):
        edit = edits.get(kind.decode("latin-1").strip())
        if kind in CONTAINERS and edit is None:
            made.append(box(kind, edited(body, **edits)))
        elif edit is None:
            made.append(box(kind, body))
        elif (changed := edit(body)) is not None:
            made.append(box(kind, changed))
    return b"".join(made)


def poke(at: int, form: str, *values: int) -> Edit:
    """An edit that overwrites numbers at a place of the body."""

    def edit(body: bytes) -> bytes:
        changed = bytearray(body)
        struct.pack_into(form, changed, at, *values)
        return bytes(changed)

    return edit


def boundaries(data: bytes, base: int = 0) -> Iterator[int]:
    """Where each box, at every depth, begins and its header ends."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield base + at
        yield base + at + 8
        if kind in CONTAINERS:
            yield from boundaries(data[at + 8 : at + size], base + at + 8)
        at += size


# --- Matroska --------------------------------------------------------------------------------------------------------


def element(identifier: int, *parts: bytes, size: int | None = None) -> bytes:
    """An EBML element; `size` lies about its length."""
    body = b"".join(parts)
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + ((1 << 56) | (len(body) if size is None else size)).to_bytes(8, "big") + body


def number(identifier: int, value: int) -> bytes:
    return element(identifier, value.to_bytes(8, "big"))


def text(identifier: int, value: str) -> bytes:
    return element(identifier, value.encode())


def decimal(identifier: int, value: float) -> bytes:
    return element(identifier, struct.pack(">d", value))


EBML_HEAD = element(0x1A45DFA3, text(0x4282, "matroska"), number(0x4287, 4), number(0x4285, 2))
UNKNOWN_SIZE = (1 << 56) - 1


def matroska(*parts: bytes, size: int | None = None) -> bytes:
    return EBML_HEAD + element(0x18538067, *parts, size=size)


def info(*parts: bytes, scale: int = 1_000_000) -> bytes:
    return element(0x1549A966, number(0x2AD7B1, scale), *parts)


def track(index: int, codec: str, kind: int = 1, *parts: bytes) -> bytes:
    return element(0xAE, number(0xD7, index), number(0x73C5, index), number(0x83, kind), text(0x86, codec), *parts)


def picture_size(width: int, height: int, *parts: bytes) -> bytes:
    return element(0xE0, number(0xB0, width), number(0xBA, height), *parts)


def tracks(*entries: bytes) -> bytes:
    return element(0x1654AE6B, *entries)


def cluster(*blocks: tuple[int, int, bytes]) -> bytes:
    """Simple blocks of (track, time, data), all key frames."""
    made = [element(0xA3, bytes([0x80 | index]), struct.pack(">hB", at, 0x80), data) for index, at, data in blocks]
    return element(0x1F43B675, number(0xE7, 0), *made)


# --- RIFF ------------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def avi(streams: list[tuple[bytes, bytes, bytes]], movi: bytes, width: int = 64, height: int = 36) -> bytes:
    """`streams`: kind (vids, auds, txts), handler, format chunk's body."""
    heads = []
    for kind, handler, form in streams:
        strh = kind + handler + struct.pack("<IHHIIIIIIIIhhhh", 0, 0, 0, 0, 1, 25, 0, 10, 0, 0xFFFFFFFF, 0, 0, 0, 0, 0)
        heads.append(chunk(b"LIST", b"strl", chunk(b"strh", strh), chunk(b"strf", form)))
    avih = struct.pack("<14I", 40_000, 0, 0, 0x10, 10, 0, len(streams), 0, width, height, 0, 0, 0, 0)
    hdrl = chunk(b"LIST", b"hdrl", chunk(b"avih", avih), *heads)
    return chunk(b"RIFF", b"AVI ", hdrl, chunk(b"LIST", b"movi", movi))


def bitmap(width: int, height: int, codec: bytes, bits: int = 24) -> bytes:
    return struct.pack("<IiiHH4sIiiII", 40, width, height, 1, bits, codec, 0, 0, 0, 0, 0)


def gab2(payload: bytes) -> bytes:
    """A subtitle file inside a subtitle packet of an AVI, as VSFilter writes it."""
    return b"GAB2\0" + struct.pack("<HI", 2, 2) + b"\0\0" + struct.pack("<HI", 4, len(payload)) + payload


# --- H.264 -----------------------------------------------------------------------------------------------------------


class Bits:
    def __init__(self) -> None:
        self._bits = ""

    def fixed(self, value: int, width: int) -> Bits:
        self._bits += f"{value:0{width}b}"
        return self

    def golomb(self, *values: int) -> Bits:
        for value in values:
            code = f"{value + 1:b}"
            self._bits += "0" * (len(code) - 1) + code
        return self

    def trailing(self) -> bytes:
        bits = self._bits + "1"
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def sps(width: int, height: int, level: int = 62) -> bytes:
    bits = Bits().golomb(0, 0, 0, 0, 1).fixed(0, 1).golomb(width // 16 - 1, height // 16 - 1)
    return bytes([0x67, 66, 0, level]) + bits.fixed(0b1100, 4).trailing()


PPS = b"\x68" + Bits().golomb(0, 0).fixed(0, 2).golomb(0, 0, 0).fixed(0, 3).golomb(0, 0, 0).fixed(0, 3).trailing()


def avcc(width: int, height: int) -> bytes:
    unit = sps(width, height)
    return b"\x01" + unit[1:4] + b"\xff\xe1" + struct.pack(">H", len(unit)) + unit + b"\x01\0" + bytes([len(PPS)]) + PPS
