"""Every command that the documentation shows is one that exists, with options that exist.

Those of `vod` are read by the real parser, `make` is asked what it would do, `aws` is held against botocore's model,
Python modules against their own --help. tests/e2e/test_documented_commands.py runs what can be run on the embedded
stack. What fits nowhere fails: then somebody has documented a program that nobody proves.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import re
import shlex
import subprocess
import sys

import botocore.session
import pytest
from botocore import xform_name

from pipeline.cli.main import parser
from pipeline.stacks.configuration import Configuration
from tests.docs.commands import NOT_RUN, ROOT, Command, commands_of, documented, is_run

COMMANDS = documented()
CDK = "npx aws-cdk@2.1148.1"
CDK_COMMANDS = ("bootstrap", "synth", "diff", "deploy", "destroy")
#: Programs that are none of ours, word for word, and why nobody runs them here.
ELSEWHERE = {
    "npm ci && npm run build": "`make player` runs it; it needs npm's registry",
    "curl -X PUT --data @faults.json $ENDPOINT/_vod/faults": "tests/chaos puts plans there",
    "rm keys/films-2026.secret.json": "removes what the command before has made",
}


def of(program: str) -> list[Command]:
    return [command for command in COMMANDS if command.program == program]


def ids(command: Command) -> str:
    return f"{command.page}: {command.text}"[:90]


def test_the_pages_are_read():
    found = {command.text for command in COMMANDS}
    assert {"make demo", 'vod run "My Film.mov" other.mkv', "vod list"} <= found and len(found) > 60


def test_a_new_command_fits_somewhere():
    known = ("vod", "make", "aws", "python", "pytest", "npx", "cdk", "export", "source", "eval")
    homeless = [command for command in COMMANDS if command.program not in known and command.words not in ELSEWHERE]
    assert homeless == [], "say in this file how they are proved, or why they cannot be"


def test_no_reason_is_left_over():
    shown = {command.words for command in COMMANDS}
    assert set(ELSEWHERE) <= shown
    assert set(NOT_RUN) <= {command.words.split()[1] for command in of("vod")}


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("```console\n$ vod list | jq .\nfilms\n$ make test  # all\n```", ["vod list | jq .", "make test"]),
        ("```\nmake bench SOURCE=a   # long\nsomething else\n```", ["make bench SOURCE=a"]),
        ("```console\n$ aws sqs receive-message \\\n    --queue-url U\n```", ["aws sqs receive-message --queue-url U"]),
        ("Say `vod show\nASSET`, or ``vod x`` or `A=b .venv/bin/vod up`.", ["vod show ASSET", "A=b vod up"]),
        ("```json\nvod list\n```\n`vod` and `make` alone", []),
    ],
)  # fmt: skip
def test_a_page_is_read_as_its_reader_would(markdown, expected):
    assert list(commands_of(markdown)) == expected


# vod -----------------------------------------------------------------------------------------------------------------


def subcommands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return found


@pytest.mark.parametrize("command", of("vod"), ids=ids)
def test_the_parser_takes_it(command: Command):
    words = shlex.split(filled(command.words))[1:]
    assert words[0] in subcommands(), f"{command.page}: there is no `vod {words[0]}`"
    if len(words) == 1:
        return  # a mention of the command, not a use of it
    try:
        parser().parse_args(words)
    except SystemExit:
        pytest.fail(f"{command.page}: the parser refuses `{command.text}`")


def filled(text: str) -> str:
    """Usage notation as one use: the first of alternatives, what may be left out left out, once for many."""
    text = text.replace("\\|", "|").replace("...", "")
    text = re.sub(r" \[[^\]]*\]", "", text)
    text = re.sub(r"(\S+?)\|\S+", r"\1", text) if "'" not in text and '"' not in text else text
    return re.sub(r"\s*[|>&]+ .*$", "", text)


def test_every_command_of_ours_is_documented():
    assert set(subcommands()) <= {command.words.split()[1] for command in of("vod")}


# make ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", of("make"), ids=ids)
def test_make_knows_what_it_would_do(command: Command):
    done = subprocess.run(["make", "-n", *shlex.split(command.words)[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    variables = re.findall(r"\b([A-Z]+)=", command.words)
    rules = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"\$\({name}\)|\(or \$\({name}\)|if \$\({name}\)", rules) for name in variables)


# aws -----------------------------------------------------------------------------------------------------------------

#: Options of the AWS CLI itself, for every command.
GLOBAL = {"--region", "--endpoint-url", "--profile", "--query", "--output"}


@pytest.mark.parametrize("command", [each for each in of("aws") if not each.words.startswith("aws s3 ")], ids=ids)
def test_aws_has_this_operation_with_these_options(command: Command):
    _, service, operation, *rest = shlex.split(command.words)
    model = botocore.session.get_session().get_service_model(service.replace("s3api", "s3"))
    (name,) = [name for name in model.operation_names if xform_name(name, "-") == operation]
    shape = model.operation_model(name).input_shape
    options = {word for word in rest if word.startswith("--")} - GLOBAL
    known = {"--" + xform_name(member, "-"): member for member in shape.members}
    assert options <= set(known), options - set(known)
    if rest:  # with none it is a mention
        assert {known[option] for option in options} >= set(shape.required_members)


# Python --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [*of("python"), *of("pytest")], ids=ids)
def test_the_module_is_there_and_knows_the_options(command: Command):
    words = shlex.split(filled(command.words))
    if words[0] == "pytest" or words[1:3] == ["-m", "pytest"]:
        assert all((ROOT / path).exists() for path in words[words.index("pytest") + 1 :])
    elif "-m" in words:
        module = words[words.index("-m") + 1]
        assert importlib.util.find_spec(module), f"{command.page}: there is no module {module}"
        if options := {word for word in words[words.index(module) + 1 :] if word.startswith("--")}:
            done = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0 and all(option in done.stdout for option in options), done.stderr
    else:
        (script,) = [word for word in words if word.endswith(".py")]
        assert (ROOT / script).exists()


# CDK -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [*of("npx"), *of("cdk")], ids=ids)
def test_cdk_is_asked_for_what_it_has_and_for_options_of_ours(command: Command):
    """It needs an account, and npm's registry; tests/stacks synthesise the same template."""
    said = command.words.removeprefix(CDK).removeprefix("cdk")
    assert said != command.words, f"the CDK command line that the docs name is {CDK}"
    words = shlex.split(said)
    assert words[0] in CDK_COMMANDS
    given = {after.partition("=")[0] for before, after in itertools.pairwise(words) if before == "-c"}
    assert given <= {*Configuration.__dataclass_fields__, "env"}


@pytest.mark.parametrize("command", of("export"), ids=ids)
def test_only_what_is_read_is_exported(command: Command):
    """By us, or by AWS's SDKs."""
    ours = "".join(path.read_text() for path in (ROOT / "pipeline").rglob("*.py"))
    for name in re.findall(r"\b([A-Z][A-Z0-9_]+)=", command.words):
        assert name.startswith("AWS_") or name in ours


@pytest.mark.parametrize("command", [*of("source"), *of("eval")], ids=ids)
def test_a_shell_reads_only_what_vod_writes_for_it(command: Command):
    """tests/cli/test_completion.py runs the shells on it."""
    assert re.search(r"[$<]\(vod completion (bash|zsh)\)", command.words)


def test_what_is_run_is_most_of_it():
    ours = [command for command in of("vod") if is_run(command)]
    assert len(ours) > 0.7 * len(of("vod"))
