"""Job templates and presets: named settings, kept for as long as the service lives.

In: the requests of their ten operations. Out: their answers, and `complete`, which fills a CreateJob request from the
template and the presets it names. What can go wrong: `NotFoundException` for a name nobody has (AWS's own system
templates and presets among them: their settings are AWS's), `ConflictException` for a name that is taken.

Both kinds are the same thing on two shelves: a template's settings are a job's, a preset's are one output's. Safe for
threads.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.local.mediaconvert import merging
from pipeline.local.mediaconvert.errors import BadRequestException, ConflictException, NotFoundException
from pipeline.local.mediaconvert.paging import page

Operation = Callable[[dict[str, Any]], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Named:
    """A template or a preset; `fields` are what its owner gave, in the API's words."""

    name: str
    arn: str
    created: float
    updated: float
    fields: Mapping[str, Any]
    tags: Mapping[str, str]

    def describe(self) -> dict[str, Any]:
        own = {"Name": self.name, "Arn": self.arn, "CreatedAt": self.created, "LastUpdated": self.updated}
        return {**own, "Type": "CUSTOM", **self.fields}


class Shelf:
    """All templates, or all presets. `kind` is the word in ARNs, `word` the one for people, `member` the API's."""

    def __init__(self, arn_prefix: str, kind: str, word: str, member: str):
        self._arn_prefix = f"{arn_prefix}:{kind}/"
        self._word, self._member = word, member
        self._by_name: dict[str, Named] = {}
        self._lock = threading.RLock()

    def operations(self) -> dict[str, Operation]:
        one, many = self._member, f"{self._member}s"
        return {
            f"Create{one}": self._create,
            f"Get{one}": lambda request: {one: self.find(request["Name"]).describe()},
            f"List{many}": self._list,
            f"Update{one}": self._update,
            f"Delete{one}": self._delete,
        }

    def find(self, name_or_arn: str) -> Named:
        """CreateJob takes either form."""
        name = name_or_arn.removeprefix(self._arn_prefix)
        with self._lock:
            if name not in self._by_name:
                raise NotFoundException(f"{self._word} {name_or_arn} not found in account and region{_own(name)}")
            return self._by_name[name]

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        with self._lock:
            self._by_name[name] = dataclasses.replace(self.find(name), tags=tags)

    def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        fields = dict(request)
        name, tags = fields.pop("Name"), fields.pop("Tags", {})
        now = time.time()
        with self._lock:
            if name in self._by_name:
                raise ConflictException(f"{self._word} {name} already exists")
            self._by_name[name] = Named(name, self._arn_prefix + name, now, now, fields, tags)
            return {self._member: self._by_name[name].describe()}

    def _update(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the request names is replaced, Settings as a whole."""
        changes = {name: value for name, value in request.items() if name != "Name"}
        with self._lock:
            known = self.find(request["Name"])
            fields = {**known.fields, **changes}
            self._by_name[known.name] = dataclasses.replace(known, fields=fields, updated=time.time())
            return {self._member: self._by_name[known.name].describe()}

    def _delete(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            del self._by_name[self.find(request["Name"]).name]
        return {}

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        """By name unless asked otherwise, as documented. Order is ascending unless asked ("default varies")."""
        by_date = request.get("ListBy") == "CREATION_DATE"
        with self._lock:
            shown = [] if request.get("ListBy") == "SYSTEM" else list(self._by_name.values())
        if "Category" in request:
            shown = [one for one in shown if one.fields.get("Category") == request["Category"]]
        shown.sort(key=lambda one: (one.created if by_date else 0, one.name))
        if request.get("Order") == "DESCENDING":
            shown.reverse()
        items, next_token = page(shown, request, lambda one: one.name)
        return {f"{self._member}s": [one.describe() for one in items], "NextToken": next_token}


def _own(name: str) -> str:
    if not name.startswith("System-"):
        return ""
    return " (AWS's system presets and templates are not part of the local MediaConvert; create one of this name)"


class Library:
    def __init__(self, arn_prefix: str):
        self.templates = Shelf(arn_prefix, "jobTemplates", "Job template", "JobTemplate")
        self.presets = Shelf(arn_prefix, "presets", "Preset", "Preset")

    def operations(self) -> dict[str, Operation]:
        return {**self.templates.operations(), **self.presets.operations()}

    def complete(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A CreateJob request with what its template and its presets say."""
        whole = dict(request)
        if template := request.get("JobTemplate"):
            whole = merging.over_template(request, self.templates.find(template).fields)
        _refuse_two_containers(whole["Settings"])
        settings = merging.over_presets(whole["Settings"], lambda name: self._parts_of(name))
        return {**whole, "Settings": settings}

    def _parts_of(self, preset: str) -> dict[str, Any]:
        settings = self.presets.find(preset).fields["Settings"]
        return {part: settings[part] for part in merging.PRESET_PARTS if part in settings}


def _refuse_two_containers(settings: Mapping[str, Any]) -> None:
    """Output.Preset: "You can specify either Preset or Container settings, but not both." """
    for group_index, group in enumerate(settings.get("OutputGroups", [])):
        for index, output in enumerate(group.get("Outputs", [])):
            if "Preset" in output and "ContainerSettings" in output:
                place = f"/outputGroups/{group_index}/outputs/{index}"
                raise BadRequestException(f"{place}: You can specify either preset or containerSettings, but not both")
