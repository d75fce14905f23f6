"""start: every upload of a film starts one execution, and nothing else starts any."""

from __future__ import annotations

import json

import pytest

from lambdas.start.handler import handler
from pipeline.aws import executions
from pipeline.media.asset import Upload
from tests.aws.world import MACHINE_ARN, refusal
from tests.lambdas.events import batch, failed_messages
from tests.media.films import event, upload
from tests.media.test_asset import PUBLISHED

pytestmark = pytest.mark.usefixtures("environment")


class FakeStepFunctions:
    def __init__(self):
        self.started: dict[str, dict] = {}
        self.refuse: Exception | None = None

    def start_execution(self, stateMachineArn, name, input):
        if self.refuse:
            raise self.refuse
        if name in self.started:
            raise refusal("StartExecution", "ExecutionAlreadyExists")
        self.started[name] = json.loads(input)
        return {"executionArn": stateMachineArn.replace(":stateMachine:", ":execution:") + ":" + name}


@pytest.fixture
def states(monkeypatch) -> FakeStepFunctions:
    fake = FakeStepFunctions()
    monkeypatch.setattr(executions, "client", lambda service: fake)
    return fake


def test_an_upload_starts_an_execution_whose_input_is_identity_only(states, table):
    assert handler(batch(event()), None) == {"batchItemFailures": []}
    assert states.started == {upload().execution_name: {"upload": upload().as_state()}}
    assert table.version(upload())["execution_arn"].startswith(MACHINE_ARN.replace("stateMachine", "execution"))


def test_the_event_that_aws_publishes_starts_one_when_its_key_is_an_upload(states):
    assert handler(batch(PUBLISHED), None) == {"batchItemFailures": []}
    assert not states.started, "example-key is not under uploads/"
    under = json.loads(json.dumps(PUBLISHED).replace("example-key", "uploads/example key+1.mp4"))
    handler(batch(under), None)
    assert list(states.started) == [Upload.from_event(under).execution_name]


def test_a_duplicate_starts_nothing_even_when_the_name_is_free_again(states):
    handler(batch(event(), event()), None)
    states.started.clear()  # ninety-one days later
    assert handler(batch(event()), None) == {"batchItemFailures": []} and not states.started


def test_an_execution_that_exists_already_counts_as_started(states, table):
    states.started[upload().execution_name] = {}
    assert handler(batch(event()), None) == {"batchItemFailures": []}
    assert table.version(upload())["execution_arn"].endswith(upload().execution_name)


def test_an_upload_registered_by_a_delivery_that_died_is_started_by_the_next(states, table):
    table.register(upload())
    handler(batch(event()), None)
    assert upload().execution_name in states.started


def test_two_uploads_of_one_key_are_two_executions_of_one_asset(states):
    handler(batch(event(), event(sequencer="FF", **{"version-id": "second"})), None)
    assert len(states.started) == 2
    assert len({each["upload"]["asset_id"] for each in states.started.values()}) == 1


def test_events_that_come_in_the_wrong_order_start_the_same_executions(states, table):
    older, newer = event(sequencer="0A"), event(sequencer="0A1", **{"version-id": "second"})
    handler(batch(newer, older, newer), None)
    assert len(states.started) == 2
    orders = {name: each["upload"]["order"] for name, each in states.started.items()}
    assert orders[Upload.from_event(older).execution_name] < orders[Upload.from_event(newer).execution_name]


@pytest.mark.parametrize("key", ["uploads/film.en.srt", "uploads/", "uploads/.DS_Store", "receipts/film.json"])
def test_what_is_no_film_is_let_go(states, key):
    assert handler(batch(event(key)), None) == {"batchItemFailures": []} and not states.started


def test_junk_and_throttling_come_back_and_the_rest_of_the_batch_does_not(states):
    answer = handler(batch("no json", event(), {"detail": {}}, "null"), None)
    assert failed_messages(answer) == [0, 2, 3] and len(states.started) == 1
    states.refuse = refusal("StartExecution", "ThrottlingException")
    assert failed_messages(handler(batch(event("uploads/other.mp4")), None)) == [0]
    states.refuse = None
    assert failed_messages(handler(batch(event("uploads/other.mp4")), None)) == []
    assert len(states.started) == 2
