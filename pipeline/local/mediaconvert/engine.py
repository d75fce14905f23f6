"""Do a job: run the planned ffmpeg command, cut and upload segments while it runs, write the manifests when it is done.

In: an `EnginePlan`, the source's facts, the working directory, an uploader. Out: `outputGroupDetails` as MediaConvert
reports them, measured from what was made. What can go wrong: `EngineFailed` with MediaConvert's code: 1020 nothing
could be decoded, 1076 the file is truncated, 1522 it took too long, 1999 ffmpeg crashed or was killed (the signal is
named).

ffmpeg exits with status 0 after half a film, so its status is not believed: what came out is compared with what the
source's headers promised. Bytes that the container says should be there, or errors while reading, make it 1076, as in
MediaConvert; when the file is whole and only its header is too optimistic, it is warning 220000.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert import (
    abr,
    budget,
    cmaf,
    extras,
    ffmpeg,
    hdr,
    loudness,
    manifests,
    pictures,
    remux,
)
from pipeline.local.mediaconvert.hls_ts import HlsPackager
from pipeline.local.mediaconvert.manifests import PackagedAudio, PackagedCaptions, PackagedTiles, PackagedVideo
from pipeline.local.mediaconvert.plan import UNKNOWN_DURATION_SECONDS
from pipeline.local.mediaconvert.planned import (
    Analysis,
    Capture,
    CmafGroup,
    EnginePlan,
    FileGroup,
    HlsGroup,
    Movie,
    VideoRendition,
    Warned,
)
from pipeline.local.mediaconvert.probe import SourceFacts
from pipeline.local.mediaconvert.transfer import Uploader

# ffmpeg's exit statuses for "Invalid data found when processing input" and for its max_error_rate.
INVALID_DATA, TOO_MANY_ERRORS = 183, 69
NO_PICTURE_DECODED = 1020, "Video sync did not read enough good frames to process successfully"
NO_SOUND_DECODED = 1092, "MediaConvert can't decode one or more of your input audio streams"
TOLERATED_SECONDS, TOLERATED_SHARE = 0.5, 0.01  # of the promised length: headers round, and edit lists cut in mid-GOP


class EngineFailed(Exception):
    """The job failed; `code` is MediaConvert's, `detail` the engine's last lines."""

    def __init__(self, code: int, message: str, detail: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.detail = code, message, detail


def cost_at_720p(facts: SourceFacts, work: Path) -> float:
    """What automated ABR chooses by, from probe encodes; 0 for a film without a picture."""
    if not facts.video:
        return 0.0
    finished = ffmpeg.transcode(abr.probe_arguments(facts, pictures.SOURCE), work, abr.LIMITS)
    if finished.returncode == 0:
        sizes = [(work / file).stat().st_size for file, _ in abr.samples(facts)]
        return abr.cost_at_720p(facts, sizes)
    _check_exit(finished, facts)
    return 0.0


def analyse(analysis: Analysis, facts: SourceFacts, work: Path) -> dict[Any, loudness.Measured]:
    """Measure what the job's plan depends on: the loudness of each sound that is to be corrected."""
    finished = ffmpeg.transcode(analysis.arguments, work, analysis.limits)
    _check_exit(finished, facts)
    return {chain: loudness.read(work, stem, chain.loudness) for stem, chain in analysis.loudness_files.items()}


def run(
    plan: EnginePlan,
    facts: SourceFacts,
    work: Path,
    uploader: Uploader,
    on_progress: Callable[[ffmpeg.Progress], None] = lambda progress: None,
    on_warning: Callable[[Warned], None] = lambda warned: None,
) -> list[dict[str, Any]]:
    def copy(arguments: Sequence[str]) -> None:
        _check_exit(ffmpeg.transcode(arguments, work, plan.limits), facts)

    packagers = [Packager(group, work, uploader) for group in plan.groups if isinstance(group, CmafGroup)]
    packagers += [HlsPackager(group, work, uploader, copy) for group in plan.groups if isinstance(group, HlsGroup)]

    watch = budget.Watch(plan, facts.size, plan.duration or UNKNOWN_DURATION_SECONDS, work)

    def progressed(progress: ffmpeg.Progress) -> None:
        uploader.check()
        watch.check()
        for packager in packagers:
            if isinstance(packager, Packager):
                packager.advance()
        on_progress(progress)

    finished = ffmpeg.transcode(plan.arguments, work, plan.limits, progressed)
    _check_exit(finished, facts)
    for packager in packagers:
        packager.finish()
    movies = [movie for group in plan.groups if isinstance(group, FileGroup) for movie in group.movies]
    lengths = {movie.file: remux.seconds(movie, work) for movie in movies}
    made = _made_seconds(packagers, lengths, plan)
    for warned in (*plan.warnings, *_compare_with_promise(made, plan, facts, finished)):
        on_warning(warned)
    for movie in movies:
        copy(remux.arguments(movie, lengths[movie.file], work))
    details = {packager.group.index: packager.details() for packager in packagers}
    for group in plan.groups:
        if isinstance(group, FileGroup):
            details[group.index] = _upload_files(group, work, uploader, made)
    for packager in packagers:  # after everything they name
        packager.upload_manifests()
    return [details[index] for index in sorted(details)]


