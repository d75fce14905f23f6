"""The Lambda functions the state machines of these tests call; every function here is deployed under its own name."""

import itertools
import json
import os
import threading
import time
from pathlib import Path


class CustomError(Exception):
    pass


def echo(event, context):
    return event


def fail(event, context):
    raise CustomError(event.get("message", "boom"))


def flaky(event, context):
    """Fail the first `fails` times an id is seen; then say how often it was called and how long it was between."""
    calls = Path(os.environ["LAMBDA_TASK_ROOT"], f"calls-{event['id']}")
    with calls.open("a") as file:
        file.write(f"{time.time():.3f}\n")
    times = [float(line) for line in calls.read_text().splitlines()]
    if len(times) <= event["fails"]:
        raise CustomError(f"attempt {len(times)}")
    gaps = [round(later - earlier, 2) for earlier, later in itertools.pairwise(times)]
    return {"attempts": len(times), "gaps": gaps, "given": event.get("given")}


def slow(event, context):
    time.sleep(event["seconds"])
    return event


def sleepy(event, context):
    """Its own timeout is one second."""
    time.sleep(10)


def about(event, context):
    return {
        "name": context.function_name,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "request_id": context.aws_request_id,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "region": os.environ["AWS_REGION"],
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "greeting": os.environ["GREETING"],
    }


def hungry(event, context):
    return len([b"x" * (8 << 20) for _ in range(80)])


def crash(event, context):
    os._exit(3)


def big(event, context):
    return "y" * event["characters"]


def token(event, context):
    """Do with a task token what the event says, before this function returns or (with "later") after."""
    work = threading.Thread(target=answer, args=(event,), daemon=True)
    work.start()
    if not event.get("later"):
        work.join()
    return {"acknowledged": True}


def answer(order):
    import boto3

    steps = boto3.client("stepfunctions")
    time.sleep(order.get("after", 0))
    for _ in range(order.get("beats", 0)):
        steps.send_task_heartbeat(taskToken=order["token"])
        time.sleep(order["every"])
    if "output" in order:
        steps.send_task_success(taskToken=order["token"], output=json.dumps(order["output"]))
    elif "error" in order:
        steps.send_task_failure(taskToken=order["token"], error=order["error"], cause=order.get("cause", ""))


def batch(event, context):
    """For a queue: report the messages that say "bad"."""
    bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": message} for message in bad]}
