"""CloudFront's decisions, as tables of cases."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.edge import policies
from pipeline.local.edge.distribution import CachePolicy, CorsPolicy, ErrorResponse, NameSelection, read_distribution
from tests.local.edge.template import PHYSICAL, template

NOW = 1_700_000_000.0
DISTRIBUTION = read_distribution(template(), PHYSICAL)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/a/*", "/a/x/index.m3u8", True),
        ("/a/*", "/a/", True),
        ("/a/*", "/a", False),
        ("a/*", "/a/x", True),
        ("/a/*/v/*", "/a/film/v/1-r1/x.cmfv", True),
        ("/a/*/v/*", "/a/film/asset.json", False),
        ("*.m3u8", "/a/b/c.m3u8", True),
        ("*.m3u8", "/a/b/c.M3U8", False),
        ("/?.js", "/a.js", True),
        ("/?.js", "/ab.js", False),
        ("/a.b", "/axb", False),
        ("/[ab]*", "/a", False),
        ("*", "/anything/at all\n", True),
    ],
)
def test_path_patterns(pattern: str, path: str, expected: bool) -> None:
    assert policies.matches(pattern, path) is expected


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/a/film/v/1-r1/stream.m3u8", "/a/*/v/*"),
        ("/a/film/index.m3u8", "/a/*"),
        ("/player/page.js", "/player/*"),
        ("/index.html", "*"),
        ("/A/film/index.m3u8", "*"),
        ("/a/../w/film/plan.json", "*"),
        ("/a/%2e%2E/w/film", "*"),
        ("/player/../a/film/v/1/x", "/a/*/v/*"),
        ("/a/film/v/..", "/a/*"),
    ],
)
def test_the_first_pattern_that_matches_the_normalised_path_wins(path: str, pattern: str) -> None:
    assert policies.behaviour_for(DISTRIBUTION, path).pattern == pattern


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_a_normalised_path_has_no_dot_segments_and_stays_rooted(text: str) -> None:
    found = policies.normalised("/" + text)
    assert found.startswith("/")
    assert not {".", ".."} & set(found.split("/"))


@pytest.mark.parametrize(
    ("minimum", "default", "maximum", "headers", "expected"),
    [
        (0, 60, 100, {}, 60),
        (0, 60, 100, {"cache-control": "max-age=5"}, 5),
        (0, 60, 100, {"cache-control": "max-age=500"}, 100),
        (0, 60, 100, {"cache-control": "max-age=5, s-maxage=50"}, 50),
        (10, 60, 100, {"cache-control": "max-age=5"}, 10),
        (0, 60, 100, {"cache-control": "no-cache"}, 0),
        (0, 60, 100, {"cache-control": "private, max-age=50"}, 0),
        (10, 60, 100, {"cache-control": "no-store"}, 10),
        (0, 60, 100, {"expires": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30),
        (0, 60, 100, {"expires": "0"}, 0),
        (0, 60, 100, {"cache-control": "max-age=20", "expires": "0"}, 20),
        (0, 60, 100, {"cache-control": "max-age=soon"}, 60),
        (100, 60, 50, {}, 100),
        (0, 0, 0, {"cache-control": "max-age=60"}, 0),
    ],
)
def test_lifetimes(minimum: int, default: int, maximum: int, headers: dict[str, str], expected: float) -> None:
    assert policies.lifetime(CachePolicy(minimum, default, maximum), headers, NOW) == expected


@pytest.mark.parametrize(
    ("status", "rule", "headers", "expected"),
    [
        (404, None, {}, 10),
        (404, ErrorResponse(1), {}, 1),
        (404, ErrorResponse(1), {"cache-control": "max-age=30"}, 30),
        (403, None, {}, 0),
        (403, ErrorResponse(2), {}, 2),
        (503, None, {}, 10),
        (416, ErrorResponse(5), {}, 0),
    ],
)
def test_lifetimes_of_errors(status: int, rule: ErrorResponse | None, headers: dict[str, str], expected: float) -> None:
    assert policies.error_lifetime(status, rule, headers, NOW) == expected


def test_the_cache_key_holds_only_what_the_policy_names() -> None:
    plain = DISTRIBUTION.behaviours[0]
    one = policies.cache_key(plain, "/a", "x=1", {"cookie": "a=1", "accept": "x"})
    assert one == policies.cache_key(plain, "/a", "x=2", {})
    policy = dataclasses.replace(
        plain.cache,
        query_strings=NameSelection("whitelist", frozenset({"x"})),
        cookies=NameSelection("allExcept", frozenset({"session"})),
        headers=NameSelection("whitelist", frozenset({"accept"})),
    )
    keyed = dataclasses.replace(plain, cache=policy)
    base = policies.cache_key(keyed, "/a", "x=1&y=2", {"accept": "t", "cookie": "session=1; lang=en"})
    assert base == policies.cache_key(keyed, "/a", "y=3&x=1", {"accept": "t", "cookie": "lang=en; session=2"})
    assert base != policies.cache_key(keyed, "/a", "x=2", {"accept": "t", "cookie": "lang=en"})
    assert base != policies.cache_key(keyed, "/a", "x=1", {"accept": "u", "cookie": "lang=en"})
    assert base != policies.cache_key(keyed, "/a", "x=1", {"accept": "t", "cookie": "lang=cy"})


@pytest.mark.parametrize(
    ("content_type", "length", "accept", "encoded", "expected"),
    [
        ("application/vnd.apple.mpegurl", 1000, "gzip, deflate, br", False, True),
        ("text/html; charset=utf-8", 5000, "gzip", False, True),
        ("text/html", 999, "gzip", False, False),
        ("text/html", 10_000_001, "gzip", False, False),
        ("video/mp4", 5000, "gzip", False, False),
        ("text/vtt", 5000, "gzip", False, False),
        ("text/html", 5000, "", False, False),
        ("text/html", 5000, "br", False, False),
        ("text/html", 5000, "gzip;q=0", False, False),
        ("text/html", 5000, "gzip;q=0.5", False, True),
        ("text/html", 5000, "*", False, True),
        ("text/html", 5000, "gzip", True, False),
    ],
)
def test_what_is_compressed(content_type: str, length: int, accept: str, encoded: bool, expected: bool) -> None:
    headers = {"content-type": content_type} | ({"content-encoding": "gzip"} if encoded else {})
    assert policies.compressible(DISTRIBUTION.behaviours[0], headers, length, accept) is expected


def _cors(*origins: str, override: bool = True, credentials: bool = False) -> CorsPolicy:
    return CorsPolicy(origins, ("GET", "HEAD"), ("*",), ("ETag",), 600, credentials, override)


@pytest.mark.parametrize(
    ("allowed", "origin", "expected"),
    [
        ("*", "https://any.example", "*"),
        ("https://films.example", "https://films.example", "https://films.example"),
        ("https://films.example", "http://films.example", None),
        ("films.example", "http://films.example", "http://films.example"),
        ("https://*.example", "https://a.b.example", "https://a.b.example"),
        ("https://*.example", "https://example", None),
        ("https://films.example", "https://films.example.evil", None),
    ],
)
def test_allowed_origins(allowed: str, origin: str, expected: str | None) -> None:
    found = policies.cors_headers(_cors(allowed), origin, preflight=False)
    assert found.get("access-control-allow-origin") == expected
    assert found.get("vary") == (None if allowed == "*" else "Origin")


def test_a_preflight_says_more_and_a_request_without_origin_nothing() -> None:
    assert policies.cors_headers(_cors("*"), None, preflight=False) == {}
    assert policies.cors_headers(_cors("*"), "https://x", preflight=True) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET,HEAD",
        "access-control-allow-headers": "*",
        "access-control-max-age": "600",
    }


@pytest.mark.parametrize(("override", "expected"), [(True, "*"), (False, "https://bucket")])
def test_the_origins_own_cors_headers_stay_unless_overridden(override: bool, expected: str) -> None:
    policy = dataclasses.replace(DISTRIBUTION.behaviours[0].response_headers, cors=_cors("*", override=override))
    found = policies.apply_headers_policy(policy, {"access-control-allow-origin": "https://bucket"}, "https://x", False)
    assert found["access-control-allow-origin"] == expected


def test_header_rules_override_or_give_way() -> None:
    policy = DISTRIBUTION.behaviours[0].response_headers
    giving = dataclasses.replace(
        policy, rules=tuple(dataclasses.replace(rule, override=False) for rule in policy.rules), removed={"server"}
    )
    theirs = {"cache-control": "max-age=1", "server": "AmazonS3"}
    assert policies.apply_headers_policy(policy, theirs, None, False)["cache-control"].startswith("public")
    found = policies.apply_headers_policy(giving, theirs, None, False)
    assert found["cache-control"] == "max-age=1" and "server" not in found


@pytest.mark.parametrize(
    ("path", "key"),
    [("/a/x.mp4", "a/x.mp4"), ("/a/%C3%A9%20b", "a/é b"), ("/a+b", "a+b"), ("/a%2Fb", "a/b"), ("//a", "/a")],
)
def test_object_keys(path: str, key: str) -> None:
    assert policies.object_key(path) == key


@pytest.mark.parametrize("path", ["/%ff", "/a%00b", "/" + "é" * 513])
def test_paths_that_cannot_be_keys(path: str) -> None:
    with pytest.raises(policies.BadPath):
        policies.object_key(path)
