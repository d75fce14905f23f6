"""Golden jobs that the tests do not put through the local engine yet, each with the reason.

The planner's jobs are MediaConvert's; a profile that needs one of these works in AWS, and on a laptop is refused by
CreateJob with the setting's path.
"""

from __future__ import annotations

PENDING: dict[str, str] = {
    "per-title": "honoured, but the tests' stand-in film is smaller than the ladder, and nothing is enlarged",
}
