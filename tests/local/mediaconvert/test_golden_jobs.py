"""The planner's golden job settings are the engine's input: what one writes, the other does, file for file.

Each film is a short stand-in with the properties that its settings are about; sizes, rates and names come from the
settings alone.
"""

from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path

import m3u8
import pytest

from pipeline.local.mediaconvert import worker
from tests.local.mediaconvert import captioned
from tests.local.mediaconvert.films import X264, make
from tests.local.mediaconvert.test_worker import request
from tests.local.mediaconvert.tiny_s3 import TinyS3

GOLDEN = Path(__file__).parents[2] / "media" / "golden"
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration={seconds}")
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size={size}:rate={rate}:duration={seconds}")
MPEG2 = ("-c:v", "mpeg2video", "-flags", "+ilme+ildct")
AAC = ("-c:a", "aac")
MAPPED = ("-map", "0", "-map", "1")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error")
WIDE = ("-color_primaries", "bt2020", "-colorspace", "bt2020nc")
PQ, HLG = (*WIDE, "-color_trc", "smpte2084"), (*WIDE, "-color_trc", "arib-std-b67")
CAPTIONED = ("a.ts",)
PER_TITLE = "per-title"

#: What ffmpeg is told, so that the stand-in is the kind of film that the settings were planned for.
FILMS = {
    "download": ("a.mp4", *PICTURE, *TONE, *X264, *AAC),
    "interlaced-pal-anamorphic": ("a.mpg", *PICTURE, *TONE, *MPEG2, "-c:a", "mp2"),
    "matroska-turned": ("a.mkv", *PICTURE, *TONE, *X264, *AAC),
    "mono": ("a.mp4", *PICTURE, *TONE, *X264, *AAC, "-ac", "1"),
    "no-audio": ("a-silent.mp4", *PICTURE, *X264),
    "plain-1080p30-stereo": ("a-stereo.mp4", *PICTURE, *TONE, *X264, *AAC, "-ac", "2"),
    "portrait-phone-60-hlg": ("a-hlg.mov", *PICTURE, *TONE, *X264, *AAC, "-color_trc", "arib-std-b67"),
    "scope-23976": ("a.mov", *PICTURE, *TONE, *X264, *AAC),
    "telecined-ntsc": ("a.ts", *PICTURE, *TONE, *MPEG2, "-c:a", "ac3"),
    "screen-variable-odd-size": ("a.mp4", *PICTURE, *TONE, *X264, *AAC),
    "uhd-24": ("a.mov", *PICTURE, *TONE, *X264, *AAC),
    "square-p3": ("a-p3.mov", *PICTURE, *TONE, *X264, *AAC, "-color_primaries", "smpte432"),
    "thumbnails-portrait": ("a.mp4", *PICTURE, *TONE, *X264, *AAC),
    "two-languages": ("a-4.mp4", *PICTURE, *TONE, *X264, *AAC, *MAPPED, "-map", "1", "-map", "1", "-map", "1"),
    "two-languages-loudness": ("a-3.mp4", *PICTURE, *TONE, *X264, *AAC, *MAPPED, "-map", "1", "-ac:a:1", "6"),
    "hdr10-kept-surround": ("a-pq.mkv", *PICTURE, *TONE, *X265, *PQ, *AAC, "-ac", "6"),
    "hlg-kept": ("a-hlg10.mov", *PICTURE, *TONE, *X265, *HLG, *AAC),
    "av1-beside": ("a.mp4", *PICTURE, *TONE, *X264, *AAC),
    "sound-alone-with-cover": ("a.mp3", *TONE, "-c:a", "libmp3lame"),
    "captions-608": CAPTIONED,
    "per-title": ("a.mp4", *PICTURE, *TONE, *X264, *AAC),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.json") if path.stem != PER_TITLE))
def test_the_engine_does_what_the_planner_wrote(name: str, tmp_path: Path):
    settings = json.loads((GOLDEN / f"{name}.json").read_text())
    said, store = _done(settings, FILMS[name], tmp_path)
    assert said[-1]["type"] == "complete", said[-1]
    promised = [output for group in settings["OutputGroups"] for output in group["Outputs"]]
    made = [output for group in said[-1]["output_group_details"] for output in group["outputDetails"]]
    sizes = [
        (o["VideoDescription"]["Width"], o["VideoDescription"]["Height"]) for o in promised if "VideoDescription" in o
    ]
    assert [
        (o["videoDetails"]["widthInPx"], o["videoDetails"]["heightInPx"]) for o in made if "videoDetails" in o
    ] == sizes
    for group in settings["OutputGroups"]:
        if group["OutputGroupSettings"]["Type"] == "CMAF_GROUP_SETTINGS":
            _check_streams(group, store)


def test_the_engine_chooses_the_renditions_of_a_per_title_job(tmp_path: Path):
    settings = json.loads((GOLDEN / f"{PER_TITLE}.json").read_text())
    said, _ = _done(settings, FILMS[PER_TITLE], tmp_path, "1920x1080")  # nothing is enlarged
    assert said[-1]["type"] == "complete", said[-1]
    (rules,) = [
        group["AutomatedEncodingSettings"]["AbrSettings"]
        for group in settings["OutputGroups"]
        if "AutomatedEncodingSettings" in group
    ]
    streams = said[-1]["output_group_details"][0]["outputDetails"]
    heights = [output["videoDetails"]["heightInPx"] for output in streams if "videoDetails" in output]
    assert 1 < len(heights) <= rules["MaxRenditions"] and max(heights) <= 1080 and heights == sorted(heights)[::-1]


def _done(settings: dict, film: tuple[str, ...], folder: Path, size: str = "320x180") -> tuple[list[dict], TinyS3]:
    file, *arguments = film
    if film is CAPTIONED:
        source = captioned.h264(folder / file, [], seconds=0.6)
    else:
        source = make(folder / file, *arguments, size=size, rate="25", seconds=0.6)
    store = TinyS3()
    try:
        store.put(settings["Inputs"][0]["FileInput"].removeprefix("s3://"), source.read_bytes())
        scratch, stream = folder / "scratch", io.BytesIO()
        scratch.mkdir()
        worker.do_job(request(store, settings, scratch), worker.Mouth(stream))
        return [json.loads(line) for line in stream.getvalue().splitlines()], store
    finally:
        store.close()


def _check_streams(group: dict, store: TinyS3) -> None:
    base = group["OutputGroupSettings"]["CmafGroupSettings"]["Destination"].removeprefix("s3://")
    playlist = m3u8.loads(store.objects[f"{base}.m3u8"].body.decode())
    pictures = [output for output in group["Outputs"] if "VideoDescription" in output]
    variants = {listed.uri: listed for listed in playlist.playlists}  # once for each group of sounds
    if not pictures:
        assert [f"{base}{output['NameModifier']}.m3u8" for output in group["Outputs"]] == [
            f"{base.rpartition('/')[0]}/{uri}" for uri in variants
        ]
        return
    assert len(variants) == len(pictures)
    for output, listed in zip(pictures, variants.values(), strict=True):
        codec = next(value for key, value in output["VideoDescription"]["CodecSettings"].items() if key != "Codec")
        rate = Fraction(codec["FramerateNumerator"], codec["FramerateDenominator"])
        assert abs(Fraction(str(listed.stream_info.frame_rate)) - rate) < Fraction(1, 100)
        assert f"{base}{output['NameModifier']}init.cmfv" in store.objects
    kinds = {"AUDIO": "AudioDescriptions", "SUBTITLES": "CaptionDescriptions"}
    for kind, member in kinds.items():
        planned = [output for output in group["Outputs"] if member in output]
        assert len([media for media in playlist.media if media.type == kind]) == len(planned)
