"""Plan a job: MediaConvert's settings and the source's facts become one ffmpeg command and a list of what to package.

In: the job's `Settings` in the API's PascalCase, and `SourceFacts`. Out: an `EnginePlan` of plain values, file names
relative to the job's working directory. Nothing is read, run or written here. What can go wrong: `JobRefused` with
MediaConvert's code: 1020 no picture for a video output, 1021 no sound for an audio output, 1030 a codec we do not
decode, 1040 settings that do not go together.

One command does the whole job, because decoding is paid once then: the picture is decoded, given a constant frame
rate, scaled to the largest rendition and from there down step by step (lanczos; a cascade measured cheaper than
scaling each from the source, and sharper than bicubic), and each x264 writes a fragmented MP4 that cmaf.py cuts into
segments without copying. Audio is encoded once, however many renditions play with it.

The rate control: one QVBR level is two steps of x264's CRF, `crf = 38 - 2 * level`, so that level 8 (MediaConvert's
advice for 720p and 1080p) is CRF 22, 7 is 24, 9 is 20. MaxBitrate is the VBV's rate, and its size two seconds of that.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import ffmpeg as graph

from pipeline.local.mediaconvert import probe
from pipeline.local.mediaconvert.ffmpeg import INPUT_GUARDS, Limits
from pipeline.local.mediaconvert.languages import bcp47, language_name
from pipeline.local.mediaconvert.probe import AudioTrack, SourceFacts, VideoTrack

SOURCE = "source"  # the name every input has in the working directory, so that no user's text reaches the command
PRESETS = {"SINGLE_PASS": "veryfast", "SINGLE_PASS_HQ": "medium"}
PROFILES = {"BASELINE": "baseline", "MAIN": "main", "HIGH": "high"}
SOUND_MARGIN_SECONDS = 2  # silence beyond the expected end; what is too much is cut when the real end is known
UNKNOWN_DURATION_SECONDS = 6 * 3600
RARE_FILTERS = ("zscale", "tonemap")
SILENCE_ADDED = "MediaConvert added at least 100 milliseconds of audio silence to keep audio and video in sync."
SOUND_DROPPED = "MediaConvert dropped at least 100 milliseconds of audio to align audio and video."


class JobRefused(Exception):
    """The job cannot be done with this source; `code` is MediaConvert's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclasses.dataclass(frozen=True)
class Warned:
    code: int
    message: str


@dataclasses.dataclass(frozen=True)
class Picture:
    """Where the source's picture goes in an output's frame: scaled to `inner`, padded or cropped to `frame`."""

    frame: tuple[int, int]
    inner: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class VideoRendition:
    output: int  # its place among the group's outputs
    name: str  # base name and modifier: the name of its playlist
    file: str
    picture: Picture
    frame_rate: Fraction
    gop_frames: int
    max_bitrate: int
    audio_groups: tuple[str, ...]
    i_frame_playlist: bool
    options: Mapping[str, Any] = dataclasses.field(compare=False, repr=False, default_factory=dict)


@dataclasses.dataclass(frozen=True)
class AudioRendition:
    output: int
    name: str
    file: str
    group_id: str
    language: str | None  # BCP 47
    label: str
    default: bool
    autoselect: bool


@dataclasses.dataclass(frozen=True)
class CmafGroup:
    index: int
    bucket: str
    prefix: str  # of the keys, up to and with the last "/"
    base: str
    segment_seconds: Fraction
    gops_per_segment: int | None  # None: segments end where `segment_seconds` says (SegmentLengthControl EXACT)
    video: tuple[VideoRendition, ...]
    audio: tuple[AudioRendition, ...]
    hls: bool
    dash: bool
    minimum_buffer_seconds: int | None
    bandwidth_in_mpd: str | None  # AVERAGE, MAX, or what was measured


@dataclasses.dataclass(frozen=True)
class CaptureGroup:
    index: int
    bucket: str
    prefix: str
    captures: tuple[Capture, ...]


@dataclasses.dataclass(frozen=True)
class Capture:
    output: int
    name: str  # before ".0000000.jpg"
    file: str  # the same in the working directory
    picture: Picture
    every_seconds: Fraction
    at_most: int
    quality: int


@dataclasses.dataclass(frozen=True)
class EnginePlan:
    arguments: tuple[str, ...]
    groups: tuple[CmafGroup | CaptureGroup, ...]
    duration: float | None  # of the picture (of the sound when there is no picture), as the source's headers promise it
    limits: Limits
    filters: frozenset[str]  # those that not every build of ffmpeg has
    warnings: tuple[Warned, ...]


def plan_job(settings: Mapping[str, Any], facts: SourceFacts, cpus: int = 2) -> EnginePlan:
    source = settings["Inputs"][0]
    return _Planner(settings, source, facts, cpus).plan()


