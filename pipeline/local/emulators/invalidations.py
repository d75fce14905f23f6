"""CreateInvalidation reaches the local edge: ministack keeps the record, the edge forgets its copies.

In: a distribution's id and who is to be told (a function of the paths). Out: a ministack whose CreateInvalidation tells
them once it has succeeded.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ministack.services import cloudfront

_told: list[tuple[str, Callable[[Sequence[str]], None]]] = []


def tell(distribution_id: str, listener: Callable[[Sequence[str]], None]) -> Callable[[], None]:
    """From now on `listener` hears of the paths of the distribution's invalidations; calling the result ends that."""
    if not hasattr(cloudfront._create_invalidation, "__wrapped__"):
        cloudfront._create_invalidation = _telling(cloudfront._create_invalidation)
    entry = (distribution_id, listener)
    _told.append(entry)
    return lambda: _told.remove(entry)


def _telling(create: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create)
    def run(distribution_id: str, body: bytes) -> Any:
        answer = create(distribution_id, body)
        if answer[0] == 201:
            paths = cloudfront._invalidations[distribution_id][-1]["InvalidationBatch"]["Paths"]["Items"]
            for listener in [each for of, each in _told if of == distribution_id]:
                listener(paths)
        return answer

    return run
