"""What the first bytes of a track say is read as decoders read it, from hand-made boxes and from a real encoder's."""

from __future__ import annotations

import contextlib
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.mediaconvert.ffmpeg import ffmpeg_path
from pipeline.media import boxes
from tests.media.tracks import (
    AUDIO_INIT,
    NON_SYNC,
    SYNC,
    VIDEO_INIT,
    aac,
    av1,
    avc,
    box,
    full,
    hevc,
    init,
    segment,
    words,
)

CODECS = {
    "avc1.64001F": avc("64001F"),
    "avc1.4D401E": avc("4d401e"),
    "avc3.42C00D": avc("42c00d", "avc3"),
    "mp4a.40.2": aac(),
    "mp4a.40.5": aac(5, long=False),
    "mp4a.40.42": aac(42),  # xHE-AAC: an object type that needs the escape
    "mp4a.6b": aac(indication=0x6B),
    # ISO/IEC 14496-15 Annex E.3's own examples
    "hvc1.2.4.L153.B0": hevc("02200000 00B00000 00000099".replace(" ", "")),
    "hvc1.1.6.H120.90": hevc("21600000 00900000 00000078".replace(" ", "")),
    "ac-3": box("ac-3", bytes(28)),
    "av01.0.04M.08": av1("040C00"),
    "av01.0.08H.10": av1("08CC00"),
    "av01.2.13M.12": av1("4D6C00"),
}


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_is_named_as_rfc_6381_does(name):
    assert boxes.codec(init(CODECS[name])) == name


#: (tfhd, trun, the init segment's default) -> whether the first sample is a sync sample.
FLAGS = {
    "the run says it of its first sample": (None, full("trun", 0x5, words(2, 0, SYNC)), NON_SYNC, True),
    "the run denies it": (None, full("trun", 0x5, words(2, 0, NON_SYNC)), SYNC, False),
    "the run says it without an offset": (None, full("trun", 0x4, words(2, SYNC)), NON_SYNC, True),
    "each sample says it, after its duration and size": (
        None,
        full("trun", 0xF01, words(1, 0, 1001, 5000, SYNC, 0)),
        NON_SYNC,
        True,
    ),
    "each sample denies it": (None, full("trun", 0x601, words(1, 0, 5000, NON_SYNC)), SYNC, False),
    "the fragment says it of all": (full("tfhd", 0x20, words(1, SYNC)), full("trun", 0x1, words(1, 0)), NON_SYNC, True),
    "the fragment denies it, after other defaults": (
        full("tfhd", 0x3B, words(1, 0, 0, 1, 1001, 5000, NON_SYNC)),
        full("trun", 0x1, words(1, 0)),
        SYNC,
        False,
    ),
    "only the track says it": (full("tfhd", 0, words(1)), full("trun", 0x1, words(1, 0)), SYNC, True),
    "only the track denies it": (full("tfhd", 0, words(1)), full("trun", 0x1, words(1, 0)), NON_SYNC, False),
}


@pytest.mark.parametrize("case", FLAGS)
def test_the_first_samples_flags_are_found_where_they_are(case):
    tfhd, trun, default, key = FLAGS[case]
    assert boxes.starts_with_key_frame(init(avc(), default), segment(tfhd, trun)) is key


def test_a_segment_may_be_cut_after_its_first_samples():
    whole = segment()
    assert boxes.starts_with_key_frame(VIDEO_INIT, whole[: whole.index(b"mdat")])


@pytest.mark.parametrize(
    ("init_segment", "first", "says"),
    [
        (b"", segment(), "moov|stsd"),
        (b"<html>no film</html>", segment(), "moov|long"),
        (VIDEO_INIT[:60], segment(), "box"),
        (VIDEO_INIT, b"x" * 100, "moof"),
        (VIDEO_INIT, segment()[:60], "box"),
    ],
)
def test_what_is_no_track_says_which_box_is_missing(init_segment, first, says):
    with pytest.raises(boxes.BoxesBroken, match=says):
        boxes.codec(init_segment)
        boxes.starts_with_key_frame(init_segment, first)


@given(st.binary(max_size=200), st.integers(0, 400), st.booleans())
def test_any_bytes_are_read_or_refused(noise, at, audio):
    whole = AUDIO_INIT if audio else VIDEO_INIT
    broken = whole[:at] + noise + whole[at:]
    for read in (lambda: boxes.codec(broken), lambda: boxes.starts_with_key_frame(broken, broken)):
        with contextlib.suppress(boxes.BoxesBroken):
            read()


@pytest.mark.parametrize(
    ("claimed", "found", "same"),
    [
        ("avc1.64001f", "avc1.64001F", True),
        ("avc1.64401F", "avc1.64001F", True),  # constraint flags
        ("avc1.640020", "avc1.64001F", False),
        ("avc1.4D001F", "avc1.64001F", False),
        ("avc3.64001F", "avc1.64001F", True),
        ("mp4a.40.5", "mp4a.40.2", False),
        ("hvc1.1.6.L120", "avc1.64001F", False),
        ("hvc1.2.4.L120", "hvc1.2.4.L120.B0", True),
        ("hvc1.2.4.L123.B0", "hvc1.2.4.L120.B0", False),
        ("hev1.2.4.L120.B0", "hvc1.2.4.L120.B0", False),
        ("av01.0.04M.08.0.110.01.01.01.0", "av01.0.04M.08", True),
        ("av01.0.04M.10", "av01.0.04M.08", False),
    ],
)
def test_a_claim_is_true_where_profile_and_level_are(claimed, found, same):
    assert boxes.same_codec(claimed, found) is same


