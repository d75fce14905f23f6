"""The worker, as the service runs it: a process, a job on its standard input, S3, ffmpeg, and its last word."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import m3u8
import pytest

from pipeline.local.mediaconvert import ffmpeg, worker
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import captures, job, movie, rung, sound
from tests.local.mediaconvert.test_ffmpeg import gone, needs_linux, wait_for
from tests.local.mediaconvert.tiny_s3 import TinyS3

ROOT = Path(__file__).parents[3]
SOURCE = "films/My Film.mov"


def start(s3: TinyS3, settings: dict[str, Any], scratch: Path) -> subprocess.Popen[bytes]:
    """The worker as the service starts it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.local.mediaconvert.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    process.stdin.write(json.dumps(request(s3, settings, scratch)).encode() + b"\n")
    process.stdin.flush()
    return process


def run(s3: TinyS3, settings: dict[str, Any], scratch: Path, film: Path | bytes | None = None) -> list[dict[str, Any]]:
    """Everything the worker says about a job, done in this process: starting another takes longer than most jobs."""
    if film is not None:
        s3.put(SOURCE, film if isinstance(film, bytes) else film.read_bytes())
    stream = io.BytesIO()
    mouth = worker.Mouth(stream)
    try:
        worker.do_job(request(s3, settings, scratch), mouth)
    except Exception as error:
        mouth.say(**worker.last_word(error))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def request(s3: TinyS3, settings: dict[str, Any], scratch: Path) -> dict[str, Any]:
    where = {"endpoint_url": s3.url, "region": "us-east-1", "account": "123456789012", "scratch_dir": str(scratch)}
    return {"job_id": "1", "settings": settings, **where}


def shown(s3: TinyS3, name: str, tmp_path: Path, *entries: str) -> dict[str, str]:
    """What ffprobe sees in a rendition: its init segment and all its segments one after the other."""
    kind = "cmfa" if "audio" in name else "cmfv"
    parts = sorted(key for key in s3.objects if key.startswith(f"out/v/{name}_0") and key.endswith(kind))
    data = b"".join(s3.objects[key].body for key in [f"out/v/{name}init.{kind}", *parts])
    (tmp_path / f"{name}.mp4").write_bytes(data)
    command = [ffmpeg.ffprobe_path(), "-v", "error", "-count_frames", "-show_entries", f"stream={','.join(entries)}"]
    answer = subprocess.run(
        [*command, "-of", "json", str(tmp_path / f"{name}.mp4")], capture_output=True, check=True, timeout=30
    )
    return json.loads(answer.stdout)["streams"][0]


# --- a job that goes well --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[tuple[list[dict[str, Any]], TinyS3]]:
    """One job by a real worker process, looked at from all sides."""
    store = TinyS3()
    outputs = (rung("_360p", 320, 180, cmfc={"AudioRenditionSets": "audio"}), rung("_180p", 160, 90), sound())
    settings = job(*outputs, groups=(captures(160, 90),))
    film = films.plain(folder, "five.mp4", seconds=5)
    store.put(SOURCE, film.read_bytes())
    process = start(store, settings, tmp_path_factory.mktemp("scratch"))
    said = [json.loads(line) for line in process.stdout]
    process.stdin.close()
    assert process.wait(timeout=20) == 0, process.stderr.read().decode()
    yield said, store
    store.close()


def test_it_says_what_it_does_in_order(done):
    said, _ = done
    kinds = [message["type"] for message in said]
    assert kinds.count("input") == 1 and kinds[-1] == "complete"
    assert set(kinds) == {"needs", "input", "progress", "complete"}
    by_source, by_plan = (message for message in said if message["type"] == "needs")
    assert by_source["disk"] == by_source["disk_least"] < by_plan["disk_least"] < by_plan["disk"] < 10_000_000
    progress = [message for message in said if message["type"] == "progress"]
    assert list(dict.fromkeys(message["phase"] for message in progress)) == ["PROBING", "TRANSCODING", "UPLOADING"]
    percents = [message["job_percent"] for message in progress]
    assert percents == sorted(percents) and percents[-1] == 100
    assert progress[-1]["frames_decoded"] == 125


