"""Stands where Shaka Streamer looks for ffmpeg, and gives x264 our settings instead of those written into it.

In: ffmpeg's arguments as Shaka Streamer makes them (preset slow, its bitrate, a GOP as long as a segment, scene cuts);
BENCH_FFMPEG, the binary; BENCH_OPTIONS, a JSON file of encoder options by picture height. Out: never returns; it is
ffmpeg afterwards. Its filters, mapping, audio and muxing stay Shaka Streamer's own.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

THEIRS = ("-preset", "-flags", "-profile:v", "-b:v", "-keyint_min", "-g", "-c:v")


def rewritten(arguments: list[str], options: dict[str, list[str]]) -> list[str]:
    made, at = [], 0
    while at < len(arguments):
        word = arguments[at]
        if word in THEIRS:
            at += 2
        elif word == "-vf" and (found := re.search(r"scale=-2:(\d+)", arguments[at + 1])):
            made += [*options[found.group(1)], word, arguments[at + 1]]
            at += 2
        else:
            made.append(word)
            at += 1
    return made


if __name__ == "__main__":
    binary = os.environ["BENCH_FFMPEG"]
    by_height = json.loads(Path(os.environ["BENCH_OPTIONS"]).read_text())
    os.execv(binary, [binary, *rewritten(sys.argv[1:], by_height)])
