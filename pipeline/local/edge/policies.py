"""What CloudFront decides about a request, as functions of plain values: behaviour, cache key, lifetime, headers.

Comes in: a `Distribution` or one of its policies, and the request's path and headers. Goes out: the behaviour, the
cache key, seconds, header lists. Nothing here waits, reads or sends. Header names are lower case everywhere.

Sources: CloudFront developer guide, "Cache behavior settings" (path patterns), "Manage how long content stays in the
cache" (the table of minimum TTL against Cache-Control), "Serve compressed files", "Understand response headers
policies", "How CloudFront processes HTTP 4xx and 5xx status codes".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from .distribution import Behaviour, CachePolicy, CorsPolicy, Distribution, ErrorResponse, ResponseHeadersPolicy

Headers = Mapping[str, str]

# Errors CloudFront always keeps for ErrorCachingMinTTL; others only when configured or when the origin says how long.
ALWAYS_CACHED_ERRORS = frozenset({404, 414, 500, 501, 502, 503, 504})

# The only types CloudFront compresses (text/vtt is not among them), between 1,000 and 10,000,000 bytes.
COMPRESSED_TYPES = frozenset(
    {
        "application/dash+xml",
        "application/eot",
        "application/font",
        "application/font-sfnt",
        "application/javascript",
        "application/json",
        "application/opentype",
        "application/otf",
        "application/pdf",
        "application/pkcs7-mime",
        "application/protobuf",
        "application/rss+xml",
        "application/truetype",
        "application/ttf",
        "application/vnd.apple.mpegurl",
        "application/vnd.mapbox-vector-tile",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/xhtml+xml",
        "application/xml",
        "application/x-font-opentype",
        "application/x-font-truetype",
        "application/x-font-ttf",
        "application/x-httpd-cgi",
        "application/x-javascript",
        "application/x-mpegurl",
        "application/x-opentype",
        "application/x-otf",
        "application/x-perl",
        "application/x-ttf",
        "font/eot",
        "font/opentype",
        "font/otf",
        "font/ttf",
        "image/svg+xml",
        "text/css",
        "text/csv",
        "text/html",
        "text/javascript",
        "text/js",
        "text/plain",
        "text/richtext",
        "text/tab-separated-values",
        "text/xml",
        "text/x-component",
        "text/x-java-source",
        "text/x-script",
        "vnd.apple.mpegurl",
    }
)
COMPRESSED_SIZES = range(1_000, 10_000_001)


class BadPath(Exception):
    """The request's path cannot be an object key; S3 answers 400."""


@lru_cache(maxsize=256)
def _path_pattern(pattern: str) -> re.Pattern[str]:
    """CloudFront's wildcards: `*` none or more characters (slashes too), `?` exactly one; case matters."""
    rooted = pattern if pattern.startswith(("/", "*")) else f"/{pattern}"
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(sign, re.escape(sign)) for sign in rooted), re.DOTALL)


def matches(pattern: str, path: str) -> bool:
    return _path_pattern(pattern).fullmatch(path) is not None


def normalised(path: str) -> str:
    """The path behaviours are matched against: dot segments resolved as RFC 3986 says, nothing else touched.

    CloudFront matches on this and then sends the path as it came, so that `/a/../w/x` cannot borrow the behaviour of
    `/a/*` and yet asks S3 for a key that holds two dots.
    """
    out: list[str] = []
    for segment in re.sub("%2e", ".", path, flags=re.IGNORECASE).split("/")[1:]:
        if segment == "..":
            out = out[:-1]
        elif segment != ".":
            out.append(segment)
    if path.endswith(("/.", "/..")):
        out.append("")
    return "/" + "/".join(out)


def behaviour_for(distribution: Distribution, path: str) -> Behaviour:
    """The first behaviour whose pattern matches, in the template's order; the default is last and matches all."""
    path = normalised(path)
    return next(item for item in distribution.behaviours if matches(item.pattern, path))


def object_key(path: str) -> str:
    """The S3 key a raw request path names."""
    try:
        key = unquote_to_bytes(path.removeprefix("/")).decode("utf-8")
    except UnicodeDecodeError:
        raise BadPath("the path is not UTF-8 once its escapes are resolved") from None
    if "\0" in key:
        raise BadPath("the path holds a NUL character")
    if len(key.encode()) > 1024:
        raise BadPath("the key is longer than S3's 1,024 bytes")
    return key


def cache_key(behaviour: Behaviour, path: str, query: str, headers: Headers) -> tuple[object, ...]:
    """What makes two requests one cached object: origin, path, and what the cache policy adds."""
    policy = behaviour.cache
    if policy.headers.mode == policy.cookies.mode == policy.query_strings.mode == "none":
        return behaviour.origin.id, path
    return (
        behaviour.origin.id,
        path,
        tuple((name, headers.get(name, "")) for name in sorted(policy.headers.names)),
        _selected_cookies(policy, headers.get("cookie", "")),
        _selected_query(policy, query),
    )


def _selected_query(policy: CachePolicy, query: str) -> tuple[str, ...]:
    pairs = [pair for pair in query.split("&") if pair]
    return tuple(pair for pair in pairs if policy.query_strings.selects(pair.partition("=")[0]))


def _selected_cookies(policy: CachePolicy, cookie: str) -> tuple[str, ...]:
    pairs = [pair.strip() for pair in cookie.split(";") if pair.strip()]
    return tuple(sorted(pair for pair in pairs if policy.cookies.selects(pair.partition("=")[0])))


