"""A hundred and more films that nobody should send, made when a test asks for them.

In: a `Kit`, which holds small real films, and a canary: a file and a web server that no film may make us read. Out:
`Case`s: a name, a kind, bytes, and the end that is right for them. What is right is what a person would say of the
file: a code of MediaConvert's, or COMPLETE where a film can still be made of it (with warnings, perhaps).
"""

from __future__ import annotations

import dataclasses
import io
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.local.mediaconvert import films
from tests.local.mediaconvert.hostile import bytes_of as b_
from tests.local.mediaconvert.hostile.bytes_of import box, edited, element, number, poke

COMPLETE = "COMPLETE"
NOT_A_FILM, NO_PICTURE, CODEC, BROKEN, CUT_OFF, NO_SOUND = 1010, 1020, 1030, 1075, 1076, 1092
U32, U64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    kind: str
    data: bytes = dataclasses.field(repr=False)
    ends: frozenset[int | str]


@dataclasses.dataclass(frozen=True)
class Kit:
    """What the cases are made from. `mp4` has its mdat before its moov, so that moov may be changed at will."""

    canary: Path
    url: str
    mp4: bytes
    faststart: bytes
    fragmented: bytes
    mkv: bytes
    ts: bytes
    avi: bytes
    jpeg: bytes
    subtitled: bytes
    song: bytes


def kit(folder: Path, canary: Path, url: str) -> Kit:
    how = {"size": "64x36", "seconds": 0.4}
    longer = {"size": "64x36", "seconds": 2}
    sound = (*films.PICTURE, *films.SOUND, *films.X264, "-g", "5", "-c:a", "aac", "-b:a", "32k")

    def film(name: str, *more: str, how: dict = longer) -> bytes:
        return films.make(folder / name, *sound, *more, **how).read_bytes()

    (folder / "one.srt").write_text("1\n00:00:00,000 --> 00:00:00,300\nhello\n")
    return Kit(
        canary=canary,
        url=url,
        mp4=film("late-moov.mp4", how=how),
        faststart=film("early-moov.mp4", "-movflags", "+faststart"),
        fragmented=film("fragments.mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof"),
        mkv=film("film.mkv"),
        ts=film("film.ts"),
        avi=film("film.avi", "-c:a", "pcm_s16le", "-b:a", "0"),
        jpeg=films.make(folder / "one.jpg", *films.PICTURE, "-frames:v", "1", **how).read_bytes(),
        subtitled=films.make(folder / "words.mkv", "-i", str(folder / "one.srt"), "-c:s", "srt").read_bytes(),
        song=films.make(folder / "song.m4a", *films.SOUND, "-c:a", "aac", **how).read_bytes(),
    )


def cases(kit: Kit) -> list[Case]:
    makers = (disguises, strangers, floods, crowds, headers, tables, matroskas, truncations, damage)
    made = [
        Case(name, maker.__name__, data, frozenset([end] if isinstance(end, int | str) else end))
        for maker in makers
        for name, data, end in maker(kit)
    ]
    names = [case.name for case in made]
    assert len(names) == len(set(names)), "two cases of one name"
    return made


Made = Iterator[tuple[str, bytes, "int | str | tuple[int | str, ...]"]]

# --- text that a demuxer would follow --------------------------------------------------------------------------------


