"""What a finished job made, and whether that is what was promised.

In: the promise (pipeline.media.promise), MediaConvert's COMPLETE event (User Guide, "COMPLETE"), and what lies in the
run's folder: texts, sizes, first bytes. Out: the renditions as they exist. Nothing is read here: the step hands in
texts and sizes, so every rule has a three-line test.

Tolerances: MediaConvert keeps the last frame of a partial second and AAC rounds up to 1,024 samples, so manifests
may differ from the source by half a second; beyond that, and beyond 2 % (at most ten seconds), the source broke off.
Sound is held to the same measure, against what the source says of the track that it was made of.

Every playlist, segment and image must be there with bytes in it; that costs one listing. Whether a segment is whole
costs reads of its own, so of a long film only some are read: `segments_to_read` says which.
"""

from __future__ import annotations

import dataclasses
import posixpath
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipeline.media import bcp47, boxes, images, manifest
from pipeline.media.errors import (
    OutputMissing,
    OutputWrong,
    SourceRejected,
    TranscodeFailed,
    VodError,
    from_mediaconvert,
)
from pipeline.media.job import DOWNLOAD_BASE, POSTER_BASE, STREAM_BASE
from pipeline.media.promise import CODECS, Picture, Promise, Sound
from pipeline.media.source import Source

PICTURE, SOUND, TEXT, I_FRAMES, IMAGES = "picture", "sound", "text", "i_frames", "images"
#: How many segments of a film are read at most: some 3,000 small reads, seconds for sixteen at a time.
MOST_SEGMENTS_READ = 1500
_TOLERANCE_MS = 500
_TOLERANCE_SHARE = 0.02
_TOLERANCE_MOST_MS = 10_000
#: What MediaConvert wrote; captions and our own manifests lie in the same folder when a step is repeated.
_ENCODED = (STREAM_BASE, POSTER_BASE, DOWNLOAD_BASE)
_DOWNLOAD = f"{DOWNLOAD_BASE}.mp4"


@dataclasses.dataclass(frozen=True)
class Rendition:
    """One rung encoded, as it exists. bitrate_bps is the average of its segments; size_bytes all of them.

    video_range is SDR, PQ or HLG, as its own bytes say; frame_rate 0 where the playlist does not say it.
    """

    name: str
    playlist: str
    width: int
    height: int
    codecs: str
    bitrate_bps: int
    peak_bps: int
    size_bytes: int
    frame_rate: float = 0.0
    video_range: str = "SDR"


@dataclasses.dataclass(frozen=True)
class AudioRendition:
    """One sound that viewers may choose. language is BCP 47, "und" unknown; channels 0 where nobody says it."""

    playlist: str
    group: str
    language: str
    label: str
    channels: int
    codecs: str
    default: bool
    bitrate_bps: int


@dataclasses.dataclass(frozen=True)
class TextRendition:
    """WebVTT that MediaConvert made of captions inside the film. vtt is the file, where it is only one."""

    playlist: str
    language: str
    label: str
    forced: bool
    sdh: bool
    vtt: str | None = None


@dataclasses.dataclass(frozen=True)
class Thumbnails:
    """Tiled thumbnails: their playlist, and the size of one whole image in pixels."""

    playlist: str
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class Head:
    """The beginning of a track: its init segment, and the first bytes (boxes.FIRST_BYTES) of its first segment."""

    init: bytes
    first: bytes


@dataclasses.dataclass(frozen=True)
class Streams:
    """Both manifests and every playlist they name, read. kinds: PICTURE, SOUND, ... by the playlist's path."""

    hls: str
    dash: str
    multivariant: manifest.Multivariant
    kinds: Mapping[str, str]
    playlists: Mapping[str, manifest.MediaPlaylist]
    offered: tuple[manifest.Representation, ...]
    mpd_ms: int

    def of_kind(self, *kinds: str) -> dict[str, manifest.MediaPlaylist]:
        return {path: self.playlists[path] for path, kind in self.kinds.items() if kind in kinds}


