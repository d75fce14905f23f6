"""The player page: built files in an asset, copied beside the outputs by a custom resource.

CDK's BucketDeployment would do the same with a 22 MB layer that holds the AWS CLI; ours is one more handler in the
zip that is deployed anyway (lambdas/site). The page's fingerprint is part of the asset's key, so that CloudFormation
calls the function exactly when the page has changed.
"""

from __future__ import annotations

from aws_cdk import AssetHashType, Aws, CustomResource, Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from pipeline import bundle, settings
from pipeline.media import keys
from pipeline.stacks import grants
from pipeline.stacks.functions import Row
from pipeline.stacks.naming import named
from pipeline.stacks.staging import staged

TIMEOUT_SECONDS = 120


class PlayerPage(Construct):
    """The asset; `row` makes the function that copies it, `install` has it called."""

    def __init__(self, scope: Construct, construct_id: str, outputs: s3.IBucket) -> None:
        super().__init__(scope, construct_id)
        self._outputs = outputs
        files = bundle.page_files()
        self._asset = s3_assets.Asset(
            self,
            "Files",
            path=staged(files),
            asset_hash=bundle.fingerprint(files),
            asset_hash_type=AssetHashType.CUSTOM,
        )

    def row(self) -> Row:
        pages = [self._outputs.arn_for_objects(f"{keys.SITE}*")]
        archive = f"arn:{Aws.PARTITION}:s3:::{self._asset.s3_bucket_name}/{self._asset.s3_object_key}"
        return Row(
            "site",
            "Copies the built player page beside the outputs, when the stack changes",
            settings.SiteSettings(outputs_bucket=self._outputs.bucket_name),
            TIMEOUT_SECONDS,
            (
                grants.allow(["s3:GetObject"], [archive]),
                grants.allow(["s3:PutObject", "s3:DeleteObject"], pages),
                grants.list_bucket(self._outputs),
            ),
        )

    def install(self, function: lambda_.IFunction) -> None:
        page = CustomResource(
            self,
            "Page",
            resource_type="Custom::PlayerPage",
            service_token=function.function_arn,
            service_timeout=Duration.seconds(2 * TIMEOUT_SECONDS),
            properties={
                "ArchiveBucket": self._asset.s3_bucket_name,
                "ArchiveKey": self._asset.s3_object_key,
                # The function does not read it: a new bucket must be a change of this resource too.
                "OutputsBucket": self._outputs.bucket_name,
            },
        )
        named(page, "PlayerPage")
