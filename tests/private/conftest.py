"""A private deployment on this machine: two trusted keys, the newer one's private half in Secrets Manager, and cookies
that last ten seconds, so that a test can wait for them to end."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pipeline.cli.world import World
from pipeline.local.home import default_home
from pipeline.local.player_build import build
from pipeline.local.stack import Emulators, Stack
from pipeline.media.admission import token
from tests.e2e import films
from tests.e2e.conftest import Pipeline

LOGIN = "the owner's login and the issuer share this"
SECRET = "vod/films"
COOKIE_SECONDS = 10
FILM_SECONDS = 16
SITE = "https://www.example.com"


@dataclasses.dataclass(frozen=True)
class Place:
    """The stack, the film in it, and the private halves of its keys by name."""

    pipeline: Pipeline
    asset_id: str
    keys: dict[str, str]

    @property
    def base(self) -> str:
        return self.pipeline.world.delivery_url

    def token(self, *assets: str, seconds: int = 600) -> str:
        return token(LOGIN, assets or (self.asset_id,), int(time.time()) + seconds)

    def put_key(self, name: str) -> None:
        value = json.dumps({"private_key": self.keys[name], "login_secret": LOGIN})
        self.pipeline.stack.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=value)


def _key_pair(folder: Path, name: str) -> tuple[Path, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / f"{name}.pub.pem").write_bytes(key.public_key().public_bytes(pem, spki))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return folder / f"{name}.pub.pem", private.decode()


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("keys")
    pairs = {name: _key_pair(folder, name) for name in ("old", "new")}
    options = {
        "playback": "private",
        "signing_public_keys": ",".join(str(path) for path, _ in pairs.values()),
        "signing_secret": SECRET,
        "cookie_seconds": str(COOKIE_SECONDS),
        "cors_origins": SITE,
    }
    value = json.dumps({"private_key": pairs["new"][1], "login_secret": LOGIN})

    def owners_secret(emulators: Emulators) -> None:
        emulators.client("secretsmanager").create_secret(Name=SECRET, SecretString=value)

    build(default_home())  # the page as it is now
    home = tmp_path_factory.mktemp("home")
    with Stack.start(home, 0, 0, context=options, before=owners_secret) as stack:
        pipeline = Pipeline(World(stack.endpoint_url, stack.delivery_url, dict(stack.outputs)), stack)
        source = [*films.picture("640x360", FILM_SECONDS), *films.sound(FILM_SECONDS), *films.H264, *films.AAC]
        film = films.make(home, "private.mp4", *source)
        result = pipeline.send(film)
        assert (result.status, result.error) == ("published", None)
        yield Place(pipeline, result.asset_id, {name: private for name, (_, private) in pairs.items()})
