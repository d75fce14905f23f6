"""The cover is found where each format keeps it; a file that lies about it costs little and gives nothing."""

from __future__ import annotations

import base64
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.mediaconvert.ffmpeg import ffmpeg_path
from pipeline.media import cover
from tests.media.test_images import jpeg, png
from tests.media.tracks import box, full

FRONT, BACK = jpeg(300, 300), png(200, 200)


class Parts:
    """A file that is read in parts; how often, and how much."""

    def __init__(self, data: bytes):
        self.data, self.reads, self.bytes = data, 0, 0

    def __call__(self, first: int, length: int) -> bytes:
        self.reads, self.bytes = self.reads + 1, self.bytes + length
        return self.data[first : first + length]


def find(data: bytes) -> cover.Cover | None:
    parts = Parts(data)
    found = cover.find_cover(parts, len(data))
    assert parts.reads <= 65 and parts.bytes < 3 * cover.MOST_BYTES
    return found


# ID3v2 ---------------------------------------------------------------------------------------------------------------


def synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def id3(*frames: bytes, version: int = 3, flags: int = 0) -> bytes:
    body = b"".join(frames) + bytes(32)
    if flags & 0x80:
        body = body.replace(b"\xff", b"\xff\x00")
    return b"ID3" + bytes([version, 0, flags]) + synchsafe(len(body)) + body + b"\xff\xfb\x90\x00" * 99


def apic(picture: bytes, kind: int = 3, version: int = 3, flags: bytes = b"\0\0", text: bytes = b"\0cover\0") -> bytes:
    content = text[:1] + b"image/jpeg\0" + bytes([kind]) + text[1:] + picture
    size = synchsafe(len(content)) if version == 4 else struct.pack(">I", len(content))
    return b"APIC" + size + flags + content


def pic(picture: bytes) -> bytes:
    content = b"\0JPG\x03cover\0" + picture
    return b"PIC" + struct.pack(">I", len(content))[1:] + content


TITLE = b"TIT2" + struct.pack(">I", 5) + b"\0\0\0Song"
ID3 = {
    "2.3": id3(TITLE, apic(FRONT)),
    "2.2": id3(pic(FRONT), version=2),
    "2.4": id3(apic(FRONT, version=4), version=4),
    "2.3 unsynchronised": id3(apic(FRONT), flags=0x80),
    "2.3 with an extended header": id3(struct.pack(">IHI", 6, 0, 0), apic(FRONT), flags=0x40),
    "UTF-16 description": id3(apic(FRONT, text=b"\x01\xff\xfec\0o\0\0\0")),
    "the back cover first": id3(apic(BACK, kind=4), apic(FRONT)),
    "something that is no image first": id3(apic(b"-->http://example.com/a.jpg"), apic(FRONT, kind=0)),
}


@pytest.mark.parametrize("case", ID3)
def test_the_cover_of_an_mp3(case):
    found = find(ID3[case])
    assert found and found.data.startswith(FRONT) and (found.image.width, found.file_name) == (300, "cover.jpg")


@pytest.mark.parametrize(
    "data",
    [
        id3(TITLE),
        id3(apic(FRONT, flags=b"\0\x80")),  # compressed
        id3(apic(b"GIF89a")),
        id3(apic(jpeg(9000, 9000))),  # more pixels than a browser should unpack
        id3(apic(FRONT))[:60],
        b"ID3",
        b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f",
        b"\xff\xfb\x90\x00" * 300,
    ],
)
def test_an_mp3_without_a_cover_that_can_be_shown(data):
    assert find(data) is None


# FLAC and Ogg --------------------------------------------------------------------------------------------------------


def picture_block(picture: bytes, kind: int = 3) -> bytes:
    mime, text = b"image/png", b"Cover of the record"
    shape = struct.pack(">IIII", 200, 200, 24, 0)
    head = struct.pack(">II", kind, len(mime)) + mime + struct.pack(">I", len(text)) + text
    return head + shape + struct.pack(">I", len(picture)) + picture


def flac(*blocks: tuple[int, bytes]) -> bytes:
    parts = [b"fLaC"]
    for number, (kind, content) in enumerate(blocks):
        last = 0x80 if number == len(blocks) - 1 else 0
        parts.append(bytes([last | kind]) + struct.pack(">I", len(content))[1:] + content)
    return b"".join(parts) + bytes(100)


def ogg(packets: list[bytes], page: int = 255) -> bytes:
    """Packets in pages of so many lacing values (255 bytes each), as Ogg cuts them."""
    lacing: list[tuple[int, bytes]] = []
    for packet in packets:
        whole, rest = divmod(len(packet), 255)
        lacing += [(255, packet[255 * n : 255 * n + 255]) for n in range(whole)] + [(rest, packet[255 * whole :])]
    pages = []
    for number in range(0, len(lacing), page):
        part = lacing[number : number + page]
        head = b"OggS" + bytes(10) + b"\x07\0\0\0" + bytes(8) + bytes([len(part)])
        pages.append(head + bytes(size for size, _ in part) + b"".join(data for _, data in part))
    return b"".join(pages)


