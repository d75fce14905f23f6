"""What viewers get: who may read what, for how long it is kept, and what browsers are told."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from pipeline.bundle import ROOT
from tests.stacks.reading import of_type, plain

YEAR = 365 * 24 * 3600


@pytest.fixture(scope="module")
def distribution(resources: dict[str, Any]) -> dict[str, Any]:
    return plain(resources["Distribution"]["Properties"]["DistributionConfig"])


def behaviour(resources: dict[str, Any], distribution: dict[str, Any], path: str) -> tuple[dict[str, Any], ...]:
    """(behaviour, cache policy, response headers policy) of a path, as CloudFront picks them."""
    rows = [*distribution["CacheBehaviors"], {**distribution["DefaultCacheBehavior"], "PathPattern": "*"}]
    row = next(row for row in rows if fnmatchcase(path, row["PathPattern"]))
    own = resources.get(row["CachePolicyId"][2:-1], {"Properties": {"CachePolicyConfig": {}}})  # else one of AWS's
    cache = own["Properties"]["CachePolicyConfig"]
    headers = resources[row["ResponseHeadersPolicyId"][2:-1]]["Properties"]["ResponseHeadersPolicyConfig"]
    return row, cache, headers


PATHS = {
    # path: (edge seconds, browser's Cache-Control or None for the object's own, compressed, cross-origin)
    "/a/film-1/v/abc-r1/stream_720p_000000001.cmfv": (YEAR, None, False, True),
    "/a/film-1/v/abc-r1/stream_audioinit.cmfa": (YEAR, None, False, True),
    "/a/film-1/v/abc-r1/stream.m3u8": (YEAR, None, True, True),
    "/a/film-1/v/abc-r1/poster.0000000.jpg": (YEAR, None, True, True),
    "/a/film-1/index.m3u8": (2, "public, max-age=2", True, True),
    "/a/film-1/asset.json": (2, "public, max-age=2", True, True),
    "/player/page.0123456789ab.js": (YEAR, None, True, True),
    "/": (60, "public, max-age=60", True, False),
    "/index.html": (60, "public, max-age=60", True, False),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.items())
def test_lifetimes(resources: dict[str, Any], distribution: dict[str, Any], path: str, expected: tuple) -> None:
    row, cache, headers = behaviour(resources, distribution, path)
    custom = {item["Header"]: item["Value"] for item in headers.get("CustomHeadersConfig", {}).get("Items", [])}
    assert (cache["DefaultTTL"], custom.get("Cache-Control"), row["Compress"], "CorsConfig" in headers) == expected
    assert (cache["MinTTL"], cache["MaxTTL"]) == (0, cache["DefaultTTL"])


def test_a_segment_has_one_copy_in_the_cache_whatever_its_viewer_accepts(
    resources: dict[str, Any], distribution: dict[str, Any]
) -> None:
    _, cache, _ = behaviour(resources, distribution, "/a/film-1/v/abc-r1/stream_720p_000000001.cmfv")
    key = cache["ParametersInCacheKeyAndForwardedToOrigin"]
    assert (key["EnableAcceptEncodingGzip"], key["EnableAcceptEncodingBrotli"]) == (False, False)
    assert key["HeadersConfig"] == {"HeaderBehavior": "none"}


def test_no_cache_key_has_cookies_or_queries(resources: dict[str, Any]) -> None:
    for each in of_type(resources, "AWS::CloudFront::CachePolicy").values():
        key = each["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
        assert key["CookiesConfig"] == {"CookieBehavior": "none"}
        assert key["QueryStringsConfig"] == {"QueryStringBehavior": "none"}


def test_every_behaviour_reads_only_and_prefers_https(distribution: dict[str, Any]) -> None:
    for row in [*distribution["CacheBehaviors"], distribution["DefaultCacheBehavior"]]:
        assert row["AllowedMethods"] == ["GET", "HEAD", "OPTIONS"]
        assert row["CachedMethods"] == ["GET", "HEAD"]
        assert row["ViewerProtocolPolicy"] == "redirect-to-https"


def test_the_distribution_speaks_http3_and_ipv6(distribution: dict[str, Any]) -> None:
    assert (distribution["HttpVersion"], distribution["IPV6Enabled"]) == ("http2and3", True)
    assert distribution["DefaultRootObject"] == "index.html"


def test_an_error_is_forgotten_within_a_second_or_two(distribution: dict[str, Any]) -> None:
    errors = {each["ErrorCode"]: each["ErrorCachingMinTTL"] for each in distribution["CustomErrorResponses"]}
    assert {403, 404, 500, 502, 503, 504} <= set(errors)
    assert max(errors.values()) <= 2
    assert not [each for each in distribution["CustomErrorResponses"] if "ResponsePagePath" in each]


def test_only_this_distribution_reads_and_only_what_is_served(resources: dict[str, Any]) -> None:
    (policy,) = [p for p in of_type(resources, "AWS::S3::BucketPolicy").values() if plain(p["Bucket"]) == "${Outputs}"]
    allowed = [plain(each) for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    for each in allowed:
        assert each["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert each["Condition"]["StringEquals"]["AWS:SourceArn"].endswith(":distribution/${Distribution}")
    assert {each["Action"]: each["Resource"] for each in allowed} == {
        "s3:GetObject": ["${Outputs.Arn}/a/*", "${Outputs.Arn}/site/*"],
        "s3:ListBucket": "${Outputs.Arn}",
    }


def test_every_origin_is_signed_for(resources: dict[str, Any], distribution: dict[str, Any]) -> None:
    assert len(distribution["Origins"]) == 2
    for origin in distribution["Origins"]:
        assert origin["DomainName"] == "${Outputs.RegionalDomainName}"
        assert origin["S3OriginConfig"] == {"OriginAccessIdentity": ""}
        access = resources[origin["OriginAccessControlId"][2:-4]]["Properties"]["OriginAccessControlConfig"]
        assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")


def test_whoever_asks_for_the_page_cannot_reach_a_film(distribution: dict[str, Any]) -> None:
    """However a path is written: what is no film's behaviour reads below site/ only."""
    paths = {origin["Id"]: origin.get("OriginPath") for origin in distribution["Origins"]}
    films = [row for row in distribution["CacheBehaviors"] if row["PathPattern"].startswith("/a/")]
    others = [row for row in distribution["CacheBehaviors"] if row not in films]
    assert {paths[row["TargetOriginId"]] for row in films} == {None}
    assert {paths[row["TargetOriginId"]] for row in [*others, distribution["DefaultCacheBehavior"]]} == {"/site"}


