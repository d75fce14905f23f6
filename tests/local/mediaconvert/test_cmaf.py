"""The packager cuts what the encoder wrote, exactly, while it is written. Needs ffmpeg for the mezzanines."""

from __future__ import annotations

import array
import struct
import subprocess
import time
import tracemalloc
from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.local.mediaconvert import cmaf, ffmpeg
from tests.local.mediaconvert import films

GOP_FLAGS = ("-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-bf", "2")
VIDEO_FLAGS = (
    "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", *GOP_FLAGS, "-video_track_timescale", "25000",
    "-movflags", "+frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets",
)  # fmt: skip
AUDIO_FLAGS = ("-c:a", "aac", "-movflags", "+empty_moov+default_base_moof", "-frag_duration", "2000000")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3.4 s: four GOPs, the last of ten frames."""
    return films.make(tmp_path_factory.mktemp("cmaf") / "video.mp4", *films.PICTURE, *VIDEO_FLAGS, seconds=3.4)


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return films.make(tmp_path_factory.mktemp("cmaf") / "audio.mp4", *films.SOUND, *AUDIO_FLAGS, seconds=5)


def decoded(path: Path, kind: str) -> dict[str, str]:
    command = [ffmpeg.ffprobe_path(), "-v", "error", "-count_frames", "-select_streams", kind]
    command += ["-show_entries", "stream=nb_read_frames,start_time", "-of", "default=nw=1", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    return dict(line.split("=") for line in lines)


# --- video -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gops, seconds, durations",
    [
        (1, 1, [25, 25, 25, 10]),
        (2, 2, [50, 35]),
        (None, 2, [50, 35]),
        (None, Fraction(3), [75, 10]),
        (10, 10, [85]),
    ],
)
def test_segments_are_whole_gops_of_exact_length(video, gops, seconds, durations):
    cutter = cmaf.VideoCutter(video, gops, Fraction(seconds))
    cuts = list(cutter.finish())
    assert [cut.segment.duration // 1000 for cut in cuts] == durations
    assert [cut.segment.start // 1000 for cut in cuts] == [sum(durations[:n]) for n in range(len(durations))]
    assert [cut.segment.number for cut in cuts] == list(range(1, len(durations) + 1))
    assert cutter.end == Fraction(17, 5) == cutter.track().duration


def test_init_and_segments_together_are_the_film(video, tmp_path):
    cutter = cmaf.VideoCutter(video, 1, Fraction(1))
    segments = [cut.read() for cut in cutter.finish()]
    (tmp_path / "all.mp4").write_bytes(cutter.track().init + b"".join(segments))
    assert decoded(tmp_path / "all.mp4", "v")["nb_read_frames"] == "85"
    assert [len(segment) for segment in segments] == [segment.size for segment in cutter.segments]


def test_every_segment_can_be_played_alone(video, tmp_path):
    cutter = cmaf.VideoCutter(video, 1, Fraction(1))
    for cut in cutter.finish():
        (tmp_path / "one.mp4").write_bytes(cutter.track().init + cut.read())
        assert decoded(tmp_path / "one.mp4", "v")["nb_read_frames"] == str(cut.segment.duration // 1000)


def test_presentation_begins_at_zero(video):
    first = next(iter(cmaf.VideoCutter(video, 1, Fraction(1)).finish())).read()
    moof = cmaf.find(first, 0, len(first), b"moof")
    body, _ = cmaf.find(first, *moof, b"traf", b"trun")
    flags = struct.unpack_from(">I", first, body)[0]
    assert flags >> 24 == 1  # signed offsets
    entry = body + 12 + (4 if flags & 4 else 0)
    fields = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    assert struct.unpack_from(">i", first, entry + 4 * fields.index(0x800))[0] == 0


def test_i_frames_are_where_the_playlist_says(video, tmp_path):
    cutter = cmaf.VideoCutter(video, 2, Fraction(2))
    for cut in cutter.finish():
        data = cut.read()
        for frame in cut.segment.i_frames:
            (tmp_path / "i.mp4").write_bytes(cutter.track().init + data[frame.offset : frame.offset + frame.size])
            command = [ffmpeg.ffprobe_path(), "-v", "quiet", "-show_entries", "frame=pict_type", "-of", "csv=p=0"]
            shown = subprocess.run(
                [*command, str(tmp_path / "i.mp4")], capture_output=True, text=True, timeout=30
            ).stdout
            assert shown.split()[0].strip(",") == "I"
    assert [f.duration // 1000 for s in cutter.segments for f in s.i_frames] == [25, 25, 25, 10]


def test_a_gop_in_several_fragments_has_one_i_frame(tmp_path):
    path = films.make(tmp_path / "short.mp4", *films.PICTURE, *VIDEO_FLAGS, "-frag_duration", "380000", seconds=2)
    cutter = cmaf.VideoCutter(path, 1, Fraction(1))
    assert [len(cut.ranges) > 1 for cut in cutter.finish()] == [True, True]
    assert [[frame.duration // 1000 for frame in segment.i_frames] for segment in cutter.segments] == [[25], [25]]


def test_a_growing_file_gives_the_same_segments(video, tmp_path):
    whole = [cut.segment for cut in cmaf.VideoCutter(video, 1, Fraction(1)).finish()]
    growing, data = tmp_path / "growing.mp4", video.read_bytes()
    cutter, found = cmaf.VideoCutter(growing, 1, Fraction(1)), []
    assert list(cutter.advance()) == []  # not there yet
    for end in range(0, len(data), 7001):
        growing.write_bytes(data[:end])
        found += [cut.segment for cut in cutter.advance()]
    assert found == whole[: len(found)] and len(found) >= 2
    growing.write_bytes(data)
    assert found + [cut.segment for cut in cutter.finish()] == whole


def test_the_codec_is_read_from_the_stream(video):
    cutter = cmaf.VideoCutter(video, 1, Fraction(1))
    list(cutter.finish())
    track = cutter.track()
    assert (track.width, track.height, track.timescale) == (320, 180, 25000)
    assert track.codec.startswith("avc1.64") and len(track.codec) == 11


def test_the_init_segment_names_neither_the_encoder_nor_an_edit(video):
    cutter = cmaf.VideoCutter(video, 1, Fraction(1))
    list(cutter.finish())
    init = cutter.track().init
    assert b"Lavf" not in init and b"elst" not in init and init[4:12] == b"ftypcmfc"


def test_a_file_that_is_not_ours_is_an_error_with_its_name(tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_bytes(struct.pack(">I4s", 16, b"moof") + bytes(8) + struct.pack(">I4s", 8, b"mdat"))
    with pytest.raises(cmaf.MezzanineBroken, match=r"broken\.mp4 at byte 0"):
        list(cmaf.VideoCutter(path, 1, Fraction(1)).finish())


# --- audio -----------------------------------------------------------------------------------------------------------


def test_audio_is_cut_where_the_video_is(audio):
    cutter = cmaf.AudioCutter(audio)
    boundaries = [Fraction(n) * Fraction(4004, 1000) for n in range(1, 2)]
    cuts = list(cutter.finish(boundaries, Fraction(5)))
    assert len(cuts) == 2
    for cut, boundary in zip(cuts, boundaries, strict=False):
        end = Fraction(cut.segment.start + cut.segment.duration - cmaf.AAC_PRIMING, 48000)
        assert abs(end - boundary) <= Fraction(512, 48000)  # the nearest packet


def test_audio_ends_with_the_video(audio):
    cutter = cmaf.AudioCutter(audio)
    list(cutter.finish([Fraction(2)], Fraction(3)))
    beyond = cutter.track().duration - 3
    assert 0 <= beyond < Fraction(1024, 48000)


def test_audio_alone_is_cut_evenly_to_its_end(audio):
    cutter = cmaf.AudioCutter(audio)
    boundaries = cutter.even_boundaries(Fraction(2))
    assert boundaries == [2, 4]
    assert len(list(cutter.finish(boundaries, None))) == 3
    assert abs(cutter.track().duration - 5) < Fraction(1, 20)


def test_audio_segments_together_are_the_sound(audio, tmp_path):
    cutter = cmaf.AudioCutter(audio)
    data = b"".join(cut.read() for cut in cutter.finish([Fraction(1), Fraction(2)], Fraction(5)))
    (tmp_path / "all.mp4").write_bytes(cutter.track().init + data)
    found = decoded(tmp_path / "all.mp4", "a")
    packets = sum(segment.duration for segment in cutter.segments) // 1024
    assert abs(int(found["nb_read_frames"]) - packets) <= 1  # the decoder keeps the priming to itself
    assert float(found["start_time"]) <= 0


def test_segments_are_presented_without_the_priming(audio):
    cutter = cmaf.AudioCutter(audio)
    cuts = list(cutter.finish([Fraction(2), Fraction(4)], Fraction(5)))
    presented = cutter.track().segments
    assert presented[0].start == 0 and presented[0].duration == cuts[0].segment.duration - 1024
    assert [later.start for later in presented[1:]] == [cut.segment.start - 1024 for cut in cuts[1:]]
    assert cutter.track().duration == sum(Fraction(cut.segment.duration, 48000) for cut in cuts) - Fraction(1024, 48000)


def test_a_sound_shorter_than_its_priming_still_lasts():
    cutter = cmaf.AudioCutter(Path("none"))
    cutter.segments = [cmaf.Segment(1, 0, 1000, 10), cmaf.Segment(2, 1000, 1024, 10)]
    assert [(one.start, one.duration) for one in cutter._presented()] == [(0, 1), (0, 1000)]


def test_the_priming_is_skipped_by_an_edit_list(audio):
    cutter = cmaf.AudioCutter(audio)
    list(cutter.finish([], None))
    init = cutter.track().init
    body, _ = cmaf.find(init, 0, len(init), b"moov", b"trak", b"edts", b"elst")
    assert struct.unpack_from(">IIIiHH", init, body) == (0, 1, 0, 1024, 1, 0)


def test_audio_waits_for_a_boundary_it_has_not_reached(audio):
    cutter = cmaf.AudioCutter(audio)
    assert len(list(cutter.advance([Fraction(2), Fraction(60)]))) == 1
    assert list(cutter.advance([Fraction(2), Fraction(60)])) == []


def test_no_sound_yet_is_no_segment(tmp_path):
    cutter = cmaf.AudioCutter(tmp_path / "not-yet.mp4")
    assert list(cutter.advance([Fraction(1)])) == [] and cutter.even_boundaries(Fraction(1)) == []


@pytest.mark.parametrize("durations", [[1024, 1024, 1024], [1024, 1024, 600]])
def test_a_fragment_says_how_long_each_packet_is(durations):
    sizes = [100, 200, 300]
    moof = cmaf.audio_moof(7, 90_000, array.array("L", sizes), array.array("L", durations))
    fragment = cmaf.parse_moof(moof, 0, len(moof) + 8 + sum(sizes))
    assert (fragment.start, list(fragment.sizes), list(fragment.durations)) == (90_000, sizes, durations)
    assert fragment.data_offset == len(moof) + 8 and fragment.sync


# --- cost ------------------------------------------------------------------------------------------------------------


def written_fragment(number: int, start: int, sizes: list[int], duration: int) -> bytes:
    """A moof as ffmpeg writes it, and the header of an mdat whose bytes the caller leaves out."""
    rows = struct.pack(f">{2 * len(sizes)}I", *(value for size in sizes for value in (duration, size)))
    tfhd = cmaf.box(b"tfhd", struct.pack(">III", 0x020020, 1, 0x01010000))
    tfdt = cmaf.box(b"tfdt", struct.pack(">IQ", 0x01000000, start))
    mfhd = cmaf.box(b"mfhd", struct.pack(">II", 0, number))
    length = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + 8 + 16 + len(rows)
    trun = cmaf.box(b"trun", struct.pack(">IIiI", 0x305, len(sizes), length + 8, 0x02000000), rows)
    return cmaf.box(b"moof", mfhd, cmaf.box(b"traf", tfhd, tfdt, trun)) + struct.pack(">I4s", 8 + sum(sizes), b"mdat")


def two_hours(mezzanine: Path, path: Path, packets: int, duration: int, size: int) -> Path:
    """3,600 fragments behind a real moov, in a sparse file."""
    reader = cmaf.FragmentReader(mezzanine)
    reader.advance()
    with path.open("wb") as file:
        file.write(reader.moov)
        for number in range(3600):
            start = number * packets * duration
            file.write(written_fragment(number + 1, start, [size] * packets, duration))
            file.seek(packets * size, 1)
        file.truncate()
    return path


def test_two_hours_cost_a_moment_and_little_memory(video, audio, tmp_path):
    picture = two_hours(video, tmp_path / "picture.mp4", packets=50, duration=1000, size=12_000)
    sound = two_hours(audio, tmp_path / "sound.mp4", packets=94, duration=1024, size=340)
    tracemalloc.start()
    began = time.process_time()
    try:
        pictures, sounds = cmaf.VideoCutter(picture, 2, Fraction(4)), cmaf.AudioCutter(sound)
        cuts = sum(1 for _ in pictures.finish())
        ends = [Fraction(segment.start + segment.duration, pictures.timescale) for segment in pictures.segments]
        cuts += sum(1 for _ in sounds.finish(ends[:-1], pictures.end))
        seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert cuts == 3600 and pictures.end == 7200 and abs(sounds.track().duration - 7200) < Fraction(1024, 48000)
    assert seconds < 20 and peak < 60 << 20  # half a second and 12 MiB where nothing watches and nothing else runs
