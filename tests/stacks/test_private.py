"""Private playback in the template: who is trusted, what asks for a signature, who may call the issuer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pipeline.media import signing
from pipeline.settings import IssueSettings
from pipeline.stacks.configuration import ConfigurationError
from tests.stacks.reading import of_type, plain, statements_of
from tests.stacks.test_delivery import behaviour, config_of


def public_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two, as while a key is replaced."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("old", "new"):
        (folder / f"{name}.pub.pem").write_text(public_key())
    return [folder / "old.pub.pem", folder / "new.pub.pem"]


@pytest.fixture(scope="module")
def private(template_with: Callable[..., dict[str, Any]], keys: list[Path]) -> dict[str, Any]:
    return template_with(
        playback="private",
        signing_public_keys=",".join(map(str, keys)),
        signing_secret="vod/films",
        cookie_seconds="600",
        cors_origins="https://www.example.com",
    )


@pytest.fixture(scope="module")
def resources(private: dict[str, Any]) -> dict[str, Any]:
    return private["Resources"]


@pytest.fixture(scope="module")
def distribution(resources: dict[str, Any]) -> dict[str, Any]:
    return config_of(resources)


def test_both_keys_are_trusted_while_one_replaces_the_other(resources: dict[str, Any], keys: list[Path]) -> None:
    made = of_type(resources, "AWS::CloudFront::PublicKey")
    prints = [signing.fingerprint(path.read_text()) for path in keys]
    assert sorted(made) == sorted(f"SigningKey{each[:12]}" for each in prints)
    (group,) = of_type(resources, "AWS::CloudFront::KeyGroup").values()
    assert {item["Ref"] for item in group["KeyGroupConfig"]["Items"]} == set(made)
    for each in made.values():
        assert each["PublicKeyConfig"]["EncodedKey"] in {path.read_text() for path in keys}
        assert str(keys[0].parent) not in json.dumps(each)  # the owner's folders are nobody's business


PRIVATE = {
    "/a/film-1/index.m3u8": True,
    "/a/film-1/asset.json": True,
    "/a/film-1/v/abc-r1/stream_720p_000000001.cmfv": True,
    "/a/film-1/v/abc-r1/poster.0000000.jpg": True,
    "/session/film-1": False,
    "/player/403.json": False,
    "/player/page.0123.js": False,
    "/": False,
}


@pytest.mark.parametrize(("path", "asks"), PRIVATE.items())
def test_films_ask_for_a_signature_and_the_way_in_does_not(
    resources: dict[str, Any], distribution: dict[str, Any], path: str, asks: bool
) -> None:
    row, _, _ = behaviour(resources, distribution, path)
    assert row.get("TrustedKeyGroups", []) == (["${SigningKeys}"] if asks else [])


def test_the_issuer_is_never_cached_and_its_cookies_reach_the_viewer(
    resources: dict[str, Any], distribution: dict[str, Any]
) -> None:
    (row,) = [each for each in distribution["CacheBehaviors"] if each["PathPattern"] == "/session/*"]
    assert row["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # AWS's CachingDisabled
    assert row["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # AllViewerExceptHostHeader
    headers = resources[row["ResponseHeadersPolicyId"][2:-1]]["Properties"]["ResponseHeadersPolicyConfig"]
    (lifetime,) = headers["CustomHeadersConfig"]["Items"]
    assert (lifetime["Header"], lifetime["Value"]) == ("Cache-Control", "no-store")


def test_nobody_but_this_distribution_calls_the_issuer(resources: dict[str, Any]) -> None:
    (url,) = of_type(resources, "AWS::Lambda::Url").values()
    assert url["AuthType"] == "AWS_IAM"
    granted = [
        plain(each)
        for each in of_type(resources, "AWS::Lambda::Permission").values()
        if "IssueFunction" in json.dumps(each["FunctionName"])
    ]
    assert {each["Action"] for each in granted} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    for each in granted:
        assert each["Principal"] == "cloudfront.amazonaws.com"
        assert each["SourceArn"].endswith(":distribution/${Distribution}")
    (direct,) = [each for each in granted if each["Action"] == "lambda:InvokeFunction"]
    assert direct["InvokedViaFunctionUrl"] is True


def test_every_origin_is_signed_for_by_the_right_control(
    resources: dict[str, Any], distribution: dict[str, Any]
) -> None:
    kinds = {}
    for origin in distribution["Origins"]:
        access = resources[origin["OriginAccessControlId"][2:-4]]["Properties"]["OriginAccessControlConfig"]
        assert access["SigningBehavior"] == "always"
        kinds[origin["Id"]] = ("CustomOriginConfig" in origin, access["OriginAccessControlOriginType"])
    assert sorted(kinds.values()) == [(False, "s3"), (False, "s3"), (True, "lambda")]


def test_the_issuer_reads_one_secret_and_may_do_nothing_else(resources: dict[str, Any]) -> None:
    granted = [each for each in statements_of(resources, "IssueFunctionRole") if "logs:" not in str(each["Action"])]
    (secret,) = [each for each in granted if "xray:" not in str(each["Action"])]
    assert secret["Action"] == "secretsmanager:GetSecretValue"
    assert secret["Resource"].endswith(":secret:vod/films-??????")


def test_the_issuer_is_told_what_it_reads(resources: dict[str, Any], keys: list[Path]) -> None:
    told = plain(resources["IssueFunction"]["Properties"]["Environment"]["Variables"])
    assert set(told) == set(IssueSettings("", "", "", "", "").as_env())
    assert (told["VOD_COOKIE_SECONDS"], told["VOD_SAME_SITE"]) == ("600", "None")
    assert told["VOD_BASE_URL"] == {"Fn::If": ["DeliveryUrlGiven", "${DeliveryUrl}", "https://*"]}
    prints = [signing.fingerprint(path.read_text()) for path in keys]
    assert told["VOD_TRUSTED_KEYS"] == ",".join(f"${{SigningKey{each[:12]}}}={each}" for each in prints)


def test_other_sites_play_with_cookies_where_they_are_named(
    resources: dict[str, Any], distribution: dict[str, Any]
) -> None:
    for path in ("/a/film-1/index.m3u8", "/session/film-1", "/player/403.json"):
        _, _, headers = behaviour(resources, distribution, path)
        cors = headers["CorsConfig"]
        assert cors["AccessControlAllowOrigins"]["Items"] == ["https://www.example.com"]
        assert cors["AccessControlAllowCredentials"] is True
        assert "*" not in cors["AccessControlAllowHeaders"]["Items"]


def test_who_may_not_see_a_film_is_told_so_in_a_page_that_players_may_read(distribution: dict[str, Any]) -> None:
    (rule,) = [each for each in distribution["CustomErrorResponses"] if each["ErrorCode"] == 403]
    assert (rule["ResponsePagePath"], rule["ResponseCode"]) == ("/player/403.json", 403)


def test_vod_sign_finds_what_it_needs_in_the_outputs(private: dict[str, Any]) -> None:
    assert private["Outputs"]["SigningSecret"]["Value"] == "vod/films"
    assert "SigningKey" in json.dumps(private["Outputs"]["TrustedKeys"]["Value"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file"),
        ("hello", "no public key"),
        ("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", "cannot be read"),
    ],
)
def test_a_file_that_is_no_public_key_stops_the_synthesis(
    template_with: Callable[..., dict[str, Any]], tmp_path: Path, content: str | None, reason: str
) -> None:
    path = tmp_path / "key.pub.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=f"signing_public_keys=.*{reason}"):
        template_with(playback="private", signing_public_keys=str(path), signing_secret="x")