class _Planner:
    """Holds what every step needs to see: the settings and the source. All methods are pure."""

    def __init__(self, settings: Mapping[str, Any], source: Mapping[str, Any], facts: SourceFacts, cpus: int) -> None:
        self.settings, self.source, self.facts, self.cpus = settings, source, facts, cpus
        self.url = source.get("FileInput", "")
        self.sounds: dict[tuple[Any, ...], str] = {}  # what is encoded -> the file it goes to
        self.sound_outputs: list[tuple[str, AudioTrack, Mapping[str, Any]]] = []
        self.warnings: list[Warned] = []

    def plan(self) -> EnginePlan:
        groups = tuple(self._group(index, group) for index, group in enumerate(self.settings["OutputGroups"]))
        video = [rendition for group in groups if isinstance(group, CmafGroup) for rendition in group.video]
        captures = [capture for group in groups if isinstance(group, CaptureGroup) for capture in group.captures]
        duration = self._duration(bool(video or captures))
        self._compare_lengths(bool(video))
        outputs = [
            *(self._pictures(video, captures) if video or captures else ()),
            *self._sounds(duration if video else None),
        ]
        job = graph.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]
        arguments = tuple(job.get_args())
        return EnginePlan(
            arguments=arguments,
            groups=groups,
            duration=duration,
            limits=self._limits(duration, video),
            filters=frozenset(name for name in RARE_FILTERS if any(f"]{name}=" in word for word in arguments)),
            warnings=tuple(self.warnings),
        )

    # --- groups and outputs ------------------------------------------------------------------------------------------

    def _group(self, index: int, group: Mapping[str, Any]) -> CmafGroup | CaptureGroup:
        kind = group["OutputGroupSettings"]["Type"]
        if kind == "CMAF_GROUP_SETTINGS":
            return self._cmaf_group(index, group)
        if kind == "FILE_GROUP_SETTINGS":
            return self._capture_group(index, group)
        raise JobRefused(1040, f"OutputGroups[{index}]: {kind} is not an output group the local engine writes")

    def _cmaf_group(self, index: int, group: Mapping[str, Any]) -> CmafGroup:
        settings = group["OutputGroupSettings"]["CmafGroupSettings"]
        bucket, prefix, base = self._destination(settings.get("Destination", ""), index)
        video, audio = [], []
        for number, output in enumerate(group["Outputs"]):
            place = f"OutputGroups[{index}].Outputs[{number}]"
            name = base + output.get("NameModifier", "")
            if "VideoDescription" in output:
                video.append(self._video_rendition(place, index, number, name, output, settings))
            else:
                audio.append(self._audio_rendition(place, number, name, output))
        seconds = Fraction(settings.get("SegmentLength", 10))
        exact = settings.get("SegmentLengthControl", "EXACT") == "EXACT"
        return CmafGroup(
            index=index, bucket=bucket, prefix=prefix, base=base,
            segment_seconds=seconds,
            gops_per_segment=_gops_per_segment(index, video, seconds, exact),
            video=tuple(video), audio=tuple(audio),
            hls=settings.get("WriteHlsManifest", "ENABLED") == "ENABLED",
            dash=settings.get("WriteDashManifest", "ENABLED") == "ENABLED",
            minimum_buffer_seconds=settings.get("MinBufferTime"),
            bandwidth_in_mpd=settings.get("MpdManifestBandwidthType"),
        )  # fmt: skip

    def _capture_group(self, index: int, group: Mapping[str, Any]) -> CaptureGroup:
        bucket, prefix, base = self._destination(
            group["OutputGroupSettings"]["FileGroupSettings"].get("Destination", ""), index
        )
        captures = [
            self._capture(f"OutputGroups[{index}].Outputs[{number}]", index, number, base, output)
            for number, output in enumerate(group["Outputs"])
        ]
        return CaptureGroup(index=index, bucket=bucket, prefix=prefix, captures=tuple(captures))

    def _destination(self, url: str, index: int) -> tuple[str, str, str]:
        """Bucket, key prefix, base name. A destination that ends in "/" takes the input's own name, as in AWS."""
        if not url.startswith("s3://") or "/" not in url[5:]:
            raise JobRefused(1040, f"OutputGroups[{index}]: destination {url!r} is not s3://bucket/prefix/base")
        bucket, _, key = url[5:].partition("/")
        folder, slash, base = key.rpartition("/")
        base = base or urlsplit(self.url).path.rpartition("/")[2].rpartition(".")[0] or "output"
        return bucket, folder + slash, base

    # --- video -------------------------------------------------------------------------------------------------------

    def _video_track(self, place: str) -> VideoTrack:
        if not self.facts.video:
            raise JobRefused(
                1020,
                f"Your input file [{self.url}] doesn't have video that the transcoder can consume ({place} is a video "
                f"output; the file has {_tracks_in_words(self.facts)}).",
            )
        track = self.facts.video[0]
        if probe.video_codec(track.codec) == "UNKNOWN":
            raise JobRefused(1030, f"Video codec [{track.codec}] is not a supported input video codec")
        if track.width < 1 or track.height < 1:
            raise JobRefused(
                1040, f"You did not specify resolution for {place} and there is no input resolution to follow."
            )
        return track

    def _rotation(self) -> int:
        wanted = self.source.get("VideoSelector", {}).get("Rotate", "DEGREE_0")
        named = {"DEGREE_0": 0, "DEGREES_90": 90, "DEGREES_180": 180, "DEGREES_270": 270}
        if wanted == "AUTO":
            return self.facts.video[0].rotation
        return named[wanted]

    def _source_size(self) -> tuple[Fraction, Fraction]:
        """The picture in square pixels, turned as this job turns it."""
        return dataclasses.replace(self.facts.video[0], rotation=self._rotation()).display_size

    def _video_rendition(
        self, place: str, group: int, number: int, name: str, output: Mapping[str, Any], cmaf: Mapping[str, Any]
    ) -> VideoRendition:
        track = self._video_track(place)
        description = output["VideoDescription"]
        settings = description["CodecSettings"]["H264Settings"]
        picture = self._picture(place, description, _pixel_aspect(settings))
        rate = self._output_rate(place, settings, track)
        gop = _gop_frames(settings, rate)
        cmfc = output.get("ContainerSettings", {}).get("CmfcSettings", {})
        return VideoRendition(
            output=number,
            name=name,
            file=f"video-{group}-{number}.mp4",
            picture=picture,
            frame_rate=rate,
            gop_frames=gop,
            max_bitrate=settings["MaxBitrate"],
            audio_groups=tuple(part.strip() for part in cmfc.get("AudioRenditionSets", "").split(",") if part.strip()),
            i_frame_playlist=cmfc.get("IFrameOnlyManifest") == "INCLUDE",
            options=_x264_options(place, settings, picture, rate, gop, cmaf),
        )  # fmt: skip

    def _picture(self, place: str, description: Mapping[str, Any], pixel_aspect: Fraction) -> Picture:
        width, height = self._source_size()
        behaviour = description.get("ScalingBehavior", "DEFAULT")
        frame = _frame_size(place, description, width, height, pixel_aspect)
        shape = width / height / pixel_aspect  # of the picture, in output pixels
        return place_picture(frame, shape, behaviour, (width / pixel_aspect, height))

    def _output_rate(self, place: str, settings: Mapping[str, Any], track: VideoTrack) -> Fraction:
        if settings.get("FramerateControl", "INITIALIZE_FROM_SOURCE") == "SPECIFIED":
            return Fraction(settings["FramerateNumerator"], settings["FramerateDenominator"])
        if track.frame_rate is None:
            raise JobRefused(
                1040, f"You did not specify framerate for {place} and there is no input framerate to follow."
            )
        return track.frame_rate

    def _capture(self, place: str, group: int, number: int, base: str, output: Mapping[str, Any]) -> Capture:
        self._video_track(place)
        description = output["VideoDescription"]
        if description["CodecSettings"]["Codec"] != "FRAME_CAPTURE":
            raise JobRefused(1040, f"{place}: only frame captures are written in file groups")
        settings = description["CodecSettings"].get("FrameCaptureSettings", {})
        return Capture(
            output=number,
            name=base + output.get("NameModifier", ""),
            file=f"capture-{group}-{number}",
            picture=self._picture(place, description, Fraction(1)),
            every_seconds=Fraction(settings.get("FramerateDenominator", 1), settings.get("FramerateNumerator", 1)),
            at_most=settings.get("MaxCaptures", 10_000_000),
            quality=settings.get("Quality", 80),
        )

    # --- the picture's way through the filters -----------------------------------------------------------------------

    def _pictures(self, video: list[VideoRendition], captures: list[Capture]) -> list[Any]:
        track = self.facts.video[0]
        rate = max((rendition.frame_rate for rendition in video), default=track.frame_rate or Fraction(25))
        # Rotation is done below, where the size is known; ffmpeg's own would come before everything else. A size that
        # changes in mid-film is the scaler's business: a rebuilt graph would begin its frame rate from 0 again.
        source = graph.input(f"file:{SOURCE}", noautorotate=None, reinit_filter=0, **INPUT_GUARDS)
        stream = self._deinterlaced(source[str(track.index)], track, rate)
        stream = stream.filter("fps", fps=_ratio(rate), start_time=0)
        steps = _cascade(video, captures, _even(self._source_size()))
        outputs: list[Any] = []
        for position, step in enumerate(steps):
            fastest = max((r.frame_rate for later in steps[position:] for r in later.video), default=rate)
            if fastest < rate:  # nothing from here on wants the rest of the frames: they are not scaled either
                stream, rate = stream.filter("fps", fps=_ratio(fastest)), fastest
            stream = self._first_scaled(stream, step.size) if position == 0 else _scaled(stream, step.size)
            takers = [*step.video, *step.captures]
            if position < len(steps) - 1:
                takers.append(None)  # the next, smaller step
            for taker, branch in zip(takers, _split(stream, len(takers)), strict=True):
                if taker is None:
                    stream = branch
                elif isinstance(taker, VideoRendition):
                    outputs.append(_encoded(branch, taker, rate))
                else:
                    outputs.append(_captured(branch, taker, step.size))
        return outputs

    def _deinterlaced(self, stream: Any, track: VideoTrack, rate: Fraction) -> Any:
        wanted = [found for found in self._preprocessors("Deinterlacer") if found]
        if not wanted:
            return stream
        control = wanted[0].get("Control", "NORMAL")
        # A picture from every field where the output wants that many, from every frame otherwise.
        fields = track.frame_rate is not None and rate > track.frame_rate * Fraction(3, 2)
        return stream.filter(
            "bwdif",
            mode="send_field" if fields else "send_frame",
            deint="all" if control == "FORCE_ALL_FRAMES" else "interlaced",
        )

    def _preprocessors(self, name: str) -> Iterator[Mapping[str, Any]]:
        for group in self.settings["OutputGroups"]:
            for output in group["Outputs"]:
                yield output.get("VideoDescription", {}).get("VideoPreprocessors", {}).get(name, {})

    def _first_scaled(self, stream: Any, size: tuple[int, int]) -> Any:
        """To the largest size, the right way up, 8 bit 4:2:0 in the range and colours that every player expects."""
        track, rotation = self.facts.video[0], self._rotation()
        width, height = (size[1], size[0]) if rotation in (90, 270) else size
        colors = output_colors(track)
        if track.is_hdr:
            stream = _tone_mapped(stream, track, width, height)
        elif self._converts_to_bt709(track):
            # What the source leaves out is told first: zscale converts from nothing unknown.
            stream = stream.filter("setparams", range=track.color_range, **colors)
            stream = stream.filter("zscale", w=width, h=height, filter="lanczos", **_ZSCALE_BT709)
            stream = stream.filter("format", "yuv420p")
            colors = BT709
        else:
            matrix = {} if _keepable_matrix(track) else {"out_color_matrix": "bt709"}
            stream = stream.filter("scale", w=width, h=height, flags="lanczos", out_range="tv", **matrix)
            stream = stream.filter("format", "yuv420p")
        for transposition in {0: (), 90: ("clock",), 180: ("clock", "clock"), 270: ("cclock",)}[rotation]:
            stream = stream.filter("transpose", dir=transposition)
        # The container's rotation is done now, and must not be written into the outputs to be done again.
        stream = stream.filter("sidedata", mode="delete", type="DISPLAYMATRIX")
        return stream.filter("setparams", range="tv", **colors)

    def _converts_to_bt709(self, track: VideoTrack) -> bool:
        asked = any(found.get("ColorSpaceConversion") == "FORCE_709" for found in self._preprocessors("ColorCorrector"))
        return asked and output_colors(track) != BT709

    # --- audio -------------------------------------------------------------------------------------------------------

    def _audio_rendition(self, place: str, number: int, name: str, output: Mapping[str, Any]) -> AudioRendition:
        description = output["AudioDescriptions"][0]
        track = self._audio_track(place, description)
        settings = description["CodecSettings"]["AacSettings"]
        encode = (track.index, settings["Bitrate"], settings["CodingMode"], settings["SampleRate"])
        if encode not in self.sounds:
            self.sounds[encode] = f"audio-{len(self.sounds)}.mp4"
            self.sound_outputs.append((self.sounds[encode], track, settings))
        language = _language(description, track)
        cmfc = output.get("ContainerSettings", {}).get("CmfcSettings", {})
        kind = cmfc.get("AudioTrackType", "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT")
        return AudioRendition(
            output=number,
            name=name,
            file=self.sounds[encode],
            group_id=cmfc.get("AudioGroupId", f"program_audio_{number}"),
            language=language,
            label=description.get("StreamName") or language_name(language) or "Audio",
            default=kind == "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT",
            autoselect=kind != "ALTERNATE_AUDIO_NOT_AUTO_SELECT",
        )

    def _audio_track(self, place: str, description: Mapping[str, Any]) -> AudioTrack:
        name = description.get("AudioSourceName", "Audio Selector 1")
        selector = self.source.get("AudioSelectors", {}).get(name, {})
        if not self.facts.audio:
            raise JobRefused(
                1021,
                f"No audio frames decoded on [selector-({name})-track-1-drc] ({place} is an audio output; the file has "
                f"{_tracks_in_words(self.facts)}).",
            )
        number = (selector.get("Tracks") or [1])[0]
        if number > len(self.facts.audio):
            raise JobRefused(
                1040,
                f"Invalid audio track specified for audio_selector [{name}]. Audio track [{number}] not found in input "
                "container.",
            )
        track = self.facts.audio[number - 1]
        if probe.audio_codec(track.codec) == "UNKNOWN" or not track.channels:
            raise JobRefused(
                1030, f"Audio codec [{track.codec}] for track [{number}] is not a supported input audio codec"
            )
        return track

    def _sounds(self, picture_seconds: float | None) -> Iterator[Any]:
        for file, track, settings in self.sound_outputs:
            source = graph.input(f"file:{SOURCE}", noautorotate=None, reinit_filter=0, **INPUT_GUARDS)
            layout = {"CODING_MODE_1_0": "mono", "CODING_MODE_2_0": "stereo", "CODING_MODE_5_1": "5.1"}[
                settings["CodingMode"]
            ]
            # A track that begins late is filled with silence from 0, one with holes is filled in them.
            stream = source[str(track.index)].filter(
                "aresample", settings["SampleRate"], **{"async": 1, "first_pts": 0}
            )
            stream = stream.filter("aformat", sample_fmts="fltp", channel_layouts=layout)
            if picture_seconds is not None:
                stream = stream.filter("apad", whole_dur=f"{picture_seconds + SOUND_MARGIN_SECONDS:.3f}")
            yield graph.output(
                stream, file, f="mp4", map_metadata=-1, map_chapters=-1, movflags="+empty_moov+default_base_moof",
                frag_duration=2_000_000,
                **{"c:a": "aac", "b:a": settings["Bitrate"], "profile:a": "aac_low"},
            )  # fmt: skip

    # --- lengths and limits ------------------------------------------------------------------------------------------

    def _duration(self, has_picture: bool) -> float | None:
        tracks = self.facts.video[:1] if has_picture else tuple(track for _, track, _ in self.sound_outputs)
        ends = [_end(track, self.facts) for track in tracks]
        known = [end for end in ends if end is not None]
        return max(known) if known else self.facts.duration

    def _compare_lengths(self, has_picture: bool) -> None:
        if not has_picture or not self.sound_outputs:
            return
        picture = _end(self.facts.video[0], self.facts)
        for _, track, _ in self.sound_outputs:
            sound = _end(track, self.facts)
            if picture is None or sound is None:
                continue
            if picture - sound >= 0.1:
                self.warnings.append(Warned(240000, SILENCE_ADDED))
            elif sound - picture >= 0.1:
                self.warnings.append(Warned(240001, SOUND_DROPPED))

    def _limits(self, duration: float | None, video: list[VideoRendition]) -> Limits:
        """Generous, since a slow laptop is no error, but finite: a film that never ends must."""
        seconds = duration or UNKNOWN_DURATION_SECONDS
        pixels = sum(r.picture.frame[0] * r.picture.frame[1] * r.frame_rate for r in video) or 1
        slowest = max(
            10, float(pixels) / 1_000_000
        )  # CPU seconds for one of film on a core that encodes a megapixel a second
        wall = 600 + seconds * slowest
        largest = max([r.max_bitrate for r in video], default=1_000_000)
        return Limits(
            wall_seconds=wall,
            cpu_seconds=int(wall * self.cpus),
            memory_bytes=(8 << 30) + (self.cpus << 28),
            file_bytes=max(1 << 30, int(seconds * largest / 8 * 2)),
        )


