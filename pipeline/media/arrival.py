"""Arrival: what came with a film, as the `asset` part of the state says it.

In: the film's key, the keys that lie around it, and a way to read a small file among them. Out: {title, captions,
captions_left_out, poster, wishes, base, warnings}, always all of them; base is for those who know of earlier runs.
Ingest asks it about the bucket and `vod check` about a folder, so that both say the same. What can go wrong: a JSON
file that cannot be followed (SourceRejected).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from pipeline.media import keys, sidecars, wishes
from pipeline.media.captions import MOST_SIDECARS

#: Gives up to so many first bytes of a file, or None where it has gone since it was seen.
ReadStart = Callable[[str, int], bytes | None]


def asset_part(
    film_key: str, around: Iterable[str], read_start: ReadStart, profiles: Collection[str]
) -> dict[str, Any]:
    """profiles: those that may be wished. At most 40 captions are taken, because a state may not exceed 256 KiB and a
    key may have 1,024 bytes."""
    found = sidecars.beside(film_key, around)
    wished, held = _wishes(found, read_start, profiles)
    captions = [one.as_state(spoken=wished.get("captions_language")) for one in found.captions]
    return {
        "title": wished.get("title") or keys.title(film_key),
        "captions": captions[:MOST_SIDECARS],
        "captions_left_out": max(0, len(captions) - MOST_SIDECARS),
        "poster": found.poster,
        "wishes": wished,
        "base": None,
        "warnings": [
            *found.warnings,
            *(f"{name} asks to hold the film, so it is held" for name in held),
            *_two_posters(found.poster, wished),
        ],
    }


def _two_posters(poster: str | None, wished: dict[str, Any]) -> list[str]:
    if poster is None or "poster_at_ms" not in wished:
        return []
    return [f"{keys.file_name(poster)} goes before poster_time as the poster"]


def _wishes(
    found: sidecars.Beside, read_start: ReadStart, profiles: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """What is wished, and the names of files that are not used and yet hold the film.

    Of a JSON file that may be another film's, or is the second of one film, nothing is taken but a wish to hold: to
    publish what somebody asked to hold would be worse than to hold what nobody asked for.
    """

    def said(key: str) -> dict[str, Any]:
        data = read_start(key, wishes.MOST_BYTES + 1)
        return {} if data is None else wishes.read(data, keys.file_name(key), profiles)

    wished = said(found.wishes) if found.wishes else {}
    held = [keys.file_name(key) for key in found.doubted if said(key).get("publish") == "hold"]
    return {**wished, **({"publish": "hold"} if held else {})}, held
