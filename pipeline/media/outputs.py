"""What a finished job says it made, and whether that is what was promised.

In: MediaConvert's COMPLETE event (User Guide, "COMPLETE") and a listing of the run's folder. Out: the renditions as
they exist. Nothing is read here: `verify` hands in texts and sizes, so every rule has a three-line test.

Tolerances: MediaConvert keeps the last frame of a partial second and AAC rounds up to 1,024 samples, so manifests
may differ from the source by half a second; beyond that, and beyond 2 % (at most ten seconds), the source broke off.
Sound is held to the same measure, against what the source says of its sound.
"""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Mapping
from typing import Any

from pipeline.media import boxes, manifest
from pipeline.media.errors import OutputMissing, OutputWrong, SourceRejected
from pipeline.media.job import AUDIO_MODIFIER, DOWNLOAD_BASE, POSTER_BASE, STREAM_BASE

_TOLERANCE_MS = 500
_TOLERANCE_SHARE = 0.02
_TOLERANCE_MOST_MS = 10_000
#: What MediaConvert wrote; captions and our own manifests lie in the same folder when a step is repeated.
_ENCODED = (STREAM_BASE, POSTER_BASE, DOWNLOAD_BASE)


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
class Head:
    """The beginning of a track: its init segment, and the first bytes (boxes.FIRST_BYTES) of its first segment."""

    init: bytes
    first: bytes


@dataclasses.dataclass(frozen=True)
class Verified:
    """Paths are relative to the run's folder."""

    hls: str
    dash: str
    renditions: tuple[Rendition, ...]
    has_audio: bool
    duration_ms: int
    poster: str
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


