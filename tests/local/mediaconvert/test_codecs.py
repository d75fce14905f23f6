"""HEVC and AV1 beside H.264 through the worker, HDR beside SDR, and where the picture goes in its frame."""

from __future__ import annotations

import json
import re
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import m3u8
import pytest

from pipeline.local.mediaconvert import av1, cmaf, codecs, ffmpeg, geometry
from pipeline.local.mediaconvert.plan import plan_job
from pipeline.local.mediaconvert.planned import JobRefused, Picture
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import av1_rung, captures, hevc_rung, job, rung
from tests.local.mediaconvert.test_plan import HLG, picture, source
from tests.local.mediaconvert.test_worker import run
from tests.local.mediaconvert.tiny_s3 import TinyS3

PQ = {"color_matrix": "bt2020nc", "color_primaries": "bt2020", "color_transfer": "smpte2084"}
MASTERED = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"


def done(s3: TinyS3, settings: dict[str, Any], scratch: Path, film: Path) -> list[dict[str, Any]]:
    said = run(s3, settings, scratch, film)
    assert said[-1]["type"] == "complete", said[-1]
    assert not [message for message in said if message["type"] == "warning"]
    return said


def hdr(folder: Path, transfer: str = "smpte2084", seconds: float = 2) -> Path:
    """HDR10 with mastering metadata, or HLG; ten bits."""
    tags = f"setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc:range=tv,format=yuv420p10le"
    parameters = f"log-level=none:hdr10=1:{MASTERED}" if transfer == "smpte2084" else "log-level=none"
    x265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", parameters)
    return films.make(folder / f"{transfer}.mp4", *films.PICTURE, "-vf", tags, *x265, seconds=seconds)


def shown(s3: TinyS3, name: str, tmp_path: Path) -> dict[str, Any]:
    """What ffprobe says of a rendition, with the times of its key frames."""
    parts = sorted(key for key in s3.objects if re.fullmatch(rf"out/v/{name}_\d+\.cmfv", key))
    path = tmp_path / f"{name}.mp4"
    path.write_bytes(b"".join(s3.objects[key].body for key in [f"out/v/{name}init.cmfv", *parts]))
    entries = "stream:packet=flags,pts_time:stream_side_data_list"
    command = [ffmpeg.ffprobe_path(), "-v", "error", "-show_entries", entries, "-of", "json", str(path)]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
    [stream] = answer["streams"]
    packets = answer["packets"]
    begin = float(packets[0]["pts_time"])
    stream["keys"] = [float(p["pts_time"]) - begin for p in packets if p["flags"].startswith("K")]
    stream["frames"] = len(packets)
    return stream


def variants(s3: TinyS3) -> list[tuple[str, str]]:
    text = s3.objects["out/v/stream.m3u8"].body.decode()
    return [
        (re.search(r'CODECS="([^"]+)"', line).group(1), re.search(r"VIDEO-RANGE=(\w+)", line).group(1))
        for line in text.splitlines()
        if line.startswith("#EXT-X-STREAM-INF")
    ]


def test_three_codecs_stand_beside_each_other(s3, folder, tmp_path):
    film = films.silent(folder, "four.mp4", seconds=4, size="640x360")
    settings = job(rung("_avc", 320, 180), hevc_rung("_hevc", 320, 180), av1_rung("_av1", 320, 180))
    said = done(s3, settings, tmp_path, film)
    assert [o["durationInMs"] for o in said[-1]["output_group_details"][0]["outputDetails"]] == [4000] * 3
    avc, hevc, av1_ = (shown(s3, f"stream_{name}", tmp_path) for name in ("avc", "hevc", "av1"))
    assert (avc["codec_name"], avc["profile"]) == ("h264", "High")
    assert (hevc["codec_name"], hevc["profile"], hevc["codec_tag_string"]) == ("hevc", "Main", "hvc1")
    assert (av1_["codec_name"], av1_["profile"]) == ("av1", "Main")
    for stream in (avc, hevc, av1_):
        assert (stream["width"], stream["height"], stream["pix_fmt"]) == (320, 180, "yuv420p")
        assert (stream["frames"], stream["color_space"]) == (100, "smpte170m")
        assert stream["keys"] == [0, 1, 2, 3]  # closed GOPs of a second, in the same places
    assert [codec for codec, _ in variants(s3)] == ["avc1.640014", "hvc1.1.6.L60.90", "av01.0.00M.08.0.110.06.01.06.0"]
    lists = [m3u8.loads(s3.objects[f"out/v/stream_{n}.m3u8"].body.decode()) for n in ("avc", "hevc", "av1")]
    assert [[segment.duration for segment in item.segments] for item in lists] == [[2, 2]] * 3


