"""Who may speak to the console: the pages it served itself, in a browser on this machine.

In: a request's headers. Out: None, or why it is refused. The console speaks with its owner's AWS credentials, so that
other web pages in the same browser must neither read it nor make it act: a Host header that is not ours is DNS
rebinding, and what changes something needs our Origin and a header that no form and no foreign page can send without a
preflight, which is never answered. What pages may load and connect to is said in a Content-Security-Policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

MARK = "x-vod-console"


def refusal(method: str, path: str, headers: Mapping[str, str], origin: str) -> tuple[int, str] | None:
    """(HTTP status, sentence), or None where the request may pass. origin: ours, such as http://127.0.0.1:8090."""
    if headers.get("host") != urlsplit(origin).netloc:
        return 421, f"this console answers at {origin} alone"
    if not path.startswith("/api/"):
        return None if method in ("GET", "HEAD") else (405, f"{method} is not for {path}")
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return 403, "other sites may not ask this console"
    if method in ("GET", "HEAD"):
        return None
    if method != "POST":
        return 405, f"{method} is not for {path}"
    if headers.get("origin") != origin or headers.get(MARK) != "1":
        return 403, f"what changes something must come from {origin} and carry the header X-Vod-Console: 1"
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return 415, "the body must be application/json"
    return None


def headers(connect: tuple[str, ...], pictures: tuple[str, ...]) -> dict[str, str]:
    """What every answer carries. connect: origins that pages may send films to; pictures: those of posters."""
    policy = {
        "default-src": ("'none'",),
        "script-src": ("'self'",),
        "style-src": ("'self'",),
        "font-src": ("'self'",),
        "img-src": ("'self'", "data:", *pictures),
        "connect-src": ("'self'", *connect),
        "base-uri": ("'none'",),
        "form-action": ("'none'",),
        "frame-ancestors": ("'none'",),
    }
    return {
        "content-security-policy": "; ".join(f"{name} {' '.join(values)}" for name, values in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
    }
