"""Tasks that call other services, optimised and through aws-sdk."""

from __future__ import annotations

import json
import re

from tests.local.interpreter.cases import caught, fails, machine, one, queue_url, succeeds, task
from tests.local.interpreter.world import ACCOUNT, MACHINE, REGION

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:cases"


def _dynamodb(action: str, **parameters: object) -> dict:
    return task(f"arn:aws:states:::dynamodb:{action}", Parameters={"TableName": "cases", **parameters})


def _then(first: dict, second: dict) -> dict:
    first = {key: value for key, value in first.items() if key != "End"}
    return machine({"A": {**first, "ResultPath": None, "Next": "B"}, "B": second})


DYNAMODB = [
    succeeds(
        "dynamodb:putItem and getItem take values from the state",
        _then(
            _dynamodb("putItem", Item={"pk": {"S.$": "$.k"}, "n": {"N": "1"}}),
            _dynamodb("getItem", Key={"pk": {"S.$": "$.k"}}) | {"OutputPath": "$.Item"},
        ),
        {"k": "put"},
        {"pk": {"S": "put"}, "n": {"N": "1"}},
    ),
    succeeds(
        "dynamodb:updateItem gives the new attributes",
        one(
            _dynamodb(
                "updateItem",
                Key={"pk": {"S": "up"}},
                UpdateExpression="SET #s = :s ADD n :one",
                ExpressionAttributeNames={"#s": "status"},
                ReturnValues="ALL_NEW",
                ExpressionAttributeValues={":s": {"S": "X"}, ":one": {"N": "1"}},
            )
            | {"OutputPath": "$.Attributes"}
        ),
        {},
        {"pk": {"S": "up"}, "status": {"S": "X"}, "n": {"N": "1"}},
    ),
    succeeds(
        "a condition that does not hold is DynamoDB.ConditionalCheckFailedException",
        caught(
            _dynamodb("putItem", Item={"pk": {"S": "no"}}, ConditionExpression="attribute_exists(pk)"),
            "DynamoDB.ConditionalCheckFailedException",
        ),
    ),
]

MESSAGES = [
    succeeds(
        "sns:publish sends a message",
        one(
            task(
                "arn:aws:states:::sns:publish",
                Parameters={
                    "TopicArn": TOPIC,
                    "Message.$": "$",
                    "Subject": "Film",
                    "MessageAttributes": {"a": {"DataType": "String", "StringValue": "b"}},
                },
            )
        ),
        {"k": 1},
        check=lambda ended: "MessageId" in ended.output,
    ),
    succeeds(
        "sqs:sendMessage sends a message",
        one(task("arn:aws:states:::sqs:sendMessage", Parameters={"QueueUrl": queue_url(), "MessageBody.$": "$"})),
        {"k": 1},
        check=lambda ended: "MessageId" in ended.output,
    ),
    succeeds(
        "events:putEvents sends an event",
        one(
            task(
                "arn:aws:states:::events:putEvents",
                Parameters={"Entries": [{"Source": "my.app", "DetailType": "t", "Detail": {"a.$": "$.k"}}]},
            )
        ),
        {"k": 1},
        check=lambda ended: ended.output["FailedEntryCount"] == 0,
    ),
]


def _child(name: str, resource: str, **fields: object) -> dict:
    return task(
        f"arn:aws:states:::states:startExecution{resource}",
        Parameters={"StateMachineArn": f"{MACHINE}:{name}", "Input": {"z.$": "$.k"}},
        **fields,
    )


def _cause(ended) -> dict:
    return json.loads(ended.cause)


