"""`python -m pipeline.local.chaos`: a chaos run, or with --load a load run. Exit status 1 when a promise was broken.

The same seed and number give the same film, faults and user actions. What cannot be made the same: which films share a
batch of messages, how far another film has come when one is killed, and the order in which jobs start.
"""

from __future__ import annotations

import argparse
import random
import sys

from pipeline.local.chaos.run import chaos, load
from pipeline.local.home import default_home


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    if options.load:
        print(f"{options.load} uploads at once", flush=True)
        outcome = load(default_home(), options.load)
    else:
        numbers = options.only or range(options.uploads)
        print(f"chaos: {len(numbers)} uploads, seed {options.seed}", flush=True)
        outcome = chaos(default_home(), options.seed, numbers, options.at_once)
    print(outcome.tables())
    if not outcome.kept:
        print(f"\nBROKEN with seed {outcome.seed}", file=sys.stderr)
    return 0 if outcome.kept else 1


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.local.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--uploads", type=int, default=200, metavar="N", help="how many (200)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="what decides (drawn and printed)")
    parser.add_argument("--only", type=int, action="append", metavar="NUMBER", help="this upload of the run alone")
    parser.add_argument("--at-once", type=int, default=50, metavar="N", help="films under way at a time (50)")
    parser.add_argument("--load", type=int, metavar="N", help="instead: N uploads at once, without faults")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
