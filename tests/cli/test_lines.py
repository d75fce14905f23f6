"""A film in a line."""

from __future__ import annotations

import pytest

from pipeline.cli.lines import source_line

VIDEO = {"codec": "AVC", "width": 1920, "height": 1080, "frame_rate": "25"}


def line(milliseconds: int = 2000, **video) -> str:
    return source_line({"container": "mp4", "duration_ms": milliseconds, "video": {**VIDEO, **video}, "audio": []})


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [(9_600, "9.6 s"), (60_000, "1:00"), (362_800, "6:03"), (3_723_000, "1:02:03"), (59_999, "60.0 s")],
)
def test_lengths_are_written_as_clocks_show_them(milliseconds, said):
    assert line(milliseconds) == f"mp4, {said}, 1920x1080 AVC 25 fps, no sound"


@pytest.mark.parametrize(
    ("video", "said"),
    [
        ({"frame_rate": "24000/1001"}, "23.976 fps"),
        ({"frame_rate": "722/100", "variable_rate": True}, "7.22 fps variable"),
        ({"interlaced": True}, "25 fps interlaced"),
        ({"transfer": "SMPTE_2084"}, "25 fps HDR (PQ)"),
        ({"transfer": "ITU_709"}, "25 fps,"),
    ],
)
def test_what_will_change_or_cost_something_is_in_it(video, said):
    assert said in line(**video)


def test_sound_alone_has_no_picture():
    sound = {"codec": "MP3", "channels": 2}
    said = source_line({"container": "mp3", "duration_ms": 2000, "video": None, "audio": [sound]})
    assert said == "mp3, 2.0 s, no picture, MP3 2 channels"
