"""What a finished job says it made, and whether that is what was promised.

In: MediaConvert's COMPLETE event (User Guide, "COMPLETE") and a listing of the run's folder. Out: the renditions as
they exist. Nothing is read here: `verify` hands in texts and sizes, so every rule has a three-line test.

Tolerances: MediaConvert keeps the last frame of a partial second and AAC rounds up to 1,024 samples, so manifests
may differ from the source by half a second; beyond that, and beyond 2 % (at most ten seconds), the source broke off.
"""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Mapping
from typing import Any

from pipeline.media import manifest
from pipeline.media.errors import OutputMissing, OutputWrong, SourceRejected
from pipeline.media.job import AUDIO_MODIFIER, POSTER_BASE, STREAM_BASE

_TOLERANCE_MS = 500
_TOLERANCE_SHARE = 0.02
_TOLERANCE_MOST_MS = 10_000


@dataclasses.dataclass(frozen=True)
class Rendition:
    """One rung encoded, as it exists. bitrate_bps is the average of its segments; size_bytes all of them."""

    name: str
    width: int
    height: int
    codecs: str
    bitrate_bps: int
    peak_bps: int
    size_bytes: int


@dataclasses.dataclass(frozen=True)
class Verified:
    """Paths are relative to the run's folder."""

    hls: str
    dash: str
    renditions: tuple[Rendition, ...]
    has_audio: bool
    duration_ms: int
    poster: str | None
    download: str | None
    size_bytes: int


def from_complete_event(detail: dict[str, Any]) -> dict[str, Any]:
    """The `outputs` part of the state: small, and the same whether it came by event or by GetJob."""
    groups = detail.get("outputGroupDetails") or []
    return {
        "job_id": detail["jobId"],
        "warnings": [str(warning.get("code")) for warning in detail.get("warnings") or []],
        "duration_ms": max(
            (output.get("durationInMs") or 0 for group in groups for output in group.get("outputDetails") or []),
            default=0,
        ),
    }


def manifests_needed() -> tuple[str, str]:
    return f"{STREAM_BASE}.m3u8", f"{STREAM_BASE}.mpd"


def media_playlists(multivariant: str) -> list[str]:
    """The playlists a multivariant playlist names: one for each variant, and the sound's. Raises OutputWrong."""
    try:
        pictures = {variant.uri for variant in manifest.variants(multivariant)}
        return sorted(pictures | set(manifest.audio_uris(multivariant)))
    except manifest.ManifestBroken as error:
        raise OutputWrong("OUTPUT_WRONG", str(error), {"playlist": manifests_needed()[0]}) from error


def verify(
    texts: Mapping[str, str],
    sizes: Mapping[str, int],
    plan: Mapping[str, Any],
    has_audio: bool,
    source_duration_ms: int,
    name: str,
) -> Verified:
    """Compare what lies in the run's folder with the plan.

    texts: manifests and media playlists by path; sizes: every object of the folder in bytes. Raises OutputMissing,
    OutputWrong, or SourceRejected (INPUT_TRUNCATED) where the film is shorter than its own header promised.
    """
    multivariant_path, mpd_path = manifests_needed()
    multivariant, mpd = _text(texts, multivariant_path), _text(texts, mpd_path)
    try:
        listed = {variant.uri: variant for variant in manifest.variants(multivariant)}
        audio = manifest.audio_uris(multivariant)
        playlists = {path: manifest.media_playlist(_text(texts, path), path) for path in media_playlists(multivariant)}
        mpd_ms = manifest.mpd_duration_ms(mpd)
        offered = manifest.representations(mpd)
        manifest.dash(mpd, "", ())  # what publish will do must not fail there, after the point of no return
    except manifest.ManifestBroken as error:
        raise OutputWrong("OUTPUT_WRONG", str(error), {"folder": multivariant_path}) from error
    for path, playlist in playlists.items():
        _check_playlist(path, playlist, sizes)
    renditions = tuple(_rendition(rung, listed, playlists, sizes) for rung in plan["rungs"])
    if has_audio and not audio:
        raise OutputMissing(
            "OUTPUT_MISSING",
            f"{name} has sound, its streams have none",
            {"expected": f"{STREAM_BASE}{AUDIO_MODIFIER}.m3u8"},
        )
    if offered < len(playlists):
        raise OutputMissing(
            "OUTPUT_MISSING",
            f"{mpd_path} offers {offered} representations, {multivariant_path} has {len(playlists)} playlists",
            {"manifest": mpd_path},
        )
    lengths = {path: playlist.duration_ms for path, playlist in playlists.items()}
    duration_ms = max(lengths[path] for path in listed)
    _check_durations(lengths, duration_ms, set(audio))
    _check_mpd(mpd_path, mpd_ms, duration_ms, max(lengths.values()))
    _check_whole(duration_ms, source_duration_ms, name)
    return Verified(
        hls=multivariant_path,
        dash=mpd_path,
        renditions=renditions,
        has_audio=bool(audio),
        duration_ms=duration_ms,
        poster=_poster(sizes),
        download=_download(plan, sizes),
        size_bytes=sum(sizes.values()),
    )


