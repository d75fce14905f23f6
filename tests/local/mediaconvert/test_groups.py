"""Output groups beside CMAF: HLS in transport streams and DASH ISO, cut from the same encodes; what AWS's own VOD
templates ask for."""

from __future__ import annotations

import copy
import json
import struct
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import m3u8
import pytest

from pipeline.local.mediaconvert import ffmpeg, hls_ts, honoured
from pipeline.local.mediaconvert.plan import plan_job
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import dash, hls, hls_rung, hls_sound, job, movie, rung, sound
from tests.local.mediaconvert.test_plan import source
from tests.local.mediaconvert.test_worker import run
from tests.local.mediaconvert.tiny_s3 import TinyS3

MPD = "{urn:mpeg:dash:schema:mpd:2011}"


def done(s3: TinyS3, settings: dict[str, Any], scratch: Path, film: Path) -> list[dict[str, Any]]:
    said = run(s3, settings, scratch, film)
    assert said[-1]["type"] == "complete", said[-1]
    return said[-1]["output_group_details"]


def probed(path: Path, *show: str) -> dict[str, Any]:
    command = [ffmpeg.ffprobe_path(), "-v", "error", *show, "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)


def joined(s3: TinyS3, prefix: str, suffix: str, path: Path) -> Path:
    keys = sorted(key for key in s3.objects if key.startswith(f"out/{prefix}") and key.endswith(suffix))
    path.write_bytes(b"".join(s3.objects[key].body for key in keys))
    return path


def test_transport_streams_are_cut_where_the_gops_are(s3, folder, tmp_path):
    group = hls(hls_rung("_270p", 320, 180), hls_rung("_180p", 160, 90))
    settings = job() | {"OutputGroups": [group]}
    english = ("-metadata:s:a:0", "language=eng")
    film = films.make(folder / "en.mp4", *films.PICTURE, *films.SOUND, *films.X264, "-c:a", "aac", *english, seconds=5)
    [found] = done(s3, settings, tmp_path, film)
    assert found["type"] == "HLS_GROUP" and found["playlistFilePaths"] == ["s3://out/h/ts.m3u8"]
    assert [o["outputFilePaths"] for o in found["outputDetails"]] == [
        ["s3://out/h/ts_270p.m3u8"],
        ["s3://out/h/ts_180p.m3u8"],
    ]
    assert [o["durationInMs"] for o in found["outputDetails"]] == [5000, 5000]
    assert sorted(key for key in s3.objects if "_270p_" in key) == [
        *(f"out/h/ts_270p_{n:05d}.ts" for n in (1, 2, 3)),
        "out/h/ts_270p_I-Frame.m3u8",
    ]
    playlist = m3u8.loads(s3.objects["out/h/ts_270p.m3u8"].body.decode())
    assert [segment.duration for segment in playlist.segments] == [2, 2, 1] and playlist.target_duration == 2
    top = m3u8.loads(s3.objects["out/h/ts.m3u8"].body.decode())
    assert [item.stream_info.codecs for item in top.playlists] == ["avc1.640014,mp4a.40.2"] * 2
    sizes = [len(s3.objects[f"out/h/ts_270p_{n:05d}.ts"].body) for n in (1, 2, 3)]
    assert top.playlists[0].stream_info.bandwidth == max(size * 8 / d for size, d in zip(sizes, (2, 2, 1), strict=True))
    for number in (1, 2, 3):  # every segment stands alone and begins with a keyframe, two seconds after the last
        path = joined(s3, f"h/ts_270p_{number:05d}", ".ts", tmp_path / f"{number}.ts")
        packets = probed(path, "-select_streams", "v", "-show_packets")["packets"]
        assert packets[0]["flags"].startswith("K")
        assert float(packets[0]["pts_time"]) == pytest.approx(2 + 2 * (number - 1), abs=0.001)
    whole = joined(s3, "h/ts_270p_", ".ts", tmp_path / "whole.ts")
    streams = probed(whole, "-count_packets", "-show_streams")["streams"]
    assert [(s["codec_name"], s["id"]) for s in streams] == [("h264", "0x1e1"), ("aac", "0x1e2")]
    assert streams[0]["nb_read_packets"] == "125" and streams[1]["channels"] == 2
    assert streams[1]["tags"]["language"] == "eng"
    decoded = subprocess.run(
        [ffmpeg.ffmpeg_path(), "-v", "warning", "-nostdin", "-i", str(whole), "-f", "null", "-"], capture_output=True
    )
    assert decoded.stderr == b""  # continuity counters go on over the segments' edges


def test_i_frames_are_found_by_their_bytes(s3, folder, tmp_path):
    settings = job() | {"OutputGroups": [hls(hls_rung("", 320, 180))]}
    done(s3, settings, tmp_path, films.plain(folder, "five.mp4", seconds=5))
    playlist = m3u8.loads(s3.objects["out/h/ts_I-Frame.m3u8"].body.decode())
    assert len(playlist.segments) == 5 and playlist.is_i_frames_only
    for number, frame in enumerate(playlist.segments):
        size, _, offset = frame.byterange.partition("@")
        path = tmp_path / f"i-{number}.ts"
        # A player has the tables of the segment's beginning; a keyframe later in it has none of its own.
        tables = s3.objects[f"out/h/{frame.uri}"].body[: 3 * hls_ts.PACKET]
        body = s3.objects[f"out/h/{frame.uri}"].body[int(offset) : int(offset) + int(size)]
        path.write_bytes(body if offset == "0" else tables + body)
        pictures = probed(path, "-select_streams", "v", "-show_frames", "-show_entries", "frame=pict_type")["frames"]
        assert [picture["pict_type"] for picture in pictures] == ["I"]


def test_sound_beside_transport_streams_is_packed_with_its_time(s3, folder, tmp_path):
    group = hls(hls_rung("_v", 320, 180, sounds=False, hls={"AudioRenditionSets": "aac"}), hls_sound("_a"))
    done(s3, job() | {"OutputGroups": [group]}, tmp_path, films.plain(folder, "five.mp4", seconds=5))
    top = m3u8.loads(s3.objects["out/h/ts.m3u8"].body.decode())
    assert [(m.group_id, m.uri, m.default) for m in top.media] == [("aac", "ts_a.m3u8", "YES")]
    playlist = m3u8.loads(s3.objects["out/h/ts_a.m3u8"].body.decode())
    assert len(playlist.segments) == 3
    elapsed = 0.0
    for segment in playlist.segments:
        data = s3.objects[f"out/h/{segment.uri}"].body
        assert data[:3] == b"ID3"
        clock = struct.unpack(">Q", data[data.index(b"Timestamp\0") + 10 :][:8])[0] / 90_000
        primed = 1024 / 48_000 if elapsed == 0 else 0
        assert clock == pytest.approx(2 + elapsed - primed, abs=0.001)
        elapsed += segment.duration
    assert elapsed == pytest.approx(5, abs=0.022)
    whole = joined(s3, "h/ts_a_", ".aac", tmp_path / "whole.aac")
    [stream] = probed(whole, "-show_streams")["streams"]
    assert (stream["codec_name"], stream["profile"], stream["channels"]) == ("aac", "LC", 2)


def test_sound_alone_is_a_stream_of_its_own(s3, folder, tmp_path):
    film = films.make(folder / "tone.m4a", *films.SOUND, "-c:a", "aac", seconds=5)
    [found] = done(s3, job() | {"OutputGroups": [hls(hls_sound("_a"))]}, tmp_path, film)
    assert found["outputDetails"][0]["durationInMs"] == pytest.approx(5000, abs=25)
    top = m3u8.loads(s3.objects["out/h/ts.m3u8"].body.decode())
    assert [(item.uri, item.stream_info.codecs) for item in top.playlists] == [("ts_a.m3u8", "mp4a.40.2")]


def test_durations_are_whole_seconds_where_the_job_says_so(s3, folder, tmp_path):
    group = hls(hls_rung("_v", 320, 180), ManifestDurationFormat="INTEGER")
    done(s3, job() | {"OutputGroups": [group]}, tmp_path, films.plain(folder, "short.mp4", seconds=2.6))
    text = s3.objects["out/h/ts_v.m3u8"].body.decode()
    assert [line for line in text.splitlines() if line.startswith("#EXTINF")] == ["#EXTINF:2,", "#EXTINF:1,"]


def test_dash_is_cut_like_cmaf_with_mediaconverts_names(s3, folder, tmp_path):
    [found] = done(s3, job() | {"OutputGroups": [dash()]}, tmp_path, films.plain(folder, "five.mp4", seconds=5))
    assert found["type"] == "DASH_ISO_GROUP" and found["playlistFilePaths"] == ["s3://out/d/dash.mpd"]
    names = {key.removeprefix("out/d/") for key in s3.objects if key.startswith("out/d/")}
    assert {"dash.mpd", "dash_vinit.mp4", "dash_v_000000001.mp4", "dash_ainit.mp4", "dash_a_000000003.mp4"} <= names
    assert not any(name.endswith((".m3u8", "cmfv", "cmfa")) for name in names)
    root = ElementTree.fromstring(s3.objects["out/d/dash.mpd"].body)
    media = [template.get("media") for template in root.iter(f"{MPD}SegmentTemplate")]
    assert media == ["dash_v_$Number%09d$.mp4", "dash_a_$Number%09d$.mp4"]
    whole = tmp_path / "whole.mp4"
    init = s3.objects["out/d/dash_vinit.mp4"].body
    whole.write_bytes(init + b"".join(s3.objects[f"out/d/dash_v_{n:09d}.mp4"].body for n in (1, 2, 3)))
    assert probed(whole, "-count_packets", "-show_streams")["streams"][0]["nb_read_packets"] == "125"


def test_four_groups_are_one_encode(s3, folder, tmp_path):
    groups = (hls(hls_rung("", 320, 180)), dash(), movie("_mp4", 320, 180))
    settings = job(rung("", 320, 180), sound(), groups=groups)
    arguments = plan_job(settings, source()).arguments
    assert arguments.count("libx264") == 1 and arguments.count("aac") == 1
    found = done(s3, settings, tmp_path, films.plain(folder, "five.mp4", seconds=5))
    assert [group["type"] for group in found] == ["CMAF_GROUP", "HLS_GROUP", "DASH_ISO_GROUP", "FILE_GROUP"]
    assert {o["durationInMs"] for group in found for o in group["outputDetails"] if "videoDetails" in o} == {5000}


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda g: g["Outputs"][0]["ContainerSettings"].update(Container="MP4"), "ContainerSettings.Container: MP4 is"),
        (
            lambda g: g["OutputGroupSettings"]["HlsGroupSettings"].update(DirectoryStructure="SUBDIRECTORY_PER_STREAM"),
            "OutputGroups[0].OutputGroupSettings.HlsGroupSettings.DirectoryStructure: SUBDIRECTORY_PER_STREAM",
        ),
        (
            lambda g: g["Outputs"][0]["VideoDescription"]["CodecSettings"].update(Codec="AV1"),
            "VideoDescription.CodecSettings.Codec: AV1 is not honoured by the local engine in a group of type HLS",
        ),
    ],
)
def test_what_a_group_cannot_hold_is_refused_with_its_path(change, message):
    group = hls(hls_rung("", 320, 180))
    change(group)
    found = honoured.refusals({"Settings": job() | {"OutputGroups": [group]}})
    assert any(message in refusal for refusal in found), found


def test_a_single_file_of_dash_is_refused_also_when_it_is_the_default():
    group = copy.deepcopy(dash())
    del group["OutputGroupSettings"]["DashIsoGroupSettings"]["SegmentControl"]
    [refusal] = honoured.refusals({"Settings": job() | {"OutputGroups": [group]}})
    assert "DashIsoGroupSettings.SegmentControl: leaving it out asks for MediaConvert's default" in refusal
