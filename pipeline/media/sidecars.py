"""Sidecars: which files beside a film are its captions, its poster and its wishes, by their names alone.

In: a key, and the keys that lie around it. Out: the films a sidecar is for (`films_of`), or what belongs to a film
(`beside`), with a sentence for each file that is not used. Nothing is raised: a file that cannot be placed is told.

A sidecar has the film's stem, folders included, or the film's whole name: My Film.en.srt, My Film.mov.en.srt. Where
several films fit, the longest name wins, and the whole name before the stem: My Film.en.srt is for My Film.en.mov
before it is for My Film.mov. Where two films still fit (My Film.mov and My Film.mp4) the sidecar is for neither; the
whole name says which is meant. My Film.pdf is no rival of theirs, though every file that is uploaded is looked at.

Names are compared in Unicode's composed form, because a Mac may send é as two characters and a form in a browser as
one. Case counts in a name, as it does for S3, but not in its ending: My Film.JPG is a poster.
"""

from __future__ import annotations

import dataclasses
import itertools
import unicodedata
from collections.abc import Callable, Iterable

from pipeline.media import bcp47, keys

WISHES_SUFFIX = ".json"
#: In the order of preference, where a film has several.
POSTER_SUFFIXES = (".jpg", ".jpeg", ".png")
#: A file of another ending may be a film as well, but not a rival for the sidecars of one that surely is.
_FILM_SUFFIXES = frozenset(
    "3g2 3gp aac aif aiff asf avi dv f4v flac flv gxf m2t m2ts m4a m4v mka mkv mov mp2 mp3 mp4 mpeg mpg mts mxf oga "
    "ogg ogv opus ts vob wav webm wma wmv".split()
)
#: What one film's receipt says of files that are not used; a name may have 1,024 bytes, a state 256 KiB.
_MOST_WARNINGS = 8
_LONGEST_NAME = 120


@dataclasses.dataclass(frozen=True)
class Caption:
    """A caption sidecar: language is a tag of BCP 47, "und" where its name has none; marks as keys.caption_parts."""

    key: str
    language: str
    marks: tuple[str, ...]

    def as_state(self, spoken: str | None = None) -> dict[str, object]:
        """spoken: the language where the name has none."""
        language = spoken if spoken and self.language == bcp47.UNKNOWN else self.language
        return {"key": self.key, "language": language, "marks": list(self.marks)}


@dataclasses.dataclass(frozen=True)
class Beside:
    """What belongs to one film. poster and wishes are keys, or None.

    doubted: keys of wishes that may be this film's, but are not used: whoever publishes must know whether one of them
    asks to hold. warnings are sentences for the receipt.
    """

    captions: tuple[Caption, ...]
    poster: str | None
    wishes: str | None
    doubted: tuple[str, ...]
    warnings: tuple[str, ...]


def is_sidecar(key: str) -> bool:
    """Whether an uploaded key can be captions, a poster or wishes: .srt .vtt .jpg .jpeg .png .json."""
    name = keys.file_name(key)
    return key.startswith(keys.UPLOADS) and not name.startswith((".", "~")) and bool(_bases(key))


def prefixes(key: str) -> tuple[str, ...]:
    """Where S3 must be listed to know all that `films_of` and `beside` need for this sidecar or film.

    Of each: the key of this very name, and every key that begins with it and a dot (objects.keys_around does both).
    """
    bases = _bases(key) if is_sidecar(key) else [keys.stem(key), keys.stem(_composed(key))]
    return tuple(dict.fromkeys(form for base in bases for form in _forms(base)))


def films_of(sidecar: str, around: Iterable[str]) -> tuple[str, ...]:
    """The films a sidecar is for: none, one, or several, and then it is ambiguous and used for none of them."""
    ranked = [(_rank(sidecar, film), film) for film in _films(around)]
    best = max((rank for rank, _ in ranked if rank), default=None)
    return tuple(sorted(film for rank, film in ranked if best and rank == best))


def beside(film: str, around: Iterable[str]) -> Beside:
    """What belongs to a film, out of the keys that lie around it (more of them than `prefixes` asks for do no harm)."""
    known = {film, *around}
    films = list(_films(known))
    mine, doubtful, warnings = [], [], []
    for key in sorted(filter(is_sidecar, known)):
        if not _rank(key, film):
            warnings += _misnamed(key, film, films)
            continue
        found = films_of(key, films)
        if found == (film,):
            mine.append(key)
        elif film in found:
            doubtful.append((key, found))
    doubtful = [each for each in doubtful if not any(_settles(key, each[0], film) for key in mine)]
    warnings += [_ambiguous(key, found) for key, found in doubtful]
    posters = sorted((key for key in mine if _is(key, POSTER_SUFFIXES)), key=_preference(film))
    wishes = sorted((key for key in mine if _is(key, (WISHES_SUFFIX,))), key=_preference(film))
    warnings += [_spare(each[0], key) for each in (posters, wishes) for key in each[1:]]
    doubted = [key for key, _ in doubtful if _is(key, (WISHES_SUFFIX,))]
    doubted += [key for key in wishes[1:] if _base_of(key, film) == _base_of(wishes[0], film)]
    return Beside(
        captions=tuple(_caption(key, film) for key in mine if _is(key, keys.CAPTION_SUFFIXES)),
        poster=posters[0] if posters else None,
        wishes=wishes[0] if wishes else None,
        doubted=tuple(doubted),
        warnings=_first(warnings),
    )


# --- whose is it ------------------------------------------------------------------------------------------------------


