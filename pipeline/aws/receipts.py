"""Keep the receipt beside an upload true: receipts/<path>.json for programs, receipts/<path>.html for people.

Whoever changes what a receipt says calls `refresh` after it has changed the record. A receipt is made of the records
alone, so everybody who writes it writes the same thing; what is to be avoided is that an older truth stays. So: read
what lies there (its ETags), THEN the records, and write only over what was read. Of two writers the one whose records
are older meets a 412, reads again and decides again. A receipt that says the same already is not written.

A film never fails because its receipt could not be written: `refresh` logs it and leaves the asset to the sweep, which
writes it. `write` raises: for the steps whose work it is to tell people.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws import objects
from pipeline.aws.table import AssetTable, now
from pipeline.media import receipt, receipt_page
from pipeline.media.asset import Upload
from pipeline.media.errors import PointerContended
from pipeline.media.keys import receipt_key

_LOOKS = 6
_JSON, _HTML = ".json", ".html"
_TYPES = {_JSON: "application/json", _HTML: "text/html; charset=utf-8"}
#: The object's metadata in which a receipt carries a digest of what it says, but for the time it was written.
_SAYS = "says"
_log = logging.getLogger(__name__)


def refresh(table: AssetTable, sources_bucket: str, delivery_url: str, which: Upload | str) -> bool:
    """Let the receipt of an upload's key say what the records say; whether it does. Raises nothing.

    which: the upload; or an asset's id, at the price of one more read. Where it cannot be written, the sweep is asked
    to see to it.
    """
    asset_id = which if isinstance(which, str) else which.asset_id
    try:
        write(table, sources_bucket, delivery_url, which)
        return True
    except Exception:
        # A bug of ours, too: no film is to fail for what is said of it. The sweep's own attempt names it as trouble.
        _log.exception("the receipt of %s could not be written", asset_id)
    try:
        table.look_again(asset_id, **({"bucket": which.bucket, "key": which.key} if isinstance(which, Upload) else {}))
    except (ClientError, BotoCoreError):
        _log.exception("the sweep could not be asked to write the receipt of %s", asset_id)
    return False


def write(table: AssetTable, sources_bucket: str, delivery_url: str, which: Upload | str) -> list[str]:
    """The same; the keys of what had to be written. Raises ClientError, or PointerContended where others never rest."""
    key = which.key if isinstance(which, Upload) else (table.asset(which) or {}).get("key")
    if key is None:
        return []
    for _ in range(_LOOKS - 1):
        try:
            return _write(table, sources_bucket, delivery_url, which, key)
        except PointerContended:
            continue
    return _write(table, sources_bucket, delivery_url, which, key)


def _write(table: AssetTable, bucket: str, delivery_url: str, which: Upload | str, key: str) -> list[str]:
    there = {ending: objects.head_object(bucket, receipt_key(key, ending)) for ending in (_JSON, _HTML)}
    asset_id, upload = (which.asset_id, which) if isinstance(which, Upload) else (which, None)
    made = receipt.receipt(table.everything(asset_id), delivery_url, upload)
    if made is None:
        return []
    says = {ending: _digest(text) for ending, text in _texts(made).items()}
    stale = [ending for ending, head in there.items() if head is None or head["Metadata"].get(_SAYS) != says[ending]]
    texts = _texts({**made, "updated_at": now()}) if stale else {}
    for ending in stale:
        etag = (there[ending] or {}).get("ETag")
        more = {"Metadata": {_SAYS: says[ending]}, "CacheControl": "no-cache"}
        objects.replace(bucket, receipt_key(key, ending), texts[ending], _TYPES[ending], etag, more)
    return [receipt_key(key, ending) for ending in stale]


def _texts(made: dict[str, Any]) -> dict[str, str]:
    return {_JSON: objects.to_json(made), _HTML: receipt_page.page(made)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