def disguises(kit: Kit) -> Made:
    targets = {"file": f"file://{kit.canary}", "path": str(kit.canary), "http": kit.url}
    for name, target in targets.items():
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
        yield f"hls to {name}", playlist.encode(), NOT_A_FILM
        yield f"ffconcat to {name}", f"ffconcat version 1.0\nfile '{target}'\nduration 9\n".encode(), NOT_A_FILM
        mpd = f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" codecs="avc1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>'  # noqa: E501
        yield f"dash manifest to {name}", mpd.encode(), NOT_A_FILM
    target = targets["file"]
    key = f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:9,\n{kit.url}\n#EXT-X-ENDLIST\n'
    yield "hls with a key file", key.encode(), NOT_A_FILM
    yield "hls with an init map", f'#EXTM3U\n#EXT-X-MAP:URI="{target}"\n#EXTINF:9,\n{target}\n'.encode(), NOT_A_FILM
    yield "hls after a byte order mark", b"\xef\xbb\xbf\n " + f"#EXTM3U\n#EXTINF:9,\n{target}\n".encode(), NOT_A_FILM
    yield "hls that joins files", f"#EXTM3U\n#EXTINF:9,\nconcat:{kit.canary}|{kit.url}\n".encode(), NOT_A_FILM
    yield "hls of hls", f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n".encode(), NOT_A_FILM
    sdp = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{kit.url}\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"  # noqa: E501
    yield "session description", sdp.encode(), NOT_A_FILM
    yield "rtsp redirect", b"RTSPtext\r\nrtsp" + kit.url[4:].encode() + b"\r\n", NOT_A_FILM
    yield "windows media redirect", f"[Reference]\nRef1={kit.url}\n".encode(), NOT_A_FILM
    yield "asx", f'<asx version="3.0"><entry><ref href="{kit.url}"/></entry></asx>'.encode(), NOT_A_FILM
    yield "avisynth script", f'AVISource("{kit.canary}")\n'.encode(), NOT_A_FILM
    yield "filter graph", f"movie={kit.canary}\n".encode(), NOT_A_FILM
    entity = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "{target}">]>'
    yield (
        "svg with an entity",
        f'{entity}<svg xmlns="http://www.w3.org/2000/svg"><text>&e;</text></svg>'.encode(),
        NOT_A_FILM,
    )
    yield "imf playlist", f'{entity}<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">&e;</CompositionPlaylist>'.encode(), NOT_A_FILM  # fmt: skip  # noqa: E501
    yield "vobsub index", f"# VobSub index file, v7\nid: en, index: 0\n# {kit.canary}\n".encode(), NOT_A_FILM
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n".encode()
    yield "mp4 head before a playlist", box(b"ftyp", b"isom\0\0\2\0isom") + playlist, BROKEN
    yield "playlist in an mp4's free box", kit.mp4 + box(b"free", playlist), COMPLETE
    yield "mp4 whose index points elsewhere", box(b"free", playlist) + kit.mp4, NO_PICTURE
    yield "webp of a playlist", chunked(b"WEBP", playlist), NOT_A_FILM
    for name, payload in {"hls": playlist, "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n".encode()}.items():
        yield f"gab2 subtitles that are {name}", _gab2_film(kit, payload), COMPLETE
    yield "gab2 subtitles with a picture's header", _gab2_film(kit, b"XBIN\x1a" + playlist), COMPLETE
    # ffmpeg does not follow these: it takes the bytes of this file, which are there.
    yield "mp4 whose media is another file", _external(kit, b"url ", str(kit.canary).encode()), COMPLETE
    yield "mp4 whose media is on the web", _external(kit, b"url ", kit.url.encode()), COMPLETE
    yield "quicktime alias to another file", _external(kit, b"alis", _alias(kit.canary)), (NO_PICTURE, NOT_A_FILM)
    reference = box(b"rdrf", bytes(4), b"url ", struct.pack(">I", len(kit.url) + 1), kit.url.encode() + b"\0")
    movie = box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"moov", box(b"rmra", box(b"rmda", reference)))
    yield "quicktime reference movie", movie, (NOT_A_FILM, BROKEN, NO_PICTURE)
    linked = b_.info(b_.text(0x7BA9, "linked"), b_.text(0x3E83BB, str(kit.canary)), b_.text(0x3C83AB, kit.url))
    head = b_.tracks(b_.track(1, "V_MJPEG", 1, b_.picture_size(64, 36)))
    blocks = b_.cluster(*((1, at * 40, kit.jpeg) for at in range(10)))
    yield "matroska linked to other files", b_.matroska(linked, head, blocks), COMPLETE


def chunked(kind: bytes, body: bytes) -> bytes:
    return b_.chunk(b"RIFF", kind, b_.chunk(b"VP8 ", body))


def _gab2_film(kit: Kit, payload: bytes) -> bytes:
    picture = (b"vids", b"MJPG", b_.bitmap(64, 36, b"MJPG"))
    frames = b"".join(b_.chunk(b"00dc", kit.jpeg) for _ in range(10))
    words = b_.chunk(b"01tx", b_.gab2(payload))
    return b_.avi([picture, (b"txts", b"\0\0\0\0", b"")], words + frames)


def _external(kit: Kit, kind: bytes, body: bytes) -> bytes:
    """The film with a data reference that is not "in this file" (flag 1)."""
    reference = bytes(4) + struct.pack(">I", 1) + box(kind, bytes(4), body, b"\0")
    return edited(kit.mp4, dref=lambda _: reference)


def _alias(path: Path) -> bytes:
    """A Macintosh alias record: volume, file name, and the absolute path as its entry 2 and 18."""
    name = str(path).encode()
    head = (
        bytes(4) + struct.pack(">HHH", 150, 2, 0) + b"\4disk".ljust(28, b"\0") + bytes(4) + b"H+" + bytes(2) + bytes(4)
    )
    head += bytes([min(63, len(path.name))]) + path.name.encode()[:63].ljust(63, b"\0") + bytes(16)
    head += struct.pack(">hh", 10, 10) + bytes(16)
    entries = b"".join(struct.pack(">hh", kind, len(name)) + name + b"\0" * (len(name) % 2) for kind in (2, 18))
    return head + entries + struct.pack(">hh", -1, 0)