@dataclasses.dataclass(frozen=True)
class Verified:
    """Paths are relative to the run's folder. renditions best first."""

    hls: str
    dash: str
    renditions: tuple[Rendition, ...]
    audio: tuple[AudioRendition, ...]
    captions: tuple[TextRendition, ...]
    thumbnails: Thumbnails | None
    audio_only: bool
    closed_captions: bool
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


def group_details(detail: dict[str, Any]) -> list[dict[str, Any]]:
    """A COMPLETE event's outputGroupDetails by the names, and with the members, that GetJob has for them."""

    def one(output: dict[str, Any]) -> dict[str, Any]:
        video = output.get("videoDetails")
        size = {"WidthInPx": video.get("widthInPx"), "HeightInPx": video.get("heightInPx")} if video else None
        return {"DurationInMs": output.get("durationInMs"), "VideoDetails": size}

    groups = detail.get("outputGroupDetails") or []
    return [{"OutputDetails": [one(output) for output in group.get("outputDetails") or []]} for group in groups]


def percent(detail: dict[str, Any]) -> int | None:
    """How far a job is, as its event says; None where it does not."""
    return 100 if detail["status"] == "COMPLETE" else (detail.get("jobProgress") or {}).get("jobPercentComplete")


def failure(detail: dict[str, Any]) -> VodError:
    """The error that an event of ERROR or CANCELED means."""
    evidence = {"job_id": detail["jobId"], "queue": detail.get("queue")}
    if detail["status"] == "CANCELED":
        return TranscodeFailed("TRANSCODE_CANCELED", f"MediaConvert job {detail['jobId']} was cancelled", evidence)
    return from_mediaconvert(int(detail.get("errorCode") or 1999), detail.get("errorMessage") or "no message", evidence)


# Reading -------------------------------------------------------------------------------------------------------------


def manifests_needed(promise: Promise) -> tuple[str, str]:
    return f"{promise.base}.m3u8", f"{promise.base}.mpd"


def playlists_needed(multivariant: str, promise: Promise) -> dict[str, str]:
    """The playlists a multivariant playlist names: kind by path. Raises OutputWrong."""
    return _kinds(_multivariant(multivariant, promise), promise)


def read(texts: Mapping[str, str], promise: Promise) -> Streams:
    """texts: both manifests and the playlists needed, by path. Raises OutputMissing, OutputWrong."""
    hls, dash = manifests_needed(promise)
    multivariant = _multivariant(_text(texts, hls), promise)
    mpd = _text(texts, dash)
    try:
        offered, mpd_ms = manifest.representations(mpd), manifest.mpd_duration_ms(mpd)
        manifest.dash(mpd, "", ())  # what publish will do must not fail there, after the point of no return
    except manifest.ManifestBroken as error:
        raise OutputWrong("OUTPUT_WRONG", str(error), {"manifest": dash}) from error
    kinds = _kinds(multivariant, promise)
    playlists = {path: _playlist(path, texts) for path in kinds}
    return Streams(hls, dash, multivariant, kinds, playlists, offered, mpd_ms)


def _multivariant(text: str, promise: Promise) -> manifest.Multivariant:
    try:
        return manifest.multivariant(text)
    except manifest.ManifestBroken as error:
        raise OutputWrong("OUTPUT_WRONG", str(error), {"playlist": manifests_needed(promise)[0]}) from error


def _kinds(multivariant: manifest.Multivariant, promise: Promise) -> dict[str, str]:
    """A variant is the picture's, except where there is none: then it is a sound, listed twice."""
    sounds = {media.uri for media in multivariant.of_kind("AUDIO")}
    if promise.audio_only:
        sounds |= {variant.uri for variant in multivariant.variants}
    pictures = {variant.uri for variant in multivariant.variants} - sounds
    texts = {media.uri for media in multivariant.of_kind("SUBTITLES")}
    named = {IMAGES: multivariant.images, I_FRAMES: multivariant.i_frames, TEXT: texts, SOUND: sounds}
    kinds = {str(path): kind for kind, paths in named.items() for path in paths}
    return dict(sorted({**kinds, **dict.fromkeys(pictures, PICTURE)}.items()))


