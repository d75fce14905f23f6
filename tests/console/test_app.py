"""What the console answers."""

from __future__ import annotations

import datetime

import pytest

from pipeline.aws import clients, operate, uploads
from pipeline.aws.holds import Holds
from pipeline.aws.operate import NotNow
from pipeline.console import actions, app
from tests.aws.world import MACHINE_ARN, TABLE, refusal
from tests.console.conftest import AT, ORIGIN, post
from tests.media.films import BUCKET, upload
from tests.media.test_timeline import story

FILM = upload()
NAME = FILM.execution_name
RUNNING = story(
    ("ExecutionStarted", {"input": "{}"}, 0),
    ("TaskStateEntered", "Probe source"),
    ("LambdaFunctionScheduled", {}),
)


@pytest.fixture
def running(table, steps):
    """FILM is being encoded."""
    table.register(FILM)
    table.started(FILM, f"{MACHINE_ARN}:{NAME}")
    table.mark(FILM, "transcoding")
    table.open_asset(FILM, "A film of mine")
    table.entitle(FILM, "A film of mine")
    table.attempt(FILM, "streams", 1, "token")
    table.submitted(FILM, "streams", 1, "job-1")
    table.job_news(FILM, "streams", 1, "PROGRESSING", 41)
    steps.jobs["job-1"] = {"Status": "PROGRESSING", "JobPercentComplete": 43, "CurrentPhase": "TRANSCODING"}
    steps.begin(NAME, RUNNING)


# Reading -------------------------------------------------------------------------------------------------------------


def test_the_place_says_which_stack_it_is_and_whether_one_may_write(open_console):
    assert open_console(write=False, endpoint=None).get("/api/place").json() == {
        "stack": "Vod",
        "region": "us-east-1",
        "account": "123456789012",
        "endpoint": None,
        "can_write": False,
        "delivery_url": "https://films.example",
        "sources_bucket": BUCKET,
        "state_machine_arn": MACHINE_ARN,
        "intake": {"paused": False, "since": None, "by": None, "reason": None},
    }


def test_a_film_under_way_is_listed_with_its_title_and_percentage(console, running):
    (found,) = console.get("/api/executions").json()["executions"]
    assert found["name"] == NAME and found["arn"].endswith(f":execution:Vod:{NAME}")
    assert (found["title"], found["film"], found["percent"]) == ("A film of mine", FILM.key, 41)
    assert (found["status"], found["execution_status"], found["stopped_at"]) == ("transcoding", "RUNNING", None)
    assert found["started_at"] == "2026-11-01T12:00:00.000Z"


def test_a_poll_that_brings_nothing_new_has_no_body(console, running):
    first = console.get("/api/executions")
    again = console.get("/api/executions", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"") and again.headers["etag"] == first.headers["etag"]
    other = console.get("/api/executions", headers={"if-none-match": '"another"'})
    assert other.status_code == 200


def test_a_poll_asks_aws_for_little(console, table, steps, monkeypatch):
    """One Query while nothing goes on, whatever the number of films; one batch more for encodes that are shown."""
    monkeypatch.setattr("pipeline.aws.listing.FRESH_SECONDS", 0)
    monkeypatch.setattr("pipeline.aws.listing._SHARE", 0)
    for number in range(60):
        film = upload(key=f"uploads/{number}.mov")
        table.register(film)
        table.mark(film, "rejected")
        steps.begin(film.execution_name, [], status="SUCCEEDED", stopDate=AT)
    assert len(console.get("/api/executions").json()["executions"]) == 50
    asked = []
    monkeypatch.setattr("pipeline.aws.histories.find", lambda arn: asked.append("DescribeExecution"))
    clients.client("dynamodb").meta.events.register(
        "before-call", lambda model, **more: asked.append(model.name), unique_id="counted"
    )
    try:
        assert console.get("/api/executions").status_code == 200
        assert asked == ["Query"]
        asked.clear()
        table.mark(film, "transcoding")
        asked.clear()
        steps.begin(film.execution_name, [])
        console.get("/api/executions")
        assert sorted(asked) == ["BatchGetItem", "DescribeExecution", "Query"]
        asked.clear()
        console.get("/api/executions")
        assert sorted(asked) == ["BatchGetItem", "Query"]
    finally:
        clients.client("dynamodb").meta.events.unregister("before-call", unique_id="counted")


def test_an_execution_is_told_with_its_states_jobs_and_links(console, running):
    told = console.get(f"/api/executions/{NAME}").json()
    (state,) = told["states"]
    assert (state["name"], state["status"], state["attempts"]) == ("Probe source", "running", 1)
    (job,) = told["jobs"]
    assert (job["role"], job["job_id"], job["percent"], job["phase"]) == ("streams", "job-1", 43, "TRANSCODING")
    assert (told["status"], told["execution_status"], told["percent"]) == ("transcoding", "RUNNING", 43)
    assert told["links"] == {
        "player": None,
        "asset_json": None,
        "receipt": f"/api/executions/{NAME}/receipt",
        "aws_console": None,
        "preview": None,
    }


