"""Boxes: what the first bytes of a CMAF track say of its codec, and whether a file ends where its boxes do.

In: an init segment, and the beginning of the first media segment. Out: the codec as RFC 6381 names it, its transfer
function, and whether the first sample is a sync sample. Manifests claim all three; players choose a decoder by the one
and start by the other, and a claim that is false shows as a black picture on some devices only. A reader of a few boxes
is enough for that, and needs no tool beside it.

`check_whole` walks over the boxes of a whole object with a few small reads: one that was cut off names the box.

Sources: ISO/IEC 14496-12 (boxes, sample flags, colr), 14496-15 (avcC, hvcC), 14496-14 (esds), AV1-ISOBMFF (av1C),
ISO/IEC 23091-2 (transfer characteristics), RFC 6381 (codec names).
What can go wrong: bytes that are no such boxes, or end too soon (BoxesBroken, naming the box).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

#: How much of a segment is enough to reach its first sample's flags: boxes before moof and a few hundred samples.
FIRST_BYTES = 65_536

_NON_SYNC = 0x10000  # sample_is_non_sync_sample, 14496-12 section 8.8.3.1
#: Bytes before a sample entry's boxes.
_SAMPLE_ENTRY = {b"avc1": 78, b"avc3": 78, b"hvc1": 78, b"hev1": 78, b"av01": 78, b"mp4a": 28}
_TRANSFER = {16: "PQ", 18: "HLG"}  # ISO/IEC 23091-2: SMPTE ST 2084, ARIB STD-B67; the rest is SDR
#: One read reaches past a moof of 4 seconds; a file of one fragment needs no second.
_WINDOW = 4096
_MOST_BOXES = 128
_DECODER_SPECIFIC, _DECODER_CONFIG, _ELEMENTARY_STREAM = 5, 4, 3


class BoxesBroken(ValueError):
    """Not what an init or media segment begins with; the message names the box that is missing or cut."""


def codec(init: bytes) -> str:
    """The codec of an init segment's only track: avc1.64001F, mp4a.40.2. Raises BoxesBroken."""
    stsd = _find(init, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    for kind, entry in _boxes(stsd[8:]):
        name = kind.decode("latin-1")
        if kind not in _SAMPLE_ENTRY:
            return name
        inside = entry[_SAMPLE_ENTRY[kind] :]
        if kind in (b"avc1", b"avc3"):
            return f"{name}.{_part(_find(inside, b'avcC'), 1, 3, 'avcC').hex().upper()}"
        if kind == b"mp4a":
            return f"{name}.{_audio_object(_find(inside, b'esds')[4:])}"
        if kind == b"av01":
            return f"{name}.{_av1(_find(inside, b'av1C'))}"
        return f"{name}.{_hevc(_find(inside, b'hvcC'))}"
    raise BoxesBroken("stsd describes no track")


def video_range(init: bytes) -> str:
    """SDR, PQ or HLG, as the picture's colour box says (HLS's VIDEO-RANGE); SDR where it says nothing."""
    stsd = _find(init, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    for kind, entry in _boxes(stsd[8:]):
        for name, content in _boxes(entry[_SAMPLE_ENTRY.get(kind, len(entry)) :]):
            if name == b"colr" and content[:4] == b"nclx":
                return _TRANSFER.get(int.from_bytes(_part(content, 6, 2, "colr")), "SDR")
    return "SDR"


def check_whole(size: int, read: Callable[[int, int], bytes], needed: tuple[str, ...]) -> None:
    """Whether a file of `size` bytes is a row of whole boxes, `needed` among them.

    read(first, length) gives a part of it, fewer bytes at the end. Raises BoxesBroken: the file was cut off, or is
    something else. What it reads is bounded: a window a fragment, and never more than 128 boxes.
    """
    position, window, start, found = 0, b"", 0, []
    while position < size:
        if len(found) == _MOST_BOXES:
            raise BoxesBroken(f"there are more than {_MOST_BOXES} boxes")
        known_to = start + len(window)
        if not start <= position < known_to or known_to < min(position + 16, size):
            window, start = read(position, _WINDOW), position
        kind, length = _header(window[position - start : position - start + 16], position, size)
        if length > size - position:
            raise BoxesBroken(
                f"the {kind} box at byte {position} is {length} bytes long, and the file ends after {size - position}"
            )
        found.append(kind)
        position += length
    missing = [kind for kind in needed if kind not in found]
    if found and found[-1] == "moof":  # cut off between a fragment's two boxes
        missing = ["mdat"]
    if missing:
        raise BoxesBroken(f"there is no {missing[0]} box")


def _header(data: bytes, position: int, size: int) -> tuple[str, int]:
    """(type, length of the whole box); a length of 0 means "to the end of the file"."""
    if len(data) < 8:
        raise BoxesBroken(f"the file ends within a box's head, at byte {position}")
    length, kind = struct.unpack_from(">I4s", data)
    head = 8
    if length == 1:
        length, head = int.from_bytes(_part(data, 8, 8, "a large")), 16
    elif length == 0:
        length = size - position
    if length < head or not kind.isascii() or not kind.decode().isprintable():
        raise BoxesBroken(f"there is no box at byte {position}")
    return kind.decode(), length


def starts_with_key_frame(init: bytes, segment: bytes) -> bool:
    """Whether the first sample of a segment needs none before it. `segment` may be cut after its first bytes."""
    traf = _find(segment, b"moof", b"traf")
    flags = _first_sample_flags(_find(traf, b"trun"))
    if flags is None:
        flags = _default_flags(_find(traf, b"tfhd"))
    if flags is None:
        trex = _find(init, b"moov", b"mvex", b"trex")
        flags = int.from_bytes(_part(trex, 20, 4, "trex"))
    return not flags & _NON_SYNC


def same_codec(claimed: str, found: str) -> bool:
    """Whether a manifest's name means what the init segment holds: profile and level decide about a decoder.

    The middle byte of an AVC name holds constraint flags; packagers write it with and without them, and so they do
    with HEVC's after the level and AV1's after the bit depth.
    """
    claim, fact = claimed.lower(), found.lower()
    if claim.startswith(("hvc1.", "hev1.", "av01.")) and claim[:4] == fact[:4]:
        return claim.split(".")[:4] == fact.split(".")[:4]
    if claim.startswith("avc") and fact.startswith("avc") and len(claim) == len(fact) == 11:
        return (claim[5:7], claim[9:]) == (fact[5:7], fact[9:])
    return claim == fact


def _first_sample_flags(trun: bytes) -> int | None:
    """The flags of the run's first sample, where the run itself says them."""
    given = int.from_bytes(_part(trun, 0, 4, "trun")) & 0xFFFFFF
    position = 8 + (4 if given & 0x1 else 0)
    if given & 0x4:  # first-sample-flags-present
        return int.from_bytes(_part(trun, position, 4, "trun"))
    if given & 0x400:  # sample-flags-present: after the first sample's duration and size
        position += (4 if given & 0x100 else 0) + (4 if given & 0x200 else 0)
        return int.from_bytes(_part(trun, position, 4, "trun"))
    return None


def _default_flags(tfhd: bytes) -> int | None:
    given = int.from_bytes(_part(tfhd, 0, 4, "tfhd")) & 0xFFFFFF
    if not given & 0x20:
        return None
    position = 8 + sum(size for bit, size in ((0x1, 8), (0x2, 4), (0x8, 4), (0x10, 4)) if given & bit)
    return int.from_bytes(_part(tfhd, position, 4, "tfhd"))


def _hevc(hvcc: bytes) -> str:
    """14496-15 Annex E.3: profile, compatibility flags reversed, tier and level, constraints without their zeros."""
    profile, compatibility, level = (
        _part(hvcc, 1, 1, "hvcC")[0],
        _part(hvcc, 2, 4, "hvcC"),
        _part(hvcc, 12, 1, "hvcC")[0],
    )
    space = ("", "A", "B", "C")[profile >> 6]
    reversed_flags = int(f"{int.from_bytes(compatibility):032b}"[::-1], 2)
    constraints = _part(hvcc, 6, 6, "hvcC").rstrip(b"\0")
    tier = "H" if profile & 0x20 else "L"
    return ".".join(
        [f"{space}{profile & 0x1F}", f"{reversed_flags:X}", f"{tier}{level}", *(f"{b:X}" for b in constraints)]
    )


def _av1(av1c: bytes) -> str:
    """AV1 in ISOBMFF, section 5: profile, level and tier, bit depth."""
    profile_level, flags = _part(av1c, 1, 2, "av1C")
    tier = "H" if flags & 0x80 else "M"
    depth = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    return f"{profile_level >> 5}.{profile_level & 0x1F:02d}{tier}.{depth:02d}"


def _audio_object(descriptors: bytes) -> str:
    """objectTypeIndication and, for MPEG-4 audio, the audio object type: "40.2" is AAC-LC."""
    stream = _descriptor(descriptors, _ELEMENTARY_STREAM)
    flags = _part(stream, 2, 1, "esds")[0]
    if flags & 0b1110_0000:
        raise BoxesBroken("esds depends on another stream")
    config = _descriptor(stream[3:], _DECODER_CONFIG)
    indication = _part(config, 0, 1, "esds")[0]
    if indication != 0x40:
        return f"{indication:x}"
    specific = int.from_bytes(_part(_descriptor(config[13:], _DECODER_SPECIFIC), 0, 2, "esds"))
    kind = specific >> 11
    return f"40.{32 + (specific >> 5 & 0x3F) if kind == 31 else kind}"


def _descriptor(data: bytes, wanted: int) -> bytes:
    """The content of a descriptor: tag, then a length of one to four bytes with seven bits each."""
    if _part(data, 0, 1, "esds")[0] != wanted:
        raise BoxesBroken(f"esds has no descriptor {wanted}")
    size, position = 0, 1
    while True:
        byte = _part(data, position, 1, "esds")[0]
        size, position = size << 7 | byte & 0x7F, position + 1
        if not byte & 0x80 or position > 4:
            return _part(data, position, size, "esds")


def _find(data: bytes, *path: bytes) -> bytes:
    """The content of the first box at this path; cut off where the data is."""
    for wanted in path:
        for kind, content in _boxes(data):
            if kind == wanted:
                data = content
                break
        else:
            raise BoxesBroken(f"there is no {wanted.decode()} box")
    return data


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        head = 8
        if size == 1:
            size, head = int.from_bytes(_part(data, position + 8, 8, "a large")), 16
        elif size == 0:
            size = len(data) - position
        if size < head:
            raise BoxesBroken(f"a box at byte {position} is {size} bytes long")
        yield kind, data[position + head : position + size]
        position += size


def _part(data: bytes, start: int, length: int, name: str) -> bytes:
    if len(data) < start + length:
        raise BoxesBroken(f"{name} box ends after {len(data)} bytes")
    return data[start : start + length]
