"""Probe a file: what is in it, for the planner (`SourceFacts`) and in the words of MediaConvert's Probe operation.

In: a local file, and the URL its owner knows it by. Out: `read_facts` gives the facts as plain values; `probe_file`
gives one ProbeResult in the API's PascalCase. What can go wrong: `ProbeRefused` with MediaConvert's numeric code and a
message in MediaConvert's words: 1010 not a film (or a playlist posing as one, or one beyond every bound), 1030 a
picture in a codec MediaConvert does not take or encrypted, 1075 a broken structure (no whole moov box), 1522 when
reading it took too long.

ffprobe reads the headers and decodes the first frames, because HDR10 metadata, closed captions and interlacing are
often in the frames alone. `parse` is pure: ffprobe's JSON in, facts out.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert import extent, ffmpeg, moov

FRAMES_LOOKED_AT = 24
# Headers may say anything. MediaConvert documents no such limits for inputs; these are beyond every real film.
MAX_SECONDS = 24 * 3600
MAX_FRAME_RATE = 1000
MAX_EDITS = 10_000
MAX_ASPECT = 16  # of a sample; a header that says more is not believed
HDR_TRANSFERS = ("smpte2084", "arib-std-b67")

# The rates films are made in. A header's average is snapped to one of these when it is within a part in 500 of it.
STANDARD_RATES = tuple(
    Fraction(rate)
    for rate in (
        "24000/1001", "24", "25", "30000/1001", "30", "48000/1001", "48", "50", "60000/1001", "60", "10", "12",
        "15000/1001", "15", "100", "120000/1001", "120",
    )
)  # fmt: skip


class ProbeRefused(Exception):
    """The file cannot be read as a film; `code` is MediaConvert's, `message` its words."""

    def __init__(self, code: int, message: str, detail: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.detail = code, message, detail


@dataclasses.dataclass(frozen=True)
class VideoTrack:
    index: int
    codec: str  # ffmpeg's name
    width: int
    height: int
    frame_rate: Fraction | None
    sample_aspect: Fraction
    rotation: int  # clockwise, as the container asks for it; 0, 90, 180 or 270
    pixel_format: str
    bit_depth: int
    color_range: str
    color_primaries: str
    color_transfer: str
    color_matrix: str
    interlaced: bool
    start: float | None
    duration: float | None
    closed_captions: bool
    raw: dict[str, Any] = dataclasses.field(repr=False, compare=False)

    @property
    def is_hdr(self) -> bool:
        return self.color_transfer in HDR_TRANSFERS

    @property
    def display_size(self) -> tuple[Fraction, Fraction]:
        """Width and height as a viewer sees them: square pixels, turned the right way up."""
        width, height = Fraction(self.width) * self.sample_aspect, Fraction(self.height)
        return (height, width) if self.rotation in (90, 270) else (width, height)


@dataclasses.dataclass(frozen=True)
class AudioTrack:
    index: int
    codec: str
    channels: int
    layout: str
    sample_rate: int
    language: str | None  # ISO 639-2, lower case
    start: float | None
    duration: float | None
    raw: dict[str, Any] = dataclasses.field(repr=False, compare=False)


@dataclasses.dataclass(frozen=True)
class SourceFacts:
    format: str
    duration: float | None
    start: float
    size: int
    missing_bytes: int
    video: tuple[VideoTrack, ...]
    audio: tuple[AudioTrack, ...]
    others: tuple[dict[str, Any], ...]
    raw_format: dict[str, Any] = dataclasses.field(repr=False, compare=False)
    programs: tuple[dict[str, Any], ...] = dataclasses.field(repr=False, compare=False, default=())


# --- reading ---------------------------------------------------------------------------------------------------------


def probe_file(path: Path, url: str) -> dict[str, Any]:
    """One ProbeResult. The caller adds what S3 knows: Metadata's ETag, LastModified and MimeType."""
    return probe_result(read_facts(path, url))


@dataclasses.dataclass(frozen=True)
class Look:
    """The facts, and how ffprobe came by them: what it complained of, and where the packets it read begin and end."""

    facts: SourceFacts
    errors: tuple[str, ...]
    packets: tuple[tuple[int, int], ...]


def read_facts(path: Path, url: str) -> SourceFacts:
    return look(path, url).facts


def look(path: Path, url: str) -> Look:
    size = path.stat().st_size
    if size == 0:
        raise ProbeRefused(1010, _unopened(url, "The file is empty"))
    _check_index(path, url)
    show = ["-show_format", "-show_streams", "-show_programs", "-read_intervals", f"%+#{FRAMES_LOOKED_AT}"]
    entries = "packet=pos,size:frame=stream_index,interlaced_frame,top_field_first:frame_side_data"
    answer = ffmpeg.probe(
        ["-of", "json", *show, "-show_entries", entries, f"file:{path.name}"],
        cwd=path.parent,
    )
    if answer.out_of_time:
        raise ProbeRefused(1522, _unopened(url, "Reading its headers took too long"), "\n".join(answer.errors))
    if len(answer.stdout) >= ffmpeg.STDOUT_BYTES:
        raise ProbeRefused(1010, _unopened(url, "Its headers have no end"), "\n".join(answer.errors))
    if answer.returncode < 0:
        message = f"The probe was ended by {answer.signal_name}"
        raise ProbeRefused(1999, _unopened(url, message), "\n".join(answer.errors))
    if answer.returncode > 0:
        raise _refusal(url, path, answer.errors)
    try:
        said = json.loads(answer.stdout.decode(errors="replace"))
        mixed = said.pop("packets_and_frames", [])  # as ffprobe gives them when both are asked for
        said["frames"] = [one for one in mixed if one["type"] == "frame"]
        facts = parse(said, size, extent.missing_bytes(path))
    except (ValueError, KeyError, TypeError, OverflowError) as error:  # a number that is none, a stream with no index
        raise ProbeRefused(1010, _unopened(url, f"Its headers make no sense: {error}")) from error
    facts = _believable(facts)
    _check_bounds(facts, url)
    _check_pictures(facts, url, answer.errors)
    packets = (one for one in mixed if one["type"] == "packet" and one.get("pos", "").isdigit())
    places = tuple((int(one["pos"]), int(one["pos"]) + int(one["size"])) for one in packets)
    return Look(facts, answer.errors, places)


def _check_index(path: Path, url: str) -> None:
    """Refuse an MP4 for what its index says, before ffprobe reads it."""
    place = extent.place_of_index(path)
    if place and place[1] > path.stat().st_size:
        raise ProbeRefused(1075, _unopened(url, "no complete moov box found in file"))
    index = moov.read(path)
    if index and index.encrypted:
        raise ProbeRefused(1030, "Codec [encv] is not a supported input codec: the file is encrypted")
    if index and index.most_edits > MAX_EDITS:
        why = f"A track has {index.most_edits} edits; at most {MAX_EDITS} are taken"
        raise ProbeRefused(1010, _unopened(url, why))


def _believable(facts: SourceFacts) -> SourceFacts:
    """The tracks know better than a container that claims weeks: all ones mean "unknown" in some."""
    known = [track.duration for track in (*facts.video, *facts.audio) if track.duration]
    if known and (facts.duration or 0) > MAX_SECONDS >= max(known):
        return dataclasses.replace(facts, duration=max(known))
    return facts


def _check_bounds(facts: SourceFacts, url: str) -> None:
    """Refuse what would cost more to try than any film is worth, before anything of it is decoded."""
    tracks = len(facts.video) + len(facts.audio) + len(facts.others)
    bounds = [(tracks, ffmpeg.MAX_TRACKS, "tracks"), (facts.duration or 0, MAX_SECONDS, "seconds")]
    for track in facts.video:
        bounds.append((track.width * track.height, ffmpeg.MAX_PIXELS, "pixels in a picture"))
        bounds.append((track.frame_rate or 0, MAX_FRAME_RATE, "frames a second"))
    for track in (*facts.video, *facts.audio):
        bounds.append((track.duration or 0, MAX_SECONDS, "seconds in a track"))
    for found, most, what in bounds:
        if found > most:
            raise ProbeRefused(1010, _unopened(url, f"It has {float(found):.10g} {what}; at most {most} are taken"))


def _check_pictures(facts: SourceFacts, url: str, errors: tuple[str, ...]) -> None:
    """Refuse a picture that the decoder would not make room for."""
    for track in facts.video:
        refused = re.search(r"Picture size (\d+x\d+) is invalid", "\n".join(errors))
        if not track.width and refused:
            why = f"It has pictures of {refused.group(1)}; at most {ffmpeg.MAX_PIXELS} pixels are taken"
            raise ProbeRefused(1010, _unopened(url, why), "\n".join(errors))


def _unopened(url: str, why: str) -> str:
    return f"Unable to open input file [{url}]: [Failed probe/open: [{why}]]"


def _refusal(url: str, path: Path, errors: tuple[str, ...]) -> ProbeRefused:
    detail = "\n".join(errors)
    head = _head(path)
    if "moov atom not found" in detail and extent.is_mp4(head):  # ffprobe says so of any rubbish named .mp4
        return ProbeRefused(1075, _unopened(url, "no moov box found in file"), detail)
    if "exceeds max_streams" in detail:
        return ProbeRefused(1010, _unopened(url, f"It has more than {ffmpeg.MAX_TRACKS} tracks"), detail)
    unknown = re.search(r"Codec \((\w+)\) not on whitelist", detail)
    if unknown:
        return ProbeRefused(1030, f"Video codec [{unknown.group(1)}] is not a supported input video codec", detail)
    if _is_playlist(head):
        return ProbeRefused(1010, _unopened(url, "The file is a playlist, not a film"), detail)
    return ProbeRefused(1010, _unopened(url, "No parser found for container"), detail)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _is_playlist(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD"))


# --- ffprobe's JSON to facts -----------------------------------------------------------------------------------------


def parse(answer: dict[str, Any], size: int, missing_bytes: int = 0) -> SourceFacts:
    streams, container = answer.get("streams", []), answer.get("format", {})
    frames: dict[int, list[dict[str, Any]]] = {}
    for frame in answer.get("frames", []):
        frames.setdefault(frame.get("stream_index", -1), []).append(frame)
    pictures = [s for s in streams if s.get("codec_type") == "video" and not _is_still(s)]
    sounds = [s for s in streams if s.get("codec_type") == "audio"]
    return SourceFacts(
        format=container.get("format_name", ""),
        duration=_length(container.get("duration")),
        start=_seconds(container.get("start_time")) or 0.0,
        size=size,
        missing_bytes=missing_bytes,
        video=tuple(_video(stream, frames.get(stream["index"], [])) for stream in pictures),
        audio=tuple(_audio(stream) for stream in sounds),
        others=tuple(s for s in streams if s not in pictures and s not in sounds and not _is_still(s)),
        raw_format=container,
        programs=tuple(answer.get("programs", [])),
    )


def _is_still(stream: dict[str, Any]) -> bool:
    """Cover art and chapter pictures are streams of type video too, but nobody calls them a film."""
    disposition = stream.get("disposition", {})
    return any(disposition.get(name) for name in ("attached_pic", "timed_thumbnails", "still_image"))


def _video(stream: dict[str, Any], frames: list[dict[str, Any]]) -> VideoTrack:
    side_data = [*stream.get("side_data_list", []), *(d for frame in frames for d in frame.get("side_data_list", []))]
    pixel_format = stream.get("pix_fmt", "")
    return VideoTrack(
        index=stream["index"],
        codec=stream.get("codec_name", "unknown"),
        width=int(stream.get("width", 0)),
        height=int(stream.get("height", 0)),
        frame_rate=_frame_rate(stream),
        sample_aspect=_sample_aspect(stream),
        rotation=_rotation(stream.get("side_data_list", [])),
        pixel_format=pixel_format,
        bit_depth=_bit_depth(stream, pixel_format),
        color_range="pc" if stream.get("color_range") == "pc" or pixel_format.startswith("yuvj") else "tv",
        color_primaries=stream.get("color_primaries", "unknown"),
        color_transfer=stream.get("color_transfer", "unknown"),
        color_matrix=stream.get("color_space", "unknown"),
        interlaced=_interlaced(stream, frames),
        start=_seconds(stream.get("start_time")),
        duration=_length(stream.get("duration")) or _tagged_duration(stream),
        closed_captions=any("Closed Captions" in d.get("side_data_type", "") for d in side_data),
        raw={**stream, "side_data_list": side_data, "frames": frames},
    )


def _audio(stream: dict[str, Any]) -> AudioTrack:
    language = stream.get("tags", {}).get("language", "").lower()
    return AudioTrack(
        index=stream["index"],
        codec=stream.get("codec_name", "unknown"),
        channels=int(stream.get("channels", 0)),
        layout=stream.get("channel_layout", ""),
        sample_rate=int(stream.get("sample_rate", 0)),
        language=language if re.fullmatch("[a-z]{3}", language) and language != "und" else None,
        start=_seconds(stream.get("start_time")),
        duration=_length(stream.get("duration")) or _tagged_duration(stream),
        raw=stream,
    )


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:  # "N/A"
        return None
    return value if value is not None and math.isfinite(value) else None


def _length(text: str | None) -> float | None:
    """Nothing lasts less than nothing, whatever its header says."""
    value = _seconds(text)
    return value if value is None or value >= 0 else None


def _tagged_duration(stream: dict[str, Any]) -> float | None:
    """Matroska keeps a track's duration in a tag, "00:00:30.003000000"; the streams themselves say N/A."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.get("tags", {}).get("DURATION", ""))
    if not found:
        return None
    return int(found.group(1)) * 3600 + int(found.group(2)) * 60 + float(found.group(3))


def _ratio(text: str | None) -> Fraction | None:
    found = re.fullmatch(r"(\d+)[:/](\d+)", text or "")
    if not found or int(found.group(1)) == 0 or int(found.group(2)) == 0:
        return None
    return Fraction(int(found.group(1)), int(found.group(2)))


def _sample_aspect(stream: dict[str, Any]) -> Fraction:
    found = _ratio(stream.get("sample_aspect_ratio"))
    return found if found and Fraction(1, MAX_ASPECT) <= found <= MAX_ASPECT else Fraction(1)


def _frame_rate(stream: dict[str, Any]) -> Fraction | None:
    """The average, snapped to a standard rate. r_frame_rate guesses at a common tick: 57600 for a screen film."""
    nominal, average = _ratio(stream.get("r_frame_rate")), _ratio(stream.get("avg_frame_rate"))
    rate = average or (nominal if nominal and nominal <= 120 else None)
    if rate is None:
        return None
    # An edit list or a dropped frame moves the average a little; when the common tick is a real rate, it is the truth.
    if nominal in STANDARD_RATES and abs(nominal - rate) <= nominal / 12:
        return nominal
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= nearest / 500:
        return nearest
    return rate.limit_denominator(1001)


def _rotation(side_data: list[dict[str, Any]]) -> int:
    for entry in side_data:
        if entry.get("side_data_type") == "Display Matrix":
            return clockwise_rotation(float(entry.get("rotation", 0)), entry.get("displaymatrix", ""))
    return 0


def clockwise_rotation(counter_clockwise: float, matrix: str) -> int:
    """ffprobe counts against the clock, MediaConvert with it. A degree off a right angle is let pass, a mirror not."""
    if not math.isfinite(counter_clockwise):  # a matrix that makes a point of the picture has no angle
        return 0
    cells = [int(cell) for line in matrix.strip().splitlines() for cell in line.partition(":")[2].split()]
    if len(cells) == 9 and cells[0] * cells[4] - cells[1] * cells[3] < 0:
        return 0
    clockwise = -counter_clockwise % 360
    nearest = round(clockwise / 90) * 90
    return nearest % 360 if abs(clockwise - nearest) <= 1 else 0


def _bit_depth(stream: dict[str, Any], pixel_format: str) -> int:
    named = stream.get("bits_per_raw_sample", "0")
    if named.isdigit() and int(named):
        return int(named)
    found = re.search(r"p(9|10|12|14|16)(?:le|be)?$", pixel_format)
    return int(found.group(1)) if found else 8


def _interlaced(stream: dict[str, Any], frames: list[dict[str, Any]]) -> bool:
    if any(frame.get("interlaced_frame") for frame in frames):
        return True
    return stream.get("field_order") in ("tt", "bb", "tb", "bt")


# --- facts to MediaConvert's words -----------------------------------------------------------------------------------

VIDEO_CODECS = {
    "av1": "AV1", "h264": "AVC", "dvvideo": "DV", "h263": "H263", "hevc": "HEVC", "jpeg2000": "JPEG2000",
    "mjpeg": "MJPEG", "mpeg1video": "MPEG1", "mpeg4": "MP4V", "mpeg2video": "MPEG2", "prores": "PRORES",
    "qtrle": "QTRLE", "theora": "THEORA", "rawvideo": "UNCOMPRESSED", "v210": "UNCOMPRESSED", "vc1": "VC1",
    "wmv3": "VC1", "dnxhd": "VC3", "vp8": "VP8", "vp9": "VP9",
}  # fmt: skip
AUDIO_CODECS = {
    "aac": "AAC", "aac_latm": "AAC", "ac3": "AC3", "amr_nb": "AMR", "amr_wb": "AMR", "eac3": "EAC3", "flac": "FLAC",
    "mp2": "MP2", "mp3": "MP3", "opus": "OPUS", "vorbis": "VORBIS", "wmav1": "WMA", "wmav2": "WMA2",
    "wmapro": "WMAPRO", "s302m": "PCM",
}  # fmt: skip
DATA_CODECS = {"eia_608": "C608", "webvtt": "WEBVTT"}

PRIMARIES = {
    "bt709": "ITU_709", "bt470m": "ITU_470M", "bt470bg": "ITU_470BG", "smpte170m": "SMPTE_170M",
    "smpte240m": "SMPTE_240M", "film": "GENERIC_FILM", "bt2020": "ITU_2020", "smpte428": "SMPTE_428_1",
    "smpte431": "SMPTE_431_2", "smpte432": "SMPTE_EG_432_1", "ebu3213": "EBU_3213_E",
}  # fmt: skip
TRANSFERS = {
    "bt709": "ITU_709", "gamma22": "ITU_470M", "bt470m": "ITU_470M", "gamma28": "ITU_470BG", "bt470bg": "ITU_470BG",
    "smpte170m": "SMPTE_170M", "smpte240m": "SMPTE_240M", "linear": "LINEAR", "log100": "LOG10_2",
    "log316": "LOC10_2_5", "iec61966-2-4": "IEC_61966_2_4", "bt1361e": "ITU_1361", "iec61966-2-1": "IEC_61966_2_1",
    "bt2020-10": "ITU_2020_10bit", "bt2020-12": "ITU_2020_12bit", "smpte2084": "SMPTE_2084",
    "smpte428": "SMPTE_428_1", "arib-std-b67": "ARIB_B67",
}  # fmt: skip
MATRICES = {
    "gbr": "RGB", "bt709": "ITU_709", "fcc": "FCC", "bt470bg": "ITU_470BG", "smpte170m": "SMPTE_170M",
    "smpte240m": "SMPTE_240M", "ycgco": "YCgCo", "bt2020nc": "ITU_2020_NCL", "bt2020c": "ITU_2020_CL",
    "smpte2085": "SMPTE_2085", "chroma-derived-nc": "CD_NCL", "chroma-derived-c": "CD_CL", "ictcp": "ITU_2100ICtCp",
}  # fmt: skip


def video_codec(name: str) -> str:
    return VIDEO_CODECS.get(name, "UNKNOWN")


def audio_codec(name: str) -> str:
    return "PCM" if name.startswith("pcm_") else AUDIO_CODECS.get(name, "UNKNOWN")


def probe_result(facts: SourceFacts) -> dict[str, Any]:
    tracks = sorted(
        [*map(_video_entry, facts.video), *map(_audio_entry, facts.audio), *_data_entries(facts)],
        key=lambda track: track["Index"],
    )
    container = {
        "Format": container_format(facts),
        "Duration": facts.duration,
        "BitRate": round(facts.size * 8 / facts.duration) if facts.duration else None,
        "StartTimecode": _timecode(facts),
        "Tracks": tracks,
    }
    return _without_none(
        {"Container": container, "Metadata": {"FileSize": facts.size}, "TrackMappings": _mappings(facts, tracks)}
    )


def container_format(facts: SourceFacts) -> str | None:
    """MediaConvert tells MP4 from QuickTime and 3GP, WebM from Matroska; ffmpeg has one demuxer for each family."""
    brand = facts.raw_format.get("tags", {}).get("major_brand", "").strip()
    if facts.format.startswith("mov,"):
        return {"qt": "quicktime", "3g2a": "three_g2", "3g2b": "three_g2"}.get(
            brand, "three_gp" if brand.startswith("3gp") else "mp4"
        )
    if facts.format.startswith("matroska"):
        return "webm" if _only_webm(facts) else "matroska"
    names = {
        "mpegts": "mpegts",
        "mpeg": "mpegps",
        "wav": "wave",
        "avi": "avi",
        "mxf": "mxf",
        "mp3": "mp3",
        "flac": "flac",
    }
    names |= {"asf": "asf", "ogg": "ogg", "aac": "aac", "ac3": "ac3", "eac3": "eac3"}
    return names.get(facts.format)


def _only_webm(facts: SourceFacts) -> bool:
    codecs = {track.codec for track in (*facts.video, *facts.audio)}
    return bool(codecs) and codecs <= {"vp8", "vp9", "av1", "opus", "vorbis"}


def _timecode(facts: SourceFacts) -> str | None:
    for track in (*(video.raw for video in facts.video), *facts.others, facts.raw_format):
        if "timecode" in track.get("tags", {}):
            return track["tags"]["timecode"]
    return None


def _video_entry(track: VideoTrack) -> dict[str, Any]:
    color = {
        "ColorPrimaries": PRIMARIES.get(track.color_primaries, "UNSPECIFIED"),
        "TransferCharacteristics": TRANSFERS.get(track.color_transfer, "UNSPECIFIED"),
        "MatrixCoefficients": MATRICES.get(track.color_matrix, "UNSPECIFIED"),
    }
    aspect = {
        "SampleAspectRatio": _aspect(track.sample_aspect),
        "DisplayAspectRatio": _aspect(Fraction(track.width, track.height) * track.sample_aspect)
        if track.height
        else None,
    }
    size = {"Width": track.width, "Height": track.height, "BitDepth": track.bit_depth}
    properties = {
        **size, **color, **aspect,
        "FrameRate": _rate(track.frame_rate),
        "BitRate": _integer(track.raw.get("bit_rate")),
        "Rotation": track.rotation or None,
        "HdrMetadata": _hdr(track),
        "CodecMetadata": {**size, **color, **aspect, **_codec_metadata(track)},
    }  # fmt: skip
    return {
        "Index": track.index + 1,
        "TrackType": "video",
        "Codec": video_codec(track.codec),
        "Duration": track.duration,
        "VideoProperties": properties,
    }


def _codec_metadata(track: VideoTrack) -> dict[str, Any]:
    first = next((frame for frame in track.raw["frames"] if frame.get("interlaced_frame")), {})
    order = {1: "TopFieldFirst", 0: "BottomFieldFirst"}.get(first.get("top_field_first")) if first else None
    order = order or {
        "tt": "TopFieldFirst",
        "tb": "TopFieldFirst",
        "bb": "BottomFieldFirst",
        "bt": "BottomFieldFirst",
    }.get(track.raw.get("field_order", ""))
    kinds = {d.get("side_data_type", "") for d in track.raw["side_data_list"]}
    return {
        "Profile": track.raw.get("profile"),
        "Level": _level(track),
        "ChromaSubsampling": _chroma(track.pixel_format),
        "CodedFrameRate": _rate(_ratio(track.raw.get("r_frame_rate")) if track.frame_rate else None),
        "ScanType": "Interlaced" if track.interlaced else "Progressive",
        "FieldOrder": order if track.interlaced else None,
        "ContentLightLevel": _light_level(track),
        "DolbyVision": _dolby_vision(track),
        "Hdr10PlusPresence": "PRESENT" if any("2094-40" in kind for kind in kinds) else None,
    }


def _level(track: VideoTrack) -> str | None:
    level = track.raw.get("level", -99)
    if level <= 0:
        return None
    return str(level / {"h264": 10, "hevc": 30}[track.codec]) if track.codec in ("h264", "hevc") else str(level)


def _chroma(pixel_format: str) -> str | None:
    found = re.match(r"yuv[aj]?(4\d\d)p", pixel_format)
    if found:
        return ":".join(found.group(1))
    return (
        "4:2:0"
        if pixel_format.startswith(("nv12", "p010"))
        else "4:4:4"
        if pixel_format.startswith(("gbr", "rgb", "bgr"))
        else None
    )


def _side_data(track: VideoTrack, kind: str) -> dict[str, Any]:
    return next((d for d in track.raw["side_data_list"] if d.get("side_data_type") == kind), {})


def _light_level(track: VideoTrack) -> dict[str, Any] | None:
    light = _side_data(track, "Content light level metadata")
    if not light:
        return None
    return {"MaxContentLightLevel": light.get("max_content"), "MaxFrameAverageLightLevel": light.get("max_average")}


def _hdr(track: VideoTrack) -> dict[str, Any] | None:
    mastering = _side_data(track, "Mastering display metadata")
    names = {"red": "RedPrimary", "green": "GreenPrimary", "blue": "BluePrimary", "white_point": "WhitePoint"}
    volume = {
        f"{name}{axis.upper()}": round(_ratio(mastering.get(f"{color}_{axis}")) * 50_000)
        for color, name in names.items()
        for axis in "xy"
        if _ratio(mastering.get(f"{color}_{axis}"))
    }
    for name, key in (("MaxLuminance", "max_luminance"), ("MinLuminance", "min_luminance")):
        if _ratio(mastering.get(key)):
            volume[name] = round(_ratio(mastering[key]) * 10_000)
    light = _light_level(track)
    return {"MasteringDisplayColorVolume": volume or None, "ContentLightLevel": light} if volume or light else None


def _dolby_vision(track: VideoTrack) -> dict[str, Any] | None:
    found = _side_data(track, "DOVI configuration record")
    if not found:
        return None
    present = {flag: "PRESENT" if found.get(f"{flag}_present_flag") else "ABSENT" for flag in ("bl", "el", "rpu")}
    return {
        "Profile": found.get("dv_profile"),
        "Level": found.get("dv_level"),
        "BaseLayer": present["bl"],
        "EnhancementLayer": present["el"],
        "Rpu": present["rpu"],
    }


def _audio_entry(track: AudioTrack) -> dict[str, Any]:
    bits = track.raw.get("bits_per_raw_sample") or track.raw.get("bits_per_sample") or 0
    return {
        "Index": track.index + 1,
        "TrackType": "audio",
        "Codec": audio_codec(track.codec),
        "Duration": track.duration,
        "AudioProperties": {
            "Channels": track.channels,
            "ChannelLayout": channel_layout(track.channels),
            "SampleRate": track.sample_rate,
            "BitDepth": int(bits) or 16,
            "BitRate": _integer(track.raw.get("bit_rate")),
            "LanguageCode": track.language.upper() if track.language else None,
        },
    }


def channel_layout(channels: int) -> str | None:
    return {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}.get(channels)


def _data_entries(facts: SourceFacts) -> list[dict[str, Any]]:
    entries = []
    for stream in facts.others:
        language = stream.get("tags", {}).get("language", "und")
        entries.append(
            {
                "Index": stream["index"] + 1,
                "TrackType": "data",
                "Codec": DATA_CODECS.get(stream.get("codec_name", ""), "UNKNOWN"),
                "Duration": _length(stream.get("duration")),
                "DataProperties": {
                    "LanguageCode": language.upper()
                    if re.fullmatch("[a-z]{3}", language) and language != "und"
                    else None
                },
            }
        )
    if any(track.closed_captions for track in facts.video):
        # Captions inside the pictures have no stream of their own; they get the next free index.
        index = max([s.index for s in (*facts.video, *facts.audio)] + [s["index"] for s in facts.others]) + 2
        entries.append({"Index": index, "TrackType": "data", "Codec": "C608", "DataProperties": {}})
    return entries


def _mappings(facts: SourceFacts, tracks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One mapping per programme of a transport stream; every other container is one programme."""
    groups = [{s["index"] + 1 for s in program.get("streams", [])} for program in facts.programs] or [
        {t["Index"] for t in tracks}
    ]
    kinds = (("VideoTrackIndexes", "video"), ("AudioTrackIndexes", "audio"), ("DataTrackIndexes", "data"))
    return [
        {name: [t["Index"] for t in tracks if t["TrackType"] == kind and t["Index"] in group] for name, kind in kinds}
        for group in groups
        if group
    ]


def _aspect(ratio: Fraction) -> dict[str, int]:
    return {"Numerator": ratio.numerator, "Denominator": ratio.denominator}


def _rate(rate: Fraction | None) -> dict[str, int] | None:
    return {"Numerator": rate.numerator, "Denominator": rate.denominator} if rate else None


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _without_none(value: Any) -> Any:
    """The API leaves out what it does not know; it never says null for it."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value
