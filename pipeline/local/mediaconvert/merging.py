"""Job templates and presets laid under a job: what the job does not say, they say.

In: a CreateJob request, the template and presets it names. Out: the request whole, as though it had been written out.
What can go wrong is the presets' finder's to say (no such preset).

"When you create a job, you can either specify a job template or specify the transcoding settings individually"
(CreateJob.JobTemplate); what both say, the job decides. Structures are merged member by member and lists of structures
place by place: the job's first output group lies over the template's first, and `Outputs: []` leaves the template's.
AWS does not document the lists; AWS's own "Video on Demand" solution sends output groups in its template's order, with
empty lists of outputs, and gets the template's. Whether AudioDescriptions are paired as well could not be verified.
A list of plain values (Tracks, AudioPids) is replaced whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

#: What a template brings besides its settings. (Not its tags, category or description: those are its own.)
INHERITED = ("Queue", "Priority", "AccelerationSettings", "StatusUpdateInterval", "HopDestinations")
PRESET_PARTS = ("ContainerSettings", "VideoDescription", "AudioDescriptions", "CaptionDescriptions")
_ABSENT = object()


def over_template(request: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """The request with everything it leaves out taken from the template."""
    inherited = {name: template[name] for name in INHERITED if template.get(name) is not None}
    return {**inherited, **request, "Settings": lay_over(template["Settings"], request["Settings"])}


def over_presets(settings: Mapping[str, Any], find: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """Job settings whose outputs have what their presets say. The preset's name stays, as AWS shows it."""
    groups = [_group_over_presets(group, find) for group in settings.get("OutputGroups", [])]
    return {**settings, "OutputGroups": groups} if groups else dict(settings)


def _group_over_presets(group: Mapping[str, Any], find: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    outputs = [
        lay_over(find(output["Preset"]), output) if "Preset" in output else output
        for output in group.get("Outputs", [])
    ]
    return {**group, "Outputs": outputs} if outputs else dict(group)


def lay_over(below: Any, above: Any) -> Any:
    """`above`, with `below` showing through wherever it says nothing."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {**below, **{name: lay_over(below.get(name), item) for name, item in above.items()}}
    if _holds_structures(below) and isinstance(above, list) and (not above or _holds_structures(above)):
        pairs = itertools.zip_longest(below, above, fillvalue=_ABSENT)
        return [_either(under, over) for under, over in pairs]
    return above


def _either(below: Any, above: Any) -> Any:
    if above is _ABSENT:
        return below
    return above if below is _ABSENT else lay_over(below, above)


def _holds_structures(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
