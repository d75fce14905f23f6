"""Images for trick play: what is planned, what the manifests say, and the images themselves."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pipeline.local.mediaconvert import cmaf, extras, ffmpeg, manifests
from pipeline.local.mediaconvert.manifests import PackagedTiles
from pipeline.local.mediaconvert.plan import plan_job
from pipeline.local.mediaconvert.planned import JobRefused, Picture, Tiles
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import job, rung, sound
from tests.local.mediaconvert.test_manifests import MPD, group, video
from tests.local.mediaconvert.test_plan import picture, source
from tests.local.mediaconvert.test_worker import run

ADVANCED = {
    "IntervalCadence": "FOLLOW_CUSTOM", "ThumbnailInterval": 0.5, "ThumbnailWidth": 80, "ThumbnailHeight": 46,
    "TileWidth": 2, "TileHeight": 2,
}  # fmt: skip


def planned(settings: dict[str, Any], rate: tuple[int, int] = (25, 1), **cmaf_settings: Any) -> list[Tiles]:
    numbers = {"FramerateNumerator": rate[0], "FramerateDenominator": rate[1]}
    facts = source(picture(width=1920, height=1080))
    [streams] = plan_job(job(rung("_a", 640, 360, **numbers), **settings, **cmaf_settings), facts).groups
    return list(streams.tiles)


def advanced(**changed: Any) -> dict[str, Any]:
    settings = {name: value for name, value in {**ADVANCED, **changed}.items() if value is not None}
    return {"ImageBasedTrickPlay": "ADVANCED", "ImageBasedTrickPlaySettings": settings}


# --- the plan --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, []),
        ({"ImageBasedTrickPlay": "NONE"}, []),
        ({"ImageBasedTrickPlay": "THUMBNAIL"}, [("stream_thumbnail", (312, 176), 3, 3, 1)]),
        (
            {"ImageBasedTrickPlay": "THUMBNAIL_AND_FULLFRAME"},
            [("stream_thumbnail", (312, 176), 3, 3, 1), ("stream_fullframe", (640, 360), 1, 1, 1)],
        ),
        (advanced(), [("stream_thumbnail", (80, 46), 2, 2, Fraction(12, 25))]),  # 0.5 s is 12.5 frames
        (advanced(ThumbnailHeight=None), [("stream_thumbnail", (80, 46), 2, 2, Fraction(12, 25))]),
        (
            {
                "ImageBasedTrickPlay": "VARIANTS",
                "ImageBasedTrickPlayVariants": [
                    {"ThumbnailWidth": 160, "IntervalCadence": "FOLLOW_SEGMENTATION", "TileWidth": 1, "TileHeight": 1},
                    {"TileWidth": 5},
                ],
            },
            [("stream_thumbnail", (160, 90), 1, 1, 2), ("stream_thumbnail2", (312, 176), 5, 3, 1)],
        ),
    ],
)
def test_every_kind_of_trick_play_has_its_grids(settings, expected):
    assert [(t.name, t.picture.frame, t.columns, t.rows, t.every_seconds) for t in planned(settings)] == expected


def test_an_interval_is_a_whole_number_of_frames():
    """ThumbnailInterval's own example: 5 seconds at 29.97 frames a second are 150 frames."""
    [tiles] = planned(advanced(ThumbnailInterval=5), rate=(30000, 1001))
    assert tiles.every_seconds * Fraction(30000, 1001) == 150


def test_a_picture_that_is_turned_has_upright_thumbnails():
    facts = source(picture(width=1920, height=1080, rotation=90))
    settings = job(rung("_a", 360, 640), ImageBasedTrickPlay="THUMBNAIL")
    [streams] = plan_job(settings, facts).groups
    assert streams.tiles[0].picture.frame == (312, 554)


@pytest.mark.parametrize(
    "settings, says",
    [
        (advanced(ThumbnailHeight=None, ThumbnailWidth=800, TileHeight=10), "make an image of 1600x4500"),
        (advanced(ThumbnailWidth=1024, TileWidth=5), "make an image of 5120x92"),
    ],
)
def test_an_image_that_is_too_large_is_refused(settings, says):
    with pytest.raises(JobRefused, match=f"1040: OutputGroups.0. _thumbnail: .*{says}"):
        planned(settings)


def test_images_without_a_picture_are_refused():
    with pytest.raises(JobRefused, match=r"1040: .*needs a video output"):
        plan_job(job(sound(), ImageBasedTrickPlay="THUMBNAIL"), source())


@pytest.mark.parametrize("film, durations", [(10, [4000, 4000, 2000]), (8, [4000, 4000]), (Fraction(1, 3), [333])])
def test_the_last_image_ends_with_the_film(film, durations):
    tiles = Tiles("t", "t", Picture((80, 46), (80, 46)), 2, 2, Fraction(1), by_segment=False)
    assert extras.tile_durations(Fraction(film), tiles, 1000) == durations


# --- manifests -------------------------------------------------------------------------------------------------------


def packaged(durations: list[int], **fields: Any) -> PackagedTiles:
    tiles = Tiles("s_thumbnail", "t", Picture((80, 46), (80, 46)), 2, 2, Fraction(1), by_segment=False)
    track = cmaf.image_track(durations, [5000, 4000, 4000], 1000, 160, 92)
    return PackagedTiles(dataclasses.replace(tiles, **fields), track)


