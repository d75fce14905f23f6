"""A small AWS for each test of the first floor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.aws import transcoder
from pipeline.aws.table import AssetTable
from tests.aws.world import TABLE, FakeMediaConvert, Queue, furnish, moto_in_place


@pytest.fixture(scope="module")
def moto() -> Iterator[None]:
    with moto_in_place():
        yield


@pytest.fixture
def aws(moto: None) -> None:
    furnish()


@pytest.fixture
def table(aws: None) -> AssetTable:
    return AssetTable(TABLE)


@pytest.fixture
def jobs_queue(aws: None) -> Queue:
    return Queue("jobs")


@pytest.fixture
def mediaconvert(aws: None, monkeypatch: pytest.MonkeyPatch) -> FakeMediaConvert:
    fake, real = FakeMediaConvert(), transcoder.client
    monkeypatch.setattr(transcoder, "client", lambda service: fake if service == "mediaconvert" else real(service))
    return fake
