"""Lines for a person's terminal, made of texts that strangers wrote: file names, captions, other programs' words.

A film may be called anything, a sequence that moves the cursor or sets the window's title included, and its name on
disk need not be UTF-8. What is not printable is shown as a replacement character, so that it can neither act nor fail.
"""

from __future__ import annotations

from typing import Any


def printable(text: str) -> str:
    """One line, whatever the text: line ends are replaced as well."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def each_line(text: str) -> list[str]:
    """A text of several lines, line by line, each printable; tabs become spaces."""
    return [printable(line) for line in text.expandtabs().splitlines()]


def source_line(source: dict[str, Any]) -> str:
    """A film in a few words, from the `source` part of the state."""
    video = source["video"]
    picture = f"{video['width']}x{video['height']} {video['codec']}" if video else "no picture"
    sounds = ", ".join(f"{track['codec']} {track['channels']} channels" for track in source["audio"]) or "no sound"
    return f"{source['container']}, {source['duration_ms'] / 1000:.1f} s, {picture}, {sounds}"


def rendition_line(rung: dict[str, Any]) -> str:
    """A rung of the `plan` part, or a rendition."""
    size = f"{rung['width']}x{rung['height']}"
    return size if rung["name"] == size else f"{rung['name']} {size}"


def sound_line(sound: dict[str, Any]) -> str:
    return f"{sound['label']} ({sound['channels']} channels)" if sound["channels"] > 2 else sound["label"]
