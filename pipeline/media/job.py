"""Plan renditions: source facts in, MediaConvert job settings out. Pure, so that golden files can hold it.

The settings are those that AWS takes and, unchanged, the local MediaConvert. Field names are MediaConvert's own
(API Reference, "Jobs"); the choices are ours:

* one CMAF output group, whose segments HLS and DASH share; sound in rendition groups of its own (sound.py), pictures in
  codecs.py. Segments are whole groups of pictures (GOP_MULTIPLE): EXACT would add a key frame wherever 29.97 frames a
  second drift away from whole seconds;
* captions that are inside the picture (608/708) become a WebVTT rendition, thumbnails become tile images, both where
  the profile asks for them; sidecar captions are not MediaConvert's work: a late one needs no encode;
* a poster as frame capture in the same job, because MediaConvert refuses jobs that only capture frames; at the moment
  that the film's owner wishes, else a tenth into the film. A film without a picture has none: its cover is taken from
  the file when it is published;
* every destination ends in a fixed base name, or the uploaded file's name would leak into our URLs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pipeline.media import codecs, sound
from pipeline.media.asset import Upload
from pipeline.media.codecs import GOP_SECONDS
from pipeline.media.errors import PlanImpossible, SourceRejected
from pipeline.media.keys import file_name
from pipeline.media.ladder import Rung, rungs_for
from pipeline.media.languages import MEDIACONVERT, english_name
from pipeline.media.profiles import Profile, ProfilesBroken, Thumbnails, load
from pipeline.media.sound import AudioRendition
from pipeline.media.source import Source, VideoTrack
from pipeline.media.wishes import clock, heard

STREAM_BASE = "stream"
POSTER_BASE = "poster"
DOWNLOAD_BASE = "download"
AUDIO_MODIFIER = sound.MODIFIER
CAPTIONS_NAME = "captions_cc1"
SEGMENT_SECONDS = 4
_CAPTION_SELECTOR = "Caption Selector 1"
_LONGEST_MS = 12 * 3600 * 1000
#: Three sweeps: a job that waits in a long queue is silent, and the sweep keeps its step's heartbeat (every 5 minutes).
_HEARTBEAT_SECONDS = 900
#: How long a job may wait for its turn before somebody should know.
_QUEUE_PATIENCE_SECONDS = 7 * 24 * 3600
#: As many thumbnails as a seek bar has room for: a short film has them closer together than the profile says.
_ENOUGH_THUMBNAILS = 100
_LARGEST_POSTER = 1080
#: Of a moment later than this before the end no picture is sure to come.
_LAST_PICTURE_MS = 200


@dataclasses.dataclass(frozen=True)
class ThumbnailPlan:
    """Tile images: one thumbnail every interval_seconds; width and height of one thumbnail in pixels."""

    interval_seconds: int
    width: int
    height: int
    columns: int
    rows: int


@dataclasses.dataclass(frozen=True)
class CaptionPlan:
    """A caption rendition that MediaConvert makes. language is ISO 639-2/T, "und" where unknown."""

    name: str
    language: str
    label: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """rungs best first, empty for sound alone; streams and download are MediaConvert `Settings`; waits in seconds.

    automated: MediaConvert chooses among the rungs and names what it makes; they are sizes it may use, not promises.
    warnings: sentences for the film's owner, who reads them in the receipt.
    """

    rungs: tuple[Rung, ...]
    audio: tuple[AudioRendition, ...]
    captions: tuple[CaptionPlan, ...]
    thumbnails: ThumbnailPlan | None
    automated: bool
    warnings: tuple[str, ...]
    streams: dict[str, Any]
    download: dict[str, Any] | None
    timeout_seconds: int
    heartbeat_seconds: int

    def as_state(self) -> dict[str, Any]:
        """The `plan` part of the state, but for the settings, which are too large for it."""
        return {
            "rungs": [{**dataclasses.asdict(rung), "frame_rate": str(rung.frame_rate)} for rung in self.rungs],
            "audio": [rendition.as_state() for rendition in self.audio],
            "captions": [dataclasses.asdict(caption) for caption in self.captions],
            "thumbnails": dataclasses.asdict(self.thumbnails) if self.thumbnails else None,
            "automated": self.automated,
            "warnings": list(self.warnings),
            "timeout_seconds": self.timeout_seconds,
            "heartbeat_seconds": self.heartbeat_seconds,
        }


def profile_named(name: str) -> Profile:
    """The deployment's profile. Raises PlanImpossible: a template that CDK made cannot name another."""
    try:
        profiles = load()
    except ProfilesBroken as error:
        raise PlanImpossible(
            "PLAN_IMPOSSIBLE", f"profiles cannot be read: {error}", fix="Mend profiles.toml, deploy, redrive."
        ) from error
    if name not in profiles:
        raise PlanImpossible(
            "PLAN_IMPOSSIBLE",
            f"there is no profile {name!r}; there are {', '.join(profiles)}",
            fix="Deploy with the context value `profile` set to one of those, then redrive the execution.",
        )
    return profiles[name]


