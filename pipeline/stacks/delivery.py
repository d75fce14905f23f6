"""How viewers get films: the outputs bucket, and a CloudFront distribution that alone may read it.

MediaConvert cannot set Cache-Control, so lifetimes are said here, twice: a cache policy rules CloudFront's own copy,
a response headers policy the browser's. Not for what never changes: CloudFront adds a policy's headers to the errors
it forwards too, and a browser would keep one failed segment for a year. There the objects speak for themselves: what
we write says "immutable", and for MediaConvert's segments a browser asks again with their ETag.

Bucket, bucket policy and distribution name each other and must stay in one stack. CloudFront may list the bucket, so
that a missing object is 404 and 403 means "not allowed".

What is served: a/<asset>/v/... (immutable), a/<asset>/... (pointers, seconds), player/... (immutable, content-hashed
names) and index.html. The work folder w/ is in the bucket too and is served to nobody.
"""

from __future__ import annotations

import dataclasses

from aws_cdk import Aws, CfnCondition, CfnParameter, Duration, Fn, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from constructs import Construct

from pipeline.bundle import ROOT
from pipeline.media import keys
from pipeline.stacks.configuration import Configuration
from pipeline.stacks.naming import named, resource
from pipeline.stacks.storage import FilmBucket

YEAR = Duration.days(365)
POINTER_SECONDS = 2
PAGE_SECONDS = 60
#: A viewer who asks a moment too early must not be told "missing" for long; CloudFront's own default is 10 seconds.
ERROR_SECONDS = 1
ERRORS = (403, 404, 416, 500, 502, 503, 504)

PLAYER = "player/"
PAGE = "index.html"

#: What the page may do is decided beside the page, and enforced from here.
CONTENT_SECURITY_POLICY = ROOT / "player" / "csp.txt"


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """One row of CloudFront's table: the first pattern that fits a path wins."""

    pattern: str
    cache: str
    headers: str
    cross_origin: bool = True


#: Segments are a row of their own: they never compress, and with Accept-Encoding in the cache key CloudFront would
#: keep one copy for players that send it and another for those that do not.
BEHAVIOURS = (
    Behaviour(f"/{keys.ASSETS}*/v/*.cmf?", cache="Segments", headers="Versions"),
    Behaviour(f"/{keys.ASSETS}*/v/*", cache="Versions", headers="Versions"),
    Behaviour(f"/{keys.ASSETS}*", cache="Pointers", headers="Pointers"),
    Behaviour(f"/{PLAYER}*", cache="Versions", headers="Versions", cross_origin=False),
)
DEFAULT_BEHAVIOUR = Behaviour("*", cache="Page", headers="Page", cross_origin=False)


_PRICE_CLASSES = {
    "100": cloudfront.PriceClass.PRICE_CLASS_100,
    "200": cloudfront.PriceClass.PRICE_CLASS_200,
    "all": cloudfront.PriceClass.PRICE_CLASS_ALL,
}


class Delivery(Construct):
    """`distribution`; `url`: the public base URL, without a slash at its end."""

    def __init__(self, scope: Construct, construct_id: str, configuration: Configuration, outputs: FilmBucket) -> None:
        super().__init__(scope, construct_id)
        self._configuration = configuration
        self._caches = _cache_policies(self)
        self._headers = _headers_policies(self, configuration.allowed_origins)
        self._origin = origins.S3BucketOrigin.with_bucket_defaults(outputs.bucket)
        self.distribution = self._distribution()
        _let_cloudfront_read(outputs, self.distribution)
        self.url = _url(self, self.distribution, configuration.domain_names)

    def _distribution(self) -> cloudfront.Distribution:
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{Aws.STACK_NAME}: films and the player page",
            default_root_object=PAGE,
            default_behavior=self._behaviour(DEFAULT_BEHAVIOUR),
            additional_behaviors={row.pattern: self._behaviour(row) for row in BEHAVIOURS},
            error_responses=[
                cloudfront.ErrorResponse(http_status=status, ttl=Duration.seconds(ERROR_SECONDS)) for status in ERRORS
            ],
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            enable_ipv6=True,
            price_class=_PRICE_CLASSES[self._configuration.price_class],
            geo_restriction=_geo_restriction(self._configuration),
            web_acl_id=self._configuration.web_acl_arn or None,
            **self._own_names(),
        )
        access = cloudfront.S3OriginAccessControl(
            self,
            "OriginAccess",
            # At most 64 characters: the last part of the stack's own id is as unique as its name and region.
            origin_access_control_name=f"vod-{Fn.select(4, Fn.split('-', Aws.STACK_ID))}",
            signing=cloudfront.Signing.SIGV4_ALWAYS,
        )
        # CDK's own origin access control also writes the bucket policy, and opens all of the bucket with it.
        resource(distribution).add_property_override(
            "DistributionConfig.Origins.0.OriginAccessControlId", access.origin_access_control_id
        )
        return named(distribution, "Distribution")

    def _own_names(self) -> dict[str, object]:
        """The owner's host names, their certificate and the floor of TLS: under its own name CloudFront sets that."""
        if not self._configuration.domain_names:
            return {}
        return {
            "domain_names": list(self._configuration.domain_names),
            "certificate": acm.Certificate.from_certificate_arn(
                self, "Certificate", self._configuration.certificate_arn
            ),
            "minimum_protocol_version": cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
        }

    def _behaviour(self, row: Behaviour) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=self._origin,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS,
            cached_methods=cloudfront.CachedMethods.CACHE_GET_HEAD,
            cache_policy=self._caches[row.cache],
            response_headers_policy=self._headers[row.headers],
            # A preflight (OPTIONS) is answered by S3, which needs these headers for it. They are not in the cache key.
            origin_request_policy=cloudfront.OriginRequestPolicy.CORS_S3_ORIGIN if row.cross_origin else None,
            # CloudFront compresses text types only (playlists, MPD, VTT, JSON, scripts), never segments or pictures.
            compress=row.cache != "Segments",
        )