def _playlist(path: str, texts: Mapping[str, str]) -> manifest.MediaPlaylist:
    try:
        return manifest.media_playlist(_text(texts, path), path)
    except manifest.ManifestBroken as error:
        raise OutputWrong("OUTPUT_WRONG", str(error), {"playlist": path}) from error


def _text(texts: Mapping[str, str], path: str) -> str:
    if path not in texts:
        raise OutputMissing("OUTPUT_MISSING", f"{path} does not exist", {"object": path})
    return texts[path]


# What was promised ---------------------------------------------------------------------------------------------------


def verify(streams: Streams, sizes: Mapping[str, int], promise: Promise, source: Source, name: str) -> Verified:
    """Compare what lies in the run's folder with the promise.

    sizes: every object of the folder in bytes; name: the upload's, for the message. Raises OutputMissing, OutputWrong,
    or SourceRejected (INPUT_TRUNCATED) where the film is shorter than its own header promised.
    """
    for path, playlist in streams.playlists.items():
        _check_playlist(path, playlist, streams.kinds[path], sizes)
    renditions = _renditions(streams, promise, sizes)
    _check_sounds(streams, promise, name)
    _check_extras(streams, promise)
    _check_offer(streams, renditions)
    lengths = {path: playlist.duration_ms for path, playlist in streams.of_kind(PICTURE, SOUND).items()}
    main = streams.of_kind(SOUND if promise.audio_only else PICTURE)
    duration_ms = max(lengths[path] for path in main)
    _check_durations(lengths, duration_ms, {} if promise.audio_only else main)
    _check_mpd(streams, duration_ms, max(lengths.values()))
    _check_whole(duration_ms, source.duration_ms, name)
    for sound in promise.sounds:
        _check_length(promise.playlist(sound.name), sound, lengths, source)
    audio = _audio(streams, promise, sizes)
    return Verified(
        hls=streams.hls,
        dash=streams.dash,
        renditions=renditions,
        audio=audio,
        captions=tuple(_text_rendition(media, streams) for media in streams.multivariant.of_kind("SUBTITLES")),
        thumbnails=None,
        audio_only=promise.audio_only,
        closed_captions=promise.closed_captions,
        has_audio=bool(audio),
        duration_ms=duration_ms,
        poster=_poster(sizes) if promise.poster else None,
        download=_download(promise, sizes),
        size_bytes=sum(size for path, size in sizes.items() if path.startswith(_ENCODED)),
    )


def _check_playlist(path: str, playlist: manifest.MediaPlaylist, kind: str, sizes: Mapping[str, int]) -> None:
    """Whether a player finds the playlist's end and everything in it.

    Image playlists need no end: Image Media Playlist 0.4 does not ask for the tag.
    """
    if not playlist.ended and kind != IMAGES:
        raise OutputWrong(
            "OUTPUT_WRONG", f"{path} has no EXT-X-ENDLIST: a player would wait for more", {"playlist": path}
        )
    if playlist.init is None and kind in (PICTURE, SOUND):
        raise OutputWrong("OUTPUT_WRONG", f"{path} names no init segment (EXT-X-MAP)", {"playlist": path})
    first = [manifest.Segment(playlist.init, 0.0)] if playlist.init else []
    for segment in [*first, *playlist.segments]:
        target = _beside(path, segment.uri)
        size = sizes.get(target)
        if not size:
            raise OutputMissing(
                "OUTPUT_MISSING",
                f"{path} names {segment.uri}, which does not exist or has no bytes",
                {"playlist": path, "object": target},
            )
        if segment.first + segment.length > size:
            raise OutputWrong(
                "OUTPUT_WRONG",
                f"{path} names {segment.length} bytes from byte {segment.first} of {segment.uri}, which has {size}",
                {"playlist": path, "object": target},
            )


