"""Films on disk: which files to upload, under which keys, and with which sidecars.

In: the paths of a command line. Out: Films with the S3 keys they will have. Can go wrong: a path that is no readable
file (NotAFile), said before anything is started.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline.media import keys, sidecars


class NotAFile(Exception):
    """A path on the command line cannot be uploaded; the message says which and why."""


@dataclasses.dataclass(frozen=True)
class Film:
    """One file to upload. sidecars are (path, key) pairs that lie beside it; they are uploaded first.

    around: every file of its folder by the key it would have, for those who ask what belongs to the film there.
    """

    path: Path
    key: str
    sidecars: tuple[tuple[Path, str], ...] = ()
    around: Mapping[str, Path] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.name


def films_from(paths: list[str]) -> list[Film]:
    """Films in the order given. Files of one name get their folder's name in the key, so that none replaces another."""
    files = [_file(path) for path in paths]
    names = collections.Counter(path.name for path in files)
    films, taken = [], set()
    for path in files:
        folder = f"{path.parent.name}/" if names[path.name] > 1 and path.parent.name else ""
        key = _free(f"{keys.UPLOADS}{folder}{path.name}", taken)
        films.append(Film(path, key, around=_around(path, key)))
    given = {film.key for film in films}
    return [dataclasses.replace(film, sidecars=_sidecars(film, given)) for film in films]


def _file(path: str) -> Path:
    file = Path(path).absolute()
    if not file.exists():
        raise NotAFile(f"{path}: there is no such file")
    if not file.is_file():
        raise NotAFile(f"{path}: not a file (folders are uploaded file by file: vod run {path}/*)")
    try:
        file.open("rb").close()
    except OSError as error:
        raise NotAFile(f"{path}: cannot be read: {error.strerror}") from error
    if not keys.is_film(keys.UPLOADS + file.name):
        raise NotAFile(
            f"{path}: by its name this is a hidden file or a sidecar, which the pipeline ignores; rename it, "
            "or give the film it belongs to"
        )
    return file


def _free(key: str, taken: set[str]) -> str:
    """The same file twice on one command line is two uploads of one key on purpose; two files never share one."""
    candidate, number = key, 1
    while candidate in taken:
        number += 1
        candidate = f"{keys.UPLOADS}{number}/{key.removeprefix(keys.UPLOADS)}"
    taken.add(candidate)
    return candidate


def _around(path: Path, key: str) -> dict[str, Path]:
    folder = key.rpartition("/")[0]
    return {f"{folder}/{entry.name}": entry for entry in sorted(path.parent.iterdir()) if entry.is_file()}


def _sidecars(film: Film, given: set[str]) -> tuple[tuple[Path, str], ...]:
    """What lies beside the film and may be its own among the films that go up with it."""
    beside = filter(sidecars.is_sidecar, film.around)
    return tuple((film.around[key], key) for key in beside if film.key in sidecars.films_of(key, given))
