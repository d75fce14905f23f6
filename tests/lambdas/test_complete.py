"""complete: MediaConvert's events become the answers that waiting steps get, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.complete.handler import handler
from pipeline.aws import executions, objects, pointers
from pipeline.media.errors import VodError, parse_cause
from tests.aws.world import refusal
from tests.lambdas.events import JOB_ID, MEDIACONVERT, batch, failed_messages, mediaconvert_event, of
from tests.media.films import OUTPUTS, upload

pytestmark = pytest.mark.usefixtures("environment")
FILM = upload()


@pytest.fixture
def said(monkeypatch) -> list[tuple[str, str, Any]]:
    """What was said to Step Functions: (kind, token, output or error)."""
    heard: list[tuple[str, str, Any]] = []
    monkeypatch.setattr(executions, "succeed", lambda token, output: heard.append(("succeed", token, output)) or True)
    monkeypatch.setattr(executions, "fail", lambda token, error: heard.append(("fail", token, error)) or True)
    monkeypatch.setattr(executions, "heartbeat", lambda token: heard.append(("heartbeat", token, None)) or True)
    return heard


@pytest.fixture
def waiting(table):
    """A step that waits for its first attempt."""
    table.attempt(FILM, "streams", 1, "token-1")
    table.submitted(FILM, "streams", 1, JOB_ID)
    return table


def deliver(status: str, attempt: int = 1, **more: Any) -> dict:
    return handler(batch(mediaconvert_event(status, of(FILM, attempt=attempt), **more)), None)


def test_complete_succeeds_the_step_with_small_outputs(waiting, said):
    assert deliver("COMPLETE") == {"batchItemFailures": []}
    assert said == [("succeed", "token-1", {"job_id": JOB_ID, "warnings": ["230001"], "duration_ms": 30041})]
    assert waiting.job(FILM, "streams")["status"] == "COMPLETE" and waiting.job(FILM, "streams")["percent"] == 100


def test_error_fails_the_step_by_our_name_with_mediaconverts_words(waiting, said):
    deliver("ERROR")
    ((kind, token, error),) = said
    assert (kind, token, type(error).__name__, error.code) == (
        "fail",
        "token-1",
        "TranscodeFailed",
        "TRANSCODE_SETTINGS",
    )
    read = parse_cause("TranscodeFailed", str(error))
    assert "MediaConvert error 1040: Example error message" in read["message"] and read["evidence"]["job_id"] == JOB_ID
    assert waiting.job(FILM, "streams")["status"] == "ERROR"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (1030, "SourceRejected"),
        (1076, "SourceUnreadable"),
        (1401, "TranscodeFailed"),
        (1999, "TranscodeInterrupted"),
        (3451, "TranscodeInterrupted"),
        (None, "TranscodeInterrupted"),
    ],
)
def test_the_class_decides_what_the_state_machine_does(waiting, said, code, name):
    deliver("ERROR", errorCode=code)
    assert type(said[0][2]).__name__ == name


def test_an_error_without_words_still_says_which_job(waiting, said):
    deliver("ERROR", errorMessage=None)
    assert "no message" in said[0][2].message and said[0][2].evidence["job_id"] == JOB_ID


def test_canceled_fails_the_step_and_says_that_somebody_did_it(waiting, said):
    deliver("CANCELED")
    assert said[0][0] == "fail" and said[0][2].code == "TRANSCODE_CANCELED" and JOB_ID in said[0][2].message


def test_status_update_is_a_heartbeat_and_progress(waiting, said):
    deliver("STATUS_UPDATE")
    assert said == [("heartbeat", "token-1", None)]
    job = waiting.job(FILM, "streams")
    assert (job["status"], job["percent"]) == ("PROGRESSING", 7)


@pytest.mark.parametrize("status", ["PROGRESSING", "INPUT_INFORMATION", "NEW_WARNING", "QUEUE_HOP"])
def test_every_other_event_is_a_sign_of_life(waiting, said, status):
    assert deliver(status) == {"batchItemFailures": []}
    assert said == [("heartbeat", "token-1", None)]


def test_percentages_may_be_missing(waiting, said):
    deliver("STATUS_UPDATE", jobProgress={"jobPercentComplete": None})
    deliver("STATUS_UPDATE", jobProgress=None)
    assert len(said) == 2 and waiting.job(FILM, "streams")["percent"] == 0


def test_events_after_the_end_are_no_heartbeats(waiting, said):
    for status in ("COMPLETE", "STATUS_UPDATE", "PROGRESSING"):
        deliver(status)
    assert [kind for kind, *_ in said] == ["succeed"]
    assert waiting.job(FILM, "streams")["status"] == "COMPLETE"


def test_the_answer_goes_to_whoever_waits_now(waiting, said):
    waiting.adopt(FILM, "streams", 1, "token-2")
    deliver("COMPLETE")
    assert said[0][1] == "token-2"


@pytest.mark.parametrize("status", MEDIACONVERT)
def test_events_of_an_older_attempt_do_no_harm(waiting, said, status):
    waiting.attempt(FILM, "streams", 2, "token-2")
    assert deliver(status) == {"batchItemFailures": []}
    assert said == [] and waiting.job(FILM, "streams")["status"] == "INTENDED"


@pytest.mark.parametrize("status", ["COMPLETE", "ERROR"])
def test_an_answer_that_overtakes_the_saving_of_the_job_id_reaches_the_step(table, said, status):
    table.attempt(FILM, "streams", 1, "token-1")
    deliver(status)
    assert len(said) == 1


@pytest.mark.parametrize(
    "foreign",
    [
        {},
        {"asset_id": "x"},
        {"asset_id": "x", "version": "v", "revision": "1", "role": "streams", "attempt": "1"},
        None,
    ],
)
def test_jobs_of_somebody_else_in_our_queue_are_let_go(waiting, said, foreign):
    assert handler(batch(mediaconvert_event("COMPLETE", foreign)), None) == {"batchItemFailures": []} and not said


def test_an_answer_that_cannot_be_given_now_is_tried_again(waiting, monkeypatch):
    def throttled(token, output):
        raise refusal("SendTaskSuccess", "ThrottlingException")

    monkeypatch.setattr(executions, "succeed", throttled)
    assert failed_messages(deliver("COMPLETE")) == [0]
    heard = []
    monkeypatch.setattr(executions, "succeed", lambda token, output: heard.append(token) or True)
    assert failed_messages(deliver("COMPLETE")) == [] and heard == ["token-1"]


def test_junk_comes_back_and_the_rest_of_the_batch_does_not(waiting, said):
    good = mediaconvert_event("COMPLETE", of(FILM))
    broken = mediaconvert_event("COMPLETE", {**of(FILM), "revision": "one"})
    assert failed_messages(handler(batch("no json", good, {"no": "detail"}, broken), None)) == [0, 2, 3]
    assert [kind for kind, *_ in said] == ["succeed"]


def test_every_error_we_send_can_be_read_back(waiting, said):
    deliver("ERROR", errorMessage='caf\u00e9 "quoted"\n' * 5000)
    error = said[0][2]
    assert isinstance(error, VodError) and json.loads(str(error)[:32768])["code"] == "TRANSCODE_SETTINGS"


def shown() -> dict[str, Any]:
    return json.loads(objects.read(OUTPUTS, f"a/{FILM.asset_id}/asset.json"))


def progress(percent: int | None, attempt: int = 1) -> None:
    deliver("STATUS_UPDATE", attempt, jobProgress={"jobPercentComplete": percent})


def test_viewers_who_wait_see_how_far_the_film_is(waiting, said):
    pointers.show(OUTPUTS, FILM, "My Film", "processing")
    progress(40)
    assert (shown()["status"], shown()["percent"]) == ("processing", 40)
    progress(10)  # an event that comes late
    progress(None)
    assert shown()["percent"] == 40 and [kind for kind, *_ in said] == ["heartbeat"] * 3


def test_progress_of_a_replacement_does_not_disturb_what_plays(waiting, said):
    objects.write_json(OUTPUTS, f"a/{FILM.asset_id}/asset.json", {"status": "published", "version": "older"})
    progress(40)
    assert shown() == {"status": "published", "version": "older"}


def test_progress_where_nothing_is_shown_shows_nothing(waiting, said):
    progress(40)
    assert objects.head_object(OUTPUTS, f"a/{FILM.asset_id}/asset.json") is None