# --- geometry --------------------------------------------------------------------------------------------------------


def place_picture(
    frame: tuple[int, int], shape: Fraction, behaviour: str, source: tuple[Fraction, Fraction]
) -> Picture:
    """Where a picture of this shape (width over height, in output pixels) goes, by MediaConvert's ScalingBehavior."""
    if behaviour == "STRETCH_TO_OUTPUT":
        return Picture(frame, frame)
    if behaviour == "FILL":
        return Picture(frame, _inside(frame, shape, cover=True))
    if behaviour in ("FIT", "FIT_NO_UPSCALE"):
        if behaviour == "FIT_NO_UPSCALE" and source[0] <= frame[0] and source[1] <= frame[1]:
            return Picture(_even(source), _even(source))
        inner = _inside(frame, shape)
        return Picture(inner, inner)
    if behaviour != "DEFAULT":
        raise JobRefused(1040, f"ScalingBehavior {behaviour} is not one the local engine does")
    return Picture(frame, _inside(frame, shape))


def _inside(frame: tuple[int, int], shape: Fraction, cover: bool = False) -> tuple[int, int]:
    width, height = frame
    by_width = (shape >= Fraction(width, height)) != cover
    inner = (width, _even_number(width / shape)) if by_width else (_even_number(height * shape), height)
    # An output of even size cannot have quite the shape of its source; a bar of one or two lines would only look wrong.
    if abs(inner[0] - width) <= 2 and abs(inner[1] - height) <= 2:
        return frame
    return inner


