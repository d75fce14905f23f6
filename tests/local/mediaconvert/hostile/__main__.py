"""Print the corpus and how each film of it ends: `python -m tests.local.mediaconvert.hostile [WORD...]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.local.mediaconvert.hostile import corpus, examine
from tests.local.mediaconvert.hostile.canary import Canary


def main(words: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        folder = Path(name)
        canary = Canary(folder)
        try:
            cases = corpus.cases(corpus.kit(folder, canary.path, canary.url))
            cases = [case for case in cases if not words or any(word in case.name for word in words)]
            verdicts = examine.examine_all(cases, folder)
            print("| film | kind | ends | seconds |\n|---|---|---|---|")
            for case, verdict in zip(cases, verdicts, strict=True):
                print(f"| {case.name} | {case.kind} | {verdict.end} | {verdict.seconds:.1f} |")
                if words:
                    print(f"\n{verdict.message}\n")
            print(f"\n{len(cases)} films; the canary was touched {len(canary.touched())} times")
        finally:
            canary.close()


if __name__ == "__main__":
    main(sys.argv[1:])
