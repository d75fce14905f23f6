"""Storyboard: a WebVTT file in which every cue names the part of an image that shows the film at that time.

In: the playlist of tiled thumbnails that MediaConvert wrote (Image Media Playlist 0.4), and how large its first image
is. Out: text that players know as "thumbnails": `stream_thumbnail_000000001.jpg#xywh=320,0,160,90`. URIs are relative
to the storyboard, which lies beside the playlist.

The size of a thumbnail is the image's, divided: what RESOLUTION means, one thumbnail or the whole image, is said
differently by the specification and by packagers. What can go wrong: a playlist without tiles (ValueError).

Source: W3C Media Fragments 1.0 section 4.2.2 (xywh).
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.media.captions import stamp
from pipeline.media.manifest import MediaPlaylist, Tiles

NAME = "storyboard.vtt"


def storyboard(playlist: MediaPlaylist, image_size: tuple[int, int], duration_ms: int) -> str:
    """One cue for each thumbnail, up to the film's end. image_size: width and height of a whole image, in pixels."""
    if playlist.tiles is None:
        raise ValueError("the playlist says nothing of tiles (EXT-X-TILES)")
    columns, rows = playlist.tiles.columns, playlist.tiles.rows
    width, height = image_size[0] // columns, image_size[1] // rows
    cues = ["WEBVTT\n"]
    for uri, start_ms, end_ms, place in _thumbnails(playlist, playlist.tiles, duration_ms):
        x, y = place % columns * width, place // columns * height
        cues.append(f"{stamp(start_ms)} --> {stamp(end_ms)}\n{uri}#xywh={x},{y},{width},{height}\n")
    return "\n".join(cues)


def _thumbnails(playlist: MediaPlaylist, tiles: Tiles, duration_ms: int) -> Iterator[tuple[str, int, int, int]]:
    """(image, from, to, place in the image) of every thumbnail that begins before the film ends."""
    most = tiles.columns * tiles.rows
    image_start = 0.0
    for segment in playlist.segments:
        step = tiles.seconds or segment.duration_s / most
        image_end = image_start + segment.duration_s
        for place in range(most):
            start = round(1000 * (image_start + place * step))
            end = round(1000 * min(image_start + (place + 1) * step, image_end))
            if start >= min(duration_ms, round(1000 * image_end)) or end <= start:
                break
            yield segment.uri, start, min(end, duration_ms), place
        image_start = image_end
