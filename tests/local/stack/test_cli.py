"""The AWS CLI against the local stack, told where it is by AWS_ENDPOINT_URL alone, as a user would."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.local.stack.functions import until
from tests.local.stack.processes import Served

AWS = Path(sys.executable).with_name("aws")
pytestmark = pytest.mark.skipif(not AWS.exists() or sys.platform != "linux", reason="needs the AWS CLI beside Python")


@pytest.fixture
def aws(served: Served, tmp_path: Path):
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": served.endpoint_url,
        "AWS_ACCESS_KEY_ID": "anything",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
    }

    def run(*args: str) -> Any:
        result = subprocess.run([str(AWS), *args], env=env, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout) if result.stdout.startswith(("{", "[")) else result.stdout

    return run


def test_files_small_and_large_go_up_and_come_back(aws, served: Served, tmp_path: Path):
    target = f"s3://{served.outputs['OutputsBucket']}/w"
    for name, size in (("small.mp4", 1000), ("large film.mp4", 20 << 20)):
        (tmp_path / name).write_bytes(os.urandom(size))
        aws("s3", "cp", str(tmp_path / name), f"{target}/{name}")
        aws("s3", "cp", f"{target}/{name}", str(tmp_path / "back"))
        assert (
            hashlib.md5((tmp_path / "back").read_bytes()).digest()
            == hashlib.md5((tmp_path / name).read_bytes()).digest()
        )
    listed = aws("s3", "ls", f"{target}/")
    assert "1000 small.mp4" in listed
    assert "20971520 large film.mp4" in listed
    with urllib.request.urlopen(aws("s3", "presign", f"{target}/small.mp4").strip(), timeout=10) as answer:
        assert answer.read() == (tmp_path / "small.mp4").read_bytes()
    aws("s3", "rm", "--recursive", target)


def test_an_upload_is_followed_from_the_bucket_to_its_executions_history(aws, served: Served, tmp_path: Path):
    (tmp_path / "notes.mp4").write_text("not a film")
    aws("s3", "cp", str(tmp_path / "notes.mp4"), f"s3://{served.outputs['SourcesBucket']}/uploads/notes.mp4")
    machine = ("--state-machine-arn", served.outputs["StateMachineArn"])
    execution = until(lambda: aws("stepfunctions", "list-executions", *machine)["executions"], 30)[0]
    events = aws("stepfunctions", "get-execution-history", "--execution-arn", execution["executionArn"])["events"]
    assert events[0]["type"] == "ExecutionStarted"
    items = aws("dynamodb", "scan", "--table-name", served.outputs["AssetsTable"])["Items"]
    assert items
    groups = aws("logs", "describe-log-groups")["logGroups"]
    assert [group for group in groups if "start" in group["logGroupName"].lower()]


@pytest.mark.parametrize(
    "command",
    [
        ("sns", "list-topics"),
        ("lambda", "list-functions"),
        ("events", "list-rules"),
        ("mediaconvert", "list-queues"),
        ("cloudformation", "describe-stacks"),
        ("cloudfront", "list-distributions"),
        ("s3api", "list-buckets"),
        ("sts", "get-caller-identity"),
        ("iam", "list-roles"),
    ],
)
def test_the_console_in_text(aws, command: tuple[str, ...]):
    assert aws(*command)


def test_queues_need_the_endpoint_on_the_command_line(aws, served: Served):
    """The CLI's version 1 has its own idea of where SQS is and asks AWS_ENDPOINT_URL about all others."""
    urls = aws("sqs", "list-queues", "--endpoint-url", served.endpoint_url)["QueueUrls"]
    assert served.outputs["UploadsQueueUrl"] in urls


def test_a_function_is_invoked(aws, tmp_path: Path):
    functions = aws("lambda", "list-functions")["Functions"]
    record = next(found["FunctionName"] for found in functions if "record" in found["FunctionName"].lower())
    answer = aws("lambda", "invoke", "--function-name", record, "--payload", "{}", str(tmp_path / "answer"))
    assert answer["StatusCode"] == 200
    assert "errorType" in json.loads((tmp_path / "answer").read_text())  # an event without detail is no event
