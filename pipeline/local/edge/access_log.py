"""One JSON line a request, with the field names of CloudFront's own access logs (standard logging v2).

Comes in: what was asked and what was answered. Goes out: lines in a file that is rotated at 16 MB. A log that cannot
be written does not stop a viewer: Python's logging reports it on standard error.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import time
from collections.abc import Mapping
from pathlib import Path


class AccessLog:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handler = logging.handlers.RotatingFileHandler(path, maxBytes=16_000_000, backupCount=2, delay=True)

    def write(self, fields: Mapping[str, object]) -> None:
        line = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        self._handler.handle(logging.LogRecord("edge", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        self._handler.close()


def fields(
    *,
    request_id: str,
    client: str,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    status: int,
    sent_bytes: int,
    result: str,
    seconds: float,
    content_type: str,
) -> dict[str, object]:
    """The line's fields; a dash where CloudFront writes one."""
    now = time.gmtime()
    return {
        "date": time.strftime("%Y-%m-%d", now),
        "time": time.strftime("%H:%M:%S", now),
        "x-edge-location": "LOCAL",
        "sc-bytes": sent_bytes,
        "c-ip": client,
        "cs-method": method,
        "cs(Host)": headers.get("host", "-"),
        "cs-uri-stem": path,
        "sc-status": status,
        "cs(Referer)": headers.get("referer", "-"),
        "cs(User-Agent)": headers.get("user-agent", "-"),
        "cs-uri-query": query or "-",
        "x-edge-result-type": result,
        "x-edge-request-id": request_id,
        "time-taken": round(seconds, 4),
        "sc-content-type": content_type or "-",
        "cs(Range)": headers.get("range", "-"),
    }
