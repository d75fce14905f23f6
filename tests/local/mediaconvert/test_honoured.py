"""The table of what the local engine honours: nothing outside it passes, and the document is what it says."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.mediaconvert import honoured, model
from tests.local.mediaconvert.conftest import JOB, ROLE
from tests.local.mediaconvert.test_rules import aac, another_video, audio, captions, capture, cmaf, h264, video

DOCUMENT = Path(__file__).parents[3] / "docs" / "local-mediaconvert.md"


def refusals(change=lambda job: None, **request: Any) -> list[str]:
    job = copy.deepcopy(JOB)
    change(job)
    return honoured.refusals({"Role": ROLE, "Settings": job, **request})


def test_the_planners_job_is_honoured_whole():
    assert refusals() == []


OUTPUT = "OutputGroups[0].Outputs[0]"
H264 = f"{OUTPUT}.VideoDescription.CodecSettings.H264Settings"
NOT = "is not honoured by the local engine"

CASES = [
    (
        lambda job: captions(job, DestinationSettings={"DestinationType": "BURN_IN"}),
        "OutputGroups[0].Outputs[2].CaptionDescriptions[0].DestinationSettings.DestinationType: BURN_IN "
        f"{NOT} (honoured: WEBVTT)",
    ),
    (
        lambda job: captions(job, DestinationSettings={}),
        "OutputGroups[0].Outputs[2].CaptionDescriptions[0].DestinationSettings.DestinationType: leaving it out asks",
    ),
    (
        lambda job: captions(job, selector={"SourceType": "TELETEXT"}),
        f"Inputs[0].CaptionSelectors.C.SourceSettings.SourceType: TELETEXT {NOT} (honoured: EMBEDDED, SRT, WEBVTT)",
    ),
    (
        lambda job: capture(job).update(CaptionDescriptions=[{}]),
        f"OutputGroups[1].Outputs[0].CaptionDescriptions {NOT} in a file group",
    ),
    (lambda job: h264(job).update(Telecine="HARD"), f"{H264}.Telecine: HARD {NOT} (honoured: NONE)"),
    (lambda job: h264(job).update(InterlaceMode="TOP_FIELD"), f"{H264}.InterlaceMode: TOP_FIELD {NOT}"),
    (
        lambda job: h264(job).update(BandwidthReductionFilter={"Strength": "LOW"}),
        f"{H264}.BandwidthReductionFilter {NOT}",
    ),
    (lambda job: h264(job).update(PerFrameMetrics=["PSNR"]), f"{H264}.PerFrameMetrics {NOT}"),
    (
        lambda job: h264(job).pop("RateControlMode"),
        f"{H264}.RateControlMode: leaving it out asks for MediaConvert's default, which {NOT} (honoured: ",
    ),
    (
        lambda job: video(job)["VideoDescription"].update(VideoPreprocessors={"NoiseReducer": {}}),
        f"{OUTPUT}.VideoDescription.VideoPreprocessors.NoiseReducer {NOT}",
    ),
    (lambda job: video(job)["VideoDescription"].update(Sharpness=20), f"{OUTPUT}.VideoDescription.Sharpness: 20 {NOT}"),
    (
        lambda job: video(job).update(NameModifier="_$w$"),
        f"{OUTPUT}.NameModifier: $w$ {NOT} (honoured: $dt$, $d$, $t$, $fn$)",
    ),
    (lambda job: video(job).update(Extension="mp5"), f"{OUTPUT}.Extension: mp5 {NOT} outside file groups"),
    (
        lambda job: capture(job).update(Extension="png"),
        f"OutputGroups[1].Outputs[0].Extension: png {NOT} for captures (honoured: jpg)",
    ),
    (
        lambda job: cmaf(job).update(Encryption={"EncryptionMethod": "SAMPLE_AES"}),
        f"OutputGroups[0].OutputGroupSettings.CmafGroupSettings.Encryption {NOT}",
    ),
    (
        lambda job: cmaf(job).update(SegmentControl="SINGLE_FILE"),
        "OutputGroups[0].OutputGroupSettings.CmafGroupSettings.SegmentControl: SINGLE_FILE",
    ),
    (
        lambda job: job["OutputGroups"][0].update(Dummy={"AbrSettings": {}}),
        f"OutputGroups[0].Dummy {NOT}",
    ),
    (
        lambda job: aac(job).update(CodecProfile="XHE"),
        "OutputGroups[0].Outputs[1].AudioDescriptions[0].CodecSettings.AacSettings.CodecProfile: XHE",
    ),
    (
        lambda job: audio(job)["AudioDescriptions"][0].update(AudioNormalizationSettings={"LoudnessLogging": "LOG"}),
        f"OutputGroups[0].Outputs[1].AudioDescriptions[0].AudioNormalizationSettings.LoudnessLogging: LOG {NOT}",
    ),
    (lambda job: job["Inputs"].append(job["Inputs"][0]), "Inputs: [{"),
    (
        lambda job: job["Inputs"][0].update(FileInput="https://example.org/a.mov"),
        "Inputs[0].FileInput: https://example.org",
    ),
    (
        lambda job: job["Inputs"][0].update(InputClippings=[{"StartTimecode": "00:00:01:00@25"}]),
        f"Inputs[0].InputClippings[0].StartTimecode: 00:00:01:00@25 {NOT} (honoured: HH:MM:SS:FF or ;FF)",
    ),
    (
        lambda job: job["Inputs"][0]["AudioSelectors"]["Audio Selector 1"].update(SelectorType="PID", Pids=[257]),
        f"Inputs[0].AudioSelectors.Audio Selector 1.SelectorType: PID {NOT} (honoured: TRACK, LANGUAGE_CODE)",
    ),
    (lambda job: job.update(MotionImageInserter={}), f"MotionImageInserter {NOT}"),
    (lambda job: job.update(AdAvailOffset=5), f"AdAvailOffset: 5 {NOT} (honoured: 0)"),
    (
        lambda job: capture(job).update(VideoDescription=video(job)["VideoDescription"]),
        f"OutputGroups[1].Outputs[0].ContainerSettings.Container: RAW {NOT} in a file group with H_264 (honoured: ",
    ),
    (
        lambda job: [capture(job).pop("VideoDescription"), capture(job).update(audio(job))],
        f"OutputGroups[1].Outputs[0].ContainerSettings.Container: CMFC {NOT} in a file group with sound alone",
    ),
    (
        lambda job: capture(job)["VideoDescription"]["CodecSettings"].update(Codec="GIF"),
        "OutputGroups[1].Outputs[0].VideoDescription.CodecSettings.Codec: GIF",
    ),
]


@pytest.mark.parametrize(("change", "message"), CASES, ids=[message.split(" ")[0] for _, message in CASES])
def test_a_setting_that_is_not_honoured_is_refused_with_path_and_value(change, message):
    found = refusals(change)
    assert any(refusal.startswith(message) for refusal in found), found


@pytest.mark.parametrize(
    ("request_member", "message"),
    [
        ({"JobEngineVersion": "2025-01-01"}, f"JobEngineVersion: 2025-01-01 {NOT}"),
        (
            {"HopDestinations": [{"WaitMinutes": 5}] * 2},
            f'HopDestinations: [{{"WaitMinutes": 5}}, {{"WaitMinutes": 5}}] {NOT} (honoured: one destination)',
        ),
        ({"SimulateReservedQueue": "ENABLED"}, f"SimulateReservedQueue: ENABLED {NOT} (honoured: DISABLED)"),
    ],
)
def test_the_request_around_the_settings_is_judged_too(request_member, message):
    assert refusals(**request_member) == [message]


@pytest.mark.parametrize("container", ["MP4", "MOV"])
@pytest.mark.parametrize("sounds", [0, 1, 2])
def test_a_film_in_a_file_is_honoured(container, sounds):
    def download(job: dict[str, Any]) -> None:
        output = {
            "NameModifier": "_download",
            "ContainerSettings": {"Container": container},
            "VideoDescription": video(job)["VideoDescription"],
            "AudioDescriptions": [audio(job)["AudioDescriptions"][0]] * sounds,
        }
        job["OutputGroups"][1]["Outputs"].append(output)

    assert refusals(download) == []


def test_what_means_off_or_default_or_nothing_passes():
    assert (
        refusals(
            lambda job: h264(job).update(Telecine="NONE", SlowPal="DISABLED", Softness=0),
            HopDestinations=[{"WaitMinutes": 5}],
            Priority=5,
            BillingTagsSource="JOB",
            AccelerationSettings={"Mode": "PREFERRED"},
            Tags={"team": "films"},
        )
        == []
    )


DEINTERLACER = {"Deinterlacer": {"Mode": "DEINTERLACE"}}
TO_709 = {"ColorCorrector": {"ColorSpaceConversion": "FORCE_709"}}


def test_outputs_may_be_preprocessed_differently():
    def change(job: dict[str, Any]) -> None:
        another_video(job, "_more")
        outputs = (video(job), job["OutputGroups"][0]["Outputs"][2], capture(job))
        for output, wanted in zip(outputs, (DEINTERLACER, TO_709, None), strict=True):
            if wanted:
                output["VideoDescription"]["VideoPreprocessors"] = wanted

    assert refusals(change) == []


def test_boto3_hears_the_refusal(client):
    job = copy.deepcopy(JOB)
    h264(job)["Telecine"] = "HARD"
    with pytest.raises(ClientError) as error:
        client.create_job(Role=ROLE, Settings=job)
    assert error.value.response["Error"] == {
        "Code": "BadRequestException",
        "Message": f"{H264}.Telecine: HARD {NOT} (honoured: NONE)",
    }


def all_places(shape_name: str) -> dict[str, Any]:
    return dict(model.walk(model.service_model().shape_for(shape_name)))


@pytest.mark.parametrize(
    ("rows", "shape"), [(honoured.REQUEST, "CreateJobRequest"), (honoured.SETTINGS, "JobSettings")]
)
def test_every_row_is_a_setting_of_the_service_model(rows, shape):
    places = all_places(shape)
    assert [row.path for row in rows if row.path not in places] == []
    assert len({row.path for row in rows}) == len(rows)


def test_every_value_in_the_table_is_one_the_service_knows():
    places = all_places("JobSettings") | all_places("CreateJobRequest")
    for row in (*honoured.REQUEST, *honoured.SETTINGS):
        enum = getattr(places[row.path], "enum", None)
        if enum and row.values is not honoured.ANY:
            assert set(row.values.words.split(", ")) <= set(enum), row.path


def test_the_document_is_current():
    assert DOCUMENT.read_text() == honoured.as_markdown(), (
        "run: python -m pipeline.local.mediaconvert.honoured > docs/local-mediaconvert.md"
    )
