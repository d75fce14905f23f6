"""The page beside an upload: everything that the receipt says, and nothing that somebody smuggled into it."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.receipt import FINAL
from pipeline.media.receipt_page import page
from tests.media.receipts import DELIVERY, FILM, RECEIPTS

VOID = {"meta", "img", "br"}
NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
    "`<b>`",
    "&lt;b&gt; &amp; &#60;",
    "\u202egnp.exe",
    "a\x00b\x1b[31m\ud800\r\nc",
    "\u6620" * 300,
    "{{7*7}} ${7*7} <!-- -->",
    "]]>",
]


class Read(HTMLParser):
    """Elements with their attributes, the text, and whether everything that opens closes."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._open = "", []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open.pop() == tag, f"</{tag}>"

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.elements if each == tag]


def everywhere(receipt: Any, text: str) -> Any:
    """A receipt in which whatever others may have written is this text."""
    if isinstance(receipt, dict):
        # A key is always UTF-8; what else is said may hold half a surrogate pair.
        named = {"file": "uploads/" + text.replace("\ud800", "")}
        ours = {"status", "since", "received_at", "updated_at", "version", "asset_id", "url", "poster", "frame_rate"}
        ours |= {"replaced_at", "at", "until"}
        return {
            name: named.get(name) or (part if name in ours else everywhere(part, text)) if part is not None else None
            for name, part in receipt.items()
        }
    if isinstance(receipt, list):
        return [everywhere(part, text) for part in receipt]
    return text if isinstance(receipt, str) else receipt


@pytest.mark.parametrize("name", RECEIPTS)
def test_every_page_is_whole_and_says_how_it_stands(name):
    read = Read(page(RECEIPTS[name]))
    assert RECEIPTS[name]["state"] in read.text and RECEIPTS[name]["title"] in read.text
    assert RECEIPTS[name]["file"] in read.text


@pytest.mark.parametrize("name", RECEIPTS)
def test_a_page_needs_nothing_but_the_poster(name):
    text = page(RECEIPTS[name])
    read = Read(text)
    fetched = [each.get("src") or each.get("href") for tag, each in read.elements if tag not in ("a", "meta")]
    poster = (RECEIPTS[name].get("playback") or {}).get("poster")
    assert [each for each in fetched if each] == ([poster] if poster else [])
    assert not {tag for tag, _ in read.elements} & {"script", "link", "iframe", "object", "form", "base", "svg"}
    assert not [each for _, each in read.elements if any(key.startswith("on") or key == "style" for key in each)]
    assert "url(" not in text and "@import" not in text


