"""The issuer: cookies for who has a token of this film, a sentence for all others, a loud failure for a bad key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lambdas.issue.handler import handler
from pipeline.aws import playback
from pipeline.aws.clients import client
from pipeline.aws.playback import SecretNotUsable
from pipeline.media import signing
from pipeline.media.admission import token
from pipeline.settings import IssueSettings

LOGIN = "a login's secret of enough letters"
FILM = "my-film-0123456789ab"


def private_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


OLD, NEW = private_pem(), private_pem()
TRUSTED = ",".join(f"{name}={signing.RsaKey.from_pem(pem).fingerprint}" for name, pem in (("KOLD", OLD), ("KNEW", NEW)))


@pytest.fixture
def issuer(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    playback._signer.cache_clear()
    for name, value in IssueSettings("films", TRUSTED, "https://films.example", "600", "Lax").as_env().items():
        monkeypatch.setenv(name, value)
    secret(private_key=NEW, login_secret=LOGIN)
    yield
    playback._signer.cache_clear()


def secret(**value: Any) -> None:
    playback._signer.cache_clear()
    try:
        client("secretsmanager").create_secret(Name="films", SecretString=json.dumps(value))
    except client("secretsmanager").exceptions.ResourceExistsException:
        client("secretsmanager").put_secret_value(SecretId="films", SecretString=json.dumps(value))


def ask(path: str = f"/session/{FILM}", method: str = "GET", cookies: tuple[str, ...] = (), **headers: str) -> dict:
    event = {"rawPath": path, "requestContext": {"http": {"method": method}}, "headers": headers}
    return handler({**event, "cookies": list(cookies)} if cookies else event, None)


def good(assets: tuple[str, ...] = (FILM,), seconds: int = 3600) -> str:
    return token(LOGIN, assets, int(time.time()) + seconds)


def test_a_token_of_the_film_gets_its_cookies(issuer: None) -> None:
    answer = ask(**{"x-vod-token": good()})
    said = json.loads(answer["body"])
    assert answer["statusCode"] == 200 and answer["headers"]["cache-control"] == "no-store"
    assert said["expires_at"] - said["now"] == 600
    assert len(answer["cookies"]) == 4
    assert all(f"; Path=/a/{FILM}/; Secure; HttpOnly; SameSite=Lax" in each for each in answer["cookies"])
    assert "CloudFront-Key-Pair-Id=KNEW;" in "".join(answer["cookies"])


def test_the_logins_own_cookie_is_as_good(issuer: None) -> None:
    assert ask(cookies=("theme=dark", f"vod-token={good(('*',))}"))["statusCode"] == 200


def test_cookies_do_not_outlive_the_token(issuer: None) -> None:
    said = json.loads(ask(**{"x-vod-token": good(seconds=30)})["body"])
    assert said["expires_at"] - said["now"] <= 30


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "sign in first"),
        ("nonsense", "not a token"),
        (good(("another-film-000000000000",)), "for other films"),
        (token("another secret of more than 32 letters", [FILM], 9_999_999_999), "not made by this site's login"),
        (good(seconds=-1), "expired"),
    ],
)
def test_everybody_else_gets_a_sentence_and_no_cookie(issuer: None, given: str, message: str) -> None:
    answer = ask(**{"x-vod-token": given})
    assert (answer["statusCode"], "cookies" in answer) == (401, False)
    assert message in json.loads(answer["body"])["message"]


@pytest.mark.parametrize(
    "path", ["/session/", "/session/a/b", "/session/../x", "/session/*", "/session/%2a", "/session/X"]
)
def test_only_an_asset_can_be_asked_for(issuer: None, path: str) -> None:
    assert ask(path, **{"x-vod-token": good(("*",))})["statusCode"] == 404


def test_a_preflight_is_answered(issuer: None) -> None:
    assert ask(method="OPTIONS") == {"statusCode": 204}


def test_the_other_trusted_key_signs_once_the_secret_holds_it(issuer: None) -> None:
    secret(private_key=OLD, login_secret=LOGIN)
    assert "CloudFront-Key-Pair-Id=KOLD;" in "".join(ask(**{"x-vod-token": good()})["cookies"])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"private_key": private_pem(), "login_secret": LOGIN}, "does not trust this private key"),
        ({"private_key": "hello", "login_secret": LOGIN}, "vod keys new"),
        ({"login_secret": LOGIN}, "give"),
        ({"private_key": NEW}, "no login_secret"),
    ],
)
def test_a_secret_that_cannot_sign_fails_loudly(issuer: None, value: dict[str, str], reason: str) -> None:
    secret(**value)
    with pytest.raises(SecretNotUsable, match=reason) as failed:
        ask(**{"x-vod-token": good()})
    assert LOGIN not in str(failed.value) and "PRIVATE" not in str(failed.value)
