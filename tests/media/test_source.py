"""What Probe says becomes what a viewer sees: upright, square pixels, sound or none."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from pipeline.media.errors import SourceRejected
from pipeline.media.source import Source
from tests.media.films import picture, probed, ratio, sound, source


def test_a_plain_film():
    film = source(picture(rate="30000/1001"), sound(language="eng"))
    assert (film.container, film.duration_ms, film.size_bytes) == ("mp4", 20_000, 1048576)
    assert (film.video.width, film.video.height, film.video.rotation) == (1920, 1080, 0)
    assert film.video.frame_rate == Fraction(30000, 1001)
    assert not film.video.interlaced and not film.video.hdr
    assert [(track.codec, track.channels, track.language) for track in film.audio] == [("AAC", 2, "eng")]


@pytest.mark.parametrize(
    ("turn", "size"), [(0, (1920, 1080)), (90, (1080, 1920)), (180, (1920, 1080)), (270, (1080, 1920))]
)
def test_a_phone_held_upright_makes_an_upright_picture(turn, size):
    video = source(picture(Rotation=turn)).video
    assert ((video.width, video.height), video.rotation) == (size, turn)


def test_a_turn_against_the_clock_is_the_same_turn():
    assert source(picture(Rotation=-90)).video.rotation == 270


@pytest.mark.parametrize(
    ("width", "height", "aspect", "shown"),
    [
        (720, 576, "64/45", (1024, 576)),
        (720, 576, "16/15", (768, 576)),
        (720, 480, "8/9", (640, 480)),
        (1440, 1080, "4/3", (1920, 1080)),
    ],
)
def test_anamorphic_pictures_are_shown_with_square_pixels(width, height, aspect, shown):
    video = source(picture(width, height, SampleAspectRatio=ratio(aspect))).video
    assert (video.width, video.height) == shown


def test_an_anamorphic_picture_that_is_turned_is_squared_before_it_is_turned():
    video = source(picture(720, 576, SampleAspectRatio=ratio("64/45"), Rotation=90)).video
    assert (video.width, video.height) == (576, 1024)


@pytest.mark.parametrize("nothing", [{"Numerator": 0, "Denominator": 1}, {"Numerator": 1, "Denominator": 0}, None, {}])
def test_an_aspect_of_nothing_means_square(nothing):
    assert source(picture(SampleAspectRatio=nothing)).video.width == 1920


def test_no_sound_is_normal():
    assert source(picture()).audio == ()


def test_surround_and_several_languages_are_all_listed():
    film = source(picture(), sound(6, "eng"), sound(2, "fra", "AC3", 3), sound(1, None, "OPUS", 4))
    assert [(track.channels, track.language) for track in film.audio] == [(6, "eng"), (2, "fra"), (1, "und")]


@pytest.mark.parametrize("container", ["mp3", "flac", "wave", "aac"])
def test_the_cover_of_a_song_is_no_picture(container):
    song = source(picture(600, 600, codec="MJPEG"), sound(codec="MP3"), container=container)
    assert song.video is None
    with pytest.raises(SourceRejected) as refused:
        song.require_picture("song.mp3")
    assert refused.value.code == "INPUT_NO_PICTURE"
    assert refused.value.message == "song.mp3 has no picture: 0 video tracks, audio tracks: 2-channel MP3"


def test_nothing_but_subtitles_has_neither_picture_nor_sound():
    film = source({"Index": 1, "TrackType": "data", "Codec": "WEBVTT"})
    with pytest.raises(SourceRejected, match="audio tracks: none"):
        film.require_picture("subs.mp4")


def test_a_picture_in_an_unknown_codec_is_refused_by_name():
    with pytest.raises(SourceRejected, match=r"the picture of film is in a codec") as refused:
        source(picture(codec="UNKNOWN"))
    assert refused.value.code == "INPUT_CODEC_UNSUPPORTED"


@pytest.mark.parametrize(
    "result",
    [{}, {"Container": {}}, {"Container": {"Format": "mp4", "Tracks": []}}, {"Container": {"Tracks": [picture()]}}],
)
def test_a_container_without_tracks_is_no_film(result):
    with pytest.raises(SourceRejected) as refused:
        Source.from_probe(result, "page.html")
    assert refused.value.code == "INPUT_NOT_A_FILM"


@pytest.mark.parametrize(("transfer", "hdr"), [("ARIB_B67", True), ("SMPTE_2084", True), ("ITU_709", False)])
def test_hdr_is_told_by_the_transfer_function(transfer, hdr):
    assert source(picture(TransferCharacteristics=transfer)).video.hdr is hdr


def test_interlaced_is_told_by_the_scan_type_or_the_field_order():
    assert source(picture(scan="Interlaced")).video.interlaced
    fields = picture()
    fields["VideoProperties"]["CodecMetadata"] |= {"ScanType": "", "FieldOrder": "TopFieldFirst"}
    assert source(fields).video.interlaced


def test_an_odd_turn_is_the_uploaders_to_mend():
    with pytest.raises(SourceRejected, match="turned by 37 degrees") as refused:
        source(picture(Rotation=37))
    assert "upright" in refused.value.fix


def test_the_rate_falls_back_to_the_codecs_own_and_then_to_25():
    header = picture(rate="24", FrameRate=None)
    assert source(header).video.frame_rate == 24
    header["VideoProperties"]["CodecMetadata"]["CodedFrameRate"] = {"Numerator": 0, "Denominator": 1}
    assert source(header).video.frame_rate == 25


def test_the_rate_of_a_vfr_film_is_taken_as_it_stands():
    assert source(picture(rate="2930/100")).video.frame_rate == Fraction(293, 10)


@pytest.mark.parametrize(
    ("whole", "of_picture", "of_sound", "milliseconds"),
    [
        (20.0, None, None, 20_000),
        (20.0, 18.5, 20.0, 18_500),  # sound that outlasts the picture is not part of the film
        (20.0, 20.04, 20.0, 20_000),
        (None, 12.0, 13.0, 12_000),
        (None, None, 13.0, 13_000),
        (None, None, None, 0),
    ],
)
def test_a_film_is_as_long_as_its_picture(whole, of_picture, of_sound, milliseconds):
    film = source({**picture(), "Duration": of_picture}, {**sound(), "Duration": of_sound}, seconds=whole)
    assert film.duration_ms == milliseconds


def test_a_film_of_one_frame_is_too_short_and_a_tenth_of_a_second_is_not():
    source(seconds=0.1).require_duration("film")
    with pytest.raises(SourceRejected) as refused:
        source(seconds=0.04).require_duration("film.mp4")
    assert refused.value.code == "POLICY_TOO_SHORT"


def test_a_source_survives_the_state_machine():
    for film in (source(picture(rate="24000/1001"), sound()), source(sound(), container="mp3")):
        assert Source.from_state(json.loads(json.dumps(film.as_state()))) == film


def test_the_evidence_of_a_refusal_is_json():
    with pytest.raises(SourceRejected) as refused:
        Source.from_probe(probed(), "x")
    assert json.loads(str(refused.value))["evidence"] == {"container": "mp4", "size_bytes": 1048576}
