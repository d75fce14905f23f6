"""One run's folder in the outputs bucket, read as Verify needs it: many small reads side by side.

In: bucket and prefix. Out: what pipeline.media.outputs asks for. A film may have forty tracks and thousands of
segments, so the reading is done by sixteen threads; how many segments there are to read is `outputs`' to limit.
"""

from __future__ import annotations

import concurrent.futures
import functools
from collections.abc import Callable, Iterable, Mapping

from pipeline.aws import objects
from pipeline.aws.clients import CONNECTIONS
from pipeline.media import boxes, images, outputs
from pipeline.media.promise import Promise

BoxCheck = Callable[[str, int, Callable[[int, int], bytes]], None]


class RunFolder:
    """Names are relative to the folder. All methods raise OutputMissing with the object's name."""

    def __init__(self, bucket: str, prefix: str):
        self._bucket, self._prefix = bucket, prefix
        self._pool = concurrent.futures.ThreadPoolExecutor(CONNECTIONS)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *raised: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def sizes(self) -> dict[str, int]:
        return objects.sizes_below(self._bucket, self._prefix)

    def streams(self, promise: Promise) -> outputs.Streams:
        """Every manifest that a player will read. Raises OutputWrong, too."""
        texts = {name: self._text(name) for name in outputs.manifests_needed(promise)}
        playlists = list(outputs.playlists_needed(texts[outputs.manifests_needed(promise)[0]], promise))
        texts.update(zip(playlists, self._pool.map(self._text, playlists), strict=True))
        return outputs.read(texts, promise)

    def heads(self, streams: outputs.Streams) -> dict[str, outputs.Head]:
        """The first bytes of every track."""
        needed = outputs.heads_needed(streams)
        return dict(zip(needed, self._pool.map(self._head, needed.values()), strict=True))

    def image(self, name: str) -> bytes:
        return self._part(name, 0, images.FIRST_BYTES)

    def check_boxes(self, names: Iterable[str], sizes: Mapping[str, int], check: BoxCheck) -> None:
        """Raises what `check` raises; of several broken objects, the first in the order of `names` is told."""
        checks = [self._pool.submit(check, name, sizes[name], functools.partial(self._part, name)) for name in names]
        for each in checks:
            each.result()

    def _head(self, names: tuple[str, str]) -> outputs.Head:
        return outputs.Head(*(self._part(name, 0, boxes.FIRST_BYTES) for name in names))

    def _part(self, name: str, first: int, length: int) -> bytes:
        return objects.read_part(self._bucket, self._prefix + name, first, length)

    def _text(self, name: str) -> str:
        """One that is not text is `outputs`' to report."""
        return objects.read(self._bucket, self._prefix + name).decode("utf-8", "replace")
