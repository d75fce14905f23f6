"""What x264 was told, as it writes it into its pictures: the proof that two encodes had the same options.

In: a folder of MP4 files and segments. Out: by picture height, the options string of x264's user data SEI. What can go
wrong: `OptionsDiffer`, which names the options that do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

#: uuid_iso_iec_11578 that x264 marks its user data with.
MARK = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")


class OptionsDiffer(Exception):
    """Two contenders did not encode with the same options; a comparison of their times would mean nothing."""


def options_in(data: bytes) -> str | None:
    at = data.find(MARK)
    if at < 0:
        return None
    text = data[at + 16 : data.index(b"\0", at + 16)].decode("ascii", "replace")
    return text.partition("options: ")[2].rstrip("\x80")


def read(folder: Path) -> set[str]:
    """The distinct options strings of all files in a folder."""
    kinds = (".mp4", ".cmfv", ".m4s")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in kinds]
    return {found for path in files if (found := options_in(path.read_bytes()))}


def check(all_of: Mapping[str, set[str]]) -> None:
    names = list(all_of)
    for name in names[1:]:
        if all_of[name] != all_of[names[0]]:
            ours, theirs = (sorted(all_of[one]) for one in (names[0], name))
            raise OptionsDiffer(f"{names[0]} and {name} differ: {_difference(ours, theirs)}")


def _difference(ours: list[str], theirs: list[str]) -> str:
    if len(ours) != len(theirs):
        return f"{len(ours)} renditions against {len(theirs)}"
    found = []
    for one, other in zip(ours, theirs, strict=True):
        words = [set(re.findall(r"\S+", text)) for text in (one, other)]
        found += (
            [f"{sorted(words[0] - words[1])} against {sorted(words[1] - words[0])}"] if words[0] != words[1] else []
        )
    return "; ".join(found)
