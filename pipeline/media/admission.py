"""Who may watch: a token that the owner's own login hands a viewer, and what it opens.

In: the token and the secret that login and issuer share. Out: an `Admission`: which assets, until when. Goes wrong:
`NotAdmitted`, in words that a player can show; they say nothing about the secret.

The token is a JSON Web Token signed with HMAC-SHA256 (RFC 7519, RFC 7515), so that any login can make one in any
language: claims `exp` (seconds since 1970, required), `assets` (a list of asset ids, or ["*"]), `aud` ("vod"), and
`nbf` where it begins later. No other algorithm is taken, whatever the token's header asks for.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

AUDIENCE = "vod"
SHORTEST_SECRET = 32
_LONGEST_TOKEN = 4096
#: Clocks of two machines differ; a token that begins now must open now.
_LEEWAY_SECONDS = 5


class NotAdmitted(Exception):
    """This token opens nothing here; the message says why, for the viewer's player."""


@dataclasses.dataclass(frozen=True)
class Admission:
    """assets: ids, or "*" for all; expires_at: seconds since 1970."""

    assets: tuple[str, ...]
    expires_at: int

    def opens(self, asset_id: str) -> bool:
        return "*" in self.assets or asset_id in self.assets


def token(secret: str, assets: Sequence[str], expires_at: int, **claims: Any) -> str:
    """What a login hands its viewer."""
    _check_secret(secret)
    body = {"aud": AUDIENCE, "exp": expires_at, "assets": list(assets), **claims}
    signed = f"{_packed(json.dumps({'alg': 'HS256', 'typ': 'JWT'}))}.{_packed(json.dumps(body))}"
    return f"{signed}.{_packed(_mac(secret, signed))}"


def admit(secret: str, text: str, now: float) -> Admission:
    """The admission a token stands for. Raises NotAdmitted."""
    _check_secret(secret)
    if not text:
        raise NotAdmitted("there is no token: sign in first")
    parts = text.split(".")
    if len(text) > _LONGEST_TOKEN or len(parts) != 3:
        raise NotAdmitted("this is not a token")
    if not hmac.compare_digest(_mac(secret, f"{parts[0]}.{parts[1]}"), _unpacked(parts[2])):
        raise NotAdmitted("this token was not made by this site's login")
    header, claims = _object(parts[0]), _object(parts[1])
    if header.get("alg") != "HS256" or "crit" in header:
        raise NotAdmitted("this token is not signed with HS256")
    return _admission(claims, now)


def _admission(claims: dict[str, Any], now: float) -> Admission:
    audience, assets, expires_at = claims.get("aud"), claims.get("assets"), claims.get("exp")
    if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        raise NotAdmitted("this token is for something else")
    if not isinstance(assets, list) or not all(isinstance(each, str) for each in assets):
        raise NotAdmitted("this token names no assets")
    if not _is_number(expires_at) or not _is_number(claims.get("nbf", 0)):
        raise NotAdmitted("this token does not say how long it lasts")
    if now >= expires_at:
        raise NotAdmitted("this token has expired: sign in again")
    if claims.get("nbf", 0) > now + _LEEWAY_SECONDS:
        raise NotAdmitted("this token is not valid yet")
    return Admission(tuple(assets), int(expires_at))


def _is_number(value: Any) -> bool:
    """A finite number that is not true or false; a token may hold NaN, which no comparison refuses."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12


def _check_secret(secret: str) -> None:
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"the login's secret has {len(secret)} characters; at least {SHORTEST_SECRET} are needed")


def _mac(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()


def _packed(data: str | bytes) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).decode().rstrip("=")


def _unpacked(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise NotAdmitted("this is not a token") from None


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(_unpacked(text))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NotAdmitted("this is not a token")
    return value
