"""The picture's way through ffmpeg's filters: one decode, a cascade of sizes, a branch for every output.

In: the video track, what the job asks of it, renditions and captures. Out: ffmpeg-python output nodes. Pure: nothing
runs.

The picture is given a constant frame rate, scaled to the largest rendition and from there down step by step (lanczos;
a cascade measured cheaper than scaling each from the source, and sharper than bicubic). Cropping, rotation, colours and
HDR are settled at the first step, so that all that follow are upright 4:2:0 in the output's depth. Outputs that differ
in these have a cascade each: SDR and HDR stand side by side and come from the same decode.
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import ffmpeg as graph

from pipeline.local.mediaconvert import clips, encoders
from pipeline.local.mediaconvert.ffmpeg import INPUT_GUARDS
from pipeline.local.mediaconvert.planned import Capture, Look, Picture, Tiles, VideoEncode
from pipeline.local.mediaconvert.probe import VideoTrack

SOURCE = "source"  # the name every input has in the working directory, so that no user's text reaches the command
RARE_FILTERS = ("zscale", "tonemap")  # those that not every build of ffmpeg has


def source() -> Any:
    # Rotation is done below, where the size is known; ffmpeg's own would come before everything else. A size that
    # changes in mid-film is the scaler's business: a rebuilt graph would begin its frame rate from 0 again.
    return graph.input(f"file:{SOURCE}", noautorotate=None, reinit_filter=0, **INPUT_GUARDS)


@dataclasses.dataclass(frozen=True)
class Turned:
    """What holds for the whole source: how it is turned (clockwise), whether its fields are really frames, what is cut
    out of it."""

    rotation: int = 0
    segmented_frames: bool = False
    clips: tuple[clips.Stretch, ...] = ()


def outputs(track: VideoTrack, turned: Turned, video: list[VideoEncode], captures: list[Capture | Tiles]) -> list[Any]:
    """Decoded once; deinterlaced once for all that ask for the same; then a cascade for each look."""
    plain = default_look(track, video)
    looks = list(dict.fromkeys([encode.look for encode in video] + [look_of(capture, plain) for capture in captures]))
    rates = {look: _rate([e for e in video if e.look == look], track) for look in looks}
    made: list[Any] = []
    ways = list(dict.fromkeys(look.deinterlacer for look in looks))
    whole = clips.cut_picture(source()[str(track.index)], turned.clips, track.frame_rate or Fraction(25))
    for way, stream in zip(ways, split(whole, len(ways), "split"), strict=True):
        members = [look for look in looks if look.deinterlacer == way]
        rate = max(rates[look] for look in members)
        stream = _progressive(stream, track, turned, way, rate).filter("fps", fps=_ratio(rate), start_time=0)
        for look, branch in zip(members, split(stream, len(members), "split"), strict=True):
            encodes = [encode for encode in video if encode.look == look]
            shown = [capture for capture in captures if look_of(capture, plain) == look]
            made += _cascaded(branch, rate, track, turned, look, encodes, shown)
    return made


def default_look(track: VideoTrack, video: list[VideoEncode]) -> Look:
    """For pictures that ask for none: what the renditions of every screen get."""
    for encode in video:
        if encode.look.colors != "HDR" and encode.look.depth == 8:
            return encode.look
    return Look(colors="BT709" if track.is_hdr else "SDR", deinterlacer=video[0].look.deinterlacer if video else None)


def look_of(capture: Capture | Tiles, plain: Look) -> Look:
    return (capture.look if isinstance(capture, Capture) else None) or plain


def _rate(video: list[VideoEncode], track: VideoTrack) -> Fraction:
    return max((encode.frame_rate for encode in video), default=track.frame_rate or Fraction(25))


def _cascaded(
    stream: Any,
    rate: Fraction,
    track: VideoTrack,
    turned: Turned,
    look: Look,
    video: list[VideoEncode],
    captures: list[Capture | Tiles],
) -> list[Any]:
    steps = _cascade(video, captures)
    made: list[Any] = []
    for position, step in enumerate(steps):
        fastest = max((encode.frame_rate for later in steps[position:] for encode in later.video), default=rate)
        if fastest < rate:  # nothing from here on wants the rest of the frames: they are not scaled either
            stream, rate = stream.filter("fps", fps=_ratio(fastest)), fastest
        stream = _scaled(stream, step.size) if position else _first_scaled(stream, track, turned, look, step.size)
        takers = [*step.video, *step.captures]
        if position < len(steps) - 1:
            takers.append(None)  # the next, smaller step
        for taker, branch in zip(takers, split(stream, len(takers), "split"), strict=True):
            if taker is None:
                stream = branch
            elif isinstance(taker, VideoEncode):
                made.append(_encoded(branch, taker, rate))
            elif isinstance(taker, Tiles):
                made.append(_tiled(branch, taker, step.size, rate))
            else:
                made.append(_captured(branch, taker, step.size))
    return made


def split(stream: Any, count: int, name: str) -> list[Any]:
    """As many copies of a stream as are taken from it: ffmpeg's filters have one taker each. `name`: split, asplit."""
    if count == 1:
        return [stream]
    node = stream.filter_multi_output(name, count)
    return [node[number] for number in range(count)]


