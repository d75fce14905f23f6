"""Package HLS in MPEG-2 transport streams: an HLS output group, cut from the same encodes as every other group.

In: the fragmented MP4s of the group's pictures and sounds, finished. Out: segments (`<name>_00001.ts`, packed audio
`<name>_00001.aac`), media playlists, playlists of I-frames with byte ranges, and the multivariant playlist, by
MediaConvert's names; `outputGroupDetails`. What can go wrong: `SegmentsBroken` when the muxer did not cut where the
pictures were to be cut.

ffmpeg's segment muxer copies the pictures (one context for all segments, so that continuity counters go on over their
edges); sound alone is packed here, as ADTS behind the timestamp that RFC 8216 asks for. The clock begins at two
seconds, MediaConvert's default, which leaves room for the priming and for B-frames before it.
"""

from __future__ import annotations

import array
import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert import cmaf, extras, manifests, remux
from pipeline.local.mediaconvert.cmaf import IFrame, Segment, Track
from pipeline.local.mediaconvert.planned import HlsGroup, TsRendition
from pipeline.local.mediaconvert.transfer import Uploader

PACKET = 188
VIDEO_PID = 0x100  # as ffmpeg numbers them
CLOCK = 90_000
AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


class SegmentsBroken(Exception):
    """What was cut is not what was planned; a mistake here is ours."""


# --- pictures --------------------------------------------------------------------------------------------------------


def arguments(rendition: TsRendition, group: HlsGroup, seconds: Fraction, work: Path) -> list[str]:
    """Of the command that copies a picture and its sounds into segments."""
    video = rendition.video
    words = remux.inputs(video.file, rendition.sounds, work)
    # A frame's half before the time: it may fall on a keyframe's very start or, where those are forced, just after.
    length = (
        group.gops_per_segment * video.gop_frames / video.frame_rate
        if group.gops_per_segment
        else group.segment_seconds
    )
    cut = {
        "segment_format": "mpegts",
        "segment_time": f"{float(length):.6f}",
        "segment_time_delta": f"{float(1 / video.frame_rate / 2):.6f}",
        "segment_start_number": 1,
        "individual_header_trailer": 0,
        "initial_offset": rendition.pts_offset_ms / 1000,
        "avoid_negative_ts": "disabled",
        "muxdelay": 0,  # its default moves the clock by 1.4 seconds
    }
    words += ["-c", "copy", "-map_metadata", "-1", "-t", f"{float(seconds):.6f}", "-f", "segment"]
    for number, sound in enumerate(rendition.sounds):
        words += [f"-metadata:s:a:{number}", f"language={sound.language}"]
    for name, value in (cut | _numbers(rendition)).items():
        words += [f"-{name}", str(value)]
    for number, pid in enumerate(pids(rendition)):
        words += ["-streamid", f"{number}:{pid}"]
    return [*words, f"{stem(group, rendition)}_%05d.ts"]


def pids(rendition: TsRendition) -> list[int]:
    """Of the picture, then of every sound."""
    video = rendition.muxer.get("VideoPid", VIDEO_PID)
    given = rendition.muxer.get("AudioPids", [])
    return [video, *(given[n] if n < len(given) else video + 1 + n for n in range(len(rendition.sounds)))]


def _numbers(rendition: TsRendition) -> dict[str, str]:
    names = {
        "PmtPid": "mpegts_pmt_start_pid",
        "ProgramNumber": "mpegts_service_id",
        "TransportStreamId": "mpegts_transport_stream_id",
    }
    given = [f"{names[name]}={value}" for name, value in rendition.muxer.items() if name in names]
    return {"segment_format_options": ":".join(given)} if given else {}


def stem(group: HlsGroup, rendition: TsRendition) -> str:
    return f"ts-{group.index}-{rendition.output}"


def video_track(rendition: TsRendition, group: HlsGroup, work: Path) -> tuple[Track, list[Path]]:
    """The segments that were cut, as a track that manifests can describe, and their files."""
    cutter = cmaf.VideoCutter(work / rendition.video.file, group.gops_per_segment, group.segment_seconds)
    planned = [cut.segment for cut in cutter.finish()]
    paths = sorted(work.glob(f"{stem(group, rendition)}_*.ts"))
    if len(paths) != len(planned):
        raise SegmentsBroken(f"{rendition.name}: {len(paths)} segments were cut for {len(planned)}")
    whole = cutter.track()
    codec = ",".join([whole.codec, *(["mp4a.40.2"] if rendition.sounds else [])])
    segments = tuple(_with_file(one, path, rendition) for one, path in zip(planned, paths, strict=True))
    track = Track("video", whole.timescale, codec, segments, b"", whole.width, whole.height)
    return track, paths


