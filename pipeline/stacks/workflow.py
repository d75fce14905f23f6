"""The state machine: statemachine/vod.asl.json as it stands, with the ARNs filled in by CloudFormation.

The text is put into the template untouched (`DefinitionString` + `DefinitionSubstitutions`) and not uploaded as an
asset: so template tests, cfn-lint and the laptop's deployer read the same words as the console shows.
What can go wrong: the file names a placeholder nobody fills (`PlaceholderMismatch`, at synth).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pipeline.bundle import ROOT
from pipeline.stacks import grants
from pipeline.stacks.naming import named

ASL = ROOT / "statemachine" / "vod.asl.json"


class PlaceholderMismatch(Exception):
    """The ASL file and the table of functions disagree; the message names both sides' odd ones."""


class Workflow(Construct):
    """`machine`: one execution an upload."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        functions: Mapping[str, lambda_.IFunction],
        topic: sns.ITopic,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        text = ASL.read_text(encoding="utf-8")
        values = {f"{name.capitalize()}FunctionArn": f.function_arn for name, f in functions.items()}
        values["TopicArn"] = topic.topic_arn
        check_placeholders(text, values)
        log_group = _log_group(self)
        machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_type=sfn.StateMachineType.STANDARD,
            definition_body=sfn.DefinitionBody.from_string(text),
            definition_substitutions=values,
            role=_role(self, list(functions.values()), topic, key).without_policy_updates(),
            tracing_enabled=True,
            # Without data: a film's title or an uploader's words are nobody's business in a log.
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=False),
        )
        self.machine = named(machine, "Workflow")


def check_placeholders(text: str, values: Mapping[str, object]) -> None:
    used = set(re.findall(r"\$\{(\w+)\}", text))
    if used != set(values):
        raise PlaceholderMismatch(
            f"{ASL.name}: nobody fills {sorted(used - set(values))}; nobody uses {sorted(set(values) - used)}"
        )


def _log_group(scope: Construct) -> logs.LogGroup:
    # Under /aws/vendedlogs/ because log delivery adds every other group to one account-wide policy, which is full
    # after a few dozen of them (Step Functions Developer Guide, "Logging using CloudWatch Logs").
    group = logs.LogGroup(
        scope,
        "Logs",
        log_group_name=f"/aws/vendedlogs/states/{Aws.STACK_NAME}-workflow",
        retention=logs.RetentionDays.THREE_MONTHS,
        removal_policy=RemovalPolicy.DESTROY,
    )
    return named(group, "WorkflowLogs")


def _role(scope: Construct, functions: list[lambda_.IFunction], topic: sns.ITopic, key: kms.IKey | None) -> iam.Role:
    role = iam.Role(
        scope,
        "Role",
        description="The state machine calls its functions and the topic with it, and nothing else",
        assumed_by=iam.ServicePrincipal(
            "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        ),
        inline_policies={
            "Steps": iam.PolicyDocument(
                statements=[
                    grants.allow(["lambda:InvokeFunction"], [f.function_arn for f in functions]),
                    grants.allow(["sns:Publish"], [topic.topic_arn]),
                    *([grants.use_key(key)] if key else []),
                    grants.tracing(["xray:GetSamplingRules", "xray:GetSamplingTargets"]),
                    grants.log_delivery(),
                ]
            )
        },
    )
    return named(role, "WorkflowRole")
