"""A storyboard shows, for every moment of the film, the thumbnail of that moment."""

from __future__ import annotations

import itertools
import re

import pytest

from pipeline.media import manifest
from pipeline.media.storyboard import storyboard


def images(*seconds: float, layout: str = "3x2", each: str = ",DURATION=2") -> manifest.MediaPlaylist:
    lines = ["#EXTM3U", "#EXT-X-IMAGES-ONLY"]
    for number, length in enumerate(seconds, 1):
        tiles = f"#EXT-X-TILES:RESOLUTION=160x90,LAYOUT={layout}{each}"
        lines += [f"#EXTINF:{length},", tiles, f"stream_thumbnail_{number:09d}.jpg"]
    return manifest.media_playlist("\n".join([*lines, "#EXT-X-ENDLIST"]), "stream_thumbnail.m3u8")


def cues(text: str) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """A strict reader: (from, to, image, x y w h)."""
    head, *blocks = text.removesuffix("\n").split("\n\n")
    assert head == "WEBVTT"
    found = []
    for block in blocks:
        match = re.fullmatch(r"(\S+) --> (\S+)\n([^#\n]+)#xywh=(\d+),(\d+),(\d+),(\d+)", block)
        assert match, block
        found.append((match[1], match[2], match[3], tuple(map(int, match.groups()[3:]))))
    return found


def test_thumbnails_are_read_row_by_row_and_image_by_image():
    found = cues(storyboard(images(12, 3), (480, 180), 15_000))
    assert [place for *_, place in found] == [
        (0, 0, 160, 90), (160, 0, 160, 90), (320, 0, 160, 90),
        (0, 90, 160, 90), (160, 90, 160, 90), (320, 90, 160, 90),
        (0, 0, 160, 90), (160, 0, 160, 90),
    ]  # fmt: skip
    assert [name[-6:] for _, _, name, _ in found] == ["01.jpg"] * 6 + ["02.jpg"] * 2
    assert (found[0][:2], found[-1][:2]) == (
        ("00:00:00.000", "00:00:02.000"),
        ("00:00:14.000", "00:00:15.000"),
    )


@pytest.mark.parametrize("duration_ms", [500, 11_900, 12_000, 15_000])
def test_it_has_no_gaps_and_ends_with_the_film(duration_ms):
    found = cues(storyboard(images(12, 3), (480, 180), duration_ms))
    assert found[0][0] == "00:00:00.000" and all(a[1] == b[0] for a, b in itertools.pairwise(found))
    seconds, rest = divmod(duration_ms, 1000)
    assert found[-1][1] == f"00:00:{seconds:02d}.{rest:03d}"


def test_the_image_says_how_large_a_thumbnail_is():
    """RESOLUTION is one thumbnail's to Roku and the whole image's to others."""
    assert cues(storyboard(images(12), (960, 360), 12_000))[1][3] == (320, 0, 320, 180)


def test_without_a_duration_of_their_own_thumbnails_share_the_images():
    assert cues(storyboard(images(12, each=""), (480, 180), 12_000))[1][:2] == ("00:00:02.000", "00:00:04.000")


def test_one_image_for_each_segment():
    found = cues(storyboard(images(4, 4, 1.5, layout="1x1", each=""), (312, 176), 9_500))
    assert [each[:2] for each in found][-1] == ("00:00:08.000", "00:00:09.500") and len(found) == 3


def test_a_playlist_without_tiles_has_no_storyboard():
    playlist = manifest.media_playlist("#EXTM3U\n#EXTINF:4,\na.jpg\n", "a.m3u8")
    with pytest.raises(ValueError, match="EXT-X-TILES"):
        storyboard(playlist, (480, 180), 4000)


def test_two_hours_are_a_small_file():
    text = storyboard(images(*[250] * 29, layout="5x5", each=",DURATION=10"), (1600, 900), 7_200_000)
    assert len(cues(text)) == 720 and len(text) < 80_000
