"""What a run should cost and did cost, kept where receipts, lists and metrics find it.

In: bills (pipeline.media.price). Out: the run's part `price` {predicted, actual}, each a whole bill; copies of the
sums in the version's record; and the metrics PredictedCost and ActualCost, in the currency of prices.toml. Raises
botocore's ClientError where DynamoDB refuses.
"""

from __future__ import annotations

from pipeline.aws import metrics
from pipeline.aws.table import AssetTable
from pipeline.media.asset import Upload
from pipeline.media.price import Bill


def predicted(table: AssetTable, upload: Upload, bill: Bill, stack: str) -> None:
    """Keep what this run's jobs will cost, before the first of them is made."""
    table.note(upload, price={"predicted": bill.as_dict()})
    table.priced(upload, predicted_usd=bill.as_dict()["total"])
    metrics.put(stack, {"PredictedCost": float(bill.total)}, "None")
