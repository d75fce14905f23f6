"""Sign for private playback: CloudFront's signed cookies, made of an asset id, a private key and a time.

In: the base URL of delivery, an asset id, when to end, a key and the id CloudFront knows it by. Out: cookies by name,
or whole Set-Cookie values. The policy has one resource, `<base>/a/<asset_id>/*`, which is all that one film is made of:
pointers, every version, posters and captions. Hash: SHA-256, said by the cookie CloudFront-Hash-Algorithm (CloudFront
Developer Guide, "Set signed cookies using a custom policy"; without it CloudFront assumes SHA-1).

Keys are RSA, 2048 bits, in PEM (PKCS #8, as `vod keys new` and openssl write it, or PKCS #1). Lambda's Python has no
cryptography in it, and a signature with RSA needs none: PKCS #1 v1.5 padding and one power, blinded and checked before
it leaves (RFC 8017, sections 8.2.1 and 9.2). ECDSA keys, which CloudFront takes too, are refused: signing with them
safely is not a matter of one power.

Can go wrong: KeyNotUsable, with what is wrong with the key and never a part of it.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import math
import re
import secrets
from typing import Self

from pipeline.media import keys

#: DigestInfo of SHA-256 and SHA-1 before the hash itself (RFC 8017, section 9.2, note 1).
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
}
_BITS = 2048
_INTEGER, _BIT_STRING, _OCTETS, _SEQUENCE = 0x02, 0x03, 0x04, 0x30
_RSA_OID = bytes.fromhex("06092a864886f70d010101")
_BASE64 = str.maketrans("+=/", "-_~")
_ASSET_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


class NotAnAssetId(ValueError):
    """Something that is no asset's id, and must not become part of a policy."""


class KeyNotUsable(ValueError):
    """A private key that nothing can be signed with; the message says why, and what to do."""


