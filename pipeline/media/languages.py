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
#: ISO 639-1, which Matroska may carry and people write -> ISO 639-2/T.
TWO_LETTERS = {
    "aa": "aar", "ab": "abk", "ae": "ave", "af": "afr", "ak": "aka", "am": "amh", "an": "arg", "ar": "ara",
    "as": "asm", "av": "ava", "ay": "aym", "az": "aze", "ba": "bak", "be": "bel", "bg": "bul", "bi": "bis",
    "bm": "bam", "bn": "ben", "bo": "bod", "br": "bre", "bs": "bos", "ca": "cat", "ce": "che", "ch": "cha",
    "co": "cos", "cr": "cre", "cs": "ces", "cu": "chu", "cv": "chv", "cy": "cym", "da": "dan", "de": "deu",
    "dv": "div", "dz": "dzo", "ee": "ewe", "el": "ell", "en": "eng", "eo": "epo", "es": "spa", "et": "est",
    "eu": "eus", "fa": "fas", "ff": "ful", "fi": "fin", "fj": "fij", "fo": "fao", "fr": "fra", "fy": "fry",
    "ga": "gle", "gd": "gla", "gl": "glg", "gn": "grn", "gu": "guj", "gv": "glv", "ha": "hau", "he": "heb",
    "hi": "hin", "ho": "hmo", "hr": "hrv", "ht": "hat", "hu": "hun", "hy": "hye", "hz": "her", "ia": "ina",
    "id": "ind", "ie": "ile", "ig": "ibo", "ii": "iii", "ik": "ipk", "io": "ido", "is": "isl", "it": "ita",
    "iu": "iku", "ja": "jpn", "jv": "jav", "ka": "kat", "kg": "kon", "ki": "kik", "kj": "kua", "kk": "kaz",
    "kl": "kal", "km": "khm", "kn": "kan", "ko": "kor", "kr": "kau", "ks": "kas", "ku": "kur", "kv": "kom",
    "kw": "cor", "ky": "kir", "la": "lat", "lb": "ltz", "lg": "lug", "li": "lim", "ln": "lin", "lo": "lao",
    "lt": "lit", "lu": "lub", "lv": "lav", "mg": "mlg", "mh": "mah", "mi": "mri", "mk": "mkd", "ml": "mal",
    "mn": "mon", "mr": "mar", "ms": "msa", "mt": "mlt", "my": "mya", "na": "nau", "nb": "nob", "nd": "nde",
    "ne": "nep", "ng": "ndo", "nl": "nld", "nn": "nno", "no": "nor", "nr": "nbl", "nv": "nav", "ny": "nya",
    "oc": "oci", "oj": "oji", "om": "orm", "or": "ori", "os": "oss", "pa": "pan", "pi": "pli", "pl": "pol",
    "ps": "pus", "pt": "por", "qu": "que", "rm": "roh", "rn": "run", "ro": "ron", "ru": "rus", "rw": "kin",
    "sa": "san", "sc": "srd", "sd": "snd", "se": "sme", "sg": "sag", "si": "sin", "sk": "slk", "sl": "slv",
    "sm": "smo", "sn": "sna", "so": "som", "sq": "sqi", "sr": "srp", "ss": "ssw", "st": "sot", "su": "sun",
    "sv": "swe", "sw": "swa", "ta": "tam", "te": "tel", "tg": "tgk", "th": "tha", "ti": "tir", "tk": "tuk",
    "tl": "tgl", "tn": "tsn", "to": "ton", "tr": "tur", "ts": "tso", "tt": "tat", "tw": "twi", "ty": "tah",
    "ug": "uig", "uk": "ukr", "ur": "urd", "uz": "uzb", "ve": "ven", "vi": "vie", "vo": "vol", "wa": "wln",
    "wo": "wol", "xh": "xho", "yi": "yid", "yo": "yor", "za": "zha", "zh": "zho", "zu": "zul",
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
