"""The plan is pure: settings and facts in, one ffmpeg command out. The commands are golden files.

`UPDATE_GOLDEN=1 pytest tests/local/mediaconvert/test_plan.py` writes them anew; read the diff before committing it.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.mediaconvert import encoders, geometry, pictures
from pipeline.local.mediaconvert.ffmpeg import INPUT_GUARDS
from pipeline.local.mediaconvert.plan import plan_job
from pipeline.local.mediaconvert.planned import JobRefused, Picture
from pipeline.local.mediaconvert.probe import AudioTrack, SourceFacts, VideoTrack
from tests.local.mediaconvert.films import captures, job, movie, rung, sound
from tests.local.mediaconvert.test_probe import facts, stream

GOLDEN = Path(__file__).parent / "golden"


def picture(**fields: Any) -> VideoTrack:
    fixed: dict[str, Any] = {
        "index": 0, "codec": "h264", "width": 1920, "height": 1080, "frame_rate": Fraction(25), "rotation": 0,
        "sample_aspect": Fraction(1), "pixel_format": "yuv420p", "bit_depth": 8, "color_range": "tv",
        "color_primaries": "bt709", "color_transfer": "bt709", "color_matrix": "bt709", "interlaced": False,
        "start": 0.0, "duration": 4.0, "closed_captions": False, "raw": {},
    }  # fmt: skip
    return VideoTrack(**fixed | fields)


def tone(**fields: Any) -> AudioTrack:
    fixed: dict[str, Any] = {
        "index": 1, "codec": "aac", "channels": 2, "layout": "stereo", "sample_rate": 48000, "language": "eng",
        "start": 0.0, "duration": 4.0, "raw": {},
    }  # fmt: skip
    return AudioTrack(**fixed | fields)


def source(*tracks: VideoTrack | AudioTrack, **fields: Any) -> SourceFacts:
    tracks = tracks or (picture(), tone())
    fixed: dict[str, Any] = {"format": "mov", "duration": 4.0, "start": 0.0, "size": 1000, "missing_bytes": 0}
    return SourceFacts(
        **fixed | fields,
        video=tuple(track for track in tracks if isinstance(track, VideoTrack)),
        audio=tuple(track for track in tracks if isinstance(track, AudioTrack)),
        others=(),
        raw_format={},
    )


def readable(arguments: tuple[str, ...]) -> str:
    """One option a line, one filter a line; the guards, which every command has, by name."""
    guards = {f"-{name}": str(value) for name, value in INPUT_GUARDS.items()}
    lines: list[str] = []
    for word in arguments:
        if lines and guards.get(lines[-1]) == word:
            lines[-1] += " (guard)"
        elif (word.startswith("-") and word != "-1") or not lines or not lines[-1].startswith("-") or " " in lines[-1]:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return "\n".join(line.replace(";[", ";\n  [") for line in lines) + "\n"


LADDER = (rung("_720p", 1280, 720), rung("_360p", 640, 360), sound())
UNTOLD = {"color_matrix": "unknown", "color_primaries": "unknown", "color_transfer": "unknown"}
HLG = {"color_matrix": "bt2020nc", "color_primaries": "bt2020", "color_transfer": "arib-std-b67"}
NTSC = Fraction(30000, 1001)


def with_preprocessor(name: str, **settings: str) -> dict[str, Any]:
    return {"description": {"VideoPreprocessors": {name: settings}}}


CASES: dict[str, tuple[dict[str, Any], SourceFacts]] = {
    "ladder-with-sound-and-poster": (
        job(*LADDER, groups=(captures(1280, 720, seconds=2),)),
        source(),
    ),
    "portrait-phone-hlg": (
        job(rung("_540p", 540, 960), rung("_270p", 270, 480), sound()),
        source(picture(rotation=90, pixel_format="yuv420p10le", bit_depth=10, frame_rate=NTSC, **HLG), tone()),
    ),
    "interlaced-pal-without-sound": (
        job(rung("", 768, 576, **with_preprocessor("Deinterlacer", Control="NORMAL"))),
        source(picture(width=720, height=576, sample_aspect=Fraction(16, 15), interlaced=True, **UNTOLD)),
    ),
    "letterboxed-with-two-frame-rates": (
        job(
            rung("_a", 640, 480, FramerateNumerator=50, CodecLevel="LEVEL_3_1", HrdBufferSize=500_000),
            rung("_b", 320, 240, CodecProfile="BASELINE", Slices=4),
        ),
        source(picture(width=1920, height=800, frame_rate=Fraction(50))),
    ),
    "standard-definition-forced-to-bt709": (
        job(rung("", 640, 480, **with_preprocessor("ColorCorrector", ColorSpaceConversion="FORCE_709"))),
        source(picture(width=640, height=480, **UNTOLD)),
    ),
    "stream-and-download": (
        job(rung("_360p", 640, 360), sound(), groups=(movie("_download", 1280, 720),)),
        source(),
    ),
    "sound-alone": (
        job(sound(coding_mode="CODING_MODE_1_0")),
        source(tone(index=0, start=None, duration=None)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_command_is_the_one_a_reviewer_has_read(name):
    settings, facts = CASES[name]
    text = readable(plan_job(settings, facts).arguments)
    path = GOLDEN / f"{name}.args.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


# --- geometry --------------------------------------------------------------------------------------------------------

WIDE = Fraction(16, 9)


@pytest.mark.parametrize(
    "behaviour, frame, shape, placed",
    [
        ("DEFAULT", (1280, 720), WIDE, ((1280, 720), (1280, 720))),
        ("DEFAULT", (640, 480), WIDE, ((640, 480), (640, 360))),
        ("DEFAULT", (1280, 720), Fraction(3, 4), ((1280, 720), (540, 720))),
        ("DEFAULT", (854, 480), WIDE, ((854, 480), (854, 480))),  # 853.3: no bar of half a line
        ("DEFAULT", (1178, 540), Fraction(3026, 1386), ((1178, 540), (1178, 540))),
        ("STRETCH_TO_OUTPUT", (640, 480), WIDE, ((640, 480), (640, 480))),
        ("FIT", (640, 480), WIDE, ((640, 360), (640, 360))),
        ("FIT_NO_UPSCALE", (3840, 2160), WIDE, ((1920, 1080), (1920, 1080))),
        ("FIT_NO_UPSCALE", (640, 480), WIDE, ((640, 360), (640, 360))),
        ("FILL", (640, 480), WIDE, ((640, 480), (854, 480))),
    ],
)
def test_the_picture_is_placed_as_mediaconvert_places_it(behaviour, frame, shape, placed):
    found = geometry.place_picture(frame, shape, behaviour, (Fraction(1920), Fraction(1080)))
    assert (found.frame, found.inner) == placed


@pytest.mark.parametrize(
    "description, size",
    [
        ({}, (1920, 1080)),
        ({"Height": 360}, (640, 360)),
        ({"Width": 640}, (640, 360)),
    ],
)
def test_a_side_left_out_follows_the_source(description, size):
    output = rung("", 0, 0)
    for side in ("Width", "Height"):
        output["VideoDescription"].pop(side)
    output["VideoDescription"] |= description
    [group] = plan_job(job(output), source()).groups
    assert group.video[0].picture.frame == size


@pytest.mark.parametrize(
    "rotate, asked, taken",
    [("AUTO", 90, 90), ("AUTO", 0, 0), ("DEGREE_0", 90, 0), ("DEGREES_270", 90, 270), (None, 90, 0)],
)
def test_rotation_is_what_the_job_says(rotate, asked, taken):
    settings = job(rung("", 320, 180))
    settings["Inputs"][0]["VideoSelector"] = {"Rotate": rotate} if rotate else {}
    graph = " ".join(plan_job(settings, source(picture(rotation=asked))).arguments)
    assert {0: 0, 90: 1, 270: 1}[taken] == graph.count("transpose=")
    assert ("dir=cclock" in graph) == (taken == 270)


# --- rates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "level, fine, crf",
    [(10, 0, 18), (9, 0, 20), (8, 0, 22), (7, 0, 24), (1, 0, 36), (7, 0.33, 23.33), (7, 0.25, 23.33), (7, 0.66, 22.67)],
)
def test_a_qvbr_level_is_two_crf(level, fine, crf):
    settings = {"QvbrSettings": {"QvbrQualityLevel": level, "QvbrQualityLevelFineTune": fine}}
    assert encoders.crf(settings, Picture((1280, 720), (1280, 720))) == crf


@pytest.mark.parametrize(
    "rate, gop, seconds, control, frames, gops, forced",
    [
        ((30000, 1001), 2, 4, "EXACT", 60, 2, False),  # 2.002 s GOPs fill 4 s
        ((24000, 1001), 2, 4, "GOP_MULTIPLE", 48, 2, False),
        ((25, 1), 2, 5, "GOP_MULTIPLE", 50, 3, False),  # rounded up to the next GOP
        ((25, 1), 2, 5, "EXACT", 50, None, True),
        ((50, 1), 1, 6, "EXACT", 50, 6, False),
    ],
)
def test_segments_are_whole_gops_or_exact(rate, gop, seconds, control, frames, gops, forced):
    output = rung("", 320, 180, FramerateNumerator=rate[0], FramerateDenominator=rate[1], GopSize=gop)
    planned = plan_job(job(output, SegmentLength=seconds, SegmentLengthControl=control), source())
    [group] = planned.groups
    assert (group.video[0].gop_frames, group.gops_per_segment) == (frames, gops)
    assert ("-force_key_frames" in planned.arguments) == forced


def test_a_fragment_shorter_than_a_gop_is_asked_of_the_muxer():
    planned = plan_job(job(rung("", 320, 180, GopSize=4), SegmentLength=4, FragmentLength=1), source())
    assert planned.arguments[planned.arguments.index("-frag_duration") + 1] == "980000"  # 24.5 frames of 25


@pytest.mark.parametrize(
    "rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(50), Fraction(59)]
)
def test_every_frame_has_a_whole_number_of_ticks(rate):
    assert (encoders.timescale(rate) / rate).denominator == 1 and encoders.timescale(rate) >= 10_000


def test_sound_is_encoded_once_for_all_who_play_it():
    planned = plan_job(job(rung("", 320, 180), sound("_a"), sound("_b")), source())
    assert planned.arguments.count("audio-0.mp4") == 1 and "audio-1.mp4" not in planned.arguments
    assert [a.file for a in planned.groups[0].audio] == ["audio-0.mp4", "audio-0.mp4"]


@pytest.mark.parametrize(
    "description, spoken, tag, label",
    [
        ({}, "eng", "en", "English"),
        ({}, None, None, "Audio"),
        ({"LanguageCode": "FRA"}, None, "fr", "French"),
        ({"LanguageCode": "FRA"}, "deu", "de", "German"),
        ({"LanguageCode": "FRA", "LanguageCodeControl": "USE_CONFIGURED"}, "deu", "fr", "French"),
        ({"CustomLanguageCode": "pt-BR", "LanguageCodeControl": "USE_CONFIGURED"}, "eng", "pt-BR", "Portuguese"),
        ({"StreamName": "Director"}, "eng", "en", "Director"),
    ],
)
def test_the_language_is_followed_or_configured(description, spoken, tag, label):
    planned = plan_job(job(sound(**description)), source(tone(language=spoken)))
    rendition = planned.groups[0].audio[0]
    assert (rendition.language, rendition.label) == (tag, label)


@pytest.mark.parametrize(
    "picture_ends, sound_ends, codes", [(4.0, 4.05, []), (4.0, 3.0, [240000]), (4.0, 6.0, [240001])]
)
def test_sound_that_does_not_fit_the_picture_is_a_warning(picture_ends, sound_ends, codes):
    facts = source(picture(duration=picture_ends), tone(duration=sound_ends))
    assert [w.code for w in plan_job(job(*LADDER), facts).warnings] == codes


@pytest.mark.parametrize(
    "track, tags",
    [
        (picture(), ("bt709", "bt709", "bt709")),
        (picture(color_matrix="unknown", color_primaries="unknown", color_transfer="unknown"), ("bt709",) * 3),
        (
            picture(width=720, height=576, color_matrix="unknown", color_primaries="unknown", color_transfer="unknown"),
            ("bt470bg", "bt709", "bt470bg"),
        ),
        (picture(color_transfer="iec61966-2-4"), ("bt709", "bt709", "bt709")),
        (picture(color_transfer="gamma28"), ("bt709", "bt470bg", "bt709")),
        (picture(color_matrix="gbr"), ("bt709", "bt709", "bt709")),
        (picture(color_transfer="smpte2084", color_matrix="bt2020nc"), ("bt709", "bt709", "bt709")),
    ],
)
def test_colours_are_always_described(track, tags):
    assert tuple(pictures.output_colors(track).values()) == tags


@pytest.mark.parametrize(
    "destination, file_input, base",
    [
        ("s3://out/v/stream", "s3://films/x.mov", ("out", "v/", "stream")),
        ("s3://out/v/", "s3://films/a/My Film.mov", ("out", "v/", "My Film")),
        ("s3://out/stream", "s3://films/x.mov", ("out", "", "stream")),
    ],
)
def test_the_destination_is_bucket_prefix_and_base(destination, file_input, base):
    settings = job(rung("", 320, 180), Destination=destination)
    settings["Inputs"][0]["FileInput"] = file_input
    [group] = plan_job(settings, source()).groups
    assert (group.bucket, group.prefix, group.base) == base


def test_no_users_text_is_in_the_command():
    settings = job(*LADDER, Destination="s3://out/-y $(id)/'evil;[0]", groups=(captures(320, 180),))
    settings["Inputs"][0]["FileInput"] = "s3://films/-i file:/etc/passwd.mov"
    settings["OutputGroups"][0]["Outputs"][0]["NameModifier"] = "_$(id)"
    arguments = " ".join(plan_job(settings, source()).arguments)
    assert not any(word in arguments for word in ("passwd", "evil", "$(id)"))


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, facts, code, says",
    [
        (job(rung("", 320, 180)), source(tone()), 1020, "doesn't have video that the transcoder can consume"),
        (
            job(*LADDER),
            source(picture()),
            1021,
            "No audio frames decoded on .*Audio Selector 1.*1 video track and 0 audio",
        ),
        (job(rung("", 320, 180)), source(picture(codec="svq1")), 1030, r"Video codec \[svq1\]"),
        (job(sound()), source(tone(codec="adpcm_ms")), 1030, r"Audio codec \[adpcm_ms\] for track \[1\]"),
        (job(rung("", 641, 360)), source(), 1040, r"Invalid resolution \[641 x 360\], only even"),
        (job(rung("", 1920, 1080, CodecLevel="LEVEL_3")), source(), 1040, "Invalid level specified"),
        (job(rung("_a", 640, 360), rung("_b", 320, 180, GopSize=2)), source(), 1040, "GOPs of the renditions differ"),
        (job(rung("", 320, 180), Destination="http://x/y"), source(), 1040, "is not s3://bucket"),
        (
            job(rung("", 320, 180, FramerateControl="INITIALIZE_FROM_SOURCE")),
            source(picture(frame_rate=None)),
            1040,
            "there is no input framerate to follow",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_mediaconverts_code(settings, facts, code, says):
    with pytest.raises(JobRefused, match=says) as refused:
        plan_job(settings, facts)
    assert refused.value.code == code


def test_a_track_that_is_not_there_is_refused():
    settings = job(sound())
    settings["Inputs"][0]["AudioSelectors"]["Audio Selector 1"]["Tracks"] = [2]
    with pytest.raises(JobRefused, match=r"Audio track \[2\] not found in input container"):
        plan_job(settings, source())


def test_a_source_whose_pixels_are_not_square_wants_par_control_specified():
    output = rung("_a", 320, 180)
    settings = output["VideoDescription"]["CodecSettings"]["H264Settings"]
    anamorphic = facts(stream(sample_aspect_ratio="4:3", duration="4"))
    plan_job(job(output), anamorphic)
    settings["ParControl"] = "INITIALIZE_FROM_SOURCE"
    plan_job(job(output), facts(stream(duration="4")))
    with pytest.raises(JobRefused, match=r"1040: .*ParControl INITIALIZE_FROM_SOURCE.* are 4:3; set SPECIFIED, 1:1"):
        plan_job(job(output), anamorphic)