def plan_for(
    upload: Upload, source: Source, outputs_bucket: str, profile: Profile, poster_at_ms: int | None = None
) -> Plan:
    """Choose renditions and write both jobs' settings; poster_at_ms is the moment of the film that becomes its poster.

    Raises SourceRejected.
    """
    name = file_name(upload.key)
    source.require_picture(name, or_sound=profile.sound_alone)
    source.require_duration(name)
    if source.duration_ms > _LONGEST_MS:
        raise SourceRejected(
            "POLICY_TOO_LONG",
            f"{name} lasts {source.duration_ms / 3.6e6:.1f} hours; the limit is {_LONGEST_MS / 3.6e6:.0f}",
            {"duration_ms": source.duration_ms},
        )
    if not profile.pictures:
        source.require_sound(name)
        source = dataclasses.replace(source, video=None, captions=())
    rungs = rungs_of(source.video, profile) if source.video else ()
    audio = sound.renditions_for(source, profile)
    captions = _captions(source) if profile.embedded_captions else ()
    thumbnails = _thumbnails(rungs[0], source.duration_ms, profile.thumbnails) if rungs and profile.thumbnails else None
    poster_at_ms, poster_warnings = _poster_moment(source, poster_at_ms)
    work = _Work(upload, source, profile, f"s3://{outputs_bucket}/{upload.run_prefix}", rungs, audio, poster_at_ms)
    return Plan(
        rungs=rungs,
        audio=audio,
        captions=captions,
        thumbnails=thumbnails,
        automated=profile.per_title and bool(rungs),
        warnings=(*sound.left_out(source, profile.sound.languages), *poster_warnings),
        streams=work.settings([work.streams(captions, thumbnails), *([work.poster()] if rungs else [])], captions),
        download=work.settings([work.download()]) if profile.download and rungs else None,
        timeout_seconds=_QUEUE_PATIENCE_SECONDS + 30 * math.ceil(source.duration_ms / 1000),
        heartbeat_seconds=_HEARTBEAT_SECONDS,
    )


def plan_wished(
    upload: Upload, source: Source, outputs_bucket: str, profile: Profile, wished: Mapping[str, Any]
) -> tuple[Source, Plan]:
    """The plan as the film's owner wishes it, and the source as they name its sounds; what cannot be followed stands
    among the plan's warnings. profile is the wished one already. Raises SourceRejected."""
    named, told = heard(source, wished)
    try:
        plan = plan_for(upload, named, outputs_bucket, profile, wished.get("poster_at_ms"))
    except SourceRejected as error:
        if "profile" not in wished:
            raise
        said = f'{error.message}; its JSON file asks for the profile "{profile.name}"'
        fix = f"{error.fix} Or ask for another profile, or for none, in the JSON file."
        raise SourceRejected(error.code, said, {**error.evidence, "profile": profile.name}, fix) from error
    return named, dataclasses.replace(plan, warnings=(*told, *plan.warnings))


