"""What MediaConvert needs of us: a queue of our own, and a role that reads uploads and writes outputs.

The queue is ours so that events and permissions can be told apart by its ARN: another environment in the same
account, or somebody's jobs in the default queue, are none of our business.
"""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_mediaconvert as mediaconvert
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pipeline.media import keys
from pipeline.stacks import grants
from pipeline.stacks.configuration import Configuration
from pipeline.stacks.naming import named


class Transcode(Construct):
    """`queue_arn`: where jobs are put; `queue_arns`: where they may come to lie; `role`: MediaConvert's own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        configuration: Configuration,
        sources: s3.IBucket,
        outputs: s3.IBucket,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.queue_arn = configuration.mediaconvert_queue or self._queue()
        self.hop_queue_arn = configuration.hop_queue
        self.queue_arns = [arn for arn in (self.queue_arn, self.hop_queue_arn) if arn]
        self.role = named(_role(self, self.queue_arns, sources, outputs, key), "MediaConvertRole")

    def _queue(self) -> str:
        # On demand: CloudFormation cannot buy the slots of a reserved queue (AWS::MediaConvert::Queue, PricingPlan).
        queue = mediaconvert.CfnQueue(self, "Queue", pricing_plan="ON_DEMAND", status="ACTIVE")
        return named(queue, "MediaConvertQueue").attr_arn


def _role(
    scope: Construct, queue_arns: list[str], sources: s3.IBucket, outputs: s3.IBucket, key: kms.IKey | None
) -> iam.Role:
    return iam.Role(
        scope,
        "Role",
        description="MediaConvert reads uploads and writes versions of assets with it",
        assumed_by=iam.ServicePrincipal(
            "mediaconvert.amazonaws.com",
            # "The value of aws:SourceArn must be the ARN of the MediaConvert queue" (MediaConvert User Guide,
            # Cross-service confused deputy prevention).
            conditions={
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                "ArnLike": {"aws:SourceArn": queue_arns},
            },
        ),
        inline_policies={
            "Films": iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        actions=["s3:GetObject"], resources=[sources.arn_for_objects(f"{keys.UPLOADS}*")]
                    ),
                    iam.PolicyStatement(
                        actions=["s3:PutObject"], resources=[outputs.arn_for_objects(f"{keys.ASSETS}*")]
                    ),
                    *([grants.use_key(key)] if key else []),
                ]
            )
        },
    )
