from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.local.edge import Edge, Serving, serve
from tests.local.edge.stub_s3 import StubS3
from tests.local.edge.template import PHYSICAL, template


@pytest.fixture
def origin() -> Iterator[StubS3]:
    stub = StubS3()
    yield stub
    stub.stop()


@pytest.fixture
def start(origin: StubS3, tmp_path: Path) -> Iterator[Callable[..., httpx.Client]]:
    """Start an edge over the stub origin; gives a client whose `serving` is the edge."""
    running: list[tuple[Serving, httpx.Client]] = []

    def _start(document: dict[str, Any] | None = None, **options: Any) -> httpx.Client:
        physical = options.pop("physical", PHYSICAL)
        edge = Edge(document or template(), physical, origin.url, tmp_path / "edge", **options)
        serving = serve(edge)
        client = httpx.Client(base_url=serving.url, trust_env=False, headers={"accept-encoding": "identity"})
        client.serving = serving  # type: ignore[attr-defined]
        running.append((serving, client))
        return client

    yield _start
    for serving, client in running:
        client.close()
        serving.stop()


@pytest.fixture
def edge(start: Callable[..., httpx.Client]) -> httpx.Client:
    return start()
