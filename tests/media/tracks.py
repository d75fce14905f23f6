"""The first bytes of CMAF tracks, made by hand: just the boxes that a reader of them needs."""

from __future__ import annotations

import struct

SYNC, NON_SYNC = 0x02000000, 0x01010000  # sample_depends_on 2 and 1; sample_is_non_sync_sample


def box(kind: str, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def full(kind: str, flags: int, *content: bytes) -> bytes:
    return box(kind, struct.pack(">I", flags), *content)


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def descriptor(tag: int, content: bytes, long: bool = False) -> bytes:
    size = bytes([0x80, 0x80, 0x80, len(content)]) if long else bytes([len(content)])
    return bytes([tag]) + size + content


def init(entry: bytes, default_flags: int = SYNC) -> bytes:
    stsd = full("stsd", 0, words(1), entry)
    media = box("mdia", full("mdhd", 0, bytes(20)), box("minf", box("dinf"), box("stbl", stsd)))
    movie = box(
        "moov",
        full("mvhd", 0, bytes(96)),
        box("trak", full("tkhd", 7, bytes(80)), media),
        box("mvex", full("trex", 0, words(1, 1, 0, 0, default_flags))),
    )
    return box("ftyp", b"cmfc", words(0), b"iso6cmfc") + movie


def colours(transfer: int = 1) -> bytes:
    """transfer: 1 is BT.709, 16 PQ, 18 HLG."""
    return box("colr", b"nclx", struct.pack(">HHHB", 9 if transfer > 15 else 1, transfer, 9 if transfer > 15 else 1, 0))


def avc(profile_and_level: str = "64001F", kind: str = "avc1") -> bytes:
    configuration = b"\x01" + bytes.fromhex(profile_and_level) + b"\xff\xe1\x00"
    return box(kind, bytes(78), colours(), box("avcC", configuration))


def hevc(configuration: str, transfer: int = 1) -> bytes:
    return box("hvc1", bytes(78), colours(transfer), box("hvcC", b"\x01" + bytes.fromhex(configuration)))


def av1(configuration: str) -> bytes:
    return box("av01", bytes(78), box("av1C", b"\x81" + bytes.fromhex(configuration)))


def aac(object_type: int = 2, indication: int = 0x40, long: bool = True) -> bytes:
    escaped = object_type > 30
    bits = 31 << 11 | (object_type - 32) << 5 if escaped else object_type << 11 | 3 << 7 | 2 << 3
    specific = struct.pack(">H", bits)
    config = bytes([indication]) + bytes(12) + descriptor(5, specific, long)
    stream = struct.pack(">HB", 1, 0) + descriptor(4, config, long) + descriptor(6, b"\x02")
    return box("mp4a", bytes(28), full("esds", 0, descriptor(3, stream, long)))


def segment(tfhd: bytes | None = None, trun: bytes | None = None) -> bytes:
    """A media segment whose first sample is a sync sample, unless its boxes say otherwise."""
    tfhd = full("tfhd", 0x020000, words(1)) if tfhd is None else tfhd
    trun = full("trun", 0x000005, words(1, 100, SYNC)) if trun is None else trun
    moof = box("moof", full("mfhd", 0, words(1)), box("traf", tfhd, full("tfdt", 0, words(0)), trun))
    return box("styp", b"cmfs", words(0)) + full("sidx", 0, bytes(20)) + moof + box("mdat", bytes(64))


VIDEO_INIT, AUDIO_INIT = init(avc()), init(aac())
