"""How viewers get films: the outputs bucket, and a CloudFront distribution that alone may read it.

MediaConvert cannot set Cache-Control, so lifetimes are said here, twice: a cache policy rules CloudFront's own copy,
a response headers policy the browser's. Not for what never changes: CloudFront adds a policy's headers to the errors
it forwards too, and a browser would keep one failed segment for a year. There the objects speak for themselves: what
we write says "immutable", and for MediaConvert's segments a browser asks again with their ETag.

Bucket, bucket policy and distribution name each other and must stay in one stack. CloudFront may list the bucket, so
that a missing object is 404 and 403 means "not allowed".

What is served: a/<asset>/v/... (immutable), a/<asset>/... (pointers, seconds), and the page, out of site/:
player/... (immutable, content-hashed names) and index.html. The work folder w/ is in the bucket too and is served to
nobody. The page has an origin of its own, whose path is site/: however its behaviour is asked (/%61/<asset>/...), it
cannot reach a film, which may be private.

Where playback is private, films ask for signed cookies or a signed URL, and /session/<asset> hands cookies out
(private.py). Then a 403 is a page with CORS headers of its own: whether CloudFront adds a response headers policy to
the errors that it makes itself is not documented, and without these headers a player cannot tell its viewer why.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from aws_cdk import Aws, CfnCondition, CfnParameter, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pipeline.bundle import ROOT
from pipeline.media import keys
from pipeline.stacks.configuration import Configuration
from pipeline.stacks.functions import Functions
from pipeline.stacks.naming import named, resource
from pipeline.stacks.private import SESSION, PrivatePlayback
from pipeline.stacks.storage import FilmBucket, private_bucket

YEAR = Duration.days(365)
POINTER_SECONDS = 2
PAGE_SECONDS = 60
#: A viewer who asks a moment too early must not be told "missing" for long; CloudFront's own default is 10 seconds.
ERROR_SECONDS = 1
ERRORS = (403, 404, 416, 500, 502, 503, 504)

PLAYER = "player/"
PAGE = "index.html"
#: What a player is told where cookies are missing or have expired.
FORBIDDEN = f"{PLAYER}403.json"

#: What the page may do is decided beside the page, and enforced from here.
CONTENT_SECURITY_POLICY = ROOT / "player" / "csp.txt"


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """One row of CloudFront's table: the first pattern that fits a path wins."""

    pattern: str
    cache: str
    headers: str
    cross_origin: bool = True
    origin: str = "films"


#: Segments are a row of their own: they never compress, and with Accept-Encoding in the cache key CloudFront would
#: keep one copy for players that send it and another for those that do not.
BEHAVIOURS = (
    Behaviour(f"/{keys.ASSETS}*/v/*.cmf?", cache="Segments", headers="Versions"),
    Behaviour(f"/{keys.ASSETS}*/v/*", cache="Versions", headers="Versions"),
    Behaviour(f"/{keys.ASSETS}*", cache="Pointers", headers="Pointers"),
    Behaviour(f"/{PLAYER}*", cache="Versions", headers="Versions", cross_origin=False, origin="page"),
)
DEFAULT_BEHAVIOUR = Behaviour("*", cache="Page", headers="Page", cross_origin=False, origin="page")
#: Before those above, where playback is private.
PRIVATE_BEHAVIOURS = (
    Behaviour(f"/{SESSION}*", cache="Nothing", headers="Session", origin="issuer"),
    Behaviour(f"/{FORBIDDEN}", cache="Page", headers="Pointers", origin="page"),
)
PRICE_CLASSES = {
    "100": cloudfront.PriceClass.PRICE_CLASS_100,
    "200": cloudfront.PriceClass.PRICE_CLASS_200,
    "all": cloudfront.PriceClass.PRICE_CLASS_ALL,
}
#: What a page of another site may send; not "*", which browsers do not take where cookies are sent.
ASKED_HEADERS = ["Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Range", "X-Vod-Token"]


