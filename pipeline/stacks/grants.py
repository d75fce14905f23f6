"""Permissions in our own words: each function here is one IAM statement, naming the actions and the resources.

CDK's grant_read, grant_write and their like allow whole families of actions (s3:GetObject*, s3:List*, s3:Abort*).
Ours are written out, so that the diff of a role is what a reviewer has to judge.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pipeline.media import keys
from pipeline.media.reconcile import OPEN_INDEX


def allow(actions: Sequence[str], resources: Sequence[str], **conditions: object) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=list(resources), **conditions)


def records(table: dynamodb.ITable, *verbs: str) -> iam.PolicyStatement:
    """Asset records: verbs as in "Get", "Put", "Update" (one item) and "Query" (one asset's items)."""
    return allow(
        [f"dynamodb:{verb}" if verb == "Query" else f"dynamodb:{verb}Item" for verb in verbs], [table.table_arn]
    )


def list_open_records(table: dynamodb.ITable) -> iam.PolicyStatement:
    return allow(["dynamodb:Query"], [f"{table.table_arn}/index/{OPEN_INDEX}"])


def read_uploads(sources: s3.IBucket, *, versions: bool = False) -> iam.PolicyStatement:
    actions = ["s3:GetObject", "s3:GetObjectVersion"] if versions else ["s3:GetObject"]
    return allow(actions, [sources.arn_for_objects(f"{keys.UPLOADS}*")])


def list_bucket(bucket: s3.IBucket) -> iam.PolicyStatement:
    """Lists, and tells "missing" (404) from "not allowed" (403).

    No s3:prefix condition: Get and Head carry no prefix, so that under one a missing object would be 403 again.
    """
    return allow(["s3:ListBucket"], [bucket.bucket_arn])


def list_versions(bucket: s3.IBucket) -> iam.PolicyStatement:
    """Lists what was deleted, too."""
    return allow(["s3:ListBucketVersions"], [bucket.bucket_arn])


def read_outputs(outputs: s3.IBucket, prefix: str) -> iam.PolicyStatement:
    return allow(["s3:GetObject"], [outputs.arn_for_objects(f"{prefix}*")])


def write_outputs(outputs: s3.IBucket, prefix: str) -> iam.PolicyStatement:
    return allow(["s3:PutObject"], [outputs.arn_for_objects(f"{prefix}*")])


def read_and_write_assets(outputs: s3.IBucket) -> iam.PolicyStatement:
    return allow(["s3:GetObject", "s3:PutObject"], [outputs.arn_for_objects(f"{keys.ASSETS}*")])


def remove_outputs(outputs: s3.IBucket) -> iam.PolicyStatement:
    return allow(["s3:DeleteObject"], [outputs.arn_for_objects(f"{each}*") for each in (keys.ASSETS, keys.WORK)])


def keep_receipts(sources: s3.IBucket) -> iam.PolicyStatement:
    """Look what a receipt says, and write it over what was read. Needs list_bucket too, for the first one."""
    return allow(["s3:GetObject", "s3:PutObject"], [sources.arn_for_objects(f"{keys.RECEIPTS}*")])


def tag_uploads(sources: s3.IBucket) -> iam.PolicyStatement:
    """Tags of versions: S3 tells "Object Tags Added" of them, which starts nothing."""
    actions = ["s3:GetObjectVersionTagging", "s3:PutObjectVersionTagging"]
    return allow(actions, [sources.arn_for_objects(f"{keys.UPLOADS}*")])


def probe_sources() -> iam.PolicyStatement:
    """Probe knows no resources; what it may read is what its caller may read."""
    return allow(["mediaconvert:Probe"], ["*"])


def submit_jobs(queue_arns: Sequence[str]) -> iam.PolicyStatement:
    """Submit to and look for jobs in our queues only: a search must name the queue."""
    return allow(["mediaconvert:CreateJob", "mediaconvert:ListJobs"], queue_arns)


def list_jobs(queue_arns: Sequence[str]) -> iam.PolicyStatement:
    return allow(["mediaconvert:ListJobs"], queue_arns)


def jobs(scope: Construct, *verbs: str) -> iam.PolicyStatement:
    """Jobs have ids of MediaConvert's making, so that a policy cannot tell ours from others'."""
    arn = Stack.of(scope).format_arn(service="mediaconvert", resource="jobs", resource_name="*")
    return allow([f"mediaconvert:{verb}Job" for verb in verbs], [arn])


def pass_role(role: iam.IRole, service: str) -> iam.PolicyStatement:
    return allow(["iam:PassRole"], [role.role_arn], conditions={"StringEquals": {"iam:PassedToService": service}})


def start_executions(machine: sfn.IStateMachine) -> iam.PolicyStatement:
    return allow(["states:StartExecution"], [machine.state_machine_arn])


def list_executions(machine: sfn.IStateMachine) -> iam.PolicyStatement:
    return allow(["states:ListExecutions"], [machine.state_machine_arn])


def answer_tokens(machine: sfn.IStateMachine) -> iam.PolicyStatement:
    return allow(
        ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"], [machine.state_machine_arn]
    )


def read_executions(machine: sfn.StateMachine) -> iam.PolicyStatement:
    return allow(["states:DescribeExecution", "states:GetExecutionHistory"], [_executions(machine)])


def stop_executions(machine: sfn.StateMachine) -> iam.PolicyStatement:
    return allow(["states:StopExecution"], [_executions(machine)])


def _executions(machine: sfn.StateMachine) -> str:
    return Stack.of(machine).format_arn(
        service="states",
        resource="execution",
        resource_name=f"{machine.state_machine_name}:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def use_key(key: kms.IKey) -> iam.PolicyStatement:
    """What S3, DynamoDB and SNS ask of who reads and writes what the key protects."""
    return allow(["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"], [key.key_arn])


def consume(queue: sqs.IQueue) -> iam.PolicyStatement:
    """What Lambda's poller needs of the role of the function it calls."""
    return allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], [queue.queue_arn])


def send(queue: sqs.IQueue) -> iam.PolicyStatement:
    return allow(["sqs:SendMessage"], [queue.queue_arn])


def write_logs(group: logs.ILogGroup) -> iam.PolicyStatement:
    """No CreateLogGroup: the group is in the stack, and one made behind its back would keep logs for ever."""
    return allow(["logs:CreateLogStream", "logs:PutLogEvents"], [group.log_group_arn])


def tracing(more: Sequence[str] = ()) -> iam.PolicyStatement:
    """X-Ray knows no resources."""
    return allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords", *more], ["*"])


def log_delivery() -> iam.PolicyStatement:
    """What Step Functions asks of a role to log; these actions know no resources (Developer Guide, CloudWatch Logs)."""
    return allow(
        [
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        ],
        ["*"],
    )
