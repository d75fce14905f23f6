"""What becomes different: a film's source beside what is planned for it, in sentences for its owner.

In: Source and Plan. Out: one sentence for each thing that viewers could notice, in the order picture, rate, colour,
sound. That everything is encoded anew goes without saying. Nothing can go wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from pipeline.media.job import Plan
from pipeline.media.ladder import Rung
from pipeline.media.source import Source, VideoTrack


def changes(source: Source, plan: Plan) -> tuple[str, ...]:
    """Sentences, each whole; () where the film is published as it is."""
    pictures = _of_picture(source.video, plan) if source.video and plan.rungs else _without_picture(source)
    return (*pictures, *_of_sound(source, plan))


def _without_picture(source: Source) -> Iterator[str]:
    if source.video:
        yield "The picture is left out: this profile publishes sound alone."


def _of_picture(video: VideoTrack, plan: Plan) -> Iterator[str]:
    best = max(plan.rungs, key=lambda rung: rung.width * rung.height)
    if video.rotation:
        yield f"The picture is turned upright, by {video.rotation} degrees."
    if (best.width, best.height) != (video.width, video.height):
        yield f"{video.width}x{video.height} becomes {best.width}x{best.height} at most."
    if video.interlaced:
        yield "Interlaced pictures become progressive."
    yield from _of_rate(video, best)
    yield from _of_colour(video, plan)


def _of_rate(video: VideoTrack, best: Rung) -> Iterator[str]:
    if video.variable_rate:
        yield f"A variable frame rate, {_said(video.frame_rate)} on average, becomes {_said(best.frame_rate)}."
    elif best.frame_rate != video.frame_rate:
        yield f"{_said(video.frame_rate)} frames a second become {_said(best.frame_rate)}."


def _of_colour(video: VideoTrack, plan: Plan) -> Iterator[str]:
    kept = any(rung.video_range != "SDR" for rung in plan.rungs)
    if video.hdr:
        beside = "; HDR is kept beside it, for screens that show it" if kept else ""
        yield f"HDR ({video.video_range}) becomes SDR{beside}."
    elif video.beyond_bt709:
        yield f"Colours ({video.primaries}) are brought into those that every screen shows (BT.709)."
    elif video.bit_depth > 8:
        yield f"{video.bit_depth} bits a sample become 8."


def _of_sound(source: Source, plan: Plan) -> Iterator[str]:
    channels = {track.number: track.channels for track in source.audio}
    mixed = {sound.track for sound in plan.audio if channels.get(sound.track, 0) > sound.channels}
    whole = {sound.track for sound in plan.audio if sound.group == "surround"}
    for track in sorted(mixed):
        beside = ", with the surround sound beside it" if track in whole else ""
        yield f"Audio track {track}: {channels[track]} channels become stereo{beside}."
    sounds = [sound for group in plan.streams["OutputGroups"] for sound in _descriptions(group)]
    targets = {sound["AudioNormalizationSettings"]["TargetLkfs"] for sound in sounds if _is_normalised(sound)}
    for target in sorted(targets):
        yield f"Loudness is brought to {target:g} LKFS."


def _descriptions(group: dict) -> Iterator[dict]:
    for output in group["Outputs"]:
        yield from output.get("AudioDescriptions", [])


def _is_normalised(sound: dict) -> bool:
    return "TargetLkfs" in sound.get("AudioNormalizationSettings", {})


def _said(rate: Fraction) -> str:
    """29.97, 25: as people say it."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")
