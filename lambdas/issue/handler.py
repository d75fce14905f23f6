"""Issue cookies: a viewer whose login vouches for them gets CloudFront's signed cookies for one film.

In: GET /session/<asset_id> of the distribution itself (a function URL's own cookies would be another domain's), with
the login's token in the header X-Vod-Token or the cookie vod-token. Out: 200 with {"expires_at", "now"} (seconds since
1970) and four Set-Cookie, or 401 with {"error", "message"} for the player to show. A key that cannot sign is a service
error: it fails the invocation and the alarm, not the viewer's login.

`admission` is the place where another kind of login is let in: it turns a request into an Admission.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from pipeline.aws import playback
from pipeline.media import signing
from pipeline.media.admission import Admission, NotAdmitted, admit
from pipeline.settings import IssueSettings

_PATH = re.compile(r"/session/([a-z0-9][a-z0-9-]{0,79})")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings, method = IssueSettings.from_env(), event["requestContext"]["http"]["method"]
    if method == "OPTIONS":
        return {"statusCode": 204}  # a preflight; what it may hear is in the response headers policy
    match = _PATH.fullmatch(event["rawPath"])
    if not match:
        return _answer(404, {"error": "NO_SUCH_ASSET", "message": "Ask for /session/ and the id of an asset."})
    asset_id, now = match[1], int(time.time())
    signer = playback.signer(settings.signing_secret, settings.trusted_keys, settings.base_url)
    try:
        found = admission(event, signer.login_secret, now)
        if not found.opens(asset_id):
            raise NotAdmitted("this token is for other films")
    except NotAdmitted as refusal:
        return _answer(401, {"error": "NOT_ADMITTED", "message": str(refusal)})
    expires_at = min(now + int(settings.cookie_seconds), found.expires_at)
    cookies = signing.set_cookies(signer.cookies_until(asset_id, expires_at), asset_id, same_site=settings.same_site)
    return {**_answer(200, {"expires_at": expires_at, "now": now}), "cookies": cookies}


def admission(event: dict[str, Any], login_secret: str | None, now: int) -> Admission:
    """What this request is admitted to. Raises NotAdmitted, or playback.SecretNotUsable where no login is set up."""
    if not login_secret:
        raise playback.SecretNotUsable("the signing secret has no login_secret: nobody can be admitted here")
    named = (each.partition("=") for each in event.get("cookies") or [])
    cookies = {name: value for name, _, value in named}
    return admit(login_secret, event["headers"].get("x-vod-token") or cookies.get("vod-token", ""), now)


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
