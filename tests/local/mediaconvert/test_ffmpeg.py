"""ffmpeg and ffprobe are chosen, guarded, limited and stopped as they must be. Needs the binaries."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pipeline.local.mediaconvert import ffmpeg
from tests.local.mediaconvert import films

LIMITS = ffmpeg.Limits(wall_seconds=30, cpu_seconds=30, memory_bytes=4 << 30, file_bytes=1 << 30)
ENDLESS = ("-re", "-stream_loop", "-1", "-i", "file:source", "-c", "copy", "-f", "null", "-")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own leash is Linux's")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    films.plain(folder, "source.mp4").rename(folder / "source")
    return folder


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def gone(pid: int) -> bool:
    """True when the process has ended, whether or not its parent has fetched its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def wait_for(true, seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.02)
    return False


# --- which binaries --------------------------------------------------------------------------------------------------


def test_the_bundled_binaries_run():
    assert "fps" in ffmpeg.inspect(ffmpeg.ffmpeg_path()).filters
    assert ffmpeg.inspect(ffmpeg.ffprobe_path()).version


@pytest.mark.parametrize("variable, asked", [("VOD_FFMPEG", "ffmpeg_path"), ("VOD_FFPROBE", "ffprobe_path")])
def test_a_variable_chooses_another_binary(monkeypatch, tmp_path, variable, asked):
    other = script(tmp_path / "other", "exit 0")
    monkeypatch.setenv(variable, str(other))
    assert getattr(ffmpeg, asked)() == str(other)


def test_a_variable_that_names_no_program_is_an_error_with_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("VOD_FFMPEG", str(tmp_path / "nothing"))
    with pytest.raises(ffmpeg.EngineMissing, match=r"VOD_FFMPEG names .*nothing"):
        ffmpeg.ffmpeg_path()


@pytest.mark.parametrize(
    "banner, complaint",
    [
        ("ffmpeg version 4.4.2-0ubuntu0 Copyright", r"is ffmpeg 4.4.2-0ubuntu0; 5\.1 or newer"),
        ("ffmpeg version n5.0 Copyright", "5.1 or newer"),
        ("GNU bash, version 5.2", "does not introduce itself as ffmpeg"),
    ],
)
def test_an_old_or_foreign_program_is_refused(tmp_path, banner, complaint):
    with pytest.raises(ffmpeg.EngineMissing, match=complaint):
        ffmpeg.inspect(str(script(tmp_path / "old", f"echo '{banner}' >&2")))


@pytest.mark.parametrize("version", ["5.1.9-0+deb12u1", "n8.1.2", "N-117000-gabcdef", "9.0"])
def test_a_new_enough_program_is_taken(tmp_path, version):
    path = script(tmp_path / "new", f"echo 'ffmpeg version {version} Copyright' >&2; echo ' TS bwdif  V->V  x'")
    assert ffmpeg.inspect(str(path)).filters == {"bwdif"}


def test_a_missing_filter_is_named(monkeypatch, tmp_path):
    path = script(tmp_path / "bare", "echo 'ffmpeg version 8.0 Copyright' >&2")
    monkeypatch.setenv("VOD_FFMPEG", str(path))
    with pytest.raises(ffmpeg.EngineMissing, match="built without tonemap, zscale"):
        ffmpeg.require_filters(frozenset({"zscale", "tonemap"}))


# --- guards ----------------------------------------------------------------------------------------------------------


def test_no_format_that_opens_other_files_is_let_in():
    assert not {"hls", "dash", "concat", "image2", "lavfi", "tee", "applehttp", "sdp", "rtsp"} & set(ffmpeg.FORMATS)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{film}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{film}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
    ],
)
@pytest.mark.parametrize("name", ["film.mp4", "film.avi", "film.m3u8"])
def test_a_playlist_posing_as_a_film_is_not_followed(folder, text, name):
    (folder / name).write_text(text.format(film=folder / "source"))
    finished = ffmpeg.probe(["-of", "json", "-show_streams", f"file:{name}"], cwd=folder)
    assert finished.returncode != 0 and b"codec_name" not in finished.stdout


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path):
    films.make(tmp_path / "huge.mp4", *films.PICTURE, *films.X264, size="9216x4608", rate="1", seconds=1)
    arguments = ["-show_entries", "frame=width", "-of", "csv", "file:huge.mp4"]
    assert b"9216" not in ffmpeg.probe(arguments, cwd=tmp_path).stdout


