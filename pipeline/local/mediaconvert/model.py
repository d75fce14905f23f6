"""MediaConvert's JSON as botocore's service model describes it: which operation a request asks for, whether its input
keeps to the model, and how an answer looks on the wire.

In: HTTP method, path, query and camelCase JSON. Out: the operation's name and its input in the API's PascalCase, as
boto3 would have been given it; for answers the reverse. What can go wrong: `BadRequestException` that names every
offending place (at most ten), or `NotFoundException` for a path no operation has.

botocore's own ParamValidator checks types and required members only; the service also refuses values outside an
enumeration, a range or a pattern, so we walk the model ourselves. Places are written as AWS writes them, a JSON
pointer below `settings` ("/outputGroups/0/outputs/0: containerSettings is a required property"; seen in
https://github.com/aws/aws-sdk-js-v3/issues/2661). Messages AWS is not known to word are in the same voice.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import botocore.loaders
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape

from pipeline.local.mediaconvert.errors import BadRequestException, NotFoundException

REPORTED_VIOLATIONS = 10  # a job with one wrong habit in eighty places should still get a readable answer


@functools.cache
def service_model() -> ServiceModel:
    # The loader alone: a botocore Session would read the user's AWS configuration, which says nothing about the model.
    return ServiceModel(
        botocore.loaders.create_loader().load_service_model("mediaconvert", "service-2"), "mediaconvert"
    )


# --- which operation ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Route:
    operation: OperationModel
    method: str
    pattern: re.Pattern[str]


@functools.cache
def _routes() -> tuple[Route, ...]:
    model = service_model()
    return tuple(_route(model.operation_model(name)) for name in model.operation_names)


def _route(operation: OperationModel) -> Route:
    """A label is always the last part of MediaConvert's paths, so it may hold slashes: `/tags/{arn}` needs that."""
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>.+)", operation.http["requestUri"])
    return Route(operation, operation.http["method"], re.compile(pattern + "/?"))


def route(method: str, path: str) -> tuple[OperationModel, dict[str, str]]:
    """The operation a request asks for, and the labels in its path."""
    for candidate in _routes():
        if candidate.method == method.upper() and (match := candidate.pattern.fullmatch(path)):
            return candidate.operation, {name: unquote(value) for name, value in match.groupdict().items()}
    raise NotFoundException(f"MediaConvert has no operation at {method} {path}")


# --- reading a request -------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Violation:
    """One thing wrong with a request: where (a JSON pointer, "" for the request itself) and what."""

    pointer: str
    message: str

    def __str__(self) -> str:
        if self.pointer or not self.message.startswith("The "):
            return f"{self.pointer or '/'}: {self.message}"
        return self.message


def refuse(violations: Sequence[Violation | str]) -> None:
    """Raise BadRequestException for everything that is wrong together, or do nothing when nothing is."""
    if not violations:
        return
    lines = [str(violation) for violation in violations[:REPORTED_VIOLATIONS]]
    if len(violations) > REPORTED_VIOLATIONS:
        lines.append(f"and {len(violations) - REPORTED_VIOLATIONS} more")
    raise BadRequestException("; ".join(lines))


def read_input(
    operation: OperationModel, labels: Mapping[str, str], query: Mapping[str, Any], body: bytes
) -> dict[str, Any]:
    """An operation's input in PascalCase, gathered from path, query and body, or BadRequestException."""
    if operation.input_shape is None:
        return {}
    wire = _json_object(body)
    violations = []
    for name, member in operation.input_shape.members.items():
        location = member.serialization.get("location")
        wire_name = member.serialization.get("name", name)
        if location == "uri":
            wire[wire_name] = labels[wire_name]
        elif location == "querystring" and wire_name in query:
            wire[wire_name] = _from_query(member, query[wire_name])
    result = _read(operation.input_shape, wire, "", violations)
    refuse(violations)
    return result


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        wire = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise BadRequestException(f"The request body is not JSON: {error}") from None
    if not isinstance(wire, dict):
        raise BadRequestException("The request body must be a JSON object")
    return wire


def _from_query(shape: Shape, value: Any) -> Any:
    """Query values are text, or lists of text; numbers among them are read here so that the walk sees a number."""
    text = value[0] if isinstance(value, list | tuple) and value else value
    if shape.type_name == "integer" and re.fullmatch(r"-?\d+", str(text)):
        return int(text)
    return text


def _read(shape: Shape, value: Any, pointer: str, violations: list[Violation]) -> Any:
    """`value` with the model's own member names; whatever breaks the model is added to `violations`."""
    if isinstance(shape, StructureShape):
        return _read_structure(shape, value, pointer, violations)
    if isinstance(shape, ListShape):
        return _read_list(shape, value, pointer, violations)
    if isinstance(shape, MapShape):
        return _read_map(shape, value, pointer, violations)
    return _read_scalar(shape, value, pointer, violations)


def _read_structure(shape: StructureShape, value: Any, pointer: str, violations: list[Violation]) -> dict[str, Any]:
    if not _is(dict, value, "object", pointer, violations):
        return {}
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    for required in shape.required_members:
        wire_name = shape.members[required].serialization.get("name", required)
        if wire_name not in value:
            violations.append(_missing(pointer, wire_name))
    result = {}
    for wire_name, item in value.items():
        if wire_name not in names:
            violations.append(Violation(pointer, f"Should not have additional property {wire_name}"))
            continue
        name = names[wire_name]
        result[name] = _read(shape.members[name], item, _below(pointer, wire_name), violations)
    return result


