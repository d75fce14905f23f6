"""Tokens: what opens, what does not, and that a forged one never does."""

from __future__ import annotations

import base64
import json

import pytest

from pipeline.media.admission import NotAdmitted, admit, token

SECRET = "s" * 32
NOW = 1_700_000_000


def test_a_token_opens_what_it_names_until_it_ends():
    admission = admit(SECRET, token(SECRET, ["film-1"], NOW + 60), NOW)
    assert admission.opens("film-1") and not admission.opens("film-2")
    assert admission.expires_at == NOW + 60


def test_a_star_opens_every_film():
    assert admit(SECRET, token(SECRET, ["*"], NOW + 60), NOW).opens("film-2")


def test_other_logins_tokens_are_read_too():
    """Made by hand, as another language's library would: order and extra claims differ."""
    found = forged({"alg": "HS256"}, {"sub": "ann", "assets": ["film-1"], "exp": NOW + 9.5, "aud": ["x", "vod"]})
    assert admit(SECRET, found, NOW).opens("film-1")


def forged(header: object, claims: object, secret: str = SECRET) -> str:
    import hashlib
    import hmac

    def pack(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    signed = f"{pack(json.dumps(header).encode())}.{pack(json.dumps(claims).encode())}"
    return f"{signed}.{pack(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


GOOD = {"aud": "vod", "assets": ["film-1"], "exp": NOW + 60}
HEADER = {"alg": "HS256", "typ": "JWT"}
REFUSED = {
    "nothing": "",
    "no token": "hello",
    "too long": "a." * 3000,
    "not ascii": "é.é.é",
    "another secret": forged(HEADER, GOOD, "t" * 32),
    "no signature": forged(HEADER, GOOD).rpartition(".")[0] + ".",
    "changed claims": ".".join(
        [
            forged(HEADER, GOOD).split(".")[0],
            forged(HEADER, {**GOOD, "x": 1}).split(".")[1],
            forged(HEADER, GOOD).split(".")[2],
        ]
    ),
    "alg none": forged({"alg": "none"}, GOOD),
    "alg RS256": forged({"alg": "RS256"}, GOOD),
    "critical extension": forged({**HEADER, "crit": ["b64"]}, GOOD),
    "header is a list": forged([], GOOD),
    "claims are a list": forged(HEADER, []),
    "expired": forged(HEADER, {**GOOD, "exp": NOW}),
    "no end": forged(HEADER, {"aud": "vod", "assets": ["film-1"]}),
    "end is true": forged(HEADER, {**GOOD, "exp": True}),
    "end is NaN": forged(HEADER, {**GOOD, "exp": float("nan")}),
    "end is a text": forged(HEADER, {**GOOD, "exp": "never"}),
    "not yet": forged(HEADER, {**GOOD, "nbf": NOW + 60}),
    "for somebody else": forged(HEADER, {**GOOD, "aud": "mail"}),
    "no assets": forged(HEADER, {"aud": "vod", "exp": NOW + 60}),
    "assets is a text": forged(HEADER, {**GOOD, "assets": "*"}),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_token_that_is_not_right_opens_nothing(text):
    with pytest.raises(NotAdmitted) as refused:
        admit(SECRET, text, NOW)
    assert SECRET not in str(refused.value)


def test_a_short_secret_is_refused_before_it_signs_anything():
    with pytest.raises(ValueError, match="at least 32"):
        token("short", ["*"], NOW + 60)
