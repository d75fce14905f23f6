"""Deploy the synthesised template to the local endpoint with plain CloudFormation, as `cdk deploy` would.

An assembly (template and assets) in: its assets are zipped where CDK says so and put into the bootstrap bucket of this
account and region, and CreateStack is called with the template's URL. A `Deployment` out: outputs and physical ids.

Can go wrong: CloudFormation refuses the template or a resource fails (DeployFailed, naming the resource and why).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

BOOTSTRAP_QUALIFIER = "hnb659fds"
BOOTSTRAP_VERSION = "30"
TIMEOUT_SECONDS = 300.0
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class DeployFailed(Exception):
    """CloudFormation did not make the stack; the message names the first resource that failed and its reason."""


class Asset(Protocol):
    """A file or folder the template refers to by bucket and key."""

    object_key: str
    bucket_name_template: str
    path: Path
    packaging: str


class Assembly(Protocol):
    """What synthesis leaves."""

    stack_name: str
    template_path: Path
    template: Mapping[str, Any]
    assets: Iterable[Asset]


@dataclass(frozen=True)
class Deployment:
    """A stack that is up: its name, outputs by key, physical ids by logical id."""

    stack_name: str
    outputs: Mapping[str, str]
    physical: Mapping[str, str]


def deploy(
    assembly: Assembly,
    client: Callable[[str], Any],
    region: str,
    account: str,
    staging: Path,
    parameters: Mapping[str, str],
    wait: Callable[[str, float], str],
) -> Deployment:
    """`client` makes boto3 clients of the endpoint; `wait(stack, seconds)` blocks until the stack's status is final."""
    s3 = client("s3")
    bucket = _make_bootstrap_bucket(s3, region, account)
    client("ssm").put_parameter(
        Name=f"/cdk-bootstrap/{BOOTSTRAP_QUALIFIER}/version", Value=BOOTSTRAP_VERSION, Type="String", Overwrite=True
    )
    for asset in assembly.assets:
        s3.upload_file(str(_staged(asset, staging)), _bucket_of(asset, region, account), asset.object_key)
    stack, template_key = assembly.stack_name, f"cdk/{assembly.stack_name}.template.json"
    s3.upload_file(str(assembly.template_path), bucket, template_key)
    cloudformation = client("cloudformation")
    try:
        cloudformation.create_stack(
            StackName=stack,
            TemplateURL=f"https://s3.{region}.amazonaws.com/{bucket}/{template_key}",
            Capabilities=_CAPABILITIES,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )
    except ClientError as error:
        raise DeployFailed(f"CloudFormation refuses the template: {error.response['Error']['Message']}") from error
    status = wait(stack, TIMEOUT_SECONDS)
    if status != "CREATE_COMPLETE":
        raise DeployFailed(f"stack {stack} ended {status}: {_first_failure(cloudformation, stack)}")
    return _describe(cloudformation, stack)


def write_zip(folder: Path, path: Path) -> None:
    """The same folder gives the same bytes, so that Lambda's CodeSha256 says whether the code changed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _ZIP_EPOCH)
            entry.external_attr = (0o755 if file.stat().st_mode & 0o100 else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def _make_bootstrap_bucket(s3: Any, region: str, account: str) -> str:
    bucket = f"cdk-{BOOTSTRAP_QUALIFIER}-assets-{account}-{region}"
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **place)
    return bucket


def _bucket_of(asset: Asset, region: str, account: str) -> str:
    return (
        asset.bucket_name_template.replace("${AWS::AccountId}", account)
        .replace("${AWS::Region}", region)
        .replace("${AWS::Partition}", "aws")
    )


def _staged(asset: Asset, staging: Path) -> Path:
    path = Path(asset.path)
    if asset.packaging != "zip" or path.is_file():
        return path
    target = staging / asset.object_key.replace("/", "-")
    write_zip(path, target)
    return target


def _first_failure(cloudformation: Any, name: str) -> str:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    failed = [event for page in pages for event in page["StackEvents"] if event["ResourceStatus"].endswith("_FAILED")]
    if not failed:
        return "no resource says why"
    first = failed[-1]  # newest first
    return (
        f"{first['LogicalResourceId']} ({first['ResourceType']}): "
        f"{first.get('ResourceStatusReason', 'no reason given')}"
    )


def _describe(cloudformation: Any, name: str) -> Deployment:
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return Deployment(
        name,
        {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources},
    )
