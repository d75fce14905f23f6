"""Lines for a person's terminal, made of texts that strangers wrote: file names, captions, other programs' words.

A film may be called anything, a sequence that moves the cursor or sets the window's title included, and its name on
disk need not be UTF-8. What is not printable is shown as a replacement character, so that it can neither act nor fail.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """One line, whatever the text: line ends are replaced as well."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def each_line(text: str) -> list[str]:
    """A text of several lines, line by line, each printable; tabs become spaces."""
    return [printable(line) for line in text.expandtabs().splitlines()]