def directives(cache_control: str) -> dict[str, str]:
    """`public, max-age=60` as {"public": "", "max-age": "60"}."""
    pairs = (part.strip().partition("=") for part in cache_control.split(",") if part.strip())
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _seconds(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _expires_in(headers: Headers, now: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(headers["expires"]).timestamp() - now)
    except (KeyError, ValueError, TypeError):
        return None if "expires" not in headers else 0.0  # "Expires: 0" means it has expired


def origin_lifetime(headers: Headers, now: float) -> float | None:
    """How long the origin says its answer lasts; None when it says nothing."""
    found = directives(headers.get("cache-control", ""))
    for name in ("s-maxage", "max-age"):
        if (seconds := _seconds(found.get(name))) is not None:
            return seconds
    return _expires_in(headers, now)


def lifetime(policy: CachePolicy, headers: Headers, now: float) -> float:
    """Seconds the edge keeps a good answer: the origin's wish within the policy's bounds.

    `no-cache`, `no-store` and `private` are obeyed only while the minimum TTL is zero, as CloudFront does.
    """
    if {"no-cache", "no-store", "private"} & set(directives(headers.get("cache-control", ""))):
        return policy.min_ttl
    wish = origin_lifetime(headers, now)
    return max(policy.min_ttl, min(policy.default_ttl if wish is None else wish, max(policy.max_ttl, policy.min_ttl)))


def error_lifetime(status: int, rule: ErrorResponse | None, headers: Headers, now: float) -> float:
    """Seconds the edge keeps an error: at least ErrorCachingMinTTL (10 s unless configured), longer if told so."""
    wish = origin_lifetime(headers, now)
    if status == 416 or (status not in ALWAYS_CACHED_ERRORS and rule is None and wish is None):
        return 0
    return max((rule or ErrorResponse()).caching_min_ttl, wish or 0)


def compressible(behaviour: Behaviour, headers: Headers, length: int, accept_encoding: str) -> bool:
    """Whether CloudFront would compress this answer for this viewer (we only have gzip; it prefers brotli)."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return (
        behaviour.compress
        and length in COMPRESSED_SIZES
        and content_type in COMPRESSED_TYPES
        and "content-encoding" not in headers
        and accepts_gzip(accept_encoding)
    )


def accepts_gzip(accept_encoding: str) -> bool:
    for offer in accept_encoding.lower().split(","):
        name, _, quality = offer.partition(";")
        if name.strip() in ("gzip", "*"):
            return not re.fullmatch(r"q=0(\.0*)?", quality.strip())
    return False


def origin_allowed(policy: CorsPolicy, origin: str) -> bool:
    return any(_origin_pattern(item).fullmatch(origin) for item in policy.origins)


@lru_cache(maxsize=256)
def _origin_pattern(pattern: str) -> re.Pattern[str]:
    """`*` anywhere in an allowed origin; a bare host allows both schemes, as CloudFront documents."""
    scheme = "" if "://" in pattern or pattern == "*" else "https?://"
    return re.compile(scheme + ".*".join(map(re.escape, pattern.split("*"))))


def cors_headers(policy: CorsPolicy, origin: str | None, preflight: bool) -> dict[str, str]:
    """The CORS headers CloudFront adds: for any allowed origin, and more of them on a preflight."""
    anyone = "*" in policy.origins
    # Said even where the request has no Origin: a shared cache must not hand that answer to another origin.
    found = {} if anyone else {"vary": "Origin"}
    if origin is None or not (anyone or origin_allowed(policy, origin)):
        return found
    found["access-control-allow-origin"] = "*" if anyone else origin
    if policy.credentials and not anyone:
        found["access-control-allow-credentials"] = "true"
    if preflight:
        return found | _preflight_headers(policy)
    if policy.expose:
        found["access-control-expose-headers"] = ",".join(policy.expose)
    return found


def _preflight_headers(policy: CorsPolicy) -> dict[str, str]:
    found = {"access-control-allow-methods": ",".join(policy.methods)}
    if policy.headers:
        found["access-control-allow-headers"] = ",".join(policy.headers)
    if policy.max_age is not None:
        found["access-control-max-age"] = str(policy.max_age)
    return found


def apply_headers_policy(
    policy: ResponseHeadersPolicy, headers: Headers, origin: str | None, preflight: bool
) -> dict[str, str]:
    """The origin's headers as the viewer sees them after the response headers policy."""
    found = {name: value for name, value in headers.items() if name not in policy.removed}
    if policy.cors:
        found = _with_cors(policy.cors, found, origin, preflight)
    for rule in policy.rules:
        if rule.override or rule.name not in found:
            found[rule.name] = rule.value
    return found


def _with_cors(policy: CorsPolicy, headers: dict[str, str], origin: str | None, preflight: bool) -> dict[str, str]:
    theirs = {name for name in headers if name.startswith("access-control-")}
    if theirs and not policy.override:
        return headers  # the origin spoke about CORS, and the policy lets it
    ours = cors_headers(policy, origin, preflight)
    vary = join_vary(headers.get("vary"), ours.pop("vary", None))
    kept = {name: value for name, value in headers.items() if name not in theirs}
    return kept | ours | ({"vary": vary} if vary else {})


def join_vary(*values: str | None) -> str:
    """One Vary header out of several, each name once."""
    names: dict[str, str] = {}
    for value in values:
        for name in (value or "").split(","):
            if name.strip():
                names.setdefault(name.strip().lower(), name.strip())
    return ", ".join(names.values())


def first(values: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """ASGI's header list as a dictionary; repeated headers are joined with a comma, cookies with a semicolon."""
    found: dict[str, str] = {}
    for raw_name, raw_value in values:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joint = "; " if name == "cookie" else ", "
        found[name] = f"{found[name]}{joint}{value}" if name in found else value
    return found