def test_the_policy_allows_its_own_style_and_the_posters_origin_alone():
    (policy,) = [each["content"] for each in Read(page(RECEIPTS["published"])).of("meta") if "http-equiv" in each]
    style = re.search("<style>(.*?)</style>", page(RECEIPTS["published"]), re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src {DELIVERY}; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "img-src" not in page(RECEIPTS["received"])


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("name", ["published", "rejected", "held", "failed", "deleted", "replacing"])
def test_other_peoples_words_stay_words(name, text):
    read = Read(page(everywhere(RECEIPTS[name], text)))
    calm = Read(page(everywhere(RECEIPTS[name], "calm")))
    # A command in H's words may be set as code; nothing else may differ in shape, whatever was written.
    assert [tag for tag, _ in read.elements if tag != "code"] == [tag for tag, _ in calm.elements if tag != "code"]
    assert [sorted(each) for _, each in read.elements if each] == [sorted(each) for _, each in calm.elements if each]
    assert all(each["href"].startswith(f"{DELIVERY}/") for each in read.of("a")), "no link of somebody else's making"


@given(st.text(max_size=60))
def test_no_text_breaks_a_page(text):
    read = Read(page(everywhere(RECEIPTS["rejected"], text)))
    assert not {tag for tag, _ in read.elements} & {"script", "img", "iframe"}


def test_what_html_does_not_allow_is_replaced_so_that_the_page_can_be_stored():
    text = page({**RECEIPTS["published"], "title": "a\x00b\ud800c"})
    assert "a\ufffdb\ufffdc" in text
    text.encode("utf-8")


def test_words_from_right_to_left_do_not_turn_ours_around():
    assert "<bdi>\u202egnp.exe</bdi>" in page({**RECEIPTS["published"], "title": "\u202egnp.exe"})


@pytest.mark.parametrize("name", RECEIPTS)
def test_a_page_that_is_not_final_loads_itself_again(name):
    again = [each for each in Read(page(RECEIPTS[name])).of("meta") if each.get("http-equiv") == "refresh"]
    assert bool(again) == (RECEIPTS[name]["status"] not in FINAL)


def test_progress_is_a_bar_that_can_be_read_aloud():
    (bar,) = Read(page(RECEIPTS["encoding"])).of("progress")
    assert bar == {"max": "100", "value": "42", "aria-label": "encoded"}
    assert not Read(page(RECEIPTS["published"])).of("progress")
    assert Read(page({**RECEIPTS["encoding"], "percent": 0})).of("progress")[0]["value"] == "0"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("published", ["Published", "Watch", "1080 x 1920", "29.97 fps", "3.6 Mb/s", "0.0281 USD", "left out"]),
        ("rejected", ["Why it was rejected", "What to do: ", "no moov box", "docs/errors.md#input_truncated"]),
        ("failed", ["What went wrong", "OUTPUT_MISSING"]),
        ("held", ["What it waits for", "Watch it before", f"vod approve {FILM.asset_id}", "2026-12-21 12:49 UTC"]),
        ("waiting for the end of a pause", ["What it waits for", "vod resume", "Uploaded while intake was paused"]),
        ("encoding", ["Encoding, 42 %", "What is planned", "up to ", "loads itself again"]),
        ("encoded", ["Being checked"]),
        ("deleted", ["Deleted", "231", "Uploads of this file"]),
        ("replacing", ["Watch what plays now", "plays now"]),
        ("rolled back", ["Published, not playing", "What was made", "Watch what plays now"]),
    ],
)
def test_people_find_what_they_look_for(name, said):
    text = Read(page(RECEIPTS[name])).text
    assert not [each for each in said if each not in text]


def test_a_private_film_has_its_link_and_no_poster():
    published = RECEIPTS["published"]
    links = {name: link for name, link in published["playback"].items() if name != "poster"}
    read = Read(page({**published, "playback": links}))
    assert not read.of("img") and [each["href"] for each in read.of("a")] == [links["url"]]


def test_what_was_wished_and_decided_is_shown():
    wishes = {"description": "A long evening.", "language": "pt-BR", "tags": ["sea", "night"]}
    approval = {"by": "ana", "at": "2026-11-24T09:00:00.000Z", "note": "lovely"}
    text = Read(page({**RECEIPTS["published"], "wishes": wishes, "approval": approval})).text
    for said in ("A long evening.", "Português (BR)", "sea, night", "by ana, 2026-11-24 09:00 UTC: lovely"):
        assert said in text


def test_long_evidence_is_cut():
    error = {**RECEIPTS["failed"]["error"], "evidence": {"said": "x" * 10_000}}
    assert len(page({**RECEIPTS["failed"], "error": error})) < len(page(RECEIPTS["failed"])) + 3_000


def test_what_the_message_says_line_by_line_is_not_said_again():
    problems = ["f.json, line 1: one", "f.json, line 2: two"]
    error = {**RECEIPTS["rejected"]["error"], "message": "\n".join(problems), "evidence": {"problems": problems}}
    said = page({**RECEIPTS["rejected"], "error": error})
    assert said.count("f.json, line 2: two") == 1 and "one\nf.json" in said and 'class="lines"' in said
    other = page({**RECEIPTS["rejected"], "error": {**error, "evidence": {"problems": [*problems, "three"]}}})
    assert other.count("f.json, line 2: two") == 2
