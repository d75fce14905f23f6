"""Private playback, for whoever lets viewers in: the issuer behind the distribution, an owner's own login, `vod sign`.

    signer = playback.signer("vod/films-2026", trusted_keys, "https://films.example.com")
    for line in signer.set_cookies("my-film-0123456789ab", seconds=3600): response.add_header("Set-Cookie", line)

In: the secret's name and the ids of the keys that CloudFront trusts (the stack's outputs SigningSecret and
TrustedKeys). Out: cookies for one film. The secret is JSON in Secrets Manager, written by `vod keys new`:

    {"private_key": "-----BEGIN PRIVATE KEY-----...", "login_secret": "at least 32 characters"}

Can go wrong: `SecretNotUsable`, in words for an operator that hold nothing of the secret.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import time

from pipeline.aws.clients import client
from pipeline.media import signing

#: A key that was replaced is used for so much longer by a function that is warm.
_KEPT_SECONDS = 300


class SecretNotUsable(Exception):
    """The secret holds no key that CloudFront trusts, or cannot be read as what it should be."""


@dataclasses.dataclass(frozen=True)
class Signer:
    """Signs for one distribution. `login_secret`: what tokens are verified with; None where there is none."""

    key: signing.RsaKey
    key_pair_id: str
    base_url: str
    login_secret: str | None = None

    def cookies(self, asset_id: str, seconds: int) -> dict[str, str]:
        return self.cookies_until(asset_id, int(time.time()) + seconds)

    def cookies_until(self, asset_id: str, expires_at: int) -> dict[str, str]:
        return signing.asset_cookies(self.key, self.key_pair_id, self.base_url, asset_id, expires_at)

    def set_cookies(self, asset_id: str, seconds: int, same_site: str = "Lax", domain: str = "") -> list[str]:
        """Set-Cookie values. `domain`: example.com, where www.example.com lets viewers into films.example.com."""
        return signing.set_cookies(self.cookies(asset_id, seconds), asset_id, same_site=same_site, domain=domain)


def signer(secret_id: str, trusted_keys: str, base_url: str) -> Signer:
    """The signer for the private key that the secret holds now. trusted_keys: "<key id>=<fingerprint>,..."."""
    return _signer(secret_id, trusted_keys, base_url, int(time.monotonic() // _KEPT_SECONDS))


@functools.lru_cache(maxsize=2)
def _signer(secret_id: str, trusted_keys: str, base_url: str, period: int) -> Signer:
    text = client("secretsmanager").get_secret_value(SecretId=secret_id).get("SecretString", "")
    try:
        said = json.loads(text)
        key = signing.RsaKey.from_pem(said["private_key"])
        login_secret = said.get("login_secret")
    except signing.KeyNotUsable as error:
        raise SecretNotUsable(f"secret {secret_id}: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SecretNotUsable(f'secret {secret_id}: give {{"private_key": ..., "login_secret": ...}}') from None
    ids = {fingerprint: key_id for key_id, _, fingerprint in (each.partition("=") for each in trusted_keys.split(","))}
    if key.fingerprint not in ids:
        raise SecretNotUsable(
            f"secret {secret_id}: CloudFront does not trust this private key; deploy its public key first "
            f"(signing_public_keys), then put the private one into the secret"
        )
    return Signer(key, ids[key.fingerprint], base_url, login_secret)
