"""What viewers could notice is told, and nothing else."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest

from pipeline.media import profiles
from pipeline.media.changes import changes
from pipeline.media.job import plan_for
from pipeline.media.source import AudioTrack, Source, VideoTrack
from tests.media.films import upload

PLAIN = VideoTrack("AVC", 1920, 1080, 0, Fraction(25), 8, False, "ITU_709", "ITU_709")
STEREO = AudioTrack("AAC", 2, "eng")


def said(profile: str = "default", audio: tuple[AudioTrack, ...] = (STEREO,), **more) -> tuple[str, ...]:
    source = Source("mp4", 60_000, 1, dataclasses.replace(PLAIN, **more), audio)
    return changes(source, plan_for(upload(), source, "outputs", profiles.load()[profile]))


def test_a_plain_film_stays_what_it_is():
    assert said() == ()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"rotation": 90, "width": 1080, "height": 1920}, "The picture is turned upright, by 90 degrees."),
        ({"width": 4096, "height": 2304}, "4096x2304 becomes 3840x2160 at most."),
        ({"interlaced": True}, "Interlaced pictures become progressive."),
        ({"frame_rate": Fraction(120)}, "120 frames a second become 60."),
        (
            {"frame_rate": Fraction("23.5"), "variable_rate": True},
            "A variable frame rate, 23.5 on average, becomes 23.976.",
        ),
        ({"transfer": "SMPTE_2084", "primaries": "ITU_2020", "bit_depth": 10}, "HDR (PQ) becomes SDR."),
        (
            {"primaries": "SMPTE_EG_432_1"},
            "Colours (SMPTE_EG_432_1) are brought into those that every screen shows (BT.709).",
        ),
        ({"bit_depth": 10}, "10 bits a sample become 8."),
    ],
)
def test_each_change_of_the_picture_is_one_sentence(more, sentence):
    assert said(**more) == (sentence,)


def test_hdr_that_is_kept_is_not_called_lost():
    kept = said("hevc-hdr", transfer="ARIB_B67", bit_depth=10)
    assert kept == ("HDR (HLG) becomes SDR; HDR is kept beside it, for screens that show it.",)


def test_surround_becomes_stereo_unless_it_is_kept():
    surround = (AudioTrack("AAC", 6, "eng"),)
    assert said(audio=surround) == ("Audio track 1: 6 channels become stereo.",)
    assert said("hevc-hdr", audio=surround) == (
        "Audio track 1: 6 channels become stereo, with the surround sound beside it.",
    )


def test_loudness_and_a_picture_that_is_left_out_are_told():
    profile = profiles.load()["audio"]
    profile = dataclasses.replace(profile, sound=dataclasses.replace(profile.sound, loudness_lkfs=-16))
    source = Source("mp4", 60_000, 1, PLAIN, (STEREO,))
    assert changes(source, plan_for(upload(), source, "outputs", profile)) == (
        "The picture is left out: this profile publishes sound alone.",
        "Loudness is brought to -16 LKFS.",
    )
