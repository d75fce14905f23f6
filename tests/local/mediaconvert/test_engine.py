"""What comes out is compared with what the source promised. Pure but for the packaging, which needs ffmpeg."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.mediaconvert import engine, ffmpeg
from pipeline.local.mediaconvert.engine import EngineFailed
from pipeline.local.mediaconvert.plan import plan_job
from tests.local.mediaconvert.films import job, rung, sound
from tests.local.mediaconvert.test_plan import picture, source, tone

CLEAN = ffmpeg.Finished(returncode=0, stdout=b"", errors=(), error_count=0, seconds=1.0, timed_out=False)
NO_BYTES = "[in#0/matroska,webm @ 0x1] [error] File ended prematurely"
READ_ERROR = "[in#0/mpegts @ 0x1] [error] Error during demuxing: I/O error"
PICTURE_FAULT = "[h264 @ 0x1] [error] error while decoding MB 12 4"
SOUND_FAULT = "[aac @ 0x1] [error] Input buffer exhausted before END element found"


def ended(*errors: str, **fields: Any) -> ffmpeg.Finished:
    return dataclasses.replace(CLEAN, errors=errors, error_count=len(errors), **fields)


def compare(
    made: float, finished: ffmpeg.Finished = CLEAN, missing_bytes: int = 0, promised: float = 60.0
) -> list[int]:
    facts = source(picture(duration=promised), tone(duration=promised), missing_bytes=missing_bytes)
    plan = plan_job(job(rung("", 320, 180)), facts)
    return [warned.code for warned in engine._compare_with_promise(Fraction(made), plan, facts, finished)]


@pytest.mark.parametrize(
    "made, finished, missing_bytes, codes",
    [
        (60.0, CLEAN, 0, []),
        (59.6, CLEAN, 0, []),  # headers round
        (61.0, CLEAN, 0, []),
        (50.0, CLEAN, 0, [220000]),  # a whole file whose header says too much
        (60.0, CLEAN, 4096, [220000]),  # what is missing was not film
        (60.0, ended(PICTURE_FAULT), 0, [230008]),
        (60.0, ended(SOUND_FAULT), 0, [230006]),
        (60.0, ended(SOUND_FAULT, PICTURE_FAULT), 0, [230006, 230008]),
    ],
)
def test_a_film_of_its_promised_length_is_made_with_warnings_at_most(made, finished, missing_bytes, codes):
    assert compare(made, finished, missing_bytes) == codes


@pytest.mark.parametrize("finished, missing_bytes", [(CLEAN, 4096), (ended(READ_ERROR), 0), (ended(NO_BYTES), 10)])
def test_half_a_film_is_an_error_although_ffmpeg_says_nothing(finished, missing_bytes):
    with pytest.raises(EngineFailed, match=r"1076: .*end of file hit at length \[1000\]. Is file truncated"):
        compare(30.0, finished, missing_bytes)


def test_nothing_decoded_is_an_error():
    with pytest.raises(EngineFailed, match="1020: Video sync did not read enough good frames"):
        compare(0.0)


@pytest.mark.parametrize(
    "finished, missing_bytes, code, says",
    [
        (ended(timed_out=True, returncode=-9), 0, 1522, "timed out"),
        (ended(returncode=-24), 0, 1522, "timed out"),  # SIGXCPU
        (ended(returncode=-11), 0, 1999, "ended by SIGSEGV"),
        (ended(returncode=-9), 0, 1999, "ended by SIGKILL"),
        (ended("av_interleaved_write_frame(): No space left on device", returncode=1), 0, 1507, "disk full"),
        (ended("Error writing trailer: File too large", returncode=1), 0, 1507, "larger than its bitrate"),
        (ended("[out#0] [info] Exiting normally, received signal 24.", returncode=255), 0, 1522, "timed out"),
        (ended("[in#0] stream 0, offset 0x702: partial file", returncode=183), 0, 1076, "Is file truncated"),
        (
            ended("[vist#0:0] Decode error rate 1 exceeds", "[aist#0:1] Decode error rate 1", returncode=69),
            0,
            1020,
            "good",
        ),
        (ended("[aist#0:1] Decode error rate 1 exceeds maximum", returncode=69), 0, 1092, "audio streams"),
        (ended("Changing audio frame properties on the fly is not supported", returncode=234), 0, 1092, "in mid-film"),
        (ended("[out#0] at least one of its streams received no packets", returncode=234), 0, 1020, "good frames"),
        (ended("Cannot allocate memory", returncode=1), 0, 1999, "out of memory"),
        (ended("[in#0] Error during demuxing: Cannot allocate memory", returncode=69), 0, 1075, "asks for more memory"),
        (ended("Codec (x) not on whitelist", returncode=1), 0, 1030, "not a supported input codec"),
        (ended("Invalid data", returncode=183), 77, 1076, "Is file truncated"),
        (ended("anything else", returncode=8), 0, 1999, "ended with status 8"),
    ],
)
def test_every_end_of_ffmpeg_has_its_code(finished, missing_bytes, code, says):
    with pytest.raises(EngineFailed, match=says) as failed:
        engine._check_exit(finished, source(missing_bytes=missing_bytes))
    assert failed.value.code == code and failed.value.detail == "\n".join(finished.errors)


class Shelf:
    """An uploader that keeps what it is given."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def submit(self, bucket: str, key: str, read) -> None:
        self.objects[f"{bucket}/{key}"] = read()

    def finish(self) -> None:
        pass


def test_renditions_that_are_not_aligned_are_never_published(tmp_path: Path):
    from tests.local.mediaconvert import films

    facts = source(picture(duration=2.0), tone(duration=2.0))
    plan = plan_job(job(rung("_a", 320, 180), rung("_b", 160, 90), sound()), facts)
    [group] = plan.groups
    flags = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-sc_threshold", "0")
    flags += ("-movflags", "+frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets")
    for rendition, gop in zip(group.video, ("25", "20"), strict=True):
        films.make(tmp_path / rendition.file, *films.PICTURE, *flags, "-g", gop, seconds=4)
    packager = engine.Packager(dataclasses.replace(group, gops_per_segment=1), tmp_path, Shelf())
    with pytest.raises(EngineFailed, match=r"1999: The renditions of OutputGroups\[0\] are not aligned"):
        packager.finish()
