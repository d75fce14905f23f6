"""Golden jobs that the local engine does not do yet, each with the reason. Empty when it does all that we plan.

The planner's jobs are MediaConvert's; a profile that needs one of these works in AWS, and on a laptop is refused by
CreateJob with the setting's path.
"""

from __future__ import annotations

PENDING: dict[str, str] = {
    "hdr10-kept-surround": "HEVC, and renditions of two kinds from one decode",
    "hlg-kept": "HEVC, and renditions of two kinds from one decode",
    "av1-beside": "AV1",
    "sound-alone-with-cover": "AUDIO_ONLY_VARIANT_STREAM",
    "per-title": "AutomatedEncodingSettings",
}
