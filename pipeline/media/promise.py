"""What a job was asked to make, read from its own settings: what Verify holds its outputs against.

In: the MediaConvert `Settings` of the streams job and, where there is one, of the download job, as the plan step wrote
them. Out: a Promise. The settings are read, and not a summary of the planner's beside them, because nothing else is
certain to be what MediaConvert was told.

Names: MediaConvert calls an output's playlist `<base name of Destination><NameModifier>.m3u8` (User Guide, "Output
file names and paths"). With automated ABR it chooses the renditions itself and appends suffixes of its own, so that
only bounds are promised.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

#: How the codec of an output begins in a manifest (RFC 6381), by MediaConvert's name of it.
CODECS = {
    "H_264": ("avc1", "avc3"),
    "H_265": ("hvc1", "hev1", "dvh1", "dvhe"),
    "AV1": ("av01",),
    "AAC": ("mp4a.40",),
    "AC3": ("ac-3",),
    "EAC3": ("ec-3",),
    "EAC3_ATMOS": ("ec-3",),
}
_MOST_AUTOMATIC = 15  # AutomatedAbrSettings.MaxRenditions when nothing is said


@dataclasses.dataclass(frozen=True)
class Picture:
    """One rung. width and height 0 where MediaConvert is to choose; i_frames: a playlist for fast winding, too.

    groups: the audio groups it plays with. MediaConvert lists it once for each (API Reference, "AudioRenditionSets").
    """

    name: str
    codec: str
    width: int
    height: int
    i_frames: bool
    groups: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Sound:
    """One audio rendition. track counts the source's audio tracks from 1; channels 0 where the source decides.

    language as MediaConvert was told it ("" where it follows the input), label what a viewer is to read.
    """

    name: str
    codec: str
    group: str
    track: int
    channels: int
    language: str = ""
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Promise:
    """base is what all names of the streams begin with. texts: names of WebVTT renditions.

    automatic: the most pictures that MediaConvert may choose by itself, 0 where it has no choice.
    """

    base: str
    pictures: tuple[Picture, ...]
    sounds: tuple[Sound, ...]
    texts: tuple[str, ...]
    images: bool
    closed_captions: bool
    poster: bool
    download: bool
    automatic: int = 0

    @property
    def audio_only(self) -> bool:
        return not self.pictures and not self.automatic

    def playlist(self, name: str) -> str:
        return f"{self.base}_{name}.m3u8"


def promised(streams: Mapping[str, Any], download: Mapping[str, Any] | None = None) -> Promise:
    """Read both jobs' settings. Raises ValueError where there is no CMAF group: no plan of ours is without one."""
    groups = streams["OutputGroups"]
    group = next((each for each in groups if each["OutputGroupSettings"]["Type"] == "CMAF_GROUP_SETTINGS"), None)
    if group is None:
        raise ValueError("the streams job has no CMAF output group")
    cmaf = group["OutputGroupSettings"]["CmafGroupSettings"]
    base = cmaf["Destination"].rpartition("/")[2]
    outputs = [(output.get("NameModifier", "").removeprefix("_"), output) for output in group["Outputs"]]
    automatic = _automatic(group)
    return Promise(
        base=base,
        pictures=() if automatic else tuple(_pictures(outputs)),
        sounds=tuple(_sounds(outputs, streams)),
        texts=tuple(name for name, output in outputs if _is_text(output)),
        images=cmaf.get("ImageBasedTrickPlay", "NONE") != "NONE",
        closed_captions=any("EMBEDDED" in kind for _, output in outputs for kind in _caption_kinds(output)),
        poster=any(_captures_frames(each) for each in groups),
        download=download is not None,
        automatic=automatic,
    )


def _automatic(group: Mapping[str, Any]) -> int:
    settings = (group.get("AutomatedEncodingSettings") or {}).get("AbrSettings")
    if settings is None:
        return 0
    rules = [rule for rule in settings.get("Rules") or [] if rule.get("Type") == "FORCE_INCLUDE_RENDITIONS"]
    forced = sum(len(rule.get("ForceIncludeRenditions") or []) for rule in rules)
    return max(settings.get("MaxRenditions") or _MOST_AUTOMATIC, forced)


def _pictures(outputs: list[tuple[str, Mapping[str, Any]]]) -> Iterator[Picture]:
    for name, output in outputs:
        description = output.get("VideoDescription")
        if description:
            container = (output.get("ContainerSettings") or {}).get("CmfcSettings") or {}
            yield Picture(
                name=name,
                codec=description["CodecSettings"]["Codec"],
                width=description.get("Width") or 0,
                height=description.get("Height") or 0,
                i_frames=container.get("IFrameOnlyManifest") == "INCLUDE",
                groups=tuple(name.strip() for name in container.get("AudioRenditionSets", "").split(",") if name),
            )


def _sounds(outputs: list[tuple[str, Mapping[str, Any]]], settings: Mapping[str, Any]) -> Iterator[Sound]:
    selectors = settings["Inputs"][0].get("AudioSelectors") or {}
    for name, output in outputs:
        if output.get("VideoDescription"):
            continue
        for description in output.get("AudioDescriptions") or []:
            container = (output.get("ContainerSettings") or {}).get("CmfcSettings") or {}
            codec = description["CodecSettings"]
            tracks = (selectors.get(description.get("AudioSourceName")) or {}).get("Tracks") or [1]
            yield Sound(
                name=name,
                codec=codec["Codec"],
                group=container.get("AudioGroupId", ""),
                track=tracks[0],
                channels=_channels(codec),
                language=(description.get("CustomLanguageCode") or description.get("LanguageCode") or "").lower(),
                label=description.get("StreamName") or "",
            )


def _channels(codec: Mapping[str, Any]) -> int:
    """CODING_MODE_5_1 is six channels, CODING_MODE_2_0 two; other words (the receiver's mix) say nothing certain."""
    settings = next((part for name, part in codec.items() if name.endswith("Settings")), None) or {}
    full, _, low = settings.get("CodingMode", "").removeprefix("CODING_MODE_").partition("_")
    return int(full) + int(low) if full.isdigit() and low.isdigit() else 0


def _is_text(output: Mapping[str, Any]) -> bool:
    return not output.get("VideoDescription") and "WEBVTT" in _caption_kinds(output)


def _caption_kinds(output: Mapping[str, Any]) -> list[str]:
    return [
        (description.get("DestinationSettings") or {}).get("DestinationType", "")
        for description in output.get("CaptionDescriptions") or []
    ]


def _captures_frames(group: Mapping[str, Any]) -> bool:
    return any(
        (output.get("VideoDescription") or {}).get("CodecSettings", {}).get("Codec") == "FRAME_CAPTURE"
        for output in group["Outputs"]
    )
