"""Lines for a person's terminal, made of texts that strangers wrote: file names, captions, other programs' words.

A film may be called anything, a sequence that moves the cursor or sets the window's title included, and its name on
disk need not be UTF-8. What is not printable is shown as a replacement character, so that it can neither act nor fail.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any


def printable(text: str) -> str:
    """One line, whatever the text: line ends are replaced as well."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def each_line(text: str) -> list[str]:
    """A text of several lines, line by line, each printable; tabs become spaces."""
    return [printable(line) for line in text.expandtabs().splitlines()]


def source_line(source: dict[str, Any]) -> str:
    """A film in a few words, from the `source` part of the state."""
    sounds = ", ".join(f"{track['codec']} {_channels(track['channels'])}" for track in source["audio"]) or "no sound"
    picture = _picture(source["video"]) if source["video"] else "no picture"
    return f"{source['container']}, {_length(source['duration_ms'])}, {picture}, {sounds}"


def _picture(video: dict[str, Any]) -> str:
    """Size, codec, rate, and what will cost or change something."""
    rate = f"{float(Fraction(video['frame_rate'])):.3f}".rstrip("0").rstrip(".")
    said = f"{video['width']}x{video['height']} {video['codec']} {rate} fps"
    hdr = {"SMPTE_2084": "HDR (PQ)", "ARIB_B67": "HDR (HLG)"}.get(video.get("transfer") or "")
    odd = ["variable" if video.get("variable_rate") else "", "interlaced" if video.get("interlaced") else "", hdr or ""]
    return " ".join([said, *filter(None, odd)])


def _length(milliseconds: int) -> str:
    """9.6 s, 6:03 or 1:02:03."""
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def rendition_line(rung: dict[str, Any]) -> str:
    """A rung of the `plan` part, or a rendition."""
    size = f"{rung['width']}x{rung['height']}"
    return size if rung["name"] == size else f"{rung['name']} {size}"


def sound_line(sound: dict[str, Any]) -> str:
    return f"{sound['label']} ({sound['channels']} channels)" if sound["channels"] > 2 else sound["label"]
