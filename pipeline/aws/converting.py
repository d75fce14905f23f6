"""Converting: what lies beside a film's pictures becomes files in a run's folder.

In: keys of sidecars. Out: what was made of each, as the convert step says it, with sentences for the receipt. Nothing
that cannot be read is raised, because captions and posters never hold a film back: it is left out, or, in an update,
stays as the revision before had it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

from pipeline.aws import objects
from pipeline.media import captions, cover, keys, manifest, poster
from pipeline.media.asset import Upload
from pipeline.media.errors import OutputMissing, SourceRejected

#: A file of captions grows when it becomes WebVTT; posters are smaller.
_MOST_KEPT = 4 * captions.MOST_BYTES


@dataclasses.dataclass(frozen=True)
class Converter:
    """before: {run, captions, poster} of the revision that plays, where this run is to follow it."""

    bucket: str
    upload: Upload
    before: Mapping[str, Any] | None = None

    def captions(self, sidecars: list[dict[str, Any]], duration_ms: int) -> list[dict[str, Any]]:
        """A WebVTT file and a media playlist of each; of many warnings the first are kept."""
        taken: set[str] = set()
        return [self._caption(sidecar, duration_ms, taken) for sidecar in sidecars]

    def _caption(self, sidecar: dict[str, Any], duration_ms: int, taken: set[str]) -> dict[str, Any]:
        name, language = keys.file_name(sidecar["key"]), sidecar["language"]
        try:
            # One byte more than is allowed: a longer file is refused, and never held in memory.
            data = objects.read_part(self.upload.bucket, sidecar["key"], 0, captions.MOST_BYTES + 1)
            parsed = captions.parse(data, name, duration_ms, language)
            text, warnings = parsed.as_vtt().encode(), captions.reported(parsed.warnings, name, language)
        except (SourceRejected, OutputMissing) as error:
            made = (self.before or {}).get("captions", [])
            kept = self._kept(next((each["vtt"] for each in made if each["file"] == name), None))
            if kept is None:
                return {"file": name, "vtt": None, "warnings": [error.message]}
            why = _gone(name) if isinstance(error, OutputMissing) else error.message
            text, warnings = kept, [f"{why}; the captions made of it before are kept"]
        track = captions.track(language, sidecar["marks"], taken)
        self._write(track.vtt, text, "text/vtt")
        playlist = manifest.caption_playlist(keys.file_name(track.vtt), duration_ms)
        self._write(track.playlist, playlist, "application/vnd.apple.mpegurl")
        return {"file": name, **dataclasses.asdict(track), "warnings": warnings}

    def poster(self, key: str) -> dict[str, Any]:
        """The picture that lies beside the film, as it is."""
        data, name = objects.read_if_there(self.upload.bucket, key, poster.MOST_BYTES + 1), keys.file_name(key)
        found = poster.look_at(data, name)
        if not found.path and (kept := self._kept(((self.before or {}).get("poster") or {}).get("path"))):
            why = _gone(name) if data is None else found.warnings[0]
            found = dataclasses.replace(poster.look_at(kept, name), warnings=(f"{why}; the poster before it is kept",))
        if found.path:
            self._write(found.path, found.data, found.content_type)
        return found.as_state()

    def cover(self) -> dict[str, Any]:
        """The picture inside a file of sound alone; {} where there is none."""
        size = objects.require_current(self.upload)
        found = cover.find_cover(partial(objects.read_part, self.upload.bucket, self.upload.key), size)
        if found is None:
            return {}
        self._write(found.file_name, found.data, found.content_type)
        return {"path": found.file_name, "width": found.image.width, "height": found.image.height}

    def _write(self, path: str, body: str | bytes, content_type: str) -> None:
        objects.write_once(self.bucket, self.upload.run_prefix + path, body, content_type)

    def _kept(self, path: str | None) -> bytes | None:
        """What the revision that plays has under this path of its folder."""
        if self.before is None or not path:
            return None
        return objects.read_if_there(
            self.bucket, keys.folder_of(self.upload.asset_id, self.before["run"]) + path, _MOST_KEPT
        )


def _gone(name: str) -> str:
    return f"{name} no longer lies beside the film"
