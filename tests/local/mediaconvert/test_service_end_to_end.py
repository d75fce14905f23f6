"""The whole local MediaConvert, from boto3's create_job to the objects in S3. Needs ffmpeg."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.mediaconvert import ffmpeg, model
from pipeline.local.mediaconvert.service import MediaConvertService
from tests.local.mediaconvert.conftest import ROLE, create, settings_for, wait_until
from tests.local.mediaconvert.tiny_s3 import TinyS3

SECONDS = 2
needs_linux = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks processes up in /proc")


def make_film(folder: Path, seconds: int) -> bytes:
    """Moving picture and a tone."""
    path = folder / "film.mp4"
    arguments = ["-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=30000/1001:duration={seconds}"]
    arguments += ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"]
    arguments += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run([ffmpeg.ffmpeg_path(), "-nostdin", "-v", "error", *arguments, str(path)], check=True, timeout=60)
    return path.read_bytes()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_film(tmp_path_factory.mktemp("film"), SECONDS)


@pytest.fixture
def long_film(tmp_path: Path, store: TinyS3) -> str:
    """The URL of a film that takes long enough to be interrupted."""
    store.put("films/long.mp4", make_film(tmp_path, 60))
    return "s3://films/long.mp4"


def processes_below(folder: Path) -> dict[int, str]:
    """The processes that work in a folder, the worker and its ffmpeg, with their command lines."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")).is_relative_to(folder):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has just ended, or is not ours to look at
    return found


def ffmpegs_below(folder: Path) -> list[int]:
    return [pid for pid, line in processes_below(folder).items() if "-filter_complex" in line]


@pytest.fixture
def store(film: bytes) -> Iterator[TinyS3]:
    store = TinyS3()
    store.put("films/uploads/My Film+1 #ü.mp4", film)
    store.put("films/page.mp4", b"<html>not a film</html>" * 100)
    yield store
    store.close()


@pytest.fixture
def service(start_service: Any, store: TinyS3, tmp_path: Path, events: Any) -> Iterator[MediaConvertService]:
    service = MediaConvertService(tmp_path, store.url, "eu-west-1", "123456789012", events.emit, status_seconds=0.2)
    yield service
    service.close()


def outputs(store: TinyS3) -> dict[str, str]:
    return {
        name: next(value for header, value in stored.headers.items() if header.lower() == "content-type")
        for name, stored in store.objects.items()
        if name.startswith("out/")
    }


def transcode(client: Any, url: str) -> str:
    settings = settings_for()
    settings["Inputs"][0]["FileInput"] = url
    return create(client, Settings=settings, UserMetadata={"asset_id": "film"})["Id"]


def test_a_film_becomes_a_stream(client, store, events, tmp_path):
    job_id = transcode(client, "s3://films/uploads/My Film+1 #ü.mp4")
    detail = events.wait_for("COMPLETE", "ERROR", seconds=90)
    assert detail["status"] == "COMPLETE", detail
    statuses = events.statuses(job_id)
    assert statuses[0] == "PROGRESSING"
    assert statuses[-1] == "COMPLETE"
    assert statuses.count("INPUT_INFORMATION") == 1
    assert "STATUS_UPDATE" in statuses

    stem = "out/a/film/v/1-r1"
    assert outputs(store) == {
        f"{stem}/stream.m3u8": "application/vnd.apple.mpegurl",
        f"{stem}/stream.mpd": "application/dash+xml",
        f"{stem}/stream_360p.m3u8": "application/vnd.apple.mpegurl",
        f"{stem}/stream_360p_I-Frame.m3u8": "application/vnd.apple.mpegurl",
        f"{stem}/stream_360pinit.cmfv": "video/mp4",
        f"{stem}/stream_360p_000000001.cmfv": "video/mp4",
        f"{stem}/stream_audio.m3u8": "application/vnd.apple.mpegurl",
        f"{stem}/stream_audioinit.cmfa": "audio/mp4",
        f"{stem}/stream_audio_000000001.cmfa": "audio/mp4",
        f"{stem}/poster.0000000.jpg": "image/jpeg",
        f"{stem}/poster.0000001.jpg": "image/jpeg",
    }
    assert not any("cache-control" in map(str.lower, stored.headers) for stored in store.objects.values())

    streams, poster = detail["outputGroupDetails"]
    assert streams["type"] == "CMAF_GROUP"
    assert set(streams["playlistFilePaths"]) == {f"s3://{stem}/stream.m3u8", f"s3://{stem}/stream.mpd"}
    assert streams["outputDetails"][0]["videoDetails"]["widthInPx"] == 640
    assert streams["outputDetails"][0]["durationInMs"] == pytest.approx(SECONDS * 1000, abs=50)
    assert poster["outputDetails"][0]["outputFilePaths"] == [f"s3://{stem}/poster.0000001.jpg"]

    job = client.get_job(Id=job_id)["Job"]
    assert (job["Status"], job["JobPercentComplete"]) == ("COMPLETE", 100)
    assert job["OutputGroupDetails"][0]["OutputDetails"][0]["VideoDetails"] == {"WidthInPx": 640, "HeightInPx": 360}
    wait_until(lambda: list((tmp_path / "mediaconvert" / "scratch").iterdir()) == [])


