"""Accelerated transcoding: which jobs MediaConvert takes, and what becomes of the others.

In: job settings and what is known of the inputs. Out: the obstacles, in words. Nothing here makes a job faster: a job
that asks for acceleration gets AWS's answers (AccelerationStatus, ERROR 1041), so that a caller's handling of them can
be tried; how fast it runs is this machine's affair. The list is the user guide's "Job limitations for accelerated
transcoding". ERROR 1042 (too little work to be worth it) and 1550 (a fault of the service) come from fault plans only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

DISABLED, ENABLED, PREFERRED = "DISABLED", "ENABLED", "PREFERRED"
SETTINGS_ERROR = 1041
#: Of the input codecs; "AVC Intra", "SonyXDCam" and the like are these in other clothes.
CODECS = frozenset({"H_264", "H_265", "MPEG2", "VC1", "PRORES", "J2K", "JPEG2000", "AVC_INTRA"})
#: Job-wide members that acceleration does not know at all.
JOB_WIDE = ("AvailBlanking", "MotionImageInserter", "MotionImageInserters", "Esam")
_UNSUPPORTED = (
    ("Telecine", ("SOFT", "HARD"), "telecine output"),
    ("SlowPal", ("ENABLED",), "slow PAL"),
    ("FramerateConversionAlgorithm", ("INTERPOLATE", "FRAMEFORMER"), "interpolated frame rate conversion"),
    ("UnregisteredSeiTimecode", ("ENABLED",), "SEI timecode"),
    ("GopClosedCadence", (0,), "open GOP outputs"),
)


def obstacles(settings: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """What keeps a job from being accelerated; `inputs` are INPUT_INFORMATION's inputDetails."""
    return [*_of_job(settings), *_of_outputs(settings), *_of_inputs(inputs)]


def _of_job(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings.get("TimecodeConfig", {}).get("Source") == "EMBEDDED":
        yield "TimecodeConfig.Source: EMBEDDED"
    yield from (name for name in JOB_WIDE if settings.get(name))


def _of_outputs(settings: Mapping[str, Any]) -> Iterator[str]:
    for group_index, group in enumerate(settings.get("OutputGroups", [])):
        for index, output in enumerate(group.get("Outputs", [])):
            place = f"OutputGroups[{group_index}].Outputs[{index}]"
            for what in (*_of_video(output), *_of_captions(output)):
                yield f"{place}: {what}"


def _of_video(output: Mapping[str, Any]) -> Iterator[str]:
    video = output.get("VideoDescription", {})
    if video.get("TimecodeInsertion", "DISABLED") == "PIC_TIMING_SEI":
        yield "timecode passthrough"
    for codec in video.get("CodecSettings", {}).values():
        if isinstance(codec, Mapping):
            yield from (words for name, values, words in _UNSUPPORTED if codec.get(name) in values)
            if codec.get("MinIInterval"):
                yield "a MinIInterval other than 0"


def _of_captions(output: Mapping[str, Any]) -> Iterator[str]:
    for caption in output.get("CaptionDescriptions", []):
        kind = caption.get("DestinationSettings", {}).get("DestinationType")
        if kind in ("BURN_IN", "SCTE20_PLUS_EMBEDDED", "EMBEDDED_PLUS_SCTE20"):
            yield f"{kind} captions"


def _of_inputs(inputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for details in inputs:
        for track in details.get("video", []):
            if track.get("codec") not in CODECS:
                yield f"an input in {track.get('codec')}"
