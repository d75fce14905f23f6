"""What the ASL cases run in: the embedded AWS, with functions, a bucket, a table, queues and a topic."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.local.interpreter import handlers

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/test"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine"
QUEUE = "tokens"
FUNCTIONS = ("echo", "fail", "flaky", "slow", "sleepy", "about", "hungry", "crash", "big", "token", "batch")
CONFIGURATION = {"sleepy": {"Timeout": 1}, "hungry": {"MemorySize": 192}}


@dataclass(frozen=True)
class Ended:
    """An execution that has ended."""

    arn: str
    status: str
    output: Any
    error: str | None
    cause: str | None
    seconds: float
    events: list[dict]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


@dataclass
class World:
    endpoint_url: str
    logs: Path
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            config = Config(
                retries={"total_max_attempts": 1},
                max_pool_connections=64,
                read_timeout=120,
                s3={"addressing_style": "path"},
                inject_host_prefix=False,
            )
            session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
            self.clients[service] = session.client(service, endpoint_url=self.endpoint_url, config=config)
        return self.clients[service]

    @property
    def steps(self) -> Any:
        return self.client("stepfunctions")

    def create(self, machine: dict, **options: Any) -> str:
        name = f"m-{uuid.uuid4().hex[:12]}"
        options = {"name": name, "roleArn": ROLE, "definition": json.dumps(machine), **options}
        return self.steps.create_state_machine(**options)["stateMachineArn"]

    def start(self, machine: dict | str, given: Any = None, **options: Any) -> str:
        arn = machine if isinstance(machine, str) else self.create(machine)
        text = json.dumps({} if given is None else given)
        return self.steps.start_execution(stateMachineArn=arn, input=text, **options)["executionArn"]

    def wait(self, execution: str, patience: float = 60) -> Ended:
        deadline = time.monotonic() + patience
        while (found := self.steps.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"still running: {self.history(execution)[-3:]}"
            time.sleep(0.1)
        output = json.loads(found["output"]) if "output" in found else None
        seconds = (found["stopDate"] - found["startDate"]).total_seconds()
        return Ended(
            execution, found["status"], output, found.get("error"), found.get("cause"), seconds, self.history(execution)
        )

    def run(self, machine: dict | str, given: Any = None) -> Ended:
        return self.wait(self.start(machine, given))

    def history(self, execution: str) -> list[dict]:
        pages = self.steps.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]

    def prepare(self) -> None:
        """Everything the cases name."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._create_function, FUNCTIONS))
        s3 = self.client("s3")
        s3.create_bucket(Bucket="cases")
        s3.put_object(Bucket="cases", Key="items.json", Body=json.dumps([{"n": number} for number in range(5)]))
        s3.put_object(Bucket="cases", Key="items.csv", Body="a,b\n1,2\n3,4\n")
        for number in range(3):
            s3.put_object(Bucket="cases", Key=f"list/{number}.txt", Body=b"x")
        self.client("dynamodb").create_table(
            TableName="cases",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        )
        self.client("sqs").create_queue(QueueName=QUEUE)
        self.client("sns").create_topic(Name="cases")
        child = {"StartAt": "Child", "States": {"Child": {"Type": "Pass", "End": True}}}
        self.create(child, name="child")
        self.create({"StartAt": "Child", "States": {"Child": {"Type": "Fail", "Error": "ChildError"}}}, name="failing")
        threading.Thread(target=self._answer_tokens, daemon=True).start()

    def _create_function(self, name: str) -> None:
        self.client("lambda").create_function(
            **{
                "FunctionName": name,
                "Runtime": "python3.14",
                "Role": ROLE,
                "Handler": f"handlers.{name}",
                "Timeout": 20,
                "Code": {"ZipFile": packed()},
                "MemorySize": 256,
                "Environment": {"Variables": {"GREETING": "hello"}},
                **CONFIGURATION.get(name, {}),
            }
        )

    def _answer_tokens(self) -> None:
        """Carry out what the messages on the queue say is to be done with their tokens."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
        while True:
            try:
                received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
                for message in received.get("Messages", []):
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    threading.Thread(target=self._obey, args=(json.loads(message["Body"]),), daemon=True).start()
            except Exception:
                return  # the endpoint has gone

    def _obey(self, order: dict) -> None:
        if "token" not in order:
            return
        time.sleep(order.get("after", 0))
        for _ in range(order.get("beats", 0)):
            self.steps.send_task_heartbeat(taskToken=order["token"])
            time.sleep(order["every"])
        if "output" in order:
            self.steps.send_task_success(taskToken=order["token"], output=json.dumps(order["output"]))
        elif "error" in order:
            self.steps.send_task_failure(taskToken=order["token"], error=order["error"], cause=order["cause"])


def packed(source: str | None = None) -> bytes:
    """A function's zip: these tests' handlers, or the source given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handlers.py", source or Path(handlers.__file__).read_text())
    return buffer.getvalue()


@contextmanager
def serving(home: Path) -> Iterator[World]:
    argv = [sys.executable, "-m", "tests.local.interpreter.serving", str(home)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert line, f"the embedded AWS did not start (exit {process.wait()})"
        said = json.loads(line)
        yield World(said["endpoint_url"], Path(said["logs"]))
        process.stdin.close()
