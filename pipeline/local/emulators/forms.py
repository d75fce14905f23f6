"""Form uploads (S3's POST Object): find the fields of a multipart/form-data body that lies on disk.

A stored body in; a list of (name, file name, headers, value) out, where `file` is a slice of the stored body and the
other fields, which are small, are bytes. The body is scanned a megabyte at a time.

Can go wrong: no boundary, or not a form: an empty list, which S3 answers with MalformedPOSTRequest.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesHeaderParser

from pipeline.local.emulators.storage import StoredBody

_BOUNDARY = re.compile(r'boundary=("?)([^";\s]+)\1', re.IGNORECASE)
_LONGEST_HEAD = 64 << 10
LARGEST_FIELD = 1 << 20  # S3 allows 20 KB for all fields but the file


def parts(content_type: str, body: StoredBody) -> list[tuple[str, str | None, dict[str, str], bytes | StoredBody]]:
    boundary = _BOUNDARY.search(content_type)
    if not boundary:
        return []
    marks = list(_marks(body, b"--" + boundary[2].encode("latin-1")))
    found = []
    for start, end in itertools.pairwise(marks):
        part = body[start + len(boundary[2]) + 4 : end - 2]  # "--boundary\r\n" before, "\r\n" behind
        head, separator, _ = bytes(part[:_LONGEST_HEAD]).partition(b"\r\n\r\n")
        if separator:
            found.append(_field(BytesHeaderParser().parsebytes(head), part[len(head) + 4 : len(part)]))
    return found


def _field(head: Message, value: StoredBody) -> tuple[str, str | None, dict[str, str], bytes | StoredBody]:
    name = head.get_param("name", "", "content-disposition")
    content = value if name == "file" else bytes(value[:LARGEST_FIELD])
    return name, head.get_filename(), {key.lower(): text for key, text in head.items()}, content


def _marks(body: StoredBody, mark: bytes) -> Iterator[int]:
    """Where the boundary stands: at the very start, or behind a line end."""
    window, base, needle = b"\r\n", -2, b"\r\n" + mark
    for chunk in body.chunks():
        window += chunk
        at = window.find(needle)
        while at >= 0:
            yield base + at + 2
            at = window.find(needle, at + 1)
        keep = len(needle) - 1
        base += max(0, len(window) - keep)
        window = window[-keep:]
