"""Plan a job: MediaConvert's settings and the source's facts become one ffmpeg command and a list of what to package.

In: the job's `Settings` in the API's PascalCase, and `SourceFacts`. Out: an `EnginePlan` of plain values, file names
relative to the job's working directory. Nothing is read, run or written here. What can go wrong: `JobRefused` with
MediaConvert's code: 1020 no picture for a video output, 1021 no sound for an audio output, 1030 a codec we do not
decode, 1040 settings that do not go together.

One command does the whole job, because decoding is paid once then. Each x264 writes a fragmented MP4 that cmaf.py cuts
into segments without copying; audio is encoded once, however many renditions play with it. How the picture is scaled
is in pictures.py, what the encoders are told in encoders.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import ffmpeg as graph

from pipeline.local.mediaconvert import encoders, geometry, pictures, probe, trickplay
from pipeline.local.mediaconvert.ffmpeg import Limits
from pipeline.local.mediaconvert.languages import bcp47, iso639_2, language_name
from pipeline.local.mediaconvert.planned import (
    AudioRendition,
    Capture,
    CmafGroup,
    EnginePlan,
    FileGroup,
    JobRefused,
    Movie,
    Picture,
    Tiles,
    VideoRendition,
    Warned,
)
from pipeline.local.mediaconvert.probe import AudioTrack, SourceFacts, VideoTrack

SOUND_MARGIN_SECONDS = 2  # silence beyond the expected end; what is too much is cut when the real end is known
UNKNOWN_DURATION_SECONDS = 6 * 3600
SILENCE_ADDED = "MediaConvert added at least 100 milliseconds of audio silence to keep audio and video in sync."
SOUND_DROPPED = "MediaConvert dropped at least 100 milliseconds of audio to align audio and video."


def plan_job(settings: Mapping[str, Any], facts: SourceFacts, cpus: int = 2) -> EnginePlan:
    return _Planner(settings, facts, cpus).plan()


@dataclasses.dataclass(frozen=True)
class _Sound:
    """A sound to encode: into a file of its own, or into the movie of that name."""

    file: str
    track: AudioTrack
    settings: Mapping[str, Any]
    movie: bool

    @property
    def chain(self) -> tuple[int, int, str]:
        """What decides the filters: sounds that agree in this share them."""
        return self.track.index, self.settings["SampleRate"], self.settings["CodingMode"]


class _Planner:
    """Holds what every step needs to see: the settings, the source, and the sounds found necessary so far."""

    def __init__(self, settings: Mapping[str, Any], facts: SourceFacts, cpus: int) -> None:
        self.settings, self.source, self.facts, self.cpus = settings, settings["Inputs"][0], facts, cpus
        self.url = self.source.get("FileInput", "")
        self.sounds: list[_Sound] = []

    def plan(self) -> EnginePlan:
        groups = tuple(self._group(index, group) for index, group in enumerate(self.settings["OutputGroups"]))
        streams = [rendition for group in groups if isinstance(group, CmafGroup) for rendition in group.video]
        files = [group for group in groups if isinstance(group, FileGroup)]
        video = [*streams, *(movie.rendition for group in files for movie in group.movies)]
        captures = [capture for group in files for capture in group.captures]
        captures += [tiles for group in groups if isinstance(group, CmafGroup) for tiles in group.tiles]
        duration = self._duration(bool(video or captures))
        sounds = self._sound_streams(duration if video else None)
        outputs = [*self._pictures(video, captures, sounds), *self._sound_files(sounds)]
        job = graph.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]
        arguments = tuple(job.get_args())
        return EnginePlan(
            arguments=arguments,
            groups=groups,
            duration=duration,
            limits=self._limits(duration, video),
            filters=frozenset(name for name in pictures.RARE_FILTERS if any(f"]{name}=" in a for a in arguments)),
            warnings=tuple(self._length_warnings(bool(video))),
        )

    # --- groups ------------------------------------------------------------------------------------------------------

    def _group(self, index: int, group: Mapping[str, Any]) -> CmafGroup | FileGroup:
        kind = group["OutputGroupSettings"]["Type"]
        if kind == "CMAF_GROUP_SETTINGS":
            return self._cmaf_group(index, group)
        if kind == "FILE_GROUP_SETTINGS":
            return self._file_group(index, group)
        raise JobRefused(1040, f"OutputGroups[{index}]: {kind} is not an output group the local engine writes")

    def _cmaf_group(self, index: int, group: Mapping[str, Any]) -> CmafGroup:
        settings = group["OutputGroupSettings"]["CmafGroupSettings"]
        bucket, prefix, base = self._destination(settings.get("Destination", ""), index)
        video, audio = [], []
        for number, output in enumerate(group["Outputs"]):
            place = f"OutputGroups[{index}].Outputs[{number}]"
            name = base + output.get("NameModifier", "")
            if "VideoDescription" in output:
                video.append(self._cmaf_video(place, f"video-{index}-{number}.mp4", number, name, output, settings))
            else:
                audio.append(self._cmaf_audio(place, number, name, output))
        seconds = Fraction(settings.get("SegmentLength", 10))
        exact = settings.get("SegmentLengthControl", "EXACT") == "EXACT"
        gops = encoders.gops_per_segment(index, video, seconds, exact)
        whole = gops * video[0].gop_frames / video[0].frame_rate if gops else seconds
        return CmafGroup(
            index=index,
            bucket=bucket,
            prefix=prefix,
            base=base,
            segment_seconds=seconds,
            gops_per_segment=gops,
            video=tuple(video),
            audio=tuple(audio),
            hls=settings.get("WriteHlsManifest", "ENABLED") == "ENABLED",
            dash=settings.get("WriteDashManifest", "ENABLED") == "ENABLED",
            minimum_buffer_seconds=settings.get("MinBufferTime"),
            bandwidth_in_mpd=settings.get("MpdManifestBandwidthType"),
            tiles=trickplay.tile_sets(index, settings, base, video, whole, self._thumbnail),
        )

    def _file_group(self, index: int, group: Mapping[str, Any]) -> FileGroup:
        settings = group["OutputGroupSettings"]["FileGroupSettings"]
        bucket, prefix, base = self._destination(settings.get("Destination", ""), index)
        captures, movies = [], []
        for number, output in enumerate(group["Outputs"]):
            place = f"OutputGroups[{index}].Outputs[{number}]"
            name = base + output.get("NameModifier", "")
            if output["VideoDescription"]["CodecSettings"]["Codec"] == "FRAME_CAPTURE":
                captures.append(self._capture(place, f"capture-{index}-{number}", number, name, output))
            else:
                movies.append(self._movie(place, f"movie-{index}-{number}.mp4", number, name, output))
        return FileGroup(index=index, bucket=bucket, prefix=prefix, captures=tuple(captures), movies=tuple(movies))

    def _destination(self, url: str, index: int) -> tuple[str, str, str]:
        """Bucket, key prefix, base name. A destination that ends in "/" takes the input's own name, as in AWS."""
        if not url.startswith("s3://") or "/" not in url[5:]:
            raise JobRefused(1040, f"OutputGroups[{index}]: destination {url!r} is not s3://bucket/prefix/base")
        bucket, _, key = url[5:].partition("/")
        folder, slash, base = key.rpartition("/")
        base = base or urlsplit(self.url).path.rpartition("/")[2].rpartition(".")[0] or "output"
        return bucket, folder + slash, base

    # --- pictures ----------------------------------------------------------------------------------------------------

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
        if wanted == "AUTO":
            return self.facts.video[0].rotation
        return {"DEGREE_0": 0, "DEGREES_90": 90, "DEGREES_180": 180, "DEGREES_270": 270}[wanted]

    def _source_size(self) -> tuple[Fraction, Fraction]:
        """The picture in square pixels, turned as this job turns it."""
        return dataclasses.replace(self.facts.video[0], rotation=self._rotation()).display_size

    def _picture(self, place: str, description: Mapping[str, Any], pixel_aspect: Fraction) -> Picture:
        width, height = self._source_size()
        frame = geometry.frame_size(place, description, width, height, pixel_aspect)
        shape = width / height / pixel_aspect  # of the picture, in output pixels
        behaviour = description.get("ScalingBehavior", "DEFAULT")
        return geometry.place_picture(frame, shape, behaviour, (width / pixel_aspect, height))

    def _thumbnail(self, place: str, size: Mapping[str, Any]) -> Picture:
        return self._picture(place, size, Fraction(1))

    def _rendition(self, place: str, file: str, number: int, name: str, output: Mapping[str, Any]) -> VideoRendition:
        """What CMAF renditions and movies have in common."""
        track = self._video_track(place)
        settings = output["VideoDescription"]["CodecSettings"]["H264Settings"]
        picture = self._picture(place, output["VideoDescription"], geometry.pixel_aspect_of(settings))
        rate = self._output_rate(place, settings, track)
        gop = encoders.gop_frames(settings, rate)
        return VideoRendition(
            output=number,
            name=name,
            file=file,
            picture=picture,
            frame_rate=rate,
            gop_frames=gop,
            max_bitrate=settings["MaxBitrate"],
            audio_groups=(),
            i_frame_playlist=False,
            options=encoders.x264_options(place, settings, picture, rate, gop),
        )

    def _cmaf_video(
        self, place: str, file: str, number: int, name: str, output: Mapping[str, Any], group: Mapping[str, Any]
    ) -> VideoRendition:
        rendition = self._rendition(place, file, number, name, output)
        cmfc = output.get("ContainerSettings", {}).get("CmfcSettings", {})
        sets = (part.strip() for part in cmfc.get("AudioRenditionSets", "").split(","))
        cut = encoders.cmaf_options(group, rendition.frame_rate, rendition.gop_frames)
        return dataclasses.replace(
            rendition,
            audio_groups=tuple(filter(None, sets)),
            i_frame_playlist=cmfc.get("IFrameOnlyManifest") == "INCLUDE",
            options={**rendition.options, **cut},
        )

    def _movie(self, place: str, file: str, number: int, name: str, output: Mapping[str, Any]) -> Movie:
        container = output["ContainerSettings"]
        if container["Container"] != "MP4":
            raise JobRefused(
                1040, f"{place}: {container['Container']} is not a container the local engine writes files in"
            )
        rendition = self._rendition(place, file, number, name, output)
        options: dict[str, Any] = {"video_track_timescale": encoders.timescale(rendition.frame_rate)}
        if container.get("Mp4Settings", {}).get("MoovPlacement", "PROGRESSIVE_DOWNLOAD") == "PROGRESSIVE_DOWNLOAD":
            options["movflags"] = "+faststart"
        for description in output.get("AudioDescriptions", []):
            track = self._audio_track(place, description)
            settings = description["CodecSettings"]["AacSettings"]
            self.sounds.append(_Sound(file, track, settings, movie=True))
            # The sound has silence beyond the picture's expected end, so the shortest is the picture.
            options |= {**encoders.aac_options(settings), "shortest": None}
            options["metadata:s:a:0"] = f"language={iso639_2(_language(description, track))}"
        return Movie(dataclasses.replace(rendition, options={**rendition.options, **options}))

    def _output_rate(self, place: str, settings: Mapping[str, Any], track: VideoTrack) -> Fraction:
        if settings.get("FramerateControl", "INITIALIZE_FROM_SOURCE") == "SPECIFIED":
            return Fraction(settings["FramerateNumerator"], settings["FramerateDenominator"])
        if track.frame_rate is None:
            raise JobRefused(
                1040, f"You did not specify framerate for {place} and there is no input framerate to follow."
            )
        return track.frame_rate

    def _capture(self, place: str, file: str, number: int, name: str, output: Mapping[str, Any]) -> Capture:
        self._video_track(place)
        description = output["VideoDescription"]
        settings = description["CodecSettings"].get("FrameCaptureSettings", {})
        return Capture(
            output=number,
            name=name,
            file=file,
            picture=self._picture(place, description, Fraction(1)),
            every_seconds=Fraction(settings.get("FramerateDenominator", 1), settings.get("FramerateNumerator", 1)),
            at_most=settings.get("MaxCaptures", 10_000_000),
            quality=settings.get("Quality", 80),
        )

    def _pictures(
        self, video: list[VideoRendition], captures: list[Capture | Tiles], sounds: Mapping[str, Any]
    ) -> list[Any]:
        if not video and not captures:
            return []
        corrections = (found.get("ColorSpaceConversion") for found in self._preprocessors("ColorCorrector"))
        wishes = pictures.Wishes(
            rotation=self._rotation(),
            # One decode, one deinterlacer: what one output asks for, all get.
            deinterlacer=next(filter(None, self._preprocessors("Deinterlacer")), None),
            force_bt709="FORCE_709" in corrections,
        )
        return pictures.outputs(self.facts.video[0], wishes, self._source_size(), video, captures, sounds)

    def _preprocessors(self, name: str) -> Iterator[Mapping[str, Any]]:
        for group in self.settings["OutputGroups"]:
            for output in group["Outputs"]:
                yield output.get("VideoDescription", {}).get("VideoPreprocessors", {}).get(name, {})

    # --- sounds ------------------------------------------------------------------------------------------------------

    def _cmaf_audio(self, place: str, number: int, name: str, output: Mapping[str, Any]) -> AudioRendition:
        description = output["AudioDescriptions"][0]
        track = self._audio_track(place, description)
        language = _language(description, track)
        cmfc = output.get("ContainerSettings", {}).get("CmfcSettings", {})
        kind = cmfc.get("AudioTrackType", "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT")
        return AudioRendition(
            output=number,
            name=name,
            file=self._sound_file(track, description["CodecSettings"]["AacSettings"]),
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
            missing = f"Audio track [{number}] not found in input container."
            raise JobRefused(1040, f"Invalid audio track specified for audio_selector [{name}]. {missing}")
        track = self.facts.audio[number - 1]
        if probe.audio_codec(track.codec) == "UNKNOWN" or not track.channels:
            codec = f"Audio codec [{track.codec}] for track [{number}]"
            raise JobRefused(1030, f"{codec} is not a supported input audio codec")
        return track

    def _sound_file(self, track: AudioTrack, settings: Mapping[str, Any]) -> str:
        """The file this sound is encoded to; the same for all outputs that want the same."""
        wanted = (track.index, dict(settings))
        for sound in self.sounds:
            if not sound.movie and (sound.track.index, dict(sound.settings)) == wanted:
                return sound.file
        file = f"audio-{sum(not sound.movie for sound in self.sounds)}.mp4"
        self.sounds.append(_Sound(file, track, settings, movie=False))
        return file

    def _sound_streams(self, picture_seconds: float | None) -> dict[str, Any]:
        """The filtered stream for every file that has sound."""
        takers: dict[tuple[int, int, str], list[str]] = {}
        for sound in self.sounds:
            takers.setdefault(sound.chain, []).append(sound.file)
        streams = {}
        for chain, files in takers.items():
            stream = _sound_chain(*chain, picture_seconds)
            streams |= zip(files, pictures.split(stream, len(files), "asplit"), strict=True)
        return streams

    def _sound_files(self, streams: Mapping[str, Any]) -> Iterator[Any]:
        for sound in self.sounds:
            if not sound.movie:
                cut = {"movflags": "+empty_moov+default_base_moof", "frag_duration": 2_000_000}
                options = {"f": "mp4", **cut, **encoders.CLEAN, **encoders.aac_options(sound.settings)}
                yield graph.output(streams[sound.file], sound.file, **options)

    # --- lengths and limits ------------------------------------------------------------------------------------------

    def _duration(self, has_picture: bool) -> float | None:
        tracks = self.facts.video[:1] if has_picture else tuple(sound.track for sound in self.sounds)
        ends = [_end(track, self.facts) for track in tracks]
        known = [end for end in ends if end is not None]
        return max(known) if known else self.facts.duration

    def _length_warnings(self, has_picture: bool) -> Iterator[Warned]:
        if not has_picture:
            return
        picture = _end(self.facts.video[0], self.facts)
        for track in {sound.track.index: sound.track for sound in self.sounds}.values():
            sound = _end(track, self.facts)
            if picture is None or sound is None:
                continue
            if picture - sound >= 0.1:
                yield Warned(240000, SILENCE_ADDED)
            elif sound - picture >= 0.1:
                yield Warned(240001, SOUND_DROPPED)

    def _limits(self, duration: float | None, video: list[VideoRendition]) -> Limits:
        """Generous, since a slow laptop is no error, but finite: a film that never ends must."""
        seconds = duration or UNKNOWN_DURATION_SECONDS
        pixels = sum(r.picture.frame[0] * r.picture.frame[1] * r.frame_rate for r in video) or 1
        slowest = max(
            10, float(pixels) / 1_000_000
        )  # CPU seconds for one of film where a core makes a megapixel a second
        wall = 600 + seconds * slowest
        largest = max([rendition.max_bitrate for rendition in video], default=1_000_000)
        return Limits(
            wall_seconds=wall,
            cpu_seconds=int(wall * self.cpus),
            memory_bytes=(8 << 30) + (self.cpus << 28),
            file_bytes=max(1 << 30, int(seconds * largest / 8 * 2)),
        )


def _sound_chain(index: int, sample_rate: int, coding_mode: str, picture_seconds: float | None) -> Any:
    # A track that begins late is filled with silence from 0, one with holes is filled in them.
    filled = {"async": 1, "first_pts": 0}
    stream = pictures.source()[str(index)].filter("aresample", sample_rate, **filled)
    stream = stream.filter("aformat", sample_fmts="fltp", channel_layouts=encoders.CHANNELS[coding_mode])
    if picture_seconds is None:
        return stream
    return stream.filter("apad", whole_dur=f"{picture_seconds + SOUND_MARGIN_SECONDS:.3f}")


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
