"""The assets table: every write that decides something is conditional, so order and repetition do not matter."""

from __future__ import annotations

import itertools

import pytest

from pipeline.aws.table import AssetTable, now
from pipeline.media.errors import SourceSuperseded
from tests.media.films import upload

FIRST = upload(sequencer="01")
SECOND = upload(sequencer="02", **{"version-id": "second"})
THIRD = upload(sequencer="03", **{"version-id": "third"})


def test_a_duplicate_event_finds_what_the_first_one_registered(table: AssetTable):
    first = table.register(FIRST)
    table.started(FIRST, "arn:execution")
    again = table.register(FIRST)
    assert first["revision"] == again["revision"] == 1 and first["upload"] == again["upload"] == FIRST.as_state()
    assert "execution_arn" not in first and again["execution_arn"] == "arn:execution"


def test_a_second_upload_of_a_key_is_another_version_of_the_same_asset(table: AssetTable):
    table.register(FIRST)
    table.register(SECOND)
    assert FIRST.asset_id == SECOND.asset_id
    assert table.version(FIRST)["upload"]["order"] < table.version(SECOND)["upload"]["order"]


def test_what_goes_in_comes_out(table: AssetTable):
    error = {"evidence": {"ratio": 0.25, "count": 3, "list": [1, "a", None], "yes": True}, "message": "\u6620"}
    table.mark(FIRST, "rejected", error=error)
    assert table.version(FIRST)["error"] == error
    assert table.version(SECOND) is None


@pytest.mark.parametrize("arrivals", list(itertools.permutations([FIRST, SECOND, THIRD])))
def test_whatever_finishes_first_the_newest_upload_is_published_last(table: AssetTable, arrivals):
    published = []
    for each in arrivals:
        try:
            table.publish(each, "title")
            published.append(each)
        except SourceSuperseded as refused:
            assert refused.evidence["this"].startswith(each.order)
    asset = table.asset(FIRST.asset_id)
    assert asset["current"] == {"version": THIRD.version, "revision": 1}
    assert published == sorted(published, key=lambda each: each.order) and published[-1] == THIRD


def test_publishing_again_what_is_published_is_the_same_success(table: AssetTable):
    table.publish(FIRST, "title")
    table.publish(FIRST, "title")
    assert table.asset(FIRST.asset_id)["status"] == "published"


def test_a_later_run_of_the_same_upload_may_follow_and_the_earlier_may_not_return(table: AssetTable):
    table.publish(FIRST.with_revision(2), "title")
    table.publish(FIRST.with_revision(10), "title")
    with pytest.raises(SourceSuperseded):
        table.publish(FIRST.with_revision(9), "title")


def test_opening_an_asset_does_not_unpublish_it(table: AssetTable):
    table.publish(FIRST, "title")
    table.open_asset(SECOND, "new title")
    asset = table.asset(FIRST.asset_id)
    assert asset["status"] == "published" and asset["current"]["version"] == FIRST.version
    assert (asset["title"], asset["key"]) == ("new title", FIRST.key)


# Failures ------------------------------------------------------------------------------------------------------------


def test_a_failure_is_noted_with_its_error(table: AssetTable):
    table.mark(FIRST, "transcoding")
    table.fail(FIRST, {"code": "OUTPUT_WRONG"})
    assert table.version(FIRST)["status"] == "failed" and table.version(FIRST)["error"]["code"] == "OUTPUT_WRONG"


def test_a_version_without_a_status_can_fail_too(table: AssetTable):
    table.fail(FIRST, {"code": "SERVICE_ERROR"})
    assert table.version(FIRST)["status"] == "failed"


def test_a_published_film_stays_published_when_only_telling_failed(table: AssetTable):
    table.mark(FIRST, "published")
    table.fail(FIRST, {"code": "SERVICE_ERROR"})
    assert table.version(FIRST)["status"] == "published" and table.version(FIRST)["error"]["code"] == "SERVICE_ERROR"


# Jobs ----------------------------------------------------------------------------------------------------------------


def begun(table: AssetTable, attempt: int = 1) -> dict:
    assert table.attempt(FIRST, "streams", attempt, "token")
    return table.job(FIRST, "streams")