def _even_number(value: Fraction | int) -> int:
    return max(2, 2 * math.floor(Fraction(value) / 2 + Fraction(1, 2)))


def _even(size: tuple[Fraction | int, Fraction | int]) -> tuple[int, int]:
    return _even_number(size[0]), _even_number(size[1])


def _frame_size(
    place: str, description: Mapping[str, Any], width: Fraction, height: Fraction, pixel_aspect: Fraction
) -> tuple[int, int]:
    """The output's frame; a side that is left out follows the source's shape, both left out its size."""
    wide, high = description.get("Width"), description.get("Height")
    shape = width / height / pixel_aspect
    if wide is None and high is None:
        wide, high = _even((width / pixel_aspect, height))
    elif wide is None:
        wide = _even_number(high * shape)
    elif high is None:
        high = _even_number(wide / shape)
    if wide % 2 or high % 2:
        raise JobRefused(1040, f"Invalid resolution [{wide} x {high}], only even values are supported. {place}.")
    return wide, high


def _pixel_aspect(settings: Mapping[str, Any]) -> Fraction:
    if settings.get("ParControl") == "SPECIFIED":
        return Fraction(settings.get("ParNumerator", 1), settings.get("ParDenominator", 1))
    return Fraction(1)


# --- the cascade -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class _Step:
    size: tuple[int, int]
    video: list[VideoRendition] = dataclasses.field(default_factory=list)
    captures: list[Capture] = dataclasses.field(default_factory=list)


