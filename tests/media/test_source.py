"""What Probe says becomes what a viewer sees: upright, square pixels, sound or none."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from pipeline.media.errors import SourceRejected
from pipeline.media.source import Source
from tests.media.films import data, picture, probed, ratio, sound, source


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


def test_an_odd_turn_is_not_undone_and_its_owner_is_told():
    film = source(picture(Rotation=37))
    assert (film.video.rotation, film.video.width) == (0, 1920)
    assert film.warnings == ("The file asks to be turned by 37 degrees; only quarter turns are undone, so it is not.",)


@pytest.mark.parametrize(("said", "turn"), [(89, 90), (91, 90), (179, 180), (271, 270), (359, 0), (1, 0)])
def test_a_degree_off_a_quarter_turn_is_let_pass(said, turn):
    film = source(picture(Rotation=said))
    assert film.video.rotation == turn and film.warnings == ()


@pytest.mark.parametrize(
    ("scan", "chroma", "words"), [("Interlaced", "4:2:0", "interlaced"), ("Progressive", "4:4:4", "in 4:4:4")]
)
def test_a_turned_picture_that_cannot_be_turned_upright_is_refused(scan, chroma, words):
    film = picture(Rotation=90, scan=scan)
    film["VideoProperties"]["CodecMetadata"]["ChromaSubsampling"] = chroma
    with pytest.raises(SourceRejected, match=f"turned by 90 degrees and {words}") as refused:
        source(film)
    assert "upright" in refused.value.fix


def test_a_turn_that_only_the_codec_knows_of_is_told_from_the_containers():
    film = picture()
    film["VideoProperties"]["CodecMetadata"]["Rotation"] = 90
    video = source(film).video
    assert (video.rotation, video.width, video.rotation_in_container) == (90, 1080, False)
    assert source(picture(Rotation=90)).video.rotation_in_container


def test_the_rate_falls_back_to_the_codecs_own_and_then_to_25():
    header = picture(rate="24", FrameRate=None)
    assert source(header).video.frame_rate == 24
    header["VideoProperties"]["CodecMetadata"]["CodedFrameRate"] = {"Numerator": 0, "Denominator": 1}
    assert source(header).video.frame_rate == 25


def test_the_rate_of_a_vfr_film_is_taken_as_it_stands():
    assert source(picture(rate="2930/100")).video.frame_rate == Fraction(293, 10)


def coded(said: str | None, codecs_own: str | None, scan: str = "Progressive"):
    film = picture(scan=scan, FrameRate=ratio(said) if said else None)
    film["VideoProperties"]["CodecMetadata"]["CodedFrameRate"] = ratio(codecs_own) if codecs_own else None
    return source(film).video


@pytest.mark.parametrize(
    ("said", "codecs_own", "rate", "variable"),
    [
        ("30", "30", "30", False),
        ("30", None, "30", False),
        ("2997/100", "30000/1001", "2997/100", False),
        ("173/10", "57600", "173/10", True),  # a screen recorder: the average, and its clock's tick
        ("57600", None, "30", False),  # the tick alone tells nothing
        ("57600", "25", "25", False),
        ("24000/1001", "30000/1001", "24000/1001", True),
        ("240", "240", "240", False),
    ],
)
def test_a_variable_rate_is_told_by_container_and_codec_that_differ(said, codecs_own, rate, variable):
    video = coded(said, codecs_own)
    assert (video.frame_rate, video.variable_rate) == (Fraction(rate), variable)


def test_fields_are_not_taken_for_frames():
    assert not coded("25", "50", scan="Interlaced").variable_rate


# Colour --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transfer", "primaries", "video_range", "beyond"),
    [
        ("ITU_709", "ITU_709", "SDR", False),
        ("UNSPECIFIED", "UNSPECIFIED", "SDR", False),
        ("SMPTE_2084", "ITU_2020", "PQ", True),
        ("ARIB_B67", "ITU_2020", "HLG", True),
        ("ITU_709", "SMPTE_EG_432_1", "SDR", True),  # a telephone's P3
        ("ITU_2020_10bit", "ITU_2020", "SDR", True),
        ("SMPTE_170M", "SMPTE_170M", "SDR", False),
    ],
)
def test_colours_beyond_bt709_are_told_by_transfer_and_primaries(transfer, primaries, video_range, beyond):
    video = source(picture(TransferCharacteristics=transfer, ColorPrimaries=primaries)).video
    assert (video.video_range, video.beyond_bt709) == (video_range, beyond)


def test_colours_of_a_transport_stream_stand_with_the_codec():
    film = picture(TransferCharacteristics="UNSPECIFIED")
    film["VideoProperties"]["CodecMetadata"] |= {"TransferCharacteristics": "SMPTE_2084", "ColorPrimaries": "ITU_2020"}
    assert source(film, container="mpegts").video.video_range == "PQ"


def dolby(profile: int, transfer: str):
    film = picture(codec="HEVC", BitDepth=10, TransferCharacteristics=transfer)
    film["VideoProperties"]["CodecMetadata"]["DolbyVision"] = {"Profile": profile, "Level": 4}
    return source(film)


@pytest.mark.parametrize(("transfer", "video_range"), [("SMPTE_2084", "PQ"), ("ARIB_B67", "HLG"), ("ITU_709", "SDR")])
def test_dolby_vision_8_is_what_its_base_layer_is(transfer, video_range):
    video = dolby(8, transfer).video
    assert (video.dolby_vision, video.video_range) == (8, video_range)


def test_dolby_vision_5_has_no_picture_for_other_players():
    with pytest.raises(SourceRejected, match="Dolby Vision profile 5") as refused:
        dolby(5, "SMPTE_2084")
    assert refused.value.code == "INPUT_CODEC_UNSUPPORTED" and "8.1" in refused.value.fix


# Tracks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "language"),
    [("FRE", "fra"), ("fra", "fra"), ("fr", "fra"), ("en-GB", "eng"), ("UND", "und"), ("", "und"), ("gsw", "gsw")],
)
def test_languages_have_one_spelling(said, language):
    assert source(picture(), sound(language=said)).audio[0].language == language


def test_a_track_that_cannot_be_decoded_is_left_out_and_named():
    film = source(picture(), sound(6, "eng", "UNKNOWN"), sound(2, "eng", "AC3", 3))
    assert [(track.number, track.codec) for track in film.audio] == [(2, "AC3")]
    assert film.warnings == ("Audio track 1 is in a codec that cannot be decoded, and is left out.",)


def test_a_film_is_not_silenced_for_want_of_a_decoder():
    with pytest.raises(SourceRejected, match="the sound of film is in a codec") as refused:
        source(picture(), sound(codec="UNKNOWN"))
    assert refused.value.code == "INPUT_CODEC_UNSUPPORTED"


def test_of_two_pictures_the_first_is_published_and_its_owner_is_told():
    film = source(picture(), picture(640, 360), sound())
    assert film.video.width == 1920 and film.warnings == ("The file has 2 video tracks; the first is published.",)


@pytest.mark.parametrize("rate", [None, {"Numerator": 90000, "Denominator": 1}])
def test_a_cover_beside_the_film_is_no_picture(rate):
    cover = picture(600, 600, codec="MJPEG", FrameRate=rate)
    assert source(cover, picture(), sound()).video.codec == "AVC"
    assert source(cover, sound(), container="mp4").video is None
    assert source(picture(codec="MJPEG", rate="25"), sound()).video.codec == "MJPEG", "a camera's Motion JPEG is a film"


def test_a_songs_cover_says_nothing_of_its_length():
    cover = {**picture(600, 600, codec="MJPEG"), "Duration": 0.04}
    assert (
        source(cover, {**sound(codec="MP3"), "Duration": 180.0}, container="mp3", seconds=180.0).duration_ms == 180_000
    )


@pytest.mark.parametrize(
    ("container", "tracks", "languages"),
    [
        ("mpegts", [data("C608")], ("eng",)),  # what is spoken is likely what is written
        ("mp4", [data("C608", "FRE")], ("fra",)),
        ("mp4", [data("C608"), data("C708", "spa")], ("spa",)),
        ("matroska", [data("C608")], ()),  # not in MediaConvert's table
        ("mp4", [data("WEBVTT", "eng")], ()),
        ("mp4", [], ()),
    ],
)
def test_captions_inside_the_picture(container, tracks, languages):
    assert source(picture(), sound(language="eng"), *tracks, container=container).captions == languages


@pytest.mark.parametrize(
    ("tracks", "timecode", "told"),
    [
        ([data("UNKNOWN", "fra"), data("UNKNOWN", "deu")], None, "fra, deu"),
        ([data("WEBVTT", "fra")], None, "fra"),
        ([data("UNKNOWN", "eng")], "01:00:00:00", None),  # that is the timecode track
        ([data("UNKNOWN", "eng"), data("UNKNOWN", "fra")], "01:00:00:00", "eng, fra"),
        ([data("UNKNOWN")], None, None),  # a telephone's position
        ([data("C608", "eng")], None, None),
    ],
)
def test_subtitles_that_cannot_be_read_are_told_with_their_languages(tracks, timecode, told):
    result = probed(picture(), sound(), *tracks)
    result["Container"]["StartTimecode"] = timecode
    warnings = Source.from_probe(result, "film").warnings
    assert [told in warning for warning in warnings] == ([True] if told else [])


def test_a_state_from_before_an_update_is_still_read():
    state = json.loads(json.dumps(source(picture(), sound()).as_state()))
    for name in ("captions", "warnings"):
        del state[name]
    for name in ("primaries", "chroma", "rotation_in_container", "variable_rate", "dolby_vision"):
        del state["video"][name]
    for track in state["audio"]:
        del track["number"]
    assert Source.from_state(state).video.width == 1920


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