def _with_file(segment: Segment, path: Path, rendition: TsRendition) -> Segment:
    data = path.read_bytes()
    frames: tuple[IFrame, ...] = ()
    if rendition.video.i_frame_playlist:
        ranges = list(i_frames(data, pids(rendition)[0]))
        if len(ranges) != len(segment.i_frames):
            raise SegmentsBroken(f"{path.name}: {len(ranges)} I-frames were found for {len(segment.i_frames)}")
        pairs = zip(ranges, segment.i_frames, strict=True)
        frames = tuple(IFrame(offset, size, planned.duration) for (offset, size), planned in pairs)
    return Segment(segment.number, segment.start, segment.duration, len(data), frames)


def i_frames(data: bytes, pid: int = VIDEO_PID) -> Iterator[tuple[int, int]]:
    """Offset and size of the packets of every keyframe of the picture: from its first to the next frame's.

    The second and third byte of every packet say whether a frame begins in it and whose; a keyframe's first packet has
    the random access flag in its adaptation field. The tables before the first are read as well, for a player that
    begins there has seen none.
    """
    heads, pids = data[1::PACKET], data[2::PACKET]
    first, second = 0x40 | pid >> 8, pid & 255
    starts = [n for n in _positions(heads, first) if pids[n] == second]
    for place, packet in enumerate(starts):
        at = packet * PACKET
        has_field = data[at + 3] & 0x20 and data[at + 4]
        if has_field and data[at + 5] & 0x40:
            begin = 0 if place == 0 else at
            end = starts[place + 1] * PACKET if place + 1 < len(starts) else len(data)
            yield begin, end - begin


def _positions(data: bytes, value: int) -> Iterator[int]:
    at = data.find(value)
    while at >= 0:
        yield at
        at = data.find(value, at + 1)


# --- sound alone -----------------------------------------------------------------------------------------------------