def rungs_of(video: VideoTrack, profile: Profile) -> tuple[Rung, ...]:
    """Every rung that the profile asks for: H.264 first, then the codecs beside it, HDR last."""
    rungs = [rung for codec in profile.codecs for rung in rungs_for(video, profile.boxes[codec], codec)]
    if profile.keep_hdr and video.hdr:
        kept = rungs_for(video, profile.boxes["hevc"], "hevc", video.video_range)
        names = {rung.name for rung in rungs}
        # Where HEVC is there in SDR too, one name cannot stand for both.
        rungs += [dataclasses.replace(r, name=f"{r.name}_hdr") if r.name in names else r for r in kept]
    return tuple(rungs)


def poster_seconds(duration_ms: int) -> int:
    """The poster is the second captured frame: a tenth into the film, since films begin black. At least one second."""
    return max(1, duration_ms // 10_000)


def _poster_moment(source: Source, wished_ms: int | None) -> tuple[int | None, tuple[str, ...]]:
    """The moment to capture, None for the usual one; and a sentence where the wish cannot be followed."""
    if wished_ms is None:
        return None, ()
    if source.video is None:
        return None, ("poster_time is not followed: what is published has no picture.",)
    if wished_ms >= source.duration_ms:
        end = clock(source.duration_ms)
        return None, (f"poster_time {clock(wished_ms)} is not followed: the film ends at {end}.",)
    one = math.ceil(1000 / source.video.frame_rate)
    latest = source.duration_ms - max(_LAST_PICTURE_MS, 2 * one)
    return (0 if min(wished_ms, latest) < one else min(wished_ms, latest)), ()


def _captions(source: Source) -> tuple[CaptionPlan, ...]:
    return tuple(
        CaptionPlan(CAPTIONS_NAME, language, english_name(language) if language != "und" else "Captions")
        for language in source.captions
    )


def _thumbnails(best: Rung, duration_ms: int, wishes: Thumbnails) -> ThumbnailPlan:
    """Width divisible by 8, height by 2 (API Reference, CmafImageBasedTrickPlaySettings)."""
    longer = min(wishes.longer_side, max(best.width, best.height))
    width = longer * best.width / max(best.width, best.height)
    width = max(8, 8 * round(width / 8))
    height = max(2, 2 * round(width * best.height / best.width / 2))
    spread = math.ceil(duration_ms / 1000 / _ENOUGH_THUMBNAILS)
    return ThumbnailPlan(max(1, min(wishes.every_seconds, spread)), width, height, wishes.columns, wishes.rows)


@dataclasses.dataclass(frozen=True)
class _Work:
    """What every part of the settings needs to see."""

    upload: Upload
    source: Source
    profile: Profile
    destination: str
    rungs: tuple[Rung, ...]
    audio: tuple[AudioRendition, ...]
    poster_at_ms: int | None

    @property
    def video(self) -> VideoTrack:
        assert self.source.video is not None
        return self.source.video

    def settings(self, groups: list[dict[str, Any]], captions: tuple[CaptionPlan, ...] = ()) -> dict[str, Any]:
        return {
            "TimecodeConfig": {"Source": "ZEROBASED"},
            "Inputs": [self._input(bool(captions))],
            "OutputGroups": groups,
        }

    def _input(self, captions: bool) -> dict[str, Any]:
        settings: dict[str, Any] = {"FileInput": self.upload.url, "TimecodeSource": "ZEROBASED"}
        if self.source.video:
            settings["VideoSelector"] = {"ColorSpace": "FOLLOW", "Rotate": self._rotate()}
        if self.audio:
            settings["AudioSelectors"] = sound.selectors(self.audio)
        if captions:
            settings["CaptionSelectors"] = {_CAPTION_SELECTOR: {"SourceSettings": _EMBEDDED}}
        return settings

    def _rotate(self) -> str:
        """AUTO follows QuickTime's and MP4's own rotation and no others (User Guide, "Rotating video"): say theirs."""
        if self.source.container in ("mp4", "quicktime") and self.video.rotation_in_container:
            return "AUTO"
        return {0: "DEGREE_0", 90: "DEGREES_90", 180: "DEGREES_180", 270: "DEGREES_270"}[self.video.rotation]

    # --- the streams -------------------------------------------------------------------------------------------------

    def streams(self, captions: tuple[CaptionPlan, ...], thumbnails: ThumbnailPlan | None) -> dict[str, Any]:
        if self.profile.per_title and self.rungs:
            pictures = [self._rendition("", codecs.automated(self.rungs[0], self.video, self.profile))]
        else:
            described = ((rung.name, codecs.picture(rung, self.video, self.profile)) for rung in self.rungs)
            pictures = [self._rendition(f"_{name}", picture) for name, picture in described]
        sounds = [sound.output(each, self.profile.sound, alone=not self.rungs) for each in self.audio]
        group: dict[str, Any] = {
            "Name": "Streams",
            "OutputGroupSettings": {
                "Type": "CMAF_GROUP_SETTINGS",
                "CmafGroupSettings": {**self._cmaf(), **_image_trick_play(thumbnails)},
            },
            "Outputs": [*pictures, *sounds, *map(_caption_output, captions)],
        }
        if self.profile.per_title and self.rungs:
            group["AutomatedEncodingSettings"] = {"AbrSettings": _abr(self.rungs)}
        return group

    def _cmaf(self) -> dict[str, Any]:
        return {
            "Destination": self.destination + STREAM_BASE,
            "SegmentControl": "SEGMENTED_FILES",
            "SegmentLength": SEGMENT_SECONDS,
            "SegmentLengthControl": "GOP_MULTIPLE",
            "FragmentLength": GOP_SECONDS,
            "MinFinalSegmentLength": 0,
            "WriteHlsManifest": "ENABLED",
            "WriteDashManifest": "ENABLED",
            "WriteSegmentTimelineInRepresentation": "ENABLED",
            "StreamInfResolution": "INCLUDE",
            "ManifestDurationFormat": "FLOATING_POINT",
            "CodecSpecification": "RFC_6381",
            "ManifestCompression": "NONE",
            "ClientCache": "ENABLED",
            "MpdProfile": "MAIN_PROFILE",
            "TargetDurationCompatibilityMode": "SPEC_COMPLIANT",
            "PtsOffsetHandlingForBFrames": "ZERO_BASED",
        }

    def _rendition(self, modifier: str, picture: dict[str, Any]) -> dict[str, Any]:
        i_frames = self.profile.i_frames and picture["CodecSettings"]["Codec"] == "H_264"
        container = {"Scte35Source": "NONE", "IFrameOnlyManifest": "INCLUDE" if i_frames else "EXCLUDE"}
        if self.audio:
            container["AudioRenditionSets"] = ",".join(dict.fromkeys(each.group for each in self.audio))
        return {
            "NameModifier": modifier or "_auto",
            "ContainerSettings": {"Container": "CMFC", "CmfcSettings": container},
            "VideoDescription": picture,
        }

    # --- files -------------------------------------------------------------------------------------------------------

    def poster(self) -> dict[str, Any]:
        """In SDR and no larger than a page needs: the best H.264 rung up to 1080p."""
        sizes = [rung for rung in self.rungs if rung.codec == "h264"]
        rung = next((each for each in sizes if min(each.width, each.height) <= _LARGEST_POSTER), sizes[-1])
        capture = {"Codec": "FRAME_CAPTURE", "FrameCaptureSettings": {**self._captures(), "Quality": 80}}
        output = {
            "ContainerSettings": {"Container": "RAW"},
            "VideoDescription": {**codecs.frame(rung, self.video, self.profile), "CodecSettings": capture},
        }
        return _file_group("Poster", self.destination + POSTER_BASE, output)

    def _captures(self) -> dict[str, int]:
        """The first frame of the film, then one every so many seconds: the last capture is the poster."""
        moment = self.poster_at_ms
        if moment is None:
            moment = 1000 * poster_seconds(self.source.duration_ms)
        every = Fraction(moment or 1000, 1000)
        return {
            "FramerateNumerator": every.denominator,
            "FramerateDenominator": every.numerator,
            "MaxCaptures": 2 if moment else 1,
        }

    def download(self) -> dict[str, Any]:
        output: dict[str, Any] = {
            # Players start a progressive MP4 before it has been fetched only when the index comes first.
            "ContainerSettings": {"Container": "MP4", "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"}},
            "VideoDescription": codecs.picture(self.rungs[0], self.video, self.profile),
        }
        if self.audio:
            output["AudioDescriptions"] = [sound.description(self.audio[0], self.profile.sound)]
        return _file_group("Download", self.destination + DOWNLOAD_BASE, output)


