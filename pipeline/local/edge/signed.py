"""Signed URLs and signed cookies, checked as CloudFront documents them: who may see a private behaviour's objects.

Comes in: the public keys a behaviour trusts, and one request's URL, cookies, client address and time. Goes out:
nothing, where the request may pass. Goes wrong: `Refused`, with CloudFront's error code and a sentence.

A signed URL decides alone, even where good cookies come with it ("Choose between signed URLs and signed cookies").
A canned policy is rebuilt from the URL and `Expires`; a custom one travels with the request. SHA-1 unless the
parameter or cookie Hash-Algorithm says SHA256; RSA (PKCS #1 v1.5) and ECDSA keys.

Where the documentation is silent the edge is strict, so that nothing plays on a laptop and is refused in AWS: the same
name twice with two values is refused, a policy must cover the path as it came and as it reads with its dot segments
resolved, and OPTIONS needs a signature like any other method.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

PARAMETERS = frozenset({"Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"})
COOKIE_PREFIX = "CloudFront-"
_DECIDING = frozenset({"Expires", "Policy", "Signature", "Key-Pair-Id"})
_HASHES = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256}
_BASE64 = str.maketrans("-_~", "+=/")


class Refused(Exception):
    """The request may not see this object. `code` is CloudFront's, as its XML answer has it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Visit:
    """One request, as far as a policy asks about it. `urls`: the address as it came, and with dot segments resolved."""

    urls: tuple[str, ...]
    client: str
    now: float


def without_signature(query: str) -> str:
    """The query that is left when CloudFront's own parameters are taken out; what the origin and the cache key see."""
    return "&".join(pair for pair in query.split("&") if pair and pair.partition("=")[0] not in PARAMETERS)


def check(keys: Mapping[str, str], query: str, cookie: str, visit: Visit) -> None:
    """Raise `Refused` unless the request is signed by one of `keys` (id -> PEM) and its policy covers this visit."""
    said = _only((pair.partition("=") for pair in query.split("&")), PARAMETERS)
    if not _DECIDING & said.keys():
        names = {COOKIE_PREFIX + name for name in PARAMETERS}
        cookies = _only((pair.strip().partition("=") for pair in cookie.split(";")), names)
        said = {name.removeprefix(COOKIE_PREFIX): value for name, value in cookies.items()}
    if "Key-Pair-Id" not in said:
        raise Refused("MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
    if said["Key-Pair-Id"] not in keys:
        raise Refused("InvalidKey", "Unknown Key")
    if "Signature" not in said:
        raise Refused("MissingSignature", "Missing Signature query parameter or cookie value")
    candidates = [_unpacked(said["Policy"])] if "Policy" in said else _canned(said, visit)
    signed = [each for each in candidates if _is_signed(keys[said["Key-Pair-Id"]], each, said)]
    if not signed:
        raise Refused("AccessDenied", "Access denied: the signature does not fit the policy")
    _allow(_statement(signed[0]), visit)


def _only(pairs: Iterable[tuple[str, str, str]], names: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, _, value in pairs:
        if name in names and found.setdefault(name, value) != value:
            raise Refused("AccessDenied", f"Access denied: {name} is there twice, with two values")
    return found


def _unpacked(text: str) -> bytes:
    """CloudFront's base64: `+`, `=` and `/` as `-`, `_` and `~`."""
    try:
        return base64.b64decode(text.translate(_BASE64), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("MalformedPolicy", "Malformed Policy or Signature: not CloudFront's base64") from None


def _canned(said: Mapping[str, str], visit: Visit) -> list[bytes]:
    """The canned policy, which nobody sends: rebuilt from the address and the time, character by character."""
    if "Expires" not in said:
        raise Refused("MissingPolicy", "Missing Policy or Expires query parameter or cookie value")
    if not re.fullmatch(r"\d{1,12}", said["Expires"], re.ASCII):
        raise Refused("MalformedPolicy", "Malformed Expires: not a time in seconds")
    condition = f'{{"DateLessThan":{{"AWS:EpochTime":{said["Expires"]}}}}}'
    return [f'{{"Statement":[{{"Resource":"{visit.urls[0]}","Condition":{condition}}}]}}'.encode()]


def _is_signed(pem: str, policy: bytes, said: Mapping[str, str]) -> bool:
    name = said.get("Hash-Algorithm", "SHA1").upper()
    if name not in _HASHES:
        raise Refused("MalformedPolicy", f"Hash-Algorithm must be SHA1 or SHA256, not {name[:20]}")
    key, algorithm = _public_key(pem), _HASHES[name]()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(_unpacked(said["Signature"]), policy, padding.PKCS1v15(), algorithm)
        else:
            key.verify(_unpacked(said["Signature"]), policy, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def key_problem(pem: str) -> str | None:
    """Why CloudFront would not take this public key; None where it would: RSA 2048 or ECDSA P-256, in PEM."""
    try:
        key = _public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        return f"not a public key in PEM: {error}"
    if isinstance(key, rsa.RSAPublicKey):
        return None if key.key_size == 2048 else f"an RSA key of {key.key_size} bits; CloudFront takes 2048"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return None if isinstance(key.curve, ec.SECP256R1) else f"an ECDSA key on {key.curve.name}, not on P-256"
    return f"a key of the kind {type(key).__name__}, not RSA or ECDSA"


@lru_cache(maxsize=64)
def _public_key(pem: str) -> Any:
    return serialization.load_pem_public_key(pem.encode())


def _statement(policy: bytes) -> dict[str, Any]:
    """The policy's only statement. It is signed, so that a mistake in it is its owner's; it is refused all the same."""
    try:
        (statement,) = json.loads(policy)["Statement"]
        known = {"DateLessThan": "AWS:EpochTime", "DateGreaterThan": "AWS:EpochTime", "IpAddress": "AWS:SourceIp"}
        condition = {
            name: statement["Condition"][name][key] for name, key in known.items() if name in statement["Condition"]
        }
        if statement.keys() - {"Resource", "Condition"} or statement["Condition"].keys() - known.keys():
            raise ValueError("a name that no policy has")
        times = [condition["DateLessThan"], condition.get("DateGreaterThan", 0)]
        if any(type(time) is not int for time in times):
            raise ValueError("a time that is no number")
        return {"Resource": statement.get("Resource", "*"), **condition}
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("MalformedPolicy", f"Malformed Policy: {error}") from None


def _allow(statement: Mapping[str, Any], visit: Visit) -> None:
    if not all(_covers(str(statement["Resource"]), url) for url in visit.urls):
        raise Refused("AccessDenied", "Access denied: the policy is for another resource")
    if visit.now >= statement["DateLessThan"]:
        raise Refused("AccessDenied", "Access denied: the policy has expired")
    if visit.now <= statement.get("DateGreaterThan", -1):
        raise Refused("AccessDenied", "Access denied: the policy is not valid yet")
    if "IpAddress" in statement and not _is_within(visit.client, str(statement["IpAddress"])):
        raise Refused("AccessDenied", "Access denied: the policy is for another address")


def _covers(resource: str, url: str) -> bool:
    """`*` stands for any characters, slashes too, `?` for exactly one; upper and lower case differ."""
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(sign, re.escape(sign)) for sign in resource), url, re.DOTALL) is not None


def _is_within(client: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(client) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise Refused("MalformedPolicy", "Malformed Policy: IpAddress is no address or network") from None
