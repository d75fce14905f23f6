"""Language tags as HLS, DASH and asset.json carry them, and what a viewer reads instead.

In: a language as somebody wrote it in a file's name, or as a manifest has it (PT-br, zh_hant, eng, English). Out: the
tag of BCP 47 (pt-BR, zh-Hant, en) and a label in the language's own words. What cannot be a tag is "und", the code of
ISO 639-2 for "undetermined"; nothing is raised.
"""

from __future__ import annotations

import re

from pipeline.media.languages import NAMES, TERMINOLOGICAL, TWO_LETTERS

UNKNOWN = "und"
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,5}")

#: What a viewer reads in the menu, each language in its own words.
LABELS = {
    "ar": "العربية", "bg": "Български", "ca": "Català", "cs": "Čeština", "da": "Dansk", "de": "Deutsch",
    "el": "Ελληνικά", "en": "English", "es": "Español", "et": "Eesti", "eu": "Euskara", "fa": "فارسی",
    "fi": "Suomi", "fr": "Français", "he": "עברית", "hi": "हिन्दी", "hr": "Hrvatski", "hu": "Magyar",
    "id": "Indonesia", "is": "Íslenska", "it": "Italiano", "ja": "日本語", "ko": "한국어", "lt": "Lietuvių",
    "lv": "Latviešu", "ms": "Melayu", "nb": "Norsk bokmål", "nl": "Nederlands", "nn": "Norsk nynorsk", "no": "Norsk",
    "pl": "Polski", "pt": "Português", "ro": "Română", "ru": "Русский", "sk": "Slovenčina", "sl": "Slovenščina",
    "sr": "Српски", "sv": "Svenska", "ta": "தமிழ்", "th": "ไทย", "tr": "Türkçe", "uk": "Українська", "ur": "اردو",
    "vi": "Tiếng Việt", "zh": "中文",
}  # fmt: skip

#: ISO 639-2, both of its codes where there are two. BCP 47 wants the shortest code that a language has.
_SHORTEST = {long: short for short, long in TWO_LETTERS.items()}
_SHORTEST |= {older: _SHORTEST[long] for older, long in TERMINOLOGICAL.items() if long in _SHORTEST}
#: Editing programs write the English word into the file's name.
_WORDS = {NAMES[long].lower(): short for long, short in _SHORTEST.items() if long in NAMES}


def tag(text: str) -> str:
    """The tag of BCP 47 for what somebody wrote, its letters cased as RFC 5646 section 2.1.1 has them; else "und"."""
    written = text.strip().replace("_", "-")
    if written.lower() in _WORDS:
        return _WORDS[written.lower()]
    if not _TAG.fullmatch(written):
        return UNKNOWN
    first, *rest = written.lower().split("-")
    return "-".join([_SHORTEST.get(first, first), *map(_cased, rest)])


def is_language(text: str) -> bool:
    """Whether a word in a file's name can be meant as a language: a tag, or the language's English name."""
    return tag(text) != UNKNOWN


def label(language: str, unknown: str = "Captions") -> str:
    """What a viewer reads: Português (BR), 中文 (Hant); the tag itself where we have no word for it."""
    first, _, rest = language.partition("-")
    if first.lower() in ("", UNKNOWN):
        return unknown
    name = LABELS.get(first.lower(), first)
    return f"{name} ({rest})" if rest else name


def _cased(subtag: str) -> str:
    if len(subtag) == 4 and subtag.isalpha():
        return subtag.title()  # a script
    return subtag.upper() if len(subtag) == 2 else subtag  # a region
