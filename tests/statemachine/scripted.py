"""The real state machine with scripted tasks, in a process of its own: `python -m tests.statemachine.scripted HOME`.

Lambda and SNS are stand-ins that answer what the Walk of this name says; everything else is the embedded Step Functions
as the stack runs it, its API called over HTTP. Clocks are fast: what the definition waits for is a thousand times
shorter, what it allows is ten times shorter.

Prints one JSON line when it answers, ends when its standard input does.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.local.interpreter.world import ACCOUNT, FUNCTION, REGION, ROOT, World
from tests.statemachine.walks import ANSWERS, MACHINE, STATES, TASKS, WALKS

WAITS, LIMITS = 0.001, 0.1
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}"


def definition() -> str:
    """The file with its placeholders filled: each state gets a function (or topic) of its own, named after it."""

    def filled(scope: dict) -> dict:
        states = {}
        for name, state in scope["States"].items():
            if "Branches" in state:
                states[name] = {**state, "Branches": [filled(branch) for branch in state["Branches"]]}
            else:
                # Four weeks are long even for a fast clock.
                limit = {"TimeoutSeconds": min(state["TimeoutSeconds"], 60)} if "TimeoutSeconds" in state else {}
                text = re.sub(r"\$\{\w+FunctionArn\}", f"{FUNCTION}:{_slug(name)}", json.dumps({**state, **limit}))
                states[name] = json.loads(text.replace("${TopicArn}", f"{TOPIC}:{_slug(name)}"))
        return {**scope, "States": states}

    return json.dumps(filled(MACHINE))


def _slug(state: str) -> str:
    return state.replace(" ", "-")


# ---- the process ----------------------------------------------------------------------------------------------------


class Script:
    """Counts the attempts at each state of each walk, and says what is to become of the next."""

    def __init__(self) -> None:
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def next(self, walk: str, state: str) -> str | None:
        """The error of this attempt; None for success."""
        with self._lock:
            number = self._attempts[walk, state]
            self._attempts[walk, state] += 1
        errors = WALKS[walk].fails.get(state, ())
        return errors[number] if number < len(errors) else None

    @staticmethod
    def answer(walk: str, state: str) -> Any:
        usual, special = ANSWERS.get(state, {"by": state}), WALKS[walk].answers.get(state, {})
        answer = {**usual, **special}
        if state == "Publish asset":
            # The team's message is handed on to the stand-in of SNS, which knows by it whose it is.
            answer["message"] = {**answer["message"], "asset_id": walk}
        return answer


class Client:
    """In the place of boto3's clients of Lambda and SNS."""

    def __init__(self, script: Script, world: World) -> None:
        self._script, self._world = script, world

    def invoke(self, FunctionName: str, Payload: bytes, **_: Any) -> dict[str, Any]:
        given, state = json.loads(Payload), _state(FunctionName)
        walk, token = given["upload"]["asset_id"], given.get("task_token")
        error = self._script.next(walk, state)
        if error is not None and not (token and _is_told_by_token(error)):
            return _function_failed(error, state)
        if error in ("States.HeartbeatTimeout", "States.Timeout"):
            pass  # nobody ever answers
        elif error is not None:
            self._world.steps.send_task_failure(taskToken=token, error=error, cause=json.dumps({"state": state}))
        elif token:
            self._world.steps.send_task_success(taskToken=token, output=json.dumps(self._script.answer(walk, state)))
        return _answered(self._script.answer(walk, state))

    def publish(self, TopicArn: str, Message: Any, **_: Any) -> dict[str, Any]:
        state = _state(TopicArn)
        given = json.loads(Message) if isinstance(Message, str) else Message
        error = self._script.next(given["asset_id"], state)
        if error == "States.Timeout":
            time.sleep(LIMITS * STATES[state]["TimeoutSeconds"] * 1.5)
        elif error is not None:
            raise _refused("InternalError")
        return {"MessageId": "1", "ResponseMetadata": {"HTTPStatusCode": 200}}


def _state(arn: str) -> str:
    return next(name for name in TASKS if _slug(name) == arn.rpartition(":")[2])


def _is_told_by_token(error: str) -> bool:
    """Our own errors about a job reach a waiting state by its token; that nobody tells anything is one of them."""
    return error in ("States.HeartbeatTimeout", "States.Timeout", "TranscodeInterrupted", "SourceRejected")


def _function_failed(error: str, state: str) -> dict[str, Any]:
    """Make an invocation end in a way that Step Functions calls by this name."""
    from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

    if error == "Lambda.SdkClientException":
        raise EndpointConnectionError(endpoint_url="https://lambda.example.com")
    if error == "Lambda.ClientExecutionTimeoutException":
        raise ReadTimeoutError(endpoint_url="https://lambda.example.com")
    if error == "Lambda.Unknown":
        return _answered({"errorMessage": "the process has exited"}, FunctionError="Unhandled")
    if error.startswith("Lambda."):
        raise _refused(error.removeprefix("Lambda."))
    return _answered({"errorType": error, "errorMessage": f"in {state}"}, FunctionError="Unhandled")


def _answered(payload: Any, **fields: Any) -> dict[str, Any]:
    return {
        "StatusCode": 200,
        "ExecutedVersion": "$LATEST",
        "Payload": io.BytesIO(json.dumps(payload).encode()),
        "ResponseMetadata": {"HTTPStatusCode": 200},
        **fields,
    }


def _refused(code: str) -> Exception:
    from botocore.exceptions import ClientError

    metadata = {"HTTPStatusCode": 500, "RequestId": "1"}
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": metadata}, "Invoke")


def main(home: str) -> None:
    from pipeline.local.emulators import integrations
    from pipeline.local.emulators.interpreter_waits import pace
    from pipeline.local.stack import start_emulators

    with ExitStack() as opening:
        emulators = start_emulators(opening, Path(home))
        pace.set(waits=WAITS, limits=LIMITS)
        client = Client(Script(), World(emulators.endpoint_url, emulators.run.logs))
        integrations.stand_in("lambda", client)
        integrations.stand_in("sns", client)
        print(json.dumps({"endpoint_url": emulators.endpoint_url, "logs": str(emulators.run.logs)}), flush=True)
        sys.stdin.read()


@contextmanager
def serving(home: Path) -> Iterator[World]:
    """Start the process above; its world, until the end of the block."""
    argv = [sys.executable, "-m", "tests.statemachine.scripted", str(home)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert line, f"the embedded Step Functions did not start (exit {process.wait()})"
        said = json.loads(line)
        yield World(said["endpoint_url"], Path(said["logs"]))
        process.stdin.close()


if __name__ == "__main__":
    main(sys.argv[1])
