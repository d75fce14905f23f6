"""Images: whether bytes are a JPEG or a PNG, and how large its picture is. Decided by content, never by a name.

In: the first bytes of an image, or all of them. Out: kind, width and height. What can go wrong: bytes that are neither,
end before their size, or are not whole or too large to be shown to viewers (ImageBroken).

Sources: ITU-T T.81 (JPEG markers, frame headers), W3C PNG section 11.2.2 (IHDR).
"""

from __future__ import annotations

import dataclasses
import struct

#: A JPEG's size stands behind its tables and, in a photograph, behind its metadata.
FIRST_BYTES = 65_536
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
#: What a viewer's browser may be asked to load, and to hold.
MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 60_000_000
_ENDS = {"jpeg": b"\xff\xd9", "png": b"IEND"}
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_CONTENT = frozenset({0x01, *range(0xD0, 0xD9)})


class ImageBroken(ValueError):
    """Bytes that are no JPEG and no PNG, or end before their size."""


@dataclasses.dataclass(frozen=True)
class Image:
    """kind is "jpeg" or "png"; width and height in pixels, above 0."""

    kind: str
    width: int
    height: int


def look_at(data: bytes) -> Image:
    """Raises ImageBroken."""
    kind, size = ("png", _png_size(data)) if data.startswith(PNG) else ("jpeg", _jpeg_size(data))
    if not size[0] * size[1]:
        raise ImageBroken("its size is 0")
    return Image(kind, *size)


def show(data: bytes) -> Image:
    """An image that may be shown to viewers: all of it is there, and it is not too large. Raises ImageBroken."""
    if len(data) > MOST_BYTES:
        raise ImageBroken(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    image = look_at(data)
    if image.width * image.height > MOST_PIXELS:
        raise ImageBroken(f"it has {image.width}x{image.height} pixels, more than {MOST_PIXELS // 10**6} million")
    if _ENDS[image.kind] not in data:
        raise ImageBroken("it breaks off before its end")
    return image


def _png_size(data: bytes) -> tuple[int, int]:
    if len(data) < 24 or data[12:16] != b"IHDR":
        raise ImageBroken("it has no size (IHDR)")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    if not data.startswith(JPEG):
        raise ImageBroken("it begins neither as JPEG nor as PNG")
    position = 2
    while position + 9 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF:
            raise ImageBroken(f"there is no marker at byte {position}")
        if marker == 0xFF or marker in _WITHOUT_CONTENT:  # 0xFF fills up
            position += 1 if marker == 0xFF else 2
        elif marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4])
    raise ImageBroken("it ends before its size")
