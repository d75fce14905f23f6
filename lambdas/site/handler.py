"""Player page: CloudFormation asks to install it (Create, Update) or to take it away (Delete).

Comes in: where the page's zip lies (`ArchiveBucket`, `ArchiveKey`). Goes out: the page beside the outputs, and an
answer at the event's ResponseURL. It beats CDK's BucketDeployment, which brings the AWS CLI as a 22 MB layer for the
same few files. What can go wrong is answered as FAILED with the error's name and words, and fails the deployment.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import custom_resource, page
from pipeline.settings import SiteSettings


def handler(event: dict[str, Any], context: Any) -> None:
    settings = SiteSettings.from_env()
    custom_resource.respond(event, lambda: _apply(event, settings.outputs_bucket))


def _apply(event: dict[str, Any], bucket: str) -> str:
    """The physical id names the bucket: when that changes, CloudFormation asks to delete the page in the old one."""
    here = f"{bucket}/{page.INDEX}"
    if event["RequestType"] != "Delete":
        properties = event["ResourceProperties"]
        page.install(properties["ArchiveBucket"], properties["ArchiveKey"], bucket)
        return here
    # A page in another bucket is kept with that bucket; "none" was never installed.
    if event["PhysicalResourceId"] == here:
        page.remove(bucket)
    return event["PhysicalResourceId"]
