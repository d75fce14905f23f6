"""Jobs from CreateJob to their end: order, progress, failures, cancelling, and what is left behind (nothing)."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest

from tests.local.mediaconvert.conftest import create, wait_until


def status_of(client, job_id: str) -> str:
    return client.get_job(Id=job_id)["Job"]["Status"]


def worker_pids(home: Path) -> list[int]:
    path = home / "mediaconvert" / "pids"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_job_that_goes_well_tells_its_story_in_order(client, events):
    job_id = create(client, "input-probing-warning-warning-transcoding-uploading-complete")["Id"]
    events.wait_for("COMPLETE")
    assert events.statuses(job_id) == ["PROGRESSING", "INPUT_INFORMATION", "NEW_WARNING", "COMPLETE"]
    job = client.get_job(Id=job_id)["Job"]
    assert job["Warnings"] == [{"Code": 240000, "Count": 2}]
    assert job["Messages"] == {"Info": [], "Warning": ["Silence was added"]}


def test_progress_is_seen_while_the_job_runs(client, events):
    job_id = create(client, "transcoding-input-hang")["Id"]
    events.wait_for("INPUT_INFORMATION")
    job = client.get_job(Id=job_id)["Job"]
    assert (job["Status"], job["CurrentPhase"], job["JobPercentComplete"]) == ("PROGRESSING", "TRANSCODING", 45)


def test_percentages_never_run_backwards(client, events):
    job_id = create(client, "transcoding-backwards-input-hang")["Id"]
    events.wait_for("INPUT_INFORMATION")
    assert client.get_job(Id=job_id)["Job"]["JobPercentComplete"] == 45


def test_an_error_of_the_engine_is_the_jobs_error(client, events):
    job_id = create(client, "error")["Id"]
    detail = events.wait_for("ERROR")
    assert (detail["errorCode"], detail["errorMessage"]) == (1010, "The input is not a film [moov atom not found]")
    job = client.get_job(Id=job_id)["Job"]
    assert (job["Status"], job["ErrorCode"]) == ("ERROR", 1010)


@pytest.mark.parametrize(
    ("acts", "words"),
    [
        ("mutter-crash", "exited with status 3 without finishing the job; the end of its log"),
        ("mutter-crash", "engine: something odd"),
        ("killed", "was killed by SIGKILL without finishing the job; it left no log"),
        ("silence", "exited with status 0 without finishing the job"),
        ("babble-complete", "said what the service does not understand"),
        ("nonsense-complete", "DREAMING is not a phase of a job"),
    ],
)
def test_a_worker_that_ends_badly_makes_an_error_1999_that_says_how(client, events, acts, words):
    job_id = create(client, acts)["Id"]
    detail = events.wait_for("ERROR")
    assert detail["errorCode"] == 1999
    assert words in detail["errorMessage"]
    assert events.statuses(job_id) == ["PROGRESSING", "ERROR"]


def test_a_worker_that_cannot_be_started_makes_an_error_1999(start_service, serve, events):
    client = serve(start_service(worker_command=("/nowhere/worker",)))
    create(client)
    detail = events.wait_for("ERROR")
    assert detail["errorCode"] == 1999
    assert "/nowhere/worker" in detail["errorMessage"]


def test_the_log_of_a_dead_worker_is_kept_and_an_empty_one_is_not(client, events, tmp_path):
    quiet = create(client, "complete")["Id"]
    loud = create(client, "mutter-crash")["Id"]
    events.wait_for("ERROR")
    wait_until(lambda: not (tmp_path / "mediaconvert" / f"{quiet}.log").exists())
    assert (tmp_path / "mediaconvert" / f"{loud}.log").read_text() == "engine: something odd\n"


def test_scratch_is_gone_after_the_job(client, events, tmp_path):
    create(client, "complete")
    events.wait_for("COMPLETE")
    wait_until(lambda: list((tmp_path / "mediaconvert" / "scratch").iterdir()) == [])


def test_a_running_job_is_cancelled_and_its_process_goes(client, events, tmp_path):
    job_id = create(client, "input-hang")["Id"]
    events.wait_for("INPUT_INFORMATION")
    client.cancel_job(Id=job_id)
    assert status_of(client, job_id) == "CANCELED"
    wait_until(lambda: not any(is_alive(pid) for pid in worker_pids(tmp_path)))
    assert events.wait_for("CANCELED")["jobId"] == job_id
    assert events.statuses(job_id) == ["PROGRESSING", "INPUT_INFORMATION", "CANCELED"]


def test_a_worker_deaf_to_the_leash_is_killed(client, events, tmp_path):
    job_id = create(client, "deaf-input-hang")["Id"]
    events.wait_for("INPUT_INFORMATION")
    client.cancel_job(Id=job_id)
    wait_until(lambda: not any(is_alive(pid) for pid in worker_pids(tmp_path)))
    assert status_of(client, job_id) == "CANCELED"


def test_the_next_job_starts_when_a_cancelled_one_has_gone(client, events):
    first, second = create(client, "input-hang")["Id"], create(client)["Id"]
    events.wait_for("INPUT_INFORMATION")
    client.cancel_job(Id=first)
    assert events.wait_for("COMPLETE")["jobId"] == second


def test_a_waiting_job_that_is_cancelled_never_starts(client, events):
    first, second, third = create(client, "input-hang")["Id"], create(client)["Id"], create(client)["Id"]
    client.cancel_job(Id=second)
    client.cancel_job(Id=first)
    assert events.wait_for("COMPLETE")["jobId"] == third
    assert events.statuses(second) == ["CANCELED"]
    assert "StartTime" not in client.get_job(Id=second)["Job"]["Timing"]


def test_a_queue_is_first_in_first_out_within_a_priority(client, events):
    client.create_queue(Name="Vod", Status="PAUSED")
    plain = [create(client, Queue="Vod")["Id"] for _ in range(2)]
    urgent = create(client, Queue="Vod", Priority=10)["Id"]
    idle = create(client, Queue="Vod", Priority=-10)["Id"]
    client.update_queue(Name="Vod", Status="ACTIVE")
    assert [events.wait_for("COMPLETE")["jobId"] for _ in range(4)] == [urgent, *plain, idle]


def test_a_paused_queue_holds_its_jobs_and_no_others(client, events):
    client.create_queue(Name="Vod", Status="PAUSED")
    held, free = create(client, Queue="Vod")["Id"], create(client)["Id"]
    assert events.wait_for("COMPLETE")["jobId"] == free
    assert status_of(client, held) == "SUBMITTED"


def test_a_job_runs_on_when_its_queue_is_paused(client, events):
    client.create_queue(Name="Vod")
    running = create(client, "input-moment-complete", Queue="Vod")["Id"]
    events.wait_for("INPUT_INFORMATION")
    client.update_queue(Name="Vod", Status="PAUSED")
    assert events.wait_for("COMPLETE")["jobId"] == running


def test_a_queue_runs_no_more_jobs_at_once_than_it_may(start_service, serve, events):
    client = serve(start_service(workers=3))
    client.create_queue(Name="Vod", ConcurrentJobs=1)
    first, second = create(client, "input-hang", Queue="Vod")["Id"], create(client, Queue="Vod")["Id"]
    other = create(client, "complete")["Id"]
    assert events.wait_for("COMPLETE")["jobId"] == other
    assert (status_of(client, first), status_of(client, second)) == ("PROGRESSING", "SUBMITTED")
    counts = client.get_queue(Name="Vod")["Queue"]
    assert (counts["ProgressingJobsCount"], counts["SubmittedJobsCount"]) == (1, 1)


def test_workers_run_side_by_side(start_service, serve, events):
    client = serve(start_service(workers=2))
    jobs = {create(client, "input-hang")["Id"] for _ in range(3)}
    started = {events.wait_for("INPUT_INFORMATION")["jobId"] for _ in range(2)}
    assert started < jobs
    assert [status_of(client, job_id) for job_id in jobs - started] == ["SUBMITTED"]


def test_close_leaves_no_process_no_scratch_and_no_event(start_service, serve, events, tmp_path):
    service = start_service(workers=2)
    client = serve(service)
    create(client, "input-hang")
    create(client, "deaf-input-hang")
    waiting = create(client, "complete")["Id"]
    for _ in range(2):
        events.wait_for("INPUT_INFORMATION")
    seen = list(events.seen)
    service.close()
    assert not any(is_alive(pid) for pid in worker_pids(tmp_path))
    assert len(worker_pids(tmp_path)) == 2
    assert not (tmp_path / "mediaconvert" / "scratch").exists()
    assert events.seen == seen
    assert status_of(client, waiting) == "CANCELED"
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("mediaconvert-")] == []


def test_old_finished_jobs_are_forgotten_with_their_logs(start_service, serve, events, tmp_path):
    service = start_service()
    service._dispatcher._history = 2
    client = serve(service)
    ids = [create(client, "mutter-complete")["Id"] for _ in range(4)]
    for _ in ids:
        events.wait_for("COMPLETE")
    wait_until(lambda: len(client.list_jobs()["Jobs"]) == 2)
    assert [job["Id"] for job in client.list_jobs(Order="ASCENDING")["Jobs"]] == ids[2:]
    assert sorted(path.stem for path in (tmp_path / "mediaconvert").glob("*.log")) == sorted(ids[2:])


def test_many_threads_may_create_and_cancel_at_once(start_service, serve, events):
    client = serve(start_service(workers=4))
    ids: list[str] = []

    def work(number: int) -> None:
        for turn in range(4):
            job_id = create(client, "complete", UserMetadata={"n": f"{number}.{turn}"})["Id"]
            ids.append(job_id)
            if turn % 2:
                with contextlib.suppress(client.exceptions.ConflictException):
                    client.cancel_job(Id=job_id)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 24
    wait_until(lambda: all(status_of(client, job_id) in ("COMPLETE", "CANCELED") for job_id in ids), 60)
    for job_id in ids:
        endings = [status for status in events.statuses(job_id) if status in ("COMPLETE", "CANCELED", "ERROR")]
        assert len(endings) == 1, (job_id, endings)