# --- files of other trades -------------------------------------------------------------------------------------------


def strangers(kit: Kit) -> Made:
    archive, tar = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("film.mp4", kit.mp4)
    with tarfile.open(fileobj=tar, mode="w") as tarred:
        member = tarfile.TarInfo("../../film.mp4")
        member.size = len(kit.mp4)
        tarred.addfile(member, io.BytesIO(kit.mp4))
    yield "nothing at all", b"", NOT_A_FILM
    yield "one byte", b"\0", NOT_A_FILM
    yield "zeros", bytes(1 << 16), NOT_A_FILM
    yield "text", b"It was a dark and stormy night. " * 99, NOT_A_FILM
    yield "json", b'{"message": "Access denied"}', NOT_A_FILM
    yield "html error page", b"<!DOCTYPE html><html><body><h1>403 Forbidden</h1></body></html>", NOT_A_FILM
    yield "pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF", NOT_A_FILM
    yield "zip with a film", archive.getvalue(), NOT_A_FILM
    yield "tar with a film", tar.getvalue(), NOT_A_FILM
    yield "gzip", zlib.compress(kit.mp4, wbits=31), NOT_A_FILM
    yield "svg", b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>', NOT_A_FILM
    yield "program", b"\x7fELF\2\1\1" + bytes(57) + random.Random(1).randbytes(4096), NOT_A_FILM
    yield "noise", random.Random(2).randbytes(1 << 16), NOT_A_FILM
    yield "subtitle file", b"1\n00:00:00,000 --> 00:00:09,000\nhello\n", NOT_A_FILM
    yield "webvtt file", b"WEBVTT\n\n00:00.000 --> 00:09.000\nhello\n", NOT_A_FILM
    yield "picture", kit.jpeg, NOT_A_FILM
    yield "disc image of a film", bytes(0x8000) + b"\1CD001\1" + bytes(2041) + kit.mp4, NOT_A_FILM
    yield "film after a kilobyte of text", b"x" * 1024 + kit.mp4, (NOT_A_FILM, BROKEN)
    yield "zip glued to a film", kit.faststart + archive.getvalue(), COMPLETE
    yield "midi", b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", NOT_A_FILM


# --- pictures that would fill the memory -----------------------------------------------------------------------------


def floods(kit: Kit) -> Made:
    def png(width: int, height: int) -> bytes:
        head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
        body = b"IDAT" + zlib.compress(bytes(1 << 20))
        parts = [struct.pack(">I", len(p) - 4) + p + struct.pack(">I", zlib.crc32(p)) for p in (head, body, b"IEND")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)

    huge_jpeg = _jpeg_of_size(kit.jpeg, 65500, 65500)
    gif = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"
    gif += b",\0\0\0\0\xff\xff\xff\xff\0\2\2D\1\0" * 1000 + b";"
    webp = b"VP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + (16382).to_bytes(3, "little") * 2
    webp += b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    yield "png of 30000 x 30000", png(30_000, 30_000), NOT_A_FILM
    yield "jpeg of 65500 x 65500", huge_jpeg, NOT_A_FILM
    yield "gif of 65535 x 65535 in a loop", gif, NOT_A_FILM
    yield "webp of 16383 x 16383 in a loop", b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp, NOT_A_FILM
    yield "bare h264 of 16384 x 16384", b"\0\0\0\1" + b_.sps(16_384, 16_384) + b"\0\0\0\1" + b_.PPS, NOT_A_FILM
    big = b_.avcc(16_384, 16_384)
    yield "mp4 with h264 of 16384 x 16384", _with_avcc(kit, big, 16_384, 16_384), (NOT_A_FILM, NO_PICTURE)
    yield "mp4 whose header says 65535 x 65535", _with_avcc(kit, None, 65_535, 65_535), (COMPLETE, NOT_A_FILM)
    yield "mp4 whose header says 64 x 36 of 16384", _with_avcc(kit, big, 64, 36), (NOT_A_FILM, NO_PICTURE)
    frames = b"".join(b_.chunk(b"00dc", huge_jpeg) for _ in range(5))
    yield "avi of jpegs of 65500 x 65500", b_.avi([(b"vids", b"MJPG", b_.bitmap(65_500, 65_500, b"MJPG"))], frames), (NOT_A_FILM, NO_PICTURE)  # fmt: skip  # noqa: E501
    yield (
        "avi of jpegs that grow",
        b_.avi([(b"vids", b"MJPG", b_.bitmap(64, 36, b"MJPG"))], frames),
        (NOT_A_FILM, NO_PICTURE),
    )
    raw = b_.avi([(b"vids", b"\0\0\0\0", b_.bitmap(30_000, 30_000, b"\0\0\0\0"))], b_.chunk(b"00db", bytes(4096)))
    yield "avi of raw pictures of 30000 x 30000", raw, (NOT_A_FILM, NO_PICTURE)
    for name, size in {"2^31": (1 << 31, 1 << 31), "1 x 2^30": (1, 1 << 30), "0 x 0": (0, 0)}.items():
        head = b_.tracks(b_.track(1, "V_VP8", 1, b_.picture_size(*size)))
        film = b_.matroska(b_.info(), head, b_.cluster((1, 0, _vp8(64, 36)), (1, 40, _vp8(64, 36))))
        yield f"webm whose header says {name}", film, (COMPLETE, NOT_A_FILM, NO_PICTURE)
    head = b_.tracks(b_.track(1, "V_VP8", 1, b_.picture_size(64, 36)))
    film = b_.matroska(b_.info(), head, b_.cluster(*((1, at * 40, _vp8(16_383, 16_383)) for at in range(5))))
    yield "webm with frames of 16383 x 16383", film, (NOT_A_FILM, NO_PICTURE)
    cover = box(b"data", struct.pack(">II", 14, 0), png(30_000, 30_000))
    yield "song with a cover of 30000 x 30000", _with_cover(kit, cover), NO_PICTURE
    cover = box(b"data", struct.pack(">II", 13, 0), b"#EXTM3U\n" + kit.url.encode())
    yield "song whose cover is a playlist", _with_cover(kit, cover), NO_PICTURE


