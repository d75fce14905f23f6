"""Who watches over it: alarms, whom they tell, and a dashboard with four questions as its headings.

    is it working?    executions, rejections, errors at the edge, the alarms themselves
    how fast?         time from upload to published, in the queue, in the encoder
    what does it cost?  minutes encoded by what they are billed as, bytes delivered and stored
    what is stuck?    the oldest upload under way, what waits in queues, dead letters, throttles

Every alarm has a page in docs/runbook.md under its logical id; a test holds the two together. An alarm says nothing
of films that are rejected: that is an answer to their owner, not a fault.
"""

from __future__ import annotations

import dataclasses

from aws_cdk import Aws, CfnCondition, Duration, Fn, Stack
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pipeline.stacks.configuration import Configuration
from pipeline.stacks.naming import named, resource

NAMESPACE = "Vod"
RUNBOOK = "docs/runbook.md"
FIVE_MINUTES = Duration.minutes(5)
WAITING_TOO_LONG = Duration.minutes(15)
EDGE_ERROR_PERCENT = 5
_GREATER = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_LESS = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_QUIET = cloudwatch.TreatMissingData.NOT_BREACHING


@dataclasses.dataclass(frozen=True)
class Watched:
    """What there is to look at."""

    machine: sfn.StateMachine
    functions: dict[str, lambda_.IFunction]
    queues: dict[str, sqs.IQueue]
    dead_letters: dict[str, sqs.IQueue]
    mediaconvert_queue_arns: list[str]
    distribution: cloudfront.Distribution
    outputs_bucket: str
    sources_bucket: str


