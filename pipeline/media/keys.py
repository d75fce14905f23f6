"""Turns S3 keys into ids, and ids into prefixes: nothing else in the house knows what a key looks like.

Keys reach us with spaces, unicode, `+`, `%`, `..`, quotes and newlines, up to 1,024 bytes of UTF-8 (S3 User Guide,
"Naming Amazon S3 objects"). EventBridge events carry them unencoded. Everything that leaves this module as an id is
made of [a-z0-9-] only, so that it can be an execution name, a table key, an S3 prefix, a URL and a job's UserMetadata.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from pipeline.media import bcp47

UPLOADS = "uploads/"
RECEIPTS = "receipts/"
ASSETS = "a/"
WORK = "w/"
#: The player page. A prefix of its own, so that whoever asks for the page in odd words cannot reach a film.
SITE = "site/"

#: Every prefix that we write to; a synth-time guard compares them with what starts the pipeline.
WRITTEN_PREFIXES = (RECEIPTS, ASSETS, WORK, SITE)

CAPTION_SUFFIXES = (".srt", ".vtt")
SIDECAR_SUFFIXES = (*CAPTION_SUFFIXES, ".json", ".jpg", ".jpeg", ".png", ".txt", ".md5", ".sha256", ".xml")
_MAX_KEY_BYTES = 1024
_EXTENSION = re.compile(r"(?<=.)\.[^.\s]{0,10}\s*\Z", re.DOTALL)
_SEQUENCER_WIDTH = 64
_MARKS = frozenset({"forced", "sdh", "cc"})
#: Endings of films that have the form of a language's code: film.mov.srt speaks no Mov.
_CONTAINERS = frozenset("aac asf avi dv flv mkv mov mpe mpg mts mxf ogg oga ogv opus qt vob wav webm wma wmv".split())


def file_name(key: str) -> str:
    return key.rsplit("/", 1)[-1]


def stem(key: str) -> str:
    """The key without its extension: what a sidecar must share with its film, folders included.

    An extension is short and has no spaces: "Dr. Strange" has none.
    """
    folder, _, name = key.rpartition("/")
    base = _EXTENSION.sub("", name)
    return f"{folder}/{base}" if folder else base


def title(key: str) -> str:
    """What we call the film until somebody gives it a title: its file name without the extension."""
    return file_name(stem(key)).strip() or "Untitled"


def is_film(key: str) -> bool:
    """Whether an uploaded key is to be treated as a film.

    Everything is, except folders, hidden and system files, and sidecars: a text file named film.mp4, or a PDF, gets
    an answer in plain words instead of silence.
    """
    name = file_name(key)
    hidden = name.startswith((".", "~")) or name.lower() in {"thumbs.db", "desktop.ini"}
    return key.startswith(UPLOADS) and bool(name) and not hidden and not name.lower().endswith(SIDECAR_SUFFIXES)


def asset_id(bucket: str, key: str) -> str:
    """The asset of a source key: readable, stable, and never another key's. At most 53 characters.

    Twelve digits, because a library named in Chinese has the slug "film" throughout: among a million such keys a
    collision is then one in 500, with ten digits it would be one in three.
    """
    words = unicodedata.normalize("NFKD", title(key)).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:40].strip("-") or "film"
    return f"{slug}-{_digest(f'{bucket}/{key}', digits=12)}"


def version(version_id: str | None, etag: str, sequencer: str) -> str:
    """One id per upload. An unversioned bucket says version id "null"; there etag and sequencer tell uploads apart."""
    if version_id and version_id != "null":
        return _digest(version_id)
    return _digest(f"{etag}/{sequencer}")


def order(sequencer: str) -> str:
    """A sequencer that compares as text: S3 says to right-pad the shorter with zeros ("Event message structure")."""
    return sequencer.upper().ljust(_SEQUENCER_WIDTH, "0")


def execution_name(asset: str, version: str, revision: int) -> str:
    """At most 80 characters (StartExecution); searchable in the console by every part."""
    return f"{asset}-{version}-r{revision}"


def run(version: str, revision: int) -> str:
    """One run of one version: the folder name below v/ and w/."""
    return f"{version}-r{revision}"


def pointer_prefix(asset: str) -> str:
    return f"{ASSETS}{asset}/"


def run_prefix(asset: str, version: str, revision: int) -> str:
    return folder_of(asset, run(version, revision))


def folder_of(asset: str, run_name: str) -> str:
    """Where a run's outputs lie, by the run's name."""
    return f"{ASSETS}{asset}/v/{run_name}/"


def work_prefix(asset: str, version: str, revision: int) -> str:
    return f"{WORK}{asset}/{run(version, revision)}/"


def receipt_key(upload_key: str, ending: str = ".json") -> str:
    """Where the receipt of an upload lies, for programs (.json) and for people (.html): its path under receipts/,
    shortened with a hash where S3's limit bites."""
    path = f"{RECEIPTS}{upload_key.removeprefix(UPLOADS)}"
    if len(path.encode()) + len(ending) <= _MAX_KEY_BYTES:
        return f"{path}{ending}"
    tail = f"-{_digest(upload_key)}{ending}"
    return path.encode()[: _MAX_KEY_BYTES - len(tail)].decode("utf-8", "ignore") + tail


def caption_parts(film_key: str, candidate: str) -> tuple[str, frozenset[str], str] | None:
    """(language or "und", marks, format) when `candidate` is a caption sidecar of `film_key`, else None.

    film.srt, film.en.srt, film.pt_BR.vtt, film.fr.forced.vtt and film.sdh.English.srt belong to film.mov; filmed.srt
    does not, nor does film.part2.srt, which may be another film's. language is a tag of BCP 47.
    """
    base = stem(film_key)
    if not candidate.startswith(base + "."):
        return None
    return caption_words(candidate[len(base) + 1 :])


def caption_words(rest: str) -> tuple[str, frozenset[str], str] | None:
    """(language or "und", marks, format) of what follows a film's name and a dot in the name of captions, else None."""
    *words, suffix = rest.split(".")
    if f".{suffix.lower()}" not in CAPTION_SUFFIXES:
        return None
    # Marks first: film.sdh.srt is a mark without a language, not Southern Kurdish (ISO 639-3 "sdh").
    marks = frozenset(word.lower() for word in words if word.lower() in _MARKS)
    languages = [word for word in words if word.lower() not in _MARKS]
    if len(languages) > 1 or any(word.lower() in _CONTAINERS or not bcp47.is_language(word) for word in languages):
        return None
    return (bcp47.tag(languages[0]) if languages else bcp47.UNKNOWN, marks, suffix.lower())


def _digest(text: str, digits: int = 10) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