def _beside(path: str, uri: str) -> str:
    return posixpath.join(posixpath.dirname(path), uri)


def _renditions(streams: Streams, promise: Promise, sizes: Mapping[str, int]) -> tuple[Rendition, ...]:
    """The pictures, best first: those that were promised, or those that MediaConvert chose by itself."""
    listed: dict[str, list[manifest.Variant]] = {}
    for variant in streams.multivariant.variants:
        if streams.kinds[variant.uri] == PICTURE:
            listed.setdefault(variant.uri, []).append(variant)
    if promise.automatic:
        if not 1 <= len(listed) <= promise.automatic:
            raise OutputWrong(
                "OUTPUT_WRONG",
                f"{streams.hls} lists {len(listed)} pictures, 1 to {promise.automatic} were asked for",
                {"listed": sorted(listed)},
            )
        wanted = {path: None for path in listed}
    else:
        wanted = {promise.playlist(picture.name): picture for picture in promise.pictures}
    found = [
        _rendition(path, picture, listed.get(path, []), streams, promise, sizes) for path, picture in wanted.items()
    ]
    # Of one size the codec that every player knows stands first, as the plan has it; sorting is stable.
    return tuple(sorted(found, key=lambda rendition: -rendition.width * rendition.height))


def _rendition(
    path: str,
    picture: Picture | None,
    listed: list[manifest.Variant],
    streams: Streams,
    promise: Promise,
    sizes: Mapping[str, int],
) -> Rendition:
    name = path.removeprefix(f"{promise.base}_").removesuffix(".m3u8")
    if not listed:
        raise OutputMissing(
            "OUTPUT_MISSING",
            f"the {name} rendition is not in the multivariant playlist",
            {"expected": path, "listed": sorted({variant.uri for variant in streams.multivariant.variants})},
        )
    variant = listed[0]
    width, height = variant.width, variant.height
    if picture:
        _check_picture(path, picture, listed)
        width, height = picture.width or width, picture.height or height
    playlist = streams.playlists[path]
    size, bitrate_bps = _weight(path, playlist, sizes)
    return Rendition(
        name=name,
        playlist=path,
        width=width,
        height=height,
        codecs=variant.codecs,
        bitrate_bps=bitrate_bps,
        peak_bps=variant.bandwidth_bps,
        size_bytes=size,
        frame_rate=variant.frame_rate,
        video_range=variant.video_range or "SDR",
    )


def _weight(path: str, playlist: manifest.MediaPlaylist, sizes: Mapping[str, int]) -> tuple[int, int]:
    """(bytes, average bits per second) of a playlist's segments."""
    size = sum(sizes[_beside(path, segment.uri)] for segment in playlist.segments)
    return size, round(size * 8000 / max(1, playlist.duration_ms))


def _check_picture(path: str, picture: Picture, listed: list[manifest.Variant]) -> None:
    variant = listed[0]
    if variant.width and picture.width and (variant.width, variant.height) != (picture.width, picture.height):
        raise OutputWrong(
            "OUTPUT_WRONG",
            f"{picture.name} is {variant.width}x{variant.height}, planned {picture.width}x{picture.height}",
            {"playlist": path},
        )
    begins = CODECS.get(picture.codec)
    if variant.codecs and begins and not any(codec.strip().startswith(begins) for codec in variant.codecs.split(",")):
        raise OutputWrong(
            "OUTPUT_WRONG", f"{picture.name} is {variant.codecs}, planned {picture.codec}", {"playlist": path}
        )
    for group in picture.groups:
        if group not in {each.audio for each in listed}:
            raise OutputMissing(
                "OUTPUT_MISSING",
                f"the multivariant playlist does not offer {picture.name} with the sounds of the group {group!r}",
                {"playlist": path, "group": group},
            )


