"""A job that writes more than its film's length allows is stopped."""

from __future__ import annotations

import os

import pytest

from pipeline.local.mediaconvert import budget
from pipeline.local.mediaconvert.plan import plan_job
from tests.local.mediaconvert.films import job, movie, rung, sound
from tests.local.mediaconvert.test_plan import picture, source, tone


def watch(work, seconds: float = 60.0) -> budget.Watch:
    """A stream of two renditions and a download of one, a megabit each."""
    settings = job(rung("_a", 640, 360), rung("_b", 320, 180), sound(), groups=(movie("_c", 640, 360),))
    plan = plan_job(settings, source(picture(duration=seconds), tone(duration=seconds)))
    return budget.Watch(plan, 1000, seconds, work)


def test_every_rendition_is_counted_for_the_length_of_the_film(tmp_path):
    of_a_minute, of_two = watch(tmp_path), watch(tmp_path, 120.0)
    rates = 3 * 1_000_000 + budget.SOUND_BITS_PER_SECOND
    assert of_two.most - of_a_minute.most == 60 * rates / 8 * budget.COPIES
    assert of_a_minute.most - (of_two.most - of_a_minute.most) == 1000 + budget.IMAGE_BYTES


def test_all_files_together_are_what_counts(tmp_path):
    watched = watch(tmp_path)
    for number in range(3):
        with (tmp_path / f"capture-{number}.jpg").open("wb") as file:
            os.truncate(file.fileno(), watched.most // 3)
    watched.check()
    (tmp_path / "one-more").write_bytes(bytes(100))
    with pytest.raises(budget.OverBudget, match=r"the job has written 2\.\d GB; its length allows") as over:
        watched.check()
    assert over.value.code == 1507
