"""Probe answers in MediaConvert's shape and words. The tables need nothing; the films need ffmpeg."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from botocore.validate import ParamValidator

from pipeline.local.mediaconvert import extent, model, probe
from tests.local.mediaconvert import films


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probe")


def stream(**fields: Any) -> dict[str, Any]:
    fixed = {"index": 0, "codec_type": "video", "codec_name": "h264", "width": 1920, "height": 1080}
    return {**fixed, "r_frame_rate": "25/1", "avg_frame_rate": "25/1", **fields}


def facts(*streams: dict[str, Any], **more: Any) -> probe.SourceFacts:
    container = {"format_name": "mov,mp4,m4a,3gp,3g2,mj2", "duration": "4.0", **more.pop("format", {})}
    return probe.parse({"format": container, "streams": list(streams), **more}, size=1000)


def check_shape(answer: dict[str, Any]) -> None:
    """Types by botocore's validator; enumerations, which it does not know, by hand."""
    shape = model.service_model().shape_for("ProbeResult")
    report = ParamValidator().validate(answer, shape)
    assert not report.has_errors(), report.generate_report()
    check_enums(answer, shape, "ProbeResult")


def check_enums(value: Any, shape: Any, path: str) -> None:
    if shape.type_name == "structure":
        for name, item in value.items():
            check_enums(item, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            check_enums(item, shape.member, path)
    elif getattr(shape, "enum", None):
        assert value in shape.enum, f"{path}: {value}"


# --- tables ----------------------------------------------------------------------------------------------------------

UPRIGHT = "00000000: 65536 0 0\n00000001: 0 65536 0\n00000002: 0 0 1073741824\n"
MIRRORED = "00000000: -65536 0 0\n00000001: 0 65536 0\n00000002: 0 0 1073741824\n"


@pytest.mark.parametrize(
    "ffprobes, matrix, clockwise",
    [
        (0, UPRIGHT, 0),
        (-90, "", 90),
        (90, "", 270),
        (180, "", 180),
        (-180, "", 180),
        (-90.6, "", 90),
        (-45, "", 0),
        (88, "", 0),
        (180, MIRRORED, 0),
    ],
)
def test_rotation_is_clockwise_and_right_angled(ffprobes, matrix, clockwise):
    assert probe.clockwise_rotation(ffprobes, matrix) == clockwise


@pytest.mark.parametrize(
    "nominal, average, rate",
    [
        ("25/1", "25/1", Fraction(25)),
        ("30000/1001", "243090000/8111111", Fraction(30000, 1001)),
        ("30000/1001", "51600/1841", Fraction(30000, 1001)),  # nine frames cut by an edit list
        ("57600/1", "3628800/502589", Fraction(6787, 940)),  # a screen film, seven frames a second
        ("90000/1", "2997/100", Fraction(30000, 1001)),
        ("1000/1", "24000/1001", Fraction(24000, 1001)),
        ("50/1", "25/1", Fraction(25)),  # fields for frames
        ("60/1", "0/0", Fraction(60)),
        ("90000/1", "0/0", None),
    ],
)
def test_the_frame_rate_survives_a_wrong_header(nominal, average, rate):
    [track] = facts(stream(r_frame_rate=nominal, avg_frame_rate=average)).video
    assert track.frame_rate == rate


@pytest.mark.parametrize("kind", ["attached_pic", "timed_thumbnails", "still_image"])
def test_a_cover_is_no_film(kind):
    found = facts(stream(disposition={kind: 1}), stream(index=1, codec_type="audio", codec_name="mp3"))
    assert found.video == () and len(found.audio) == 1
    assert [t["TrackType"] for t in probe.probe_result(found)["Container"]["Tracks"]] == ["audio"]


def test_an_unknown_track_is_data_of_unknown_codec():
    answer = probe.probe_result(facts(stream(), {"index": 1, "tags": {"language": "eng"}}))
    data = answer["Container"]["Tracks"][1]
    assert (data["Index"], data["TrackType"], data["Codec"]) == (2, "data", "UNKNOWN")
    assert data["DataProperties"] == {"LanguageCode": "ENG"}
    check_shape(answer)


def test_display_size_is_square_and_upright():
    side = [{"side_data_type": "Display Matrix", "rotation": -90}]
    [track] = facts(stream(width=720, height=576, sample_aspect_ratio="64:45", side_data_list=side)).video
    assert track.rotation == 90 and track.display_size == (576, 1024)


@pytest.mark.parametrize(
    "brand, codecs, demuxer, named",
    [
        ("isom", "h264", "mov,mp4,m4a,3gp,3g2,mj2", "mp4"),
        ("qt  ", "h264", "mov,mp4,m4a,3gp,3g2,mj2", "quicktime"),
        ("3gp6", "h263", "mov,mp4,m4a,3gp,3g2,mj2", "three_gp"),
        ("3g2a", "h263", "mov,mp4,m4a,3gp,3g2,mj2", "three_g2"),
        ("", "vp9", "matroska,webm", "webm"),
        ("", "h264", "matroska,webm", "matroska"),
        ("", "mpeg2video", "mpegts", "mpegts"),
        ("", "mpeg2video", "mpeg", "mpegps"),
    ],
)
def test_containers_have_mediaconverts_names(brand, codecs, demuxer, named):
    found = facts(stream(codec_name=codecs), format={"format_name": demuxer, "tags": {"major_brand": brand}})
    answer = probe.probe_result(found)
    assert answer["Container"]["Format"] == named
    check_shape(answer)


@pytest.mark.parametrize("table", [probe.VIDEO_CODECS, probe.AUDIO_CODECS, probe.DATA_CODECS])
def test_codecs_are_the_apis(table):
    enum = model.service_model().shape_for("Track").members["Codec"].enum
    assert set(table.values()) <= set(enum)


@pytest.mark.parametrize(
    "table, name",
    [
        (probe.PRIMARIES, "ColorPrimaries"),
        (probe.TRANSFERS, "TransferCharacteristics"),
        (probe.MATRICES, "MatrixCoefficients"),
    ],
)
def test_colours_are_the_apis(table, name):
    assert set(table.values()) <= set(model.service_model().shape_for("VideoProperties").members[name].enum)


def test_hdr_metadata_is_in_the_apis_units():
    mastering = {
        "side_data_type": "Mastering display metadata",
        "red_x": "34000/50000", "red_y": "16000/50000", "green_x": "13250/50000", "green_y": "34500/50000",
        "blue_x": "7500/50000", "blue_y": "3000/50000", "white_point_x": "15635/50000", "white_point_y": "16450/50000",
        "max_luminance": "10000000/10000", "min_luminance": "1/10000",
    }  # fmt: skip
    light = {"side_data_type": "Content light level metadata", "max_content": 1000, "max_average": 400}
    plus = {"side_data_type": "HDR Dynamic Metadata SMPTE2094-40 (HDR10+)"}
    frames = [{"stream_index": 0, "side_data_list": [mastering, light, plus]}]
    track = stream(codec_name="hevc", color_transfer="smpte2084", color_primaries="bt2020", pix_fmt="yuv420p10le")
    answer = probe.probe_result(facts(track, frames=frames))
    properties = answer["Container"]["Tracks"][0]["VideoProperties"]
    volume = properties["HdrMetadata"]["MasteringDisplayColorVolume"]
    assert (volume["RedPrimaryX"], volume["WhitePointY"]) == (34000, 16450)
    assert (volume["MaxLuminance"], volume["MinLuminance"]) == (10_000_000, 1)
    assert properties["HdrMetadata"]["ContentLightLevel"]["MaxContentLightLevel"] == 1000
    assert (properties["BitDepth"], properties["CodecMetadata"]["Hdr10PlusPresence"]) == (10, "PRESENT")
    check_shape(answer)


def test_captions_inside_the_pictures_are_a_data_track():
    frames = [{"stream_index": 0, "side_data_list": [{"side_data_type": "ATSC A53 Part 4 Closed Captions"}]}]
    tracks = probe.probe_result(facts(stream(), frames=frames))["Container"]["Tracks"]
    assert [(track["Index"], track["Codec"]) for track in tracks] == [(1, "AVC"), (2, "C608")]


@pytest.mark.parametrize("order, top, named", [("tt", 1, "TopFieldFirst"), ("bb", 0, "BottomFieldFirst")])
def test_interlacing_is_told_with_its_field_order(order, top, named):
    frames = [{"stream_index": 0, "interlaced_frame": 1, "top_field_first": top}]
    found = facts(stream(field_order=order), frames=frames)
    metadata = probe.probe_result(found)["Container"]["Tracks"][0]["VideoProperties"]["CodecMetadata"]
    assert found.video[0].interlaced
    assert (metadata["ScanType"], metadata["FieldOrder"]) == ("Interlaced", named)


def test_programmes_are_mapped_apart():
    tracks = [stream(index=0), stream(index=1, codec_type="audio", codec_name="mp2"), stream(index=2)]
    programs = [{"streams": [{"index": 0}, {"index": 1}]}, {"streams": [{"index": 2}]}]
    answer = probe.probe_result(facts(*tracks, programs=programs))
    assert answer["TrackMappings"] == [
        {"VideoTrackIndexes": [1], "AudioTrackIndexes": [2], "DataTrackIndexes": []},
        {"VideoTrackIndexes": [3], "AudioTrackIndexes": [], "DataTrackIndexes": []},
    ]


# --- films -----------------------------------------------------------------------------------------------------------


def test_a_film_is_described(folder):
    path = films.plain(folder)
    answer = probe.probe_file(path, "s3://films/plain.mp4")
    check_shape(answer)
    picture, tone = answer["Container"]["Tracks"]
    assert answer["Container"]["Format"] == "mp4" and answer["Container"]["Duration"] == pytest.approx(2, abs=0.05)
    assert (picture["Codec"], tone["Codec"]) == ("AVC", "AAC")
    assert picture["VideoProperties"]["FrameRate"] == {"Numerator": 25, "Denominator": 1}
    assert picture["VideoProperties"]["DisplayAspectRatio"] == {"Numerator": 16, "Denominator": 9}
    assert picture["VideoProperties"]["CodecMetadata"]["ChromaSubsampling"] == "4:2:0"
    assert tone["AudioProperties"]["SampleRate"] == 48000
    assert answer["Metadata"] == {"FileSize": path.stat().st_size}


@pytest.mark.parametrize(
    "name, arguments, format_, codec",
    [
        ("a.mkv", films.X264, "matroska", "AVC"),
        ("a.webm", ("-c:v", "libvpx-vp9", "-cpu-used", "8"), "webm", "VP9"),
        ("a.ts", ("-c:v", "mpeg2video"), "mpegts", "MPEG2"),
        ("a.mov", ("-c:v", "prores_ks"), "quicktime", "PRORES"),
        ("a.mxf", ("-c:v", "mpeg2video", "-r", "25"), "mxf", "MPEG2"),
        ("a.avi", ("-c:v", "mpeg4"), "avi", "MP4V"),
        ("hevc.mp4", ("-c:v", "libx265", "-x265-params", "log-level=none"), "mp4", "HEVC"),
    ],
)
def test_the_containers_people_have_are_read(folder, name, arguments, format_, codec):
    path = films.make(folder / name, *films.PICTURE, *arguments, seconds=0.4)
    answer = probe.probe_file(path, f"s3://films/{name}")
    check_shape(answer)
    assert (answer["Container"]["Format"], answer["Container"]["Tracks"][0]["Codec"]) == (format_, codec)


def test_a_phones_rotation_is_read(folder):
    upright = films.silent(folder)
    turned = films.make(folder / "turned.mp4", "-display_rotation:v:0", "-90", "-i", str(upright), "-c", "copy")
    answer = probe.probe_file(turned, "s3://films/turned.mp4")
    assert answer["Container"]["Tracks"][0]["VideoProperties"]["Rotation"] == 90


def test_a_track_nobody_decodes_does_not_spoil_the_film(folder):
    path = films.make(folder / "alac.mov", *films.PICTURE, *films.SOUND, *films.X264, "-c:a", "alac", seconds=0.4)
    codecs = [track["Codec"] for track in probe.probe_file(path, "s3://films/alac.mov")["Container"]["Tracks"]]
    assert codecs == ["AVC", "UNKNOWN"]


@pytest.mark.parametrize(
    "content, code, says",
    [
        (b"", 1010, "The file is empty"),
        (b"<html>404</html>", 1010, "No parser found for container"),
        (bytes(range(256)) * 64, 1010, "No parser found for container"),
        (b"#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n", 1010, "The file is a playlist, not a film"),
        (b"\xef\xbb\xbfffconcat version 1.0\nfile '/etc/passwd'\n", 1010, "The file is a playlist, not a film"),
    ],
)
def test_what_is_not_a_film_is_refused_in_mediaconverts_words(tmp_path, content, code, says):
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(probe.ProbeRefused) as refused:
        probe.probe_file(path, "s3://films/film.mp4")
    assert refused.value.code == code
    assert refused.value.message == f"Unable to open input file [s3://films/film.mp4]: [Failed probe/open: [{says}]]"


def test_a_film_without_its_index_is_refused(folder):
    whole = films.make(folder / "index-last.mp4", *films.PICTURE, *films.X264)
    with pytest.raises(probe.ProbeRefused, match=r"1075: .*no moov box found in file"):
        probe.probe_file(films.truncated(whole, "index-lost.mp4"), "s3://films/index-lost.mp4")


def test_an_unsupported_picture_is_named(folder):
    path = films.make(folder / "magic.avi", *films.PICTURE, "-c:v", "magicyuv", seconds=0.4)
    with pytest.raises(
        probe.ProbeRefused, match=r"1030: Video codec \[magicyuv\] is not a supported input video codec"
    ):
        probe.probe_file(path, "s3://films/magic.avi")


# --- bytes that should be there --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["whole.mp4", "whole.mkv", "whole.avi", "whole.ts", "whole.mov"])
def test_a_whole_film_misses_nothing(folder, name):
    path = films.make(folder / name, *films.PICTURE, "-c:v", "mpeg4", "-movflags" if name[-2:] in "mp4mov" else "-y",
                      *(["+faststart"] if name[-2:] in "mp4mov" else []))  # fmt: skip
    assert extent.missing_bytes(path) == 0


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.avi"])
def test_a_film_cut_short_says_how_much_it_misses(folder, name):
    path = films.plain(folder, f"long-{name}") if name.endswith("mp4") else films.make(
        folder / f"long-{name}", *films.PICTURE, "-c:v", "mpeg4"
    )  # fmt: skip
    cut = films.truncated(path, name, 0.6)
    assert extent.missing_bytes(cut) == path.stat().st_size - cut.stat().st_size


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 7, b"\0\0\0\x01ftyp", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\x01" * 9, b"RIFF"]
)
def test_rubbish_promises_nothing(tmp_path, content):
    path = tmp_path / "rubbish"
    path.write_bytes(content)
    assert extent.missing_bytes(path) == 0