def test_what_steps_noted_its_price_and_what_it_waits_for_come_along(console, running, table):
    table.note(FILM, source={"duration_ms": 9}, price={"predicted": {"total": 1.5}})
    waits = {"reason": "approval", "since": "2026-11-01", "until": "2027", "preview_url": "https://films.example/p"}
    Holds(TABLE).begin(FILM, "approval", "token", waits)
    told = console.get(f"/api/executions/{NAME}").json()
    assert told["price"] == {"predicted": {"total": 1.5}} and told["known"]["source"] == {"duration_ms": 9}
    assert told["waits"] == waits and told["links"]["preview"] == "https://films.example/p"


def test_in_aws_an_execution_links_to_step_functions_own_console(open_console, running):
    told = open_console(endpoint=None).get(f"/api/executions/{NAME}").json()
    assert told["links"]["aws_console"].startswith("https://us-east-1.console.aws.amazon.com/states/")


def test_an_earlier_revision_is_told_by_step_functions_and_names_the_newer(console, running, table, steps):
    table.fail(FILM, {"code": "OUTPUT_WRONG"})
    following = table.revise(FILM)
    cause = {"status": "FAILED", "stopDate": AT + datetime.timedelta(seconds=9), "error": "OutputWrong", "cause": "x"}
    steps.begin(NAME, RUNNING, **cause)
    told = console.get(f"/api/executions/{NAME}").json()
    assert (told["status"], told["newer"]) == (None, following.execution_name)
    assert told["error"] == {"code": "OutputWrong", "message": "x"} and told["stopped_at"]


def test_a_history_comes_in_pages_and_says_whose_each_event_is(console, running, monkeypatch):
    monkeypatch.setattr("pipeline.console.detail.EVENTS_AT_ONCE", 2)
    first = console.get(f"/api/executions/{NAME}/history").json()
    assert [event["type"] for event in first["events"]] == ["ExecutionStarted", "TaskStateEntered"]
    assert first["events"][0]["details"] == {"input": "{}"} and first["next"] == 2
    rest = console.get(f"/api/executions/{NAME}/history?next=2").json()
    assert [(event["id"], event["state"]) for event in rest["events"]] == [(3, "Probe source")] and rest["next"] is None


def test_the_graph_names_its_states_for_the_pages_colours(console, running):
    drawn = console.get(f"/api/graph?execution={NAME}").json()["svg"]
    assert 'data-state="Probe source"' in drawn and "<style" not in drawn
    assert console.get("/api/graph?execution=nobody-0123456789-r1").json() == console.get("/api/graph").json()


def test_a_receipt_is_read_from_s3_for_people_before_programs(console, running):
    path, s3 = f"/api/executions/{NAME}/receipt", clients.client("s3")
    assert console.get(path).status_code == 404
    for suffix in (".json", ".html"):
        s3.put_object(Bucket=BUCKET, Key=f"receipts/My Film.mov{suffix}", Body=b"{}")
        answer = console.get(path)
        assert answer.status_code == 302 and f"My%20Film.mov{suffix}?" in answer.headers["location"]


# What goes wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("/api/executions/nobody-0123456789-r1", "/api/executions/nobody", "/api/nothing"),
        *("/api/executions/nobody-0123456789-r1/history", "/api/executions/nobody-0123456789-r1/receipt"),
    ],
)
def test_what_is_not_there_is_said(console, path):
    answer = console.get(path)
    assert answer.status_code == 404 and answer.json()["error"] == "not_found" and answer.json()["message"]


@pytest.mark.parametrize("query", ["status=broken", "age=x", "limit=0", "next=x"])
def test_a_question_that_is_not_understood_is_said(console, query):
    answer = console.get(f"/api/executions?{query}")
    assert answer.status_code == 400 and answer.json()["error"] == "not_understood"