@pytest.mark.parametrize(
    ("entry", "video_range"),
    [
        (avc(), "SDR"),
        (hevc("02200000 00B00000 00000099".replace(" ", ""), 16), "PQ"),
        (hevc("02200000 00B00000 00000099".replace(" ", ""), 18), "HLG"),
        (av1("040C00"), "SDR"),  # without a colour box
        (aac(), "SDR"),
    ],
)
def test_the_range_is_what_the_colour_box_says(entry, video_range):
    assert boxes.video_range(init(entry)) == video_range


# Whole files ---------------------------------------------------------------------------------------------------------


class Part:
    """A file that is read in parts, and how often."""

    def __init__(self, data: bytes):
        self.data, self.reads = data, []

    def __call__(self, first: int, length: int) -> bytes:
        self.reads.append((first, length))
        return self.data[first : first + length]


def fragments(*sizes: int) -> bytes:
    """A segment of several fragments, their mdat of these sizes."""
    moof = segment()[segment().index(b"moof") - 4 : segment().index(b"mdat") - 4]
    return b"".join(moof + box("mdat", bytes(size)) for size in sizes)


NEEDED = ("moof", "mdat")
LARGE_MDAT = struct.pack(">I4sQ", 1, b"mdat", 16 + 70_000) + bytes(70_000)


@pytest.mark.parametrize(
    ("data", "reads"),
    [
        (segment(), 1),
        (fragments(500_000, 400_000), 2),
        (fragments(10, 20), 1),
        (segment()[: segment().index(b"mdat") - 4] + LARGE_MDAT, 1),
        (segment() + box("free"), 1),
    ],
)
def test_a_whole_segment_is_known_by_a_few_small_reads(data, reads):
    part = Part(data)
    boxes.check_whole(len(data), part, NEEDED)
    assert len(part.reads) == reads and all(length <= 4096 for _, length in part.reads)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_segment_that_was_cut_off_is_no_whole_one(share):
    whole = fragments(50_000, 40_000)
    cut = whole[: int(len(whole) * share)]
    with pytest.raises(boxes.BoxesBroken, match=r"box at byte \d+|within a box's head|no \w+ box"):
        boxes.check_whole(len(cut), Part(cut), NEEDED)


def test_every_cut_is_noticed_but_the_one_between_two_fragments():
    """After a whole fragment the file looks like a shorter segment; only its duration could tell."""
    whole = fragments(90, 70)
    seams = {len(fragments(90)), len(whole)}
    for length in range(1, len(whole)):
        cut = Part(whole[:length])
        with contextlib.nullcontext() if length in seams else pytest.raises(boxes.BoxesBroken):
            boxes.check_whole(length, cut, NEEDED)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (box("styp", b"cmfs"), "there is no moof box"),
        (segment()[: segment().index(b"mdat") - 4], "there is no mdat box"),
        (b"<html><head><title>503</title>", "no box|bytes long"),
        (bytes(4000), "no box at byte 0"),
        (struct.pack(">I4s", 4, b"mdat"), "no box at byte 0"),
        (box("free") * 500, "more than 128 boxes"),
    ],
)
def test_what_is_no_segment_is_told(data, says):
    with pytest.raises(boxes.BoxesBroken, match=says):
        boxes.check_whole(len(data), Part(data), NEEDED)


@given(st.binary(max_size=600))
def test_any_bytes_are_whole_or_not_in_a_bounded_number_of_reads(noise):
    part = Part(noise)
    with contextlib.suppress(boxes.BoxesBroken):
        boxes.check_whole(len(noise), part, NEEDED)
    assert len(part.reads) <= 129


# A real encoder's ----------------------------------------------------------------------------------------------------


def encode(folder: Path, *arguments: str) -> tuple[bytes, bytes]:
    """A fragmented MP4 by ffmpeg: (what comes before the first moof, what begins with it)."""
    film = folder / "film.mp4"
    argv = [str(ffmpeg_path()), "-y", "-nostdin", "-loglevel", "error", *arguments]
    subprocess.run(
        [*argv, "-movflags", "+frag_keyframe+empty_moov+default_base_moof", str(film)], check=True, timeout=60
    )
    whole = film.read_bytes()
    position = whole.index(b"moof") - 4
    return whole[:position], whole[position : position + boxes.FIRST_BYTES]


PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=1", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
SOUND = ["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac"]


def test_a_real_h264_track_is_read(tmp_path):
    init_segment, first = encode(tmp_path, *PICTURE, "-profile:v", "main", "-level", "3.1")
    assert boxes.same_codec("avc1.4D001F", boxes.codec(init_segment))
    assert boxes.starts_with_key_frame(init_segment, first)


def test_a_real_aac_track_is_read(tmp_path):
    assert boxes.codec(encode(tmp_path, *SOUND)[0]) == "mp4a.40.2"
