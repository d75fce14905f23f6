"""Where films arrive and what we know of them: the sources bucket and the table of assets.

Both hold what nobody can make again, so both stay when the stack goes.
"""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pipeline.media.reconcile import OPEN_INDEX
from pipeline.stacks.naming import named, resource


class Storage(Construct):
    """`sources`: uploads/ (watched by EventBridge) and receipts/. `table`: one partition an asset."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.sources = _sources(self)
        self.table = _table(self)


def private_bucket(scope: Construct, name: str, **more: object) -> s3.Bucket:
    """A bucket as all of ours are: private, TLS only, owned by the account, kept when the stack goes."""
    bucket = s3.Bucket(
        scope,
        name,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        removal_policy=RemovalPolicy.RETAIN,
        **more,
    )
    # An upload that broke off is invisible in every listing and paid for until somebody aborts it.
    bucket.add_lifecycle_rule(id="AbortBrokenUploads", abort_incomplete_multipart_upload_after=Duration.days(7))
    return named(bucket, name)


def _sources(scope: Construct) -> s3.Bucket:
    bucket = private_bucket(scope, "Sources", versioned=True)
    # Said to CloudFormation directly: CDK's own event_bridge_enabled would add a Lambda function that calls the S3 API.
    resource(bucket).add_property_override(
        "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
    )
    return bucket


def _table(scope: Construct) -> dynamodb.Table:
    # Table and not TableV2: TableV2 with a customer's KMS key cannot be written without naming the region, and
    # changing the resource type later would mean a new table.
    table = dynamodb.Table(
        scope,
        "Assets",
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=RemovalPolicy.RETAIN,
    )
    # Sparse: only what the sweep still has to look at is in it (pipeline.aws.table). It reads the records themselves.
    table.add_global_secondary_index(
        index_name=OPEN_INDEX,
        partition_key=dynamodb.Attribute(name="open", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="due", type=dynamodb.AttributeType.STRING),
        projection_type=dynamodb.ProjectionType.KEYS_ONLY,
    )
    return named(table, "Assets")