def _cascade(video: list[VideoRendition], captures: list[Capture], source: tuple[int, int]) -> list[_Step]:
    """The sizes to scale to, largest first, each with the outputs that take it.

    A capture takes the smallest step that is not smaller than itself and is scaled after its frames are picked; it
    never makes the cascade scale every frame to one more size.
    """
    sizes = sorted({rendition.picture.inner for rendition in video}, key=lambda size: size[0] * size[1], reverse=True)
    steps = [_Step(size) for size in sizes] or [_Step(source)]
    for step in steps:
        step.video = [rendition for rendition in video if rendition.picture.inner == step.size]
    for capture in captures:
        inner = capture.picture.inner
        enough = [step for step in steps if step.size[0] >= inner[0] and step.size[1] >= inner[1]]
        (enough[-1] if enough else steps[0]).captures.append(capture)
    return steps


def _split(stream: Any, count: int) -> list[Any]:
    if count == 1:
        return [stream]
    split = stream.filter_multi_output("split", count)
    return [split[number] for number in range(count)]


def _scaled(stream: Any, size: tuple[int, int]) -> Any:
    return stream.filter("scale", w=size[0], h=size[1], flags="lanczos")


def _framed(stream: Any, picture: Picture) -> Any:
    (width, height), (inner_width, inner_height) = picture.frame, picture.inner
    if inner_width > width or inner_height > height:
        return stream.filter("crop", width, height)
    if picture.inner != picture.frame:
        # Bars begin on even lines, or the colour planes would be shifted against the picture.
        x, y = (width - inner_width) // 4 * 2, (height - inner_height) // 4 * 2
        return stream.filter("pad", width, height, x, y)
    return stream


