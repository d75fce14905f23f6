"""The whole of the AWS side in one stack, put together world by world.

    storage    buckets, table, key             intake     rules, queues, dead letters
    delivery   distribution                    workflow   state machine
    transcode  MediaConvert queue and role     functions  one row each
    page       the player page                 adoption   buckets that were there before
    watch      alarms and the dashboard

The stack knows neither account nor region, and the same template is deployed on a laptop.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Stack
from aws_cdk import aws_sns as sns
from constructs import Construct

from pipeline.stacks.adoption import Adoption
from pipeline.stacks.configuration import Configuration
from pipeline.stacks.delivery import Delivery
from pipeline.stacks.functions import Functions, World, answers, steps
from pipeline.stacks.intake import Intake, Queues, job_pattern
from pipeline.stacks.naming import named
from pipeline.stacks.page import PlayerPage
from pipeline.stacks.storage import Storage
from pipeline.stacks.transcode import Transcode
from pipeline.stacks.watch import Watch, Watched
from pipeline.stacks.workflow import Workflow


class VodStack(Stack):
    def __init__(self, scope: Construct, configuration: Configuration) -> None:
        super().__init__(
            scope,
            configuration.stack_name,
            description="Films in, streams out: uploads become published assets",
            # Without the bootstrap version among the template's parameters: the CDK CLI checks it by itself, and
            # CloudFormation alone can deploy the template.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        storage = Storage(self, "Storage", configuration)
        sources, outputs = storage.sources.bucket, storage.outputs.bucket
        functions = Functions(self, "Functions", storage.key)
        delivery = Delivery(self, "Delivery", configuration, storage.outputs, functions)
        transcode = Transcode(self, "Transcode", configuration, sources, outputs, storage.key)
        queues = Queues(self, "Queues")
        topic = named(sns.Topic(self, "Topic", enforce_ssl=True, master_key=storage.key), "Topic")
        world = World(
            sources=sources,
            outputs=outputs,
            table=storage.table,
            topic=topic,
            transcode=transcode,
            jobs=queues.jobs.queue,
            delivery_url=delivery.url,
            configuration=configuration,
        )

        made = functions.make(steps(world))
        machine = Workflow(self, "Steps", made, topic, storage.key).machine
        rows = answers(world, machine, queues.uploads.queue, queues.unrecorded, queues.unswept)
        events = functions.make(rows)
        Intake(
            self,
            "Intake",
            queues=queues,
            functions=events,
            sources=sources,
            jobs=job_pattern(transcode.queue_arns, storage.table.table_name),
            machine=machine,
        )
        page = PlayerPage(self, "Player", outputs)
        page.install(functions.make([page.row()])["site"])
        if storage.adopted:
            adoption = Adoption(self, "Adoption", storage.adopted)
            adoption.install(functions.make([adoption.row()])["adopt"])
        watched = Watched(
            machine=machine,
            functions={**made, **events},
            queues={"uploads": queues.uploads.queue, "jobs": queues.jobs.queue},
            dead_letters={
                "uploads": queues.uploads.dead_letters,
                "jobs": queues.jobs.dead_letters,
                "record": queues.unrecorded,
                "sweep": queues.unswept,
            },
            mediaconvert_queue_arns=transcode.queue_arns,
            distribution=delivery.distribution,
            outputs_bucket=outputs.bucket_name,
            sources_bucket=sources.bucket_name,
        )
        watch = Watch(self, "Watch", configuration, watched, topic, storage.key)
        self._outputs(
            SourcesBucket=sources.bucket_name,
            OutputsBucket=outputs.bucket_name,
            AssetsTable=storage.table.table_name,
            StateMachineArn=machine.state_machine_arn,
            TopicArn=topic.topic_arn,
            AlarmsTopicArn=watch.topic.topic_arn,
            DeliveryUrl=delivery.url,
            DistributionId=delivery.distribution.distribution_id,
            UploadsQueueUrl=queues.uploads.queue.queue_url,
            JobsQueueUrl=queues.jobs.queue.queue_url,
            UploadsDeadLettersUrl=queues.uploads.dead_letters.queue_url,
            JobsDeadLettersUrl=queues.jobs.dead_letters.queue_url,
            RecordDeadLettersUrl=queues.unrecorded.queue_url,
            SweepDeadLettersUrl=queues.unswept.queue_url,
            RecordFunction=events["record"].function_name,
            SweepFunction=events["sweep"].function_name,
            MediaConvertQueueArn=transcode.queue_arn,
            **({"HopQueueArn": transcode.hop_queue_arn} if transcode.hop_queue_arn else {}),
        )
        if configuration.daily_budget_usd:
            self._outputs(DailyBudgetUsd=str(configuration.daily_budget_usd))
        if delivery.private:
            self._outputs(SigningSecret=delivery.private.secret, TrustedKeys=delivery.private.trusted)

    def _outputs(self, **values: str) -> None:
        for name, value in values.items():
            # Parameter and output may share a name in CloudFormation, but not in CDK's tree.
            named(CfnOutput(self, f"Output{name}", value=value), name)