def _geo_restriction(configuration: Configuration) -> cloudfront.GeoRestriction | None:
    if configuration.geo_allow:
        return cloudfront.GeoRestriction.allowlist(*configuration.geo_allow)
    return cloudfront.GeoRestriction.denylist(*configuration.geo_deny) if configuration.geo_deny else None


def _cache_policies(scope: Construct) -> dict[str, cloudfront.CachePolicy]:
    """How long CloudFront keeps its copy when the object says nothing, and at most."""

    def policy(name: str, keep: Duration, comment: str, *, compress: bool) -> cloudfront.CachePolicy:
        return cloudfront.CachePolicy(
            scope,
            f"{name}Cache",
            cache_policy_name=_global_name(name),
            comment=comment,
            min_ttl=Duration.seconds(0),
            default_ttl=keep,
            max_ttl=keep,
            enable_accept_encoding_gzip=compress,
            enable_accept_encoding_brotli=compress,
        )

    return {
        "Segments": policy("Segments", YEAR, "Film segments: never change, never compress", compress=False),
        "Versions": policy("Versions", YEAR, "What never changes under its URL", compress=True),
        "Pointers": policy(
            "Pointers", Duration.seconds(POINTER_SECONDS), "What a new version of a film replaces", compress=True
        ),
        "Page": policy("Page", Duration.seconds(PAGE_SECONDS), "The player page", compress=True),
    }


def _headers_policies(scope: Construct, origins: tuple[str, ...]) -> dict[str, cloudfront.ResponseHeadersPolicy]:
    """What browsers are told: how long to keep it, who may read it, and what the page may do."""

    def policy(name: str, cache_control: str | None, csp: str | None = None) -> cloudfront.ResponseHeadersPolicy:
        lifetime = cloudfront.ResponseCustomHeader(header="Cache-Control", value=cache_control or "", override=True)
        return cloudfront.ResponseHeadersPolicy(
            scope,
            f"{name}Headers",
            response_headers_policy_name=_global_name(name),
            comment=f"Cache-Control: {cache_control or 'as the object says'}",
            cors_behavior=_cors(origins) if origins and not csp else None,
            security_headers_behavior=_security(csp),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(custom_headers=[lifetime])
            if cache_control
            else None,
        )

    return {
        "Versions": policy("Versions", None),
        "Pointers": policy("Pointers", f"public, max-age={POINTER_SECONDS}"),
        "Page": policy("Page", f"public, max-age={PAGE_SECONDS}", csp=_content_security_policy()),
    }


def _global_name(name: str) -> str:
    """CloudFront's policies have one namespace an account: two environments, or two regions, must not meet in it."""
    return f"{Aws.STACK_NAME}-{Aws.REGION}-{name}"


def _cors(origins: tuple[str, ...]) -> cloudfront.ResponseHeadersCorsBehavior:
    """Sites whose pages may play films with a player of their own."""
    return cloudfront.ResponseHeadersCorsBehavior(
        access_control_allow_origins=list(origins),
        access_control_allow_methods=["GET", "HEAD", "OPTIONS"],
        access_control_allow_headers=["*"],
        access_control_expose_headers=["Content-Length", "Content-Range", "Date", "ETag", "X-Cache"],
        access_control_allow_credentials=False,
        access_control_max_age=Duration.days(1),
        origin_override=True,
    )


def _security(csp: str | None) -> cloudfront.ResponseSecurityHeadersBehavior:
    return cloudfront.ResponseSecurityHeadersBehavior(
        strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
            access_control_max_age=YEAR, include_subdomains=False, override=True
        ),
        content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
        referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
            referrer_policy=cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN, override=True
        ),
        content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
            content_security_policy=csp, override=True
        )
        if csp
        else None,
    )


def _content_security_policy() -> str:
    """The policy on one line, as a header has it."""
    return " ".join(CONTENT_SECURITY_POLICY.read_text(encoding="utf-8").split())


def _let_cloudfront_read(outputs: FilmBucket, distribution: cloudfront.Distribution) -> None:
    def cloudfront_may(action: str, resources: list[str]) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
            actions=[action],
            resources=resources,
            conditions={"StringEquals": {"AWS:SourceArn": distribution.distribution_arn}},
        )

    served = [outputs.bucket.arn_for_objects(pattern) for pattern in (f"{keys.ASSETS}*", f"{PLAYER}*", PAGE)]
    outputs.allow(cloudfront_may("s3:GetObject", served))
    outputs.allow(cloudfront_may("s3:ListBucket", [outputs.bucket.bucket_arn]))


def _url(scope: Construct, distribution: cloudfront.Distribution, names: tuple[str, ...]) -> str:
    """The base of every playback URL: the parameter DeliveryUrl, else the owner's name for it, else CloudFront's."""
    parameter = CfnParameter(
        Stack.of(scope),
        "DeliveryUrl",
        default="",
        allowed_pattern=r"^(https?://[^/\s]+)?$",
        constraint_description="must be empty, or a base URL like https://films.example.com without a slash at its end",
        description="Base of playback URLs, e.g. https://films.example.com. Empty: the distribution's own domain name.",
    )
    given = CfnCondition(
        Stack.of(scope),
        "DeliveryUrlGiven",
        expression=Fn.condition_not(Fn.condition_equals(parameter.value_as_string, "")),
    )
    own = f"https://{names[0] if names else distribution.distribution_domain_name}"
    return Fn.condition_if(given.logical_id, parameter.value_as_string, own).to_string()
