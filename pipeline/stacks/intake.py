"""The doors: which events reach which function, through which queue, and where they end up when nobody takes them.

An upload and a job's news each wait in a queue: it absorbs a burst, and keeps what fails for a second look. Every
asynchronous edge ends in a dead-letter queue: EventBridge that cannot deliver, a message received five times in
vain, a function that failed on its last try. What lies in one is work for an operator, never lost.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pipeline.media import keys
from pipeline.stacks.naming import named

#: Lambda's own advice for a queue it polls: six times the function's timeout (Lambda Developer Guide, "Using Lambda
#: with Amazon SQS"). Both functions behind a queue have 30 seconds; a test holds the two together.
VISIBILITY = Duration.seconds(6 * 30)
KEPT = Duration.days(14)
MAX_RECEIVES = 5
BATCH = 10
#: Enough for any burst we have measured, and a cap on what a burst can take from the account's concurrency.
MAX_CONCURRENCY = 10

#: A third of the time after which a waiting step counts as forgotten (pipeline.media.job).
SWEEP_EVERY = Duration.minutes(5)

JOB_NEWS = ("PROGRESSING", "STATUS_UPDATE", "COMPLETE", "ERROR", "CANCELED")
BAD_ENDS = ("FAILED", "TIMED_OUT", "ABORTED")


@dataclasses.dataclass(frozen=True)
class Door:
    """A queue and the place for what nobody could take out of it."""

    queue: sqs.Queue
    dead_letters: sqs.Queue


class Queues(Construct):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.uploads = self._door("Uploads")
        self.jobs = self._door("Jobs")
        self.unrecorded = self._dead_letters("RecordDeadLetters")
        self.unswept = self._dead_letters("SweepDeadLetters")

    def _door(self, name: str) -> Door:
        dead_letters = self._dead_letters(f"{name}DeadLetters")
        queue = sqs.Queue(
            self,
            name,
            visibility_timeout=VISIBILITY,
            retention_period=KEPT,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=MAX_RECEIVES),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        return Door(named(queue, name), dead_letters)

    def _dead_letters(self, name: str) -> sqs.Queue:
        queue = sqs.Queue(
            self, name, retention_period=KEPT, encryption=sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True
        )
        return named(queue, name)


class Intake(Construct):
    """The rules, and the functions behind the queues."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queues: Queues,
        functions: Mapping[str, lambda_.Function],
        sources: s3.IBucket,
        jobs: events.EventPattern,
        machine: sfn.IStateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        self._rule("UploadRule", "A film or a sidecar arrived", upload_pattern(sources.bucket_name), queues.uploads)
        self._rule("DoneRule", "An execution ended: what came meanwhile", done_pattern(machine), queues.uploads)
        self._rule("JobRule", "A MediaConvert job of ours has news", jobs, queues.jobs)
        self._poll("start", functions["start"], queues.uploads)
        self._poll("complete", functions["complete"], queues.jobs)
        self._record(functions["record"], machine, queues.unrecorded)
        self._sweep(functions["sweep"], queues.unswept)

    def _rule(self, name: str, description: str, pattern: events.EventPattern, door: Door) -> None:
        target = targets.SqsQueue(door.queue, dead_letter_queue=door.dead_letters)
        named(events.Rule(self, name, description=description, event_pattern=pattern, targets=[target]), name)

    def _poll(self, name: str, function: lambda_.IFunction, door: Door) -> None:
        mapping = lambda_.EventSourceMapping(
            self,
            f"{name}Poll",
            target=function,
            event_source_arn=door.queue.queue_arn,
            batch_size=BATCH,
            max_concurrency=MAX_CONCURRENCY,
            report_batch_item_failures=True,
        )
        named(mapping, f"{name.capitalize()}Poll")

    def _record(self, function: lambda_.Function, machine: sfn.IStateMachine, unrecorded: sqs.Queue) -> None:
        target = targets.LambdaFunction(function, dead_letter_queue=unrecorded)
        rule = events.Rule(
            self,
            "BadEndRule",
            description="An execution ended badly, in a way no state could catch",
            event_pattern=bad_end_pattern(machine.state_machine_arn),
            targets=[target],
        )
        named(rule, "BadEndRule")
        # The rule's dead letters are events EventBridge could not hand over; these are events the function failed on.
        function.configure_async_invoke(
            on_failure=destinations.SqsDestination(unrecorded), retry_attempts=2, max_event_age=Duration.hours(6)
        )

    def _sweep(self, function: lambda_.Function, unswept: sqs.Queue) -> None:
        rule = events.Rule(
            self,
            "SweepRule",
            description="What was left unfinished is finished",
            schedule=events.Schedule.rate(SWEEP_EVERY),
            targets=[targets.LambdaFunction(function, dead_letter_queue=unswept)],
        )
        named(rule, "SweepRule")
        # Not tried again: the next sweep comes soon, and does what this one left.
        function.configure_async_invoke(
            on_failure=destinations.SqsDestination(unswept), retry_attempts=0, max_event_age=SWEEP_EVERY
        )


def upload_pattern(bucket: str) -> events.EventPattern:
    return events.EventPattern(
        source=["aws.s3"],
        detail_type=["Object Created"],
        detail={"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": keys.UPLOADS}]}},
    )


def job_pattern(queue_arns: list[str], table_name: str) -> events.EventPattern:
    """By our queues, which are most often ours alone, and by the table's name where they are not."""
    return events.EventPattern(
        source=["aws.mediaconvert"],
        detail_type=["MediaConvert Job State Change"],
        detail={"queue": queue_arns, "status": list(JOB_NEWS), "userMetadata": {"table": [table_name]}},
    )


def done_pattern(machine: sfn.IStateMachine) -> events.EventPattern:
    return events.EventPattern(
        source=["aws.states"],
        detail_type=["Step Functions Execution Status Change"],
        detail={"stateMachineArn": [machine.state_machine_arn], "status": ["SUCCEEDED"]},
    )


def bad_end_pattern(machine_arn: str) -> events.EventPattern:
    return events.EventPattern(
        source=["aws.states"],
        detail_type=["Step Functions Execution Status Change"],
        detail={"stateMachineArn": [machine_arn], "status": list(BAD_ENDS)},
    )
