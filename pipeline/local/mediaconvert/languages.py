"""Language codes: MediaConvert and containers speak ISO 639-2 ("ENG", "fre"), playlists speak BCP 47 ("en", "fr").

In: a code of either kind, or None. Out: the shortest BCP 47 tag, and an English name for the audio menus of players. A
code without a two-letter form stays as it is, which is what BCP 47 asks for.
"""

from __future__ import annotations

import re

# three letters (both forms where there are two) -> two letters, English name
_LANGUAGES = {
    "ara": ("ar", "Arabic"), "ben": ("bn", "Bengali"), "bul": ("bg", "Bulgarian"), "cat": ("ca", "Catalan"),
    "ces": ("cs", "Czech"), "cze": ("cs", "Czech"), "chi": ("zh", "Chinese"), "zho": ("zh", "Chinese"),
    "cym": ("cy", "Welsh"), "wel": ("cy", "Welsh"), "dan": ("da", "Danish"), "deu": ("de", "German"),
    "ger": ("de", "German"), "ell": ("el", "Greek"), "gre": ("el", "Greek"), "eng": ("en", "English"),
    "est": ("et", "Estonian"), "eus": ("eu", "Basque"), "baq": ("eu", "Basque"), "fas": ("fa", "Persian"),
    "per": ("fa", "Persian"), "fin": ("fi", "Finnish"), "fra": ("fr", "French"), "fre": ("fr", "French"),
    "gle": ("ga", "Irish"), "glg": ("gl", "Galician"), "guj": ("gu", "Gujarati"), "heb": ("he", "Hebrew"),
    "hin": ("hi", "Hindi"), "hrv": ("hr", "Croatian"), "hun": ("hu", "Hungarian"), "hye": ("hy", "Armenian"),
    "arm": ("hy", "Armenian"), "ind": ("id", "Indonesian"), "isl": ("is", "Icelandic"), "ice": ("is", "Icelandic"),
    "ita": ("it", "Italian"), "jpn": ("ja", "Japanese"), "kan": ("kn", "Kannada"), "kat": ("ka", "Georgian"),
    "geo": ("ka", "Georgian"), "kor": ("ko", "Korean"), "lav": ("lv", "Latvian"), "lit": ("lt", "Lithuanian"),
    "mal": ("ml", "Malayalam"), "mar": ("mr", "Marathi"), "mkd": ("mk", "Macedonian"), "mac": ("mk", "Macedonian"),
    "msa": ("ms", "Malay"), "may": ("ms", "Malay"), "nld": ("nl", "Dutch"), "dut": ("nl", "Dutch"),
    "nob": ("nb", "Norwegian Bokmål"), "nno": ("nn", "Norwegian Nynorsk"), "nor": ("no", "Norwegian"),
    "pan": ("pa", "Punjabi"), "pol": ("pl", "Polish"), "por": ("pt", "Portuguese"), "ron": ("ro", "Romanian"),
    "rum": ("ro", "Romanian"), "rus": ("ru", "Russian"), "slk": ("sk", "Slovak"), "slo": ("sk", "Slovak"),
    "slv": ("sl", "Slovenian"), "spa": ("es", "Spanish"), "sqi": ("sq", "Albanian"), "alb": ("sq", "Albanian"),
    "srp": ("sr", "Serbian"), "swa": ("sw", "Swahili"), "swe": ("sv", "Swedish"), "tam": ("ta", "Tamil"),
    "tel": ("te", "Telugu"), "tgl": ("tl", "Tagalog"), "tha": ("th", "Thai"), "tur": ("tr", "Turkish"),
    "ukr": ("uk", "Ukrainian"), "urd": ("ur", "Urdu"), "vie": ("vi", "Vietnamese"), "afr": ("af", "Afrikaans"),
    "aze": ("az", "Azerbaijani"), "bel": ("be", "Belarusian"), "bos": ("bs", "Bosnian"), "kaz": ("kk", "Kazakh"),
    "khm": ("km", "Khmer"), "lao": ("lo", "Lao"), "mon": ("mn", "Mongolian"), "mya": ("my", "Burmese"),
    "bur": ("my", "Burmese"), "nep": ("ne", "Nepali"), "sin": ("si", "Sinhala"), "uzb": ("uz", "Uzbek"),
}  # fmt: skip
_NAMES = dict(_LANGUAGES.values())


def bcp47(code: str | None) -> str | None:
    """The tag for playlists; None for a code that says nothing ("und") or is no code at all."""
    if code is None or not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", code):
        return None
    first, dash, rest = code.partition("-")
    if first.lower() in ("und", "mul", "zxx"):
        return None
    short = _LANGUAGES.get(first.lower(), (first.lower(), ""))[0]
    return short + dash + rest


def language_name(tag: str | None) -> str | None:
    return _NAMES.get(tag.partition("-")[0], tag) if tag else None


def iso639_2(tag: str | None) -> str:
    """Three letters for the media header of an MP4 track, which has room for no more."""
    first = tag.partition("-")[0] if tag else "und"
    return first if len(first) == 3 else next((code for code, (two, _) in _LANGUAGES.items() if two == first), "und")
