"""The operators' commands: which pipeline they speak to, what they print, what status they exit with."""

from __future__ import annotations

import io
import json
import os

import pytest
from botocore.exceptions import ClientError

from pipeline.aws import operate as work
from pipeline.cli import operate, world
from pipeline.cli.main import main
from pipeline.cli.world import World

OUTPUTS = {
    "AssetsTable": "table",
    "OutputsBucket": "outputs",
    "DeliveryUrl": "https://films.example.com",
    "SourcesBucket": "sources",
    "StateMachineArn": "machine",
    "MediaConvertQueueArn": "queue",
    "UploadsQueueUrl": "uploads",
    "JobsQueueUrl": "jobs",
    "RecordFunction": "record",
    "SweepFunction": "sweep",
    **{f"{name}DeadLettersUrl": f"{name}-dead".lower() for name in ("Uploads", "Jobs", "Record", "Sweep")},
}
HERE = World("http://127.0.0.1:1", "http://127.0.0.1:2", OUTPUTS, shared=True)


@pytest.fixture(autouse=True)
def here(monkeypatch) -> None:
    monkeypatch.setattr(operate, "attached", lambda home, stack: HERE)


def vod(capsys, *arguments: str) -> tuple[int, str]:
    """Exit status, and what was said: an answer on standard output, a mistake on standard error."""
    status, said = main(list(arguments)), capsys.readouterr()
    return status, (said.out + said.err).strip()


def test_cancel_says_what_it_stopped_and_removed(capsys, monkeypatch):
    asked = []
    done = [{"execution": "film-1-r1", "cancelled_jobs": ["j"], "removed_objects": 7}]
    monkeypatch.setattr(work, "cancel", lambda name, place: asked.append((name, place.table)) or done)
    assert vod(capsys, "cancel", "film-1") == (0, "cancelled film-1-r1: 1 jobs stopped, 7 objects removed")
    assert asked == [("film-1", "table")]
    assert json.loads(vod(capsys, "cancel", "film-1", "--json")[1]) == {"cancelled": done}


@pytest.mark.parametrize(
    ("error", "status"), [(work.NothingByThatName("x: there is no asset"), 2), (work.NotNow("x is published"), 1)]
)
def test_a_mistake_is_one_sentence(capsys, monkeypatch, error, status):
    def refuses(name, place):
        raise error

    monkeypatch.setattr(work, "cancel", refuses)
    assert vod(capsys, "cancel", "x") == (status, f"vod: {error}")


class Lambda:
    def __init__(self, answer: object, failed: bool = False):
        self.answer, self.failed, self.asked = answer, failed, []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict:
        self.asked.append((FunctionName, json.loads(Payload)))
        body = {"Payload": io.BytesIO(json.dumps(self.answer).encode())}
        return {**body, "FunctionError": "Unhandled"} if self.failed else body


REPORT = {"counts": {"heartbeat": 3}, "did": ["heartbeat: a"], "trouble": ["job b: X"], "finished": False}


def test_sweep_prints_its_report(capsys, monkeypatch):
    function = Lambda(REPORT)
    monkeypatch.setattr(operate, "client", lambda service: function)
    status, said = vod(capsys, "sweep", "--grace", "0")
    assert status == 0 and function.asked == [("sweep", {"grace_seconds": 0})]
    assert said.splitlines() == [
        "3 x heartbeat",
        "  heartbeat: a",
        "could not see to job b: X",
        "time did not suffice; the next sweep does the rest",
    ]
    assert json.loads(vod(capsys, "sweep", "--json")[1]) == REPORT and function.asked[-1] == ("sweep", {})


def test_a_sweep_that_fails_says_with_what(capsys, monkeypatch):
    monkeypatch.setattr(operate, "client", lambda service: Lambda({"errorMessage": "throttled"}, failed=True))
    status, said = vod(capsys, "sweep")
    assert status == 1 and "throttled" in said and "Traceback" not in said


# Which pipeline ------------------------------------------------------------------------------------------------------


def test_without_a_pipeline_it_says_how_to_come_by_one(tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(world.NoPipeline, match="vod up"):
        world.attached(tmp_path, None)


class CloudFormation:
    def describe_stacks(self, StackName: str) -> dict:
        outputs = {"Films": [{"OutputKey": key, "OutputValue": key} for key in ("StateMachineArn", "DeliveryUrl")]}
        if StackName not in ("Films", "Other"):
            answer = {"Error": {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}}
            raise ClientError(answer, "DescribeStacks")
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs.get(StackName, [])}]}


def test_a_stack_is_found_by_its_name_with_the_sdks_own_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(world.boto3, "client", lambda service: CloudFormation())
    found = world.attached(tmp_path, "Films")
    assert (found.endpoint_url, found.delivery_url) == ("", "DeliveryUrl")
    monkeypatch.setenv("VOD_STACK", "Other")
    with pytest.raises(world.NoPipeline, match="no outputs of this pipeline"):
        world.attached(tmp_path, None)
    with pytest.raises(world.NoPipeline, match=r"stack Gone: .* does not exist"):
        world.attached(tmp_path, "Gone")


def test_a_local_pipeline_is_spoken_to_without_leaving_traces(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    with world.spoken_to(HERE):
        assert os.environ["AWS_ENDPOINT_URL"] == HERE.endpoint_url and os.environ["AWS_ACCESS_KEY_ID"] == "local"
    assert "AWS_ENDPOINT_URL" not in os.environ and os.environ["AWS_ACCESS_KEY_ID"] == "mine"
    with world.spoken_to(World("", "https://d.example", OUTPUTS)):
        assert os.environ["AWS_ACCESS_KEY_ID"] == "mine", "a deployed stack is reached with the operator's own settings"
