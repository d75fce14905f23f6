"""The worker: one process for one job, from the source in S3 to the outputs in S3.

In: one JSON line on standard input {"job_id", "settings", "endpoint_url", "region", "account", "scratch_dir"}. Out:
JSON lines on standard output: `needs`, `input`, `progress`, `warning`, and at last `complete` or `error` with
MediaConvert's code. What can go wrong is all told in that last line; a process that ends without one has crashed.

Standard input stays open as a leash: when it ends, the service has gone or the job was cancelled, and the worker kills
ffmpeg and exits at once. If the worker itself is killed, the kernel kills ffmpeg (confine.py). Nothing outside the
scratch directory is ever deleted.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.local.mediaconvert import faults, ffmpeg, variables

REPORT_SECONDS = 0.4
PROBING_SHARE, TRANSCODING_SHARE = 5, 90  # of the job's percentage; what is left is UPLOADING's
LET_GO = 75  # exit status when the leash was let go of (EX_TEMPFAIL)


def main() -> int:
    line = sys.stdin.buffer.readline()
    if not line:
        return LET_GO
    request = json.loads(line)
    threading.Thread(target=_hold_leash, args=(sys.stdin.buffer,), daemon=True).start()
    mouth = Mouth(sys.stdout.buffer)
    try:
        do_job(request, mouth)
    except (
        Exception
    ) as error:  # every failure has a code; one without is ours, and is told as MediaConvert tells its own
        mouth.say(**last_word(error))
    return 0


def _hold_leash(leash: BinaryIO) -> None:
    while leash.read(4096):
        pass
    ffmpeg.kill_all()
    os._exit(LET_GO)  # not sys.exit: threads that upload would hold us


class Mouth:
    """Says JSON lines. Uploading threads and the main one speak through it, so whole lines at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._lock = stream, threading.Lock()
        self._said_at, self._percent, self._frames = 0.0, 0, 0

    def say(self, **message: Any) -> None:
        with self._lock:
            self._stream.write(json.dumps(message).encode() + b"\n")
            self._stream.flush()

    def progress(self, phase: str, share: float, frames: int = 0, often: bool = False) -> None:
        """`share` of the phase is 0 to 1. The job's percentage never goes back; not every step is worth a line."""
        now = time.monotonic()
        if not often and now - self._said_at < REPORT_SECONDS and share < 1:
            return
        self._said_at = now
        before, width = {
            "PROBING": (0, PROBING_SHARE),
            "TRANSCODING": (PROBING_SHARE, TRANSCODING_SHARE - PROBING_SHARE),
            "UPLOADING": (TRANSCODING_SHARE, 100 - TRANSCODING_SHARE),
        }[phase]
        share = min(1.0, max(0.0, share))
        self._percent = max(self._percent, int(before + width * share))
        self._frames = max(self._frames, frames)
        self.say(
            type="progress",
            phase=phase,
            phase_percent=int(share * 100),
            job_percent=self._percent,
            frames_decoded=self._frames,
        )


def do_job(request: Mapping[str, Any], mouth: Mouth) -> None:
    scratch = Path(request["scratch_dir"])
    settings = variables.filled_in(request["settings"], datetime.datetime.now(datetime.UTC))
    mouth.progress("PROBING", 0, often=True)
    faults.break_engine(request.get("faults", ()), scratch)
    # Half a second of imports and one of the engine's first start pass beside each other.
    engine_check = threading.Thread(target=_try_engine, daemon=True)
    engine_check.start()
    from pipeline.local.mediaconvert import abr, engine, needs, pictures, plan, probe, transfer

    client = transfer.s3_client(request.get("endpoint_url"), request.get("region") or "us-east-1")
    url = settings["Inputs"][0]["FileInput"]
    mouth.say(**needs.of_source(transfer.head(client, url).size).message())
    transfer.download(
        client, url, scratch / pictures.SOURCE, lambda done, size: mouth.progress("PROBING", 0.9 * done / size)
    )
    engine_check.join()
    facts = probe.read_facts(scratch / pictures.SOURCE, url)
    mouth.say(type="input", inputDetails=[input_details(facts, url)])
    cpus = os.cpu_count() or 1
    if abr.wanted(settings):
        settings = abr.decided(settings, facts, engine.cost_at_720p(facts, scratch))
    analysis = plan.analysis_of(settings, facts, cpus)
    measured = engine.analyse(analysis, facts, scratch) if analysis else {}
    planned = plan.plan_job(settings, facts, cpus, measured)
    ffmpeg.require_filters(planned.filters)
    mouth.say(**needs.of_job(facts, planned, settings).message())
    for captions in planned.caption_sources:
        if captions.url:
            transfer.download(client, captions.url, scratch / captions.file, lambda done, size: None)
    mouth.progress("PROBING", 1, often=True)

    length = planned.duration or plan.UNKNOWN_DURATION_SECONDS
    uploader = faults.spoil(request.get("faults", ()), transfer.Uploader(client))
    try:
        details = engine.run(
            planned, facts, scratch, uploader,
            on_progress=lambda now: mouth.progress("TRANSCODING", now.out_seconds / length, now.frames),
            on_warning=lambda warned: mouth.say(type="warning", code=warned.code, message=warned.message),
        )  # fmt: skip
        mouth.progress("UPLOADING", 0, often=True)
        uploader.finish(lambda done, count: mouth.progress("UPLOADING", done / count))
        mouth.progress("UPLOADING", 1, often=True)
    finally:
        uploader.close()
    mouth.say(type="complete", output_group_details=details)


def _try_engine() -> None:
    with contextlib.suppress(ffmpeg.EngineMissing):  # the main thread asks again and tells it
        ffmpeg.inspect(ffmpeg.ffmpeg_path())


def input_details(facts: Any, url: str) -> dict[str, Any]:
    """What MediaConvert's INPUT_INFORMATION event says about an input."""
    from pipeline.local.mediaconvert import probe

    return {
        "id": 1,
        "uri": url,
        "video": [
            {
                "streamId": track.index + 1,
                "codec": {"AVC": "H_264", "HEVC": "H_265"}.get(
                    probe.video_codec(track.codec), probe.video_codec(track.codec)
                ),
                "width": track.width,
                "height": track.height,
                "frameRate": round(float(track.frame_rate), 3) if track.frame_rate else None,
                "bitDepth": track.bit_depth,
                "interlaceMode": "INTERLACED" if track.interlaced else "PROGRESSIVE",
                "sar": f"{track.sample_aspect.numerator}:{track.sample_aspect.denominator}",
            }
            for track in facts.video
        ],
        "audio": [
            {
                "streamId": track.index + 1,
                "codec": probe.audio_codec(track.codec),
                "channels": track.channels,
                "sampleRate": track.sample_rate,
                "language": (track.language or "und").upper(),
            }
            for track in facts.audio
        ],
    }


def last_word(error: Exception) -> dict[str, Any]:
    if hasattr(error, "code") and hasattr(error, "message"):
        return {"type": "error", "code": error.code, "message": error.message, "detail": getattr(error, "detail", "")}
    return {
        "type": "error",
        "code": 1999,
        "message": f"{type(error).__name__}: {error}",
        "detail": "".join(traceback.format_exception(error))[-4000:],
    }


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # idle connections and pool threads have nothing more to say
