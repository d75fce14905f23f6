"""A console over a small AWS: moto's table and buckets, and Step Functions as far as a console asks it."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from pipeline.aws import executions, transcoder
from pipeline.aws.operate import Place
from pipeline.aws.table import AssetTable
from pipeline.console import detail as details
from pipeline.console import drawn
from pipeline.console.app import application
from pipeline.console.place import Here
from tests.aws.world import MACHINE_ARN, QUEUE_ARN, TABLE, furnish, moto_in_place
from tests.media.films import BUCKET, OUTPUTS

ORIGIN, DELIVERY = "http://127.0.0.1:8090", "https://films.example"
AT = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.UTC)
MACHINE = {"StartAt": "Probe source", "States": {"Probe source": {"Type": "Task", "End": True}}}
PLACE = Place(TABLE, OUTPUTS, MACHINE_ARN, QUEUE_ARN, DELIVERY)


class Client:
    """Speaks to the application as a browser would that stands at its origin."""

    def __init__(self, app: Any):
        self._app = app

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        with ThreadPoolExecutor(1) as pool:  # Playwright keeps a loop running in the tests' own thread
            return pool.submit(asyncio.run, self._request(method, path, **more)).result()

    async def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            return await client.request(method, path, **more)


class Steps:
    """Executions, histories and the machine, by the names that the console's modules know them by."""

    class exceptions:
        class ExecutionDoesNotExist(Exception):
            pass

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.described: dict[str, dict[str, Any]] = {}
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.machine = MACHINE
        monkeypatch.setattr(executions, "find", lambda arn: self.described.get(arn))
        monkeypatch.setattr("pipeline.aws.histories.find", lambda arn: self.described.get(arn))
        monkeypatch.setattr(details.Histories, "events", lambda kept, arn: self.histories.get(arn, []))
        monkeypatch.setattr(drawn, "client", lambda service: self)
        monkeypatch.setattr(transcoder, "find_by_id", lambda job_id: self.jobs.get(job_id))

    def begin(self, name: str, history: list[dict[str, Any]], **described: Any) -> None:
        arn = executions.arn_of(name, MACHINE_ARN)
        self.described[arn] = {"status": "RUNNING", "startDate": AT, **described}
        self.histories[arn] = history

    def describe_state_machine(self, stateMachineArn: str) -> dict[str, Any]:
        assert stateMachineArn == MACHINE_ARN
        return {"definition": json.dumps(self.machine)}

    def describe_state_machine_for_execution(self, executionArn: str) -> dict[str, Any]:
        if executionArn not in self.described:
            raise self.exceptions.ExecutionDoesNotExist
        return {"definition": json.dumps(self.machine)}


@pytest.fixture(scope="module")
def moto() -> Iterator[None]:
    with moto_in_place():
        yield


@pytest.fixture
def table(moto: None) -> AssetTable:
    furnish()
    return AssetTable(TABLE)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


@pytest.fixture
def open_console(table: AssetTable, steps: Steps) -> Callable[..., Client]:
    """A console's client; `write`, and where it looks, as the caller says."""

    def opened(write: bool = True, endpoint: str | None = "local") -> Client:
        here = Here("Vod", PLACE, BUCKET, endpoint, write, "somebody")
        return Client(application(here, ORIGIN))

    return opened


@pytest.fixture
def console(open_console: Callable[..., Client]) -> Client:
    return open_console()


def post(console: Client, path: str, body: Any = None, **headers: str) -> Any:
    """As the console's own page sends it."""
    return console.post(path, json=body or {}, headers={"origin": ORIGIN, "x-vod-console": "1", **headers})
