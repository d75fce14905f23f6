"""A Lambda host without an emulator around it."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.lambda_host import Answer, Function, LambdaHost


@dataclass
class Bench:
    """A host, and functions made from a few lines of source each."""

    host: LambdaHost
    logs: Path
    made: dict[str, Function] = field(default_factory=dict)

    def function(
        self,
        source: str,
        name: str = "film",
        handler: str = "app.handler",
        timeout_s: float = 10,
        memory_mb: int = 256,
        **environment: str,
    ) -> Function:
        code = textwrap.dedent(source)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("app.py", code)
        root = self.host.unpack(str(abs(hash(code))), archive.getvalue())
        return Function(
            name,
            f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
            handler,
            "python3.14",
            root,
            timeout_s,
            memory_mb,
            "us-east-1",
            tuple(sorted(environment.items())),
        )

    def invoke(self, function: Function, event: Any = None) -> Answer:
        return self.host.invoke(function, json.dumps(event).encode())

    def run(self, source: str, event: Any = None, **options: Any) -> Any:
        return json.loads(self.invoke(self.function(source, **options), event).payload)


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("lambda")
    with LambdaHost(folder / "functions", folder / "logs", "http://127.0.0.1:9", "123456789012") as host:
        yield Bench(host, folder / "logs")


@pytest.fixture
def small_bench(tmp_path: Path) -> Iterator[Bench]:
    """Room for two sandboxes."""
    with LambdaHost(
        tmp_path / "functions", tmp_path / "logs", "http://127.0.0.1:9", "123456789012", sandboxes=2
    ) as host:
        yield Bench(host, tmp_path / "logs")