def _missing(pointer: str, wire_name: str) -> Violation:
    if pointer or wire_name not in {"role", "settings", "name"}:
        return Violation(pointer, f"{wire_name} is a required property")
    return Violation(
        "", f"The '{wire_name}' field is required."
    )  # as in https://github.com/aws/aws-sdk-php/issues/1449


def _read_list(shape: ListShape, value: Any, pointer: str, violations: list[Violation]) -> list[Any]:
    if not _is(list, value, "array", pointer, violations):
        return []
    _check_bounds(shape, len(value), "items", pointer, violations)
    return [_read(shape.member, item, f"{pointer}/{index}", violations) for index, item in enumerate(value)]


def _read_map(shape: MapShape, value: Any, pointer: str, violations: list[Violation]) -> dict[str, Any]:
    if not _is(dict, value, "object", pointer, violations):
        return {}
    return {key: _read(shape.value, item, _below(pointer, key), violations) for key, item in value.items()}


def _read_scalar(shape: Shape, value: Any, pointer: str, violations: list[Violation]) -> Any:
    if isinstance(shape, StringShape):
        return _read_string(shape, value, pointer, violations)
    if shape.type_name in ("integer", "long"):
        if not _is_whole(value):
            violations.append(Violation(pointer, "Should be of type integer"))
            return value
        _check_range(shape, int(value), pointer, violations)
        return int(value)
    if shape.type_name in ("double", "float", "timestamp"):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            violations.append(Violation(pointer, "Should be of type number"))
            return value
        _check_range(shape, value, pointer, violations)
        return value
    if shape.type_name == "boolean" and not isinstance(value, bool):
        violations.append(Violation(pointer, "Should be of type boolean"))
    return value


def _is_whole(value: Any) -> bool:
    """JavaScript has one kind of number, so 2.0 is a whole number and 2.5 is not."""
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def _read_string(shape: StringShape, value: Any, pointer: str, violations: list[Violation]) -> Any:
    if not _is(str, value, "string", pointer, violations):
        return value
    if shape.enum and value not in shape.enum:
        violations.append(Violation(pointer, f"{value} should be one of {', '.join(shape.enum)}"))
    pattern = shape.metadata.get("pattern")
    if pattern and not re.search(pattern, value):
        violations.append(Violation(pointer, f"{value} should match pattern {pattern}"))
    _check_bounds(shape, len(value), "characters", pointer, violations)
    return value


def _is(kind: type, value: Any, word: str, pointer: str, violations: list[Violation]) -> bool:
    if isinstance(value, kind):
        return True
    violations.append(Violation(pointer, f"Should be of type {word}"))
    return False


def _check_bounds(shape: Shape, size: int, unit: str, pointer: str, violations: list[Violation]) -> None:
    if "min" in shape.metadata and size < shape.metadata["min"]:
        violations.append(Violation(pointer, f"Should have at least {shape.metadata['min']} {unit}"))
    if "max" in shape.metadata and size > shape.metadata["max"]:
        violations.append(Violation(pointer, f"Should have at most {shape.metadata['max']} {unit}"))


def _check_range(shape: Shape, value: float, pointer: str, violations: list[Violation]) -> None:
    if "min" in shape.metadata and value < shape.metadata["min"]:
        violations.append(Violation(pointer, f"{value} should be greater than or equal to {shape.metadata['min']}"))
    if "max" in shape.metadata and value > shape.metadata["max"]:
        violations.append(Violation(pointer, f"{value} should be less than or equal to {shape.metadata['max']}"))


def _below(pointer: str, name: str) -> str:
    """AWS's pointers start inside `settings`, as though it were the document."""
    return "" if not pointer and name == "settings" else f"{pointer}/{name}"


# --- writing an answer -------------------------------------------------------------------------------------------


def write_output(operation: OperationModel, result: Mapping[str, Any]) -> bytes:
    """An operation's result as the JSON that goes over the wire; a name the model lacks is a KeyError of ours."""
    if operation.output_shape is None:
        return b"{}"
    return json.dumps(_write(operation.output_shape, result), separators=(",", ":")).encode()


def _write(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        members = ((shape.members[name], name, item) for name, item in value.items() if item is not None)
        return {member.serialization.get("name", name): _write(member, item) for member, name, item in members}
    if isinstance(shape, ListShape):
        return [_write(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _write(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return int(value.timestamp() if isinstance(value, datetime.datetime) else value)  # whole seconds, as AWS
    return value


def walk(shape: Shape, prefix: str = "") -> Iterator[tuple[str, Shape]]:
    """Every place below `shape` as ("A.B[].C", shape of it): the model read as a list, for tables and their tests."""
    for name, member in shape.members.items() if isinstance(shape, StructureShape) else ():
        yield from _walk_member(member, f"{prefix}.{name}" if prefix else name)


def _walk_member(shape: Shape, path: str) -> Iterator[tuple[str, Shape]]:
    yield path, shape
    if isinstance(shape, StructureShape):
        yield from walk(shape, path)
    elif isinstance(shape, ListShape):
        yield from _walk_member(shape.member, f"{path}[]")
    elif isinstance(shape, MapShape):
        yield from _walk_member(shape.value, f"{path}{{}}")
