"""The ladder: as large as the source and never larger, with its shape, at rates whose GOPs line up."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import profiles
from pipeline.media.codecs import gop_frames
from pipeline.media.errors import SourceRejected
from pipeline.media.ladder import Rung
from pipeline.media.ladder import rungs_for as rungs_in
from pipeline.media.source import VideoTrack

BOXES = profiles.load()["default"].boxes["h264"]


def rungs_for(video: VideoTrack) -> tuple[Rung, ...]:
    return rungs_in(video, BOXES)


def track(width: int, height: int, rate: str | Fraction = "30") -> VideoTrack:
    return VideoTrack("AVC", width, height, 0, Fraction(rate), 8, False, "ITU_709")


def sizes(width: int, height: int) -> list[str]:
    return [f"{rung.name} {rung.width}x{rung.height}" for rung in rungs_for(track(width, height))]


HD = ["1080p 1920x1080", "720p 1280x720", "540p 960x540", "360p 640x360", "270p 480x270"]
SQUARE = ["1080p 1080x1080", "720p 720x720", "540p 540x540", "360p 360x360", "270p 270x270"]


def turned(rung: str) -> str:
    name, size = rung.split()
    return f"{name} {'x'.join(reversed(size.split('x')))}"


@pytest.mark.parametrize(
    ("width", "height", "ladder"),
    [
        (1920, 1080, HD),
        (3840, 2160, ["2160p 3840x2160", "1440p 2560x1440", *HD]),
        (7680, 4320, ["2160p 3840x2160", "1440p 2560x1440", *HD]),
        (2560, 1440, ["1440p 2560x1440", *HD]),
        (2160, 3840, ["2160p 2160x3840", "1440p 1440x2560", *(turned(rung) for rung in HD)]),
        (2160, 2160, ["2160p 2160x2160", "1440p 1440x1440", *SQUARE]),
        (
            3026,
            1386,
            [
                "3026x1386 3026x1386",
                "1440p 2560x1172",
                "1080p 1920x880",
                "720p 1280x586",
                "540p 960x440",
                "360p 640x294",
                "270p 480x220",
            ],
        ),
        (1080, 1920, ["1080p 1080x1920", "720p 720x1280", "540p 540x960", "360p 360x640", "270p 270x480"]),
        (1920, 804, ["1080p 1920x804", "720p 1280x536", "540p 960x402", "360p 640x268", "270p 480x200"]),
        (
            4096,
            1716,
            [
                "2160p 3840x1608",
                "1440p 2560x1072",
                "1080p 1920x804",
                "720p 1280x536",
                "540p 960x402",
                "360p 640x268",
                "270p 480x202",
            ],
        ),
        (1080, 1080, SQUARE),
        (1024, 576, ["540p 960x540", "360p 640x360", "270p 480x270"]),
        (1200, 676, ["1200x676 1200x676", "540p 958x540", "360p 640x360", "270p 480x270"]),
        (480, 352, ["480x352 480x352", "270p 368x270"]),
        (853, 479, ["852x478 852x478", "360p 640x360", "270p 480x270"]),
        (320, 240, ["320x240 320x240"]),
        (33, 33, ["32x32 32x32"]),
        (1280, 34, ["720p 1280x34"]),
    ],
)
def test_ladders(width, height, ladder):
    assert sizes(width, height) == ladder


side = st.integers(min_value=32, max_value=8192)
RATES = ["120", "120000/1001", "60", "60000/1001", "50", "48", "30", "30000/1001", "25", "24", "24000/1001", "15", "10"]


def planned(width: int, height: int, rate: str = "30"):
    try:
        return rungs_for(track(width, height, rate))
    except SourceRejected as refused:
        # Only a ribbon is refused: fitted into the largest box, its shorter side vanishes.
        assert refused.code == "POLICY_PICTURE_SIZE"
        assert min(width, height) / max(width, height) < 33 / 1920
        return ()


@given(side, side, st.sampled_from(RATES))
def test_no_rung_is_larger_than_the_source_or_odd_or_too_small_for_mediaconvert(width, height, rate):
    for rung in planned(width, height, rate):
        assert rung.width <= width and rung.height <= height
        assert rung.width % 2 == rung.height % 2 == 0
        assert min(rung.width, rung.height) >= 32


@given(side, side)
def test_every_rung_keeps_the_sources_shape_within_two_lines(width, height):
    """Even sides cost one line; a side that may not grow (the source's own, odd) one more."""
    for rung in planned(width, height):
        assert abs(rung.width - rung.height * Fraction(width, height)) <= 2 + 2 * Fraction(width, height)
        assert abs(rung.height - rung.width * Fraction(height, width)) <= 2 + 2 * Fraction(height, width)


@given(side, side, st.sampled_from(RATES))
def test_names_and_sizes_are_unique_and_best_comes_first(width, height, rate):
    rungs = planned(width, height, rate)
    assert len({rung.name for rung in rungs}) == len({(rung.width, rung.height) for rung in rungs}) == len(rungs)
    for better, worse in itertools.pairwise(rungs):
        assert better.width * better.height > worse.width * worse.height
        assert better.max_bitrate_bps >= worse.max_bitrate_bps
        assert better.frame_rate >= worse.frame_rate


@given(side, side)
def test_nobody_sees_much_less_than_was_uploaded(width, height):
    """Up to 1080p the best rung has at least nine tenths of the source's width."""
    rungs = planned(width, height)
    if rungs and max(width, height) <= 1920 and min(width, height) <= 1080:
        assert rungs[0].width >= width * Fraction(9, 10) - 1


@pytest.mark.parametrize(
    ("width", "height"), [(31, 400), (400, 16), (8194, 400), (1, 1), (0, 0), (8192, 32), (32, 8192)]
)
def test_pictures_that_cannot_be_encoded_are_refused_in_numbers(width, height):
    with pytest.raises(SourceRejected, match=f"the picture is {width}x{height} pixels") as refused:
        rungs_for(track(width, height))
    assert refused.value.code == "POLICY_PICTURE_SIZE"


@pytest.mark.parametrize(
    ("measured", "best", "small"),
    [
        ("120", "60", "30"),
        ("240", "60", "30"),
        ("120000/1001", "60000/1001", "30000/1001"),
        ("60", "60", "30"),
        ("60000/1001", "60000/1001", "30000/1001"),
        ("50", "50", "25"),
        ("48", "48", "24"),
        ("30", "30", "30"),
        ("30000/1001", "30000/1001", "30000/1001"),
        ("25", "25", "25"),
        ("24", "24", "24"),
        ("24000/1001", "24000/1001", "24000/1001"),
        ("293/10", "30000/1001", "30000/1001"),  # a phone's average
        ("2997/100", "30000/1001", "30000/1001"),
        ("15", "15", "15"),
        ("1", "10", "10"),
    ],
)
def test_frame_rates(measured, best, small):
    rungs = rungs_for(track(1920, 1080, measured))
    assert rungs[0].frame_rate == rungs[1].frame_rate == Fraction(best)
    assert {rung.frame_rate for rung in rungs[2:]} == {Fraction(small)}


@given(st.fractions(min_value=Fraction(1, 2), max_value=100_000, max_denominator=1001))
def test_key_frames_of_all_rungs_stand_at_the_same_times(rate):
    """Players switch rungs at segment borders. A GOP in seconds becomes a whole number of frames at each rate."""
    rungs = rungs_for(track(1920, 1080, rate))
    gops = {gop_frames(rung) / rung.frame_rate for rung in rungs}
    assert len(gops) == 1
    # Never below two seconds: segments are rounded up to whole GOPs, and four seconds would become three GOPs.
    assert 2 <= gops.pop() < Fraction(201, 100)
    assert all(10 <= rung.frame_rate <= 60 for rung in rungs)


def test_smooth_motion_gets_half_as_many_bits_again():
    caps = {rate: [rung.max_bitrate_bps for rung in rungs_for(track(1920, 1080, rate))] for rate in ("30", "60")}
    assert caps["30"] == [box.max_bitrate_bps for box in BOXES[2:]]
    assert caps["60"] == [caps["30"][0] * 3 // 2, caps["30"][1] * 3 // 2, *caps["30"][2:]]


def test_a_wide_film_pays_for_its_own_pixels_only():
    full, scope = rungs_for(track(1920, 1080)), rungs_for(track(1920, 804))
    for whole, part in zip(full[:4], scope[:4], strict=True):
        assert part.max_bitrate_bps / whole.max_bitrate_bps == pytest.approx(804 / 1080, rel=0.01)


@pytest.mark.parametrize(
    ("average", "best"),
    [
        ("293/10", "30000/1001"),
        ("27", "30000/1001"),  # 25 would drop frames of the parts that have 30
        ("173/10", "24000/1001"),  # a screen that stands still half of the time
        ("1/2", "24000/1001"),
        ("24", "24"),
        ("48", "48"),
        ("57", "60000/1001"),
        ("61", "60"),
        ("240", "60"),
    ],
)
def test_a_variable_rate_is_an_average_and_snapped_upwards(average, best):
    video = dataclasses.replace(track(1920, 1080, average), variable_rate=True)
    assert rungs_for(video)[0].frame_rate == Fraction(best)


def test_other_codecs_are_named_beside_the_first():
    profile = profiles.load()["hevc-hdr"]
    rungs = rungs_in(track(1280, 720), profile.boxes["hevc"], "hevc", "HLG")
    assert [rung.name for rung in rungs] == ["720p_hevc", "540p_hevc", "360p_hevc"]
    assert {(rung.codec, rung.video_range) for rung in rungs} == {("hevc", "HLG")}
