"""The ladder: as large as the source and never larger, with its shape, at rates whose GOPs line up."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.errors import SourceRejected
from pipeline.media.job import GOP_SECONDS
from pipeline.media.ladder import rungs_for
from pipeline.media.source import VideoTrack


def track(width: int, height: int, rate: str | Fraction = "30") -> VideoTrack:
    return VideoTrack("AVC", width, height, 0, Fraction(rate), 8, False, "ITU_709")


def sizes(width: int, height: int) -> list[str]:
    return [f"{rung.name} {rung.width}x{rung.height}" for rung in rungs_for(track(width, height))]


@pytest.mark.parametrize(
    ("width", "height", "ladder"),
    [
        (1920, 1080, ["1080p 1920x1080", "720p 1280x720", "540p 960x540", "360p 640x360", "270p 480x270"]),
        (3840, 2160, ["1080p 1920x1080", "720p 1280x720", "540p 960x540", "360p 640x360", "270p 480x270"]),
        (1080, 1920, ["1080p 1080x1920", "720p 720x1280", "540p 540x960", "360p 360x640", "270p 270x480"]),
        (1920, 804, ["1080p 1920x804", "720p 1280x536", "540p 960x402", "360p 640x268", "270p 480x200"]),
        (4096, 1716, ["1080p 1920x804", "720p 1280x536", "540p 960x402", "360p 640x268", "270p 480x202"]),
        (1080, 1080, ["1080p 1080x1080", "720p 720x720", "540p 540x540", "360p 360x360", "270p 270x270"]),
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
        ("57600", "60000/1001", "30000/1001"),  # a screen recorder's tick
        ("1000", "30", "30"),
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
    gops = {round(GOP_SECONDS * rung.frame_rate) / rung.frame_rate for rung in rungs}
    assert len(gops) == 1
    assert abs(gops.pop() - GOP_SECONDS) < Fraction(1, 100)
    assert all(10 <= rung.frame_rate <= 60 for rung in rungs)


def test_smooth_motion_gets_half_as_many_bits_again():
    caps = {rate: [rung.max_bitrate_bps for rung in rungs_for(track(1920, 1080, rate))] for rate in ("30", "60")}
    assert caps["30"] == [8_500_000, 6_000_000, 3_500_000, 1_500_000, 400_000]
    assert caps["60"] == [12_750_000, 9_000_000, 3_500_000, 1_500_000, 400_000]