class PackedAudio:
    """AAC packets of a fragmented MP4, as ADTS in segments that end where the picture's do."""

    def __init__(self, path: Path) -> None:
        reader = cmaf.FragmentReader(path)
        self._path, self._sizes, self._offsets = path, array.array("L"), array.array("Q")
        for fragment in reader.advance():
            position = fragment.data_offset
            for size in fragment.sizes:
                self._sizes.append(size)
                self._offsets.append(position)
                position += size
        self.rate = cmaf.media_timescale(reader.moov)
        self.channels = cmaf.audio_channels(reader.moov)

    def segments(self, boundaries: Sequence[Fraction], end: Fraction | None) -> Iterator[tuple[int, int]]:
        """Ranges of packets; the last reaches over `end`."""
        last = len(self._sizes) if end is None else min(len(self._sizes), self._packet_at(end, reach=True))
        edges = [packet for packet in map(self._packet_at, boundaries) if packet < last]
        for begin, until in zip([0, *edges], [*edges, last], strict=True):
            if until > begin:
                yield begin, until

    def _packet_at(self, seconds: Fraction, reach: bool = False) -> int:
        packets = (seconds * self.rate + cmaf.AAC_PRIMING) / 1024
        return -(-packets.numerator // packets.denominator) if reach else round(packets)

    def read(self, begin: int, until: int, pts_offset_ms: int) -> bytes:
        clock = Fraction(begin * 1024 - cmaf.AAC_PRIMING, self.rate) + Fraction(pts_offset_ms, 1000)
        parts = [timestamp(round(clock * CLOCK))]
        with self._path.open("rb") as file:
            for number in range(begin, until):
                file.seek(self._offsets[number])
                parts += [self._header(self._sizes[number]), file.read(self._sizes[number])]
        return b"".join(parts)

    def _header(self, size: int) -> bytes:
        """ADTS without a checksum: AAC-LC, one block."""
        length, channels = size + 7, 7 if self.channels == 8 else self.channels
        bits = 0xFFF1 << 40 | 1 << 38 | AAC_RATES.index(self.rate) << 34 | channels << 30 | length << 13 | 0x7FF << 2
        return bits.to_bytes(7, "big")


def timestamp(clock: int) -> bytes:
    """An ID3 tag with the time of the first sample on the transport stream's clock (RFC 8216, 3.4)."""
    owner = b"com.apple.streaming.transportStreamTimestamp\0"
    frame = owner + struct.pack(">Q", clock % (1 << 33))
    frame = b"PRIV" + struct.pack(">IH", len(frame), 0) + frame
    return b"ID3\x04\0\0" + bytes([0, 0, len(frame) >> 7, len(frame) & 127]) + frame


def audio_track(packed: PackedAudio, ranges: Sequence[tuple[int, int]], sizes: Sequence[int]) -> Track:
    """Segments as they are presented: the priming at the beginning is not."""
    segments = []
    for number, ((begin, until), size) in enumerate(zip(ranges, sizes, strict=True), 1):
        start, end = max(0, begin * 1024 - cmaf.AAC_PRIMING), until * 1024 - cmaf.AAC_PRIMING
        segments.append(Segment(number, start, max(1, end - start), size))
    return Track("audio", packed.rate, "mp4a.40.2", tuple(segments), b"", channels=packed.channels)


# --- playlists -------------------------------------------------------------------------------------------------------


def segment_name(rendition: TsRendition, number: int) -> str:
    return f"{rendition.segment_name}_{number:05d}.{'ts' if rendition.video else 'aac'}"


def extra_name(name: str, track: Track, number: int) -> str:
    """Of captions and images."""
    return f"{name}_{number:05d}.{manifests.EXTENSIONS[track.kind]}"


def media_playlist(rendition: TsRendition, track: Track, target: int, whole_seconds: bool = False) -> str:
    lines = _head(3, target, "#EXT-X-INDEPENDENT-SEGMENTS")
    for segment in track.segments:
        seconds = Fraction(segment.duration, track.timescale)
        shown = max(1, int(seconds + Fraction(1, 2))) if whole_seconds else manifests.decimal(seconds)
        lines.append(f"#EXTINF:{shown},")
        lines.append(manifests.quote(segment_name(rendition, segment.number)))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def i_frame_playlist(rendition: TsRendition, track: Track) -> str:
    frames = [(segment, frame) for segment in track.segments for frame in segment.i_frames]
    longest = max(Fraction(frame.duration, track.timescale) for _, frame in frames)
    lines = _head(4, max(1, int(longest + Fraction(1, 2))), "#EXT-X-I-FRAMES-ONLY")
    for segment, frame in frames:
        lines.append(f"#EXTINF:{manifests.decimal(Fraction(frame.duration, track.timescale))},")
        lines.append(f"#EXT-X-BYTERANGE:{frame.size}@{frame.offset}")
        lines.append(manifests.quote(segment_name(rendition, segment.number)))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _head(version: int, target: int, kind: str) -> list[str]:
    numbers = [f"#EXT-X-VERSION:{version}", f"#EXT-X-TARGETDURATION:{target}", "#EXT-X-MEDIA-SEQUENCE:1"]
    return ["#EXTM3U", *numbers, "#EXT-X-PLAYLIST-TYPE:VOD", kind]


# --- the group -------------------------------------------------------------------------------------------------------


class HlsPackager:
    """One HLS group. `copy` runs ffmpeg on arguments in the working directory and raises when it fails."""

    def __init__(self, group: HlsGroup, work: Path, uploader: Uploader, copy: Callable[[list[str]], None]) -> None:
        self.group, self._work, self._uploader, self._copy = group, work, uploader, copy
        self._tracks: dict[int, Track] = {}
        self._tiles: list[manifests.PackagedTiles] = []
        self._captions: list[manifests.PackagedCaptions] = []

    def finish(self) -> None:
        """Cut and send everything; nothing when nothing was encoded."""
        pictures = [rendition for rendition in self.group.renditions if rendition.video]
        for rendition in pictures:
            seconds = remux.length(self._work / rendition.video.file)
            if seconds:
                self._finish_video(rendition, seconds)
        boundaries, end = self._boundaries(pictures)
        for rendition in self.group.renditions:
            if rendition.video is None:
                self._finish_audio(rendition, boundaries, end)
        if self._tracks:
            self._package_extras()

    def _package_extras(self) -> None:
        pictures = [rendition for rendition in self.group.renditions if rendition.video]
        first = (pictures or self.group.renditions)[0]
        beside = self._tracks[first.output]
        if self.group.caption_seconds:
            beside = extras.even_track(beside, self.group.caption_seconds)
        for rendition in self.group.captions:
            packaged = extras.packaged_captions(
                rendition, beside, self._work, self._send, extra_name, clock_ms=first.pts_offset_ms
            )
            self._captions.append(packaged)
            self._tracks[rendition.output] = packaged.track
        for tiles in self.group.tiles:
            fastest = max(pictures, key=lambda rendition: rendition.video.frame_rate)
            track = self._tracks[fastest.output]
            self._tiles.append(extras.packaged_tiles(tiles, track, self._work, self._send_file, extra_name))

    @property
    def seconds(self) -> Fraction:
        kinds = {track.kind for track in self._tracks.values()}
        kind = "video" if "video" in kinds else "audio"
        tracks = [track for track in self._tracks.values() if track.kind == kind]
        return max((track.duration for track in tracks), default=Fraction(0))

    def _finish_video(self, rendition: TsRendition, seconds: Fraction) -> None:
        self._copy(arguments(rendition, self.group, seconds, self._work))
        track, paths = video_track(rendition, self.group, self._work)
        self._tracks[rendition.output] = track
        for segment, path in zip(track.segments, paths, strict=True):
            self._uploader.submit_file(self.group.bucket, self._key(segment_name(rendition, segment.number)), path)

    def _finish_audio(self, rendition: TsRendition, boundaries: list[Fraction], end: Fraction | None) -> None:
        packed = PackedAudio(self._work / rendition.audio.file)
        ranges = list(packed.segments(boundaries, end))
        sizes = []
        for number, (begin, until) in enumerate(ranges, 1):
            data = packed.read(begin, until, rendition.pts_offset_ms)
            sizes.append(len(data))
            self._send(segment_name(rendition, number), data)
        self._tracks[rendition.output] = audio_track(packed, ranges, sizes)

    def _boundaries(self, pictures: list[TsRendition]) -> tuple[list[Fraction], Fraction | None]:
        """Where sound is cut: with the picture, or every SegmentLength up to its own end."""
        tracks = [self._tracks[rendition.output] for rendition in pictures if rendition.output in self._tracks]
        if tracks:
            ends = [Fraction(s.start + s.duration, tracks[0].timescale) for s in tracks[0].segments]
            return ends[:-1], ends[-1]
        longest = max(
            (remux.length(self._work / one.audio.file, cmaf.AAC_PRIMING) for one in self.group.renditions if one.audio),
            default=Fraction(0),
        )
        seconds = self.group.segment_seconds
        return [number * seconds for number in range(1, int(longest / seconds) + 1)], None

    def upload_manifests(self) -> None:
        if not self.group.playlists:
            return
        self._uploader.finish()  # a playlist must never name what is not there yet
        timed = [self._tracks[rendition.output] for rendition in self.group.renditions]
        target = manifests.target_duration(timed)
        video, audio = [], []
        for rendition in self.group.renditions:
            track = self._tracks[rendition.output]
            text = media_playlist(rendition, track, target, self.group.whole_seconds)
            self._send(f"{rendition.name}.m3u8", text.encode())
            if rendition.video:
                video.append(manifests.PackagedVideo(rendition.video, track))
                if rendition.video.i_frame_playlist:
                    text = i_frame_playlist(rendition, track)
                    self._send(manifests.i_frame_playlist_name(rendition.name), text.encode())
            else:
                audio.append(manifests.PackagedAudio(rendition.audio, track))
        for item in self._captions:
            text = manifests.caption_playlist(item, manifests.target_duration([item.track]), extra_name)
            self._send(f"{item.rendition.name}.m3u8", text.encode())
        for item in self._tiles:
            self._send(f"{item.rendition.name}.m3u8", manifests.image_playlist(item, extra_name).encode())
        self._uploader.finish()
        text = manifests.multivariant_playlist(video, audio, target, self._tiles, self._captions)
        self._send(f"{self.group.base}.m3u8", text.encode())

    def details(self) -> dict[str, Any]:
        folder = f"s3://{self.group.bucket}/{self.group.prefix}"
        found: dict[str, Any] = {"type": "HLS_GROUP"}
        if self.group.playlists:
            found["playlistFilePaths"] = [f"{folder}{self.group.base}.m3u8"]
        names = {rendition.output: rendition.name for rendition in (*self.group.renditions, *self.group.captions)}
        found["outputDetails"] = [
            {"outputFilePaths": [f"{folder}{names[output]}.m3u8"]} | manifests.output_detail(self._tracks[output])
            for output in sorted(self._tracks)
        ]
        return found

    def _key(self, name: str) -> str:
        return self.group.prefix + name

    def _send_file(self, name: str, path: Path) -> None:
        self._uploader.submit_file(self.group.bucket, self._key(name), path)

    def _send(self, name: str, data: bytes) -> None:
        self._uploader.submit(self.group.bucket, self._key(name), lambda: data)