def test_it_says_what_the_input_is(done):
    [message] = [message for message in done[0] if message["type"] == "input"]
    [details] = message["inputDetails"]
    assert details["uri"] == "s3://films/My Film.mov"
    assert details["video"][0] | {"codec": "H_264", "width": 320, "frameRate": 25.0} == details["video"][0]
    assert details["audio"][0]["sampleRate"] == 48000


def test_the_output_details_are_measured(done):
    streams, poster = done[0][-1]["output_group_details"]
    assert streams["type"] == "CMAF_GROUP"
    assert streams["playlistFilePaths"] == ["s3://out/v/stream.mpd", "s3://out/v/stream.m3u8"]
    large, small, tone = streams["outputDetails"]
    assert large["durationInMs"] == small["durationInMs"] == 5000 and 5000 <= tone["durationInMs"] < 5022
    assert (large["videoDetails"]["widthInPx"], large["videoDetails"]["heightInPx"]) == (320, 180)
    assert large["videoDetails"]["averageBitrate"] > small["videoDetails"]["averageBitrate"] > 0
    assert poster["type"] == "FILE_GROUP"
    assert poster["outputDetails"][0]["outputFilePaths"] == ["s3://out/v/poster.0000001.jpg"]


def test_objects_have_mediaconverts_names_and_types(done):
    objects = {key.removeprefix("out/v/"): stored.headers for key, stored in done[1].objects.items() if key != SOURCE}
    assert {
        "stream.m3u8", "stream.mpd", "stream_360p.m3u8", "stream_360p_I-Frame.m3u8", "stream_360pinit.cmfv",
        "stream_360p_000000001.cmfv", "stream_360p_000000003.cmfv", "stream_audioinit.cmfa",
        "stream_audio_000000003.cmfa", "poster.0000000.jpg", "poster.0000001.jpg",
    } <= set(objects)  # fmt: skip
    types = {name.rpartition(".")[2]: headers["content-type"] for name, headers in objects.items()}
    assert types == {
        "m3u8": "application/vnd.apple.mpegurl",
        "mpd": "application/dash+xml",
        "cmfv": "video/mp4",
        "cmfa": "audio/mp4",
        "jpg": "image/jpeg",
    }  # fmt: skip
    assert not any("cache-control" in headers for headers in objects.values())


def test_what_is_named_is_there_before_it_is_named(done):
    order = done[1].order
    tops = [order.index("out/v/stream.m3u8"), order.index("out/v/stream.mpd")]
    assert sorted(tops) == [len(order) - 2, len(order) - 1]
    lists = [order.index(key) for key in order if key.endswith(".m3u8") and key != "out/v/stream.m3u8"]
    assert max(order.index(key) for key in order if key.endswith(("cmfv", "cmfa"))) < min(lists)


def test_every_uri_leads_to_an_object(done):
    objects = done[1].objects
    top = m3u8.loads(objects["out/v/stream.m3u8"].body.decode())
    uris = [item.uri for item in (*top.playlists, *top.media, *top.iframe_playlists)]
    for uri in uris:
        playlist = m3u8.loads(objects[f"out/v/{uri}"].body.decode())
        named = [playlist.segment_map[0].uri, *(segment.uri for segment in playlist.segments)]
        assert all(f"out/v/{name}" in objects for name in named)
    assert len(uris) == 5


def test_segments_begin_together_in_all_renditions(done):
    lists = [done[1].objects[f"out/v/stream_{name}.m3u8"].body.decode() for name in ("360p", "180p")]
    durations = [[segment.duration for segment in m3u8.loads(text).segments] for text in lists]
    assert durations == [[2, 2, 1], [2, 2, 1]]
    tone = [
        segment.duration for segment in m3u8.loads(done[1].objects["out/v/stream_audio.m3u8"].body.decode()).segments
    ]
    assert len(tone) == 3 and all(abs(sum(tone[:n]) - 2 * n) <= 1024 / 48000 for n in (1, 2))


def test_the_renditions_are_whole(done, tmp_path):
    large = shown(done[1], "stream_360p", tmp_path, "width", "height", "nb_read_frames", "pix_fmt", "color_space")
    assert large == {
        "width": 320,
        "height": 180,
        "nb_read_frames": "125",
        "pix_fmt": "yuv420p",
        "color_space": "smpte170m",
    }
    assert shown(done[1], "stream_audio", tmp_path, "channels")["channels"] == 2