def _check_sounds(streams: Streams, promise: Promise, name: str) -> None:
    groups = {media.uri: media.group for media in streams.multivariant.of_kind("AUDIO")}
    for sound in promise.sounds:
        path = promise.playlist(sound.name)
        if streams.kinds.get(path) != SOUND:
            says = f"{name} has sound, and {path} is not in the multivariant playlist"
            raise OutputMissing("OUTPUT_MISSING", says, {"expected": path})
        if sound.group and groups.get(path, sound.group) != sound.group:
            says = f"{path} is in the group {groups[path]!r}, planned {sound.group!r}"
            raise OutputWrong("OUTPUT_WRONG", says, {"playlist": path})


def _check_extras(streams: Streams, promise: Promise) -> None:
    """Captions out of the film, playlists for fast winding, thumbnails: in HLS; what DASH has of them is counted."""
    for text in promise.texts:
        path = promise.playlist(text)
        if streams.kinds.get(path) != TEXT:
            raise OutputMissing("OUTPUT_MISSING", f"the captions {path} are not in {streams.hls}", {"expected": path})
    wanted = sum(picture.i_frames for picture in promise.pictures)
    if len(streams.of_kind(I_FRAMES)) < wanted:
        says = f"{streams.hls} has {len(streams.of_kind(I_FRAMES))} I-frame playlists, {wanted} were asked for"
        raise OutputMissing("OUTPUT_MISSING", says, {"manifest": streams.hls})
    if promise.images and not streams.of_kind(IMAGES):
        raise OutputMissing("OUTPUT_MISSING", f"{streams.hls} has no thumbnails", {"manifest": streams.hls})
    if promise.images and not any(each.kind == "image" for each in streams.offered):
        raise OutputMissing("OUTPUT_MISSING", f"{streams.dash} has no thumbnails", {"manifest": streams.dash})


def _check_offer(streams: Streams, renditions: tuple[Rendition, ...]) -> None:
    """DASH viewers must get what HLS viewers get: as many tracks of each kind, and every size among them."""
    offered = Counter(each.kind for each in streams.offered)
    for kind, dash_kind in ((PICTURE, "video"), (SOUND, "audio"), (TEXT, "text")):
        playlists = len(streams.of_kind(kind))
        if offered[dash_kind] < playlists:
            raise OutputMissing(
                "OUTPUT_MISSING",
                f"{streams.dash} offers {offered[dash_kind]} representations of {kind}, {streams.hls} has {playlists} "
                "playlists",
                {"manifest": streams.dash},
            )
    sizes = {(each.width, each.height) for each in streams.offered}
    for rendition in renditions:
        if (rendition.width, rendition.height) not in sizes:
            raise OutputWrong(
                "OUTPUT_WRONG",
                f"{streams.dash} offers no {rendition.width}x{rendition.height}, {streams.hls} does",
                {"manifest": streams.dash, "rendition": rendition.name},
            )


def _audio(streams: Streams, promise: Promise, sizes: Mapping[str, int]) -> tuple[AudioRendition, ...]:
    """The sounds as the playlist lists them; a stream of sound alone may list them as variants only."""
    promised = {promise.playlist(sound.name): sound for sound in promise.sounds}
    named = streams.multivariant.of_kind("AUDIO")
    alone = [path for path in streams.of_kind(SOUND) if path not in {media.uri for media in named}]
    unnamed = [manifest.Media("AUDIO", "", "", "", path, False, False, 0, "") for path in alone]
    found = []
    for media in [*named, *unnamed]:
        path, sound = str(media.uri), promised.get(str(media.uri))
        language = bcp47.tag(media.language or (sound.language if sound else ""))
        found.append(
            AudioRendition(
                playlist=path,
                group=media.group,
                language=language,
                label=media.name or (sound.label if sound else "") or bcp47.label(language, unknown="Sound"),
                channels=media.channels or (sound.channels if sound else 0),
                codecs="",
                default=media.default,
                bitrate_bps=_weight(path, streams.playlists[path], sizes)[1],
            )
        )
    return tuple(found)