def comments(*values: bytes) -> bytes:
    listed = b"".join(struct.pack("<I", len(each)) + each for each in values)
    return struct.pack("<I", 4) + b"test" + struct.pack("<I", len(values)) + listed


OGG_PICTURE = b"metadata_block_picture=" + base64.b64encode(picture_block(BACK + bytes(90_000)))


@pytest.mark.parametrize(
    "data",
    [
        flac((0, bytes(34)), (4, b"comment"), (6, picture_block(BACK))),
        id3(TITLE)[: 10 + len(TITLE) + 32] + flac((0, bytes(34)), (6, picture_block(BACK))),
        ogg(
            [b"\x01vorbis" + bytes(23), b"\x03vorbis" + comments(b"TITLE=Song", OGG_PICTURE), b"\x05vorbis" + bytes(99)]
        ),
        ogg([b"OpusHead" + bytes(11), b"OpusTags" + comments(OGG_PICTURE), bytes(500)], page=40),
    ],
)
def test_the_cover_of_a_flac_and_of_an_ogg(data):
    found = find(data)
    assert found and found.data.startswith(BACK) and (found.file_name, found.content_type) == ("cover.png", "image/png")


# MP4 -----------------------------------------------------------------------------------------------------------------


def mp4(picture: bytes, before: bytes = b"", meta: bytes = b"\0\0\0\0") -> bytes:
    data = box("data", struct.pack(">II", 13, 0), picture)
    items = box("ilst", box("name", b"n"), box("covr", data))
    handler = full("hdlr", 0, bytes(20))
    return (
        box("ftyp", b"M4A ", bytes(4))
        + before
        + box(
            "moov", full("mvhd", 0, bytes(96)), box("trak", bytes(4000)), box("udta", box("meta", meta, handler, items))
        )
    )


@pytest.mark.parametrize("data", [mp4(FRONT), mp4(FRONT, box("mdat", bytes(300_000))), mp4(FRONT, meta=b"")])
def test_the_cover_of_an_mp4(data):
    found = find(data)
    assert found and found.data == FRONT


def test_an_mp4_whose_boxes_lie_has_no_cover():
    whole = mp4(FRONT)
    for at in range(0, len(whole) - 4, 3):
        find(whole[:at] + b"\xff\xff\xff\xff" + whole[at + 4 :])
    assert find(whole[:-400]) is None


# Hostile -------------------------------------------------------------------------------------------------------------


def test_a_cover_that_is_too_large_is_not_taken():
    assert find(id3(apic(FRONT + bytes(cover.MOST_BYTES)))) is None


def test_endless_boxes_and_blocks_end():
    assert find(box("ftyp", b"M4A ") + box("free") * 100_000) is None
    assert find(b"fLaC" + b"\x04\0\xff\xff" * 100_000) is None
    assert find(ogg([bytes(10)]) * 20_000) is None


WHOLE = [
    *ID3.values(),
    flac((6, picture_block(BACK))),
    ogg([b"OpusHead", b"OpusTags" + comments(OGG_PICTURE)]),
    mp4(FRONT),
]


@given(st.sampled_from(WHOLE), st.integers(0, 700), st.binary(max_size=40), st.booleans())
def test_a_file_spoilt_anywhere_has_a_cover_or_none(whole, at, noise, longer):
    find(whole[:at] + noise + whole[at + (0 if longer else len(noise)) :])


@given(
    st.sampled_from([b"ID3\x03\0\0", b"ID3\x04\0\xff", b"fLaC", b"OggS", b"\0\0\0\x08ftyp", b""]),
    st.binary(max_size=300),
)
def test_any_file_has_a_cover_or_none(magic, noise):
    find(magic + noise)


# What encoders write -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["song.mp3", "song.m4a", "song.flac"])
def test_the_cover_that_ffmpeg_attaches_is_found(tmp_path: Path, name: str):
    argv = [str(ffmpeg_path()), "-y", "-nostdin", "-loglevel", "error"]
    sound = ["-f", "lavfi", "-i", "sine=duration=1", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=1:duration=1"]
    codec = {"mp3": "libmp3lame", "m4a": "aac", "flac": "flac"}[name.rpartition(".")[2]]
    more = ["-map", "0:a", "-map", "1:v", "-c:a", codec, "-c:v", "mjpeg", "-disposition:v:0", "attached_pic"]
    subprocess.run([*argv, *sound, *more, str(tmp_path / name)], check=True, timeout=60)
    found = find((tmp_path / name).read_bytes())
    assert found and (found.image.width, found.image.height, found.image.kind) == (64, 48, "jpeg")