class Delivery(Construct):
    """`distribution`; `url`: the public base URL, without a slash at its end."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        configuration: Configuration,
        outputs: FilmBucket,
        functions: Functions,
    ) -> None:
        super().__init__(scope, construct_id)
        self._configuration = configuration
        given_url = _given_url(self, configuration)
        #: None where playback is public.
        self.private = (
            PrivatePlayback(self, "Private", configuration, given_url("https://*"), functions)
            if configuration.private
            else None
        )
        self._caches = _cache_policies(self)
        self._headers = _headers_policies(self, configuration)
        self._origins: dict[str, cloudfront.IOrigin] = {
            "films": origins.S3BucketOrigin.with_bucket_defaults(outputs.bucket),
            "page": origins.S3BucketOrigin.with_bucket_defaults(outputs.bucket, origin_path=f"/{keys.SITE[:-1]}"),
        }
        if self.private:
            self._origins["issuer"] = self.private.origin
        self.distribution = self._distribution()
        _let_cloudfront_read(outputs, self.distribution)
        if self.private:
            self.private.let_cloudfront_call(self.distribution)
        self.url = given_url(f"https://{self.distribution.distribution_domain_name}")

    def _distribution(self) -> cloudfront.Distribution:
        c = self._configuration
        rows = (*PRIVATE_BEHAVIOURS, *BEHAVIOURS) if c.private else BEHAVIOURS
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{Aws.STACK_NAME}: films and the player page",
            default_root_object=PAGE,
            default_behavior=self._behaviour(DEFAULT_BEHAVIOUR),
            additional_behaviors={row.pattern: self._behaviour(row) for row in rows},
            error_responses=[self._error(status) for status in ERRORS],
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            enable_ipv6=True,
            price_class=PRICE_CLASSES[c.price_class],
            domain_names=list(c.domain_names) or None,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", c.certificate_arn)
            if c.certificate_arn
            else None,
            # Only with a certificate of one's own: *.cloudfront.net has CloudFront's own floor.
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if c.certificate_arn else None,
            geo_restriction=_geo_restriction(c),
            web_acl_id=c.web_acl_arn or None,
            enable_logging=True,
            log_bucket=_logs(self, c),
            log_file_prefix="viewers/",
            log_includes_cookies=False,
        )
        self._sign_for_origins(distribution)
        return named(distribution, "Distribution")

    def _error(self, status: int) -> cloudfront.ErrorResponse:
        page = {"response_page_path": f"/{FORBIDDEN}", "response_http_status": 403}
        mine = page if self._configuration.private and status == 403 else {}
        return cloudfront.ErrorResponse(http_status=status, ttl=Duration.seconds(ERROR_SECONDS), **mine)

    def _sign_for_origins(self, distribution: cloudfront.Distribution) -> None:
        access = cloudfront.S3OriginAccessControl(
            self,
            "OriginAccess",
            # At most 64 characters: the last part of the stack's own id is as unique as its name and region.
            origin_access_control_name=f"vod-{Fn.select(4, Fn.split('-', Aws.STACK_ID))}",
            signing=cloudfront.Signing.SIGV4_ALWAYS,
        )
        # CDK's own origin access control also writes the bucket policy, and opens all of the bucket with it.
        ids = {"films": access.origin_access_control_id, "page": access.origin_access_control_id}
        if self.private:
            ids["issuer"] = self.private.access.origin_access_control_id
        for index, name in enumerate(self._in_order_of_use()):
            path = f"DistributionConfig.Origins.{index}.OriginAccessControlId"
            resource(distribution).add_property_override(path, ids[name])

    def _in_order_of_use(self) -> list[str]:
        """CDK numbers origins as it meets them: the default behaviour's first."""
        rows = (*PRIVATE_BEHAVIOURS, *BEHAVIOURS) if self.private else BEHAVIOURS
        return list(dict.fromkeys(row.origin for row in (DEFAULT_BEHAVIOUR, *rows)))

    def _behaviour(self, row: Behaviour) -> cloudfront.BehaviorOptions:
        to_issuer = row.origin == "issuer"
        signed = bool(self.private) and row.pattern.startswith(f"/{keys.ASSETS}")
        return cloudfront.BehaviorOptions(
            origin=self._origins[row.origin],
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS,
            cached_methods=cloudfront.CachedMethods.CACHE_GET_HEAD,
            cache_policy=self._caches[row.cache],
            response_headers_policy=self._headers[row.headers],
            # A preflight (OPTIONS) is answered by S3, which needs these headers for it. They are not in the cache key.
            # The issuer gets cookies as well: without them CloudFront would also keep its Set-Cookie to itself.
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER
            if to_issuer
            else cloudfront.OriginRequestPolicy.CORS_S3_ORIGIN
            if row.cross_origin
            else None,
            trusted_key_groups=[self.private.keys] if signed and self.private else None,
            # CloudFront compresses text types only (playlists, MPD, VTT, JSON, scripts), never segments or pictures.
            compress=row.cache not in ("Segments", "Nothing"),
        )


def _cache_policies(scope: Construct) -> dict[str, cloudfront.ICachePolicy]:
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
        "Nothing": cloudfront.CachePolicy.CACHING_DISABLED,
    }