def test_what_is_not_a_film_is_an_error_of_the_input(client, events):
    job_id = transcode(client, "s3://films/page.mp4")
    detail = events.wait_for("COMPLETE", "ERROR", seconds=60)
    assert (detail["status"], detail["errorCode"]) == ("ERROR", 1010), detail
    assert client.get_job(Id=job_id)["Job"]["ErrorCode"] == 1010


def test_a_source_that_is_not_there_is_1404(client, events):
    transcode(client, "s3://films/nowhere.mp4")
    assert events.wait_for("COMPLETE", "ERROR", seconds=60)["errorCode"] == 1404


@needs_linux
def test_a_worker_killed_in_mid_job_is_1999_and_leaves_no_ffmpeg(client, service, events, long_film, tmp_path):
    job_id = transcode(client, long_film)
    wait_until(lambda: ffmpegs_below(tmp_path))
    os.kill(service._dispatcher._running[job_id].worker._process.pid, signal.SIGKILL)
    detail = events.wait_for("COMPLETE", "ERROR", seconds=30)
    assert detail["errorCode"] == 1999
    assert "was killed by SIGKILL" in detail["errorMessage"]
    wait_until(lambda: processes_below(tmp_path) == {})


@needs_linux
def test_a_cancelled_job_leaves_no_ffmpeg(client, events, long_film, tmp_path):
    job_id = transcode(client, long_film)
    wait_until(lambda: ffmpegs_below(tmp_path))
    client.cancel_job(Id=job_id)
    wait_until(lambda: processes_below(tmp_path) == {})
    wait_until(lambda: list((tmp_path / "mediaconvert" / "scratch").iterdir()) == [])
    assert events.statuses(job_id)[-1] == "CANCELED"


@needs_linux
def test_ffmpeg_killed_in_mid_job_is_1999_and_says_so(client, events, long_film, tmp_path):
    transcode(client, long_film)
    wait_until(lambda: ffmpegs_below(tmp_path))
    for pid in ffmpegs_below(tmp_path):
        os.kill(pid, signal.SIGKILL)
    detail = events.wait_for("COMPLETE", "ERROR", seconds=30)
    assert (detail["status"], detail["errorCode"]) == ("ERROR", 1999)
    assert "SIGKILL" in detail["errorMessage"]


def test_probe_tells_what_a_film_is(client):
    result = client.probe(InputFiles=[{"FileUrl": "s3://films/uploads/My Film+1 #ü.mp4"}])["ProbeResults"][0]
    assert result["Container"]["Format"] == "mp4"
    video, audio = result["Container"]["Tracks"]
    assert (video["TrackType"], video["VideoProperties"]["Width"], video["Codec"]) == ("video", 640, "AVC")
    assert audio["TrackType"] == "audio"
    assert result["Metadata"]["FileSize"] > 0


def test_probe_of_a_large_film_fetches_its_ends_only(client, store, monkeypatch):
    url = "s3://films/uploads/My Film+1 #ü.mp4"
    whole = client.probe(InputFiles=[{"FileUrl": url}])["ProbeResults"]
    monkeypatch.setattr("pipeline.local.mediaconvert.peek.WHOLE_BYTES", 0)
    monkeypatch.setattr("pipeline.local.mediaconvert.transfer.download", lambda *_: pytest.fail("it was downloaded"))
    assert client.probe(InputFiles=[{"FileUrl": url}])["ProbeResults"] == whole
    assert whole[0]["Metadata"]["ETag"] == store.objects[url.removeprefix("s3://")].etag.strip('"')


def test_probe_refuses_what_is_not_a_film(client):
    with pytest.raises(client.exceptions.UnprocessableEntityException, match="1010"):
        client.probe(InputFiles=[{"FileUrl": "s3://films/page.mp4"}])


def test_probe_of_nothing_is_not_found(client):
    with pytest.raises(client.exceptions.NotFoundException, match=r"s3://films/nowhere\.mp4"):
        client.probe(InputFiles=[{"FileUrl": "s3://films/nowhere.mp4"}])


SERVICE_PROCESS = """
import json, sys, time
from pathlib import Path
from pipeline.local.mediaconvert.service import MediaConvertService
home, url, job = sys.argv[1:]
service = MediaConvertService(Path(home), url, "eu-west-1", "123456789012", lambda *event: None)
status, _, answer = service.handle("POST", "/2017-08-29/jobs", {}, job.encode(), {})
assert status == 201, answer
time.sleep(600)
"""


@needs_linux
def test_a_service_that_is_killed_takes_its_workers_with_it(store, long_film, tmp_path):
    settings = settings_for()
    settings["Inputs"][0]["FileInput"] = long_film
    operation, _ = model.route("POST", "/2017-08-29/jobs")
    job = json.dumps(model._write(operation.input_shape, {"Role": ROLE, "Settings": settings}))
    home = tmp_path / "home"
    process = subprocess.Popen([sys.executable, "-c", SERVICE_PROCESS, str(home), store.url, job])
    try:
        wait_until(lambda: ffmpegs_below(home))
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: processes_below(home) == {})
