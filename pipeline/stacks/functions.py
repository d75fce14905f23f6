"""The table of functions: one row each with its settings, its limits and what it may do, and nothing it may not.

A row becomes a function, a role of its own and a log group. The roles are closed (`without_policy_updates`): no CDK
construct can widen one behind this table's back. All functions share one zip; see pipeline/bundle.py.

Timeouts are a little shorter than the state's own TimeoutSeconds in the ASL, so that a slow function ends as its own
error (Lambda.Unknown "Task timed out", retried) and not as States.Timeout.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from aws_cdk import AssetHashType, Aws, Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pipeline import bundle, settings
from pipeline.media import keys
from pipeline.stacks import grants
from pipeline.stacks.configuration import Configuration
from pipeline.stacks.naming import named
from pipeline.stacks.staging import staged
from pipeline.stacks.storage import ARCHIVE_TAG
from pipeline.stacks.transcode import Transcode

MEDIACONVERT = "mediaconvert.amazonaws.com"


@dataclasses.dataclass(frozen=True)
class World:
    """What functions work on."""

    sources: s3.IBucket
    outputs: s3.IBucket
    table: dynamodb.ITable
    topic: sns.ITopic
    transcode: Transcode
    jobs: sqs.IQueue
    delivery_url: str
    configuration: Configuration


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    description: str
    settings: settings.Settings
    timeout_seconds: int
    allowed: tuple[iam.PolicyStatement, ...]
    # A share of a processor comes with the memory; below 512 MB importing boto3 alone takes seconds.
    memory_mb: int = 512

    @property
    def logical_id(self) -> str:
        return f"{self.name.capitalize()}Function"


def steps(world: World) -> list[Row]:
    """The functions that the state machine calls."""
    w, table = world, world.table.table_name
    sources, outputs = w.sources.bucket_name, w.outputs.bucket_name
    return [
        Row(
            "ingest",
            "Opens the asset's record and finds sidecar captions",
            settings.IngestSettings(
                table=table, outputs_bucket=outputs, sources_bucket=sources, delivery_url=w.delivery_url
            ),
            60,
            (
                grants.records(w.table, "Get", "Put", "Query", "Update"),
                grants.read_uploads(w.sources, versions=True),
                grants.keep_receipts(w.sources),
                grants.list_bucket(w.sources),
                grants.read_and_write_assets(w.outputs),
                grants.list_bucket(w.outputs),
            ),
        ),
        Row(
            "probe",
            "Asks MediaConvert what is inside the file",
            settings.ProbeSettings(table=table),
            150,
            (
                grants.probe_sources(),
                grants.read_uploads(w.sources, versions=True),
                grants.list_bucket(w.sources),
                grants.records(w.table, "Update"),
            ),
        ),
        Row(
            "plan",
            "Chooses the rungs and writes the MediaConvert job settings",
            settings.PlanSettings(
                table=table,
                outputs_bucket=outputs,
                profile=w.configuration.profile,
                acceleration=w.configuration.acceleration.upper(),
                stack=Aws.STACK_NAME,
                daily_budget_usd=str(w.configuration.daily_budget_usd),
                sources_bucket=sources,
                delivery_url=w.delivery_url,
            ),
            60,
            (
                grants.write_outputs(w.outputs, keys.WORK),
                grants.records(w.table, "Get", "Query", "Update"),
                grants.keep_receipts(w.sources),
                grants.list_bucket(w.sources),
            ),
        ),
        Row(
            "hold",
            "Lets a film wait for an approval or for the daily budget, and says so",
            settings.HoldSettings(
                table=table,
                outputs_bucket=outputs,
                delivery_url=w.delivery_url,
                topic_arn=w.topic.topic_arn,
                daily_budget_usd=str(w.configuration.daily_budget_usd),
                sources_bucket=sources,
            ),
            60,
            (
                grants.records(w.table, "Get", "Query", "Update"),
                grants.read_and_write_assets(w.outputs),
                grants.list_bucket(w.outputs),
                grants.keep_receipts(w.sources),
                grants.list_bucket(w.sources),
                grants.allow(["sns:Publish"], [w.topic.topic_arn]),
            ),
        ),
        Row(
            "transcode",
            "Submits a MediaConvert job, or finds the one already submitted",
            settings.TranscodeSettings(
                table=table,
                outputs_bucket=outputs,
                mediaconvert_role_arn=w.transcode.role.role_arn,
                mediaconvert_queue_arn=w.transcode.queue_arn,
                jobs_queue_url=w.jobs.queue_url,
                job_priority=str(w.configuration.job_priority),
                hop_queue_arn=w.transcode.hop_queue_arn or settings.NONE,
                hop_minutes=str(w.configuration.hop_minutes),
                acceleration=w.configuration.acceleration.upper(),
            ),
            60,
            (
                grants.records(w.table, "Get", "Put", "Update"),
                grants.read_outputs(w.outputs, keys.WORK),
                grants.read_uploads(w.sources),
                grants.list_bucket(w.sources),
                grants.submit_jobs(w.transcode.queue_arns),
                grants.jobs(w.transcode, "Get"),
                grants.pass_role(w.transcode.role, MEDIACONVERT),
                # The answer of a job that ended unheard, to the queue that MediaConvert's own events take.
                grants.send(w.jobs),
            ),
        ),
        Row(
            "recall",
            "Reads what an earlier run encoded, for an update that uses its pictures",
            settings.RecallSettings(table=table, outputs_bucket=outputs),
            60,
            (
                grants.records(w.table, "Get"),
                grants.read_outputs(w.outputs, keys.ASSETS),
                grants.list_bucket(w.outputs),
            ),
        ),
        Row(
            "convert",
            "Turns sidecar captions into WebVTT renditions",
            settings.ConvertSettings(outputs_bucket=outputs),
            150,
            (
                grants.read_uploads(w.sources),
                grants.list_bucket(w.sources),
                grants.read_and_write_assets(w.outputs),
                grants.list_bucket(w.outputs),
            ),
        ),
        Row(
            "verify",
            "Reads what was really written before anybody is told of it",
            settings.VerifySettings(outputs_bucket=outputs),
            300,
            (
                grants.read_outputs(w.outputs, keys.ASSETS),
                grants.read_outputs(w.outputs, keys.WORK),
                grants.list_bucket(w.outputs),
                grants.read_uploads(w.sources),
                grants.list_bucket(w.sources),
            ),
        ),
        Row(
            "publish",
            "Points the asset's stable URLs at the new version",
            settings.PublishSettings(
                table=table,
                outputs_bucket=outputs,
                delivery_url=w.delivery_url,
                playback=w.configuration.playback,
            ),
            60,
            (
                grants.records(w.table, "Get", "Put", "Query", "Update"),
                grants.read_and_write_assets(w.outputs),
                grants.list_bucket(w.outputs),
            ),
        ),
        Row(
            "report",
            "Writes the receipt beside the upload",
            settings.ReportSettings(
                table=table,
                sources_bucket=sources,
                stack=Aws.STACK_NAME,
                archive_tag=_archive_tag(w.configuration),
                delivery_url=w.delivery_url,
            ),
            60,
            (
                grants.records(w.table, "Get", "Query", "Update"),
                grants.keep_receipts(w.sources),
                grants.list_bucket(w.sources),
                *([grants.tag_uploads(w.sources)] if w.configuration.archive_sources != "never" else []),
            ),
        ),
        Row(
            "reject",
            "Tells the uploader what is wrong with the upload",
            settings.RejectSettings(
                table=table,
                outputs_bucket=outputs,
                sources_bucket=sources,
                stack=Aws.STACK_NAME,
                delivery_url=w.delivery_url,
                topic_arn=w.topic.topic_arn,
            ),
            60,
            (
                grants.records(w.table, "Get", "Query", "Update"),
                grants.read_and_write_assets(w.outputs),
                grants.list_bucket(w.outputs),
                grants.keep_receipts(w.sources),
                grants.list_bucket(w.sources),
                grants.allow(["sns:Publish"], [w.topic.topic_arn]),
            ),
        ),
    ]


def _archive_tag(configuration: Configuration) -> str:
    return settings.NONE if configuration.archive_sources == "never" else "=".join(ARCHIVE_TAG)


def answers(
    world: World, machine: sfn.StateMachine, uploads: sqs.IQueue, unrecorded: sqs.IQueue, unswept: sqs.IQueue
) -> list[Row]:
    """The functions that answer events: an upload, a MediaConvert job's news, an execution's bad end, the clock."""
    w, table, sources = world, world.table.table_name, world.sources.bucket_name
    return [
        Row(
            "start",
            "Starts one execution an upload, under its own name, and the next revision when sidecars come late",
            settings.StartSettings(
                table=table,
                state_machine_arn=machine.state_machine_arn,
                sources_bucket=sources,
                delivery_url=w.delivery_url,
            ),
            30,
            (
                grants.consume(uploads),
                grants.records(w.table, "Get", "Put", "Query", "Update"),
                grants.read_uploads(w.sources),
                grants.list_versions(w.sources),
                grants.start_executions(machine),
                grants.keep_receipts(w.sources),
                grants.list_bucket(w.sources),
            ),
        ),
        Row(
            "complete",
            "Wakes the waiting state when its MediaConvert job has news",
            settings.CompleteSettings(
                table=table,
                outputs_bucket=w.outputs.bucket_name,
                stack=Aws.STACK_NAME,
                sources_bucket=sources,
                delivery_url=w.delivery_url,
            ),
            30,
            (
                grants.consume(w.jobs),
                grants.records(w.table, "Get", "Query", "Update"),
                grants.read_and_write_assets(w.outputs),
                grants.read_outputs(w.outputs, keys.WORK),
                grants.list_bucket(w.outputs),
                grants.keep_receipts(w.sources),
                grants.list_bucket(w.sources),
                grants.answer_tokens(machine),
                grants.jobs(w.transcode, "Get"),
            ),
        ),
        Row(
            "record",
            "Records an execution that failed, timed out or was aborted",
            settings.RecordSettings(
                table=table,
                topic_arn=w.topic.topic_arn,
                outputs_bucket=w.outputs.bucket_name,
                sources_bucket=sources,
                delivery_url=w.delivery_url,
            ),
            60,
            (
                grants.records(w.table, "Get", "Query", "Update"),
                grants.read_and_write_assets(w.outputs),
                grants.list_bucket(w.outputs),
                grants.keep_receipts(w.sources),
                grants.list_bucket(w.sources),
                grants.jobs(w.transcode, "Cancel"),
                grants.allow(["sns:Publish"], [w.topic.topic_arn]),
                grants.read_executions(machine),
                grants.send(unrecorded),
            ),
        ),
        Row(
            "sweep",
            "Finishes what was left unfinished: compares table, executions and jobs",
            settings.SweepSettings(
                table=table,
                outputs_bucket=w.outputs.bucket_name,
                state_machine_arn=machine.state_machine_arn,
                mediaconvert_queue_arn=w.transcode.queue_arn,
                hop_queue_arn=w.transcode.hop_queue_arn or settings.NONE,
                jobs_queue_url=w.jobs.queue_url,
                topic_arn=w.topic.topic_arn,
                stack=Aws.STACK_NAME,
                old_outputs_days=str(w.configuration.old_outputs_days),
                daily_budget_usd=str(w.configuration.daily_budget_usd),
                sources_bucket=sources,
                delivery_url=w.delivery_url,
            ),
            300,
            (
                grants.records(w.table, "Get", "BatchGet", "Query", "Update"),
                grants.list_open_records(w.table),
                grants.list_jobs(w.transcode.queue_arns),
                grants.jobs(w.transcode, "Get", "Cancel"),
                grants.send(w.jobs),
                grants.list_executions(machine),
                grants.read_executions(machine),
                grants.start_executions(machine),
                grants.stop_executions(machine),
                grants.answer_tokens(machine),
                grants.read_uploads(w.sources),
                grants.list_bucket(w.sources),
                grants.read_and_write_assets(w.outputs),
                grants.list_bucket(w.outputs),
                grants.remove_outputs(w.outputs),
                grants.keep_receipts(w.sources),
                grants.list_bucket(w.sources),
                grants.allow(["sns:Publish"], [w.topic.topic_arn]),
                grants.send(unswept),
            ),
        ),
    ]


class Functions(Construct):
    """Makes functions out of rows."""

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey | None) -> None:
        super().__init__(scope, construct_id)
        self._code = _code()
        self._key = key

    def make(self, rows: list[Row]) -> Mapping[str, lambda_.Function]:
        return {row.name: self._function(row) for row in rows}

    def _function(self, row: Row) -> lambda_.Function:
        group = self._log_group(row)
        function = lambda_.Function(
            self,
            row.name,
            description=row.description,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"lambdas.{row.name}.handler.handler",
            code=self._code,
            role=self._role(row, group).without_policy_updates(),
            timeout=Duration.seconds(row.timeout_seconds),
            memory_size=row.memory_mb,
            environment=row.settings.as_env(),
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
        )
        return named(function, row.logical_id)

    def _log_group(self, row: Row) -> logs.LogGroup:
        group = logs.LogGroup(
            self,
            f"{row.name}Logs",
            log_group_name=f"/aws/lambda/{Aws.STACK_NAME}-{row.name}",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        return named(group, f"{row.logical_id}Logs")

    def _role(self, row: Row, group: logs.ILogGroup) -> iam.Role:
        key = [grants.use_key(self._key)] if self._key else []
        statements = [*row.allowed, *key, grants.write_logs(group), grants.tracing()]
        role = iam.Role(
            self,
            f"{row.name}Role",
            description=f"What the function {row.name} may do",
            # No aws:SourceAccount here: Lambda does not send it when it assumes an execution role.
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Work": iam.PolicyDocument(statements=statements)},
        )
        return named(role, f"{row.logical_id}Role")


def _code() -> lambda_.Code:
    """The zip, by our own fingerprint: whoever deploys can compute it without CDK."""
    files = bundle.code_files()
    return lambda_.Code.from_asset(
        staged(files), asset_hash=bundle.fingerprint(files), asset_hash_type=AssetHashType.CUSTOM
    )
