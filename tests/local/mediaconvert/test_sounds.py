"""Sound through the worker: which track, how many channels, how loud, how long; and what is encoded once."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import m3u8
import pytest

from pipeline.local.mediaconvert import ffmpeg, loudness
from pipeline.local.mediaconvert.plan import plan_job
from pipeline.local.mediaconvert.planned import JobRefused
from tests.local.mediaconvert import films
from tests.local.mediaconvert.films import job, movie, rung, sound
from tests.local.mediaconvert.test_plan import picture, source, tone
from tests.local.mediaconvert.test_worker import run
from tests.local.mediaconvert.tiny_s3 import TinyS3


def done(s3: TinyS3, settings: dict[str, Any], scratch: Path, film: Path) -> list[dict[str, Any]]:
    said = run(s3, settings, scratch, film)
    assert said[-1]["type"] == "complete", said[-1]
    return said


def tones(*frequencies: int, seconds: float = 2, volume: str = "0dB") -> list[str]:
    """One mono track for each frequency."""
    return [
        word
        for frequency in frequencies
        for word in ("-f", "lavfi", "-i", f"sine=f={frequency}:r=48000:d={seconds},volume={volume}")
    ]


def with_tracks(folder: Path, name: str, *frequencies: int, languages: tuple[str, ...] = ()) -> Path:
    maps = [word for number in range(len(frequencies) + 1) for word in ("-map", str(number))]
    tags = [word for n, code in enumerate(languages) for word in (f"-metadata:s:a:{n}", f"language={code}")]
    arguments = (*films.PICTURE, *tones(*frequencies), *maps, *tags, *films.X264, "-c:a", "pcm_s16le")
    return films.make(folder / name, *arguments)


def selectors(settings: dict[str, Any], **named: dict[str, Any]) -> dict[str, Any]:
    settings["Inputs"][0]["AudioSelectors"] = named
    return settings


def heard(s3: TinyS3, name: str, tmp_path: Path) -> Path:
    parts = sorted(key for key in s3.objects if key.startswith(f"out/v/{name}_0") and key.endswith("cmfa"))
    path = tmp_path / f"{name}.mp4"
    path.write_bytes(b"".join(s3.objects[key].body for key in [f"out/v/{name}init.cmfa", *parts]))
    return path


def streams(path: Path) -> list[dict[str, Any]]:
    command = [ffmpeg.ffprobe_path(), "-v", "error", "-show_streams", "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)["streams"]


def measure(path: Path, filters: str) -> str:
    command = [ffmpeg.ffmpeg_path(), "-v", "info", "-nostdin", "-i", str(path), "-af", filters, "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stderr.decode()


def level(path: Path, frequency: int, channel: int = 0) -> float:
    """How loud a frequency is in a channel, in dB."""
    found = measure(path, f"pan=mono|c0=c{channel},bandpass=f={frequency}:w=20,volumedetect")
    return float(re.search(r"mean_volume: (-?[\d.]+) dB", found).group(1))


def lufs(path: Path) -> tuple[float, float]:
    """Integrated loudness and true peak."""
    found = measure(path, "ebur128=peak=true")
    return tuple(float(re.findall(rf"{name}:\s+(-?[\d.]+)", found)[-1]) for name in ("I", "Peak"))


def test_each_selector_is_a_rendition_of_its_own(s3, folder, tmp_path):
    film = with_tracks(folder, "three.mkv", 300, 1000, 3000, languages=("eng", "fre", "und"))
    settings = selectors(
        job(
            rung("", 160, 90),
            sound("_audio_en", AudioSourceName="one", StreamName="Original"),
            sound("_audio_fr", AudioSourceName="two"),
            sound("_audio_de", AudioSourceName="three", LanguageCode="DEU", LanguageCodeControl="USE_CONFIGURED"),
        ),
        one={"SelectorType": "TRACK", "Tracks": [1]},
        two={"SelectorType": "LANGUAGE_CODE", "LanguageCode": "FRA"},
        three={"SelectorType": "TRACK", "Tracks": [3]},
    )
    for output in settings["OutputGroups"][0]["Outputs"][2:]:
        output["ContainerSettings"]["CmfcSettings"]["AudioTrackType"] = "ALTERNATE_AUDIO_AUTO_SELECT"
    done(s3, settings, tmp_path, film)
    top = m3u8.loads(s3.objects["out/v/stream.m3u8"].body.decode())
    assert [(item.language, item.name, item.default) for item in top.media] == [
        ("en", "Original", "YES"),
        ("fr", "French", "NO"),
        ("de", "German", "NO"),
    ]
    for name, frequency, code in (("en", 300, "eng"), ("fr", 1000, "fra"), ("de", 3000, "deu")):
        path = heard(s3, f"stream_audio_{name}", tmp_path)
        others = {300, 1000, 3000} - {frequency}
        assert level(path, frequency) > max(level(path, other) for other in others) + 20
        assert streams(path)[0]["tags"]["language"] == code


def test_tracks_of_one_selector_are_channels_of_one_sound(s3, folder, tmp_path):
    film = with_tracks(folder, "channels.mov", 300, 1000)
    settings = selectors(job(sound(AudioSourceName="both")), both={"SelectorType": "TRACK", "Tracks": [1, 2]})
    done(s3, settings, tmp_path, film)
    path = heard(s3, "stream_audio", tmp_path)
    assert level(path, 300, 0) > level(path, 300, 1) + 20 and level(path, 1000, 1) > level(path, 1000, 0) + 20


def test_a_remix_is_done_as_written(s3, folder, tmp_path):
    film = with_tracks(folder, "channels.mov", 300, 1000)
    swapped = {"ChannelMapping": {"OutputChannels": [{"InputChannels": [-60, 0]}, {"InputChannels": [0, -60]}]}}
    remix = {"ChannelsIn": 2, "ChannelsOut": 2, **swapped}
    both = {"SelectorType": "TRACK", "Tracks": [1, 2], "RemixSettings": remix}
    done(s3, selectors(job(sound(AudioSourceName="both")), both=both), tmp_path, film)
    path = heard(s3, "stream_audio", tmp_path)
    assert level(path, 1000, 0) > level(path, 1000, 1) + 20 and level(path, 300, 1) > level(path, 300, 0) + 20


def test_surround_is_kept_beside_its_downmix(s3, folder, tmp_path):
    six = ("-f", "lavfi", "-i", "anoisesrc=r=48000:d=2:a=0.1,aformat=channel_layouts=5.1", "-c:a", "eac3")
    film = films.make(folder / "six.mkv", *films.PICTURE, *six, *films.X264)
    surround = sound("_surround", coding_mode="CODING_MODE_5_1")
    surround["ContainerSettings"]["CmfcSettings"] = {
        "AudioGroupId": "surround",
        "AudioTrackType": "ALTERNATE_AUDIO_AUTO_SELECT",
    }
    surround["AudioDescriptions"][0]["CodecSettings"]["AacSettings"]["Bitrate"] = 384_000
    settings = job(rung("", 160, 90, cmfc={"AudioRenditionSets": "audio,surround"}), sound(), surround)
    done(s3, settings, tmp_path, film)
    assert streams(heard(s3, "stream_audio", tmp_path))[0]["channels"] == 2
    kept = streams(heard(s3, "stream_surround", tmp_path))[0]
    assert (kept["channels"], kept["channel_layout"]) == (6, "5.1")
    top = m3u8.loads(s3.objects["out/v/stream.m3u8"].body.decode())
    assert [item.stream_info.audio for item in top.playlists] == ["audio", "surround"]


@pytest.mark.parametrize(
    ("volume", "settings", "expected"),
    [
        ("-20dB", {"Algorithm": "ITU_BS_1770_3", "TargetLkfs": -16}, -16),
        ("0dB", {"Algorithm": "ITU_BS_1770_4", "AlgorithmControl": "CORRECT_AUDIO", "TargetLkfs": -23}, -23),
        ("-20dB", {"Algorithm": "ITU_BS_1770_1", "TargetLkfs": -16}, -16),
    ],
)
def test_loudness_is_brought_to_the_target(s3, folder, tmp_path, volume, settings, expected):
    film = films.make(folder / f"tone{volume}.wav", *tones(1000, seconds=4, volume=volume), "-ac", "2")
    wanted = sound(AudioNormalizationSettings=settings)
    done(s3, job(wanted), tmp_path, film)
    assert lufs(heard(s3, "stream_audio", tmp_path))[0] == pytest.approx(expected, abs=0.5)


def test_a_limiter_holds_the_peak_where_the_gain_would_exceed_it(s3, folder, tmp_path):
    clicks = "sine=f=500:r=48000:d=4,volume=-30dB,volume='if(lt(mod(t,1),0.01),30,1)':eval=frame"
    film = films.make(folder / "clicks.wav", "-f", "lavfi", "-i", clicks, "-ac", "2")
    settings = {"Algorithm": "ITU_BS_1770_3", "TargetLkfs": -16, "TruePeakLimiterThreshold": -3}
    done(s3, job(sound(AudioNormalizationSettings=settings)), tmp_path, film)
    loud, peak = lufs(heard(s3, "stream_audio", tmp_path))
    assert peak < -2 and loud < -15  # AAC itself may overshoot by a decibel


@pytest.mark.parametrize(
    "settings", [{"AlgorithmControl": "MEASURE_ONLY"}, {"TargetLkfs": -16, "CorrectionGateLevel": -20}]
)
def test_loudness_that_is_not_to_be_corrected_is_left(s3, folder, tmp_path, settings):
    film = films.make(folder / "quiet.wav", *tones(1000, seconds=3, volume="-20dB"), "-ac", "2")
    before, _ = lufs(film)
    assert before < -20
    done(s3, job(sound(AudioNormalizationSettings=settings)), tmp_path, film)
    assert lufs(heard(s3, "stream_audio", tmp_path))[0] == pytest.approx(before, abs=0.3)


@pytest.mark.parametrize(
    ("blocks", "gated", "expected"),
    [
        ([], True, None),
        ([-120.0] * 9, True, None),
        ([-20.0] * 9, True, -20.0),
        ([-20.0] * 9 + [-120.0] * 9, True, -20.0),  # silence does not count
        ([-20.0] * 9 + [-40.0] * 9, True, -20.0),  # nor what is 10 LU below the mean
        ([-20.0] * 9 + [-40.0] * 9, False, -22.97),
    ],
)
def test_the_measure_is_gated_as_bs1770_says(blocks, gated, expected):
    found = loudness.integrated(blocks, gated)
    assert found == expected if expected is None else found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("offset, ends", [("0.7", 2.0), ("0", 1.0)])
def test_late_and_short_sound_is_filled_with_silence(s3, folder, tmp_path, offset, ends):
    late = ("-itsoffset", offset, *tones(1000, seconds=ends))
    film = films.make(folder / f"late-{offset}.mp4", *films.PICTURE, *late, *films.X264, "-c:a", "flac", seconds=3)
    said = run(s3, job(rung("", 160, 90), sound()), tmp_path, film)
    picture_ms, sound_ms = (o["durationInMs"] for o in said[-1]["output_group_details"][0]["outputDetails"])
    assert picture_ms == 3000 and 3000 <= sound_ms <= 3022
    begins = float(offset)
    path = heard(s3, "stream_audio", tmp_path)
    silences = re.findall(r"silence_(?:start|end): (-?[\d.]+)", measure(path, "silencedetect=n=-50dB:d=0.2"))
    expected = [0, begins, begins + ends] if begins else [ends]
    assert [float(at) for at in silences[: len(expected)]] == pytest.approx(expected, abs=0.03)
    assert 240000 in [message["code"] for message in said if message["type"] == "warning"]


def test_an_offset_moves_the_sound_against_the_picture(s3, folder, tmp_path):
    film = films.make(folder / "offset.mkv", *films.PICTURE, *tones(1000), *films.X264, "-c:a", "flac")
    settings = job(rung("", 160, 90), sound())
    settings["Inputs"][0]["AudioSelectors"]["Audio Selector 1"]["Offset"] = 500
    run(s3, settings, tmp_path, film)
    found = measure(heard(s3, "stream_audio", tmp_path), "silencedetect=n=-50dB:d=0.2")
    assert float(re.search(r"silence_end: ([\d.]+)", found).group(1)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("rate", [16000, 44100, 96000])
def test_the_sample_rate_is_what_was_asked(s3, folder, tmp_path, rate):
    film = films.make(folder / "tone.wav", *tones(1000))
    wanted = sound()
    wanted["AudioDescriptions"][0]["CodecSettings"]["AacSettings"]["SampleRate"] = rate
    done(s3, job(wanted), tmp_path, film)
    assert streams(heard(s3, "stream_audio", tmp_path))[0]["sample_rate"] == str(rate)


def test_he_aac_becomes_lc_with_a_warning(s3, folder, tmp_path):
    film = films.make(folder / "tone.wav", *tones(1000))
    wanted = sound()
    wanted["AudioDescriptions"][0]["CodecSettings"]["AacSettings"]["CodecProfile"] = "HEV1"
    said = run(s3, job(wanted), tmp_path, film)
    [warning] = [message for message in said if message["type"] == "warning"]
    assert warning["code"] == 900001 and "no build of ffmpeg encodes HE-AAC (HEV1)" in warning["message"]
    assert streams(heard(s3, "stream_audio", tmp_path))[0]["profile"] == "LC"


@pytest.mark.parametrize("container", ["MP4", "MOV"])
def test_a_file_takes_the_picture_and_sounds_that_the_stream_has(s3, folder, tmp_path, container):
    film = with_tracks(folder, "two.mkv", 300, 1000, languages=("eng", "fre"))
    group = movie("_download", 320, 180)
    output = group["Outputs"][0]
    output["ContainerSettings"] = {"Container": container}
    output["AudioDescriptions"] = [
        sound(AudioSourceName=name, StreamName=name)["AudioDescriptions"][0] for name in ("first", "second")
    ]
    settings = selectors(
        job(rung("", 320, 180), sound(AudioSourceName="first"), groups=(group,)),
        first={"SelectorType": "TRACK", "Tracks": [1]},
        second={"SelectorType": "TRACK", "Tracks": [2]},
    )
    facts = source(picture(), tone(), tone(index=2, language="fre"))
    assert plan_job(settings, facts).arguments.count("libx264") == 1
    said = run(s3, settings, tmp_path, film)
    assert said[-1]["type"] == "complete", said[-1]
    [detail] = said[-1]["output_group_details"][1]["outputDetails"]
    extension = container.lower()
    assert detail["outputFilePaths"] == [f"s3://out/v/film_download.{extension}"] and detail["durationInMs"] == 2000
    path = tmp_path / f"done.{extension}"
    path.write_bytes(s3.objects[f"out/v/film_download.{extension}"].body)
    video, *audio = streams(path)
    assert video["nb_frames"] == "50" and float(video["start_time"]) == 0
    assert [track["tags"]["language"] for track in audio] == ["eng", "fra"]
    assert all(float(t["start_time"]) == 0 and 2 <= float(t["duration"]) < 2.05 for t in audio)


@pytest.mark.parametrize(
    ("selector", "says"),
    [
        ({"SelectorType": "LANGUAGE_CODE", "LanguageCode": "JPN"}, "no audio track in the language ja; tracks: eng"),
        ({"RemixSettings": {"ChannelMapping": {"OutputChannels": [{"InputChannels": [0] * 9}]}}}, "remix is of"),
    ],
)
def test_a_sound_that_cannot_be_selected_is_refused(selector, says):
    settings = selectors(job(sound()), **{"Audio Selector 1": selector})
    with pytest.raises(JobRefused, match=says) as refused:
        plan_job(settings, source())
    assert refused.value.code == 1040
