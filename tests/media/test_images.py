"""An image is what its bytes say."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import images


def jpeg(width: int, height: int, before: bytes = b"", frame: int = 0xC0) -> bytes:
    """The beginning of a JPEG: JFIF, what else stands before its frame header, the frame header."""
    start = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    return start + before + struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, height, width, 3) + bytes(40)


def png(width: int, height: int) -> bytes:
    return images.PNG + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(40)


def test_a_whole_image_may_be_shown():
    assert images.show(jpeg(640, 360) + b"\xff\xd9") == images.Image("jpeg", 640, 360)
    assert images.show(png(640, 360) + b"IEND") == images.Image("png", 640, 360)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (jpeg(640, 360), "it breaks off before its end"),
        (png(640, 360), "it breaks off before its end"),
        (png(10_000, 10_000) + b"IEND", "it has 10000x10000 pixels, more than 60 million"),
        (png(640, 360) + bytes(images.MOST_BYTES) + b"IEND", "it is larger than 8 MiB"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "it begins neither as JPEG nor as PNG"),
        (b"", "it begins neither as JPEG nor as PNG"),
    ],
    ids=ascii,
)
def test_what_may_not_be_shown_says_why(data, why):
    with pytest.raises(images.ImageBroken, match=why):
        images.show(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (jpeg(640, 360), "jpeg"),
        (jpeg(640, 360, frame=0xC2), "jpeg"),  # progressive
        (jpeg(640, 360, before=b"\xff\xe1\x40\x00" + bytes(0x4000 - 2)), "jpeg"),  # behind a photograph's metadata
        (jpeg(640, 360, before=b"\xff\xff\xff\xfe\x00\x04ab"), "jpeg"),  # filling bytes
        (jpeg(640, 360, before=b"\xff\xc4\x00\x04ab"), "jpeg"),  # a Huffman table is no frame header
        (png(640, 360), "png"),
    ],
)
def test_kind_and_size_are_read(data, kind):
    assert images.look_at(data) == images.Image(kind, 640, 360)


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"<svg/>", jpeg(0, 360), png(640, 0), jpeg(6, 6)[:20], png(6, 6)[:20], b"\xff\xd8\xff" * 9],
)
def test_what_is_no_image_is_told(data):
    with pytest.raises(images.ImageBroken):
        images.look_at(data)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_an_image_or_not(noise, begins):
    with contextlib.suppress(images.ImageBroken):
        images.look_at(images.JPEG + noise if begins else noise)