def test_the_environment_holds_no_credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("VOD_FFPROBE", str(script(tmp_path / "env", "env")))
    assert b"secret" not in ffmpeg.probe([], cwd=tmp_path).stdout


# --- limits ----------------------------------------------------------------------------------------------------------


def test_a_process_that_takes_too_long_is_killed(folder):
    limits = ffmpeg.Limits(wall_seconds=0.5, cpu_seconds=30, memory_bytes=4 << 30, file_bytes=1 << 30)
    finished = ffmpeg.transcode(ENDLESS, folder, limits)
    assert finished.timed_out and finished.signal_name == "SIGKILL" and finished.seconds < 5


@needs_linux
def test_a_file_larger_than_its_limit_ends_the_process(folder):
    limits = ffmpeg.Limits(wall_seconds=30, cpu_seconds=30, memory_bytes=4 << 30, file_bytes=4096)
    finished = ffmpeg.transcode(["-i", "file:source", "-c", "copy", "out.mkv"], folder, limits)
    assert finished.returncode != 0 and (folder / "out.mkv").stat().st_size <= 4096


@needs_linux
def test_a_process_cannot_have_more_memory_than_its_limit(folder):
    limits = ffmpeg.Limits(wall_seconds=30, cpu_seconds=30, memory_bytes=64 << 20, file_bytes=1 << 30)
    assert ffmpeg.transcode(["-i", "file:source", "-f", "null", "-"], folder, limits).returncode != 0


def test_progress_is_told_as_it_comes(folder):
    seen: list[ffmpeg.Progress] = []
    finished = ffmpeg.transcode(["-i", "file:source", "-f", "null", "-"], folder, LIMITS, seen.append)
    assert finished.returncode == 0
    assert seen[-1].frames == 50 and seen[-1].out_seconds == pytest.approx(2, abs=0.1)


def test_the_last_error_lines_are_kept(tmp_path):
    (tmp_path / "source").write_bytes(b"not a film")
    finished = ffmpeg.transcode(["-i", "file:source", "-f", "null", "-"], tmp_path, LIMITS)
    assert finished.returncode > 0 and "Invalid data found" in "\n".join(finished.errors)


@needs_linux
def test_ffmpeg_dies_with_its_parent_even_when_that_is_killed(folder, tmp_path):
    program = f"""
        from pathlib import Path
        from pipeline.local.mediaconvert import ffmpeg
        limits = ffmpeg.Limits(wall_seconds=60, cpu_seconds=60, memory_bytes=4 << 30, file_bytes=1 << 30)
        ffmpeg.transcode({ENDLESS!r}, Path({str(folder)!r}), limits)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=Path(__file__).parents[3])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    try:
        assert wait_for(lambda: children.read_text().split())
        [child] = map(int, children.read_text().split())
        # Not before it is tied to its parent: exec follows that.
        assert wait_for(lambda: b"-progress" in Path(f"/proc/{child}/cmdline").read_bytes())
        assert wait_for(lambda: b"confine.py" not in Path(f"/proc/{child}/cmdline").read_bytes())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert wait_for(lambda: gone(child))


def test_killing_all_stops_what_runs_and_starts_no_more(folder):
    program = f"""
        import threading, time
        from pathlib import Path
        from pipeline.local.mediaconvert import ffmpeg
        limits = ffmpeg.Limits(wall_seconds=60, cpu_seconds=60, memory_bytes=4 << 30, file_bytes=1 << 30)
        threading.Timer(0.7, ffmpeg.kill_all).start()
        print(ffmpeg.transcode({ENDLESS!r}, Path({str(folder)!r}), limits).signal_name)
        try:
            ffmpeg.transcode({ENDLESS!r}, Path({str(folder)!r}), limits)
        except ffmpeg.EngineMissing as error:
            print(error)
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=30,
        env=dict(os.environ),
    )
    assert answer.stdout.split("\n")[:2] == ["SIGKILL", "the engine was told to stop"]
