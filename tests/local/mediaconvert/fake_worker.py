"""A worker that only talks: it speaks the seam of `process` as the engine does, and does what its input's name says.

s3://films/<part>-<part>....mov: each part is one act, in order. The last act of a good worker is "complete".
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

COMPLETE = [
    {
        "type": "CMAF_GROUP",
        "playlistFilePaths": ["s3://out/a/stream.mpd", "s3://out/a/stream.m3u8"],
        "outputDetails": [
            {"durationInMs": 2000, "videoDetails": {"widthInPx": 640, "heightInPx": 360, "averageBitrate": 100000}},
            {"durationInMs": 2000},
        ],
    },
    {
        "type": "FILE_GROUP",
        "outputDetails": [
            {
                "outputFilePaths": ["s3://out/a/poster.0000000.jpg"],
                "durationInMs": 2000,
                "videoDetails": {"widthInPx": 640, "heightInPx": 360},
            }
        ],
    },
]


def say(kind: str, **message) -> None:
    print(json.dumps({"type": kind, **message}), flush=True)


def progress(phase: str, phase_percent: int, percent: int, frames: int) -> None:
    say("progress", phase=phase, phase_percent=phase_percent, job_percent=percent, frames_decoded=frames)


def hang() -> None:
    time.sleep(600)


ACTS = {
    "input": lambda: say("input", inputDetails=[{"id": 1, "uri": "s3://films/x.mov", "video": [{"width": 640}]}]),
    "h264": lambda: say("input", inputDetails=[{"id": 1, "uri": "s3://films/x.mov", "video": [{"codec": "H_264"}]}]),
    "needs": lambda: say("needs", disk=3_000_000_000, disk_least=1_000_000_000, memory=600_000_000),
    "hugeneeds": lambda: say("needs", disk=10**16, disk_least=10**15, memory=600_000_000),
    "roughneeds": lambda: say("needs", disk=10**16, disk_least=10**6, memory=600_000_000),
    "probing": lambda: progress("PROBING", 50, 2, 0),
    "transcoding": lambda: progress("TRANSCODING", 40, 45, 30),
    "backwards": lambda: progress("TRANSCODING", 10, 5, 3),
    "uploading": lambda: progress("UPLOADING", 50, 95, 60),
    "warning": lambda: say("warning", code=240000, message="Silence was added"),
    "complete": lambda: say("complete", output_group_details=COMPLETE),
    "error": lambda: say("error", code=1010, message="The input is not a film", detail=["moov atom not found"]),
    "nonsense": lambda: say("progress", phase="DREAMING"),
    "babble": lambda: print("Hello, I am a library", flush=True),
    "mutter": lambda: print("engine: something odd", file=sys.stderr, flush=True),
    "crash": lambda: os._exit(3),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "moment": lambda: time.sleep(0.3),
    "hang": hang,
}


def obey_leash(deaf: bool) -> None:
    # Not sys.stdin: an interpreter that ends while a thread holds its lock aborts.
    while os.read(0, 4096):
        pass
    if not deaf:
        os._exit(0)


def main() -> None:
    request = json.loads(sys.stdin.readline())
    acts = Path(request["settings"]["Inputs"][0]["FileInput"]).stem.split("-")
    threading.Thread(target=obey_leash, args=("deaf" in acts,), daemon=True).start()
    Path(request["scratch_dir"], "something").write_text("left behind")
    Path(request["scratch_dir"]).parent.parent.joinpath("pids").open("a").write(f"{os.getpid()}\n")
    for act in acts:
        if act == "child":
            subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        elif act in ACTS:
            ACTS[act]()


if __name__ == "__main__":
    main()
