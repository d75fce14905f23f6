"""Buckets that were there before the stack: a custom resource each, which adds what we need and overwrites nothing.

CloudFormation itself can set a bucket's policy, CORS, lifecycle and notifications only as a whole, and only for a
bucket that it made. lambdas/adopt merges ours into what is there, and takes it out again when the stack goes.
"""

from __future__ import annotations

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from pipeline import settings
from pipeline.stacks import grants
from pipeline.stacks.functions import Row
from pipeline.stacks.naming import named
from pipeline.stacks.storage import FilmBucket

TIMEOUT_SECONDS = 120
_PARTS = ("BucketPolicy", "BucketCORS", "LifecycleConfiguration", "BucketNotification")


class Adoption(Construct):
    """`row` makes the function, `install` has it called for each bucket."""

    def __init__(self, scope: Construct, construct_id: str, buckets: dict[str, FilmBucket]) -> None:
        super().__init__(scope, construct_id)
        self._buckets = buckets

    def row(self) -> Row:
        arns = [each.bucket.bucket_arn for each in self._buckets.values()]
        changes = [f"s3:{verb}{part}" for part in _PARTS for verb in ("Get", "Put")]
        reads = ["s3:GetBucketLocation", "s3:GetBucketVersioning"]
        return Row(
            "adopt",
            "Fits an existing bucket to the pipeline, when the stack changes",
            settings.AdoptSettings(),
            TIMEOUT_SECONDS,
            (grants.allow([*changes, "s3:DeleteBucketPolicy", *reads], arns),),
        )

    def install(self, function: lambda_.IFunction) -> list[CustomResource]:
        return [self._one(name, each, function) for name, each in self._buckets.items()]

    def _one(self, name: str, bucket: FilmBucket, function: lambda_.IFunction) -> CustomResource:
        made = CustomResource(
            self,
            name,
            resource_type="Custom::AdoptedBucket",
            service_token=function.function_arn,
            service_timeout=Duration.seconds(2 * TIMEOUT_SECONDS),
            properties={"Bucket": bucket.bucket.bucket_name, "Wish": bucket.wish(self)},
        )
        return named(made, f"Adopted{name}")