def _text_rendition(media: manifest.Media, streams: Streams) -> TextRendition:
    path, language = str(media.uri), bcp47.tag(media.language)
    files = {_beside(path, segment.uri) for segment in streams.playlists[path].segments}
    return TextRendition(
        playlist=path,
        language=language,
        label=media.name or bcp47.label(language),
        forced=media.forced,
        sdh="transcribes-spoken-dialog" in media.characteristics,
        vtt=files.pop() if len(files) == 1 else None,
    )


# Durations -----------------------------------------------------------------------------------------------------------


def _check_durations(durations: Mapping[str, int], expected_ms: int, pictures: Iterable[str]) -> None:
    """Renditions of the picture must agree closely; sound may end earlier than the picture, as its source may."""
    for path in pictures:
        if abs(durations[path] - expected_ms) > _TOLERANCE_MS:
            raise OutputWrong(
                "OUTPUT_WRONG", f"{path} lasts {durations[path]} ms, the others {expected_ms} ms", {"playlist": path}
            )


def _check_mpd(streams: Streams, main_ms: int, longest_ms: int) -> None:
    """The MPD lasts as long as its longest part, which may be sound that outlasts the picture."""
    if not main_ms - _TOLERANCE_MS <= streams.mpd_ms <= longest_ms + _TOLERANCE_MS:
        raise OutputWrong(
            "OUTPUT_WRONG",
            f"{streams.dash} lasts {streams.mpd_ms} ms, the playlists {longest_ms} ms",
            {"manifest": streams.dash},
        )


def _check_whole(duration_ms: int, source_ms: int, name: str) -> None:
    if _is_short(duration_ms, source_ms):
        raise SourceRejected(
            "INPUT_TRUNCATED",
            f"{name} promises {source_ms / 1000:.1f} s and breaks off after {duration_ms / 1000:.1f} s",
            {"promised_ms": source_ms, "found_ms": duration_ms},
        )


def _check_length(path: str, sound: Sound, durations: Mapping[str, int], source: Source) -> None:
    """Whether a sound is as long as the track it was made of, where the source says how long that is."""
    said = next((track.duration_ms for track in source.audio if track.number == sound.track), None)
    if said is None:
        return
    promised_ms = min(said, source.duration_ms)
    if _is_short(durations[path], promised_ms):
        raise OutputWrong(
            "OUTPUT_WRONG",
            f"the sound of {path} ends after {durations[path] / 1000:.1f} s, the source's lasts "
            f"{promised_ms / 1000:.1f} s",
            {"playlist": path, "promised_ms": promised_ms, "found_ms": durations[path]},
        )


def _is_short(found_ms: int, promised_ms: int) -> bool:
    return promised_ms - found_ms > max(_TOLERANCE_MS, min(promised_ms * _TOLERANCE_SHARE, _TOLERANCE_MOST_MS))


# The first bytes -----------------------------------------------------------------------------------------------------


def heads_needed(streams: Streams) -> dict[str, tuple[str, str]]:
    """(init segment, first segment) of every playlist of picture or sound, by the playlist's path."""
    return {
        path: (_beside(path, str(playlist.init)), _beside(path, playlist.segments[0].uri))
        for path, playlist in streams.of_kind(PICTURE, SOUND).items()
    }


