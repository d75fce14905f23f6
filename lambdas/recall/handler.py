"""Recall encode: what an earlier run of this upload found and made, for an update that uses its pictures.

In: {upload, base}. Out: {source, plan, verified, outputs} as that run had them, the captions and the poster still to be
made, and `before`: those of the revision that plays, for sidecars that can no longer be read. Raises OutputMissing
where nothing is known of the run, or its pictures have gone.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import objects, updates
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media import keys
from pipeline.media.asset import Upload
from pipeline.media.errors import OutputMissing
from pipeline.settings import RecallSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = RecallSettings.from_env()
    upload, base = Upload.from_state(event["upload"]), event["base"]
    table = AssetTable(settings.table)
    known = updates.known_of(upload, base, table)
    if "verified" not in known:
        raise OutputMissing("OUTPUT_MISSING", f"nothing is known of what the run {base} encoded", {"run": base})
    key = keys.folder_of(upload.asset_id, base) + known["verified"]["hls"]
    if objects.head_object(settings.outputs_bucket, key) is None:
        evidence = {"bucket": settings.outputs_bucket, "key": key}
        raise OutputMissing("OUTPUT_MISSING", f"s3://{settings.outputs_bucket}/{key} does not exist any more", evidence)
    earlier = updates.before(upload, table) or {}
    made = earlier.get("outputs") or {}
    return {
        **{part: known[part] for part in ("source", "plan", "verified")},
        "outputs": {
            "streams": None,
            "download": None,
            "captions": [],
            "poster": {},
            "cover": known["outputs"].get("cover") or {},
        },
        "before": {
            "run": earlier.get("run", base),
            "captions": made.get("captions") or [],
            "poster": made.get("poster") or {},
        },
    }