def test_a_refusal_of_awss_says_what_to_do_and_the_next_poll_asks_again(console, running, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(app.Films, "page", lambda films, wanted: _raise(refusal("Query", "ExpiredTokenException")))
        answer = console.get("/api/executions")
        assert answer.status_code == 502 and answer.json()["error"] == "credentials"
        assert "Renew them" in answer.json()["message"]
    assert console.get("/api/executions").status_code == 200


def test_a_fault_of_ours_is_no_traceback_in_the_page(console, monkeypatch, capsys):
    monkeypatch.setattr(app.Films, "page", lambda films, wanted: _raise(KeyError("secret")))
    answer = console.get("/api/executions")
    assert answer.status_code == 500 and answer.json()["error"] == "internal" and "secret" not in answer.text
    assert "KeyError: 'secret'" in capsys.readouterr().err


def _raise(error: Exception):
    raise error


def test_the_guard_stands_before_everything_and_every_answer_is_dressed(console):
    refused = console.get("/api/place", headers={"host": "evil.example"})
    assert refused.status_code == 421 and refused.json()["error"] == "refused"
    for answer in (refused, console.get("/api/place"), console.get("/"), console.get("/nothing")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
    assert console.post("/api/uploads", json={}).status_code == 403
    assert BUCKET in console.get("/api/place").headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/../pyproject.toml", "/%2e%2e/pyproject.toml", "/..%2fpyproject.toml"])
def test_nothing_but_the_page_is_served(console, path):
    assert console.get(path).status_code == 404


# Writing -------------------------------------------------------------------------------------------------------------


def test_a_console_that_only_reads_does_nothing(open_console, running, monkeypatch):
    monkeypatch.setattr(operate, "cancel", lambda name, place: pytest.fail("it did"))
    console = open_console(write=False)
    for path in ("/api/uploads", "/api/uploads/parts", f"/api/executions/{NAME}/cancel"):
        answer = post(console, path, {"name": "a.mov", "size": 1})
        assert answer.status_code == 403 and answer.json()["error"] == "read_only" and "--write" in answer.text


def test_an_upload_is_begun_gets_its_urls_and_is_completed(console):
    begun = post(console, "/api/uploads", {"name": "a.mov", "folder": "new", "size": 20 << 20, "type": "x/y"}).json()
    assert (begun["key"], begun["part_size"], begun["count"]) == ("uploads/new/a.mov", 8 << 20, 3)
    assert [part["number"] for part in begun["parts"]] == [1, 2, 3]
    named = {name: begun[name] for name in ("key", "upload_id")}
    (fresh,) = post(console, "/api/uploads/parts", {**named, "numbers": [2]}).json()["parts"]
    assert fresh["number"] == 2 and "partNumber=2" in fresh["url"]
    assert post(console, "/api/uploads/abort", named).json() == {"key": "uploads/new/a.mov"}


def test_of_very_many_parts_the_first_thousand_urls_are_given(console):
    begun = post(console, "/api/uploads", {"name": "a.mov", "size": 1 << 40}).json()
    assert (begun["count"], len(begun["parts"])) == (8192, 1000)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/api/uploads", {"name": "a/b.mov", "size": 1}, "no slash"),
        ("/api/uploads", {"name": "a.mov"}, "size: a whole number"),
        ("/api/uploads", {"name": "a.mov", "size": True}, "size: a whole number"),
        ("/api/uploads", {"name": "a.mov", "size": 1 << 60}, "cannot be uploaded"),
        ("/api/uploads", {"name": ["a"], "size": 1}, "name: a text"),
        ("/api/uploads", [], "not a JSON object"),
        ("/api/uploads/parts", {"key": "uploads/a", "upload_id": "u", "numbers": [0]}, "from 1 to 10000"),
        ("/api/uploads/parts", {"key": "uploads/a", "upload_id": "u", "numbers": [1] * 1001}, "up to 1000 at once"),
        ("/api/uploads/complete", {"key": "uploads/a", "upload_id": "u", "parts": []}, "one for each part"),
        ("/api/uploads/complete", {"key": "receipts/a", "upload_id": "u", "parts": [{"number": 1, "etag": ""}]}, "key"),
        ("/api/uploads/abort", {"key": "uploads/a"}, "upload_id"),
    ],
)
def test_an_upload_that_cannot_be_is_refused_with_the_reason(console, path, body, said):
    headers = {"origin": ORIGIN, "x-vod-console": "1"}
    answer = console.post(path, json=body, headers=headers)
    assert answer.status_code == 400 and said in answer.json()["message"]


def test_a_body_that_is_too_large_is_not_read_to_its_end(console):
    headers = {"origin": ORIGIN, "x-vod-console": "1", "content-type": "application/json"}
    answer = console.post("/api/uploads", content=b"[" * (app.LARGEST_BODY + 1), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("action", ["cancel", "retry", "approve", "release"])
def test_actions_are_the_commands_of_vod(console, monkeypatch, action):
    called = []
    module = operate if action in ("cancel", "retry") else actions.decide
    monkeypatch.setattr(module, action, lambda name, place, *more: called.append((name, more)) or {"how": action})
    answer = post(console, f"/api/executions/{NAME}/{action}", {"note": "looks well"})
    assert answer.status_code == 200 and action in answer.text
    assert called == [(NAME, () if module is operate else ("somebody", "looks well"))]


def test_an_action_that_comes_too_late_is_told(console, monkeypatch):
    monkeypatch.setattr(operate, "cancel", lambda name, place: _raise(NotNow("it is published")))
    answer = post(console, f"/api/executions/{NAME}/cancel")
    assert (answer.status_code, answer.json()) == (409, {"error": "not_now", "message": "it is published"})
    assert post(console, f"/api/executions/{NAME}/explode").status_code == 404
    assert post(console, "/api/executions/nobody-0123456789-r1/retry").status_code == 404


def test_what_waits_for_nobody_cannot_be_approved(console, running):
    answer = post(console, f"/api/executions/{NAME}/approve")
    assert answer.status_code == 409 and "does not wait for approval" in answer.json()["message"]


def test_uploads_gone_by_the_time_they_are_completed_are_told(console, monkeypatch):
    gone = uploads.UploadGone("The specified upload does not exist.")
    monkeypatch.setattr(uploads, "complete", lambda *of: _raise(gone))
    body = {"key": "uploads/a", "upload_id": "u", "parts": [{"number": 1, "etag": "x"}]}
    answer = post(console, "/api/uploads/complete", body)
    assert answer.status_code == 409 and "does not exist" in answer.json()["message"]