def check_heads(verified: Verified, streams: Streams, heads: Mapping[str, Head]) -> Verified:
    """Whether each track begins with a frame that can be decoded alone, in the codec that the manifests name.

    heads by media playlist. Returns what was verified with what only the bytes say: a picture's range, a sound's codec.
    Raises OutputWrong: a player would choose the wrong decoder, or show nothing at first.
    """
    offered = {each.codecs for each in streams.offered}
    variants = streams.multivariant.variants
    codecs, ranges = {}, {}
    for path, head in heads.items():
        is_picture = streams.kinds[path] == PICTURE
        try:
            codecs[path], ranges[path] = boxes.codec(head.init), boxes.video_range(head.init)
            if is_picture and not boxes.starts_with_key_frame(head.init, head.first):
                raise OutputWrong("OUTPUT_WRONG", f"{path} does not begin with a key frame", {"playlist": path})
        except boxes.BoxesBroken as error:
            raise OutputWrong("OUTPUT_WRONG", f"{path} does not begin as CMAF: {error}", {"playlist": path}) from error
        claims = [each for each in variants if each.uri == path] if is_picture else _playing(path, streams)
        for claimed in [*(variant.codecs.split(",") for variant in claims), [*offered]]:
            _check_codec(path, codecs[path], claimed)
    renditions = [_with_range(each, ranges[each.playlist]) for each in verified.renditions]
    audio = [dataclasses.replace(each, codecs=codecs[each.playlist]) for each in verified.audio]
    return dataclasses.replace(verified, renditions=tuple(renditions), audio=tuple(audio))


def first_image(streams: Streams) -> tuple[str, str] | None:
    """(playlist, first image) of the tiled thumbnails; those with the most to an image where there are several."""
    tiled = {path: each.tiles for path, each in streams.of_kind(IMAGES).items() if each.tiles}
    best = max(tiled, key=lambda path: tiled[path].columns * tiled[path].rows, default=None)
    return (best, _beside(best, streams.playlists[best].segments[0].uri)) if best else None


def check_image(verified: Verified, streams: Streams, playlist: str, first: bytes) -> Verified:
    """Whether thumbnails are JPEGs that can be divided as their playlist says. Raises OutputWrong."""
    tiles = streams.playlists[playlist].tiles
    try:
        image = images.look_at(first)
    except images.ImageBroken as error:
        raise OutputWrong("OUTPUT_WRONG", f"the images of {playlist}: {error}", {"playlist": playlist}) from error
    if tiles is None or image.width < tiles.columns or image.height < tiles.rows:
        says = f"an image of {playlist} is {image.width}x{image.height}, too small for its tiles"
        raise OutputWrong("OUTPUT_WRONG", says, {"playlist": playlist})
    return dataclasses.replace(verified, thumbnails=Thumbnails(playlist, image.width, image.height))


def _playing(path: str, streams: Streams) -> list[manifest.Variant]:
    """The variants that may play this sound: those that name its group, and itself where it is a variant."""
    groups = {media.group for media in streams.multivariant.of_kind("AUDIO") if media.uri == path}
    return [each for each in streams.multivariant.variants if each.uri == path or (each.audio and each.audio in groups)]


def _with_range(rendition: Rendition, found: str) -> Rendition:
    if rendition.video_range != found and "SDR" not in (rendition.video_range, found):
        says = f"{rendition.playlist} is {found}, the multivariant playlist says {rendition.video_range}"
        raise OutputWrong("OUTPUT_WRONG", says, {"playlist": rendition.playlist})
    return dataclasses.replace(rendition, video_range=found)


def _check_codec(path: str, codec: str, claimed: list[str]) -> None:
    claims = [claim.strip() for claim in claimed if claim.strip()]
    if claims and not any(boxes.same_codec(claim, codec) for claim in claims):
        said = ", ".join(sorted(claims))
        raise OutputWrong("OUTPUT_WRONG", f"{path} is {codec}, the manifests say {said}", {"playlist": path})


# Whole segments ------------------------------------------------------------------------------------------------------


