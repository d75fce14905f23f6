"""The page that people read beside their upload: a receipt as one file of HTML, without a script.

In: a receipt (receipt.receipt). Out: the page, whole: its style is inside, it follows the reader's light or dark, and
nothing is fetched but the poster, from where films are delivered. Titles, file names and evidence are other people's
text: all of it is escaped, held apart in its own direction of writing, and freed of signs that HTML does not allow; a
content security policy refuses whatever might slip through. Nothing can go wrong.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pipeline.media import bcp47, keys
from pipeline.media.receipt import FINAL, length, rate_of

#: How often a page that is not final yet asks for itself again, in seconds.
AGAIN_SECONDS = 15
_MOST_EVIDENCE = 2_000
#: What stands in the badge, and its colour.
_BADGES = {
    "received": ("Received", "busy"),
    "waiting": ("Waiting", "wait"),
    "transcoding": ("Being prepared", "busy"),
    "held": ("Waits for approval", "wait"),
    "published": ("Published", "good"),
    "rejected": ("Rejected", "bad"),
    "superseded": ("Superseded", "gone"),
    "cancelled": ("Cancelled", "gone"),
    "failed": ("Failed", "bad"),
    "expired": ("Expired", "gone"),
    "removed": ("Deleted", "gone"),
    "deleted": ("Deleted", "gone"),
}

STYLE = """
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--ink:#16191f;--soft:#5a6270;--line:#e2e5ea;--link:#0b57d0;
--good:#0f7b3f;--good-bg:#e3f5ea;--bad:#b3261e;--bad-bg:#fceceb;--wait:#8a5300;--wait-bg:#fdf1dc;
--busy:#0b57d0;--busy-bg:#e4eefd;--gone:#5a6270;--gone-bg:#eceef1}
@media (prefers-color-scheme:dark){:root{--page:#0f1115;--card:#181b21;--ink:#eceef2;--soft:#a0a8b5;--line:#2b3038;
--link:#8ab4ff;--good:#6fd598;--good-bg:#12301f;--bad:#ff9a92;--bad-bg:#3a1715;--wait:#f3c073;--wait-bg:#35270f;
--busy:#8ab4ff;--busy-bg:#16284a;--gone:#a0a8b5;--gone-bg:#262a31}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);overflow-wrap:anywhere;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:54rem;margin:0 auto;padding:clamp(1rem,4vw,2.5rem) clamp(.75rem,4vw,1.5rem)}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:clamp(1rem,3vw,1.5rem);
margin:0 0 1rem}
.top{display:grid;gap:1.25rem}
.top.pictured{grid-template-columns:minmax(0,17rem) minmax(0,1fr)}
.poster{display:block;border-radius:10px;overflow:hidden;background:#000;aspect-ratio:16/9}
.poster img{display:block;width:100%;height:100%;object-fit:contain}
h1{font-size:clamp(1.4rem,4.5vw,1.9rem);line-height:1.2;margin:.5rem 0 .35rem;letter-spacing:-.01em}
h2{font-size:1rem;margin:0 0 .6rem}
p{margin:.35rem 0}
.lines{white-space:pre-line}
.soft{color:var(--soft);font-size:.9rem}
.badge{display:inline-block;border-radius:999px;padding:.15rem .7rem;font-size:.85rem;font-weight:600}
.good{color:var(--good);background:var(--good-bg)}.bad{color:var(--bad);background:var(--bad-bg)}
.wait{color:var(--wait);background:var(--wait-bg)}.busy{color:var(--busy);background:var(--busy-bg)}
.gone{color:var(--gone);background:var(--gone-bg)}
progress{appearance:none;-webkit-appearance:none;display:block;width:100%;height:10px;margin:.9rem 0 .2rem;border:0;
border-radius:999px;overflow:hidden;background:var(--line)}
progress::-webkit-progress-bar{background:var(--line)}
progress::-webkit-progress-value{background:var(--busy);border-radius:999px}
progress::-moz-progress-bar{background:var(--busy);border-radius:999px}
.play{display:inline-block;margin:.8rem 0 0;padding:.55rem 1.1rem;border-radius:10px;background:var(--link);
color:var(--card);font-weight:600;text-decoration:none}
.play:focus-visible,a:focus-visible{outline:3px solid var(--busy);outline-offset:2px}
a{color:var(--link)}
.notice{border-left:5px solid currentColor}
.notice>*{color:var(--ink)}
.notice h2,.notice .lead{color:inherit}
.notice.bad{background:var(--card);color:var(--bad)}.notice.wait{background:var(--card);color:var(--wait)}
.do{font-weight:600}
dl{display:grid;grid-template-columns:minmax(6.5rem,max-content) minmax(0,1fr);gap:.3rem 1.2rem;margin:.6rem 0 0}
dt{color:var(--soft)}dd{margin:0}
ul{margin:.3rem 0;padding-left:1.2rem}li{margin:.2rem 0}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.95rem;overflow-wrap:normal}
th{text-align:left;color:var(--soft);font-weight:500;font-size:.85rem}
th,td{padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:top}
tr:last-child td{border-bottom:0}
td.n,th.n{text-align:right}
code,pre{font:.88em/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{background:var(--gone-bg);border-radius:5px;padding:.1rem .35rem}
pre{margin:0;white-space:pre-wrap}
footer{color:var(--soft);font-size:.85rem;padding:0 .3rem}
@media (max-width:40rem){.top.pictured{grid-template-columns:minmax(0,1fr)}
dl{grid-template-columns:minmax(0,1fr);gap:0}dt{margin-top:.5rem;font-size:.85rem}
.spare{display:none}table{font-size:.9rem}th,td{padding-right:.6rem}}
@media print{body{background:#fff}.card{break-inside:avoid}}
"""


def page(receipt: Mapping[str, Any]) -> str:
    """The whole file."""
    title = receipt["title"]
    body = [
        _top(receipt),
        _error(receipt),
        _waits(receipt),
        _deleted(receipt),
        _list_of("Worth knowing", _warnings(receipt)),
        _film(receipt),
        _list_of("What was changed", receipt.get("changes")),
        _renditions(receipt),
        _captions(receipt),
        _cost(receipt),
        _uploads(receipt),
        _foot(receipt),
    ]
    badge, _ = _badge(receipt)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_text(_policy(receipt))}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            '<meta name="robots" content="noindex">',
            *([] if _is_final(receipt) else [f'<meta http-equiv="refresh" content="{AGAIN_SECONDS}">']),
            f"<title>{_text(badge)}: {_text(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            *filter(None, body),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _policy(receipt: Mapping[str, Any]) -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    poster = _poster(receipt)
    pictures = f"img-src {urlsplit(poster).scheme}://{urlsplit(poster).netloc}; " if poster else ""
    return f"default-src 'none'; {pictures}style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _is_final(receipt: Mapping[str, Any]) -> bool:
    return receipt["status"] in FINAL


# Parts of the page ---------------------------------------------------------------------------------------------------


def _top(receipt: Mapping[str, Any]) -> str:
    badge, colour = _badge(receipt)
    poster, link = _poster(receipt), (receipt.get("playback") or {}).get("url")
    picture = f'<img src="{_text(poster)}" alt="">' if poster else ""
    if picture and link:
        picture = f'<a class="poster" href="{_text(link)}" rel="noopener">{picture}</a>'
    percent = receipt.get("percent")
    known = percent is not None
    progress = f'<progress max="100" value="{percent}" aria-label="encoded">{percent} %</progress>' if known else ""
    since = f'<p class="soft">since {_time(receipt["since"])}</p>' if receipt.get("since") else ""
    watch = "Watch" if (receipt.get("plays") or {}).get("version") == receipt["version"] else "Watch what plays now"
    play = _button(link, watch)
    description = (receipt.get("wishes") or {}).get("description")
    return "".join(
        [
            f'<section class="card top{" pictured" if picture else ""}">{picture}<div>',
            f'<span class="badge {colour}">{_text(badge)}</span>',
            f"<h1>{_own(receipt['title'])}</h1>",
            f'<p class="lines">{_own(description)}</p>' if description else "",
            f"<p>{_own(receipt['state'])}</p>{progress}{since}{play}</div></section>",
        ]
    )


def _button(link: str | None, said: str) -> str:
    """A link to where films are watched, and to nowhere else: no scheme that a browser would run."""
    if not link or urlsplit(link).scheme not in ("https", "http"):
        return ""
    return f'<a class="play" href="{_text(link)}" rel="noopener">{_text(said)}</a>'


def _badge(receipt: Mapping[str, Any]) -> tuple[str, str]:
    word, colour = _BADGES.get(receipt["status"], (receipt["status"], "gone"))
    percent = receipt.get("percent")
    if percent is not None:
        return f"Encoding, {percent} %" if percent < 100 else "Being checked", colour
    return ("Published, not playing", "gone") if _is_aside(receipt) else (word, colour)


def _is_aside(receipt: Mapping[str, Any]) -> bool:
    """Whether it was published, and something else plays now."""
    return receipt["status"] == "published" and (receipt.get("plays") or {}).get("version") != receipt["version"]


def _poster(receipt: Mapping[str, Any]) -> str | None:
    return (receipt.get("playback") or {}).get("poster")


def _error(receipt: Mapping[str, Any]) -> str:
    error = receipt.get("error")
    if not error:
        return ""
    title = {"rejected": "Why it was rejected", "superseded": "Why it was not published"}
    message = error.get("message", "")
    evidence = {name: value for name, value in (error.get("evidence") or {}).items() if not _is_said(value, message)}
    facts = [(name, _value(value)) for name, value in evidence.items()]
    address = receipt.get("error_page")
    return "".join(
        [
            '<section class="card notice bad">',
            f"<h2>{_text(title.get(receipt['status'], 'What went wrong'))}</h2>",
            f'<p class="lines">{_own(message)}</p>',
            f'<p class="do">What to do: {_own(error["fix"])}</p>' if error.get("fix") else "",
            _facts(facts),
            f'<p class="soft">Code <code>{_text(error.get("code", ""))}</code>',
            f", explained in <code>{_text(address)}</code>" if address else "",
            "</p></section>",
        ]
    )


def _is_said(value: Any, message: str) -> bool:
    """Whether a list in the evidence, which programs read, is the message's own lines."""
    return isinstance(value, list) and bool(value) and all(isinstance(line, str) and line in message for line in value)


def _waits(receipt: Mapping[str, Any]) -> str:
    waits = receipt.get("waits")
    if not waits:
        return ""
    message, preview, end = (waits.get(name) for name in ("message", "preview_url", "until"))
    facts = [
        ("Who lets it go on", _own(waits["by"]) if waits.get("by") else ""),
        ("With", f"<code>{_text(waits['command'])}</code>" if waits.get("command") else ""),
        ("Since", _time(waits["since"]) if waits.get("since") else ""),
        ("At the longest until", _time(end) if end else ""),
    ]
    link = _button(preview, "Watch it before")
    return (
        '<section class="card notice wait"><h2>What it waits for</h2>'
        f"{f'<p>{_with_commands(message)}</p>' if message else ''}{_facts(_said(facts))}{link}</section>"
    )


def _deleted(receipt: Mapping[str, Any]) -> str:
    counts = receipt.get("removed_objects")
    if not counts:
        return ""
    rows = [(name, _text(count)) for name, count in counts.items()]
    return f'<section class="card"><h2>Objects that were deleted</h2>{_facts(rows)}</section>'


def _warnings(receipt: Mapping[str, Any]) -> list[str]:
    surplus = receipt.get("captions_left_out")
    more = [f"{surplus} caption files more lie beside the film and are left out."] if surplus else []
    return [*receipt.get("warnings", []), *more]


def _film(receipt: Mapping[str, Any]) -> str:
    wishes = receipt.get("wishes") or {}
    sounds = ", ".join(_sound(track) for track in receipt.get("audio") or [])
    facts = [
        ("File", _own(receipt["file"])),
        ("Size", _bytes(receipt["size_bytes"])),
        ("Received", _time(receipt["received_at"]) if receipt.get("received_at") else ""),
        ("What was found", _own(receipt["found"]) if receipt.get("found") else ""),
        ("Length", length(receipt["duration_ms"]) if receipt.get("duration_ms") else ""),
        ("Sound", _own(sounds) if sounds else ""),
        ("Language", _own(bcp47.label(wishes["language"])) if wishes.get("language") else ""),
        ("Tags", _own(", ".join(map(str, wishes["tags"]))) if wishes.get("tags") else ""),
    ]
    for word, name in (("Approved", "approval"), ("Released", "release")):
        facts.append((word, _decision(receipt[name]) if receipt.get(name) else ""))
    return f'<section class="card"><h2>The film</h2>{_facts(_said(facts))}</section>'


def _decision(decided: Mapping[str, Any]) -> str:
    note = f": {_own(decided['note'])}" if decided.get("note") else ""
    return f"by {_own(decided['by'])}, {_time(decided['at'])}{note}"


def _sound(track: Mapping[str, Any]) -> str:
    words = {1: "mono", 2: "stereo", 6: "5.1"}
    channels = words.get(track.get("channels", 0), f"{track.get('channels')} channels")
    return f"{track['label']} ({channels})" if track.get("channels") else track["label"]


def _renditions(receipt: Mapping[str, Any]) -> str:
    made, planned = receipt.get("renditions"), receipt.get("planned")
    if made:
        heads = ("Rendition", "Size", "Frames", "Bitrate", "File size")
        rows = [
            (
                each["name"],
                f"{each['width']} x {each['height']}",
                f"{rate_of(each['frame_rate'])} fps" if each.get("frame_rate") else "",
                _bitrate(each["bitrate_bps"]),
                _bytes(each["size_bytes"]) if each.get("size_bytes") else "",
            )
            for each in made
        ]
        shown = {"published": "What viewers get", "held": "What viewers will get", "transcoding": "What viewers get"}
        title = "What was made" if _is_aside(receipt) else shown.get(receipt["status"], "What was made")
        return _table(title, heads, rows, numbers=4, spare=2)
    rows = [
        (
            each["name"],
            f"{each['width']} x {each['height']}",
            f"{rate_of(each['frame_rate'])} fps",
            f"up to {_bitrate(each['max_bitrate_bps'])}",
        )
        for each in planned or []
    ]
    return _table("What is planned", ("Rendition", "Size", "Frames", "Bitrate"), rows, numbers=3, spare=2)


def _captions(receipt: Mapping[str, Any]) -> str:
    lines = []
    for track in receipt.get("captions") or []:
        name = track.get("label") or (bcp47.label(track["language"]) if track.get("language") else "")
        left_out = track.get("file") and "vtt" in track and not track["vtt"]
        words = [_own(name)] if name and not left_out else []
        words += [_own(track["file"])] if track.get("file") else ["from inside the film"]
        words += ["forced"] if track.get("forced") else []
        words += ["left out"] if left_out else []
        lines.append(", ".join(words) + _items(track.get("warnings") or []))
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f'<section class="card"><h2>Captions</h2><ul>{items}</ul></section>' if items else ""


def _cost(receipt: Mapping[str, Any]) -> str:
    price = receipt.get("price") or {}
    rows = [
        (word, _money(price[name])) for name, word in (("predicted", "Expected"), ("actual", "Actual")) if name in price
    ]
    return f'<section class="card"><h2>Cost of encoding</h2>{_facts(rows)}</section>' if rows else ""


def _money(bill: Mapping[str, Any]) -> str:
    about = "" if bill.get("sure") else "about "
    missing = "" if bill.get("whole", True) else ", and parts without a known price"
    return _text(f"{about}{bill['total']:.4f} {bill.get('currency', '')}{missing}")


def _uploads(receipt: Mapping[str, Any]) -> str:
    versions = receipt.get("versions") or []
    if len(versions) < 2 and not receipt.get("versions_left_out"):
        return ""
    rows = [
        (
            f"{each['version']}-r{each['revision']}",
            _BADGES.get(each["status"], (each["status"], ""))[0] + (", plays now" if each["plays"] else ""),
            _time(each["received_at"]) if each.get("received_at") else "",
            _bytes(each["size_bytes"]),
        )
        for each in versions
    ]
    surplus = receipt.get("versions_left_out")
    more = f'<p class="soft">and {surplus} older ones</p>' if surplus else ""
    return _table("Uploads of this file", ("Version", "State", "Received", "Size"), rows, numbers=3, more=more)


def _foot(receipt: Mapping[str, Any]) -> str:
    name = keys.execution_name(receipt["asset_id"], receipt["version"], receipt["revision"])
    written = f"Written {_time(receipt['updated_at'])}. " if receipt.get("updated_at") else ""
    again = "" if _is_final(receipt) else f"This page loads itself again every {AGAIN_SECONDS} seconds. "
    return (
        f"<footer><p>{written}{again}For those who run this service: <code>{_text(name)}</code>. "
        f"For programs: <code>{_text(keys.receipt_key(receipt['file']))}</code>.</p></footer>"
    )


# Words and figures ---------------------------------------------------------------------------------------------------


def _list_of(title: str, lines: Iterable[str] | None) -> str:
    items = _items(lines or [])
    return f'<section class="card"><h2>{_text(title)}</h2>{items}</section>' if items else ""


def _items(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_own(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _said(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of which something is known."""
    return [(name, said) for name, said in rows if said]


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    """Pairs of a name, which is text, and what is said of it, which is HTML."""
    items = "".join(f"<dt>{_own(name)}</dt><dd>{said}</dd>" for name, said in rows)
    return f"<dl>{items}</dl>" if items else ""


def _table(
    title: str, heads: tuple[str, ...], rows: list[tuple[str, ...]], numbers: int, spare: int = -1, more: str = ""
) -> str:
    """numbers: from which column on cells stand at the right; spare: the column that a phone has no room for. Cells are
    text, or a <time>."""
    if not rows:
        return ""
    kinds = {spare: ' class="spare"', **{index: ' class="n"' for index in range(numbers, len(heads))}}

    def line(tag: str, cells: Iterable[str]) -> str:
        classes = (kinds.get(index, "") for index in range(len(heads)))
        row = zip(cells, classes, strict=True)
        return "<tr>" + "".join(f"<{tag}{kind}>{_cell(cell)}</{tag}>" for cell, kind in row) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    head = f"<thead>{line('th', heads)}</thead>"
    table = f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'
    return f'<section class="card"><h2>{_text(title)}</h2>{table}{more}</section>'


class _Html(str):
    """HTML that was made here, and is not escaped once more."""


def _cell(cell: str) -> str:
    return cell if isinstance(cell, _Html) else _own(cell)


def _time(moment: str) -> _Html:
    """ "2026-11-23T12:47:03.120Z" -> 2026-11-23 12:47 UTC."""
    shown = moment[:16].replace("T", " ")
    return _Html(f'<time datetime="{_text(moment)}">{_text(shown)} UTC</time>')


def _value(value: Any) -> str:
    """One fact of an error's evidence, however it is made."""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"<pre>{_own(said if len(said) <= _MOST_EVIDENCE else said[:_MOST_EVIDENCE] + ' ...')}</pre>"


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} TB"


def _bitrate(bits: int) -> str:
    return f"{bits / 1e6:.1f} Mb/s" if bits >= 1_000_000 else f"{bits / 1000:.0f} kb/s"


def _own(text: Any) -> str:
    """Other people's words, which may be written from right to left: whatever they hold stays among themselves."""
    return f"<bdi>{_text(text)}</bdi>"


def _with_commands(text: str) -> str:
    """What stands between backticks is a command."""
    return re.sub("`([^`<>]+)`", r"<code>\1</code>", _own(text[:1].upper() + text[1:]))


def _text(text: Any) -> str:
    """Escaped for text and attributes. Control characters and halves of surrogate pairs are not allowed in HTML."""
    plain = "".join(sign if _is_allowed(sign) else "\ufffd" for sign in str(text))
    return html.escape(plain)


def _is_allowed(sign: str) -> bool:
    return sign in "\t\n" or unicodedata.category(sign) not in ("Cc", "Cs")
