"""Send the uploads, do what their users do, wait until everything has ended.

In: a running stack and what is to be sent. Out: the messages the topic had for its subscribers, and how long it took.
At most `at_once` films are under way at a time. A dead letter is sent back to its queue once, as an operator would; the
sweep, where the stack has one, is invoked every few seconds, as its schedule would.

Can go wrong: nothing moves for `PATIENCE_SECONDS`, which is: no function but the sweep ends. Then the run ends as it
stands, and the invariants say what is stuck. (Films that end are too few a sign: of a thousand at once, none may end
for minutes while all of them go on.)
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws import operate
from pipeline.aws.clients import client
from pipeline.local import lambda_processes
from pipeline.local.chaos import looking
from pipeline.local.chaos.scenarios import LATE, Sending
from pipeline.local.stack import Stack
from pipeline.media import keys

PATIENCE_SECONDS = 150
VISIBILITY_SECONDS = 5  # AWS: 180; a message whose function died comes back after it
SWEEP = "SweepFunction"
SWEEP_SECONDS = 5  # where a second of the definition is shorter too; its schedule says 300
LOOK_SECONDS = 1.0
MEMORY_SECONDS = 2.0
_PLACE = (
    "AssetsTable",
    "OutputsBucket",
    "StateMachineArn",
    "MediaConvertQueueArn",
    "DeliveryUrl",
)  # as operate.Place has them
SIDECAR = b"1\n00:00:00,500 --> 00:00:01,500\nChaos, with captions.\n"
FRENCH = b"1\n00:00:00,500 --> 00:00:01,500\nLe chaos, en retard.\n"


@dataclasses.dataclass(frozen=True)
class Haste:
    """How fast an operator's clocks are: seconds between sweeps, and until a message of a dead function comes back.

    visibility_seconds None: as the template says.
    """

    sweep_seconds: float = SWEEP_SECONDS
    visibility_seconds: int | None = VISIBILITY_SECONDS


AS_DEPLOYED = Haste(sweep_seconds=300, visibility_seconds=None)


@dataclasses.dataclass(frozen=True)
class Driven:
    messages: list[dict[str, Any]]
    seconds: float  # from the first upload to the last end
    peak_mb: float
    replayed: int  # dead letters sent back
    retried: int  # runs, by the operator
    sweeps: int
    ended: bool


@contextlib.contextmanager
def operator(stack: Stack) -> Iterator[None]:
    """Let pipeline.aws speak to the stack from this process, as `vod cancel` does."""
    ours = {
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), stack.emulators.region),
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "local"),
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    client.cache_clear()
    try:
        yield
    finally:
        client.cache_clear()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class Drive:
    def __init__(self, stack: Stack, films: Mapping[str, Path], at_once: int, haste: Haste):
        self._stack, self._films, self._at_once, self._haste = stack, films, at_once, haste
        self._s3 = stack.client("s3", retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=32)
        self._bucket = stack.outputs["SourcesBucket"]
        self._inbox = self._subscribe()
        self._done = threading.Event()
        self._peak_kb = 0
        self._sweeps = self._replayed = self._retried = 0
        self._to_retry: set[str] = set()
        self._to_caption: dict[str, Sending] = {}
        self._messages: list[dict[str, Any]] = []
        for name, url in looking.queues(stack).items():
            if haste.visibility_seconds and looking.DEAD_LETTERS not in name:
                attributes = {"VisibilityTimeout": str(haste.visibility_seconds)}
                stack.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=attributes)

    def run(self, sendings: Sequence[Sending]) -> Driven:
        doomed = {one.asset_id for one in sendings if one.cancelled}
        self._to_retry = {one.asset_id for one in sendings if one.retried}
        self._to_caption = {one.asset_id: one for one in sendings if one.captioned}
        besides = (
            self._watch_memory,
            self._sweep_often,
            lambda: self._cancel_at_work(doomed),
            self._retry_what_failed,
            self._caption,
        )
        watching = [threading.Thread(target=each, daemon=True) for each in besides]
        for thread in watching:
            thread.start()
        began = time.monotonic()
        ended = self._send_and_wait(sendings)
        seconds = time.monotonic() - began
        ended = self._settle() and ended
        self._done.set()
        for thread in watching:
            thread.join()
        self._receive()
        return Driven(self._messages, seconds, self._peak_kb / 1024, self._replayed, self._retried, self._sweeps, ended)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _send_and_wait(self, sendings: Sequence[Sending]) -> bool:
        """Keep `at_once` films under way; a film is over when every version of its key has ended."""
        expected: dict[str, int] = {}  # asset -> versions to be seen
        waiting, over, served, moved = list(sendings), 0, 0, time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            sending: list[concurrent.futures.Future[None]] = []
            while waiting or over < len(expected):
                while waiting and len(expected) - over < self._at_once:
                    one = waiting.pop(0)
                    expected[one.asset_id] = 1 + len(one.again)
                    sending.append(pool.submit(self._send, one))
                self._receive()
                looked = time.monotonic()
                over, before = self._over(expected), (over, served)
                served = self._served()
                time.sleep(max(LOOK_SECONDS, 4 * (time.monotonic() - looked)))  # looking at a thousand is work too
                if before != (over, served):
                    moved = time.monotonic()
                elif time.monotonic() - moved > PATIENCE_SECONDS:
                    return False
                elif time.monotonic() - moved > PATIENCE_SECONDS / 5:
                    self._replay()
            for future in sending:
                future.result()
        return True

    def _send(self, one: Sending) -> None:
        if one.sidecar:
            self._s3.put_object(Bucket=self._bucket, Key=keys.stem(one.key) + ".en.srt", Body=SIDECAR)
        self._put(one.key, one.film)
        for film, seconds in one.again:
            time.sleep(seconds)
            self._put(one.key, film)

    def _put(self, key: str, film: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=self._films[film].read_bytes())

    def _served(self) -> int:
        """How many events the functions have ended, but for the sweep's: it runs whether or not anything moves."""
        served = dict(self._stack.emulators.lambdas.served)
        served.pop(self._stack.deployment.physical.get(SWEEP), None)
        return sum(served.values())

    def _over(self, expected: Mapping[str, int]) -> int:
        """How many films have an execution for every version that is to come, and all of them ended."""
        ended, alive = collections.Counter(), collections.Counter()
        replaced = collections.Counter(
            one.asset_id for one in list(self._stack.faults.injected) if one.kind == "mediaconvert.source_replaced"
        )
        for name, status in looking.statuses(self._stack).items():
            (alive if status == "RUNNING" else ended)[name.rsplit("-", 2)[0]] += 1
        waiting = {*self._to_retry, *self._to_caption}
        return sum(
            ended[asset] >= count + replaced[asset] and not alive[asset] and asset not in waiting
            for asset, count in expected.items()
        )

    # --- settling ----------------------------------------------------------------------------------------------------

    def _settle(self) -> bool:
        """Wait for what follows an end: failures recorded, queues empty, jobs cancelled."""
        deadline = time.monotonic() + PATIENCE_SECONDS / 3
        quiet = 0
        while time.monotonic() < deadline:
            waiting = looking.waiting(self._stack)
            busy = sum(count for name, count in waiting.items() if looking.DEAD_LETTERS not in name)
            busy += sum(status == "RUNNING" for status in looking.statuses(self._stack).values())
            if sum(waiting.values()) > busy:
                self._replay()
            quiet = 0 if busy else quiet + 1
            if quiet >= 6:
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def _replay(self) -> None:
        """Send dead letters back to where they died."""
        sqs, queues = self._stack.client("sqs"), looking.queues(self._stack)
        for name, url in queues.items():
            home = queues.get(name.removesuffix("DeadLetters"))
            if looking.DEAD_LETTERS not in name or home is None:
                continue
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                sqs.send_message(QueueUrl=home, MessageBody=message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                self._replayed += 1

    # --- beside it ---------------------------------------------------------------------------------------------------

    def _subscribe(self) -> str:
        sqs, sns = self._stack.client("sqs"), self._stack.client("sns")
        url = sqs.create_queue(QueueName="chaos-listener")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=self._stack.outputs["TopicArn"], Protocol="sqs", Endpoint=arn)
        return url

    def _receive(self) -> None:
        sqs = self._stack.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._messages.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=self._inbox, ReceiptHandle=message["ReceiptHandle"])

    def _cancel_at_work(self, doomed: set[str]) -> None:
        """Cancel each of these assets once its job has begun, which the slow fault tells."""
        place = self._place()
        while doomed and not self._done.wait(0.2):
            at_work = {one.asset_id for one in list(self._stack.faults.injected) if one.kind == "mediaconvert.slow"}
            for asset in doomed & at_work:
                try:
                    operate.cancel(asset, place)
                    doomed.discard(asset)
                except operate.NotNow:  # rejected meanwhile, by another fault: that is an answer too
                    doomed.discard(asset)
                except ClientError:
                    continue  # a fault met the operator, who tries again

    def _retry_what_failed(self) -> None:
        """Retry each of these assets once all its runs have ended, one of them red."""
        place = self._place()
        while not self._done.wait(LOOK_SECONDS):
            ends = collections.defaultdict(set)
            for name, status in looking.statuses(self._stack).items() if self._to_retry else ():
                ends[name.rsplit("-", 2)[0]].add(status)
            for asset in [asset for asset in self._to_retry if ends[asset] and "RUNNING" not in ends[asset]]:
                if ends[asset] == {"SUCCEEDED"} or self._retry(asset, place):
                    self._to_retry.discard(asset)

    def _caption(self) -> None:
        """Send each its captions when their time has come; nobody waits for those of a film that ended without."""
        while not self._done.wait(0.2):
            at_work = {one.asset_id for one in list(self._stack.faults.injected) if one.kind == "mediaconvert.slow"}
            ends = collections.defaultdict(set)
            for name, status in looking.statuses(self._stack).items() if self._to_caption else ():
                ends[name.rsplit("-", 2)[0]].add(status)
            for asset, one in list(self._to_caption.items()):
                has_ended = bool(ends[asset]) and "RUNNING" not in ends[asset] and asset not in self._to_retry
                if (has_ended and "SUCCEEDED" in ends[asset]) if one.captioned == LATE else asset in at_work:
                    self._s3.put_object(Bucket=self._bucket, Key=one.late_caption, Body=FRENCH)
                    del self._to_caption[asset]
                elif has_ended:
                    del self._to_caption[asset]

    def _retry(self, asset: str, place: operate.Place) -> bool:
        """Whether that was all; else it is not recorded yet, or a fault met the operator, who tries again."""
        try:
            operate.retry(asset, place)
            self._retried += 1
        except operate.NotNow as refused:
            return "published" in str(refused)
        except ClientError:
            return False
        return True

    def _place(self) -> operate.Place:
        return operate.Place(*(self._stack.outputs[name] for name in _PLACE))

    def _sweep_often(self) -> None:
        name = self._stack.deployment.physical.get(SWEEP)
        functions = self._stack.client("lambda", read_timeout=600)
        while name and not self._done.wait(self._haste.sweep_seconds):
            with contextlib.suppress(Exception):  # it may meet a fault as everything may; the next one comes soon
                functions.invoke(FunctionName=name, Payload=b"{}")
                self._sweeps += 1

    def _watch_memory(self) -> None:
        """Of this process and all its children."""
        while not self._done.wait(MEMORY_SECONDS):
            self._peak_kb = max(self._peak_kb, lambda_processes.family_kb())