class Watch(Construct):
    """`alarms`: the topic that they speak on, and by logical id, the alarms."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        configuration: Configuration,
        watched: Watched,
        events: sns.Topic,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._w, self._configuration = watched, configuration
        self.topic = self._topic(key)
        if configuration.notify_email:
            self._tell(configuration.notify_email, events)
        self._alarms = self._all_alarms()
        self._dashboard()

    # Whom to tell --------------------------------------------------------------------------------------------

    def _topic(self, key: kms.IKey | None) -> sns.Topic:
        topic = named(sns.Topic(self, "Alarms", enforce_ssl=True, master_key=key), "Alarms")
        # A topic with a policy of its own has no other: without this CloudWatch could not speak on it.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        return topic

    def _tell(self, email: str, events: sns.Topic) -> None:
        """Alarms, and of the films' own messages those about failures."""
        alarms = sns.Subscription(
            self, "Email", topic=self.topic, protocol=sns.SubscriptionProtocol.EMAIL, endpoint=email
        )
        named(alarms, "AlarmsEmail")
        failures = sns.Subscription(
            self,
            "FailuresEmail",
            topic=events,
            protocol=sns.SubscriptionProtocol.EMAIL,
            endpoint=email,
            filter_policy={"event": sns.SubscriptionFilter.string_filter(allowlist=["failed", "announcement_failed"])},
        )
        named(failures, "FailuresEmail")

    # Alarms --------------------------------------------------------------------------------------------------

    def _all_alarms(self) -> list[cloudwatch.Alarm]:
        """One metric each, no expressions: a queue that was never used has no numbers, and would empty a sum."""
        stuck = self._configuration.unfinished_alarm_minutes
        waiting = [
            self._alarm(
                f"{name.capitalize()}BacklogAlarm",
                f"A message of the queue {name} waits longer than a quarter of an hour for its function.",
                self._age(queue),
                threshold=WAITING_TOO_LONG.to_seconds(),
            )
            for name, queue in self._w.queues.items()
        ]
        letters = [
            self._alarm(
                f"{name.capitalize()}DeadLettersAlarm",
                f"Something that nobody could take lies among the dead letters of {name}.",
                metric,
            )
            for name, metric in self._letters().items()
        ]
        return [
            self._alarm(
                "FailedAlarm",
                "An execution failed: its film is not published.",
                self._states("ExecutionsFailed"),
            ),
            self._alarm(
                "TimedOutAlarm",
                "An execution ran out of time: its film is not published.",
                self._states("ExecutionsTimedOut"),
            ),
            *letters,
            self._alarm(
                "UnfinishedAlarm",
                f"An upload has been under way for more than {stuck} minutes.",
                self._ours("OldestUnfinished", "Maximum"),
                threshold=stuck * 60,
            ),
            *waiting,
            self._alarm(
                "ThrottlesAlarm",
                "AWS turns calls of functions away: the account's concurrency is used up.",
                # The account's, and not ours: no function has a share of its own, so that all wait for the same limit.
                _metric("AWS/Lambda", "Throttles", "Sum", {}),
                periods=3,
            ),
            self._alarm(
                "SweepTroubleAlarm",
                "The sweep meets something that it cannot do, three times in a row.",
                self._ours("SweepTrouble", "Maximum"),
                periods=3,
            ),
            self._alarm(
                "SweepSilentAlarm",
                "The sweep has not run: nobody finishes what is left unfinished.",
                self._w.functions["sweep"].metric_invocations(period=FIVE_MINUTES, statistic="Sum"),
                threshold=1,
                periods=3,
                comparison=_LESS,
                missing=cloudwatch.TreatMissingData.BREACHING,
            ),
            self._edge_alarm(),
        ]

    def _alarm(
        self,
        name: str,
        what: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float = 0,
        periods: int = 1,
        comparison: cloudwatch.ComparisonOperator = _GREATER,
        missing: cloudwatch.TreatMissingData = _QUIET,
    ) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=f"{what} {RUNBOOK}#{name.lower()}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=comparison,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
        return named(alarm, name)

    def _edge_alarm(self) -> cloudwatch.Alarm:
        """CloudFront's metrics are in us-east-1 only, and an alarm looks at no other region than its own."""
        alarm = self._alarm(
            "EdgeErrorsAlarm",
            f"More than {EDGE_ERROR_PERCENT} % of viewers' requests end in a server error.",
            self._edge("5xxErrorRate", "Average"),
            threshold=EDGE_ERROR_PERCENT,
            periods=3,
        )
        here = CfnCondition(
            Stack.of(self), "EdgeMetricsAreHere", expression=Fn.condition_equals(Aws.REGION, "us-east-1")
        )
        resource(alarm).cfn_options.condition = here
        return alarm

    # Metrics -------------------------------------------------------------------------------------------------

    def _states(self, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return self._w.machine.metric(name, statistic=statistic, period=FIVE_MINUTES)

    def _ours(self, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        dimensions = {"Stack": Aws.STACK_NAME}
        return _metric(NAMESPACE, name, statistic, dimensions)

    def _letters(self) -> dict[str, cloudwatch.Metric]:
        return {
            name: queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=FIVE_MINUTES)
            for name, queue in self._w.dead_letters.items()
        }

    def _age(self, queue: sqs.IQueue) -> cloudwatch.Metric:
        return queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=FIVE_MINUTES)

    def _throttles(self) -> dict[str, cloudwatch.Metric]:
        functions = {
            name: function.metric_throttles(statistic="Sum", period=FIVE_MINUTES)
            for name, function in self._w.functions.items()
        }
        return {"executions": self._states("ExecutionThrottled"), **functions}

    def _edge(self, name: str, statistic: str) -> cloudwatch.Metric:
        dimensions = {"DistributionId": self._w.distribution.distribution_id, "Region": "Global"}
        return _metric("AWS/CloudFront", name, statistic, dimensions)

    def _encoder(self, name: str, statistic: str) -> list[cloudwatch.Metric]:
        return [_metric("AWS/MediaConvert", name, statistic, {"Queue": arn}) for arn in self._w.mediaconvert_queue_arns]

    def _stored(self, bucket: str, kind: str, label: str) -> cloudwatch.Metric:
        dimensions = {"BucketName": bucket, "StorageType": kind}
        return _metric("AWS/S3", "BucketSizeBytes", "Average", dimensions, label, Duration.days(1))

    # The dashboard -------------------------------------------------------------------------------------------

    def _dashboard(self) -> None:
        board = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"{Aws.STACK_NAME}-{Aws.REGION}",
            default_interval=Duration.days(1),
            widgets=[self._working(), self._fast(), self._cost(), self._stuck()],
        )
        named(board, "Dashboard")

    def _working(self) -> list[cloudwatch.IWidget]:
        return [
            _heading("Is it working?", "Green: alarms at rest, uploads published or answered."),
            # The edge's alarm is only where its metrics are, and a dashboard cannot name what may not be there.
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=self._alarms[:-1], width=6, height=6),
            _graph(
                "Uploads",
                [
                    self._ours("UploadsPublished").with_(label="published", color=cloudwatch.Color.GREEN),
                    self._ours("UploadsRejected").with_(label="rejected", color=cloudwatch.Color.ORANGE),
                    self._ours("UploadsSuperseded").with_(label="superseded", color=cloudwatch.Color.GREY),
                    self._states("ExecutionsFailed").with_(label="failed", color=cloudwatch.Color.RED),
                    self._states("ExecutionsTimedOut").with_(label="out of time", color=cloudwatch.Color.PURPLE),
                ],
                width=9,
            ),
            _graph(
                "Edge: errors, percent of requests",
                [
                    self._edge("5xxErrorRate", "Average").with_(label="5xx", color=cloudwatch.Color.RED),
                    self._edge("4xxErrorRate", "Average").with_(label="4xx", color=cloudwatch.Color.ORANGE),
                ],
                width=9,
                region="us-east-1",
            ),
        ]

    def _fast(self) -> list[cloudwatch.IWidget]:
        machine = self._w.machine
        spent = [machine.metric_time(statistic=each, period=FIVE_MINUTES, label=each) for each in ("p50", "p95")]
        waits = [each.with_(label="waiting for its turn") for each in self._encoder("StandbyTime", "Average")]
        works = [each.with_(label="encoding") for each in self._encoder("TranscodingTime", "Average")]
        return [
            _heading(
                "How fast?", "From the start of an execution to its end, and what MediaConvert's queue took of it."
            ),
            _graph("Executions: milliseconds from start to end", spent),
            _graph("MediaConvert: seconds a job", waits + works),
        ]

    def _cost(self) -> list[cloudwatch.IWidget]:
        tiers = {
            "SD": "SDOutputDuration",
            "HD": "HDOutputDuration",
            "UHD": "UHDOutputDuration",
            "sound": "AudioOutputDuration",
        }
        encoded = [each.with_(label=tier) for tier, name in tiers.items() for each in self._encoder(name, "Sum")]
        stored = [
            self._stored(bucket, kind, f"{label} ({kind})")
            for label, bucket in (("sources", self._w.sources_bucket), ("outputs", self._w.outputs_bucket))
            for kind in ("StandardStorage", "DeepArchiveStorage")
        ]
        return [
            _heading(
                "What does it cost?",
                "MediaConvert bills output time by picture size, CloudFront bytes, S3 bytes a month. Dollars are those "
                "of prices.toml (docs/money.md).",
            ),
            _graph(
                "Encoding: dollars",
                [
                    self._ours("PredictedCost").with_(label="predicted", color=cloudwatch.Color.GREY),
                    self._ours("ActualCost").with_(label="spent", color=cloudwatch.Color.BLUE),
                ],
                width=6,
            ),
            _graph("Output seconds by what they are billed as", encoded, stacked=True, width=6),
            _graph("Bytes to viewers", [self._edge("BytesDownloaded", "Sum")], region="us-east-1", width=6),
            _graph("Bytes stored", stored, stacked=True, width=6),
        ]

    def _stuck(self) -> list[cloudwatch.IWidget]:
        throttles = [metric.with_(label=name) for name, metric in self._throttles().items()]
        return [
            _heading("What is stuck?", "Should be empty. What is not has an alarm, and the alarm has a page."),
            _graph("Oldest upload under way: seconds", [self._ours("OldestUnfinished", "Maximum")], width=6),
            _graph(
                "Oldest message: seconds",
                [self._age(queue).with_(label=name) for name, queue in self._w.queues.items()],
                width=6,
            ),
            _graph("Dead letters", [each.with_(label=name) for name, each in self._letters().items()], width=6),
            _graph("Turned away by AWS", throttles, width=6),
        ]


def _metric(
    namespace: str,
    name: str,
    statistic: str,
    dimensions: dict[str, str],
    label: str | None = None,
    period: Duration = FIVE_MINUTES,
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        dimensions_map=dimensions,
        label=label,
        period=period,
    )


def _heading(question: str, answer: str) -> cloudwatch.TextWidget:
    return cloudwatch.TextWidget(markdown=f"## {question}\n{answer}", width=24, height=2)


def _graph(
    title: str, metrics: list[cloudwatch.IMetric], *, width: int = 12, stacked: bool = False, region: str | None = None
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=metrics,
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        width=width,
        height=6,
        stacked=stacked,
        region=region,
    )