def _jpeg_of_size(jpeg: bytes, width: int, height: int) -> bytes:
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def _with_avcc(kit: Kit, configuration: bytes | None, width: int, height: int) -> bytes:
    def stsd(body: bytes) -> bytes:
        if b"avc1" not in body[:20]:
            return body
        entry = bytearray(body[8:])
        struct.pack_into(">HH", entry, 8 + 24, width, height)
        rest = bytes(entry[8:86])
        parts = [
            box(kind, configuration if kind == b"avcC" and configuration else b)
            for kind, b in b_.boxes(bytes(entry[86:]))
        ]
        return body[:8] + box(b"avc1", rest, *parts)

    return edited(kit.mp4, stsd=stsd)


def _vp8(width: int, height: int) -> bytes:
    """The head of a key frame, and not much of a frame."""
    return b"\x10\x02\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(64)


def _with_cover(kit: Kit, data: bytes) -> bytes:
    handler = box(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    meta = box(b"meta", bytes(4), handler, box(b"ilst", box(b"covr", data)))
    return edited(kit.song, udta=lambda _: meta)


# --- too many of everything ------------------------------------------------------------------------------------------


def crowds(kit: Kit) -> Made:
    moov = dict(b_.boxes(kit.mp4))[b"moov"]
    traks = [box(kind, body) for kind, body in b_.boxes(moov) if kind == b"trak"]
    others = b"".join(box(kind, body) for kind, body in b_.boxes(moov) if kind != b"trak")
    front = kit.mp4[: kit.mp4.rindex(b"moov") - 4]

    def copies(count: int, *which: bytes) -> bytes:
        return front + box(b"moov", others, *which, *[traks[1]] * count)

    yield "mp4 of a thousand tracks", copies(1000, traks[0]), NOT_A_FILM
    yield "mp4 of 300 sounds", copies(300, traks[0]), NOT_A_FILM
    yield "mp4 of 40 sounds", copies(40, traks[0]), COMPLETE
    yield (
        "mp4 of 100000 empty tracks",
        front + box(b"moov", others, box(b"trak") * 100_000),
        (NOT_A_FILM, BROKEN, NO_PICTURE),
    )
    entries = [b_.track(n, "A_AAC", 2) for n in range(1, 1001)]
    yield "matroska of a thousand tracks", b_.matroska(b_.info(), b_.tracks(*entries)), (NOT_A_FILM, NO_PICTURE)
    yield "subtitles alone", kit.subtitled, NO_PICTURE
    words = b_.tracks(b_.track(1, "S_TEXT/UTF8", 17))
    bomb = b_.matroska(b_.info(), words, b_.cluster(*((1, n % 30_000, b"x" * 40) for n in range(50_000))))
    yield "fifty thousand subtitles", bomb, NO_PICTURE
    yield "data alone", edited(kit.song, hdlr=poke(8, "4s", b"data")), NO_PICTURE
    yield "song", kit.song, NO_PICTURE
    yield "a tag of eight megabytes", edited(kit.mp4, udta=lambda _: box(b"\xa9nam", struct.pack(">HH", 0xFFFF, 0), b"x" * (8 << 20))), COMPLETE  # fmt: skip  # noqa: E501
    yield (
        "hundred thousand tags",
        edited(kit.mp4, udta=lambda body: body + box(b"\xa9cmt", b"\0\1\0\0x") * 100_000),
        COMPLETE,
    )
    chapters = struct.pack(">IIB", 0x01000000, 0, 255) + (struct.pack(">QB", 0, 4) + b"name") * 255
    yield "chapters in one instant", edited(kit.mp4, udta=lambda body: body + box(b"chpl", chapters)), COMPLETE
    yield "a transport stream of a hundred programmes", _many_programmes(kit), (COMPLETE, NOT_A_FILM)


def _many_programmes(kit: Kit) -> bytes:
    """A first PAT that promises programmes that never come, then a film."""
    entries = b"".join(struct.pack(">HH", n, 0xE000 | (0x100 + n)) for n in range(2, 42))
    section = b"\0" + struct.pack(">H", 0xB000 | (5 + len(entries) + 4)) + b"\0\1\xc1\0\0" + entries
    crc = 0xFFFFFFFF
    for byte in section:
        for bit in range(7, -1, -1):
            crc = (crc << 1) & U32 ^ (0x04C11DB7 if (crc >> 31) ^ (byte >> bit & 1) else 0)
    packet = b"\x47\x40\0\x10\0" + section + struct.pack(">I", crc)
    return packet.ljust(188, b"\xff") * 100 + kit.ts


# --- headers that lie ------------------------------------------------------------------------------------------------


def headers(kit: Kit) -> Made:
    for name, scale in {"0": 0, "1": 1, "2^32-1": U32}.items():
        ends = (COMPLETE, NOT_A_FILM, NO_PICTURE)
        yield f"film's timescale {name}", edited(kit.mp4, mvhd=poke(12, ">I", scale)), ends
        yield f"tracks' timescale {name}", edited(kit.mp4, mdhd=poke(12, ">I", scale)), ends
    for name, length in {"0": 0, "2^31": 1 << 31, "2^32-1": U32}.items():
        yield f"film's duration {name}", edited(kit.mp4, mvhd=poke(16, ">I", length)), COMPLETE
        yield f"tracks' duration {name}", edited(kit.mp4, mdhd=poke(16, ">I", length)), (COMPLETE, NOT_A_FILM)
    for name, length in {"-1": U64, "-2^63": 1 << 63, "2^62": 1 << 62}.items():
        long = struct.pack(">IQQIQ", 0x01000000, 0, 0, 12_800, length) + b"\x55\xc4\0\0"
        yield (
            f"tracks' duration in 64 bits {name}",
            edited(kit.mp4, mdhd=lambda _, long=long: long),
            (COMPLETE, NOT_A_FILM),
        )
    matrices = {
        "turned by 45 degrees": (46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30),
        "of zeros": (0,) * 9,
        "of ones": (-1,) * 9,
        "of the largest numbers": (0x7FFFFFFF,) * 9,
        "of the smallest numbers": (-0x80000000,) * 9,
        "mirrored": (-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30),
    }
    for name, matrix in matrices.items():
        yield f"a matrix {name}", edited(kit.mp4, tkhd=poke(40, ">9i", *matrix)), COMPLETE
    for wide, high in ((1, 0x7FFFFFFF), (0x7FFFFFFF, 1), (0, 0), (U32, U32), (1, 200)):
        yield f"pixels of {wide} : {high}", _with_pasp(kit, wide, high), COMPLETE
    yield (
        "fps of a million",
        edited(kit.mp4, mdhd=poke(12, ">II", 1_000_000, 10), stts=_times(10, 1)),
        (COMPLETE, NOT_A_FILM),
    )
    for name, seconds, end in (("a minute", 60, COMPLETE), ("ten hours", 36_000, NOT_A_FILM)):
        slow = {"mdhd": poke(12, ">II", 1, 10 * seconds), "stts": _times(10, seconds), "ctts": lambda _: None}
        yield f"ten frames of {name} each", edited(kit.mp4, **slow, edts=lambda _: None), end
    yield "frames of no length", edited(kit.mp4, stts=_times(10, 0)), (COMPLETE, NO_PICTURE, NOT_A_FILM)
    yield "frames of negative length", edited(kit.mp4, stts=_times(10, U32)), (COMPLETE, NO_PICTURE, NOT_A_FILM)
    yield (
        "65535 channels",
        edited(kit.mp4, stsd=_poke_entry(b"mp4a", 8 + 16, ">H", 65_535)),
        (COMPLETE, CODEC, NOT_A_FILM),
    )
    yield "sound of 0 samples a second", edited(kit.mp4, stsd=_poke_entry(b"mp4a", 8 + 24, ">I", 0)), (COMPLETE, CODEC)
    yield "an encrypted film", _encrypted(kit), CODEC
    yield "an unknown codec", edited(kit.mp4, stsd=_poke_entry(b"avc1", 4, "4s", b"zzzz")), (CODEC, NOT_A_FILM)
    yield "a codec we do not open", edited(kit.mp4, stsd=_poke_entry(b"avc1", 4, "4s", b"M8RG")), CODEC


def _times(count: int, delta: int) -> b_.Edit:
    return lambda _: struct.pack(">IIII", 0, 1, count, delta)


def _with_pasp(kit: Kit, wide: int, high: int) -> bytes:
    def stsd(body: bytes) -> bytes:
        if b"avc1" not in body[:20]:
            return body
        parts = [box(kind, b) for kind, b in b_.boxes(body[8 + 86 :]) if kind != b"pasp"]
        return body[:8] + box(b"avc1", body[16 : 8 + 86], *parts, box(b"pasp", struct.pack(">II", wide, high)))

    return edited(kit.mp4, stsd=stsd)


def _poke_entry(codec: bytes, at: int, form: str, value: int | bytes) -> b_.Edit:
    return lambda body: poke(8 + at, form, value)(body) if codec in body[:20] else body


def _encrypted(kit: Kit) -> bytes:
    tenc = box(b"tenc", bytes(4), b"\0\0\1\x08", b"k" * 16)
    scheme = box(b"schm", bytes(4), b"cenc", struct.pack(">I", 0x10000))
    sinf = box(b"sinf", box(b"frma", b"avc1"), scheme, box(b"schi", tenc))

    def stsd(body: bytes) -> bytes:
        return body[:8] + box(b"encv", body[16:], sinf) if b"avc1" in body[:20] else body

    return edited(kit.mp4, stsd=stsd)


# --- tables that explode ---------------------------------------------------------------------------------------------


def tables(kit: Kit) -> Made:
    some = (COMPLETE, NO_PICTURE, NOT_A_FILM, BROKEN, CUT_OFF, NO_SOUND)
    yield "stts of 2^32-1 frames", edited(kit.mp4, stts=_times(U32, 512)), some
    yield "stts of 2^32-1 rows", edited(kit.mp4, stts=poke(4, ">I", U32)), some
    yield "stsz of 2^32-1 frames of one byte", edited(kit.mp4, stsz=lambda _: struct.pack(">III", 0, 1, U32)), some
    yield "stsz of 2^24 frames of one byte", edited(kit.mp4, stsz=lambda _: struct.pack(">III", 0, 1, 1 << 24)), some
    yield "stsz of 2^32-1 rows", edited(kit.mp4, stsz=poke(8, ">I", U32)), some
    yield "stsz of frames of four gigabytes", edited(kit.mp4, stsz=lambda _: struct.pack(">III", 0, U32, 10)), some
    yield "stsc of 2^32-1 rows", edited(kit.mp4, stsc=poke(4, ">I", U32)), some
    yield "stsc of 2^32-1 frames a chunk", edited(kit.mp4, stsc=lambda _: struct.pack(">IIIII", 0, 1, 1, U32, 1)), some
    yield "stco of 2^32-1 rows", edited(kit.mp4, stco=poke(4, ">I", U32)), some
    yield "stco beyond the file", edited(kit.mp4, stco=lambda _: struct.pack(">III", 0, 1, U32)), some
    yield "no stco", edited(kit.mp4, stco=lambda _: None), some
    yield "no stsd", edited(kit.mp4, stsd=lambda _: None), (*some, CODEC)
    yield "stsd of a million entries", edited(kit.mp4, stsd=poke(4, ">I", 1_000_000)), some
    yield "ctts of 2^32-1 frames", edited(kit.mp4, ctts=lambda _: struct.pack(">IIII", 0, 1, U32, 512)), some
    yield (
        "ctts of the smallest numbers",
        edited(kit.mp4, ctts=lambda _: struct.pack(">IIIi", 0, 1, 10, -(1 << 31))),
        some,
    )
    yield "stss that names every frame there is not", edited(kit.mp4, stss=poke(4, ">I", U32)), some
    edits = {
        "a hundred thousand edits": struct.pack(">IiI", 400, 0, 65_536) * 100_000,
        "an edit of a month": struct.pack(">IiI", 30 * 86_400 * 1000, 0, 65_536),
        "an edit of nothing for 49 days": struct.pack(">IiI", U32, -1, 65_536) + struct.pack(">IiI", 400, 0, 65_536),
        "an edit before the beginning": struct.pack(">IiI", 400, -(1 << 31), 65_536),
        "an edit that stands still": struct.pack(">IiI", 400, 0, 0),
        "an edit after the end": struct.pack(">IiI", 400, 0x7FFFFFFF, 65_536),
    }
    for name, rows in edits.items():
        body = struct.pack(">II", 0, len(rows) // 12) + rows
        yield name, edited(kit.mp4, elst=lambda _, body=body: body), some
    yield "edits without rows", edited(kit.mp4, elst=lambda _: struct.pack(">II", 0, U32)), some
    deep = b""
    for _ in range(5000):
        deep = box(b"udta", deep)
    yield "boxes five thousand deep", edited(kit.mp4, udta=lambda body: body + deep), some
    deep = b""
    for _ in range(2000):
        deep = box(b"moov", deep)
    yield "films in films", deep, (NOT_A_FILM, BROKEN, NO_PICTURE)
    front = kit.mp4[: kit.mp4.rindex(b"moov") - 4]
    moov = kit.mp4[len(front) :]
    yield "a box of no size", front + struct.pack(">I4s", 0, b"moov") + moov[8:], some
    yield "a box of three bytes", front + struct.pack(">I4s", 3, b"moov") + moov[8:], some
    yield "a box of 2^63 bytes", front + struct.pack(">I4sQ", 1, b"moov", 1 << 63) + moov[8:], some
    yield "media of 2^62 bytes", struct.pack(">I4sQ", 1, b"mdat", 1 << 62) + kit.mp4, some
    yield "two films in one", kit.mp4 + moov, some
    yield "a hundred thousand empty boxes", box(b"free") * 100_000 + kit.mp4, some
    yield "a fragment of 2^32-1 frames", edited(kit.fragmented, trun=poke(4, ">I", U32)), some
    yield "a fragment at the end of time", edited(kit.fragmented, tfdt=poke(4, ">I", U32)), some
    yield "fragments without a film", b"".join(box(k, v) for k, v in b_.boxes(kit.fragmented) if k != b"moov"), (NOT_A_FILM, BROKEN, NO_PICTURE)  # fmt: skip  # noqa: E501


# --- Matroska --------------------------------------------------------------------------------------------------------


def matroskas(kit: Kit) -> Made:
    some = (COMPLETE, NO_PICTURE, NOT_A_FILM, CUT_OFF)
    head = b_.tracks(b_.track(1, "V_MJPEG", 1, b_.picture_size(64, 36)))
    blocks = b_.cluster(*((1, at * 40, kit.jpeg) for at in range(10)))

    def film(info: bytes, head: bytes = head, blocks: bytes = blocks, **size: int) -> bytes:
        return b_.matroska(info, head, blocks, **size)

    yield "matroska that is well", film(b_.info()), COMPLETE
    for name, length in {
        "not a number": float("nan"),
        "infinite": float("inf"),
        "negative": -9e9,
        "1e300": 1e300,
    }.items():
        yield f"a duration {name}", film(b_.info(b_.decimal(0x4489, length))), some
    yield "time that stands still", film(b_.info(scale=0)), some
    yield "time in 2^63 nanoseconds", film(b_.info(scale=1 << 63)), some
    yield "a frame a nanosecond", film(b_.info(), b_.tracks(b_.track(1, "V_MJPEG", 1, number(0x23E383, 1), b_.picture_size(64, 36)))), some  # fmt: skip  # noqa: E501
    yield "a scale of time not a number", film(b_.info(), b_.tracks(b_.track(1, "V_MJPEG", 1, b_.decimal(0x23314F, float("nan")), b_.picture_size(64, 36)))), some  # fmt: skip  # noqa: E501
    shown = b_.picture_size(64, 36, number(0x54B0, 1), number(0x54BA, 1 << 31))
    yield "a picture shown 1 wide and 2^31 high", film(b_.info(), b_.tracks(b_.track(1, "V_MJPEG", 1, shown))), some
    cropped = b_.picture_size(64, 36, *(number(side, 1 << 20) for side in (0x54AA, 0x54BB, 0x54CC, 0x54DD)))
    yield "a picture cropped away", film(b_.info(), b_.tracks(b_.track(1, "V_MJPEG", 1, cropped))), some
    yield "a segment of unknown size", film(b_.info(), size=b_.UNKNOWN_SIZE), COMPLETE
    yield "a segment of 2^56 bytes", film(b_.info(), size=(1 << 56) - 2), some
    deep = b"deep"
    for _ in range(3000):
        deep = element(0x67C8, text_tag("x"), deep)
    yield "tags three thousand deep", film(b_.info(), blocks=element(0x1254C367, element(0x7373, deep)) + blocks), some
    deep = b""
    for _ in range(300):
        deep = element(0x18538067, deep)
    yield "segments in segments", b_.EBML_HEAD + deep, some
    zipped = element(0x6D80, element(0x6240, element(0x5034, number(0x4254, 0))))
    bomb = zlib.compress(bytes(256 << 20), 9)
    packed = b_.tracks(b_.track(1, "V_MJPEG", 1, zipped, b_.picture_size(64, 36)))
    yield "a frame that unzips to 256 megabytes", film(b_.info(), packed, b_.cluster((1, 0, bomb))), some
    laced = element(0xA3, b"\x81\0\0\x86" + b"\xff" + b"\x80" * 300)
    yield "a block laced with nothing", film(b_.info(), blocks=element(0x1F43B675, number(0xE7, 0), laced)), some
    yield "a document of another kind", film(b_.info()).replace(b"matroska", b"nonsense"), some
    yield "identifiers of a thousand bytes", element(0x1A45DFA3, number(0x42F2, 1000), number(0x42F3, 1000)) + film(b_.info())[len(b_.EBML_HEAD) :], some  # fmt: skip  # noqa: E501
    font = element(0x61A7, b_.text(0x466E, "../../etc/passwd"), b_.text(0x4660, "font/ttf"), element(0x465C, b"x" * 99))
    yield "an attachment named ../../etc/passwd", film(b_.info(), blocks=element(0x1941A469, font) + blocks), COMPLETE


def text_tag(value: str) -> bytes:
    return b_.text(0x45A3, value)


# --- cut off, and damaged --------------------------------------------------------------------------------------------


def truncations(kit: Kit) -> Made:
    ends = (COMPLETE, NO_PICTURE, NOT_A_FILM, BROKEN, CUT_OFF, NO_SOUND)
    media = kit.faststart.rindex(b"mdat") + 4
    cuts = [at for at in sorted(set(b_.boundaries(kit.faststart))) if 8 < at < media]
    index = kit.faststart.index(b"moov") - 4
    end_of_index = index + int.from_bytes(kit.faststart[index : index + 4], "big")
    for place, at in enumerate(cuts, 1):
        yield f"mp4 cut at box boundary {place}", kit.faststart[:at], BROKEN if at < end_of_index else CUT_OFF
    yield "mp4 cut after its first header", kit.faststart[:8], NOT_A_FILM
    for share, end in ((1, CUT_OFF), (4, CUT_OFF), (8, COMPLETE)):  # the last within what headers are allowed to round
        cut = media + (len(kit.faststart) - media) * share // 9
        yield f"mp4 cut at {share}/9 of its media", kit.faststart[:cut], end
    yield "mp4 without its index", kit.mp4[: kit.mp4.rindex(b"moov") - 4], BROKEN
    fragments = [at for at in b_.boundaries(kit.fragmented) if kit.fragmented[at + 4 : at + 8] in (b"moof", b"mdat")]
    for place, at in enumerate(fragments[1:4], 1):
        yield f"fragmented mp4 cut at box {place}", kit.fragmented[:at], ends
    for name in ("mkv", "ts", "avi"):
        data = getattr(kit, name)
        for share in (1, 5):
            yield f"{name} cut at {share}/9", data[: len(data) * share // 9], ends


def damage(kit: Kit) -> Made:
    chance = random.Random(4)
    ends = (COMPLETE, NO_PICTURE, NOT_A_FILM, CUT_OFF)
    media = kit.mp4.index(b"mdat") + 4
    end = kit.mp4.rindex(b"moov") - 4
    yield "noise for media", kit.mp4[:media] + chance.randbytes(end - media) + kit.mp4[end:], ends
    yield "zeros for media", kit.mp4[:media] + bytes(end - media) + kit.mp4[end:], ends
    for name in ("ts", "mkv", "avi"):
        data = getattr(kit, name)
        yield f"{name} with noise after its head", data[: len(data) // 4] + chance.randbytes(len(data)), ends
    yield "two sizes in one stream", kit.ts + kit.ts[::-1] + kit.ts, ends
    yield "a film backwards", kit.mp4[::-1], NOT_A_FILM
