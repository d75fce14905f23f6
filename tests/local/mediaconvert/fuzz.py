"""Damage real films at random and put each through probe and a tiny job: `make fuzz N=300 SEED=1`.

In: how many, a seed. Out: how many ended with which code; each film whose end broke a promise is kept, with the line
that makes it again, and the exit status is 1. The promises: it ends within its bound, with COMPLETE or a code of
MediaConvert's; nothing of ours crashes; no process and no file is left; the canary sleeps.

Damage is of the kinds that find most: flipped bits, numbers at their edges (in whole words, where headers keep theirs),
pieces removed, repeated, moved and taken from another film, and all of these inside the headers rather than the media.
No corpus is kept and no coverage measured: the decoder is a binary that we did not build.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.local.mediaconvert.hostile import corpus
from tests.local.mediaconvert.hostile.canary import SONG, Canary
from tests.local.mediaconvert.hostile.examine import Verdict, examine

BOUND_SECONDS = 100  # the probe may take 60; a damaged length may make a longer film than its sample was
CODES = frozenset({"COMPLETE", 1010, 1020, 1021, 1030, 1040, 1075, 1076, 1092, 1507, 1522})
EDGES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER_BYTES = 4096
Mutator = Callable[[bytearray, random.Random, list[bytes]], None]

# --- damage ----------------------------------------------------------------------------------------------------------


def place(data: bytearray, chance: random.Random) -> int:
    """Somewhere; two times in three near the beginning or the end, where containers keep what they believe."""
    edge = min(HEADER_BYTES, len(data))
    where = chance.randrange(3)
    if where == 0:
        return chance.randrange(len(data))
    return chance.randrange(edge) if where == 1 else len(data) - 1 - chance.randrange(edge)


def flip(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        data[place(data, chance)] ^= 1 << chance.randrange(8)


def number(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    width = chance.choice((1, 2, 4, 4, 8))
    at = place(data, chance)
    value = chance.choice((*EDGES, -1, chance.getrandbits(64), len(data))) & ((1 << 8 * width) - 1)
    data[at : at + width] = value.to_bytes(width, chance.choice(("big", "big", "little")))


def step(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    """A number a little off: counts and sizes that nearly fit."""
    at = min(place(data, chance), len(data) - 4)
    value = int.from_bytes(data[at : at + 4], "big") + chance.choice((-8, -1, 1, 8, 1 << 16))
    data[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "big")


def remove(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at = place(data, chance)
    del data[at : at + chance.choice((1, 4, 8, 64, 1024))]


def repeat(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at, size = place(data, chance), chance.choice((4, 8, 32, 256))
    data[at:at] = data[at : at + size] * chance.choice((1, 2, 100))


def cut(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    del data[max(16, place(data, chance)) :]


def noise(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    at, size = place(data, chance), chance.choice((4, 16, 256, 4096))
    data[at : at + size] = chance.randbytes(size)


def splice(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    other, at = chance.choice(others), place(data, chance)
    start = chance.randrange(len(other))
    data[at : at + chance.choice((8, 512, 1 << 16))] = other[start : start + chance.choice((8, 512, 1 << 16))]


def swap_word(data: bytearray, chance: random.Random, others: list[bytes]) -> None:
    """One box's or codec's name for another's."""
    names = b"moovtrakmdiaminfstblstsdsttsstszstscstcoelstavc1mp4ahvc1encvtx3gtmcdmdatmoofudtametailst"
    words = [names[at : at + 4] for at in range(0, len(names), 4)]
    present = [word for word in words if word in data]
    if present:
        at = data.index(chance.choice(present))
        data[at : at + 4] = chance.choice(words)


MUTATORS: tuple[Mutator, ...] = (flip, flip, number, number, step, remove, repeat, cut, noise, splice, swap_word)


def damaged(seed: int, number: int, samples: dict[str, bytes]) -> tuple[str, bytes]:
    """The film of this seed and number, and what it was; the same each time."""
    chance = random.Random(f"{seed}/{number}")
    name = chance.choice(sorted(samples))
    data = bytearray(samples[name])
    used = [chance.choice(MUTATORS) for _ in range(chance.choice((1, 1, 2, 3, 6)))]
    for mutator in used:
        if data:
            mutator(data, chance, list(samples.values()))
    return f"{name}: {', '.join(mutator.__name__ for mutator in used)}", bytes(data)


# --- the run ---------------------------------------------------------------------------------------------------------


def samples(folder: Path, canary: Canary) -> dict[str, bytes]:
    kit = corpus.kit(folder, canary.path, canary.url)
    names = ("mp4", "faststart", "fragmented", "mkv", "ts", "avi", "song", "subtitled")
    cases = {case.name: case.data for case in corpus.cases(kit)}
    odd = {
        "gab2": "gab2 subtitles that are hls",
        "webm": "webm whose header says 0 x 0",
        "ebml": "matroska that is well",
    }
    return {name: getattr(kit, name) for name in names} | {name: cases[case] for name, case in odd.items()}


def complaints(verdict: Verdict) -> list[str]:
    found = []
    if verdict.code not in CODES:
        found.append(f"it ended with {verdict.code}: {verdict.message}")
    if verdict.seconds > BOUND_SECONDS:
        found.append(f"it took {verdict.seconds:.0f} s")
    if verdict.left:
        found.append(f"it left {', '.join(verdict.left)}")
    if SONG.encode() in verdict.outputs:
        found.append("the canary's song is in its outputs")
    return found


def children() -> set[int]:
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for path in listed for pid in path.read_text().split()}


def fuzz(count: int, seed: int, keep: Path, only: int | None = None) -> int:
    ends: collections.Counter[str] = collections.Counter()
    bad, slowest = 0, 0.0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        canary = Canary(folder)
        known = samples(folder, canary)

        def one(number: int) -> tuple[int, str, bytes, Verdict]:
            what, data = damaged(seed, number, known)
            return number, what, data, examine(data, folder / f"film-{number}")

        numbers = range(count) if only is None else [only]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for number, what, data, verdict in pool.map(one, numbers):
                ends[verdict.end] += 1
                slowest = max(slowest, verdict.seconds)
                if found := complaints(verdict):
                    bad += 1
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{number}").write_bytes(data)
                    print(f"film {number} ({what}): {'; '.join(found)}\n  again: make fuzz SEED={seed} FILM={number}")
                if only is not None:
                    print(f"{what}: {verdict.end} in {verdict.seconds:.1f} s: {verdict.message}")
        touched, left = canary.touched(), children()
        canary.close()
        shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - started
    print(f"{sum(ends.values())} films, seed {seed}, {seconds:.0f} s, slowest {slowest:.1f} s; {bad} broke a promise")
    print(", ".join(f"{end}: {number}" for end, number in ends.most_common()))
    for what, found in (("the canary was touched", touched), ("processes are left", left)):
        if found:
            bad += 1
            print(f"{what}: {found}")
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Damage real films at random and put them through the engine")
    parser.add_argument("--films", type=int, default=300)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--film", type=int, help="only this one of the seed, with all it says")
    parser.add_argument("--keep", type=Path, default=Path("fuzz.failures"), help="where films that break a promise go")
    arguments = parser.parse_args()
    return fuzz(arguments.films, arguments.seed, arguments.keep, arguments.film)


if __name__ == "__main__":
    sys.exit(main())