@pytest.mark.parametrize("transfer, shown_range", [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_kept_beside_its_sdr(s3, folder, tmp_path, transfer, shown_range):
    ten = {"BitDepth": "BIT_10"}
    settings = job(
        rung("_sdr", 160, 90, description={"VideoPreprocessors": FORCE_709}),
        hevc_rung("_hevc", 320, 180, CodecProfile="MAIN10_MAIN"),
        av1_rung("_av1", 320, 180, **ten),
        hevc_rung("_eight", 160, 90),
        groups=(captures(160, 90),),
    )
    done(s3, settings, tmp_path, hdr(folder, transfer))
    names = ("sdr", "hevc", "av1", "eight")
    sdr, hevc, av1_, eight = (shown(s3, f"stream_{name}", tmp_path) for name in names)
    for stream in (hevc, av1_):
        assert stream["pix_fmt"] == "yuv420p10le"
        assert [stream[f"color_{name}"] for name in ("space", "transfer", "primaries")] == [
            "bt2020nc",
            transfer,
            "bt2020",
        ]
        metadata = {item["side_data_type"]: item for item in stream.get("side_data_list", [])}
        if transfer == "smpte2084":
            assert metadata["Mastering display metadata"]["red_x"] == "34000/50000"
            assert metadata["Mastering display metadata"]["max_luminance"] == "10000000/10000"
            assert metadata["Content light level metadata"]["max_content"] == 1000
    for stream in (sdr, eight):
        assert stream["pix_fmt"] == "yuv420p" and "side_data_list" not in stream
        assert {stream["color_space"], stream["color_transfer"], stream["color_primaries"]} == {"bt709"}
    assert hevc["profile"] == "Main 10" and hevc["codec_tag_string"] == "hvc1"
    assert hevc["keys"] == av1_["keys"] == sdr["keys"] == [0, 1]
    transfer_number = {"PQ": "16", "HLG": "18"}[shown_range]
    assert variants(s3) == [
        ("avc1.640014", "SDR"),
        ("hvc1.2.4.L60.90", shown_range),
        (f"av01.0.00M.10.0.110.09.{transfer_number}.09.0", shown_range),
        ("hvc1.1.6.L60.90", "SDR"),
    ]
    init = s3.objects["out/v/stream_hevcinit.cmfv"].body
    assert b"colrnclx" in init and (b"mdcv" in init) == (b"clli" in init) == (transfer == "smpte2084")


def test_metadata_of_the_job_goes_before_the_sources(s3, folder, tmp_path):
    metadata = {
        "MaxContentLightLevel": 600,
        "MaxFrameAverageLightLevel": 120,
        "RedPrimaryX": 35400,
        "RedPrimaryY": 14600,
    }
    description = {"VideoPreprocessors": {"ColorCorrector": {"Hdr10Metadata": metadata}}}
    outputs = (
        hevc_rung("_own", 160, 90, CodecProfile="MAIN10_MAIN", description=description),
        av1_rung("_sdr", 160, 90),
    )
    done(s3, job(*outputs), tmp_path, hdr(folder))
    found = {item["side_data_type"]: item for item in shown(s3, "stream_own", tmp_path)["side_data_list"]}
    assert found["Content light level metadata"] == {
        "side_data_type": "Content light level metadata",
        "max_content": 600,
        "max_average": 120,
    }
    assert found["Mastering display metadata"]["red_x"] == "35400/50000"


FORCE_709 = {"ColorCorrector": {"ColorSpaceConversion": "FORCE_709"}}


def test_one_decode_feeds_all_looks():
    settings = job(
        rung("_sdr", 640, 360, description={"VideoPreprocessors": FORCE_709}),
        hevc_rung("_hdr", 1280, 720, CodecProfile="MAIN10_MAIN"),
        hevc_rung("_hdr_small", 640, 360, CodecProfile="MAIN10_MAIN"),
    )
    planned = plan_job(settings, source(picture(pixel_format="yuv420p10le", bit_depth=10, **PQ)))
    filters = planned.arguments[planned.arguments.index("-filter_complex") + 1]
    assert filters.count("[0:0]") == 1 and filters.count("tonemap=tonemap") + filters.count("]tonemap=") == 1
    assert filters.count("w=1280") == 1 and filters.count("w=640") == 2  # one for each look, cascaded


@pytest.mark.parametrize(
    "source_colours, wanted, output, refused",
    [
        (PQ, "FORCE_HDR10", "10", False),
        (HLG, "FORCE_HLG_2020", "10", False),
        (HLG, "FORCE_HDR10", "10", True),
        ({}, "FORCE_HDR10", "10", True),
        (PQ, "FORCE_HDR10", "8", True),
    ],
)
def test_what_is_not_hdr_is_not_made_so(source_colours, wanted, output, refused):
    description = {"VideoPreprocessors": {"ColorCorrector": {"ColorSpaceConversion": wanted}}}
    profile = {"10": "MAIN10_MAIN", "8": "MAIN_MAIN"}[output]
    settings = job(hevc_rung("", 320, 180, CodecProfile=profile, description=description))
    facts = source(picture(bit_depth=10, **source_colours))
    if refused:
        with pytest.raises(JobRefused, match=f"{wanted} needs a source in that colour space and a 10 bit output"):
            plan_job(settings, facts)
    else:
        assert plan_job(settings, facts).groups[0].video[0].video_range != "SDR"


@pytest.mark.parametrize(
    "level, crf", [(10, 18), (9, 24), (8, 31), (7, 38), (7.33, 35), (1, 63)]
)  # measured: see av1.py and hevc.py
def test_av1_has_a_scale_of_its_own(level, crf):
    settings = {"QvbrSettings": {"QvbrQualityLevel": int(level), "QvbrQualityLevelFineTune": level % 1}}
    assert av1.crf(settings, Picture((1280, 720), (1280, 720))) == crf


def test_av1_counts_its_gop_in_frames():
    assert codecs.gop_frames({"Codec": "AV1", "Av1Settings": {"GopSize": 90}}, Fraction(25)) == 90
    assert codecs.gop_frames({"Codec": "AV1", "Av1Settings": {}}, Fraction(25)) == 50
    assert codecs.gop_frames({"Codec": "H_265", "H265Settings": {"GopSize": 3}}, Fraction(25)) == 75


@pytest.mark.parametrize(
    "config, codec",
    [  # the examples of ISO/IEC 14496-15 and of the browsers' own tests
        ("01016000000090000000000078", "1.6.L120.90"),
        ("01022000000090000000000096", "2.4.L150.90"),
        ("01216000000000000000000099", "1.6.H153"),
        ("0102200000009d080000000099", "2.4.L153.9D.8"),
    ],
)
def test_hevc_profiles_are_named_as_the_standard_says(config, codec):
    assert cmaf._hevc_profile(bytes.fromhex(config)) == codec


@pytest.mark.parametrize(
    "config, colour, codec",
    [
        ("81080c00", "", "0.08M.08"),
        ("81094c00", "6e636c780009001000090000", "0.09M.10.0.110.09.16.09.0"),
        ("812dcc00", "6e636c7800010001000100", "1.13H.10"),
    ],
)
def test_av1_profiles_are_named_as_the_standard_says(config, colour, codec):
    assert cmaf._av1_profile(bytes.fromhex(config), bytes.fromhex(colour)) == codec


@pytest.mark.parametrize("level, refused", [("LEVEL_4_1", True), ("LEVEL_5", False)])
def test_a_level_that_does_not_fit_is_refused(level, refused):
    settings = job(hevc_rung("", 3840, 2160, CodecLevel=level))
    facts = source(picture(width=3840, height=2160))
    if refused:
        with pytest.raises(JobRefused, match="Invalid level specified"):
            plan_job(settings, facts)
    else:
        assert "level-idc=5" in " ".join(plan_job(settings, facts).arguments)


# --- crops, positions, rotations -------------------------------------------------------------------------------------

QUARTERS = "color=c={c}:s=160x90:r=25:d=1"
COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def quarters(folder: Path, *more: str, name: str = "quarters.mp4") -> Path:
    """Red and lime above blue and white, 320x180."""
    inputs = [word for c in COLOURS for word in ("-f", "lavfi", "-i", QUARTERS.replace("{c}", c))]
    stacked = "[0][1]hstack[a];[2][3]hstack[b];[a][b]vstack,format=yuv444p"
    x264 = ("-c:v", "libx264", "-qp", "1")
    return films.make(folder / name, *inputs, "-filter_complex", stacked, *x264, *more)


def pixel(path: Path, x: int, y: int) -> str:
    """The nearest of the colours, or black, in the first frame."""
    crop = f"crop=2:2:{x}:{y},format=rgb24"
    command = [ffmpeg.ffmpeg_path(), "-v", "error", "-nostdin", "-i", str(path), "-vf", crop, "-frames:v", "1"]
    data = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True, timeout=30).stdout[:3]
    known = {**COLOURS, "black": (0, 0, 0)}
    return min(known, key=lambda name: sum((a - b) ** 2 for a, b in zip(data, known[name], strict=True)))


CORNERS = ((10, 10), (300, 10), (10, 160), (300, 160))


@pytest.mark.parametrize(
    "description, source_fields, corners",
    [
        ({}, {}, ("red", "lime", "blue", "white")),
        ({"Crop": {"X": 160, "Y": 0, "Width": 160, "Height": 90}}, {}, ("lime",) * 4),
        ({}, {"Crop": {"X": 0, "Y": 90, "Width": 320, "Height": 90}}, ("black",) * 4),  # wide: bars above and below
        (
            {"Crop": {"X": 0, "Y": 0, "Width": 160, "Height": 90}},
            {"Crop": {"X": 160, "Y": 90, "Width": 160, "Height": 90}},
            ("white",) * 4,
        ),
        (
            {"Position": {"X": 160, "Y": 90, "Width": 160, "Height": 90}},
            {},
            ("black", "black", "black", "white"),
        ),
        ({}, {"Position": {"X": 0, "Y": 0, "Width": 160, "Height": 180}}, ("red", "black", "blue", "black")),
        ({}, {"VideoSelector": {"Rotate": "DEGREES_180"}}, ("white", "blue", "lime", "red")),
        (
            {"ScalingBehavior": "STRETCH_TO_OUTPUT"},
            {"VideoSelector": {"Rotate": "DEGREES_90"}},
            ("blue", "red", "white", "lime"),
        ),
        (
            {"Crop": {"X": 90, "Y": 0, "Width": 90, "Height": 160}, "ScalingBehavior": "STRETCH_TO_OUTPUT"},
            {"VideoSelector": {"Rotate": "DEGREES_90"}},
            ("red",) * 4,
        ),
        (
            {"Crop": {"X": 90, "Y": 0, "Width": 90, "Height": 160}, "ScalingBehavior": "STRETCH_TO_OUTPUT"},
            {"VideoSelector": {"Rotate": "DEGREES_270"}},
            ("white",) * 4,
        ),
    ],
)
def test_the_picture_is_cropped_placed_and_turned(s3, folder, tmp_path, description, source_fields, corners):
    settings = job(rung("", 320, 180, description=description))
    settings["Inputs"][0] = settings["Inputs"][0] | source_fields
    done(s3, settings, tmp_path, quarters(folder))
    shown(s3, "stream", tmp_path)
    assert tuple(pixel(tmp_path / "stream.mp4", x, y) for x, y in CORNERS) == corners


@pytest.mark.parametrize(
    "rotation, stored",
    [(0, (20, 10, 60, 40)), (90, (10, 20, 40, 60)), (180, (20, 50, 60, 40)), (270, (50, 20, 40, 60))],
)
def test_a_crop_is_turned_back_into_the_stored_picture(rotation, stored):
    size = (100, 100)
    assert geometry.cropped("", {"X": 20, "Y": 10, "Width": 60, "Height": 40}, rotation, size) == stored


@pytest.mark.parametrize(
    "description, says",
    [
        ({"Crop": {"X": 1000, "Y": 0, "Width": 1000, "Height": 90}}, "crop 1000x90.1000.0 is not inside the picture"),
        ({"Position": {"X": 200, "Y": 0, "Width": 160, "Height": 90}}, "position 160x90.200.0 is not even or not"),
        ({"Position": {"X": 1, "Y": 0, "Width": 160, "Height": 90}}, "is not even or not inside the frame 320x180"),
    ],
)
def test_a_rectangle_outside_is_refused(description, says):
    with pytest.raises(JobRefused, match=says) as refused:
        plan_job(job(rung("", 320, 180, description=description)), source())
    assert refused.value.code == 1040


def test_frames_in_segments_are_not_deinterlaced():
    settings = job(rung("", 320, 180, description={"VideoPreprocessors": {"Deinterlacer": {}}}))
    assert "bwdif" in " ".join(plan_job(settings, source()).arguments)
    settings["Inputs"][0]["InputScanType"] = "PSF"
    arguments = " ".join(plan_job(settings, source()).arguments)
    assert "bwdif" not in arguments and "setfield=prog" in arguments


def test_telecine_is_undone(s3, folder, tmp_path):
    telecined = ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=24000/1001:d=2", "-vf", "telecine")
    mpeg2 = ("-c:v", "mpeg2video", "-qscale:v", "2", "-flags", "+ilme+ildct")
    film = films.make(folder / "telecine.mpg", *telecined, *mpeg2)
    inverse = {"Deinterlacer": {"Mode": "INVERSE_TELECINE"}}
    output = rung("", 320, 180, FramerateNumerator=24000, FramerateDenominator=1001)
    output["VideoDescription"]["VideoPreprocessors"] = inverse
    run(s3, job(output), tmp_path, film)
    stream = shown(s3, "stream", tmp_path)
    assert stream["frames"] == pytest.approx(48, abs=1)
    # No frame twice: each differs from the one before.
    command = [ffmpeg.ffmpeg_path(), "-v", "info", "-nostdin", "-i", str(tmp_path / "stream.mp4")]
    counted = subprocess.run([*command, "-vf", "mpdecimate", "-f", "null", "-"], capture_output=True, timeout=30)
    kept = int(re.findall(rb"frame=\s*(\d+)", counted.stderr)[-1])
    assert kept >= stream["frames"] - 1