def test_hls_lists_images_by_rokus_specification():
    files = manifests.manifests(group(), [video()], [], [packaged([4000, 4000, 2500])])
    assert files["s_thumbnail.m3u8"].splitlines() == [
        "#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:4", "#EXT-X-MEDIA-SEQUENCE:1", "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-IMAGES-ONLY",
        "#EXTINF:4,", "#EXT-X-TILES:RESOLUTION=80x46,LAYOUT=2x2,DURATION=1", "s_thumbnail_000000001.jpg",
        "#EXTINF:4,", "#EXT-X-TILES:RESOLUTION=80x46,LAYOUT=2x2,DURATION=1", "s_thumbnail_000000002.jpg",
        "#EXTINF:2.5,", "#EXT-X-TILES:RESOLUTION=80x46,LAYOUT=2x2,DURATION=1", "s_thumbnail_000000003.jpg",
        "#EXT-X-ENDLIST",
    ]  # fmt: skip
    stream = '#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=12800,RESOLUTION=80x46,CODECS="jpeg",URI="s_thumbnail.m3u8"'
    assert stream in files["stream.m3u8"].splitlines()


def test_dash_lists_images_by_dash_ifs_guidelines():
    text = manifests.manifests(group(), [video()], [], [packaged([4000, 4000, 2500])])["stream.mpd"]
    _, images = ElementTree.fromstring(text).iter(f"{MPD}AdaptationSet")
    assert images.attrib == {"id": "2", "contentType": "image", "mimeType": "image/jpeg"}
    representation = images.find(f"{MPD}Representation")
    assert (representation.get("width"), representation.get("height")) == ("160", "92")
    assert representation.find(f"{MPD}EssentialProperty").get("value") == "2x2"
    assert representation.find(f"{MPD}SegmentTemplate").attrib == {
        "timescale": "1000", "media": "s_thumbnail_$Number%09d$.jpg", "startNumber": "1", "duration": "4000",
    }  # fmt: skip


def test_images_of_unequal_segments_have_a_timeline():
    item = packaged([4000, 3000, 2500], columns=1, rows=1, by_segment=True)
    files = manifests.manifests(group(), [video()], [], [item])
    timeline = ElementTree.fromstring(files["stream.mpd"]).findall(f".//{MPD}SegmentTimeline")[-1]
    assert [s.get("d") for s in timeline] == ["4000", "3000", "2500"]
    assert "DURATION=3\n" in files["s_thumbnail.m3u8"]


def test_one_short_image_is_as_long_in_dash_as_if_it_were_full():
    text = manifests.manifests(group(), [video()], [], [packaged([900])])["stream.mpd"]
    template = ElementTree.fromstring(text).findall(f".//{MPD}SegmentTemplate")[-1]
    assert template.get("duration") == "4000"


# --- the images ------------------------------------------------------------------------------------------------------


def pixels(image: bytes, folder: Path) -> tuple[int, int, bytes]:
    """Width, height, and grey levels."""
    (folder / "image.jpg").write_bytes(image)
    command = [ffmpeg.ffmpeg_path(), "-v", "error", "-i", str(folder / "image.jpg"), "-f", "rawvideo"]
    grey = subprocess.run([*command, "-pix_fmt", "gray", "-"], capture_output=True, check=True, timeout=30).stdout
    at = image.index(b"\xff\xc0")
    height, width = struct.unpack_from(">HH", image, at + 5)
    return width, height, grey


def test_thumbnails_are_of_their_times(s3, tmp_path):
    """A film that gets lighter: thumbnail n is as light as the film at n times the interval."""
    ramp = (
        "-f",
        "lavfi",
        "-i",
        "color=black:size=320x180:rate=25:duration=3,format=yuv420p,geq=lum=16+N*2:cb=128:cr=128",
    )
    film = films.make(tmp_path / "ramp.mp4", *ramp, *films.X264, "-qp", "8")
    settings = job(rung("_a", 320, 180), **advanced(ThumbnailInterval=0.4))
    assert run(s3, settings, tmp_path, film)[-1]["type"] == "complete"
    images = sorted(key for key in s3.objects if key.endswith(".jpg"))
    assert images == [f"out/v/stream_thumbnail_00000000{number}.jpg" for number in (1, 2)]
    assert s3.objects[images[0]].headers["content-type"] == "image/jpeg"
    for sheet, key in enumerate(images):
        width, height, grey = pixels(s3.objects[key].body, tmp_path)
        assert (width, height) == (160, 92)
        for cell in range(4):
            row, column = divmod(cell, 2)
            level = grey[(row * 46 + 23) * width + column * 80 + 40]
            frame = (sheet * 4 + cell) * 10  # 0.4 s at 25 frames a second
            full_range = frame * 2 * 255 / 219
            assert level == pytest.approx(full_range, abs=4), (sheet, cell)
    playlist = s3.objects["out/v/stream_thumbnail.m3u8"].body.decode()
    assert "#EXTINF:1.6," in playlist and "#EXTINF:1.4," in playlist and "DURATION=0.4\n" in playlist


def test_full_frames_and_segments_are_counted(s3, tmp_path):
    settings = job(rung("_a", 320, 180), rung("_b", 160, 90), sound(), ImageBasedTrickPlay="THUMBNAIL_AND_FULLFRAME")
    assert run(s3, settings, tmp_path, films.plain(tmp_path, seconds=3))[-1]["type"] == "complete"
    images = sorted(key.rpartition("/")[2] for key in s3.objects if key.endswith(".jpg"))
    assert images == [f"stream_fullframe_00000000{n}.jpg" for n in (1, 2, 3)] + ["stream_thumbnail_000000001.jpg"]
    width, height, _ = pixels(s3.objects["out/v/stream_fullframe_000000002.jpg"].body, tmp_path)
    assert (width, height) == (320, 180)
    text = s3.objects["out/v/stream.m3u8"].body.decode()
    assert text.count("#EXT-X-IMAGE-STREAM-INF:") == 2
    assert s3.order.index("out/v/stream_thumbnail_000000001.jpg") < s3.order.index("out/v/stream_thumbnail.m3u8")