# --- the cascade -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class _Step:
    size: tuple[int, int]
    video: list[VideoEncode] = dataclasses.field(default_factory=list)
    captures: list[Capture | Tiles] = dataclasses.field(default_factory=list)


def _cascade(video: list[VideoEncode], captures: list[Capture | Tiles]) -> list[_Step]:
    """The sizes to scale to, largest first, each with the outputs that take it.

    A capture takes the smallest step that is not smaller than itself and is scaled after its frames are picked; it
    never makes the cascade scale every frame to one more size.
    """
    sizes = {encode.picture.inner for encode in video} or {max(capture.picture.inner for capture in captures)}
    steps = [_Step(size) for size in sorted(sizes, key=lambda size: size[0] * size[1], reverse=True)]
    for step in steps:
        step.video = [rendition for rendition in video if rendition.picture.inner == step.size]
    for capture in captures:
        inner = capture.picture.inner
        enough = [step for step in steps if step.size[0] >= inner[0] and step.size[1] >= inner[1]]
        (enough[-1] if enough else steps[0]).captures.append(capture)
    return steps


def _scaled(stream: Any, size: tuple[int, int]) -> Any:
    return stream.filter("scale", w=size[0], h=size[1], flags="lanczos")


def _framed(stream: Any, picture: Picture) -> Any:
    (width, height), (inner_width, inner_height) = picture.frame, picture.inner
    if inner_width > width or inner_height > height:
        return stream.filter("crop", width, height)
    if picture.inner != picture.frame:
        # Bars begin on even lines, or the colour planes would be shifted against the picture.
        x, y = picture.offset or ((width - inner_width) // 4 * 2, (height - inner_height) // 4 * 2)
        return stream.filter("pad", width, height, x, y)
    return stream


# --- the first step --------------------------------------------------------------------------------------------------


def _progressive(stream: Any, track: VideoTrack, turned: Turned, way: tuple[str, str] | None, rate: Fraction) -> Any:
    if turned.segmented_frames:  # each frame was taken at one moment, whatever its flags say
        return stream.filter("setfield", "prog")
    if way is None:
        return stream
    mode, control = way
    deinterlaced = "all" if control == "FORCE_ALL_FRAMES" else "interlaced"
    if mode == "INVERSE_TELECINE":
        # The film's frames are put together from fields; what does not fit is deinterlaced; one of five is double.
        stream = stream.filter("fieldmatch", combmatch="full").filter("bwdif", mode="send_frame", deint="interlaced")
        return stream.filter("decimate")
    # A picture from every field where the output wants that many, from every frame otherwise.
    fields = track.frame_rate is not None and rate > track.frame_rate * Fraction(3, 2)
    return stream.filter("bwdif", mode="send_field" if fields else "send_frame", deint=deinterlaced)


def _first_scaled(stream: Any, track: VideoTrack, turned: Turned, look: Look, size: tuple[int, int]) -> Any:
    """To the largest size, the right way up, 4:2:0 in the depth, range and colours of the look."""
    width, height = (size[1], size[0]) if turned.rotation in (90, 270) else size
    colors = colors_of(track, look)
    if look.crop:
        x, y, wide, high = look.crop
        stream = stream.filter("crop", wide, high, x, y)
    if track.is_hdr and look.colors != "HDR":
        stream = _tone_mapped(stream, track, width, height, look)
    elif look.colors in _FORCED and colors != output_colors(track):
        # What the source leaves out is told first: zscale converts from nothing unknown.
        stream = stream.filter("setparams", range=track.color_range, **output_colors(track))
        stream = stream.filter("zscale", w=width, h=height, filter="lanczos", **_ZSCALE[look.colors])
    else:
        matrix = {} if _keepable_matrix(track) else {"out_color_matrix": "bt709"}
        stream = stream.filter("scale", w=width, h=height, flags="lanczos", out_range="tv", **matrix)
    stream = stream.filter("format", PIXELS[look.depth])
    for direction in {0: (), 90: ("clock",), 180: ("clock", "clock"), 270: ("cclock",)}[turned.rotation]:
        stream = stream.filter("transpose", dir=direction)
    # The container's rotation is done now, and must not be written into the outputs to be done again.
    forgotten = ["DISPLAYMATRIX"]
    if track.is_hdr:  # what each frame says of itself was said of the frame as it was; hdr.py tells what still holds
        forgotten += ["DYNAMIC_HDR_PLUS", "DOVI_METADATA", "DOVI_RPU_BUFFER"]
        forgotten += ["MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"]
    for kind in forgotten:
        stream = stream.filter("sidedata", mode="delete", type=kind)
    return stream.filter("setparams", range="tv", **colors)


def _tone_mapped(stream: Any, track: VideoTrack, width: int, height: int, look: Look) -> Any:
    """HDR to SDR: scaled first, as the work is in floating point; then linear light, BT.709's primaries, a soft curve.

    The curve bends highlights alone (mobius) and takes their colour out as they clip (desat): without that, the white
    sky of a phone's HLG film comes out yellow. 203 cd/m2 is BT.2408's level for white paper.
    """
    source = {"pin": track.color_primaries, "min": track.color_matrix, "tin": track.color_transfer}
    known = {key: value for key, value in source.items() if value != "unknown"}
    stream = stream.filter("zscale", w=width, h=height, filter="lanczos", t="linear", npl=203, **known)
    stream = stream.filter("format", "gbrpf32le").filter("zscale", p="bt709")
    stream = stream.filter("tonemap", tonemap="mobius", desat=2)
    return stream.filter("zscale", dither="ordered", **_ZSCALE[look.colors])


BT709 = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
BT601 = {"color_primaries": "smpte170m", "color_trc": "smpte170m", "colorspace": "smpte170m"}
_FORCED = {"BT709": BT709, "BT601": BT601}
_ZSCALE = {
    "BT709": {"p": "bt709", "t": "bt709", "m": "bt709", "r": "tv"},
    "BT601": {"p": "smpte170m", "t": "smpte170m", "m": "smpte170m", "r": "tv"},
}
PIXELS = {8: "yuv420p", 10: "yuv420p10le"}
_GAMMAS_LIKE_BT709 = ("unknown", "iec61966-2-4", "bt1361e", "bt2020-10", "bt2020-12")


def _keepable_matrix(track: VideoTrack) -> bool:
    return track.color_matrix in ("bt709", "smpte170m", "bt470bg", "smpte240m", "fcc", "bt2020nc", "unknown")


def colors_of(track: VideoTrack, look: Look) -> dict[str, str]:
    """How an output of this look describes its colours."""
    if look.colors == "HDR":
        primaries = track.color_primaries if track.color_primaries not in ("unknown", "reserved") else "bt2020"
        matrix = track.color_matrix if track.color_matrix != "unknown" else "bt2020nc"
        return {"color_primaries": primaries, "color_trc": track.color_transfer, "colorspace": matrix}
    return _FORCED.get(look.colors) or output_colors(track)


def output_colors(track: VideoTrack) -> dict[str, str]:
    """How the output describes its colours. What the source leaves out is what a television of its size assumes."""
    if track.is_hdr or not _keepable_matrix(track):
        return BT709
    if track.height >= 720 or track.width >= 1280:
        guess = "bt709"
    else:
        guess = "bt470bg" if track.height in (288, 576) else "smpte170m"
    transfers = {"gamma22": "bt470m", "gamma28": "bt470bg"} | dict.fromkeys(_GAMMAS_LIKE_BT709, "bt709")
    return {
        "color_primaries": guess if track.color_primaries in ("unknown", "reserved") else track.color_primaries,
        "color_trc": transfers.get(track.color_transfer, track.color_transfer),
        "colorspace": guess if track.color_matrix == "unknown" else track.color_matrix,
    }


# --- the ends --------------------------------------------------------------------------------------------------------


def _encoded(stream: Any, encode: VideoEncode, rate: Fraction) -> Any:
    if encode.frame_rate != rate:
        stream = stream.filter("fps", fps=_ratio(encode.frame_rate))
    stream = _framed(stream, encode.picture).filter("setsar", "1")
    fixed = {"f": "mp4", "fps_mode": "passthrough", "write_tmcd": 0}
    return graph.output(stream, encode.file, **fixed, **encoders.CLEAN, **encode.options)


def _captured(stream: Any, capture: Capture, size: tuple[int, int]) -> Any:
    every = float(capture.every_seconds)
    # The first frame, then the first at or after every multiple; prev_t is not a number at the first.
    stream = stream.filter("select", f"isnan(prev_t)+gt(floor(t/{every:.12g}+1e-6),floor(prev_t/{every:.12g}+1e-6))")
    stream = _still(stream, capture.picture, size)
    return graph.output(
        stream, f"{capture.file}.%07d.jpg", f="image2", start_number=0, fps_mode="passthrough", map_metadata=-1,
        **{"c:v": "mjpeg", "q:v": encoders.jpeg_quality(capture.quality), "frames:v": capture.at_most},
    )  # fmt: skip


def _tiled(stream: Any, tiles: Tiles, size: tuple[int, int], rate: Fraction) -> Any:
    # Counted in frames, which are exact, and not in seconds: frame n is the first at or after a multiple of `step`.
    step = tiles.every_seconds * rate
    stream = stream.filter("select", f"lt(mod(n*{step.denominator},{step.numerator}),{step.denominator})")
    stream = _still(stream, tiles.picture, size)
    stream = stream.filter("tile", f"{tiles.columns}x{tiles.rows}")
    return graph.output(
        stream, f"{tiles.file}_%09d.jpg", f="image2", start_number=1, fps_mode="passthrough", map_metadata=-1,
        **{"c:v": "mjpeg", "q:v": encoders.jpeg_quality(80)},
    )  # fmt: skip


def _still(stream: Any, picture: Picture, size: tuple[int, int]) -> Any:
    if size != picture.inner:
        stream = _scaled(stream, picture.inner)
    stream = _framed(stream, picture).filter("setsar", "1")
    # JPEG knows no other matrix than BT.601's, in full range.
    return stream.filter("scale", out_range="pc", out_color_matrix="bt601").filter("format", "yuvj420p")


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
