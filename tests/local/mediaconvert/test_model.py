"""Requests against botocore's own service model: every kind of slip is refused, with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.local.mediaconvert import model
from pipeline.local.mediaconvert.errors import BadRequestException, NotFoundException
from tests.local.mediaconvert.conftest import JOB, ROLE


def wire_job(**request: Any) -> dict[str, Any]:
    """The job as it travels."""
    operation, _ = model.route("POST", "/2017-08-29/jobs")
    members = {"Role": ROLE, "Settings": JOB, **request}
    return json.loads(json.dumps(model._write(operation.input_shape, members)))


def read(wire: Any) -> dict[str, Any]:
    operation, labels = model.route("POST", "/2017-08-29/jobs")
    return model.read_input(operation, labels, {}, json.dumps(wire).encode())


def refusal(wire: Any) -> str:
    with pytest.raises(BadRequestException) as error:
        read(wire)
    return str(error.value)


def change(wire: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Set "settings/outputGroups/0/name" and the like; a value of None takes the member away."""
    *parents, last = path.split("/")
    target: Any = wire
    for part in parents:
        target = target[int(part) if isinstance(target, list) else part]
    if value is None:
        del target[last]
    else:
        target[int(last) if isinstance(target, list) else last] = value
    return wire


def test_a_good_job_reads_as_boto3_would_have_it():
    assert read(wire_job()) == {"Role": ROLE, "Settings": JOB}


H264 = "settings/outputGroups/0/outputs/0/videoDescription/codecSettings/h264Settings"
H264_POINTER = "/outputGroups/0/outputs/0/videoDescription/codecSettings/h264Settings"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("role", None, "The 'role' field is required."),
        ("settings", None, "The 'settings' field is required."),
        ("colour", "red", "/: Should not have additional property colour"),
        (
            "settings/outputGroups/0/outputs/0/Width",
            3,
            "/outputGroups/0/outputs/0: Should not have additional property Width",
        ),
        ("settings/outputGroups", {}, "/outputGroups: Should be of type array"),
        ("settings/outputGroups/0", [], "/outputGroups/0: Should be of type object"),
        ("settings/outputGroups/0/name", 7, "/outputGroups/0/name: Should be of type string"),
        ("userMetadata", {"a": 1}, "/userMetadata/a: Should be of type string"),
        (f"{H264}/rateControlMode", "ABR", f"{H264_POINTER}/rateControlMode: ABR should be one of VBR, CBR, QVBR"),
        (f"{H264}/maxBitrate", 10, f"{H264_POINTER}/maxBitrate: 10 should be greater than or equal to 1000"),
        (f"{H264}/qvbrSettings/qvbrQualityLevel", 11, "qvbrQualityLevel: 11 should be less than or equal to 10"),
        (f"{H264}/maxBitrate", "fast", f"{H264_POINTER}/maxBitrate: Should be of type integer"),
        (f"{H264}/maxBitrate", True, f"{H264_POINTER}/maxBitrate: Should be of type integer"),
        (f"{H264}/maxBitrate", 1000.5, f"{H264_POINTER}/maxBitrate: Should be of type integer"),
        (f"{H264}/maxBitrate", float("inf"), f"{H264_POINTER}/maxBitrate: Should be of type integer"),
        (f"{H264}/gopSize", "2", f"{H264_POINTER}/gopSize: Should be of type number"),
        (f"{H264}/gopSize", float("nan"), f"{H264_POINTER}/gopSize: Should be of type number"),
        ("settings/inputs/0/fileInput", "films/a.mov", "/inputs/0/fileInput: films/a.mov should match pattern ^s3://"),
        (
            "settings/inputs/0/fileInput",
            "s3://films/" + "a" * 2048,
            "/inputs/0/fileInput: Should have at most 2048 characters",
        ),
        ("settings/outputGroups/0/outputs/0/nameModifier", "", "nameModifier: Should have at least 1 characters"),
        ("accelerationSettings", {}, "/accelerationSettings: mode is a required property"),
        ("priority", 51, "/priority: 51 should be less than or equal to 50"),
    ],
)
def test_a_slip_is_refused_with_its_place(path, value, message):
    assert message in refusal(change(wire_job(), path, value))


def test_whole_numbers_may_be_written_with_a_point():
    request = read(change(wire_job(), f"{H264}/maxBitrate", 2000000.0))
    h264 = request["Settings"]["OutputGroups"][0]["Outputs"][0]["VideoDescription"]["CodecSettings"]["H264Settings"]
    assert h264["MaxBitrate"] == 2000000
    assert isinstance(h264["MaxBitrate"], int)


def test_all_slips_are_told_at_once_up_to_ten():
    wire = wire_job()
    h264 = wire["settings"]["outputGroups"][0]["outputs"][0]["videoDescription"]["codecSettings"]["h264Settings"]
    h264["rateControlMode"], h264["maxBitrate"] = "ABR", 10
    assert refusal(wire).count("h264Settings/") == 2
    h264.update({f"wrong{number}": 1 for number in range(20)})
    assert refusal(wire).endswith("; and 12 more")


def test_every_operation_has_its_own_path():
    for name in model.service_model().operation_names:
        operation = model.service_model().operation_model(name)
        path = operation.http["requestUri"].replace("{id}", "1").replace("{name}", "n").replace("{arn}", "a%2Fb")
        found, labels = model.route(operation.http["method"], path)
        assert found.name == name
        assert labels in ({}, {"id": "1"}, {"name": "n"}, {"arn": "a/b"})


def test_a_path_outside_the_api_version_is_not_found():
    with pytest.raises(NotFoundException):
        model.route("GET", "/2016-01-01/jobs")


def test_query_values_are_read_as_the_model_has_them():
    operation, labels = model.route("GET", "/2017-08-29/jobs")
    query = {"maxResults": ["5"], "order": "ASCENDING", "unrelated": "x"}
    assert model.read_input(operation, labels, query, b"") == {"MaxResults": 5, "Order": "ASCENDING"}
    with pytest.raises(BadRequestException, match="/maxResults: 21 should be less than or equal to 20"):
        model.read_input(operation, labels, {"maxResults": "21"}, b"")
    with pytest.raises(BadRequestException, match="/maxResults: Should be of type integer"):
        model.read_input(operation, labels, {"maxResults": "many"}, b"")


def test_an_answer_with_a_name_the_model_lacks_is_our_mistake():
    operation, _ = model.route("GET", "/2017-08-29/jobs/1")
    with pytest.raises(KeyError):
        model.write_output(operation, {"Jop": {}})


def test_times_travel_as_whole_seconds_and_unknown_members_not_at_all():
    operation, _ = model.route("GET", "/2017-08-29/queues/Default")
    answer = model.write_output(operation, {"Queue": {"Name": "Default", "CreatedAt": 12.9, "Description": None}})
    assert answer == b'{"queue":{"name":"Default","createdAt":12}}'