def _headers_policies(scope: Construct, c: Configuration) -> dict[str, cloudfront.ResponseHeadersPolicy]:
    """What browsers are told: how long to keep it, who may read it, and what the page may do."""

    def policy(
        name: str, cache_control: str | None, csp: str | None = None, *, cross_origin: bool = True
    ) -> cloudfront.ResponseHeadersPolicy:
        lifetime = cloudfront.ResponseCustomHeader(header="Cache-Control", value=cache_control or "", override=True)
        return cloudfront.ResponseHeadersPolicy(
            scope,
            f"{name}Headers",
            response_headers_policy_name=_global_name(name),
            comment=f"Cache-Control: {cache_control or 'as the object says'}",
            cors_behavior=_cors(c) if cross_origin else None,
            security_headers_behavior=_security(csp),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(custom_headers=[lifetime])
            if cache_control
            else None,
        )

    keep = "private" if c.private else "public"
    found = {
        "Versions": policy("Versions", None),
        "Pointers": policy("Pointers", f"{keep}, max-age={POINTER_SECONDS}"),
        "Page": policy("Page", f"public, max-age={PAGE_SECONDS}", _content_security_policy(c), cross_origin=False),
    }
    if c.private:
        found["Session"] = policy("Session", "no-store")
    return found


def _global_name(name: str) -> str:
    """CloudFront's policies have one namespace an account: two environments, or two regions, must not meet in it."""
    return f"{Aws.STACK_NAME}-{Aws.REGION}-{name}"


def _cors(c: Configuration) -> cloudfront.ResponseHeadersCorsBehavior | None:
    """Which other sites' pages may play films; they send cookies where playback is private."""
    if not c.allowed_origins:
        return None
    return cloudfront.ResponseHeadersCorsBehavior(
        access_control_allow_origins=list(c.allowed_origins),
        access_control_allow_methods=["GET", "HEAD", "OPTIONS"],
        access_control_allow_headers=ASKED_HEADERS if c.private else ["*"],
        access_control_expose_headers=["Content-Length", "Content-Range", "Date", "ETag", "X-Cache"],
        access_control_allow_credentials=c.private,
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


def _content_security_policy(c: Configuration) -> str:
    """The policy on one line, as a header has it. Its last words say who may show the page in a frame."""
    text = " ".join(CONTENT_SECURITY_POLICY.read_text(encoding="utf-8").split())
    if not text.endswith("frame-ancestors 'self'"):
        raise ValueError(f"{CONTENT_SECURITY_POLICY} must end with: frame-ancestors 'self'")
    return " ".join([text, *c.embedding_sites])


def _geo_restriction(c: Configuration) -> cloudfront.GeoRestriction | None:
    if c.geo_allow:
        return cloudfront.GeoRestriction.allowlist(*c.geo_allow)
    return cloudfront.GeoRestriction.denylist(*c.geo_deny) if c.geo_deny else None


def _logs(scope: Construct, c: Configuration) -> s3.Bucket:
    """CloudFront's access logs, in the way that works in every region: written with an ACL, into a bucket of their own.

    The newer way (standard logging v2) has to be set up in us-east-1, where this stack need not be. Without cookies:
    they are keys to films.
    """
    removal = RemovalPolicy.DESTROY if c.remove_data else RemovalPolicy.RETAIN
    bucket = private_bucket(scope, "ViewerLogs", removal, None)
    resource(bucket).add_property_override("OwnershipControls.Rules.0.ObjectOwnership", "BucketOwnerPreferred")
    bucket.add_lifecycle_rule(id="ExpireLogs", expiration=Duration.days(c.log_days))
    return bucket


def _let_cloudfront_read(outputs: FilmBucket, distribution: cloudfront.Distribution) -> None:
    def cloudfront_may(action: str, resources: list[str]) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
            actions=[action],
            resources=resources,
            conditions={"StringEquals": {"AWS:SourceArn": distribution.distribution_arn}},
        )

    served = [outputs.bucket.arn_for_objects(f"{prefix}*") for prefix in (keys.ASSETS, keys.SITE)]
    outputs.allow(cloudfront_may("s3:GetObject", served))
    outputs.allow(cloudfront_may("s3:ListBucket", [outputs.bucket.bucket_arn]))


def _given_url(scope: Construct, c: Configuration) -> Callable[[str], str]:
    """The base of every playback URL: the parameter DeliveryUrl, else the first domain name, else what is handed in."""
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

    def url(otherwise: str) -> str:
        own = f"https://{c.domain_names[0]}" if c.domain_names else otherwise
        return Fn.condition_if(given.logical_id, parameter.value_as_string, own).to_string()

    return url
