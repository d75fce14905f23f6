"""What the engine packages passes every rule, whatever the film."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import m3u8
import pytest

from tests.lint.films import Sidecar, packaged, presentation
from tests.lint.rules import check
from tests.local.mediaconvert import captioned, films
from tests.local.mediaconvert.films import av1_rung, hevc_rung, job, rung, sound
from tests.local.mediaconvert.test_captions import EMBEDDED, SHOWN, SRT, caption, selecting
from tests.local.mediaconvert.test_codecs import hdr

TRICK_PLAY = {
    "ImageBasedTrickPlay": "ADVANCED",
    "ImageBasedTrickPlaySettings": {
        "IntervalCadence": "FOLLOW_CUSTOM", "ThumbnailInterval": 1, "ThumbnailWidth": 80,
        "TileWidth": 2, "TileHeight": 2,
    },
}  # fmt: skip
AUTO_SELECT = "ALTERNATE_AUDIO_AUTO_SELECT"
SUBTITLES = {"SourceType": "SRT", "FileSourceSettings": {"SourceFile": "s3://films/a.srt"}}


def group_of(output: dict[str, Any], group: str, kind: str = AUTO_SELECT) -> dict[str, Any]:
    output["ContainerSettings"]["CmfcSettings"] |= {"AudioGroupId": group, "AudioTrackType": kind}
    return output


def playing(*groups: str) -> dict[str, Any]:
    return {"cmfc": {"AudioRenditionSets": ",".join(groups)}}


def ntsc(modifier: str, width: int, height: int, **more: Any) -> dict[str, Any]:
    return rung(modifier, width, height, FramerateNumerator=30000, FramerateDenominator=1001, GopSize=1, **more)


def everything() -> dict[str, Any]:
    outputs = (
        rung("_a", 320, 180, **playing("stereo", "surround")),
        rung("_b", 160, 90, **playing("stereo", "surround")),
        group_of(
            sound("_en", StreamName="English", LanguageCode="ENG"), "stereo", "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT"
        ),
        group_of(sound("_51", "CODING_MODE_5_1", StreamName="English", LanguageCode="ENG"), "surround"),
        caption("_cc", "C", LanguageCode="ENG", webvtt={"Accessibility": "ENABLED"}),
        caption("_fr", "S", LanguageCode="FRA"),
    )
    return selecting(job(*outputs, **TRICK_PLAY), C=EMBEDDED, S=SUBTITLES)


def with_sound(path: Path, folder: Path) -> Path:
    tone = films.make(folder / "tone.m4a", *films.SOUND, "-c:a", "aac", seconds=4)
    return films.make(folder / "film.ts", "-i", str(path), "-i", str(tone), "-c", "copy")


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "silent": (job(rung("_a", 320, 180)), {"seconds": 3}),
    "segments of two GOPs and a short end": (job(rung("_a", 320, 180), sound()), {"seconds": 4.52}),
    "segments that are no multiple of the GOP": (
        job(rung("_a", 320, 180, GopSize=1.5), rung("_b", 160, 90, GopSize=1.5), sound(), SegmentLength=2),
        {"seconds": 5},
    ),
    "segments as long as GOPs allow": (
        job(rung("_a", 320, 180, GopSize=1.5), sound(), SegmentLength=2, SegmentLengthControl="GOP_MULTIPLE"),
        {"seconds": 5},
    ),
    "29.97 frames a second": (
        job(ntsc("_a", 320, 180), ntsc("_b", 160, 90), sound()),
        {"seconds": 5, "rate": "30000/1001"},
    ),
    "half the frames": (
        job(rung("_a", 320, 180, FramerateNumerator=50), rung("_b", 160, 90), sound(), **TRICK_PLAY),
        {"seconds": 3, "rate": "50"},
    ),
    "several fragments a segment": (job(rung("_a", 320, 180, GopSize=2), sound(), FragmentLength=1), {"seconds": 4}),
    "sound alone": (job(sound(), SegmentLength=2), {"seconds": 5}),
    "one second": (job(rung("_a", 320, 180), sound(), **TRICK_PLAY), {"seconds": 1}),
    "all images": (job(rung("_a", 320, 180), ImageBasedTrickPlay="THUMBNAIL_AND_FULLFRAME"), {"seconds": 4.2}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_film_passes_every_rule(name: str, tmp_path: Path):
    settings, how = CASES[name]
    files = packaged(settings, films.plain(tmp_path, **how), tmp_path / "scratch")
    assert check(presentation(files)) == []


def test_three_codecs_pass_every_rule(tmp_path: Path):
    settings = job(rung("_avc", 320, 180), hevc_rung("_hevc", 320, 180), av1_rung("_av1", 320, 180), sound())
    files = packaged(settings, films.plain(tmp_path, seconds=3), tmp_path / "scratch")
    assert check(presentation(files)) == []


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_beside_sdr_passes_every_rule(transfer: str, tmp_path: Path):
    converted = {"VideoPreprocessors": {"ColorCorrector": {"ColorSpaceConversion": "FORCE_709"}}}
    settings = job(
        rung("_sdr", 320, 180, description=converted),
        hevc_rung("_hdr", 320, 180, CodecProfile="MAIN10_MAIN"),
        hevc_rung("_small", 160, 90, CodecProfile="MAIN10_MAIN"),
    )
    files = packaged(settings, hdr(tmp_path, transfer), tmp_path / "scratch")
    assert check(presentation(files)) == []


def test_a_film_with_everything_passes_every_rule(tmp_path: Path):
    film = with_sound(captioned.h264(tmp_path / "cc.ts", SHOWN), tmp_path)
    files = packaged(everything(), film, tmp_path / "scratch", Sidecar("films/a.srt", SRT))
    assert check(presentation(files)) == []
    for name, data in files.items():  # and somebody else's parser reads all of it
        if name.endswith(".m3u8"):
            playlist = m3u8.loads(data.decode())
            assert playlist.is_variant == (name == "stream.m3u8") and (playlist.is_variant or playlist.is_endlist)
