"""Package what goes along with picture and sound: captions as WebVTT, images for trick play.

In: what is planned of them, the finished track they stand beside, the working directory. Out: what the manifests say of
them; their files are sent on their way. What can go wrong: `ExtrasBroken` with MediaConvert's code, 1010 for a sidecar
that cannot be read, 1999 for images that are not as many as the film is long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from pipeline.local.mediaconvert import captions, cea608, cmaf, manifests
from pipeline.local.mediaconvert.cmaf import Track
from pipeline.local.mediaconvert.manifests import PackagedCaptions, PackagedTiles
from pipeline.local.mediaconvert.planned import CaptionRendition, CaptionSource, Tiles

MAX_CAPTIONS_BYTES = 32 << 20


class ExtrasBroken(Exception):
    """`code` is MediaConvert's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def packaged_captions(
    rendition: CaptionRendition,
    beside: Track,
    work: Path,
    send: Callable[[str, bytes], None],
    segment_name: Callable[[str, Track, int], str] = manifests.segment_name,
    clock_ms: int = 0,
    cut: bool = True,
    whole: bool = False,
) -> PackagedCaptions:
    """Captions cut as the track beside them, in one file (`whole`), or both. `clock_ms`: where media time begins."""
    cues = read_captions(rendition.source, work, round(beside.duration * 1000))
    texts = [text.encode() for text in captions.segments(cues, beside.spans_ms(), clock_ms * 90)]
    track = cmaf.text_track(beside, (len(text) for text in texts))
    for segment, text in zip(track.segments, texts if cut else (), strict=cut):
        send(segment_name(rendition.name, track, segment.number), text)
    if whole:
        send(f"{rendition.name}.vtt", captions.as_vtt(cues).encode())
    return PackagedCaptions(rendition, track)


def read_captions(source: CaptionSource, work: Path, end_ms: int) -> list[captions.Cue]:
    """Cues in the film's time. A picture without captions has none: MediaConvert has no warning for that."""
    path = work / source.file
    try:
        if source.kind == "EMBEDDED":
            return cea608.cues(cea608.read_pairs(path) if path.exists() else (), source.channel, end_ms)
        if path.stat().st_size > MAX_CAPTIONS_BYTES:
            raise captions.CaptionsBroken(f"{path.stat().st_size} bytes are too many for captions")
        return captions.shifted(captions.read(source.kind, path.read_bytes()), source.shift_ms, end_ms)
    except captions.CaptionsBroken as error:
        raise ExtrasBroken(1010, f"Unable to open input file [{source.url}]: [{error}]") from error


def packaged_tiles(
    tiles: Tiles,
    beside: Track,
    work: Path,
    send_file: Callable[[str, Path], None],
    segment_name: Callable[[str, Track, int], str] = manifests.segment_name,
) -> PackagedTiles:
    """The images of one set, as many as the film is long; `beside` is the picture with the most frames."""
    paths = sorted(work.glob(f"{tiles.file}_*.jpg"))
    if tiles.by_segment:
        durations = [segment.duration for segment in beside.segments]
    else:
        durations = tile_durations(beside.duration, tiles, beside.timescale)
    if abs(len(paths) - len(durations)) > 1:
        raise ExtrasBroken(1999, f"{tiles.name}: {len(paths)} images were made for {len(durations)}")
    track = cmaf.image_track(durations, [path.stat().st_size for path in paths], beside.timescale, *tiles.size)
    for segment, path in zip(track.segments, paths, strict=False):
        send_file(segment_name(tiles.name, track, segment.number), path)
    return PackagedTiles(tiles, track)


def tile_durations(film: Fraction, tiles: Tiles, timescale: int) -> list[int]:
    """How long each image lasts, in ticks: all the same, but for the last one, which ends with the film."""
    each = tiles.every_seconds * tiles.columns * tiles.rows
    whole, rest = divmod(film, each)
    return [round(each * timescale)] * whole + ([max(1, round(rest * timescale))] if rest else [])


def even_track(beside: Track, seconds: int) -> Track:
    """The same time as another track, in segments of this length: what long caption segments stand beside."""
    each, total = seconds * beside.timescale, sum(segment.duration for segment in beside.segments)
    starts: Sequence[int] = range(0, total, each)
    segments = [cmaf.Segment(n, start, min(each, total - start), 0) for n, start in enumerate(starts, 1)]
    return Track("text", beside.timescale, "wvtt", tuple(segments), b"")
