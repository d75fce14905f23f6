"""The front door, as a user's shell sees it: output, exit status, files left, processes left."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local.mediaconvert.ffmpeg import ffprobe_path
from tests.e2e import films

VOD = [sys.executable, "-m", "pipeline.cli"]
PORTS = ["--port", "0", "--edge-port", "0"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "VOD_HOME": str(home / ".vod"), "COLUMNS": "120"}


def _vod(home: Path, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VOD, *arguments], cwd=home, env=_environment(home), capture_output=True, text=True, timeout=300, **options
    )


def test_json_is_all_that_stands_on_standard_output(home: Path, film_folder: Path):
    good, bad = films.plain(film_folder, 2), films.written(film_folder, "bad.mp4", b"no film")
    done = _vod(home, "run", str(good), str(bad), "--once", "--json", "--output", "out", *PORTS)
    results = {Path(result["file"]).name: result for result in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 3, done.stderr
    assert {name: result["status"] for name, result in results.items()} == {
        good.name: "published",
        "bad.mp4": "rejected",
    }
    assert results["bad.mp4"]["error"]["code"] == "INPUT_NOT_A_FILM"
    assert results[good.name]["error"] is None and results[good.name]["renditions"]
    manifest = home / "out" / results[good.name]["asset_id"] / "index.m3u8"
    argv = [str(ffprobe_path()), "-v", "error", "-allowed_extensions", "ALL", "-show_entries", "stream=codec_name"]
    probed = subprocess.run(
        [*argv, "-of", "csv=p=0", str(manifest)], capture_output=True, text=True, timeout=60, check=True
    )
    assert set(probed.stdout.split()) >= {"h264", "aac"}
    assert not list((home / ".vod").glob("run-*")), "the run's folder is gone"


def test_a_person_reads_what_happened_and_where_to_play(home: Path, film_folder: Path):
    done = _vod(home, "run", str(films.plain(film_folder, 2)), "--once", *PORTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "done Transcode streams" in done.stdout and "270p" in done.stdout
    assert "play http://127.0.0.1:" in done.stdout and "?asset=plain-2-" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "nowhere.mp4"], "nowhere.mp4: there is no such file"),
        (["run"], "FILM"),
        (["fly"], "invalid choice"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_status_two(home: Path, arguments: list[str], says: str):
    done = _vod(home, *arguments)
    assert done.returncode == 2 and says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_one_sentence(home: Path, film_folder: Path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = _vod(home, "run", str(films.plain(film_folder, 2)), "--once", "--port", port, "--edge-port", "0")
    assert done.returncode == 1 and port in done.stderr and "Traceback" not in done.stderr


@pytest.fixture
def up(home: Path):
    """`vod up`, running; its process."""
    # A process group of its own, as a terminal gives it: Ctrl-C reaches everybody in it.
    process = subprocess.Popen(
        [*VOD, "up", *PORTS, "--console-port", "0"],
        cwd=home,
        env=_environment(home),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # A killed one leaves its address behind, so the file's being there is not enough.
    _wait_for(lambda: _said(home).get("pid") == process.pid)
    yield process
    process.kill()
    process.wait()


def test_vod_run_and_vod_console_use_the_stack_that_vod_up_keeps(home: Path, film_folder: Path, up: subprocess.Popen):
    film = str(films.plain(film_folder, 2))
    first, second = (json.loads(_vod(home, "run", film, "--json").stdout) for _ in range(2))
    assert first["status"] == second["status"] == "published"
    assert first["playback_url"] == second["playback_url"] and first["version"] != second["version"]
    with _console(home) as url:
        shown = _read(f"{url}/api/executions")
        assert [one["version"] for one in shown["executions"]] == [second["version"], first["version"]]
        assert shown == _read(f"{_said(home)['console_url']}/api/executions")
        assert _read(f"{url}/api/place")["can_write"] is True
    assert not _listens(int(url.rsplit(":", 1)[1]))


@contextlib.contextmanager
def _console(home: Path) -> Iterator[str]:
    """`vod console`, running; its address."""
    argv = [*VOD, "console", "--port", "0"]
    process = subprocess.Popen(argv, cwd=home, env=_environment(home), stdout=subprocess.PIPE, text=True)
    try:
        (url,) = re.findall(r"http://\S+(?=;)", process.stdout.readline())
        yield url
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()


def _read(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(home: Path, film_folder: Path, up: subprocess.Popen, how: signal.Signals):
    said = _said(home)
    film = films.make(film_folder, "busy.mp4", *films.picture("1280x720", 30), *films.H264)
    busy = subprocess.Popen([*VOD, "run", str(film)], cwd=home, env=_environment(home), stdout=subprocess.DEVNULL)
    try:
        _wait_for(lambda: any("ffmpeg" in name for name in _family(up.pid).values()))
        family = _family(up.pid)
        os.killpg(up.pid, how) if how == signal.SIGINT else up.send_signal(how)
        up.wait(30)
    finally:
        busy.terminate()
        busy.wait(30)
    _wait_for(lambda: not [pid for pid in family if pid != up.pid and Path(f"/proc/{pid}/cmdline").exists()])
    for url in (said["endpoint_url"], said["delivery_url"], said["console_url"]):
        assert not _listens(int(url.rsplit(":", 1)[1]))


def _said(home: Path) -> dict:
    """What `vod up` left for other commands; nothing while it has not."""
    try:
        return json.loads((home / ".vod" / "up.json").read_text())
    except OSError:
        return {}


def _family(pid: int) -> dict[int, str]:
    """Every process below this one, by pid, with its command line."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    below, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in below} - below
        below, grown = below | more, bool(more)
    found = {}
    for child in below - {pid}:
        with contextlib.suppress(OSError):
            found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
    return found


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