def _text(texts: Mapping[str, str], path: str) -> str:
    if path not in texts:
        raise OutputMissing("OUTPUT_MISSING", f"{path} does not exist", {"object": path})
    return texts[path]


def _check_playlist(path: str, playlist: manifest.MediaPlaylist, sizes: Mapping[str, int]) -> None:
    if not playlist.ended:
        raise OutputWrong(
            "OUTPUT_WRONG", f"{path} has no EXT-X-ENDLIST: a player would wait for more", {"playlist": path}
        )
    folder = posixpath.dirname(path)
    for uri in [playlist.init, *(segment.uri for segment in playlist.segments)]:
        if uri is None:
            raise OutputWrong("OUTPUT_WRONG", f"{path} names no init segment (EXT-X-MAP)", {"playlist": path})
        target = posixpath.join(folder, uri)
        if not sizes.get(target):
            raise OutputMissing(
                "OUTPUT_MISSING",
                f"{path} names {uri}, which does not exist or has no bytes",
                {"playlist": path, "object": target},
            )


def _rendition(
    rung: Mapping[str, Any],
    listed: Mapping[str, manifest.Variant],
    playlists: Mapping[str, manifest.MediaPlaylist],
    sizes: Mapping[str, int],
) -> Rendition:
    path = f"{STREAM_BASE}_{rung['name']}.m3u8"
    variant = listed.get(path)
    if variant is None:
        raise OutputMissing(
            "OUTPUT_MISSING",
            f"the {rung['name']} rendition is not in the multivariant playlist",
            {"expected": path, "listed": sorted(listed)},
        )
    if variant.width and (variant.width, variant.height) != (rung["width"], rung["height"]):
        raise OutputWrong(
            "OUTPUT_WRONG",
            f"{rung['name']} is {variant.width}x{variant.height}, planned {rung['width']}x{rung['height']}",
            {"playlist": path},
        )
    playlist = playlists[path]
    size = sum(sizes[posixpath.join(posixpath.dirname(path), segment.uri)] for segment in playlist.segments)
    return Rendition(
        name=rung["name"],
        width=rung["width"],
        height=rung["height"],
        codecs=variant.codecs,
        bitrate_bps=round(size * 8000 / max(1, playlist.duration_ms)),
        peak_bps=variant.bandwidth_bps,
        size_bytes=size,
    )


def _check_durations(durations: Mapping[str, int], expected_ms: int, audio: set[str]) -> None:
    """Renditions of the picture must agree closely; sound may end earlier than the picture, as its source may."""
    for path, duration in durations.items():
        if path not in audio and abs(duration - expected_ms) > _TOLERANCE_MS:
            raise OutputWrong(
                "OUTPUT_WRONG", f"{path} lasts {duration} ms, the others {expected_ms} ms", {"playlist": path}
            )


def _check_mpd(path: str, mpd_ms: int, picture_ms: int, longest_ms: int) -> None:
    """The MPD lasts as long as its longest part, which may be sound that outlasts the picture."""
    if not picture_ms - _TOLERANCE_MS <= mpd_ms <= longest_ms + _TOLERANCE_MS:
        raise OutputWrong(
            "OUTPUT_WRONG", f"{path} lasts {mpd_ms} ms, the playlists {longest_ms} ms", {"manifest": path}
        )


def _check_whole(duration_ms: int, source_ms: int, name: str) -> None:
    if source_ms - duration_ms > max(_TOLERANCE_MS, min(source_ms * _TOLERANCE_SHARE, _TOLERANCE_MOST_MS)):
        raise SourceRejected(
            "INPUT_TRUNCATED",
            f"{name} promises {source_ms / 1000:.1f} s and breaks off after {duration_ms / 1000:.1f} s",
            {"promised_ms": source_ms, "found_ms": duration_ms},
        )


def _poster(sizes: Mapping[str, int]) -> str | None:
    """The last capture: the first is the film's first frame, and films begin black."""
    captures = sorted(
        path for path, size in sizes.items() if path.startswith(f"{POSTER_BASE}.") and path.endswith(".jpg") and size
    )
    return captures[-1] if captures else None


def _download(plan: Mapping[str, Any], sizes: Mapping[str, int]) -> str | None:
    if not plan.get("download"):
        return None
    path = "download.mp4"
    if not sizes.get(path):
        raise OutputMissing("OUTPUT_MISSING", "the download was asked for and is not there", {"expected": path})
    return path