_EMBEDDED = {
    "SourceType": "EMBEDDED",
    "EmbeddedSourceSettings": {
        "Source608ChannelNumber": 1,
        "Source608TrackNumber": 1,
        "Convert608To708": "DISABLED",
        "TerminateCaptions": "END_OF_INPUT",
    },
}


def _caption_output(caption: CaptionPlan) -> dict[str, Any]:
    """Captions inside a picture are made for those who do not hear it, hence Accessibility."""
    known = caption.language in MEDIACONVERT
    code = {"LanguageCode": caption.language.upper()} if known else {"CustomLanguageCode": caption.language}
    return {
        "NameModifier": f"_{caption.name}",
        "ContainerSettings": {"Container": "CMFC"},
        "CaptionDescriptions": [
            {
                "CaptionSelectorName": _CAPTION_SELECTOR,
                **(code if caption.language != "und" else {}),
                "LanguageDescription": caption.label,
                "DestinationSettings": {
                    "DestinationType": "WEBVTT",
                    "WebvttDestinationSettings": {"Accessibility": "ENABLED", "StylePassthrough": "DISABLED"},
                },
            }
        ],
    }


def _image_trick_play(thumbnails: ThumbnailPlan | None) -> dict[str, Any]:
    if thumbnails is None:
        return {}
    return {
        "ImageBasedTrickPlay": "ADVANCED",
        "ImageBasedTrickPlaySettings": {
            "IntervalCadence": "FOLLOW_CUSTOM",
            "ThumbnailInterval": thumbnails.interval_seconds,
            "ThumbnailWidth": thumbnails.width,
            "ThumbnailHeight": thumbnails.height,
            "TileWidth": thumbnails.columns,
            "TileHeight": thumbnails.rows,
        },
    }


def _abr(rungs: tuple[Rung, ...]) -> dict[str, Any]:
    """The ladder's sizes and nothing else, so that every rendition has the source's shape; caps as the ends of the
    bitrate's range. At least 3 renditions may be asked for, at most 15 (API Reference, AutomatedAbrSettings)."""
    sizes = [{"Width": rung.width, "Height": rung.height, "Required": "DISABLED"} for rung in rungs]
    return {
        "MaxAbrBitrate": rungs[0].max_bitrate_bps,
        "MinAbrBitrate": min(rungs[-1].max_bitrate_bps, rungs[0].max_bitrate_bps),
        "MaxRenditions": min(15, max(3, len(rungs))),
        "Rules": [{"Type": "ALLOWED_RENDITIONS", "AllowedRenditions": sizes}],
    }


def _file_group(name: str, destination: str, output: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": name,
        "OutputGroupSettings": {
            "Type": "FILE_GROUP_SETTINGS",
            "FileGroupSettings": {"Destination": destination},
        },
        "Outputs": [output],
    }