def _tone_mapped(stream: Any, track: VideoTrack, width: int, height: int) -> Any:
    """HDR to SDR: scaled first, as the work is in floating point; then linear light, BT.709's primaries, a soft curve.

    The curve bends highlights alone (mobius) and takes their colour out as they clip (desat): without that, the white
    sky of a phone's HLG film comes out yellow. 203 cd/m2 is BT.2408's level for white paper.
    """
    source = {"pin": track.color_primaries, "min": track.color_matrix, "tin": track.color_transfer}
    known = {key: value for key, value in source.items() if value != "unknown"}
    stream = stream.filter("zscale", w=width, h=height, filter="lanczos", t="linear", npl=203, **known)
    stream = stream.filter("format", "gbrpf32le").filter("zscale", p="bt709")
    stream = stream.filter("tonemap", tonemap="mobius", desat=2)
    stream = stream.filter("zscale", dither="ordered", **_ZSCALE_BT709)
    return stream.filter("format", "yuv420p")


# --- colours ---------------------------------------------------------------------------------------------------------

BT709 = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
_ZSCALE_BT709 = {"p": "bt709", "t": "bt709", "m": "bt709", "r": "tv"}
_GAMMAS_LIKE_BT709 = ("unknown", "iec61966-2-4", "bt1361e", "bt2020-10", "bt2020-12")