# --- what came out, and whether it is the whole film -----------------------------------------------------------------


def _check_exit(finished: ffmpeg.Finished, facts: SourceFacts) -> None:
    if finished.returncode == 0:
        return
    detail = "\n".join(finished.errors)
    if finished.out_of_time:
        raise EngineFailed(1522, "An internal error has occurred and your job timed out.", detail)
    if finished.signal_name:
        raise EngineFailed(
            1999, f"The transcoder was ended by {finished.signal_name} after {finished.seconds:.0f} s", detail
        )
    if "No space left on device" in detail:
        raise EngineFailed(1507, "Write error, disk full", detail)
    if "File too large" in detail:
        raise EngineFailed(
            1507, "Write error: an output is larger than its bitrate and the film's length allow", detail
        )
    if facts.missing_bytes or "partial file" in detail:
        raise _truncated(facts, detail)
    if "Error during demuxing: Cannot allocate memory" in detail:
        raise EngineFailed(1075, "Demuxer: [A header of the file asks for more memory than there is]", detail)
    if "Cannot allocate memory" in detail:
        raise EngineFailed(1999, "The transcoder ran out of memory", detail)
    if "not on whitelist" in detail or "Decoder not found" in detail:
        raise EngineFailed(1030, "The input's codec is not a supported input codec", detail)
    if "Changing audio frame properties on the fly is not supported" in detail:
        code, message = NO_SOUND_DECODED
        raise EngineFailed(code, f"{message}: its channels or sample rate change in mid-film", detail)
    if finished.returncode in (INVALID_DATA, TOO_MANY_ERRORS) or "received no packets" in detail:
        raise _undecodable(facts, finished)
    raise EngineFailed(1999, f"The transcoder ended with status {finished.returncode}", detail)


def _undecodable(facts: SourceFacts, finished: ffmpeg.Finished) -> EngineFailed:
    """The file opened, but what is in it does not decode; ffmpeg names the stream that it gave up."""
    given_up = [line for line in finished.errors if "Decode error rate" in line]
    detail = "\n".join(finished.errors)
    if not facts.video or (given_up and all("[aist#" in line for line in given_up)):
        return EngineFailed(*NO_SOUND_DECODED, detail)
    return EngineFailed(*NO_PICTURE_DECODED, detail)


def _truncated(facts: SourceFacts, detail: str) -> EngineFailed:
    where = f"end of file hit at length [{facts.size}]"
    return EngineFailed(1076, f"Demuxer: [ReadPacketData File read failed - {where}. Is file truncated?]", detail)


def _made_seconds(packagers: list[Packager | HlsPackager], movies: dict[str, Fraction], plan: EnginePlan) -> Fraction:
    ends = [packager.seconds for packager in packagers] + list(movies.values())
    return max(ends) if ends else Fraction(plan.duration or 0)


def _compare_with_promise(
    made: Fraction, plan: EnginePlan, facts: SourceFacts, finished: ffmpeg.Finished
) -> Iterator[Warned]:
    detail = "\n".join(finished.errors)
    if made == 0:
        raise EngineFailed(*NO_PICTURE_DECODED, detail)
    promised = plan.duration or 0
    short = promised - float(made) > max(TOLERATED_SECONDS, promised * TOLERATED_SHARE)
    if short and (facts.missing_bytes or _read_errors(finished)):
        raise _truncated(facts, detail or f"{float(made):.3f} s of {promised:.3f} s could be read")
    if facts.format == "avi" and facts.missing_bytes > (facts.size + facts.missing_bytes) * TOLERATED_SHARE:
        # Without the index at its end, ffmpeg makes up an AVI's length from what there is.
        raise _truncated(facts, detail or f"{facts.missing_bytes} bytes are missing")
    if short or facts.missing_bytes:
        yield Warned(
            220000, f"Your input file is truncated. ({float(made):.3f} s of the {promised:.3f} s its headers promise)"
        )
    elif finished.error_count:
        yield from _decoder_warnings(finished)