# --- films of every kind ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, arguments, size, expected",
    [
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-cpu-used", "8"), "161x121", {"width": 160, "height": 120}),
        (
            "late.mkv",
            ("-itsoffset", "0.8", *films.SOUND, *films.X264, "-c:a", "aac"),
            "320x180",
            {"nb_read_frames": "50"},
        ),
        ("444.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv444p"), "320x180", {"pix_fmt": "yuv420p", "profile": "High"}),
        ("full.mp4", (*films.X264[:-1], "yuvj420p", "-color_range", "pc"), "320x180", {"color_range": "tv"}),
        ("one.mp4", (*films.X264, "-frames:v", "1"), "320x180", {"nb_read_frames": "1"}),
        ("pal.ts", ("-vf", "setsar=64/45", "-c:v", "mpeg2video"), "720x576", {"sample_aspect_ratio": "1:1"}),
    ],
)
def test_a_film_of_another_kind_comes_out_as_players_need_it(s3, folder, tmp_path, name, arguments, size, expected):
    film = films.make(folder / name, *films.PICTURE, *arguments, size=size)
    frame = (160, 120) if name == "vp9.webm" else (320, 180)
    said = run(s3, job(rung("", *frame)), tmp_path, film)
    assert said[-1]["type"] == "complete", said[-1]
    found = shown(s3, "stream", tmp_path, *expected)
    assert found == expected


def test_a_download_is_one_file_that_starts_at_once(s3, folder, tmp_path):
    settings = job(rung("", 160, 90), sound(), groups=(movie("_download", 320, 180),))
    said = run(s3, settings, tmp_path, films.plain(folder, "short-sound.mp4", seconds=3))
    [detail] = said[-1]["output_group_details"][1]["outputDetails"]
    assert detail["outputFilePaths"] == ["s3://out/v/film_download.mp4"] and detail["durationInMs"] == 3000
    stored = s3.objects["out/v/film_download.mp4"]
    assert stored.headers["content-type"] == "video/mp4" and stored.body.index(b"moov") < stored.body.index(b"mdat")
    (tmp_path / "download.mp4").write_bytes(stored.body)
    command = [ffmpeg.ffprobe_path(), "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames,duration"]
    answer = subprocess.run([*command, "-of", "json", str(tmp_path / "download.mp4")], capture_output=True, timeout=30)
    picture, tone = json.loads(answer.stdout)["streams"]
    assert picture["nb_read_frames"] == "75" and float(tone["duration"]) == pytest.approx(3, abs=0.1)


def test_a_download_alone_is_measured_too(s3, folder, tmp_path):
    settings = job()
    settings["OutputGroups"] = [movie("", 320, 180)]
    whole = films.plain(folder, "whole-faststart.mp4", seconds=4)
    assert run(s3, settings, tmp_path, whole)[-1]["output_group_details"][0]["outputDetails"][0]["durationInMs"] == 4000
    assert failure(run(s3, settings, tmp_path, films.truncated(whole, "half.mp4")))[0] == 1076


def test_a_phones_film_stands_upright(s3, folder, tmp_path):
    lying = films.silent(folder)
    turned = films.make(folder / "turned.mp4", "-display_rotation:v:0", "-90", "-i", str(lying), "-c", "copy")
    said = run(s3, job(rung("", 180, 320)), tmp_path, turned)
    assert said[-1]["output_group_details"][0]["outputDetails"][0]["videoDetails"]["heightInPx"] == 320
    assert "side_data_list" not in shown(s3, "stream", tmp_path, "width", "side_data_list")