NESTED = [
    succeeds(
        "states:startExecution starts and goes on",
        one(_child("child", "")),
        {"k": 3},
        check=lambda ended: (
            ":execution:child:" in ended.output["ExecutionArn"] and isinstance(ended.output["StartDate"], str)
        ),
    ),
    succeeds(
        "states:startExecution.sync waits and gives the output as text",
        one(_child("child", ".sync", OutputPath="$.Output")),
        {"k": 3},
        check=lambda ended: json.loads(ended.output) == {"z": 3},
    ),
    succeeds(
        "states:startExecution.sync:2 waits and gives the output as JSON",
        one(_child("child", ".sync:2", OutputPath="$.Output")),
        {"k": 3},
        {"z": 3},
    ),
    fails(
        "a nested execution that fails is States.TaskFailed with its description as the cause",
        one(_child("failing", ".sync:2")),
        {"k": 3},
        "States.TaskFailed",
        check=lambda ended: _cause(ended)["Status"] == "FAILED" and _cause(ended)["Error"] == "ChildError",
    ),
]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _sdk(action: str, **parameters: object) -> dict:
    return task(f"arn:aws:states:::aws-sdk:{action}", Parameters=parameters)


SDK = [
    succeeds(
        "aws-sdk:s3:listObjectsV2 lists, and its times are texts",
        one(_sdk("s3:listObjectsV2", Bucket="cases", Prefix="list/")),
        {},
        check=lambda ended: (
            [found["Key"] for found in ended.output["Contents"]] == [f"list/{n}.txt" for n in range(3)]
            and TIME.fullmatch(ended.output["Contents"][0]["LastModified"])
        ),
    ),
    succeeds(
        "aws-sdk:s3:getObject gives the body as text",
        one(_sdk("s3:getObject", Bucket="cases", Key="list/0.txt") | {"ResultSelector": {"b.$": "$.Body"}}),
        {},
        {"b": "x"},
    ),
    succeeds(
        "an error of aws-sdk:s3 begins with S3.",
        caught(_sdk("s3:getObject", Bucket="cases", Key="nope"), "S3.NoSuchKeyException"),
    ),
    succeeds(
        "an error of aws-sdk:dynamodb begins with DynamoDb.",
        caught(
            _sdk("dynamodb:getItem", TableName="nope", Key={"pk": {"S": "a"}}), "DynamoDb.ResourceNotFoundException"
        ),
    ),
    succeeds(
        "aws-sdk:sfn:describeExecution takes and gives PascalCase",
        one(
            _sdk("sfn:describeExecution", **{"ExecutionArn.$": "$$.Execution.Id"})
            | {"ResultSelector": {"s.$": "$.Status"}}
        ),
        {},
        {"s": "RUNNING"},
    ),
    succeeds(
        "an error of aws-sdk:sfn begins with Sfn.",
        caught(
            _sdk("sfn:describeExecution", ExecutionArn=f"arn:aws:states:{REGION}:{ACCOUNT}:execution:child:nope"),
            "Sfn.ExecutionDoesNotExistException",
        ),
    ),
    succeeds(
        "aws-sdk:cloudfront:listDistributions answers",
        one(_sdk("cloudfront:listDistributions")),
        {},
        check=lambda ended: "DistributionList" in ended.output,
    ),
]

NO_JOB = {"Role": f"arn:aws:iam::{ACCOUNT}:role/test", "Settings": {"Inputs": [], "OutputGroups": []}}

MEDIACONVERT = [
    succeeds(
        "a job MediaConvert refuses is MediaConvert.BadRequestException",
        caught(task("arn:aws:states:::mediaconvert:createJob", Parameters=NO_JOB), "MediaConvert.BadRequestException"),
    ),
    succeeds(
        "a job refused through aws-sdk is MediaConvert.BadRequestException too",
        caught(_sdk("mediaconvert:createJob", **NO_JOB), "MediaConvert.BadRequestException"),
    ),
    succeeds(
        "aws-sdk:mediaconvert:listJobs answers",
        one(_sdk("mediaconvert:listJobs")),
        {},
        check=lambda ended: ended.output["Jobs"] == [] or "Id" in ended.output["Jobs"][0],
    ),
]

CASES = [*DYNAMODB, *MESSAGES, *NESTED, *SDK, *MEDIACONVERT]
