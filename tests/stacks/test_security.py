"""cdk-nag's AwsSolutions rules, with every finding either mended or accepted for a reason that holds.

The reasons stand in docs/security.md, whose table is written from here. A finding that nobody accepted fails, and so
does an acceptance that no finding needs any more.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import app
from pipeline.bundle import PLAYER_DIST_VARIABLE, ROOT
from pipeline.stacks import configuration
from tests.stacks.conftest import ADOPTED, small_page

PAGE = ROOT / "docs" / "security.md"
NAMED = {
    "domain_names": "films.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/1a-2b",
    "web_acl_arn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/films/1a-2b",
    "geo_deny": "AQ",
    "kms_key": "new",
}
CONFIGURATIONS = {
    "default": {},
    "own name, key, countries and web ACL": NAMED,
    "existing buckets": ADOPTED,
}


@dataclasses.dataclass(frozen=True)
class Accepted:
    """rule: as nag names it, with * for any text; where: construct paths, likewise."""

    rule: str
    where: str
    reason: str


ANY_RESOURCE = "AwsSolutions-IAM5[Resource::*]"
ACCEPTED = (
    Accepted(
        ANY_RESOURCE,
        "*",
        "Only for actions that know no resources: X-Ray's, MediaConvert's Probe, Step Functions' log delivery. A test "
        "fails for any other action on `*`.",
    ),
    Accepted(
        "AwsSolutions-IAM5[Resource::*/uploads/*]",
        "*",
        "Uploads have names of their owners' making: the prefix is as narrow as it gets. Reading only.",
    ),
    Accepted(
        "AwsSolutions-IAM5[Resource::*/receipts/*]",
        "*",
        "A receipt lies under its upload's name, in a prefix that starts nothing (the guard at synthesis).",
    ),
    Accepted(
        "AwsSolutions-IAM5[Resource::*/a/*]",
        "*",
        "One folder a film under one prefix; a function works on any film.",
    ),
    Accepted("AwsSolutions-IAM5[Resource::*/w/*]", "*", "One folder a run under one prefix, gone after 14 days."),
    Accepted(
        "AwsSolutions-IAM5[Resource::*/site/*]",
        "*/siteRole/*",
        "The page's scripts carry their content's hash in their names.",
    ),
    Accepted(
        "AwsSolutions-IAM5[Resource::*:mediaconvert:*:jobs/*]",
        "*",
        "MediaConvert makes its jobs' ids; nobody can tell them before. Get and Cancel only.",
    ),
    Accepted(
        "AwsSolutions-IAM5[Resource::*:execution:<Workflow.Name>:*]",
        "*",
        "Executions of this one state machine; each film's has a name of its own.",
    ),
    Accepted(
        "AwsSolutions-S1",
        "*Logs/Resource",
        "A log of the writing of logs would be written for ever.",
    ),
    Accepted(
        "AwsSolutions-SQS3",
        "*DeadLetters/Resource",
        "These are dead-letter queues: of rules and of functions' failures, which nag does not look at.",
    ),
    Accepted("AwsSolutions-CFR1", "*/Distribution/*", "Countries are the owner's to name: `geo_allow`, `geo_deny`."),
    Accepted("AwsSolutions-CFR2", "*/Distribution/*", "A web ACL is the owner's to choose: `web_acl_arn`."),
    Accepted(
        "AwsSolutions-CFR4",
        "*/Distribution/*",
        "Under its own name CloudFront sets the floor and offers no choice. With `domain_names` it is TLS 1.2.",
    ),
    Accepted(
        "AwsSolutions-CFR7",
        "*/Distribution/*",
        "The origin is read through an origin access control; it is set where nag does not look. A test holds it.",
    ),
)


@dataclasses.dataclass(frozen=True)
class Finding:
    rule: str
    where: str

    def accepted(self) -> list[Accepted]:
        return [each for each in ACCEPTED if _fits(each.rule, self.rule) and _fits(each.where, self.where)]


def _fits(pattern: str, text: str) -> bool:
    """The pattern's * is any text; a rule that is only a star itself is written in full."""
    return text == pattern or (pattern != ANY_RESOURCE and fnmatch.fnmatchcase(text, re.sub(r"[\[\]]", "?", pattern)))


def findings(options: dict[str, str], out: Path) -> Iterator[Finding]:
    app.node_from_wheel()
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks

    from pipeline.stacks.vod import VodStack

    built = cdk.App(outdir=str(out), context=options, analytics_reporting=False)
    cdk.Validations.of(built).add_plugins(AwsSolutionsChecks(built))
    VodStack(built, configuration.from_context(built.node.get_all_context()))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        built.synth()  # there is always something to accept
    reports = json.loads((out / "validation-report.json").read_text(encoding="utf-8"))["pluginReports"]
    (report,) = [each for each in reports if each["pluginName"] == "AwsSolutions"]
    for violation in report["violations"]:
        for place in violation["violatingConstructs"]:
            yield Finding(violation["ruleName"], place["constructPath"])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[Finding]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PLAYER_DIST_VARIABLE, str(small_page(tmp_path_factory.mktemp("page"))))
        return {
            name: set(findings(options, tmp_path_factory.mktemp("out"))) for name, options in CONFIGURATIONS.items()
        }


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_finding_is_accepted_for_a_reason(found: dict[str, set[Finding]], name: str) -> None:
    assert len(found[name]) > 20, "nag looked at something"
    assert not [each for each in found[name] if not each.accepted()]


def test_nothing_is_accepted_that_nobody_finds(found: dict[str, set[Finding]]) -> None:
    everything = set().union(*found.values())
    used = {each for finding in everything for each in finding.accepted()}
    assert [each.rule for each in ACCEPTED if each not in used] == []


def test_an_owners_name_countries_and_web_acl_leave_nothing_to_accept_of_them(found: dict[str, set[Finding]]) -> None:
    rules = {finding.rule for finding in found["own name, key, countries and web ACL"]}
    assert not rules & {"AwsSolutions-CFR1", "AwsSolutions-CFR2", "AwsSolutions-CFR4"}


def test_the_page_gives_the_reasons() -> None:
    rows = "".join(f"| `{each.rule}` | {each.reason} |\n" for each in ACCEPTED)
    table = f"| finding | accepted because |\n|---|---|\n{rows}"
    text = PAGE.read_text(encoding="utf-8")
    begin, end = text.index("| finding | accepted because |"), text.index("\n\n", text.index("| finding |"))
    if os.environ.get("VOD_UPDATE_DOCS"):
        PAGE.write_text(text[:begin] + table.rstrip("\n") + text[end:], encoding="utf-8")
        return
    assert text[begin:end] == table.rstrip("\n")
