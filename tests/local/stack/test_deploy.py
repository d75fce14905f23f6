"""Templates through CreateStack: what is made, what is refused, and how a failure is told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.deploy import DeployFailed, Deployment, deploy, write_zip
from pipeline.local.stack import ACCOUNT
from tests.local.stack.functions import ROLE

RESPONDER = """
import json, urllib.request
def handler(event, context):
    body = {"Status": "STATUS", "Reason": "the shelf is empty", "PhysicalResourceId": "made", "Data": {"Word": "hello"},
            **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}}
    request = urllib.request.Request(event["ResponseURL"], data=json.dumps(body).encode(), method="PUT")
    urllib.request.urlopen(request).close()
"""


@dataclass(frozen=True)
class FakeAsset:
    path: Path
    object_key: str = "code.zip"
    bucket_name_template: str = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
    packaging: str = "zip"


@dataclass(frozen=True)
class FakeAssembly:
    template: dict[str, Any]
    template_path: Path
    assets: tuple[FakeAsset, ...] = ()
    stack_name: str = "Vod"


@pytest.fixture
def put_up(aws, tmp_path: Path) -> Iterator[Any]:
    """Deploy resources as the one stack; it is taken down afterwards."""
    from pipeline.local.emulators import cloudformation

    def put(
        resources: dict[str, Any], code: str | None = None, outputs: dict[str, Any] | None = None, **parameters: str
    ) -> Deployment:
        template = {
            "Resources": resources,
            "Outputs": outputs or {},
            "Parameters": {name: {"Type": "String"} for name in parameters},
        }
        path = tmp_path / "template.json"
        path.write_text(json.dumps(template))
        assets = ()
        if code is not None:
            (tmp_path / "code").mkdir()
            (tmp_path / "code" / "app.py").write_text(code)
            assets = (FakeAsset(tmp_path / "code"),)
        return deploy(
            FakeAssembly(template, path, assets),
            aws.client,
            aws.region,
            ACCOUNT,
            tmp_path,
            parameters,
            cloudformation.outcome,
        )

    yield put
    aws.client("cloudformation").delete_stack(StackName="Vod")
    with contextlib.suppress(KeyError):
        cloudformation.outcome("Vod", 10)


def function(handler: str = "app.handler") -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.14",
            "Handler": handler,
            "Role": ROLE,
            "Timeout": 10,
            "Code": {
                "S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},
                "S3Key": "code.zip",
            },
        },
    }


def custom() -> dict[str, Any]:
    return {"Type": "Custom::Thing", "Properties": {"ServiceToken": {"Fn::GetAtt": ["Maker", "Arn"]}}}


def test_outputs_and_physical_ids_come_back(put_up):
    up = put_up(
        {"Queue": {"Type": "AWS::SQS::Queue"}},
        outputs={"Url": {"Value": {"Ref": "Queue"}}, "Base": {"Value": {"Ref": "DeliveryUrl"}}},
        DeliveryUrl="http://here",
    )
    assert up.outputs == {"Url": up.physical["Queue"], "Base": "http://here"}


def test_a_mediaconvert_queue_is_one_of_the_local_mediaconvert(aws, put_up):
    up = put_up(
        {"Films": {"Type": "AWS::MediaConvert::Queue", "Properties": {"PricingPlan": "ON_DEMAND"}}},
        outputs={"Arn": {"Value": {"Fn::GetAtt": ["Films", "Arn"]}}, "Name": {"Value": {"Ref": "Films"}}},
    )
    queues = {queue["Name"]: queue["Arn"] for queue in aws.client("mediaconvert").list_queues()["Queues"]}
    assert queues[up.outputs["Name"]] == up.outputs["Arn"]
    assert "Default" in queues


def test_a_key_group_is_one_of_cloudfronts(aws, put_up):
    config = {"CallerReference": "1", "Name": "signer", "EncodedKey": "-----BEGIN PUBLIC KEY-----\n"}
    up = put_up(
        {
            "Key": {"Type": "AWS::CloudFront::PublicKey", "Properties": {"PublicKeyConfig": config}},
            "Group": {
                "Type": "AWS::CloudFront::KeyGroup",
                "Properties": {"KeyGroupConfig": {"Name": "signers", "Items": [{"Ref": "Key"}]}},
            },
        }
    )
    cloudfront = aws.client("cloudfront")
    key = cloudfront.get_public_key(Id=up.physical["Key"])["PublicKey"]["PublicKeyConfig"]
    group = cloudfront.get_key_group(Id=up.physical["Group"])["KeyGroup"]["KeyGroupConfig"]
    assert (key["Name"], group["Items"]) == ("signer", [up.physical["Key"]])


def test_a_custom_resource_gives_its_attributes(put_up):
    up = put_up(
        {"Maker": function(), "Thing": custom()},
        RESPONDER.replace("STATUS", "SUCCESS"),
        outputs={"Word": {"Value": {"Fn::GetAtt": ["Thing", "Word"]}}},
    )
    assert (up.physical["Thing"], up.outputs["Word"]) == ("made", "hello")


def test_a_type_nobody_makes_is_refused_by_name(put_up):
    with pytest.raises(DeployFailed, match="AWS::Nowhere::Thing"):
        put_up({"Thing": {"Type": "AWS::Nowhere::Thing"}})


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (RESPONDER.replace("STATUS", "FAILED"), "the shelf is empty"),
        ("def handler(event, context):\n    raise KeyError('shelf')", "KeyError"),
        ("import nothing_like_it", "nothing_like_it"),
    ],
)
def test_a_custom_resource_that_fails_says_so_at_once(put_up, code: str, reason: str):
    with pytest.raises(DeployFailed, match=rf"ROLLBACK_COMPLETE: Thing \(Custom::Thing\): .*{reason}"):
        put_up({"Maker": function(), "Thing": custom()}, code)


def test_a_folder_zips_to_the_same_bytes_whenever_and_in_whatever_order(tmp_path: Path):
    for number, names in enumerate((["b/x.py", "a.py"], ["a.py", "b/x.py"])):
        for name in names:
            path = tmp_path / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        write_zip(tmp_path / str(number), tmp_path / f"{number}.zip")
    assert (tmp_path / "0.zip").read_bytes() == (tmp_path / "1.zip").read_bytes()
