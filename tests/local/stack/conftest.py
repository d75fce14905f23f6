"""One embedded AWS in this process for the tests of single services, and one whole stack in another process.

A process can hold one embedded AWS, so it lasts for this package's tests and ends before others begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.local.stack import Emulators, start_emulators
from tests.local.stack.processes import Served, serve


@pytest.fixture(scope="package")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulators]:
    with ExitStack() as opening:
        yield start_emulators(opening, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="package")
def s3(aws: Emulators):
    return aws.client("s3")


@pytest.fixture
def bucket(s3, request: pytest.FixtureRequest) -> str:
    return _make(s3, request, "plain")


@pytest.fixture
def versioned(s3, request: pytest.FixtureRequest) -> str:
    name = _make(s3, request, "versioned")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


_made = iter(range(10_000))


def _make(s3, request: pytest.FixtureRequest, kind: str) -> str:
    name = f"{kind}-{next(_made)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for the built player page."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>films</title>")
    return folder


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="package")
def served(home: Path, page: Path) -> Iterator[Served]:
    served = serve(home, page)
    yield served
    served.process.terminate()
    served.process.wait(10)
    served.process.stdout.close()