def heads_needed(texts: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """(init segment, first segment) of every media playlist, by the playlist's path. Raises OutputWrong."""
    needed = {}
    for path in media_playlists(_text(texts, manifests_needed()[0])):
        playlist = _parsed(path, texts)
        if playlist.init is None:
            raise OutputWrong("OUTPUT_WRONG", f"{path} names no init segment (EXT-X-MAP)", {"playlist": path})
        folder = posixpath.dirname(path)
        needed[path] = (posixpath.join(folder, playlist.init), posixpath.join(folder, playlist.segments[0].uri))
    return needed


def verify(
    texts: Mapping[str, str],
    sizes: Mapping[str, int],
    plan: Mapping[str, Any],
    has_audio: bool,
    source_duration_ms: int,
    name: str,
    sound_ms: int | None = None,
) -> Verified:
    """Compare what lies in the run's folder with the plan.

    texts: manifests and media playlists by path; sizes: every object of the folder in bytes; sound_ms: how long the
    source's sound is, where the source says it. Raises OutputMissing, OutputWrong, or SourceRejected
    (INPUT_TRUNCATED) where the film is shorter than its own header promised.
    """
    multivariant_path, mpd_path = manifests_needed()
    multivariant, mpd = _text(texts, multivariant_path), _text(texts, mpd_path)
    try:
        listed = {variant.uri: variant for variant in manifest.variants(multivariant)}
        audio = manifest.audio_uris(multivariant)
        mpd_ms = manifest.mpd_duration_ms(mpd)
        offered = manifest.representations(mpd)
        manifest.dash(mpd, "", ())  # what publish will do must not fail there, after the point of no return
    except manifest.ManifestBroken as error:
        raise OutputWrong("OUTPUT_WRONG", str(error), {"folder": multivariant_path}) from error
    playlists = {path: _parsed(path, texts) for path in media_playlists(multivariant)}
    for path, playlist in playlists.items():
        _check_playlist(path, playlist, sizes)
    renditions = tuple(_rendition(rung, listed, playlists, sizes) for rung in plan["rungs"])
    if has_audio and not audio:
        raise OutputMissing(
            "OUTPUT_MISSING",
            f"{name} has sound, its streams have none",
            {"expected": f"{STREAM_BASE}{AUDIO_MODIFIER}.m3u8"},
        )
    _check_offer(offered, renditions, len(playlists))
    lengths = {path: playlist.duration_ms for path, playlist in playlists.items()}
    duration_ms = max(lengths[path] for path in listed)
    _check_durations(lengths, duration_ms, set(audio))
    _check_mpd(mpd_path, mpd_ms, duration_ms, max(lengths.values()))
    _check_whole(duration_ms, source_duration_ms, name)
    if sound_ms is not None:
        _check_sound({path: lengths[path] for path in audio}, sound_ms)
    return Verified(
        hls=multivariant_path,
        dash=mpd_path,
        renditions=renditions,
        has_audio=bool(audio),
        duration_ms=duration_ms,
        poster=_poster(sizes),
        download=_download(plan, sizes),
        size_bytes=sum(size for path, size in sizes.items() if path.startswith(_ENCODED)),
    )


def check_heads(texts: Mapping[str, str], heads: Mapping[str, Head]) -> None:
    """Whether each track begins with a frame that can be decoded alone, in the codec that the manifests name.

    heads by media playlist. Raises OutputWrong: a player would choose the wrong decoder, or show nothing at first.
    """
    multivariant_path, mpd_path = manifests_needed()
    variants = manifest.variants(texts[multivariant_path])
    pictures = {variant.uri: variant for variant in variants}
    offered = {each.codecs for each in manifest.representations(texts[mpd_path])}
    for path, head in heads.items():
        try:
            codec = boxes.codec(head.init)
            if path in pictures and not boxes.starts_with_key_frame(head.init, head.first):
                raise OutputWrong("OUTPUT_WRONG", f"{path} does not begin with a key frame", {"playlist": path})
        except boxes.BoxesBroken as error:
            raise OutputWrong("OUTPUT_WRONG", f"{path} does not begin as CMAF: {error}", {"playlist": path}) from error
        claims = [pictures[path]] if path in pictures else variants
        for claimed in [*(variant.codecs.split(",") for variant in claims), [*offered]]:
            _check_codec(path, codec, claimed)


def _check_codec(path: str, codec: str, claimed: list[str]) -> None:
    claims = [claim.strip() for claim in claimed if claim.strip()]
    if claims and not any(boxes.same_codec(claim, codec) for claim in claims):
        said = ", ".join(sorted(claims))
        raise OutputWrong("OUTPUT_WRONG", f"{path} is {codec}, the manifests say {said}", {"playlist": path})


def _parsed(path: str, texts: Mapping[str, str]) -> manifest.MediaPlaylist:
    try:
        return manifest.media_playlist(_text(texts, path), path)
    except manifest.ManifestBroken as error:
        raise OutputWrong("OUTPUT_WRONG", str(error), {"playlist": path}) from error


def _check_offer(
    offered: tuple[manifest.Representation, ...], renditions: tuple[Rendition, ...], playlists: int
) -> None:
    """DASH viewers must get what HLS viewers get: as many tracks, and every size among them."""
    multivariant_path, mpd_path = manifests_needed()
    if len(offered) < playlists:
        raise OutputMissing(
            "OUTPUT_MISSING",
            f"{mpd_path} offers {len(offered)} representations, {multivariant_path} has {playlists} playlists",
            {"manifest": mpd_path},
        )
    sizes = {(each.width, each.height) for each in offered}
    for rendition in renditions:
        if (rendition.width, rendition.height) not in sizes:
            raise OutputWrong(
                "OUTPUT_WRONG",
                f"{mpd_path} offers no {rendition.width}x{rendition.height}, {multivariant_path} does",
                {"manifest": mpd_path, "rendition": rendition.name},
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
    if _is_short(duration_ms, source_ms):
        raise SourceRejected(
            "INPUT_TRUNCATED",
            f"{name} promises {source_ms / 1000:.1f} s and breaks off after {duration_ms / 1000:.1f} s",
            {"promised_ms": source_ms, "found_ms": duration_ms},
        )


def _check_sound(durations: Mapping[str, int], sound_ms: int) -> None:
    for path, duration in durations.items():
        if _is_short(duration, sound_ms):
            raise OutputWrong(
                "OUTPUT_WRONG",
                f"the sound ends after {duration / 1000:.1f} s, the source's lasts {sound_ms / 1000:.1f} s",
                {"playlist": path, "promised_ms": sound_ms, "found_ms": duration},
            )


def _is_short(found_ms: int, promised_ms: int) -> bool:
    return promised_ms - found_ms > max(_TOLERANCE_MS, min(promised_ms * _TOLERANCE_SHARE, _TOLERANCE_MOST_MS))


def _poster(sizes: Mapping[str, int]) -> str:
    """The last capture: the first is the film's first frame, and films begin black. Every plan promises one."""
    captures = sorted(
        path for path, size in sizes.items() if path.startswith(f"{POSTER_BASE}.") and path.endswith(".jpg") and size
    )
    if not captures:
        raise OutputMissing("OUTPUT_MISSING", "no poster was captured", {"expected": f"{POSTER_BASE}.0000000.jpg"})
    return captures[-1]


def _download(plan: Mapping[str, Any], sizes: Mapping[str, int]) -> str | None:
    if not plan.get("download"):
        return None
    path = "download.mp4"
    if not sizes.get(path):
        raise OutputMissing("OUTPUT_MISSING", "the download was asked for and is not there", {"expected": path})
    return path
