"""Signatures that somebody else's library accepts, and keys that are refused before a viewer waits for them."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from pipeline.media import signing

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NO_PASSWORD = serialization.NoEncryption()


def pem(key, form=serialization.PrivateFormat.PKCS8, encryption=NO_PASSWORD) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


FORMS = (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("digest", "algorithm"), [("sha256", hashes.SHA256()), ("sha1", hashes.SHA1())])
def test_a_signature_is_one_that_openssl_accepts(form, digest, algorithm):
    signed = signing.RsaKey.from_pem(pem(PRIVATE, form)).sign(b"a film", digest)
    PRIVATE.public_key().verify(signed, b"a film", padding.PKCS1v15(), algorithm)
    with pytest.raises(InvalidSignature):
        PRIVATE.public_key().verify(signed, b"another film", padding.PKCS1v15(), algorithm)


def test_the_same_message_has_the_same_signature_as_openssl_makes():
    assert signing.RsaKey.from_pem(pem(PRIVATE)).sign(b"x") == PRIVATE.sign(b"x", padding.PKCS1v15(), hashes.SHA256())


def _broken(text: str) -> str:
    """The same key with one number changed inside."""
    lines = text.strip().splitlines()
    der = bytearray(base64.b64decode("".join(lines[1:-1])))
    der[len(der) // 3] ^= 1
    return "\n".join([lines[0], base64.b64encode(bytes(der)).decode(), lines[-1]])


UNUSABLE = {
    "no key at all": ("hello", "vod keys new"),
    "a public key": (
        PRIVATE.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        "no unencrypted RSA private key",
    ),
    "ECDSA": (pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
    "too long": (pem(rsa.generate_private_key(public_exponent=65537, key_size=3072)), "3072 bits"),
    "encrypted": (pem(PRIVATE, encryption=serialization.BestAvailableEncryption(b"x")), "no unencrypted"),
    "cut short": (pem(PRIVATE)[:400] + "\n-----END PRIVATE KEY-----", "cannot be read"),
    "damaged": (_broken(pem(PRIVATE)), "do not belong together|bits|cannot be read"),
}


@pytest.mark.parametrize(("text", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_cannot_sign_is_refused_at_once(text, reason):
    with pytest.raises(signing.KeyNotUsable, match=reason):
        signing.RsaKey.from_pem(text)


def test_private_and_public_key_know_each_other():
    public = PRIVATE.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    found = signing.RsaKey.from_pem(pem(PRIVATE)).fingerprint
    assert found == signing.fingerprint(public.decode()) == signing.fingerprint(public.decode().replace("\n", "\r\n"))
    with pytest.raises(signing.KeyNotUsable, match="no public key"):
        signing.fingerprint(pem(PRIVATE))


def test_no_message_and_no_repr_shows_the_key():
    key = signing.RsaKey.from_pem(pem(PRIVATE))
    assert str(key.d) not in repr(key) + str(key)


def test_cookies_open_one_film_until_a_time():
    key = signing.RsaKey.from_pem(pem(PRIVATE))
    found = signing.asset_cookies(key, "K1", "https://films.example", "film-1", 1_800_000_000)
    packed = found["CloudFront-Policy"].replace("-", "+").replace("_", "=").replace("~", "/")
    assert json.loads(base64.b64decode(packed)) == {
        "Statement": [
            {
                "Resource": "https://films.example/a/film-1/*",
                "Condition": {"DateLessThan": {"AWS:EpochTime": 1_800_000_000}},
            }
        ]
    }
    assert (found["CloudFront-Key-Pair-Id"], found["CloudFront-Hash-Algorithm"]) == ("K1", "SHA256")
    assert not set("+=/") & set(found["CloudFront-Policy"] + found["CloudFront-Signature"])


def test_cookies_are_for_the_films_path_and_out_of_scripts_reach():
    lines = signing.set_cookies({"CloudFront-Key-Pair-Id": "K1"}, "film-1", same_site="None", domain="example.com")
    assert lines == ["CloudFront-Key-Pair-Id=K1; Domain=example.com; Path=/a/film-1/; Secure; HttpOnly; SameSite=None"]


@pytest.mark.parametrize("name", ["", "*", "a/b", "film-1/*", "../x", "a\nb", "Film", "x" * 81])
def test_only_an_asset_id_becomes_a_resource(name):
    with pytest.raises(ValueError, match="not an asset id"):
        signing.resource("https://films.example", name)