def _rank(sidecar: str, film: str) -> tuple[int, bool, bool, bool] | None:
    """How well a sidecar fits a film: the length of the name they share, whether that is the film's whole name, whether
    it is a film by its ending, whether the name is written in the same bytes; None where it does not fit."""
    bases = _bases(sidecar)
    whole, stem = _composed(film), keys.stem(_composed(film))
    fitting = [base for base in bases if _composed(base) in (whole, stem)]
    if not fitting:
        return None
    base = max(fitting, key=len)
    # A film without an extension has no whole name beside its stem.
    usual = whole.rpartition(".")[2].strip().lower() in _FILM_SUFFIXES
    return len(_composed(base)), _composed(base) == whole != stem, usual, base in (film, keys.stem(film))


def _bases(sidecar: str) -> list[str]:
    """The names of films that this sidecar's name can be made of, longest first."""
    lower = sidecar.lower()
    if lower.endswith((WISHES_SUFFIX, *POSTER_SUFFIXES)):
        base = sidecar.rpartition(".")[0]
        return [base] if keys.file_name(base) else []
    if not lower.endswith(keys.CAPTION_SUFFIXES):
        return []
    base, bases = sidecar.rpartition(".")[0], []
    while keys.file_name(base) and keys.caption_words(sidecar[len(base) + 1 :]):
        bases.append(base)
        base, dot, _ = base.rpartition(".")
        if not dot or "/" in sidecar[len(base) :]:
            break
    return bases


def _base_of(sidecar: str, film: str) -> int:
    rank = _rank(sidecar, film)
    return rank[0] if rank else 0


def _settles(mine: str, other: str, film: str) -> bool:
    """Whether a film has one of its own for what another sidecar may be: then the other is not missed."""
    if _is(mine, keys.CAPTION_SUFFIXES) and _is(other, keys.CAPTION_SUFFIXES):
        one, two = _caption(mine, film), _caption(other, film)
        return (one.language, one.marks) == (two.language, two.marks)
    return any(_is(mine, suffixes) and _is(other, suffixes) for suffixes in (POSTER_SUFFIXES, (WISHES_SUFFIX,)))


def _caption(key: str, film: str) -> Caption:
    rest = key[len(next(base for base in _bases(key) if len(_composed(base)) == _base_of(key, film))) + 1 :]
    words = keys.caption_words(rest)
    assert words  # _bases has asked the same
    return Caption(key, words[0], tuple(sorted(words[1])))


def _preference(film: str) -> Callable[[str], tuple[list[int], int, str]]:
    """What fits best first, then the ending that is usual, small letters before large ones."""
    endings = (WISHES_SUFFIX, *POSTER_SUFFIXES)

    def order(key: str) -> tuple[list[int], int, str]:
        ending = next(number for number, suffix in enumerate(endings) if key.lower().endswith(suffix))
        return [-part for part in _rank(key, film) or ()], ending, key.swapcase()

    return order


def _is(key: str, suffixes: tuple[str, ...]) -> bool:
    return key.lower().endswith(suffixes)


def _films(around: Iterable[str]) -> Iterable[str]:
    return filter(keys.is_film, set(around))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _forms(base: str) -> list[str]:
    """A name as different computers write it. The folder may have been typed where the file's name was not."""
    folder, slash, name = base.rpartition("/")
    ways = [(part, _composed(part), unicodedata.normalize("NFD", part)) for part in (folder, name)]
    return [f"{one}{slash}{other}" for one, other in itertools.product(*ways)]


# --- what the receipt says --------------------------------------------------------------------------------------------


def _ambiguous(sidecar: str, films: tuple[str, ...]) -> str:
    name = _named(sidecar)
    named = [_named(film) for film in films]
    whole = [_explicit(sidecar, film) for film in films if keys.stem(film) != film]
    cure = f"name it {' or '.join(whole[:2])}" if whole else "rename one of the films"
    most = f"{', '.join(named[:-1])} or {named[-1]}" if len(named) <= 3 else f"{', '.join(named[:3])} or others"
    return f"{name} is not used, because it may be for {most}; {cure}"


def _explicit(sidecar: str, film: str) -> str:
    """The sidecar's name with the film's whole name in it."""
    base = next(base for base in _bases(sidecar) if len(_composed(base)) == _base_of(sidecar, film))
    return f"{_named(film)}{sidecar[len(base) :]}"


def _spare(used: str, spare: str) -> str:
    one, other = _named(used), _named(spare)
    what = "poster" if _is(used, POSTER_SUFFIXES) else "JSON file"
    return f"{other} is not used, because {one} is; keep one {what} beside the film"


def _misnamed(key: str, film: str, films: list[str]) -> list[str]:
    """Captions that begin with the film's name, go on with a word that is no language, and fit no other film."""
    stem = keys.stem(_composed(film)) + "."
    if not _is(key, keys.CAPTION_SUFFIXES) or not _composed(key).startswith(stem) or films_of(key, films):
        return []
    longer = [other for other in map(keys.stem, map(_composed, films)) if other.startswith(stem)]
    if any(_composed(key).startswith(f"{other}.") for other in longer):
        return []
    words = _composed(key)[len(stem) :].split(".")[:-1]
    odd = next((word for word in words if not keys.caption_words(f"{word}.srt")), None)
    why = f"{odd!r} is neither a language nor forced, sdh or cc" if odd else "more than one language is in its name"
    return [f"{_named(key)} is not used: {why}; name captions like {_named(stem)}en.srt"]


def _first(warnings: list[str]) -> tuple[str, ...]:
    more = len(warnings) - _MOST_WARNINGS
    told = [f"and {more} more files beside the film are not used"] if more > 0 else []
    return (*warnings[:_MOST_WARNINGS], *told)


def _named(key: str) -> str:
    """A file's name as a sentence can hold it."""
    name = keys.file_name(key)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME // 2]}\u2026{name[-_LONGEST_NAME // 2 :]}"
