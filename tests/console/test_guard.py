"""Who may speak to the console."""

from __future__ import annotations

import pytest

from pipeline.console.guard import headers, refusal
from tests.console.conftest import ORIGIN

PAGE = {"host": "127.0.0.1:8090", "sec-fetch-site": "same-origin"}
POST = {**PAGE, "origin": ORIGIN, "x-vod-console": "1", "content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("GET", "/", {"host": "127.0.0.1:8090", "sec-fetch-site": "cross-site"}),  # a link from elsewhere
        ("GET", "/api/place", PAGE),
        ("GET", "/api/place", {"host": "127.0.0.1:8090"}),  # curl
        ("GET", "/api/place", {"host": "127.0.0.1:8090", "sec-fetch-site": "none"}),  # typed in
        ("POST", "/api/uploads", POST),
    ],
)
def test_its_own_page_and_its_owner_may(method, path, sent):
    assert refusal(method, path, sent, ORIGIN) is None


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/", {"host": "evil.example:8090"}, 421),
        ("GET", "/api/place", {"host": "localhost:8090"}, 421),
        ("GET", "/api/place", {"host": "127.0.0.1"}, 421),
        ("GET", "/api/place", {}, 421),
        ("GET", "/api/place", {**PAGE, "sec-fetch-site": "cross-site"}, 403),
        ("GET", "/api/place", {**PAGE, "sec-fetch-site": "same-site"}, 403),  # another port of this machine
        ("POST", "/api/uploads", {**POST, "origin": "http://127.0.0.1:8080"}, 403),
        ("POST", "/api/uploads", {name: value for name, value in POST.items() if name != "origin"}, 403),
        ("POST", "/api/uploads", {name: value for name, value in POST.items() if name != "x-vod-console"}, 403),
        ("POST", "/api/uploads", {**POST, "content-type": "text/plain"}, 415),
        ("POST", "/", POST, 405),
        ("DELETE", "/api/uploads", POST, 405),
        ("OPTIONS", "/api/uploads", POST, 405),
    ],
)
def test_nobody_else_may(method, path, sent, status):
    assert refusal(method, path, sent, ORIGIN)[0] == status


def test_pages_are_confined_to_their_own_scripts_and_the_bucket():
    policy = headers(("https://films.s3.amazonaws.com",), ("https://films.example",))["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "connect-src 'self' https://films.s3.amazonaws.com;" in policy
    assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