def test_viewers_are_logged_without_their_cookies(resources: dict[str, Any], distribution: dict[str, Any]) -> None:
    assert distribution["Logging"] == {
        "Bucket": "${ViewerLogs.RegionalDomainName}",
        "IncludeCookies": False,
        "Prefix": "viewers/",
    }
    bucket = resources["ViewerLogs"]["Properties"]
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerPreferred"}]  # CloudFront's ACL
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 90


def test_every_answer_carries_security_headers(resources: dict[str, Any]) -> None:
    for each in of_type(resources, "AWS::CloudFront::ResponseHeadersPolicy").values():
        security = each["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
        assert security["ContentTypeOptions"] == {"Override": True}
        assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == YEAR


def test_the_page_has_the_policy_that_lies_beside_it(resources: dict[str, Any], distribution: dict[str, Any]) -> None:
    _, _, headers = behaviour(resources, distribution, "/")
    policy = headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert policy == " ".join((ROOT / "player" / "csp.txt").read_text(encoding="utf-8").split())
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_any_site_may_play_a_film(resources: dict[str, Any], distribution: dict[str, Any]) -> None:
    _, _, headers = behaviour(resources, distribution, "/a/film-1/index.m3u8")
    cors = headers["CorsConfig"]
    assert cors["AccessControlAllowOrigins"]["Items"] == ["*"]
    assert cors["AccessControlAllowCredentials"] is False
    assert "Content-Range" in cors["AccessControlExposeHeaders"]["Items"]


def test_a_preflight_finds_an_answer_in_the_bucket(resources: dict[str, Any], distribution: dict[str, Any]) -> None:
    row, _, _ = behaviour(resources, distribution, "/a/film-1/index.m3u8")
    assert row["OriginRequestPolicyId"] == "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"  # AWS's Managed-CORS-S3Origin
    (rule,) = resources["Outputs"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert (rule["AllowedMethods"], rule["AllowedOrigins"]) == (["GET", "HEAD"], ["*"])


def test_the_page_is_copied_again_when_it_changes(resources: dict[str, Any], assembly: Any) -> None:
    page = plain(resources["PlayerPage"]["Properties"])
    assert page["ServiceToken"] == "${SiteFunction.Arn}"
    assert page["OutputsBucket"] == "${Outputs}"
    assert page["ArchiveKey"] in {asset.object_key for asset in assembly.assets}
    assert int(page["ServiceTimeout"]) > resources["SiteFunction"]["Properties"]["Timeout"]


CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/6a7f-1"
ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/films/1a-2b"
Resources = Callable[..., dict[str, Any]]


def config_of(resources: dict[str, Any]) -> dict[str, Any]:
    return plain(resources["Distribution"]["Properties"]["DistributionConfig"])


def test_without_options_the_world_is_served_under_cloudfronts_name(distribution: dict[str, Any]) -> None:
    assert distribution["PriceClass"] == "PriceClass_All"
    assert not {"Aliases", "ViewerCertificate", "Restrictions", "WebACLId"} & distribution.keys()


def test_own_names_come_with_their_certificate_and_todays_tls(template_with: Resources) -> None:
    names = "films.example.com,cdn.example.com"
    template = template_with(domain_names=names, certificate_arn=CERTIFICATE)
    config = config_of(template["Resources"])
    assert config["Aliases"] == names.split(",")
    assert config["ViewerCertificate"] == {
        "AcmCertificateArn": CERTIFICATE,
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    url = {"Fn::If": ["DeliveryUrlGiven", "${DeliveryUrl}", "https://films.example.com"]}
    assert plain(template["Outputs"]["DeliveryUrl"]["Value"]) == url


@pytest.mark.parametrize(
    ("options", "restriction"),
    [
        ({"geo_allow": "CH,DE"}, {"RestrictionType": "whitelist", "Locations": ["CH", "DE"]}),
        ({"geo_deny": "AQ"}, {"RestrictionType": "blacklist", "Locations": ["AQ"]}),
    ],
)
def test_countries_are_let_in_or_kept_out(
    resources_with: Resources, options: dict[str, str], restriction: dict[str, Any]
) -> None:
    assert config_of(resources_with(**options))["Restrictions"] == {"GeoRestriction": restriction}


def test_a_web_acl_and_a_price_class_are_the_owners(resources_with: Resources) -> None:
    config = config_of(resources_with(web_acl_arn=ACL, price_class="100"))
    assert (config["WebACLId"], config["PriceClass"]) == (ACL, "PriceClass_100")


def test_only_the_sites_named_may_play_films(resources_with: Resources) -> None:
    resources = resources_with(cors_origins="https://a.example,https://b.example")
    _, _, headers = behaviour(resources, config_of(resources), "/a/film-1/index.m3u8")
    assert headers["CorsConfig"]["AccessControlAllowOrigins"]["Items"] == ["https://a.example", "https://b.example"]
    (rule,) = resources["Outputs"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == ["https://a.example", "https://b.example"]


def test_the_owners_pages_may_show_the_player_in_a_frame(resources_with: Resources) -> None:
    resources = resources_with(embedding_sites="https://www.example.com")
    _, _, headers = behaviour(resources, config_of(resources), "/")
    policy = headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert policy.endswith("frame-ancestors 'self' https://www.example.com")