def test_hdr_comes_out_in_colours_of_every_screen(s3, folder, tmp_path):
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    hdr = ("-vf", tags, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
    film = films.make(folder / "hdr.mp4", *films.PICTURE, *hdr, "-pix_fmt", "yuv420p10le", seconds=0.4)
    assert run(s3, job(rung("", 320, 180)), tmp_path, film)[-1]["type"] == "complete"
    colours = {"color_transfer": "bt709", "color_primaries": "bt709", "color_space": "bt709", "pix_fmt": "yuv420p"}
    assert shown(s3, "stream", tmp_path, *colours) == colours


def test_sound_alone_is_a_stream(s3, folder, tmp_path):
    film = films.make(folder / "tone.m4a", *films.SOUND, "-c:a", "aac", seconds=5)
    said = run(s3, job(sound()), tmp_path, film)
    assert said[-1]["output_group_details"][0]["outputDetails"][0]["durationInMs"] == pytest.approx(5000, abs=50)
    assert len(m3u8.loads(s3.objects["out/v/stream_audio.m3u8"].body.decode()).segments) == 3


@pytest.mark.parametrize("mode, channels", [("CODING_MODE_1_0", 1), ("CODING_MODE_2_0", 2), ("CODING_MODE_5_1", 6)])
def test_channels_are_mixed_as_asked(s3, folder, tmp_path, mode, channels):
    six = ("-f", "lavfi", "-i", "anoisesrc=r=44100:d=1,aformat=channel_layouts=5.1", "-c:a", "ac3")
    film = films.make(folder / "six.mkv", *six)
    assert run(s3, job(sound(coding_mode=mode)), tmp_path, film)[-1]["type"] == "complete"
    assert shown(s3, "stream_audio", tmp_path, "channels")["channels"] == channels


def test_a_size_that_changes_in_mid_film_is_scaled(s3, folder, tmp_path):
    large = films.silent(folder, "large.ts", size="640x360").read_bytes()
    small = films.silent(folder, "small.ts", size="320x180").read_bytes()
    assert run(s3, job(rung("", 320, 180)), tmp_path, large + small)[-1]["type"] == "complete"
    assert int(shown(s3, "stream", tmp_path, "nb_read_frames")["nb_read_frames"]) >= 99


def test_damage_in_the_middle_is_survived_with_a_warning(s3, folder, tmp_path):
    data = bytearray(films.silent(folder, "damaged.mp4", seconds=4).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = os.urandom(3000)
    said = run(s3, job(rung("", 320, 180)), tmp_path, bytes(data))
    assert (
        said[-1]["type"] == "complete"
        and said[-1]["output_group_details"][0]["outputDetails"][0]["durationInMs"] == 4000
    )
    assert [message["code"] for message in said if message["type"] == "warning"] == [230008]


# --- jobs that do not go well ----------------------------------------------------------------------------------------


def failure(said: list[dict[str, Any]]) -> tuple[int, str]:
    assert said[-1]["type"] == "error", said[-1]
    return said[-1]["code"], said[-1]["message"]


@pytest.mark.parametrize("name", ["faststart.mp4", "matroska.mkv"])
def test_half_a_film_is_an_error(s3, folder, tmp_path, name):
    film = films.plain(folder, f"whole-{name}", seconds=4)
    code, message = failure(run(s3, job(rung("", 320, 180)), tmp_path, films.truncated(film, name)))
    assert code == 1076 and "Is file truncated?" in message
    assert not any(key.endswith(("m3u8", "mpd")) for key in s3.objects)


@pytest.mark.parametrize(
    "content, code, says",
    [
        (b"", 1010, "The file is empty"),
        (b"not a film" * 99, 1010, "No parser found for container"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", 1010, "playlist, not a film"),
    ],
)
def test_what_is_not_a_film_is_refused(s3, tmp_path, content, code, says):
    found, message = failure(run(s3, job(rung("", 320, 180)), tmp_path, content))
    assert found == code and says in message


def test_a_cover_is_not_a_picture(s3, folder, tmp_path):
    cover = films.make(folder / "cover.jpg", *films.PICTURE, "-frames:v", "1")
    both = ("-i", str(cover), *films.SOUND, "-c:v", "mjpeg", "-c:a", "aac", "-disposition:v", "attached_pic")
    code, message = failure(run(s3, job(rung("", 320, 180)), tmp_path, films.make(folder / "song.m4a", *both)))
    assert code == 1020 and "0 video tracks and 1 audio track" in message


@pytest.mark.parametrize(
    "refuse, code, says",
    [
        ({"films/": 404}, 1404, "HeadObject failed"),
        ({"films/": 403}, 1401, r"Access denied to [s3://films/My Film.mov]"),
        ({"out/": 403}, 1401, "Unable to write to output file"),
        ({"out/": 404}, 1404, "the bucket does not exist"),
        ({"out/v/stream_": 400}, 1517, "Unable to write to output file"),
    ],
)
def test_what_s3_refuses_has_mediaconverts_code(s3, folder, tmp_path, refuse, code, says):
    s3.refuse = refuse
    found, message = failure(run(s3, job(rung("", 320, 180)), tmp_path, films.silent(folder)))
    assert found == code and says in message


def test_a_film_replaced_while_it_is_read_is_read_again(s3, folder, tmp_path, monkeypatch):
    from pipeline.local.mediaconvert import transfer

    monkeypatch.setattr(transfer, "PART_BYTES", 1 << 16)
    s3.put("films/a", b"old" * 100_000)
    new = b"new" * 90_000
    replaced = False

    def report(done: int, size: int) -> None:
        nonlocal replaced
        if not replaced:
            replaced = True
            s3.put("films/a", new)

    transfer.download(transfer.s3_client(s3.url, "us-east-1"), "s3://films/a", tmp_path / "a", report)
    assert (tmp_path / "a").read_bytes() == new


def test_a_crash_of_ffmpeg_names_the_signal(s3, folder, tmp_path, monkeypatch):
    crash = tmp_path / "ffmpeg"
    crash.write_text(
        "#!/bin/sh\n[ \"$1\" = -filters ] && { echo 'ffmpeg version 9.0 x' >&2; exit 0; }\nkill -SEGV $$\n"
    )
    crash.chmod(0o755)
    film = films.silent(folder)
    monkeypatch.setenv("VOD_FFMPEG", str(crash))
    said = run(s3, job(rung("", 320, 180)), tmp_path, film)
    assert failure(said)[0] == 1999 and "SIGSEGV" in failure(said)[1]


def test_a_missing_engine_says_what_to_set(s3, folder, tmp_path, monkeypatch):
    film = films.silent(folder)
    monkeypatch.setenv("VOD_FFMPEG", "/nowhere/ffmpeg")
    said = run(s3, job(rung("", 320, 180)), tmp_path, film)
    assert failure(said) == (1999, "EngineMissing: VOD_FFMPEG names /nowhere/ffmpeg, which is not an executable file")


# --- the leash -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_film(folder: Path) -> Path:
    return films.silent(folder, "long.mp4", seconds=60, size="640x360")


def ffmpeg_of(process: subprocess.Popen[bytes]) -> int | None:
    """The process id of the worker's ffmpeg once it transcodes."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in map(int, children):
        if b"-filter_complex" in Path(f"/proc/{child}/cmdline").read_bytes() and not gone(child):
            return child
    return None


@needs_linux
@pytest.mark.parametrize("how", ["the leash is let go", "it is killed"])
def test_ffmpeg_ends_with_the_worker_when(how, s3, long_film, tmp_path):
    s3.put(SOURCE, long_film.read_bytes())
    slow = rung("", 1280, 720, QualityTuningLevel="SINGLE_PASS_HQ")
    process = start(s3, job(slow), tmp_path)
    assert wait_for(lambda: ffmpeg_of(process) is not None, 20)
    child = ffmpeg_of(process)
    let_go = time.monotonic()
    if how == "it is killed":
        process.send_signal(signal.SIGKILL)
    else:
        process.stdin.close()
    assert process.wait(timeout=5) == (-signal.SIGKILL if how == "it is killed" else worker.LET_GO)
    assert wait_for(lambda: gone(child), 2) and time.monotonic() - let_go < 3
    assert (tmp_path / "source").exists()  # it deletes nothing


def test_no_job_is_no_work(s3, tmp_path):
    process = subprocess.run(
        [sys.executable, "-m", "pipeline.local.mediaconvert.worker"], input=b"", cwd=ROOT, timeout=20
    )
    assert process.returncode == worker.LET_GO


def test_progress_is_not_told_more_often_than_it_is_worth():
    stream = io.BytesIO()
    mouth = worker.Mouth(stream)
    for step in range(1000):
        mouth.progress("TRANSCODING", step / 1000, frames=step)
    mouth.progress("TRANSCODING", 1)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (
        len(lines) < 20 and lines[-1]["job_percent"] == 90 and lines[-1]["frames_decoded"] >= lines[0]["frames_decoded"]
    )
