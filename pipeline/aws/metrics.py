"""Metrics of our own, as lines in the log that CloudWatch reads (embedded metric format): no call, no permission.

Twenty lines of ours instead of AWS Lambda Powertools: nothing of a third party travels to Lambda.

What Step Functions counts by itself (failed, timed out, aborted executions) is not counted again here; `Upload
rejected` and `Superseded` end green, so nobody else would count them. A step that is tried again may count twice.

CloudWatch User Guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
import time

from pipeline.aws import logs

NAMESPACE = "Vod"


def count(stack: str, values: dict[str, int], **dimensions: str) -> None:
    """Add to each named counter of this stack; with dimensions also to the counter of just these."""
    put(stack, values, "Count", **dimensions)


def put(stack: str, values: dict[str, float], unit: str, **dimensions: str) -> None:
    """The same for what is measured: `unit` as CloudWatch has it ("Seconds", ...)."""
    sets = [["Stack"], ["Stack", *dimensions]] if dimensions else [["Stack"]]
    metrics = [{"Name": name, "Unit": unit} for name in values]
    described = {"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics}
    head = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [described]}
    print(json.dumps({"_aws": head, "Stack": stack, **dimensions, **values, **logs.fields()}))
