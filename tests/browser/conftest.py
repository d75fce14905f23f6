"""A film to watch, and an edge that delivers it. The Chromium to watch it with is in chromium.py.

`film` is any published film: the browser tests only need its edge's URL and its asset id, so that other tests can
have a film from the whole pipeline played by the same assertions (`tests.browser.watching`).
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.local.edge import Edge, serve
from pipeline.local.player_build import PLAYER, build
from tests.browser.film import ASSET, CONTENT_TYPES, make_film
from tests.browser.watching import Film
from tests.local.edge.stub_s3 import StubS3
from tests.local.edge.template import PHYSICAL, template


@pytest.fixture(scope="session")
def bucket(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubS3]:
    """The outputs bucket with the built page and one film."""
    stub = StubS3()
    page = build(home)
    for path in page.rglob("*"):
        if path.is_file():
            _put(stub, f"site/{path.relative_to(page).as_posix()}", path)
    for name, path in make_film(tmp_path_factory.mktemp("film") / "a").items():
        _put(stub, f"a/{ASSET}/{name}", path)
    yield stub
    stub.stop()


@pytest.fixture(scope="session")
def film(bucket: StubS3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Film]:
    edge = Edge(_with_page_policy(), PHYSICAL, bucket.url, tmp_path_factory.mktemp("edge"))
    with serve(edge) as serving:
        yield Film(serving.url, ASSET)


def _with_page_policy() -> dict[str, object]:
    """The test distribution, with the Content-Security-Policy that the page is written for."""
    document = template()
    policy = document["Resources"]["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    csp = " ".join((PLAYER / "csp.txt").read_text().split())
    policy["SecurityHeadersConfig"]["ContentSecurityPolicy"] = {"ContentSecurityPolicy": csp, "Override": True}
    return document


def _put(stub: StubS3, key: str, path: Path) -> None:
    content_type = CONTENT_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "binary/octet-stream"
    stub.put(key, path.read_bytes(), content_type)