_READ_ERRORS = (
    "Error during demuxing",
    "error reading",
    "Invalid data found when processing input",
    "partial file",
    "Truncat",
)


def _read_errors(finished: ffmpeg.Finished) -> bool:
    return any(sign in line for line in finished.errors for sign in _READ_ERRORS)


def _decoder_warnings(finished: ffmpeg.Finished) -> Iterator[Warned]:
    """Damage in the middle: the decoders went on, the film has its length, the viewer sees or hears a fault."""
    sound = [
        line
        for line in finished.errors
        if any(f"{name} @" in line for name in ("aac", "mp3float", "ac3", "opus", "vorbis", "flac"))
    ]
    if sound:
        yield Warned(230006, f"MediaConvert can't decode a portion of your input audio. ({_said(sound[0])})")
    picture = [line for line in finished.errors if line not in sound]
    if picture:
        yield Warned(230008, f"MediaConvert can't decode a portion of your input's video stream. ({_said(picture[0])})")


def _said(line: str) -> str:
    """A line of ffmpeg's without the address of what said it, which differs from run to run."""
    return re.sub(r" @ 0x[0-9a-f]+", "", line)


# --- packaging -------------------------------------------------------------------------------------------------------


class Packager:
    """A CMAF or DASH group: cuts its renditions as their files grow, and uploads each segment as soon as it is cut."""

    def __init__(self, group: CmafGroup, work: Path, uploader: Uploader) -> None:
        self.group, self._uploader = group, uploader
        self._video = [
            (rendition, cmaf.VideoCutter(work / rendition.file, group.gops_per_segment, group.segment_seconds))
            for rendition in group.video
        ]
        self._audio = [(rendition, cmaf.AudioCutter(work / rendition.file)) for rendition in group.audio]
        self._tracks: dict[int, cmaf.Track] = {}
        self._work = work
        self._tiles: list[PackagedTiles] = []
        self._captions: list[PackagedCaptions] = []
        self._ends: list[Fraction] = []

    def advance(self) -> None:
        for rendition, cutter in self._video:
            self._upload(rendition.name, "cmfv", cutter.advance())
        for rendition, cutter in self._audio:
            self._upload(rendition.name, "cmfa", cutter.advance(self._boundaries()))

    def finish(self) -> None:
        for rendition, cutter in self._video:
            self._upload(rendition.name, "cmfv", cutter.finish())
        self._check_alignment()
        end = self._video[0][1].end if self._video else None
        for rendition, cutter in self._audio:
            # Where the last video segment ends is no boundary but the end.
            boundaries = self._boundaries()[:-1] if self._video else cutter.even_boundaries(self.group.segment_seconds)
            self._upload(rendition.name, "cmfa", cutter.finish(boundaries, end))
        for rendition, cutter in (*self._video, *self._audio):
            if not cutter.segments:  # of one kind everything decoded, of the other nothing
                raise EngineFailed(*(NO_PICTURE_DECODED if isinstance(rendition, VideoRendition) else NO_SOUND_DECODED))
            track = cutter.track()
            if isinstance(rendition, VideoRendition):
                track = dataclasses.replace(track, init=hdr.described(track.init, rendition.hdr))
            self._tracks[rendition.output] = track = dataclasses.replace(track, extension=self.group.extension)
            self._upload_bytes(manifests.init_name(rendition.name, track), track.init)
        if self._tracks:
            self._package_extras()

    @property
    def seconds(self) -> Fraction:
        tracks = [track for track in self._tracks.values() if track.kind == "video"]
        tracks = tracks or [track for track in self._tracks.values() if track.kind == "audio"]
        return max((track.duration for track in tracks), default=Fraction(0))

    def upload_manifests(self) -> None:
        video = [PackagedVideo(rendition, self._tracks[rendition.output]) for rendition, _ in self._video]
        audio = [PackagedAudio(rendition, self._tracks[rendition.output]) for rendition, _ in self._audio]
        written = manifests.manifests(self.group, video, audio, self._tiles, self._captions)
        tops = (f"{self.group.base}.m3u8", f"{self.group.base}.mpd")
        for wave in ([name for name in written if name not in tops], [name for name in tops if name in written]):
            self._uploader.finish()  # a manifest must never name what is not there yet
            for name in wave:
                self._upload_bytes(name, written[name].encode())

    def details(self) -> dict[str, Any]:
        folder = f"s3://{self.group.bucket}/{self.group.prefix}{self.group.base}"
        wanted = ((self.group.dash, "mpd"), (self.group.hls, "m3u8"))
        return {
            "type": self.group.kind,
            "playlistFilePaths": [f"{folder}.{kind}" for yes, kind in wanted if yes],
            "outputDetails": [manifests.output_detail(self._tracks[output]) for output in sorted(self._tracks)],
        }

    def _package_extras(self) -> None:
        """Captions cut where the picture is, and whole for DASH, which has no timestamp map to place a piece by."""
        beside = next(self._tracks[rendition.output] for rendition, _ in (*self._video, *self._audio))
        for rendition in self.group.captions:
            packaged = extras.packaged_captions(
                rendition, beside, self._work, self._upload_bytes, cut=self.group.hls, whole=self.group.dash
            )
            self._captions.append(packaged)
            self._tracks[rendition.output] = packaged.track
        for tiles in self.group.tiles:
            fastest = max(self.group.video, key=lambda rendition: rendition.frame_rate)
            self._tiles.append(
                extras.packaged_tiles(tiles, self._tracks[fastest.output], self._work, self._upload_file)
            )

    def _boundaries(self) -> list[Fraction]:
        """Where the picture's segments end; asked for at every turn, and only what is new is counted."""
        for _, cutter in self._video[:1]:
            new = cutter.segments[len(self._ends) :]
            self._ends += [Fraction(segment.start + segment.duration, cutter.timescale) for segment in new]
        return self._ends

    def _check_alignment(self) -> None:
        """Players switch renditions at segment boundaries: they must be the same in all. A mistake here is ours."""
        starts = {
            tuple(Fraction(segment.start, cutter.timescale) for segment in cutter.segments) for _, cutter in self._video
        }
        if len(starts) > 1:
            raise EngineFailed(
                1999, f"The renditions of OutputGroups[{self.group.index}] are not aligned with each other"
            )

    def _upload(self, name: str, kind: str, cuts: Iterator[cmaf.Cut]) -> None:
        for cut in cuts:
            key = f"{self.group.prefix}{name}_{cut.segment.number:09d}.{self.group.extension or kind}"
            self._uploader.submit(self.group.bucket, key, cut.read)

    def _upload_file(self, name: str, path: Path) -> None:
        self._uploader.submit_file(self.group.bucket, self.group.prefix + name, path)

    def _upload_bytes(self, name: str, data: bytes) -> None:
        self._uploader.submit(self.group.bucket, self.group.prefix + name, lambda: data)


