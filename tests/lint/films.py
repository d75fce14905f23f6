"""Films to look at: a job's settings and a source go in, every file of the output folder comes out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tests.lint.presentation import Presentation
from tests.local.mediaconvert.test_worker import run
from tests.local.mediaconvert.tiny_s3 import TinyS3

FOLDER = "out/v/"


@dataclasses.dataclass(frozen=True)
class Sidecar:
    key: str
    text: str


def packaged(settings: dict[str, Any], film: Path, scratch: Path, *sidecars: Sidecar) -> dict[str, bytes]:
    """The files of job settings from tests/local/mediaconvert/films, by name."""
    store = TinyS3()
    try:
        for sidecar in sidecars:
            store.put(sidecar.key, sidecar.text.encode())
        scratch.mkdir(parents=True, exist_ok=True)
        said = run(store, settings, scratch, film)
        assert said[-1]["type"] == "complete", said[-1]
        return {key.removeprefix(FOLDER): one.body for key, one in store.objects.items() if key.startswith(FOLDER)}
    finally:
        store.close()


def presentation(files: dict[str, bytes]) -> Presentation:
    return Presentation(files, "stream.m3u8", "stream.mpd" if "stream.mpd" in files else None)
