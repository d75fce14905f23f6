"""Films with CEA-608 captions in their pictures, made by putting user data into an elementary stream."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.local.mediaconvert import ffmpeg
from tests.local.mediaconvert import films

Pair = tuple[int, int]
RCL, EOC, EDM, ENM = (0x14, 0x20), (0x14, 0x2F), (0x14, 0x2C), (0x14, 0x2E)
RU2, CR, RDC = (0x14, 0x25), (0x14, 0x2D), (0x14, 0x29)


def row(number: int) -> Pair:
    """A preamble address: this row, its first column, white."""
    return {1: (0x11, 0x40), 14: (0x14, 0x40), 15: (0x14, 0x60)}[number]


def text(words: str) -> list[Pair]:
    padded = words.encode("ascii") + b"\x00" * (len(words) % 2)
    return [(padded[at], padded[at + 1]) for at in range(0, len(padded), 2)]


def twice(*codes: Pair) -> list[Pair]:
    return [code for code in codes for _ in range(2)]


def odd_parity(byte: int) -> int:
    return byte | (0x80 if bin(byte).count("1") % 2 == 0 else 0)


def user_data(pair: Pair | None, field: int = 1) -> bytes:
    """A/53 user data of one picture: a pair in one field, padding in the other."""
    pairs = {1: (0, 0), 2: (0, 0)} | ({field: pair} if pair else {})
    triplets = b"".join(
        bytes([0xFC + number - 1, odd_parity(first), odd_parity(second)]) for number, (first, second) in pairs.items()
    )
    return b"GA94\x03" + bytes([0x42, 0xFF]) + triplets + b"\xff"


def sei(pair: Pair | None, field: int = 1) -> bytes:
    payload = b"\xb5\x00\x31" + user_data(pair, field)
    body = bytes([4, len(payload)]) + payload + b"\x80"
    for sign in (0, 1, 2, 3):  # emulation prevention
        body = body.replace(bytes([0, 0, sign]), bytes([0, 0, 3, sign]))
    return b"\x00\x00\x00\x01\x06" + body


def h264(path: Path, pairs: Sequence[Pair | None], field: int = 1, fps: int = 25, seconds: float = 4) -> Path:
    """A film with pair n in its picture n; .mp4 or .ts."""
    raw = films.make(
        path.with_suffix(".h264"), *films.PICTURE, *films.X264, "-bf", "0", "-g", "25", rate=str(fps), seconds=seconds
    )
    made, picture = bytearray(), 0
    for unit in _units(raw.read_bytes(), b"\x00\x00\x01"):
        if unit[0] & 0x1F in (1, 5):
            made += sei(pairs[picture] if picture < len(pairs) else None, field)
            picture += 1
        if unit[0] & 0x1F != 6:
            made += b"\x00\x00\x00\x01" + unit
    return _muxed(path, bytes(made), "h264", fps)


def mpeg2(path: Path, pairs: Sequence[Pair | None], fps: int = 25, seconds: float = 4) -> Path:
    encoder = ("-c:v", "mpeg2video", "-bf", "0", "-g", "25")
    raw = films.make(path.with_suffix(".m2v"), *films.PICTURE, *encoder, rate=str(fps), seconds=seconds)
    made, picture, extended = bytearray(), 0, False
    for unit in _units(raw.read_bytes(), b"\x00\x00\x01"):
        made += b"\x00\x00\x01" + unit
        extended = unit[0] == 0xB5 and unit[1] >> 4 == 8  # the picture coding extension: user data may follow
        if extended:
            made += b"\x00\x00\x01\xb2" + user_data(pairs[picture] if picture < len(pairs) else None)
            picture += 1
    return _muxed(path, bytes(made), "mpegvideo", fps)


def _units(stream: bytes, mark: bytes) -> Iterator[bytes]:
    for unit in stream.split(mark)[1:]:
        yield unit.rstrip(b"\x00")


def _muxed(path: Path, stream: bytes, kind: str, fps: int) -> Path:
    raw = path.with_suffix(".raw")
    raw.write_bytes(stream)
    command = [ffmpeg.ffmpeg_path(), "-v", "error", "-y", "-fflags", "+genpts", "-f", kind]
    command += ["-framerate", str(fps), "-i", str(raw)]
    subprocess.run([*command, "-c", "copy", str(path)], check=True, timeout=60, stdin=subprocess.DEVNULL)
    return path
