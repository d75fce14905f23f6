"""One embedded AWS for the tests of this folder: a process has one, and starting it takes a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pipeline.local.stack import Emulators, start_emulators


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulators]:
    with ExitStack() as opening:
        yield start_emulators(opening, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
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
