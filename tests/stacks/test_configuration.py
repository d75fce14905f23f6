"""Options: read from text and from JSON, refused in words that name the option, the value and what to do."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.bundle import PLAYER_DIST_VARIABLE, ROOT
from pipeline.stacks.configuration import OPTIONS, Configuration, ConfigurationError, as_markdown, from_context
from tests.stacks.conftest import small_page

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/6a7f-1"
QUEUE = "arn:aws:mediaconvert:eu-west-1:123456789012:queues/films"
ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/films/1a-2b"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1a-2b"
PRIVATE = {"playback": "private", "signing_public_keys": "keys/one.pem", "signing_secret": "films/key"}


def test_nothing_said_is_the_defaults() -> None:
    assert from_context({}) == Configuration()
    assert Configuration().stack_name == "Vod"


@pytest.mark.parametrize(
    ("option", "value", "read"),
    [
        ("profile", "default", "default"),
        ("sources_bucket", "films-in", "films-in"),
        ("kms_key", "new", "new"),
        ("kms_key", KEY, KEY),
        ("log_days", "365", 365),
        ("log_days", 365, 365),
        ("job_priority", "-50", -50),
        ("remove_data", "true", True),
        ("remove_data", True, True),
        ("remove_data", "false", False),
        ("cors_origins", "https://a.example, https://b.example:8443", ("https://a.example", "https://b.example:8443")),
        ("cors_origins", ["https://a.example"], ("https://a.example",)),
        ("cors_origins", "*", ("*",)),
        ("upload_origins", "http://127.0.0.1:8090", ("http://127.0.0.1:8090",)),
        ("upload_origins", "none", ("none",)),
        ("geo_allow", "CH,DE", ("CH", "DE")),
        ("price_class", "100", "100"),
        ("price_class", 200, "200"),
        ("web_acl_arn", ACL, ACL),
        ("mediaconvert_queue", QUEUE, QUEUE),
        ("notify_email", "films@example.com", "films@example.com"),
        ("notify_email", "", ""),
    ],
)
def test_an_option_is_read_as_text_and_as_json(option: str, value: Any, read: Any) -> None:
    assert getattr(from_context({option: value}), option) == read


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"price_clas": "100"}, "price_clas=100: there is no such option; did you mean price_class?"),
        ({"price-class": "100"}, "price-class=100: there is no such option; did you mean price_class?"),
        ({"colour": "red"}, "colour=red: there is no such option; docs/configuration.md lists them."),
        ({"price_class": "300"}, "price_class=300: give one of 100, 200, all"),
        ({"log_days": "91"}, "log_days=91: give one of 1, 3, 5,"),
        ({"log_days": "many"}, "log_days=many: give one of"),
        ({"log_days": True}, "log_days=true: give one of"),
        ({"job_priority": "51"}, "job_priority=51: give a whole number from -50 to 50"),
        ({"job_priority": "1.5"}, "job_priority=1.5: give a whole number"),
        ({"remove_data": "yes"}, "remove_data=yes: give true or false"),
        ({"remove_data": 1}, "remove_data=1: give true or false"),
        ({"profile": "best"}, "profile=best: give one of default"),
        ({"sources_bucket": "s3://films"}, "sources_bucket=s3://films: give the name of an S3 bucket"),
        ({"domain_names": "https://a.example"}, "domain_names=https://a.example: give a host name"),
        ({"domain_names": "a.example,a.example"}, "a.example stands there twice"),
        ({"domain_names": {"a": 1}}, 'domain_names={"a": 1}: give a list'),
        (
            {"certificate_arn": CERTIFICATE.replace("us-east-1", "eu-west-1")},
            "give the ARN of an ACM certificate in us-east-1",
        ),
        ({"geo_deny": "ch"}, "geo_deny=ch: give a country's two capital letters"),
        ({"web_acl_arn": ACL.replace("global", "regional")}, "give the ARN of a WAFv2 web ACL for CloudFront"),
        ({"kms_key": "alias/films"}, "kms_key=alias/films: give `new`, or the ARN of a KMS key"),
        ({"cors_origins": "https://a.example/films"}, "give `*` or an origin"),
        ({"notify_email": "me"}, "notify_email=me: give an e-mail address"),
        ({"env": "Test"}, "env=Test: give a short name"),
        ({"env": "test"}, 'env=test: cdk.json\'s "environments" has none yet'),
        ({"environments": ["test"]}, 'environments=["test"]: give {"test":'),
        ({"environments": {"test": {"colour": "red"}}, "env": "test"}, "colour=red: there is no such option"),
        ({"environments": {"test": {"env": "other"}}, "env": "test"}, "env=other: leave it out"),
    ],
)
def test_what_cannot_be_is_refused_with_its_value_and_what_to_do(context: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        from_context(context)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("context", "option"),
    [
        ({"domain_names": "films.example.com"}, "domain_names"),
        ({"certificate_arn": CERTIFICATE}, "certificate_arn"),
        ({"geo_allow": "CH", "geo_deny": "DE"}, "geo_deny"),
        ({"cors_origins": "*,https://a.example"}, "cors_origins"),
        ({**PRIVATE, "cors_origins": "*"}, "cors_origins"),
        ({"playback": "private"}, "playback"),
        ({**PRIVATE, "signing_secret": ""}, "playback"),
        ({"signing_public_keys": "keys/one.pem"}, "signing_public_keys"),
        ({"signing_secret": "films/key"}, "signing_secret"),
        ({"sources_bucket": "films", "outputs_bucket": "films"}, "outputs_bucket"),
        ({"sources_bucket": "films-in", "outputs_bucket": "films-out", "kms_key": "new"}, "kms_key"),
        ({"mediaconvert_queue": QUEUE, "hop_queue": QUEUE}, "hop_queue"),
    ],
)
def test_options_that_contradict_each_other_are_refused(context: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{option}="):
        from_context(context)


def test_an_environments_options_are_taken_and_the_command_line_wins() -> None:
    environments = {"prod": {"log_days": 365, "price_class": "100"}, "test": {"remove_data": True}}
    read = from_context({"environments": environments, "env": "prod", "price_class": "200"})
    assert read == dataclasses.replace(Configuration(), env="prod", log_days=365, price_class="200")
    assert read.stack_name == "Vod-prod"


def test_the_options_of_no_environment_are_not_those_of_any() -> None:
    assert from_context({"environments": {"prod": {"log_days": 365}}}) == Configuration()


def test_cdks_own_words_are_not_ours() -> None:
    words = {"@aws-cdk/core:something": True, "aws:cdk:enable-path-metadata": True, "vpc-provider:account=1": {}}
    assert from_context(words) == Configuration()


def test_who_may_embed_films_follows_from_who_may_see_them() -> None:
    assert from_context({}).allowed_origins == ("*",)
    assert from_context(PRIVATE).allowed_origins == ()
    assert from_context({**PRIVATE, "cors_origins": "https://a.example"}).allowed_origins == ("https://a.example",)


def test_the_environments_of_cdk_json_are_all_good() -> None:
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    assert context["environments"]
    for env in context["environments"]:
        assert from_context({**context, "env": env}).env == env
    assert not OPTIONS.keys() & context.keys(), "an option beside the environments would win over all of them"


def test_the_documentation_is_written_from_the_object() -> None:
    page = ROOT / "docs" / "configuration.md"
    if os.environ.get("VOD_UPDATE_DOCS"):
        page.write_text(as_markdown(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == as_markdown()
    assert all(f"| `{name}` |" in as_markdown() for name in OPTIONS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-c", "price_class=300"], "ConfigurationError: price_class=300: give one of 100, 200, all"),
        (["-c", "price_class"], "-c price_class: give OPTION=VALUE"),
    ],
)
def test_the_app_says_it_in_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    env = {**os.environ, PLAYER_DIST_VARIABLE: str(small_page(tmp_path / "page")), "CDK_OUTDIR": str(tmp_path / "out")}
    command = [sys.executable, str(ROOT / "app.py"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].endswith(said)
    assert "Traceback" not in done.stderr


def test_prices_that_cannot_be_used_stop_the_synthesis(tmp_path: Path) -> None:
    env = {**os.environ, PLAYER_DIST_VARIABLE: str(small_page(tmp_path / "page")), "CDK_OUTDIR": str(tmp_path / "out")}
    broken = "from pipeline.media import price; price.load = lambda: price.parse('read = 2026-11-23')"
    script = f"import runpy; {broken}; runpy.run_path('app.py', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("PricesBroken: prices.toml: KeyError 'class'")
