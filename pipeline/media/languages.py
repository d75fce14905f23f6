"""Language codes: files speak ISO 639-2 in two forms ("fre", "FRA"), MediaConvert the second, viewers read names.

In: a code as a file carries it. Out: ISO 639-2/T in small letters ("und" where nothing is known), and an English name
in letters that MediaConvert's StreamName takes.
"""

from __future__ import annotations

import re

#: ISO 639-2/B, which older files carry -> ISO 639-2/T.
TERMINOLOGICAL = {
    "alb": "sqi", "arm": "hye", "baq": "eus", "bur": "mya", "chi": "zho", "cze": "ces", "dut": "nld", "fre": "fra",
    "geo": "kat", "ger": "deu", "gre": "ell", "ice": "isl", "mac": "mkd", "mao": "mri", "may": "msa", "per": "fas",
    "rum": "ron", "slo": "slk", "tib": "bod", "wel": "cym",
}  # fmt: skip
#: ISO 639-1, which Matroska may carry -> ISO 639-2/T.
TWO_LETTERS = {
    "ar": "ara", "bg": "bul", "bn": "ben", "ca": "cat", "cs": "ces", "da": "dan", "de": "deu", "el": "ell",
    "en": "eng", "es": "spa", "et": "est", "fa": "fas", "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin",
    "hr": "hrv", "hu": "hun", "id": "ind", "is": "isl", "it": "ita", "ja": "jpn", "ko": "kor", "lt": "lit",
    "lv": "lav", "ms": "msa", "nb": "nob", "nl": "nld", "nn": "nno", "no": "nor", "pl": "pol", "pt": "por",
    "ro": "ron", "ru": "rus", "sk": "slk", "sl": "slv", "sq": "sqi", "sr": "srp", "sv": "swe", "ta": "tam",
    "te": "tel", "th": "tha", "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie", "zh": "zho",
}  # fmt: skip
NAMES = {
    "afr": "Afrikaans", "ara": "Arabic", "ben": "Bengali", "bul": "Bulgarian", "cat": "Catalan", "ces": "Czech",
    "cym": "Welsh", "dan": "Danish", "deu": "German", "ell": "Greek", "eng": "English", "est": "Estonian",
    "eus": "Basque", "fas": "Persian", "fin": "Finnish", "fra": "French", "gle": "Irish", "glg": "Galician",
    "guj": "Gujarati", "heb": "Hebrew", "hin": "Hindi", "hrv": "Croatian", "hun": "Hungarian", "hye": "Armenian",
    "ind": "Indonesian", "isl": "Icelandic", "ita": "Italian", "jpn": "Japanese", "kan": "Kannada", "kat": "Georgian",
    "kor": "Korean", "lav": "Latvian", "lit": "Lithuanian", "mal": "Malayalam", "mar": "Marathi", "mkd": "Macedonian",
    "msa": "Malay", "mya": "Burmese", "nld": "Dutch", "nno": "Norwegian Nynorsk", "nob": "Norwegian Bokmal",
    "nor": "Norwegian", "pan": "Punjabi", "pol": "Polish", "por": "Portuguese", "ron": "Romanian", "rus": "Russian",
    "slk": "Slovak", "slv": "Slovenian", "spa": "Spanish", "sqi": "Albanian", "srp": "Serbian", "swa": "Swahili",
    "swe": "Swedish", "tam": "Tamil", "tel": "Telugu", "tha": "Thai", "tur": "Turkish", "ukr": "Ukrainian",
    "urd": "Urdu", "vie": "Vietnamese", "zho": "Chinese", "zul": "Zulu",
}  # fmt: skip
_NOTHING = frozenset({"und", "mul", "zxx", "mis"})
#: The three-letter codes that MediaConvert's LanguageCode lists; all others go into CustomLanguageCode.
MEDIACONVERT = frozenset(
    "eng spa fra deu zho ara hin jpn rus por ita urd vie kor pan abk aar afr aka sqi amh arg hye asm ava ave aym aze "
    "bam bak eus bel ben bih bis bos bre bul mya cat khm cha che nya chu chv cor cos cre hrv ces dan div nld dzo enm "
    "epo est ewe fao fij fin frm ful gla glg lug kat ell grn guj hat hau heb her hmo hun isl ido ibo ind ina ile iku "
    "ipk gle jav kal kan kau kas kaz kik kin kir kom kon kua kur lao lat lav lim lin lit lub ltz mkd mlg msa mal mlt "
    "glv mri mar mah mon nau nav nde nbl ndo nep sme nor nob nno oci oji ori orm oss pli fas pol pus que ron roh run "
    "smo sag san srd srb sna iii snd sin slk slv som sot sun swa ssw swe tgl tah tgk tam tat tel tha bod tir ton tso "
    "tsn tur tuk twi uig ukr uzb ven vol wln cym fry wol xho yid yor zha zul orj qpc tng srp".split()
)


def three_letters(code: str | None) -> str:
    """ISO 639-2/T, or 639-3 for what has no such code; "und" for no code, or one that says nothing."""
    found = re.match(r"[a-z]+", (code or "").lower())
    letters = TWO_LETTERS.get(found.group(), found.group()) if found else "und"
    letters = TERMINOLOGICAL.get(letters, letters)
    return letters if len(letters) == 3 and letters not in _NOTHING else "und"


def english_name(language: str) -> str:
    """In letters, digits and spaces alone: StreamName's pattern is [\\w\\s]*, and whether that means more than ASCII
    to MediaConvert is not documented."""
    return NAMES.get(language, language.upper()) if language != "und" else "Sound"