# --- files -----------------------------------------------------------------------------------------------------------


def _upload_files(group: FileGroup, work: Path, uploader: Uploader, made: Fraction) -> dict[str, Any]:
    details = {capture.output: _upload_captures(group, capture, work, uploader, made) for capture in group.captures}
    details |= {movie.output: _upload_movie(group, movie, work, uploader) for movie in group.movies}
    return {"type": "FILE_GROUP", "outputDetails": [details[output] for output in sorted(details)]}


def _upload_captures(
    group: FileGroup, capture: Capture, work: Path, uploader: Uploader, made: Fraction
) -> dict[str, Any]:
    keys = []
    for path in sorted(work.glob(f"{capture.file}.*.jpg")):
        keys.append(f"{group.prefix}{capture.name}.{path.name.split('.')[-2]}.jpg")
        uploader.submit_file(group.bucket, keys[-1], path)
    width, height = capture.picture.frame
    detail = {"durationInMs": round(made * 1000), "videoDetails": {"widthInPx": width, "heightInPx": height}}
    # MediaConvert names the last image only.
    return detail | ({"outputFilePaths": [f"s3://{group.bucket}/{keys[-1]}"]} if keys else {})


def _upload_movie(group: FileGroup, movie: Movie, work: Path, uploader: Uploader) -> dict[str, Any]:
    path, key = work / movie.file, f"{group.prefix}{movie.name}.{movie.extension}"
    uploader.submit_file(group.bucket, key, path)
    seconds = remux.seconds(movie, work)
    detail = {"outputFilePaths": [f"s3://{group.bucket}/{key}"], "durationInMs": round(seconds * 1000)}
    if movie.video:
        width, height = movie.video.picture.frame
        rate = int(path.stat().st_size * 8 / seconds) if seconds else 0
        detail["videoDetails"] = {"widthInPx": width, "heightInPx": height, "averageBitrate": rate}
    return detail
