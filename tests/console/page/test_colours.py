"""The page's colours can be read, light and dark: WCAG's contrast of text and of marks against what they stand on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[3] / "console/page.css").read_text()
TONES = ("ok", "busy", "bad", "refused", "wait", "retry", "quiet")


def colours(dark: bool) -> dict[str, str]:
    light, night = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", night)) if dark else found


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white): https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read_on_everything_it_stands_on(dark):
    found = colours(dark)
    pairs = [(ink, ground) for ink in ("ink", "soft", "link") for ground in ("paper", "card", "sunk")]
    pairs += [("on-accent", "accent"), ("ok", "sunk"), ("busy", "sunk")]
    pairs += [(tone, ground) for tone in TONES for ground in ("card", "paper", f"{tone}-soft")]
    pairs += [(ink, f"{tone}-soft") for ink in ("ink", "soft") for tone in TONES]
    weak = {pair: round(contrast(found[pair[0]], found[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_focus_is_seen(dark):
    found = colours(dark)
    assert min(contrast(found["focus"], found[ground]) for ground in ("paper", "card", "sunk")) >= 3