def test_token_and_attempt_are_stored_in_one_write_before_the_job(table: AssetTable):
    assert table.attempt(FIRST, "streams", 1, "token-1")
    job = table.job(FIRST, "streams")
    assert (job["task_token"], job["attempt"], job["status"], job["job_id"]) == ("token-1", 1, "INTENDED", None)
    assert job["upload"] == FIRST.as_state()


@pytest.mark.parametrize("number", [1, 2])
def test_of_two_functions_that_make_the_same_attempt_one_wins(table: AssetTable, number):
    assert table.attempt(FIRST, "streams", 2, "token-1")
    assert not table.attempt(FIRST, "streams", number, "token-2")
    assert table.job(FIRST, "streams")["task_token"] == "token-1"


def test_a_live_job_is_handed_the_new_token_and_an_older_attempts_is_not(table: AssetTable):
    begun(table, attempt=2)
    assert table.adopt(FIRST, "streams", 2, "token-2") and not table.adopt(FIRST, "streams", 1, "token-3")
    assert table.job(FIRST, "streams")["task_token"] == "token-2"


def test_a_job_id_that_is_saved_late_does_not_become_the_next_attempts(table: AssetTable):
    begun(table, attempt=2)
    table.submitted(FIRST, "streams", 1, "job-1")
    assert table.job(FIRST, "streams")["job_id"] is None


def test_a_job_is_found_by_its_user_metadata(table: AssetTable):
    begun(table)
    found = table.job_of({"asset_id": FIRST.asset_id, "version": FIRST.version, "revision": "1", "role": "streams"})
    assert found["task_token"] == "token" and found["attempt"] == 1
    assert table.job_of({"asset_id": "other", "version": "v", "revision": "1", "role": "streams"}) is None


def test_jobs_lists_this_run_only(table: AssetTable):
    begun(table)
    table.attempt(FIRST, "download", 1, "token")
    table.attempt(FIRST.with_revision(2), "streams", 1, "token")
    table.attempt(FIRST.with_revision(11), "streams", 1, "token")
    table.attempt(SECOND, "streams", 1, "token")
    assert [job["role"] for job in table.jobs(FIRST)] == ["download", "streams"]


def test_a_new_attempt_forgets_the_last_ones_job(table: AssetTable):
    begun(table)
    table.submitted(FIRST, "streams", 1, "job-1")
    table.job_news(FIRST, "streams", 1, "ERROR")
    job = begun(table, attempt=2)
    assert (job["job_id"], job["status"], job["percent"], job["attempt"]) == (None, "INTENDED", 0, 2)
    assert job["attempted_at"] <= now()


@pytest.mark.parametrize("ended", ["COMPLETE", "ERROR", "CANCELED"])
def test_an_event_that_overtakes_the_saving_of_the_id_is_not_undone(table: AssetTable, ended):
    begun(table)
    assert table.job_news(FIRST, "streams", 1, ended, 100)
    table.submitted(FIRST, "streams", 1, "job-1")
    job = table.job(FIRST, "streams")
    assert (job["status"], job["job_id"]) == (ended, "job-1")


@pytest.mark.parametrize("ended", ["COMPLETE", "ERROR", "CANCELED"])
def test_progress_does_not_revive_a_job_that_has_ended(table: AssetTable, ended):
    begun(table)
    assert table.job_news(FIRST, "streams", 1, ended)
    assert not table.job_news(FIRST, "streams", 1, "PROGRESSING", 50)
    assert table.job(FIRST, "streams")["status"] == ended


@pytest.mark.parametrize("status", ["PROGRESSING", "COMPLETE", "ERROR", "CANCELED"])
def test_news_of_an_older_attempt_touch_nothing(table: AssetTable, status):
    begun(table, attempt=2)
    assert not table.job_news(FIRST, "streams", 1, status, 99)
    assert table.job(FIRST, "streams")["status"] == "INTENDED"


def test_progress_without_a_percentage_keeps_the_last_one(table: AssetTable):
    begun(table)
    assert table.job_news(FIRST, "streams", 1, "PROGRESSING", 42)
    assert table.job_news(FIRST, "streams", 1, "PROGRESSING", None)
    assert table.job(FIRST, "streams")["percent"] == 42
