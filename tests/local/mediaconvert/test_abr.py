"""Automated ABR: renditions chosen by what the film costs, within the limits of the job."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import m3u8
import pytest

from pipeline.local.mediaconvert import abr
from pipeline.local.mediaconvert.planned import JobRefused
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import job, rung, sound
from tests.local.mediaconvert.test_plan import picture, source, tone
from tests.local.mediaconvert.test_sounds import done

FULL_HD = (Fraction(1920), Fraction(1080))
LADDER = ((1920, 1080), (1280, 720), (960, 540), (640, 360), (480, 270))


def template(**size: int) -> dict[str, Any]:
    output = rung("_auto", size.get("Width", 0), size.get("Height", 0))
    for side in {"Width", "Height"} - set(size):
        del output["VideoDescription"][side]
    settings = output["VideoDescription"]["CodecSettings"]["H264Settings"]
    del settings["MaxBitrate"], settings["QvbrSettings"]
    return output


def allowed(*sizes: tuple[int, int], required: tuple[tuple[int, int], ...] = ()) -> dict[str, Any]:
    items = [{"Width": w, "Height": h, "Required": "ENABLED" if (w, h) in required else "DISABLED"} for w, h in sizes]
    return {"Type": "ALLOWED_RENDITIONS", "AllowedRenditions": items}


def choose(cost: float, source_size: tuple[Fraction, Fraction] = FULL_HD, **settings: Any) -> list[abr.Rendition]:
    return abr.choose("OutputGroups[0]", settings, template(), source_size, cost)


def test_an_easy_film_gets_fewer_renditions_than_a_hard_one():
    easy, hard = choose(300_000), choose(4_000_000)
    assert len(easy) < len(hard)
    assert (easy[0].width, easy[0].height) == (hard[0].width, hard[0].height) == (1920, 1080)
    assert easy[0].max_bitrate < 1_500_000 < hard[0].max_bitrate


def test_every_step_is_worth_its_while():
    caps = [rendition.max_bitrate for rendition in choose(1_500_000)]
    assert len(caps) > 2 and all(above / below >= 1.49 for above, below in itertools.pairwise(caps))


@pytest.mark.parametrize("cost", [100_000, 1_000_000, 5_000_000, 50_000_000])
def test_the_limits_hold(cost):
    found = choose(cost, MaxAbrBitrate=5_000_000, MinAbrBitrate=400_000, MaxRenditions=4)
    assert 1 <= len(found) <= 4
    assert all(100_000 <= rendition.max_bitrate <= 5_000_000 for rendition in found)
    assert all(rendition.pixels <= 1920 * 1080 for rendition in found)


def test_a_size_that_cannot_be_paid_for_is_left_out():
    assert choose(12_000_000, MaxAbrBitrate=4_000_000)[0].height < 720


@pytest.mark.parametrize(
    "rules, cost, check",
    [
        ([allowed(*LADDER)], 4_000_000, lambda sizes: set(sizes) <= set(LADDER)),
        ([allowed(*LADDER, required=((960, 540),))], 100_000, lambda sizes: (960, 540) in sizes),
        (
            [{"Type": "FORCE_INCLUDE_RENDITIONS", "ForceIncludeRenditions": [{"Width": 852, "Height": 480}]}],
            200_000,
            lambda sizes: (852, 480) in sizes,
        ),
        (
            [{"Type": "MIN_TOP_RENDITION_SIZE", "MinTopRenditionSize": {"Width": 1280, "Height": 720}}],
            60_000_000,
            lambda sizes: max(sizes) >= (1280, 720),
        ),
        (
            [{"Type": "MIN_BOTTOM_RENDITION_SIZE", "MinBottomRenditionSize": {"Width": 640, "Height": 360}}],
            20_000_000,
            lambda sizes: min(sizes) >= (640, 360),
        ),
    ],
)
def test_rules_are_kept(rules, cost, check):
    found = choose(cost, Rules=rules)
    assert check([(rendition.width, rendition.height) for rendition in found]), found


def test_nothing_is_larger_than_the_source_or_the_template():
    assert choose(1_000_000, (Fraction(640), Fraction(360)))[0].width == 640
    capped = abr.choose("", {}, template(Width=1280, Height=720), FULL_HD, 1_000_000)
    assert (capped[0].width, capped[0].height) == (1280, 720)


def test_a_portrait_film_stays_upright():
    found = choose(3_000_000, (Fraction(1080), Fraction(1920)))
    assert all(rendition.height > rendition.width for rendition in found) and found[0].width == 1080


def test_quality_is_capped_by_the_job():
    assert {rendition.quality for rendition in choose(3_000_000)} == {8, 7}
    assert {rendition.quality for rendition in choose(3_000_000, MaxQualityLevel=6.33)} == {6.33}


def test_rules_that_leave_nothing_are_refused():
    with pytest.raises(JobRefused, match=r"OutputGroups\[0\]: the rules of automated ABR leave no rendition"):
        choose(1_000_000, (Fraction(640), Fraction(360)), Rules=[allowed((1920, 1080))])


def test_a_source_without_a_picture_is_refused():
    settings = job(template(Width=1280, Height=720), sound())
    settings["OutputGroups"][0]["AutomatedEncodingSettings"] = {"AbrSettings": {}}
    with pytest.raises(JobRefused, match="needs a video output and a source with video"):
        abr.decided(settings, source(tone()), 0.0)


@pytest.mark.parametrize("seconds, count", [(1.0, 1), (6.0, 1), (60.0, 3)])
def test_samples_lie_within_the_film(seconds, count):
    found = abr.samples(source(picture(duration=seconds)))
    assert len(found) == count and all(0 <= at <= max(0.0, seconds - 2) for _, at in found)


def test_the_job_is_done_with_what_was_chosen(s3, folder, tmp_path):
    settings = job(template(Width=640, Height=360), sound())
    settings["OutputGroups"][0]["AutomatedEncodingSettings"] = {
        "AbrSettings": {"MaxAbrBitrate": 2_000_000, "MinAbrBitrate": 100_000, "MaxRenditions": 3}
    }
    film = films.plain(folder, "film.mp4", seconds=4, size="640x360")
    [group] = done(s3, settings, tmp_path, film)[-1]["output_group_details"]
    top = m3u8.loads(s3.objects["out/v/stream.m3u8"].body.decode())
    names = [item.uri for item in top.playlists]
    assert 2 <= len(names) <= 3 and names == [f"stream_auto_{n}.m3u8" for n in range(1, len(names) + 1)]
    made = [o["videoDetails"] for o in group["outputDetails"] if "videoDetails" in o]
    assert [item.stream_info.resolution for item in top.playlists] == [(v["widthInPx"], v["heightInPx"]) for v in made]
    assert made[0]["widthInPx"] == 640 and all(video["averageBitrate"] <= 2_000_000 for video in made)
    assert len(group["outputDetails"]) == len(made) + 1  # and the sound