def segments_to_read(streams: Streams, sizes: Mapping[str, int], most: int = MOST_SEGMENTS_READ) -> list[str]:
    """Which segments' boxes are to be read: all of them where there are no more than `most`.

    Of a longer film: the first and the last of every track; then, up to half of what is left, those that are smallest
    for what they should be; the others evenly over the film. What a picture should weigh is told by the other rungs
    at the same second (a cut segment has half its bytes while theirs are whole), what a sound should by its average.
    """
    tracks = [(path, each) for path, each in streams.of_kind(PICTURE, SOUND).items()]
    everything = [_beside(path, segment.uri) for path, each in tracks for segment in each.segments]
    if len(everything) <= most:
        return list(dict.fromkeys(everything))
    chosen = dict.fromkeys(_beside(path, each.segments[at].uri) for path, each in tracks for at in (0, -1))
    suspects = _suspects(streams, sizes)
    chosen.update(dict.fromkeys(suspects[: max(0, most - len(chosen)) // 2]))
    left = [name for name in everything if name not in chosen]
    wanted = max(0, most - len(chosen))
    chosen.update(dict.fromkeys(left[at * len(left) // wanted] for at in range(min(wanted, len(left)))))
    return list(chosen)[:most]


def _suspects(streams: Streams, sizes: Mapping[str, int]) -> list[str]:
    """Every segment, the one that is smallest for what it should be first."""
    shares = {path: _shares(path, each, sizes) for path, each in streams.of_kind(PICTURE, SOUND).items()}
    pictures = [shares[path] for path in streams.of_kind(PICTURE)]
    found = []
    for path, each in streams.of_kind(PICTURE, SOUND).items():
        for at, segment in enumerate(each.segments):
            peers = [share[at] for share in pictures if at < len(share)] if streams.kinds[path] == PICTURE else []
            usual = statistics.median(peers) if len(peers) > 1 else 1.0
            found.append((shares[path][at] / (usual or 1.0), _beside(path, segment.uri)))
    return [name for _, name in sorted(found)]


def _shares(path: str, playlist: manifest.MediaPlaylist, sizes: Mapping[str, int]) -> list[float]:
    """Each segment's rate as a share of its track's average."""
    average = max(1, _weight(path, playlist, sizes)[1]) / 8
    return [
        sizes[_beside(path, segment.uri)] / max(0.001, segment.duration_s) / average for segment in playlist.segments
    ]


def check_segment(name: str, size: int, read_part: Callable[[int, int], bytes]) -> None:
    """Whether a segment is whole: its boxes end where the object does. Raises OutputWrong, naming it."""
    _check_boxes(name, size, read_part, ("moof", "mdat"))


def check_download(name: str, size: int, read_part: Callable[[int, int], bytes]) -> None:
    """Whether the MP4 that viewers may keep is whole. Raises OutputWrong."""
    _check_boxes(name, size, read_part, ("moov", "mdat"))


def _check_boxes(name: str, size: int, read_part: Callable[[int, int], bytes], needed: tuple[str, ...]) -> None:
    try:
        boxes.check_whole(size, read_part, needed)
    except boxes.BoxesBroken as error:
        raise OutputWrong(
            "OUTPUT_WRONG", f"{name} is not whole: {error}", {"object": name, "size_bytes": size}
        ) from error


# Files beside the streams --------------------------------------------------------------------------------------------


def _poster(sizes: Mapping[str, int]) -> str:
    """The last capture: the first is the film's first frame, and films begin black."""
    captures = sorted(
        path for path, size in sizes.items() if path.startswith(f"{POSTER_BASE}.") and path.endswith(".jpg") and size
    )
    if not captures:
        raise OutputMissing("OUTPUT_MISSING", "no poster was captured", {"expected": f"{POSTER_BASE}.0000000.jpg"})
    return captures[-1]


def _download(promise: Promise, sizes: Mapping[str, int]) -> str | None:
    if not promise.download:
        return None
    if not sizes.get(_DOWNLOAD):
        raise OutputMissing("OUTPUT_MISSING", "the download was asked for and is not there", {"expected": _DOWNLOAD})
    return _DOWNLOAD
