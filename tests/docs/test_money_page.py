"""docs/money.md's examples are what the code computes. `VOD_UPDATE_DOCS=1 pytest tests/docs` writes them anew."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipeline.media import price
from tests.docs.test_docs_are_current import MACHINE, _states

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/money.md"
BEGIN, END = "<!-- written by tests/docs/test_money_page.py -->\n", "<!-- end -->\n"
PRICES = price.load()
HOUR_MS = 3_600_000
#: The steps of a film take less: half a minute of functions with 512 MB.
FUNCTIONS_GB_SECONDS = Decimal(15)
KINDS = (
    ("1080p at 30, stereo", "plain-1080p30-stereo", False),
    ("the same, `acceleration=enabled`", "plain-1080p30-stereo", True),
    ("the same, and a download", "download", False),
    ("576i at 25, deinterlaced", "interlaced-pal-anamorphic", False),
    ("2160p at 24", "uhd-24", False),
    ("720p, two languages", "two-languages", False),
    ("720p, two languages, loudness normalised", "two-languages-loudness", False),
    ("720p, AV1 beside H.264", "av1-beside", False),
)


def settings(name: str) -> dict[str, Any]:
    return json.loads((ROOT / f"tests/media/golden/{name}.json").read_text())


def usd(amount: Decimal, places: int = 4) -> str:
    return f"{amount:.{places}f}"


def bill(name: str, accelerated: bool = False) -> price.Bill:
    """Of a film's streams; the golden file `download` is the second job of the plain film."""
    jobs = [settings(name)] if name != "download" else [settings("plain-1080p30-stereo"), settings("download")]
    return price.predict_all(jobs, HOUR_MS, PRICES, accelerated)


def outputs_table() -> list[str]:
    plain = bill("plain-1080p30-stereo")
    lines = ["| output | class | minutes | normalised | USD |", "|---|---|---:|---:|---:|"]
    for item in plain.items:
        normalized = "unknown" if item.normalized is None else f"{item.normalized:.1f}"
        amount = "unknown" if item.price is None else usd(item.price)
        lines.append(f"| {item.output} | {item.kind} | {item.minutes:.0f} | {normalized} | {amount} |")
    return [*lines, f"| all that has a price | | | | {usd(plain.total)} |"]


def kinds_table() -> list[str]:
    lines = ["| an hour of | USD | without a known price |", "|---|---:|---|"]
    for words, name, accelerated in KINDS:
        found = bill(name, accelerated)
        unknown = ", ".join(found.as_state()["not_priced"]) or "nothing"
        lines.append(f"| {words} | {usd(found.total)} | {unknown} |")
    return lines


def most_bps() -> tuple[int, int]:
    """(all renditions, the best one with its sound): MaxBitrate and the sound's Bitrate, which are upper bounds."""
    outputs = settings("plain-1080p30-stereo")["OutputGroups"][0]["Outputs"]
    pictures = [
        one["VideoDescription"]["CodecSettings"]["H264Settings"]["MaxBitrate"]
        for one in outputs
        if "VideoDescription" in one
    ]
    sounds = [
        sound["CodecSettings"]["AacSettings"]["Bitrate"]
        for one in outputs
        for sound in one.get("AudioDescriptions", [])
    ]
    return sum(pictures) + sum(sounds), max(pictures) + max(sounds)


def beside() -> list[str]:
    everything, best = (Decimal(bps) * 3600 / 8 / 2**30 for bps in most_bps())
    states = len(list(_states(MACHINE)))
    rows = [
        (f"its outputs in S3, at most {everything:.1f} GB, each month", everything * PRICES.beside["storage"]),
        (f"one viewer to the end at 1080p, at most {best:.1f} GB", best * PRICES.beside["delivery"]),
        ("its execution, at most 100 transitions", Decimal("0.1") * PRICES.beside["transitions"]),
        (
            f"its functions, at most {FUNCTIONS_GB_SECONDS} GB-seconds",
            FUNCTIONS_GB_SECONDS * PRICES.beside["functions"],
        ),
    ]
    assert states <= 100, "each state is entered once, but for retries"
    return ["| beside the encode | USD |", "|---|---:|", *(f"| {words} | {usd(amount)} |" for words, amount in rows)]


def written() -> str:
    return "\n".join(
        [
            "What MediaConvert bills for an hour of 1080p at 30 frames with stereo sound, in the profile `default`:",
            "",
            *outputs_table(),
            "",
            "Others, each with the profile that makes it:",
            "",
            *kinds_table(),
            "",
            "And what else the first of them costs; a busy film costs more to show than to make:",
            "",
            *beside(),
            "",
        ]
    )


def test_the_examples_are_what_the_code_computes():
    before, rest = PAGE.read_text().split(BEGIN)
    shown, after = rest.split(END)
    if os.environ.get("VOD_UPDATE_DOCS"):
        PAGE.write_text(f"{before}{BEGIN}{written()}{END}{after}")
        shown = written()
    assert shown == written()


def test_the_rules_have_the_files_numbers():
    page = PAGE.read_text()
    assert f"{PRICES.audio} of a minute" in page and f"{PRICES.normalization} of a professional minute" in page
    assert PRICES.least_seconds == 10 and "at least ten seconds" in page
    assert f"prices for {PRICES.region}" in page
    assert "($4.23 for" in page  # tests/media/test_price.py holds the sum itself