@dataclasses.dataclass(frozen=True, repr=False)
class RsaKey:
    """An RSA private key. Its numbers never appear in a message or a repr."""

    n: int
    e: int
    d: int

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Read "BEGIN PRIVATE KEY" (PKCS #8) or "BEGIN RSA PRIVATE KEY" (PKCS #1)."""
        match = re.search(r"-----BEGIN ((?:RSA )?PRIVATE KEY)-----(.+?)-----END \1-----", pem, re.DOTALL)
        if not match:
            raise KeyNotUsable("no unencrypted RSA private key in PEM: make one with `vod keys new`")
        try:
            der = base64.b64decode("".join(match[2].split()), validate=True)
            body = der if match[1].startswith("RSA") else _inside_pkcs8(der)
            numbers = _integers(_value(body, _SEQUENCE))
            _, n, e, d = numbers[:4]
        except (binascii.Error, IndexError, ValueError) as error:
            raise KeyNotUsable(f"the private key cannot be read: {error}") from None
        if n.bit_length() != _BITS:
            raise KeyNotUsable(f"an RSA key of {n.bit_length()} bits; CloudFront takes {_BITS}")
        key = cls(n, e, d)
        key.sign(b"a key that cannot sign is found here, not when a viewer waits")
        return key

    @property
    def fingerprint(self) -> str:
        """The same as `fingerprint` of the public key in PEM: which of the trusted keys this one belongs to."""
        numbers = _der(_SEQUENCE, _der_integer(self.n) + _der_integer(self.e))
        algorithm = _der(_SEQUENCE, _RSA_OID + b"\x05\x00")
        return hashlib.sha256(_der(_SEQUENCE, algorithm + _der(_BIT_STRING, b"\x00" + numbers))).hexdigest()

    def sign(self, message: bytes, digest: str = "sha256") -> bytes:
        """RSASSA-PKCS1-v1_5. digest: sha256 or sha1."""
        size = self.n.bit_length() // 8
        info = _DIGEST_INFO[digest] + hashlib.new(digest, message).digest()
        padded = int.from_bytes(b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info, "big")
        # Blinded, so that the time it takes says nothing about the key; checked, so that a fault does not either.
        blind = secrets.randbelow(self.n - 2) + 2
        while math.gcd(blind, self.n) != 1:
            blind = secrets.randbelow(self.n - 2) + 2
        signed = pow(padded * pow(blind, self.e, self.n), self.d, self.n) * pow(blind, -1, self.n) % self.n
        if pow(signed, self.e, self.n) != padded:
            raise KeyNotUsable("the parts of the private key do not belong together")
        return signed.to_bytes(size, "big")


def fingerprint(public_pem: str) -> str:
    """Hash of a public key's DER form (SubjectPublicKeyInfo), whatever its PEM's line ends."""
    match = re.search(r"-----BEGIN PUBLIC KEY-----(.+?)-----END PUBLIC KEY-----", public_pem, re.DOTALL)
    if not match:
        raise KeyNotUsable('no public key in PEM ("BEGIN PUBLIC KEY"): `vod keys new` writes one')
    try:
        return hashlib.sha256(base64.b64decode("".join(match[1].split()), validate=True)).hexdigest()
    except (binascii.Error, ValueError) as error:
        raise KeyNotUsable(f"the public key cannot be read: {error}") from None


def resource(base_url: str, asset_id: str) -> str:
    """What a viewer of this film may fetch. An empty base stands for any host behind this key group."""
    if not _ASSET_ID.fullmatch(asset_id):
        raise NotAnAssetId(f"not an asset id: {asset_id[:100]!r}")
    return f"{base_url or 'https://*'}/{keys.pointer_prefix(asset_id)}*"


def policy(resource: str, expires_at: int, *, not_before: int | None = None, network: str | None = None) -> str:
    """A custom policy. Times in seconds since 1970; network: an IPv4 address or CIDR block that must ask."""
    condition: dict[str, dict[str, object]] = {"DateLessThan": {"AWS:EpochTime": expires_at}}
    if not_before is not None:
        condition["DateGreaterThan"] = {"AWS:EpochTime": not_before}
    if network is not None:
        condition["IpAddress"] = {"AWS:SourceIp": network}
    return json.dumps({"Statement": [{"Resource": resource, "Condition": condition}]}, separators=(",", ":"))


def cookies(key: RsaKey, key_pair_id: str, policy_text: str) -> dict[str, str]:
    """The four cookies, by name."""
    return {
        "CloudFront-Policy": _packed(policy_text.encode()),
        "CloudFront-Signature": _packed(key.sign(policy_text.encode())),
        "CloudFront-Key-Pair-Id": key_pair_id,
        "CloudFront-Hash-Algorithm": "SHA256",
    }


def asset_cookies(key: RsaKey, key_pair_id: str, base_url: str, asset_id: str, expires_at: int) -> dict[str, str]:
    """Cookies that open one film until `expires_at` (seconds since 1970): the function for an owner's own login."""
    return cookies(key, key_pair_id, policy(resource(base_url, asset_id), expires_at))


def set_cookies(values: dict[str, str], asset_id: str, *, same_site: str = "Lax", domain: str = "") -> list[str]:
    """Set-Cookie values for a film's path only: two films open at once do not overwrite each other's cookies.

    Without Expires: the policy says how long, and a cookie that outlives the browser is one more to be stolen.
    same_site: "None" where pages of other sites play the film. domain: where a login on another host sets them.
    """
    end = f"; Path=/{keys.pointer_prefix(asset_id)}; Secure; HttpOnly; SameSite={same_site}"
    end = f"; Domain={domain}{end}" if domain else end
    return [f"{name}={value}{end}" for name, value in values.items()]


def _packed(data: bytes) -> str:
    """CloudFront's base64, which a cookie and a URL can hold."""
    return base64.b64encode(data).decode().translate(_BASE64)


# DER, as much of it as a private key needs ------------------------------------------------------------------


def _der(tag: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + (length if size < 0x80 or size > 0xFF else bytes([0x81, size])) + value


def _der_integer(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _inside_pkcs8(der: bytes) -> bytes:
    """The PKCS #1 key inside: SEQUENCE { version, SEQUENCE { algorithm }, OCTET STRING }."""
    parts = _elements(_value(der, _SEQUENCE))
    if len(parts) < 3 or not parts[1][1].startswith(_RSA_OID):
        raise ValueError("not an RSA key (CloudFront also takes ECDSA, this signer does not)")
    return _checked(parts[2], _OCTETS)


def _integers(body: bytes) -> list[int]:
    return [int.from_bytes(_checked(part, _INTEGER), "big") for part in _elements(body)]


def _value(der: bytes, tag: int) -> bytes:
    return _checked(_elements(der)[0], tag)


def _checked(element: tuple[int, bytes], tag: int) -> bytes:
    if element[0] != tag:
        raise ValueError("its structure is not that of a private key")
    return element[1]


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """(tag, value) of each element that `data` is made of."""
    found, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + length > len(data):
            raise ValueError("it ends in the middle")
        found.append((tag, data[at : at + length]))
        at += length
    return found
