"""Poster: the picture that lies beside a film, checked before viewers are sent it.

In: the bytes of a sidecar, anybody's, and its name. Out: what to publish, and a sentence where it is no picture, not
whole, too large, or so heavy that viewers wait. Its kind is told by its bytes and not by its name. It is published as
it is. Nothing is raised: a poster never holds a film back.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.media import images

MOST_BYTES = images.MOST_BYTES
_HEAVY_BYTES = 2 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Poster:
    """found is None for what is no picture; data is what to publish."""

    name: str
    data: bytes
    found: images.Image | None
    warnings: tuple[str, ...]

    @property
    def path(self) -> str | None:
        """Where it lies in the run's folder."""
        return f"poster-sidecar.{'png' if self.found.kind == 'png' else 'jpg'}" if self.found else None

    @property
    def content_type(self) -> str:
        return f"image/{self.found.kind}" if self.found else ""

    def as_state(self) -> dict[str, Any]:
        size = {"path": self.path, "width": self.found.width, "height": self.found.height} if self.found else {}
        return {"file": self.name, **size, "warnings": list(self.warnings)}


def look_at(data: bytes | None, name: str) -> Poster:
    """data: up to MOST_BYTES + 1 first bytes, so that a larger file is known as one; None where it has been deleted."""
    if data is None:
        return Poster(name, b"", None, (f"{name} was deleted before it could become the poster",))
    try:
        found = images.show(data)
    except images.ImageBroken as error:
        return Poster(name, b"", None, (f"{name} is not used as the poster: {error}; save it as JPEG or PNG",))
    heavy = f"{name} has {len(data) / 1024**2:.1f} MiB, for which viewers wait; 1 MiB is enough for a poster"
    return Poster(name, data, found, (heavy,) if len(data) > _HEAVY_BYTES else ())
