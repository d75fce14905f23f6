"""profiles.toml: what stands there is read, and every mistake is told with its line."""

from __future__ import annotations

import re

import pytest

from pipeline.media import profiles
from pipeline.media.profiles import ProfilesBroken, parse

TEXT = profiles.FILE.read_text(encoding="utf-8")


def broken(old: str, new: str) -> list[tuple[str, str]]:
    """(line's text, what is said) of every mistake after the first `old` became `new`."""
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    with pytest.raises(ProfilesBroken) as refused:
        parse(text, "profiles.toml")
    said = re.findall(r"^profiles\.toml:(\d+): (.*)$", str(refused.value), re.MULTILINE)
    return [(text.splitlines()[int(line) - 1], words) for line, words in said]


def test_the_deployments_profiles():
    found = profiles.load()
    assert list(found) == ["default", "download", "hevc-hdr", "av1", "audio", "per-title"]
    default = found["default"]
    assert default.codecs == ("h264",) and not (default.keep_hdr or default.per_title or default.download)
    assert found["download"].download and found["hevc-hdr"].keep_hdr and found["hevc-hdr"].sound.surround
    assert found["av1"].codecs == ("h264", "av1") and not found["audio"].pictures and found["per-title"].per_title


def test_a_profile_is_like_another_but_for_what_it_says():
    text = TEXT + '\n[profile.quiet]\nlike = "hevc-hdr"\naudio.loudness_lkfs = -16\n'
    quiet, other = parse(text)["quiet"], profiles.load()["hevc-hdr"]
    assert quiet.sound.loudness_lkfs == -16 and quiet.sound.surround and quiet.keep_hdr
    assert quiet.boxes == other.boxes and other.sound.loudness_lkfs is None


def test_none_every_0_seconds_is_no_thumbnails_at_all():
    text = TEXT.replace("every_seconds = 10 ", "every_seconds = 0 ", 1)
    assert parse(text)["default"].thumbnails is None
    assert parse(TEXT)["default"].thumbnails == profiles.Thumbnails(10, 240, 5, 5)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("stereo_kbps = 128", "stereo_kbps = 100", "stereo_kbps = 100", "100 is no rate of AAC; there are 56, 64"),
        ("stereo_kbps = 128", "stereo_kbps = 1000", "stereo_kbps = 1000", "1000 should lie between 64 and 576"),
        ("mono_kbps = 96", 'mono_kbps = "96"', 'mono_kbps = "96"', "'96' should be a whole number"),
        ("keep_hdr = false", "kep_hdr = false", "kep_hdr = false", "unknown; did you mean keep_hdr?"),
        ("keep_hdr = false", "keep_hdr = 1", "keep_hdr = 1", "1 should be true or false"),
        ("loudness_lkfs = 0", "loudness_lkfs = 16", "loudness_lkfs = 16", "16 should lie between -59 and 0"),
        ('languages = "all"', 'languages = "both"', 'languages = "both"', "one of first, all"),
        ('codecs = ["h264"]', 'codecs = ["av1"]', 'codecs = ["av1"]', "should begin with h264"),
        ('codecs = ["h264"]', 'codecs = ["h264", "vp9"]', 'codecs = ["h264", "vp9"]', "a list of h264, hevc, av1"),
        ('codecs = ["h264"]', "codecs = 264", "codecs = 264", "264 should be a list"),
        ('ladder = "standard"', 'ladder = "steep"', 'ladder = "steep"', "'steep' is no ladder; there are standard"),
        ("per_title = true", "per_title = true\nkeep_hdr = true", "per_title = true", "goes with h264"),
        ("longer_side = 240", "longer_side = 1000", "[profile.default.thumbnails]", "larger than 4096 pixels"),
        ("pictures = true", "", "[profile.default]", "pictures is missing"),
        ('like = "default"', 'like = "defaults"', 'like = "defaults"', "'defaults' is no profile"),
        ("[profile.av1]", "[profile.AV_1]", "[profile.AV_1]", "small letters, digits and hyphens"),
        ("[profile.download]", "[profiles.download]", "[profiles.download]", "did you mean profile?"),
        ("max_kbps =  3400, quality = 8", "max_kbps =  3400, quality = 11", "720p", "11 should lie between 1 and 10"),
        ("max_kbps =  3400", "max_kbps = 9999", "720p", "9999 is more than 1080p has"),
        ('name = "720p"', 'name = "1080p"', "1280", "'1080p' is the name of another rung"),
        ('name = "720p"', 'name = "720 p"', "720 p", "becomes part of file names"),
        ("width = 1280, height =  720", "width = 1280, height =  719", "720p", "should be even"),
        ("width = 1280, height =  720", "width = 720, height =  1280", "720p", "portrait pictures turn the box"),
        ("width = 1280, height =  720", "width = 1920, height =  720", "720p", "should be smaller than 1080p"),
        ("width = 3840, height = 2160", "width = 7680, height = 4320", "2160p", "larger than any level of h264"),
        ("max_kbps = 16000, ", "", "2160p", "max_kbps missing"),
        ("max_kbps = 16000", "kbps = 16000", "2160p", "unknown; did you mean max_kbps?"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_line(old, new, line, said):
    found = broken(old, new)
    assert [text for text, words in found if line in text and said in words], found


def test_hdr_needs_a_ladder_of_hevc():
    start, end = TEXT.index("hevc = ["), TEXT.index("av1 = [")
    with pytest.raises(ProfilesBroken, match=r"profile\.hevc-hdr\.codecs: the ladder standard has no rungs for hevc"):
        parse(TEXT[:start] + TEXT[end:])


def test_all_mistakes_are_told_at_once_in_the_files_order():
    text = TEXT.replace("stereo_kbps = 128", "stereo_kbps = 100").replace("keep_hdr = false", "keep_hdr = 0", 1)
    with pytest.raises(ProfilesBroken) as refused:
        parse(text)
    lines = [int(line) for line in re.findall(r"profiles\.toml:(\d+):", str(refused.value))]
    assert len(lines) >= 1 and lines == sorted(lines)


def test_what_is_no_toml_is_told_with_its_line():
    with pytest.raises(ProfilesBroken, match=r"profiles\.toml: .*at line 6"):
        parse("\n\n\n\n\nkeep_hdr = yes\n")


def test_there_is_always_a_default():
    with pytest.raises(ProfilesBroken, match=r"profiles\.toml:5: profile: there should be a profile named default"):
        parse(TEXT.replace("[profile.default", "[profile.standard").replace('"default"', '"standard"'))


def test_circles_of_likeness_end():
    text = TEXT + '\n[profile.a]\nlike = "b"\n[profile.b]\nlike = "a"\n'
    with pytest.raises(ProfilesBroken, match=r"profile\.a: ladder is missing"):
        parse(text)
