"""The house: imports run downhill, every room keeps to its tools, every module begins with what it is.

The table is read from the source by `ast`, so that an import inside a function counts.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: room -> what it may import of ours. The longest room that fits a module counts; its own room is always allowed.
ALLOWED = {
    "pipeline.media": (),
    "pipeline.settings": (),
    "pipeline.bundle": (),
    "pipeline.aws": ("pipeline.media", "pipeline.settings"),
    "lambdas": ("pipeline.aws", "pipeline.media", "pipeline.settings"),
    "pipeline.stacks": ("pipeline.media", "pipeline.settings", "pipeline.bundle"),
    "pipeline.local": ("pipeline.aws", "pipeline.media", "pipeline.settings", "pipeline.bundle"),
    "pipeline.local.mediaconvert": (),
    "pipeline.console": ("pipeline.aws", "pipeline.media", "pipeline.settings"),
    "pipeline.cli": (
        "pipeline.local",
        "pipeline.console",
        "pipeline.local.mediaconvert",  # `vod mediaconvert` serves it alone
        "pipeline.aws",
        "pipeline.media",
        "pipeline.settings",
        "pipeline.bundle",
    ),
    "app": ("pipeline.stacks", "pipeline.settings", "pipeline.media", "pipeline.bundle"),
}

#: Tools, and the only rooms that may touch them.
TOOLS = {
    "aws_cdk": ("pipeline.stacks", "app"),
    "constructs": ("pipeline.stacks", "app"),
    "boto3": ("pipeline.aws", "pipeline.local", "pipeline.cli"),
    "botocore": ("pipeline.aws", "pipeline.local", "pipeline.cli"),
    "ministack": ("pipeline.local.emulators",),
    "moto": ("pipeline.local.emulators",),
    "ffmpeg": ("pipeline.local.mediaconvert",),
    "awslambdaric": ("pipeline.local",),
}


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    files = [ROOT / "app.py", *(ROOT / "pipeline").rglob("*.py"), *(ROOT / "lambdas").rglob("*.py")]
    named = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path for path in files}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


MODULES = modules()


def imports(name: str) -> Iterator[str]:
    """What a module imports, each name as far down as it can be a module."""
    is_package = MODULES[name].name == "__init__.py"
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = name.split(".")[: len(name.split(".")) - node.level + is_package]
                base = ".".join([*above, base]).strip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def room_of(name: str) -> str:
    return max((room for room in ALLOWED if within(name, room)), key=len, default="")


def is_ours(name: str) -> bool:
    return name.split(".")[0] in ("pipeline", "lambdas", "app")


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_downhill(name):
    room = room_of(name)
    if not room:
        assert name == "pipeline" or name == "lambdas", f"{name} stands in no room: add it to the table"
        assert not list(imports(name))
        return
    for imported in filter(is_ours, imports(name)):
        may = (room, *ALLOWED[room])
        if room_of(imported) == "pipeline.local.mediaconvert" and room == "pipeline.local":
            continue  # the workshop holds the machine
        assert any(within(imported, other) and room_of(imported) == room_of(other) for other in may), (
            f"{name} imports {imported}"
        )


@pytest.mark.parametrize("name", [name for name in MODULES if within(name, "lambdas")])
def test_handlers_never_import_each_other(name):
    own = ".".join(name.split(".")[:2])
    assert all(within(imported, own) for imported in imports(name) if within(imported, "lambdas"))


def test_nothing_imports_the_workshop_or_the_attic_but_their_own_doors():
    for name in MODULES:
        for imported in imports(name):
            if within(imported, "pipeline.local"):
                assert room_of(name).startswith(("pipeline.local", "pipeline.cli")), f"{name} imports {imported}"
            if within(imported, "pipeline.stacks"):
                assert room_of(name) in ("pipeline.stacks", "app"), f"{name} imports {imported}"


@pytest.mark.parametrize("tool", TOOLS)
def test_tools_stay_in_their_rooms(tool):
    for name in MODULES:
        if any(within(imported, tool) for imported in imports(name)):
            assert any(within(name, room) for room in TOOLS[tool]), f"{name} imports {tool}"


@pytest.mark.parametrize("name", [name for name in MODULES if within(name, "pipeline.media")])
def test_the_ground_floor_stands_on_the_standard_library_alone(name):
    for imported in imports(name):
        assert imported.split(".")[0] in sys.stdlib_module_names or within(imported, "pipeline.media"), imported


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name):
    text = MODULES[name].read_text()
    if text.strip():
        docstring = ast.get_docstring(ast.parse(text)) or ""
        assert re.match(r"\S.*[.:]", docstring), f"{name} has no docstring that is a sentence"


@pytest.mark.parametrize(
    "name", [name for name in MODULES if room_of(name) in ("pipeline.media", "pipeline.aws", "lambdas")]
)
def test_nothing_that_runs_in_aws_asks_which_world_it_is_in(name):
    text = MODULES[name].read_text()
    assert not re.search(r"AWS_ENDPOINT_URL['\"]|localhost|127\.0\.0\.1|endpoint_url", text), name


def test_the_table_names_rooms_that_exist():
    assert all(any(within(name, room) for name in MODULES) for room in ALLOWED)
