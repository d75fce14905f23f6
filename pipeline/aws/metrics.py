"""Metrics of our own, as lines in the log that CloudWatch reads (embedded metric format): no call, no permission.

What Step Functions counts by itself (failed, timed out, aborted executions) is not counted again here; `Upload
rejected` and `Superseded` end green, so nobody else would count them. A step that is tried again may count twice.

CloudWatch User Guide, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
import time

NAMESPACE = "Vod"


def count(stack: str, values: dict[str, int], **dimensions: str) -> None:
    """Add to each named counter of this stack; with dimensions also to the counter of just these."""
    sets = [["Stack"], ["Stack", *dimensions]] if dimensions else [["Stack"]]
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    described = {"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics}
    head = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [described]}
    print(json.dumps({"_aws": head, "Stack": stack, **dimensions, **values}))
