"""Golden jobs that the local engine does not do yet, each with the reason. Empty when it does all that we plan.

The planner's jobs are MediaConvert's; a profile that needs one of these works in AWS, and on a laptop is refused by
CreateJob with the setting's path.
"""

from __future__ import annotations

PENDING: dict[str, str] = {
    "per-title": "AutomatedEncodingSettings",
}
