"""The line of invocations that wait for a sandbox: who is next when one comes free.

A sandbox of another function is of no use to an invocation: it would have to end, and a new one start, which costs as
much as several events. In the order of arrival alone, a dozen functions called in turn would make every invocation a
cold start. So a sandbox that comes free goes to its own function's first in line, up to `TURN` times in a row; then
whoever has waited longest gets the place, so that nobody waits for ever.

Not locked: the pool calls everything here under its own lock, but for `Waiter.taken`.
"""

from __future__ import annotations

import collections
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

TURN = 20  # events in a row while others wait; a cold start costs about five

Kind = TypeVar("Kind")
Place = TypeVar("Place")


@dataclass(eq=False)
class Waiter(Generic[Kind, Place]):
    """Who waits for a place of this kind. place: None until served, and for ever when the line was closed."""

    kind: Kind
    number: int
    place: Place | None = None
    served: threading.Event = field(default_factory=threading.Event)

    def taken(self) -> Place | None:
        """Wait until served, from the waiter's own thread."""
        self.served.wait()
        return self.place


class Line(Generic[Kind, Place]):
    """First come, first served within a kind; between kinds as `next` decides."""

    def __init__(self) -> None:
        self._kinds: dict[Kind, collections.deque[Waiter[Kind, Place]]] = {}
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def join(self, kind: Kind) -> Waiter[Kind, Place]:
        waiter: Waiter[Kind, Place] = Waiter(kind, next(self._numbers))
        self._kinds.setdefault(kind, collections.deque()).append(waiter)
        return waiter

    def next(self, kind: Kind, turns: int) -> Waiter[Kind, Place] | None:
        """Who gets a place of this kind that has had so many turns; leaves the line. None: nobody waits."""
        oldest = self.oldest()
        own = self._kinds.get(kind)
        chosen = own[0] if own and turns < TURN else oldest
        return chosen and self._leave(chosen)

    def oldest(self) -> Waiter[Kind, Place] | None:
        return min((waiters[0] for waiters in self._kinds.values()), key=lambda waiter: waiter.number, default=None)

    def pop(self) -> Waiter[Kind, Place] | None:
        """Who has waited longest; leaves the line."""
        oldest = self.oldest()
        return oldest and self._leave(oldest)

    def close(self) -> None:
        """Everybody leaves without a place."""
        for waiter in self._everybody():
            waiter.served.set()
        self._kinds.clear()

    def _everybody(self) -> Iterator[Waiter[Kind, Place]]:
        return itertools.chain.from_iterable(self._kinds.values())

    def _leave(self, waiter: Waiter[Kind, Place]) -> Waiter[Kind, Place]:
        waiters = self._kinds[waiter.kind]
        waiters.remove(waiter)  # always the first
        if not waiters:
            del self._kinds[waiter.kind]
        return waiter