def _keepable_matrix(track: VideoTrack) -> bool:
    return track.color_matrix in ("bt709", "smpte170m", "bt470bg", "smpte240m", "fcc", "bt2020nc", "unknown")


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


# --- encoders --------------------------------------------------------------------------------------------------------


def crf(settings: Mapping[str, Any], picture: Picture) -> float:
    qvbr = settings.get("QvbrSettings", {})
    level = qvbr.get("QvbrQualityLevel") or (8 if min(picture.frame) >= 720 else 7)
    third = round(qvbr.get("QvbrQualityLevelFineTune", 0) * 3) / 3  # MediaConvert rounds to thirds of a level
    return round(38 - 2 * (level + third), 2)


def _gop_frames(settings: Mapping[str, Any], rate: Fraction) -> int:
    size = Fraction(str(settings.get("GopSize", 2)))
    return max(1, round(size * rate) if settings.get("GopSizeUnits", "SECONDS") == "SECONDS" else round(size))


def _gops_per_segment(index: int, video: list[VideoRendition], seconds: Fraction, exact: bool) -> int | None:
    """How many GOPs make a segment; None when segments end inside GOPs and I-frames are forced there."""
    lengths = {rendition.gop_frames / rendition.frame_rate for rendition in video}
    if not lengths:
        return None
    if len(lengths) > 1:
        shown = ", ".join(
            f"{rendition.name} {float(rendition.gop_frames / rendition.frame_rate):.4f} s" for rendition in video
        )
        raise JobRefused(
            1040, f"OutputGroups[{index}]: the GOPs of the renditions differ in length and cannot be aligned: {shown}"
        )
    gop = lengths.pop()
    count = seconds / gop
    nearest = round(count)
    frame = 1 / max(rendition.frame_rate for rendition in video)
    if nearest and abs(nearest * gop - seconds) < frame * nearest:  # 2.002 s GOPs fill a segment of 4 s
        return nearest
    return None if exact else math.ceil(count)


LEVELS = {  # H.264 table A-1: macroblocks per second, macroblocks per frame
    "1": (1485, 99), "1.1": (3000, 396), "1.2": (6000, 396), "1.3": (11880, 396), "2": (11880, 396),
    "2.1": (19800, 792),
    "2.2": (20250, 1620), "3": (40500, 1620), "3.1": (108000, 3600), "3.2": (216000, 5120), "4": (245760, 8192),
    "4.1": (245760, 8192), "4.2": (522240, 8704), "5": (589824, 22080), "5.1": (983040, 36864), "5.2": (2073600, 36864),
}  # fmt: skip


def _level(place: str, settings: Mapping[str, Any], picture: Picture, rate: Fraction) -> str | None:
    named = settings.get("CodecLevel", "AUTO")
    if named == "AUTO":
        return None
    level = named.removeprefix("LEVEL_").replace("_", ".")
    blocks = math.ceil(picture.frame[0] / 16) * math.ceil(picture.frame[1] / 16)
    if blocks > LEVELS[level][1] or blocks * rate > LEVELS[level][0]:
        raise JobRefused(
            1040,
            f"Error initializing encoder for video target [{place}] [initialization failed: Invalid level specified "
            "for the selected framerate or resolution.]",
        )
    return level


