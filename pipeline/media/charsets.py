"""Which letters a text file's bytes stand for, when nobody says: UTF-8, UTF-16, or the usual one of its language.

In: bytes, and the language (BCP 47) where it is known. Out: the text, and what had to be guessed. Every byte gets a
meaning, so nothing is raised; what cannot be read becomes U+FFFD. UTF-8 is certain enough to believe: other encodings
hardly ever look like it by accident. Among the older ones of a language that one wins whose text looks most like
words: letters, not signs and control characters amid them, and no capital after a small letter.

Sources: WHATWG Encoding Standard (legacy encodings and their labels), Unicode 15 section 3.10 (byte order mark).
"""

from __future__ import annotations

import unicodedata

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SAMPLE = 65_536
_WESTERN = ("cp1252", "iso8859_15")
_CENTRAL = ("cp1250", "iso8859_2")
_CYRILLIC = ("cp1251", "koi8_u", "iso8859_5")
_BALTIC = ("cp1257", "iso8859_13")
_ARABIC = ("cp1256", "iso8859_6")
#: Most usual first. Whatever is not here is read as Western European.
_BY_LANGUAGE = {
    **dict.fromkeys(("bs", "cs", "hr", "hu", "pl", "sk", "sl", "sq"), _CENTRAL),
    **dict.fromkeys(("be", "bg", "kk", "mk", "mn", "ru", "uk"), _CYRILLIC),
    **dict.fromkeys(("et", "lt", "lv"), _BALTIC),
    **dict.fromkeys(("ar", "fa", "ur"), _ARABIC),
    "ro": ("cp1250", "iso8859_16", "iso8859_2"),
    "sr": (*_CENTRAL, *_CYRILLIC),
    "el": ("cp1253", "iso8859_7"),
    "tr": ("cp1254", "iso8859_9"),
    "he": ("cp1255", "iso8859_8"),
    "vi": ("cp1258",),
    "th": ("cp874", "iso8859_11"),
    "ja": ("cp932", "euc_jp"),
    "ko": ("cp949",),
    "zh": ("gb18030", "big5hkscs"),
}
_TRADITIONAL = ("big5hkscs", "gb18030")
_NAMES = {
    "cp874": "Windows-874", "cp932": "Shift JIS", "cp949": "Windows-949", "big5hkscs": "Big5", "euc_jp": "EUC-JP",
    "gb18030": "GB 18030", "koi8_u": "KOI8-U",
}  # fmt: skip


def decode(data: bytes, language: str = "und") -> tuple[str, str | None]:
    """(text, what was guessed, as a sentence for the file's owner, or None). No byte order mark stays anywhere."""
    text, guess = _decoded(data, language)
    return text.replace("\ufeff", ""), guess


def _decoded(data: bytes, language: str) -> tuple[str, str | None]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), None
    wide = _unmarked_utf16(data)
    if wide:
        return data.decode(wide, "replace"), None
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", "replace")
    lost = text.count("\ufffd")
    if sum(letter > "\x7f" for letter in text) > 5 * lost:
        return text, f"{lost} places are no UTF-8 and were lost"
    encoding = max(_candidates(language), key=lambda each: _likeness(data[:_SAMPLE].decode(each, "replace")))
    says = f"not UTF-8: read as {_name(encoding)}; save it as UTF-8 to be sure of every letter"
    return data.decode(encoding, "replace"), says


def _unmarked_utf16(data: bytes) -> str | None:
    """In UTF-16 every digit, blank and line end has a zero byte, always on the same side."""
    sample = data[:_SAMPLE]
    first, second = sample[0::2].count(0), sample[1::2].count(0)
    if first + second < len(sample) / 10:
        return None
    if second > 20 * first:
        return "utf-16-le"
    return "utf-16-be" if first > 20 * second else None


def _candidates(language: str) -> tuple[str, ...]:
    first, *rest = language.split("-")
    if first == "zh" and {"Hant", "TW", "HK", "MO"} & set(rest):
        return _TRADITIONAL
    return _BY_LANGUAGE.get(first, _WESTERN)


def _likeness(text: str) -> int:
    """How much a text looks like words. Only what is beyond ASCII tells encodings apart."""
    points = 0
    for before, letter in zip(" " + text, text, strict=False):
        if letter <= "\x7f":
            continue
        category = unicodedata.category(letter)
        if category[0] in "LM" or "\u3000" <= letter <= "\u303f" or "\uff00" <= letter <= "\uff65":  # and CJK's signs
            points += -2 if category == "Lu" and before.islower() else 2
        elif category in ("Cc", "Co", "Cn") or letter == "\ufffd":
            points -= 8
        elif category[0] == "S" or category == "No":
            points -= 2
    return points


def _name(encoding: str) -> str:
    if encoding in _NAMES:
        return _NAMES[encoding]
    return (
        encoding.replace("cp", "Windows-") if encoding.startswith("cp") else encoding.replace("iso8859_", "ISO-8859-")
    )
