"""Format identifiers in names: `$dt$` and its like in Destination, NameModifier and SegmentModifier.

In: job settings, the time the job started. Out: the settings with the identifiers filled in; `unknown` lists those that
are not done here. User guide, "Using variables in your job settings". Can go wrong: nothing; CreateJob has refused what
`unknown` finds.

The date and the time are UTC: $dt$ 20261123T103900, $d$ 20261123, $t$ 103900. $fn$ is the input's file name without its
extension.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.local.mediaconvert.transfer import split_url

IDENTIFIER = re.compile(r"\$(\w*)\$")
KNOWN = ("dt", "d", "t", "fn")


def unknown(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, identifier) of every one that is not filled in here."""
    for path, text in _names(settings):
        for name in IDENTIFIER.findall(text):
            if name not in KNOWN:
                yield path, f"${name}$"


def filled_in(settings: dict[str, Any], started: datetime.datetime) -> dict[str, Any]:
    sources = settings.get("Inputs") or [{}]
    key = split_url(sources[0].get("FileInput", ""))[1]
    values = {
        "dt": f"{started:%Y%m%dT%H%M%S}",
        "d": f"{started:%Y%m%d}",
        "t": f"{started:%H%M%S}",
        "fn": key.rpartition("/")[2].rpartition(".")[0] or key.rpartition("/")[2],
    }

    def fill(text: str) -> str:
        return IDENTIFIER.sub(lambda found: values.get(found[1], found[0]), text)

    return {**settings, "OutputGroups": [_filled_group(group, fill) for group in settings.get("OutputGroups", [])]}


def _filled_group(group: dict[str, Any], fill: Any) -> dict[str, Any]:
    kinds = {
        kind: {**own, "Destination": fill(own["Destination"])}
        if isinstance(own, dict) and "Destination" in own
        else own
        for kind, own in group.get("OutputGroupSettings", {}).items()
    }
    outputs = [_filled_output(output, fill) for output in group.get("Outputs", [])]
    return {**group, "OutputGroupSettings": kinds, "Outputs": outputs}


def _filled_output(output: dict[str, Any], fill: Any) -> dict[str, Any]:
    filled = dict(output)
    if "NameModifier" in output:
        filled["NameModifier"] = fill(output["NameModifier"])
    hls = output.get("OutputSettings", {}).get("HlsSettings", {})
    if "SegmentModifier" in hls:
        filled["OutputSettings"] = {"HlsSettings": {**hls, "SegmentModifier": fill(hls["SegmentModifier"])}}
    return filled


def _names(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for group_index, group in enumerate(settings.get("OutputGroups", [])):
        place = f"OutputGroups[{group_index}]"
        for kind, own in group.get("OutputGroupSettings", {}).items():
            if isinstance(own, Mapping) and "Destination" in own:
                yield f"{place}.OutputGroupSettings.{kind}.Destination", own["Destination"]
        for index, output in enumerate(group.get("Outputs", [])):
            if "NameModifier" in output:
                yield f"{place}.Outputs[{index}].NameModifier", output["NameModifier"]
            if modifier := output.get("OutputSettings", {}).get("HlsSettings", {}).get("SegmentModifier"):
                yield f"{place}.Outputs[{index}].OutputSettings.HlsSettings.SegmentModifier", modifier