def _x264_options(
    place: str, settings: Mapping[str, Any], picture: Picture, rate: Fraction, gop: int, cmaf: Mapping[str, Any]
) -> dict[str, Any]:
    maximum = settings["MaxBitrate"]
    profile = settings.get("CodecProfile", "MAIN")
    options: dict[str, Any] = {
        "c:v": "libx264",
        "preset": PRESETS[settings.get("QualityTuningLevel", "SINGLE_PASS_HQ")],
        "crf": crf(settings, picture),
        "maxrate": maximum,
        "bufsize": settings.get("HrdBufferSize") or 2 * maximum,
        "profile:v": PROFILES[profile],
        "g": gop,
        "keyint_min": gop,
        "sc_threshold": 0,  # an I-frame at a cut would fall on different frames in different renditions
        "flags": "+cgop",
        "bf": 0 if profile == "BASELINE" else settings.get("NumberBFramesBetweenReferenceFrames", 3),
        "refs": settings.get("NumberReferenceFrames", 3),
        "b_strategy": 0 if settings.get("DynamicSubGop") == "STATIC" else 1,
        # 608/708 captions inside the pictures would pass through unannounced; MediaConvert drops them, too, unless a
        # caption output asks for them.
        "a53cc": 0,
    }
    level = _level(place, settings, picture, rate)
    extra = {
        "level": level,
        "b-pyramid": "none" if settings.get("GopBReference") == "DISABLED" else None,
        "coder": "cavlc" if settings.get("EntropyEncoding") == "CAVLC" or profile == "BASELINE" else None,
        "aq-mode": 0 if settings.get("AdaptiveQuantization") == "OFF" else None,
        "slices": settings["Slices"] if settings.get("Slices", 1) > 1 else None,
    }
    fill = settings.get("HrdBufferInitialFillPercentage")
    if fill is not None:
        extra["rc_init_occupancy"] = options["bufsize"] * fill // 100
    options |= {name: value for name, value in extra.items() if value is not None}
    return options | _fragments(settings, rate, gop, cmaf)


def _fragments(settings: Mapping[str, Any], rate: Fraction, gop: int, cmaf: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    frames = round(cmaf.get("FragmentLength", 2) * rate)
    if frames < gop:
        options["frag_duration"] = int((frames - Fraction(1, 2)) / rate * 1_000_000)
    seconds, gop_seconds = Fraction(cmaf.get("SegmentLength", 10)), gop / rate
    nearest = round(seconds / gop_seconds)
    whole = nearest and abs(nearest * gop_seconds - seconds) < nearest / rate
    if cmaf.get("SegmentLengthControl", "EXACT") == "EXACT" and not whole:
        options["force_key_frames"] = f"expr:gte(t,n_forced*{int(seconds)}-{float(1 / rate / 2):.6f})"
    return options


def _encoded(stream: Any, rendition: VideoRendition, rate: Fraction) -> Any:
    if rendition.frame_rate != rate:
        stream = stream.filter("fps", fps=_ratio(rendition.frame_rate))
    stream = _framed(stream, rendition.picture).filter("setsar", "1")
    return graph.output(
        stream, rendition.file, f="mp4", map_metadata=-1, map_chapters=-1, write_tmcd=0, fps_mode="passthrough",
        movflags="+frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets",
        video_track_timescale=_timescale(rendition.frame_rate),
        **rendition.options,
    )  # fmt: skip


def _timescale(rate: Fraction) -> int:
    """Ticks in which every frame has the same whole length."""
    return rate.numerator * (1 if rate.numerator >= 10_000 else 1000)


def _captured(stream: Any, capture: Capture, size: tuple[int, int]) -> Any:
    every = float(capture.every_seconds)
    # The first frame, then the first at or after every multiple; prev_t is not a number at the first.
    stream = stream.filter("select", f"isnan(prev_t)+gt(floor(t/{every:g}+1e-6),floor(prev_t/{every:g}+1e-6))")
    if size != capture.picture.inner:
        stream = _scaled(stream, capture.picture.inner)
    stream = _framed(stream, capture.picture).filter("setsar", "1")
    # JPEG knows no other matrix than BT.601's, in full range.
    stream = stream.filter("scale", out_range="pc", out_color_matrix="bt601").filter("format", "yuvj420p")
    quality = round(2 + (100 - capture.quality) * 29 / 99)
    return graph.output(
        stream, f"{capture.file}.%07d.jpg", f="image2", start_number=0, fps_mode="passthrough", map_metadata=-1,
        **{"c:v": "mjpeg", "q:v": quality, "frames:v": capture.at_most},
    )  # fmt: skip


# --- small words -----------------------------------------------------------------------------------------------------


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _end(track: VideoTrack | AudioTrack, facts: SourceFacts) -> float | None:
    """Where a track ends on the film's own clock, which begins at the earliest track."""
    if track.duration is None:
        return None
    return track.duration + max(0.0, (track.start or 0.0) - facts.start)


def _language(description: Mapping[str, Any], track: AudioTrack) -> str | None:
    configured = description.get("CustomLanguageCode") or description.get("LanguageCode")
    if description.get("LanguageCodeControl", "FOLLOW_INPUT") == "USE_CONFIGURED":
        return bcp47(configured)
    return bcp47(track.language) or bcp47(configured)


def _tracks_in_words(facts: SourceFacts) -> str:
    kinds = [("video", len(facts.video)), ("audio", len(facts.audio))]
    return " and ".join(f"{count} {kind} track{'s' if count != 1 else ''}" for kind, count in kinds)
