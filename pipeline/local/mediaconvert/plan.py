"""Plan a job: MediaConvert's settings and the source's facts become one ffmpeg command and a list of what to package.

In: the job's `Settings` in the API's PascalCase, and `SourceFacts`. Out: an `EnginePlan` of plain values, file names
relative to the job's working directory. Nothing is read, run or written here. What can go wrong: `JobRefused` with
MediaConvert's code: 1020 no picture for a video output, 1021 no sound for an audio output, 1030 a codec we do not
decode, 1040 settings that do not go together.

One command does the whole job, because decoding is paid once then. Each picture and each sound is encoded once, into
a fragmented MP4 of its own, however many outputs show it: cmaf.py cuts those into segments without copying, remux.py
copies them into files. How the picture is scaled is in pictures.py, how sounds are found in sounds.py, what the
encoders are told in encoders.py. What must be measured first is found by a command of its own (`analysis_of`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import ffmpeg as graph

from pipeline.local.mediaconvert import (
    cea608,
    clips,
    codecs,
    encoders,
    geometry,
    hdr,
    pictures,
    probe,
    sounds,
    trickplay,
)
from pipeline.local.mediaconvert.ffmpeg import Limits
from pipeline.local.mediaconvert.languages import bcp47, language_name
from pipeline.local.mediaconvert.loudness import Measured
from pipeline.local.mediaconvert.planned import (
    Analysis,
    AudioRendition,
    CaptionRendition,
    CaptionSource,
    Capture,
    CmafGroup,
    EnginePlan,
    FileGroup,
    Group,
    HlsGroup,
    JobRefused,
    Look,
    Movie,
    MovieSound,
    Picture,
    Tiles,
    TsRendition,
    VideoEncode,
    VideoRendition,
    Warned,
)
from pipeline.local.mediaconvert.probe import SourceFacts, VideoTrack
from pipeline.local.mediaconvert.sounds import Chain, Sounds

USER_DATA_FILE = "user-data.mkv"
LARGE_CAPTION_SEGMENTS = 300  # CaptionSegmentLengthControl: "caption segments that are 300 seconds long"
UNKNOWN_DURATION_SECONDS = 6 * 3600
FIRST_PASS_LINES = 360
SOUND_FRAME_RATE = Fraction(30)  # that timecodes count by where there is no picture; AWS does not say
DEFAULT_PTS_OFFSET_MS = 2000  # "The initial PTS will be at least two seconds"
VIDEO_RANGES = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
SILENCE_ADDED = "MediaConvert added at least 100 milliseconds of audio silence to keep audio and video in sync."
SOUND_DROPPED = "MediaConvert dropped at least 100 milliseconds of audio to align audio and video."


def analysis_of(settings: Mapping[str, Any], facts: SourceFacts, cpus: int = 2) -> Analysis | None:
    """What to measure before `plan_job`, None when there is nothing."""
    return _Planner(settings, facts, cpus).analysis()


def plan_job(
    settings: Mapping[str, Any], facts: SourceFacts, cpus: int = 2, measured: Mapping[Chain, Measured] | None = None
) -> EnginePlan:
    """`measured`: the result of `analysis_of`, for every sound whose loudness is to be corrected."""
    return _Planner(settings, facts, cpus).plan(measured or {})


class _Planner:
    """Holds what every step needs to see: the settings, the source, and what was found necessary to encode so far."""

    def __init__(self, settings: Mapping[str, Any], facts: SourceFacts, cpus: int) -> None:
        self.settings, self.source, self.facts, self.cpus = settings, settings["Inputs"][0], facts, cpus
        self.url = self.source.get("FileInput", "")
        self.clips = self._clips()
        self.sounds = Sounds(self.source, facts, self.clips)
        self.first_passes: dict[str, VideoEncode] = {}  # by the log they write
        self.encodes: list[VideoEncode] = []
        self.warnings: list[Warned] = []

    def _clips(self) -> tuple[clips.Stretch, ...]:
        track = self.facts.video[0] if self.facts.video else None
        rate = track.frame_rate if track else SOUND_FRAME_RATE
        tags = (track.raw.get("tags", {}) if track else {}) | self.facts.raw_format.get("tags", {})
        found = clips.stretches(self.source, rate, tags.get("timecode"))
        whole = self._source_duration(track is not None)
        if found and whole is not None and found[-1].start >= whole:
            raise JobRefused(
                1040, f"Inputs[0].InputClippings: the clip {found[-1]} begins after the source's end at {whole:.3f} s"
            )
        return found

    def analysis(self) -> Analysis | None:
        self._groups()
        outputs, stems = sounds.measurements(self.sounds.all)
        passes = list(self.first_passes.values())
        if passes:
            outputs += pictures.outputs(self.facts.video[0], self._turned(), passes, [])
        if not outputs:
            return None
        return Analysis(_arguments(outputs), stems, self._limits(self._duration(bool(passes))))

    def plan(self, measured: Mapping[Chain, Measured]) -> EnginePlan:
        groups = self._groups()
        captures = [capture for group in groups if isinstance(group, FileGroup) for capture in group.captures]
        captures += [tiles for group in groups if isinstance(group, CmafGroup | HlsGroup) for tiles in group.tiles]
        has_picture = bool(self.encodes or captures)
        duration = self._duration(has_picture)
        heard = sounds.streams(self.sounds.all, duration if self.encodes else None, measured)
        arguments = _arguments([*self._pictures(captures), *self._sound_files(heard), *self._user_data(groups)])
        return EnginePlan(
            arguments=arguments,
            groups=groups,
            duration=duration,
            limits=self._limits(duration),
            filters=frozenset(name for name in pictures.RARE_FILTERS if any(f"]{name}=" in a for a in arguments)),
            warnings=(*self.warnings, *self._length_warnings()),
        )

    def _groups(self) -> tuple[Group, ...]:
        return tuple(self._group(index, group) for index, group in enumerate(self.settings["OutputGroups"]))

    # --- groups ------------------------------------------------------------------------------------------------------

    def _group(self, index: int, group: Mapping[str, Any]) -> Group:
        kind = group["OutputGroupSettings"]["Type"]
        if kind == "CMAF_GROUP_SETTINGS":
            return self._cmaf_group(index, group, group["OutputGroupSettings"]["CmafGroupSettings"])
        if kind == "DASH_ISO_GROUP_SETTINGS":
            settings = {"SegmentLength": 30} | group["OutputGroupSettings"]["DashIsoGroupSettings"]
            found = self._cmaf_group(index, group, settings)
            return dataclasses.replace(found, hls=False, dash=True, kind="DASH_ISO_GROUP", extension="mp4")
        if kind == "HLS_GROUP_SETTINGS":
            return self._hls_group(index, group)
        if kind == "FILE_GROUP_SETTINGS":
            return self._file_group(index, group)
        raise JobRefused(1040, f"OutputGroups[{index}]: {kind} is not an output group the local engine writes")

    def _cmaf_group(self, index: int, group: Mapping[str, Any], settings: Mapping[str, Any]) -> CmafGroup:
        bucket, prefix, base = self._destination(settings.get("Destination", ""), index)
        video, audio, captions = [], [], []
        for number, output in enumerate(group["Outputs"]):
            place = f"OutputGroups[{index}].Outputs[{number}]"
            name = base + output.get("NameModifier", "")
            if output.get("CaptionDescriptions"):
                captions.append(self._captions(place, number, name, output, first=not captions))
            elif "VideoDescription" in output:
                file = f"video-{index}-{number}.mp4"
                video.append(self._rendition(place, file, number, name, output, settings))
            else:
                audio.append(self._cmaf_audio(place, number, name, output))
        if captions and not video and not audio:
            raise JobRefused(1040, f"OutputGroups[{index}]: captions need a picture or sound in the same group")
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
            captions=tuple(captions),
        )

    def _hls_group(self, index: int, group: Mapping[str, Any]) -> HlsGroup:
        settings = group["OutputGroupSettings"]["HlsGroupSettings"]
        bucket, prefix, base = self._destination(settings.get("Destination", ""), index)
        seconds = Fraction(settings.get("SegmentLength", 10))
        renditions, captions = [], []
        for number, output in enumerate(group["Outputs"]):
            place = f"OutputGroups[{index}].Outputs[{number}]"
            if output.get("CaptionDescriptions") and "VideoDescription" not in output:
                name = base + output.get("NameModifier", "")
                captions.append(self._captions(place, number, name, output, first=not captions))
            else:
                renditions.append(self._ts_rendition(place, index, number, base, output, settings))
        if captions and not renditions:
            raise JobRefused(1040, f"OutputGroups[{index}]: captions need a picture or sound in the same group")
        video = [rendition.video for rendition in renditions if rendition.video]
        exact = settings.get("SegmentLengthControl", "EXACT") == "EXACT"
        gops = encoders.gops_per_segment(index, video, seconds, exact)
        whole = gops * video[0].gop_frames / video[0].frame_rate if gops else seconds
        match = settings.get("CaptionSegmentLengthControl") == "MATCH_VIDEO"
        return HlsGroup(
            index=index,
            bucket=bucket,
            prefix=prefix,
            base=base,
            segment_seconds=seconds,
            gops_per_segment=gops,
            renditions=tuple(renditions),
            playlists=settings.get("OutputSelection", "MANIFESTS_AND_SEGMENTS") == "MANIFESTS_AND_SEGMENTS",
            whole_seconds=settings.get("ManifestDurationFormat") == "INTEGER",
            tiles=trickplay.tile_sets(index, settings, base, video, whole, self._thumbnail),
            captions=tuple(captions),
            caption_seconds=None if match else LARGE_CAPTION_SEGMENTS,
        )

    def _ts_rendition(
        self, place: str, index: int, number: int, base: str, output: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> TsRendition:
        name = base + output.get("NameModifier", "")
        muxer = output.get("ContainerSettings", {}).get("M3u8Settings", {})
        unit = {"SECONDS": 1000, "MILLISECONDS": 1}.get(muxer.get("PtsOffsetMode"))
        video, sounds_, audio = None, (), None
        if "VideoDescription" in output:
            video = self._rendition(place, f"video-{index}-{number}.mp4", number, name, output, settings)
            sounds_ = tuple(self._movie_sound(place, item) for item in output.get("AudioDescriptions", []))
        else:
            audio = self._cmaf_audio(place, number, name, output)
        return TsRendition(
            output=number,
            name=name,
            segment_name=name + output.get("OutputSettings", {}).get("HlsSettings", {}).get("SegmentModifier", ""),
            video=video,
            sounds=sounds_,
            audio=audio,
            pts_offset_ms=muxer.get("PtsOffset", 2) * unit if unit else DEFAULT_PTS_OFFSET_MS,
            muxer=muxer,
        )

    def _file_group(self, index: int, group: Mapping[str, Any]) -> FileGroup:
        settings = group["OutputGroupSettings"]["FileGroupSettings"]
        bucket, prefix, base = self._destination(settings.get("Destination", ""), index)
        captures, movies = [], []
        for number, output in enumerate(group["Outputs"]):
            place = f"OutputGroups[{index}].Outputs[{number}]"
            name = base + output.get("NameModifier", "")
            codec = output.get("VideoDescription", {}).get("CodecSettings", {}).get("Codec")
            if codec == "FRAME_CAPTURE":
                captures.append(self._capture(place, f"capture-{index}-{number}", number, name, output))
            else:
                movies.append(self._movie(place, f"{index}-{number}", number, name, output))
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
                f"output; the file has {sounds.tracks_in_words(self.facts)}).",
            )
        track = self.facts.video[0]
        if probe.video_codec(track.codec) == "UNKNOWN":
            raise JobRefused(1030, f"Video codec [{track.codec}] is not a supported input video codec")
        if track.width < 1 or track.height < 1:
            why = f"no picture of it could be decoded, and {place} is a video output"
            raise JobRefused(
                1020, f"Your input file [{self.url}] doesn't have video that the transcoder can consume ({why})."
            )
        return track

    def _rotation(self) -> int:
        wanted = self.source.get("VideoSelector", {}).get("Rotate", "DEGREE_0")
        if wanted == "AUTO":
            return self.facts.video[0].rotation
        return {"DEGREE_0": 0, "DEGREES_90": 90, "DEGREES_180": 180, "DEGREES_270": 270}[wanted]

    def _picture(self, place: str, description: Mapping[str, Any], pixel_aspect: Fraction) -> Picture:
        track, rotation, crop = self.facts.video[0], self._rotation(), self._crop(place, description)
        if crop:
            track = dataclasses.replace(track, width=crop[2], height=crop[3])
        width, height = dataclasses.replace(track, rotation=rotation).display_size  # square pixels, upright
        frame = geometry.frame_size(place, description, width, height, pixel_aspect)
        position = self.source.get("Position") or description.get("Position")
        if position:
            return geometry.positioned(place, frame, position)
        shape = width / height / pixel_aspect  # of the picture, in output pixels
        behaviour = description.get("ScalingBehavior", "DEFAULT")
        return geometry.place_picture(frame, shape, behaviour, (width / pixel_aspect, height))

    def _crop(self, place: str, description: Mapping[str, Any]) -> tuple[int, int, int, int] | None:
        """Input.Crop: "If you specify a value here, it will override any value that you specify in the output"."""
        box = self.source.get("Crop") or description.get("Crop")
        track = self.facts.video[0]
        return geometry.cropped(place, box, self._rotation(), (track.width, track.height)) if box else None

    def _thumbnail(self, place: str, size: Mapping[str, Any]) -> Picture:
        return self._picture(place, size, Fraction(1))

    def _look(self, place: str, description: Mapping[str, Any], depth: int) -> Look:
        preprocessors = description.get("VideoPreprocessors", {})
        deinterlacer = preprocessors.get("Deinterlacer")
        way = None
        if deinterlacer is not None:
            way = deinterlacer.get("Mode", "DEINTERLACE"), deinterlacer.get("Control", "NORMAL")
        wanted = preprocessors.get("ColorCorrector", {}).get("ColorSpaceConversion", "NONE")
        return Look(self._colors(place, wanted, depth), depth, way, self._crop(place, description))

    def _colors(self, place: str, wanted: str, depth: int) -> str:
        track = self.facts.video[0]
        kept = {"NONE": track.color_transfer, "FORCE_HDR10": "smpte2084", "FORCE_HLG_2020": "arib-std-b67"}
        if wanted not in kept:
            return {"FORCE_709": "BT709", "FORCE_601": "BT601"}[wanted]
        if wanted != "NONE" and (kept[wanted] != track.color_transfer or depth == 8):
            raise JobRefused(
                1040,
                f"{place}: {wanted} needs a source in that colour space and a 10 bit output; the source has "
                f"{track.color_transfer}, the output {depth} bit",
            )
        # HDR in 8 bit would be bands; MediaConvert, asked for nothing, would write them.
        return ("HDR" if depth > 8 else "BT709") if track.is_hdr else "SDR"

    def _rendition(
        self, place: str, file: str, number: int, name: str, output: Mapping[str, Any], group: Mapping[str, Any]
    ) -> VideoRendition:
        """An output's picture. `group`: the CmafGroupSettings that say where it will be cut, empty when it is not."""
        track = self._video_track(place)
        codec = output["VideoDescription"]["CodecSettings"]
        settings = codecs.settings_of(codec)
        picture = self._picture(place, output["VideoDescription"], geometry.pixel_aspect_of(settings))
        look = self._look(place, output["VideoDescription"], codecs.depth_of(codec))
        rate = self._output_rate(place, settings, track)
        gop = codecs.gop_frames(codec, rate)
        cut = encoders.fragment_options(group, rate, gop)
        if codec["Codec"] in ("H_264", "H_265"):  # AV1's settings have no word for it
            self._check_aspect(place, settings, track)
        metadata = self._hdr_metadata(output["VideoDescription"]) if look.colors == "HDR" else None
        coded = codecs.options(place, codec, picture, rate, gop, self._duration(has_picture=True), metadata) | cut
        if codec["Codec"] == "H_264" and settings.get("SceneChangeDetect", "DISABLED") != "DISABLED":
            forced = Fraction(group.get("SegmentLength", 10)) if "force_key_frames" in cut else None
            coded |= encoders.scene_cut_options(rate, gop, forced)
        if encoders.two_passes(codec):
            coded["x264-params"] = f"pass=2:stats={self._first_pass(look, picture, rate, coded)}"
        cmfc = _listing(output)
        sets = (part.strip() for part in cmfc.get("AudioRenditionSets", "").split(","))
        return VideoRendition(
            output=number,
            name=name,
            file=self._encode(VideoEncode(file, look, picture, rate, coded)),
            picture=picture,
            frame_rate=rate,
            gop_frames=gop,
            max_bitrate=codecs.max_bitrate(codec),
            audio_groups=tuple(filter(None, sets)),
            i_frame_playlist=cmfc.get("IFrameOnlyManifest") == "INCLUDE",
            video_range=VIDEO_RANGES[track.color_transfer] if look.colors == "HDR" else "SDR",
            hdr=metadata,
        )

    def _check_aspect(self, place: str, settings: Mapping[str, Any], track: VideoTrack) -> None:
        """Every output here has square pixels; a source's own shape is not carried over."""
        if settings.get("ParControl", "INITIALIZE_FROM_SOURCE") != "SPECIFIED" and track.sample_aspect != 1:
            shape = track.sample_aspect
            raise JobRefused(
                1040,
                f"{place}: ParControl INITIALIZE_FROM_SOURCE, also when left out, is honoured by the local engine for "
                f"square pixels only, and the source's are {shape.numerator}:{shape.denominator}; set SPECIFIED, 1:1",
            )

    def _hdr_metadata(self, description: Mapping[str, Any]) -> hdr.Metadata | None:
        """The output's own, the input's, or what the source says of itself."""
        corrector = description.get("VideoPreprocessors", {}).get("ColorCorrector", {})
        configured = corrector.get("Hdr10Metadata") or self.source.get("VideoSelector", {}).get("Hdr10Metadata")
        return hdr.configured(configured) or hdr.probed(self.facts.video[0].raw.get("side_data_list", []))

    def _first_pass(self, look: Look, picture: Picture, rate: Fraction, options: Mapping[str, Any]) -> str:
        """The log of a first pass over this picture, one for all renditions of its kind: as small as 360 lines."""
        width, height = picture.inner
        smaller = min(Fraction(1), Fraction(FIRST_PASS_LINES, min(width, height)))
        size = geometry.even((width * smaller, height * smaller))
        for log, encode in self.first_passes.items():
            alike = encoders.first_pass_options(options, log)
            if (encode.look, encode.frame_rate, encode.options) == (look, rate, alike):
                return log
        log = f"first-pass-{len(self.first_passes)}.log"
        self.first_passes[log] = VideoEncode(
            f"first-pass-{len(self.first_passes)}.mp4", look, Picture(size, size), rate,
            encoders.first_pass_options(options, log),
        )  # fmt: skip
        return log

    def _encode(self, wanted: VideoEncode) -> str:
        """The file this picture is encoded to; the same for all outputs that want the same."""
        for number, encode in enumerate(self.encodes):
            alike = dataclasses.replace(wanted, file=encode.file, options=encode.options) == encode
            if alike and encoders.same(wanted.options, encode.options):
                # Who cuts the finest decides: whole fragments make whatever is longer.
                finest = encoders.finer_cut(wanted.options, encode.options)
                self.encodes[number] = dataclasses.replace(encode, options=encode.options | finest)
                return encode.file
        self.encodes.append(wanted)
        return wanted.file

    def _movie(self, place: str, file: str, number: int, name: str, output: Mapping[str, Any]) -> Movie:
        container = output["ContainerSettings"]
        if container["Container"] not in encoders.MOVIES:
            raise JobRefused(
                1040, f"{place}: {container['Container']} is not a container the local engine writes files in"
            )
        extension, muxer = encoders.MOVIES[container["Container"]]
        video = None
        if "VideoDescription" in output:
            video = self._rendition(place, f"video-{file}.mp4", number, name, output, {})
        return Movie(
            output=number,
            name=name,
            file=f"movie-{file}.{extension}",
            extension=output.get("Extension", extension),
            muxer=muxer,
            options=encoders.movie_options(container),
            video=video,
            sounds=tuple(self._movie_sound(place, item) for item in output.get("AudioDescriptions", [])),
        )

    def _movie_sound(self, place: str, description: Mapping[str, Any]) -> MovieSound:
        sound = self._sound(place, description)
        return MovieSound(sound.file, sound.language, description.get("StreamName"))

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
        asks = "VideoPreprocessors" in description or self._crop(place, description)
        return Capture(
            output=number,
            name=name,
            file=file,
            picture=self._picture(place, description, Fraction(1)),
            every_seconds=Fraction(settings.get("FramerateDenominator", 1), settings.get("FramerateNumerator", 1)),
            at_most=settings.get("MaxCaptures", 10_000_000),
            quality=settings.get("Quality", 80),
            look=self._look(place, description, depth=8) if asks else None,
        )

    def _pictures(self, captures: list[Capture | Tiles]) -> list[Any]:
        if not self.encodes and not captures:
            return []
        return pictures.outputs(self.facts.video[0], self._turned(), self.encodes, captures)

    def _turned(self) -> pictures.Turned:
        return pictures.Turned(self._rotation(), self.source.get("InputScanType") == "PSF", self.clips)

    # --- sounds ------------------------------------------------------------------------------------------------------

    def _sound(self, place: str, description: Mapping[str, Any]) -> sounds.Sound:
        sound = self.sounds.add(place, description)
        settings = description["CodecSettings"].get("AacSettings", {})
        if settings.get("CodecProfile", "LC") in encoders.HE_AAC:
            self.warnings.append(Warned(encoders.LOCAL_WARNING, encoders.he_aac_warning(place, settings)))
        return sound

    def _cmaf_audio(self, place: str, number: int, name: str, output: Mapping[str, Any]) -> AudioRendition:
        description = output["AudioDescriptions"][0]
        sound = self._sound(place, description)
        language = sounds.language_of(description, self.sounds.track_of(description))
        cmfc = _listing(output)
        kind = cmfc.get("AudioTrackType", "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT")
        return AudioRendition(
            output=number,
            name=name,
            file=sound.file,
            group_id=cmfc.get("AudioGroupId", f"program_audio_{number}"),
            language=language,
            label=description.get("StreamName") or language_name(language) or "Audio",
            default=kind == "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT",
            autoselect=kind != "ALTERNATE_AUDIO_NOT_AUTO_SELECT",
            variant=kind == "AUDIO_ONLY_VARIANT_STREAM",
        )

    def _sound_files(self, streams: Mapping[str, Any]) -> Iterator[Any]:
        for sound in self.sounds.all:
            cut = {"movflags": "+empty_moov+default_base_moof", "frag_duration": 2_000_000}
            language = {"metadata:s:a:0": f"language={sound.language}"}
            options = {"f": "mp4", **cut, **encoders.CLEAN, **sound.options, **language}
            yield graph.output(streams[sound.file], sound.file, **options)

    # --- captions ----------------------------------------------------------------------------------------------------

    def _captions(self, place: str, number: int, name: str, output: Mapping[str, Any], first: bool) -> CaptionRendition:
        description = output["CaptionDescriptions"][0]
        if self.clips:
            raise JobRefused(1040, f"{place}: captions of an input with InputClippings are not cut by the local engine")
        language = bcp47(description.get("CustomLanguageCode") or description.get("LanguageCode"))
        webvtt = description.get("DestinationSettings", {}).get("WebvttDestinationSettings", {})
        return CaptionRendition(
            output=number,
            name=name,
            source=self._caption_source(place, description["CaptionSelectorName"]),
            language=language,
            label=description.get("LanguageDescription") or language_name(language) or "Captions",
            # User guide, IMSC, TTML and WebVTT output captions: "The captions track that you specify first in your job
            # is signaled as the default track in the HLS manifest."
            default=first,
            accessibility=webvtt.get("Accessibility") == "ENABLED",
        )

    def _caption_source(self, place: str, selector: str) -> CaptionSource:
        selectors = self.source["CaptionSelectors"]
        settings = selectors[selector]["SourceSettings"]
        if settings["SourceType"] == "EMBEDDED":
            self._video_track(place)
            channel = settings.get("EmbeddedSourceSettings", {}).get("Source608ChannelNumber", 1)
            return CaptionSource("EMBEDDED", USER_DATA_FILE, channel=channel)
        file = settings["FileSourceSettings"]
        unit = 1 if file.get("TimeDeltaUnits", "SECONDS") == "MILLISECONDS" else 1000
        name = f"captions-{list(selectors).index(selector)}"  # ours: the file's own name is user text
        return CaptionSource(settings["SourceType"], name, file["SourceFile"], shift_ms=file.get("TimeDelta", 0) * unit)

    def _user_data(self, groups: tuple[Group, ...]) -> Iterator[Any]:
        """The captions inside the pictures: copied out while the film is read anyway, without decoding it again."""
        streams = (group for group in groups if isinstance(group, CmafGroup | HlsGroup))
        if any(rendition.source.url is None for group in streams for rendition in group.captions):
            track = self.facts.video[0]
            if track.codec in cea608.COPIED:
                options = {"f": "matroska", "c:v": "copy", "bsf:v": cea608.COPIED[track.codec]}
                yield graph.output(
                    pictures.source()[str(track.index)], USER_DATA_FILE, avoid_negative_ts="disabled",
                    **options, **encoders.CLEAN,
                )  # fmt: skip

    # --- lengths and limits ------------------------------------------------------------------------------------------

    def _duration(self, has_picture: bool) -> float | None:
        """Of what is made, as far as the source's headers tell."""
        whole = self._source_duration(has_picture)
        return clips.length(self.clips, whole) if self.clips else whole

    def _source_duration(self, has_picture: bool) -> float | None:
        tracks = self.facts.video[:1] if has_picture else self.facts.audio
        if not has_picture and getattr(self, "sounds", None):
            tracks = tuple(self.sounds.tracks.values())
        ends = [sounds.end(track, self.facts) for track in tracks]
        known = [end for end in ends if end is not None]
        return max(known) if known else self.facts.duration

    def _length_warnings(self) -> Iterator[Warned]:
        if not self.encodes or self.clips:
            return
        picture = sounds.end(self.facts.video[0], self.facts)
        for track in self.sounds.tracks.values():
            sound = sounds.end(track, self.facts)
            if picture is None or sound is None:
                continue
            if picture - sound >= 0.1:
                yield Warned(240000, SILENCE_ADDED)
            elif sound - picture >= 0.1:
                yield Warned(240001, SOUND_DROPPED)

    def _limits(self, duration: float | None) -> Limits:
        """Generous, since a slow laptop is no error, but finite: a film that never ends must."""
        seconds = duration or UNKNOWN_DURATION_SECONDS
        pixels = sum(e.picture.frame[0] * e.picture.frame[1] * e.frame_rate for e in self.encodes) or 1
        slowest = max(
            10, float(pixels) / 1_000_000
        )  # CPU seconds for one of film where a core makes a megapixel a second
        wall = 600 + seconds * slowest
        largest = max([encoders.highest_rate(encode.options) for encode in self.encodes], default=1_000_000)
        return Limits(
            wall_seconds=wall,
            cpu_seconds=int(wall * self.cpus),
            memory_bytes=(8 << 30) + (self.cpus << 28),
            file_bytes=max(1 << 30, int(seconds * largest / 8 * 2)),
        )


def _listing(output: Mapping[str, Any]) -> Mapping[str, Any]:
    """How an output is listed in playlists: CmfcSettings and HlsSettings have the same words for it."""
    in_cmaf = output.get("ContainerSettings", {}).get("CmfcSettings")
    return in_cmaf or output.get("OutputSettings", {}).get("HlsSettings", {})


def _arguments(outputs: list[Any]) -> tuple[str, ...]:
    job = graph.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]
    return tuple(job.get_args())
