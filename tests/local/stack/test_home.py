from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.local import home as homes

HOLD = """
import sys, time
from pathlib import Path
from pipeline.local import home
run = home.open_run(Path(sys.argv[1]))
print(run.path, flush=True)
time.sleep(60)
"""


def held_elsewhere(home: Path) -> tuple[subprocess.Popen, Path]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(home)], stdout=subprocess.PIPE, text=True)
    return process, Path(process.stdout.readline().strip())


def test_a_run_has_its_folders_and_closing_leaves_none(tmp_path: Path):
    run = homes.open_run(tmp_path)
    assert all(folder.is_dir() for folder in (run.objects, run.scratch, run.functions, run.cache, run.logs))
    (run.objects / "film").write_bytes(b"x")
    (run.logs / "ingest.log").write_text("kept")
    run.close()
    assert not run.path.exists()
    assert (run.logs / "ingest.log").exists()


def test_logs_of_a_run_that_logged_nothing_are_not_kept(tmp_path: Path):
    run = homes.open_run(tmp_path)
    run.close()
    assert not run.logs.exists()


def test_a_second_run_of_this_process_is_refused(tmp_path: Path):
    run = homes.open_run(tmp_path)
    with pytest.raises(homes.RunInUse):
        homes.open_run(tmp_path)
    run.close()
    homes.open_run(tmp_path).close()


def test_what_a_killed_process_left_is_removed_and_a_living_ones_is_not(tmp_path: Path):
    dead, dead_run = held_elsewhere(tmp_path)
    alive, alive_run = held_elsewhere(tmp_path)
    dead.kill()
    dead.wait()
    try:
        homes.open_run(tmp_path).close()
        assert not dead_run.exists()
        assert alive_run.exists()
    finally:
        alive.kill()
        alive.wait()
        alive.stdout.close()
        dead.stdout.close()


def test_a_run_folder_is_alive_by_its_lock_not_by_its_pid(tmp_path: Path):
    leftover = tmp_path / f"run-{os.getppid()}"  # the pid of a living process that is not ours
    leftover.mkdir()
    (leftover / "lock").touch()
    homes.open_run(tmp_path).close()
    assert not leftover.exists()


def test_the_newest_ten_logs_are_kept(tmp_path: Path):
    for day in range(10, 25):
        folder = tmp_path / "logs" / f"202511{day}T000000-1"
        folder.mkdir(parents=True)
        (folder / "a.log").touch()
    run = homes.open_run(tmp_path)
    kept = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert len(kept) == homes.LOGS_KEPT
    assert kept[-1] == run.logs.name
    run.close()


def test_a_home_that_cannot_be_written_says_where_it_is(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(homes.HomeUnusable, match=r"file.*VOD_HOME"):
        homes.open_run(tmp_path / "file")


def test_vod_home_wins_over_the_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VOD_HOME", raising=False)
    assert homes.default_home() == tmp_path / ".vod"
    monkeypatch.setenv("VOD_HOME", str(tmp_path / "elsewhere"))
    assert homes.default_home() == tmp_path / "elsewhere"
