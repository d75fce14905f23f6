"""Read the distribution: a synthesised CloudFormation template in, frozen values out.

Comes in: the template as a dictionary, and the physical id of each logical id (to learn the bucket's name). Goes out:
a `Distribution` whose behaviours hold everything a request needs to know. Goes wrong: `DistributionNotHonoured`, with
the path of the setting in the template. The edge refuses to start on a setting that it does not honour; a stand-in
that quietly ignores a signed cookie or an edge function would pass tests that the real CloudFront fails.

Two settings are read and not enforced, because a laptop cannot tell where a viewer is nor who attacks: geographic
restrictions and a web ACL. `Distribution.not_enforced` names them, for whoever starts the edge to say so.

Settings that only mean something on the Internet (TLS certificate, price class, HTTP version, access logs to S3,
viewer protocol policy) are accepted: the edge stands where TLS has already been ended, on a loopback address that
browsers treat as a secure context, so that "redirect-to-https" has nothing left to redirect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from . import managed, signed
from .bucket import BucketAccess, CorsRule, read_bucket_access, read_cors_rules, read_foreign_access, read_foreign_cors
from .function import FunctionOrigin, read_function_origin


class DistributionNotHonoured(Exception):
    """The template asks CloudFront for something this edge cannot do; the message holds the setting's path."""


@dataclass(frozen=True)
class NameSelection:
    """Which headers, cookies or query strings count: `none`, `whitelist`, `allExcept` or `all`."""

    mode: str = "none"
    names: frozenset[str] = frozenset()

    def selects(self, name: str) -> bool:
        if self.mode == "whitelist":
            return name in self.names
        if self.mode == "allExcept":
            return name not in self.names
        return self.mode == "all"


@dataclass(frozen=True)
class Forwarded:
    """What of a request reaches the origin besides what the cache key holds."""

    headers: NameSelection = NameSelection()
    cookies: NameSelection = NameSelection()
    query_strings: NameSelection = NameSelection()


@dataclass(frozen=True)
class CachePolicy:
    min_ttl: int
    default_ttl: int
    max_ttl: int
    gzip: bool = False
    headers: NameSelection = NameSelection()
    cookies: NameSelection = NameSelection()
    query_strings: NameSelection = NameSelection()


@dataclass(frozen=True)
class CorsPolicy:
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    expose: tuple[str, ...]
    max_age: int | None
    credentials: bool
    override: bool


@dataclass(frozen=True)
class HeaderRule:
    """One header that the policy sets; without `override` the origin's own value stays."""

    name: str
    value: str
    override: bool


@dataclass(frozen=True)
class ResponseHeadersPolicy:
    cors: CorsPolicy | None = None
    rules: tuple[HeaderRule, ...] = ()
    removed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Origin:
    """A bucket that only CloudFront may read, and what its policy lets CloudFront read."""

    id: str
    bucket: str
    path: str
    access: BucketAccess
    cors_rules: tuple[CorsRule, ...] = ()

    def may_read(self, key: str) -> bool:
        """Whether the bucket's policy lets CloudFront read what this origin asks for; its path comes before the key."""
        return self.access.may_read(f"{self.path}/{key}".removeprefix("/"))


@dataclass(frozen=True)
class Behaviour:
    pattern: str
    origin: Origin | FunctionOrigin
    methods: frozenset[str]
    compress: bool
    cache: CachePolicy
    response_headers: ResponseHeadersPolicy
    forwarded: Forwarded
    #: Public keys (id -> PEM) of the trusted key groups; None where anybody may come.
    trusted_keys: Mapping[str, str] | None = None

    @property
    def forwards_origin_header(self) -> bool:
        return self.forwarded.headers.selects("origin") or self.cache.headers.selects("origin")


@dataclass(frozen=True)
class ErrorResponse:
    caching_min_ttl: int = 10
    page_path: str | None = None
    response_code: int | None = None


@dataclass(frozen=True)
class Distribution:
    id: str
    behaviours: tuple[Behaviour, ...]
    default_root_object: str = ""
    errors: Mapping[int, ErrorResponse] = field(default_factory=dict)
    not_enforced: tuple[str, ...] = ()

    def error(self, status: int) -> ErrorResponse | None:
        return self.errors.get(status)


class ForeignBucket(Protocol):
    """Asks S3 about a bucket that the template does not make: its policy's statements, its CORS rules."""

    def __call__(self, bucket: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]: ...


def read_distribution(
    template: Mapping[str, Any], physical: Mapping[str, str], foreign: ForeignBucket | None = None
) -> Distribution:
    """The one distribution of the template, or `DistributionNotHonoured`."""
    return _Reader(template, physical, foreign).distribution()


# What each document may hold. A name maps to the test its value must pass; names not listed are refused.
def _anything(_value: object) -> bool:
    return True


def _empty(value: object) -> bool:
    return not value


def _enabled(value: object) -> bool:
    return value in (True, "true")


_ON_THE_INTERNET_ONLY = {
    name: _anything
    for name in (
        "Aliases",
        "Comment",
        "HttpVersion",
        "IPV6Enabled",
        "Logging",
        "PriceClass",
        "Staging",
        "ViewerCertificate",
    )
}
_CONFIG = _ON_THE_INTERNET_ONLY | {
    "CacheBehaviors": _anything,
    "ContinuousDeploymentPolicyId": _empty,
    "CustomErrorResponses": _anything,
    "DefaultCacheBehavior": _anything,
    "DefaultRootObject": _anything,
    "Enabled": _enabled,
    "OriginGroups": lambda value: not value.get("Items"),
    "Origins": _anything,
    "Restrictions": _anything,
    "WebACLId": _anything,
}
_BEHAVIOUR = {
    "AllowedMethods": lambda value: set(value) <= {"GET", "HEAD", "OPTIONS"},
    "CachePolicyId": _anything,
    "CachedMethods": _anything,
    "Compress": _anything,
    "FieldLevelEncryptionId": _empty,
    "FunctionAssociations": _empty,
    "GrpcConfig": lambda value: not value.get("Enabled"),
    "LambdaFunctionAssociations": _empty,
    "OriginRequestPolicyId": _anything,
    "PathPattern": _anything,
    "RealtimeLogConfigArn": _empty,
    "ResponseHeadersPolicyId": _anything,
    "SmoothStreaming": lambda value: value in (False, "false"),
    "TargetOriginId": _anything,
    "TrustedKeyGroups": _anything,
    "TrustedSigners": _empty,
    "ViewerProtocolPolicy": _anything,
}
_ORIGIN = {
    "ConnectionAttempts": _anything,
    "ConnectionTimeout": _anything,
    "DomainName": _anything,
    "Id": _anything,
    "OriginAccessControlId": _anything,
    "OriginCustomHeaders": _empty,
    "OriginPath": _anything,
    "OriginShield": lambda value: not value.get("Enabled"),
    "ResponseCompletionTimeout": _anything,
    "S3OriginConfig": lambda value: not value.get("OriginAccessIdentity"),
}
_CUSTOM_ORIGIN = {name: known for name, known in _ORIGIN.items() if name != "S3OriginConfig"} | {
    "CustomOriginConfig": lambda value: value.get("OriginProtocolPolicy") == "https-only",
}
_CACHE_POLICY = {name: _anything for name in ("Name", "Comment", "MinTTL", "DefaultTTL", "MaxTTL")} | {
    "ParametersInCacheKeyAndForwardedToOrigin": _anything
}
_HEADERS_POLICY = {
    "Name": _anything,
    "Comment": _anything,
    "CorsConfig": _anything,
    "CustomHeadersConfig": _anything,
    "RemoveHeadersConfig": _anything,
    "SecurityHeadersConfig": _anything,
    "ServerTimingHeadersConfig": lambda value: not value.get("Enabled"),
}
_ERROR = {name: _anything for name in ("ErrorCode", "ErrorCachingMinTTL", "ResponseCode", "ResponsePagePath")}


def check(document: Mapping[str, Any], known: Mapping[str, Callable[[Any], bool]], where: str) -> None:
    """Refuse a document that holds a name we do not know or a value we do not honour."""
    for name, value in document.items():
        if name not in known:
            raise DistributionNotHonoured(f"{where}.{name}: the local edge does not know this setting")
        if not known[name](value):
            raise DistributionNotHonoured(f"{where}.{name}: the local edge does not honour {value!r}")


class _Reader:
    """Walks one template; holds it only so that every step can follow a Ref."""

    def __init__(self, template: Mapping[str, Any], physical: Mapping[str, str], foreign: ForeignBucket | None) -> None:
        self.foreign = foreign
        self.resources = template.get("Resources", {})
        self.physical = physical

    def distribution(self) -> Distribution:
        found = [key for key, item in self.resources.items() if item["Type"] == "AWS::CloudFront::Distribution"]
        if len(found) != 1:
            raise DistributionNotHonoured(f"Resources: expected one distribution, found {len(found)}: {found}")
        (self.id,) = found
        where = f"Resources.{self.id}.Properties.DistributionConfig"
        config = self.resources[self.id]["Properties"]["DistributionConfig"]
        check(config, _CONFIG, where)
        origins = self._origins(config.get("Origins", []), f"{where}.Origins")
        return Distribution(
            id=self.id,
            behaviours=tuple(self._behaviours(config, origins, where)),
            default_root_object=config.get("DefaultRootObject", ""),
            errors=_errors(config.get("CustomErrorResponses", []), f"{where}.CustomErrorResponses"),
            not_enforced=_not_enforced(config),
        )

    def _origins(self, documents: list[dict[str, Any]], where: str) -> dict[str, Origin | FunctionOrigin]:
        return {document["Id"]: self._origin(document, f"{where}[{index}]") for index, document in enumerate(documents)}

    def _origin(self, document: dict[str, Any], where: str) -> Origin | FunctionOrigin:
        if "CustomOriginConfig" in document:
            check(document, _CUSTOM_ORIGIN, where)
            self._check_access_control(document.get("OriginAccessControlId"), where)
            return read_function_origin(self.resources, self.physical, document, self.id, where)
        check(document, _ORIGIN, where)
        if not document.get("OriginAccessControlId"):
            raise DistributionNotHonoured(f"{where}: an S3 origin without OriginAccessControlId cannot be read")
        self._check_access_control(document["OriginAccessControlId"], where)
        bucket_id, bucket = self._bucket(document["DomainName"], f"{where}.DomainName")
        if not bucket_id and self.foreign:
            statements, rules = self.foreign(bucket)
            access = read_foreign_access(statements, bucket, self.physical[self.id])
            return Origin(document["Id"], bucket, document.get("OriginPath", ""), access, read_foreign_cors(rules))
        properties = self.resources.get(bucket_id, {}).get("Properties", {})
        return Origin(
            id=document["Id"],
            bucket=bucket,
            path=document.get("OriginPath", ""),
            access=read_bucket_access(self.resources, bucket_id, self.id),
            cors_rules=read_cors_rules(properties.get("CorsConfiguration")),
        )

    def _check_access_control(self, reference: Any, where: str) -> None:
        config = self._resource(reference, f"{where}.OriginAccessControlId")["OriginAccessControlConfig"]
        if config.get("SigningBehavior") != "always":
            raise DistributionNotHonoured(
                f"{where}.OriginAccessControlId: only SigningBehavior 'always' is honoured, "
                f"found {config.get('SigningBehavior')!r}"
            )

    def _bucket(self, domain: Any, where: str) -> tuple[str, str]:
        """Logical id ('' for a bucket of another stack) and name of the bucket behind an origin's domain name."""
        if isinstance(domain, str) and (match := re.fullmatch(r"(.+?)\.s3[.-].*amazonaws\.com(\.cn)?", domain)):
            return "", match[1]
        joined = domain.get("Fn::Join", ["", [""]])[1] if isinstance(domain, dict) else [""]
        if isinstance(joined[0], str) and (match := re.fullmatch(r"(.+)\.s3[.-].*", joined[0])):
            return "", match[1]
        logical = domain.get("Fn::GetAtt", [""])[0] if isinstance(domain, dict) else ""
        if self.resources.get(logical, {}).get("Type") != "AWS::S3::Bucket":
            raise DistributionNotHonoured(f"{where}: not an S3 bucket of this template: {domain!r}")
        if logical not in self.physical:
            raise DistributionNotHonoured(f"{where}: no physical name was given for the bucket {logical}")
        return logical, self.physical[logical]

    def _resource(self, reference: Any, where: str) -> dict[str, Any]:
        """Properties of the resource that a Ref or GetAtt points at."""
        logical = None
        if isinstance(reference, dict):
            logical = reference.get("Ref") or (reference.get("Fn::GetAtt") or [None])[0]
        if logical not in self.resources:
            raise DistributionNotHonoured(f"{where}: cannot follow {reference!r} inside this template")
        return self.resources[logical]["Properties"]

    def _policy(self, reference: Any, known: Mapping[str, Any], key: str, where: str) -> tuple[dict[str, Any], str]:
        if not isinstance(reference, str):
            return self._resource(reference, where)[key], f"{where}:{key}"
        if reference not in known:
            raise DistributionNotHonoured(f"{where}: not a managed policy this edge knows: {reference}")
        return known[reference], f"{where}:{known[reference]['Name']}"

    def _behaviours(
        self, config: Mapping[str, Any], origins: Mapping[str, Origin | FunctionOrigin], where: str
    ) -> list[Behaviour]:
        ordered = [
            self._behaviour(document, document["PathPattern"], origins, f"{where}.CacheBehaviors[{index}]")
            for index, document in enumerate(config.get("CacheBehaviors", []))
        ]
        default = self._behaviour(config["DefaultCacheBehavior"], "*", origins, f"{where}.DefaultCacheBehavior")
        return [*ordered, default]

    def _behaviour(
        self, document: Any, pattern: str, origins: Mapping[str, Origin | FunctionOrigin], where: str
    ) -> Behaviour:
        check(document, _BEHAVIOUR, where)
        if "CachePolicyId" not in document:
            raise DistributionNotHonoured(f"{where}: needs a CachePolicyId (ForwardedValues is the legacy way)")
        cache = self._cache_policy(document["CachePolicyId"], f"{where}.CachePolicyId")
        origin = origins[document["TargetOriginId"]]
        if isinstance(origin, FunctionOrigin) and cache.max_ttl:
            raise DistributionNotHonoured(f"{where}.CachePolicyId: the local edge does not cache a function's answers")
        forwarded = self._origin_request(document.get("OriginRequestPolicyId"), f"{where}.OriginRequestPolicyId")
        return Behaviour(
            pattern=pattern,
            origin=origin,
            methods=frozenset(document.get("AllowedMethods", ["GET", "HEAD"])),
            compress=document.get("Compress") in (True, "true") and cache.gzip,
            cache=cache,
            response_headers=self._headers_policy(document.get("ResponseHeadersPolicyId"), where),
            forwarded=forwarded,
            trusted_keys=self._trusted_keys(document.get("TrustedKeyGroups"), f"{where}.TrustedKeyGroups"),
        )

    def _trusted_keys(self, groups: list[Any] | None, where: str) -> dict[str, str] | None:
        """The public keys that may sign for a behaviour, by the ids that CloudFront (here: the emulator) gave them."""
        if not groups:
            return None
        found: dict[str, str] = {}
        for group in groups:
            for reference in self._resource(group, where)["KeyGroupConfig"]["Items"]:
                pem = self._resource(reference, where)["PublicKeyConfig"]["EncodedKey"]
                if problem := signed.key_problem(pem):
                    raise DistributionNotHonoured(f"{where}: {reference}: {problem}")
                logical = reference.get("Ref") or reference["Fn::GetAtt"][0]
                if logical not in self.physical:
                    raise DistributionNotHonoured(f"{where}: no physical id was given for the key {logical}")
                found[self.physical[logical]] = pem
        return found

    def _cache_policy(self, reference: Any, where: str) -> CachePolicy:
        config, where = self._policy(reference, managed.CACHE_POLICIES, "CachePolicyConfig", where)
        check(config, _CACHE_POLICY, where)
        key = config.get("ParametersInCacheKeyAndForwardedToOrigin", {})
        return CachePolicy(
            min_ttl=int(config.get("MinTTL", 0)),
            default_ttl=int(config.get("DefaultTTL", 86_400)),
            max_ttl=int(config.get("MaxTTL", 31_536_000)),
            gzip=key.get("EnableAcceptEncodingGzip") in (True, "true"),
            headers=_selection(key.get("HeadersConfig", {}), "HeaderBehavior", "Headers", fold=True),
            cookies=_selection(key.get("CookiesConfig", {}), "CookieBehavior", "Cookies"),
            query_strings=_selection(key.get("QueryStringsConfig", {}), "QueryStringBehavior", "QueryStrings"),
        )

    def _origin_request(self, reference: Any, where: str) -> Forwarded:
        if not reference:
            return Forwarded()
        config, where = self._policy(reference, managed.ORIGIN_REQUEST_POLICIES, "OriginRequestPolicyConfig", where)
        return Forwarded(
            headers=_selection(config.get("HeadersConfig", {}), "HeaderBehavior", "Headers", fold=True),
            cookies=_selection(config.get("CookiesConfig", {}), "CookieBehavior", "Cookies"),
            query_strings=_selection(config.get("QueryStringsConfig", {}), "QueryStringBehavior", "QueryStrings"),
        )

    def _headers_policy(self, reference: Any, where: str) -> ResponseHeadersPolicy:
        if not reference:
            return ResponseHeadersPolicy()
        where = f"{where}.ResponseHeadersPolicyId"
        config, where = self._policy(reference, managed.RESPONSE_HEADERS_POLICIES, "ResponseHeadersPolicyConfig", where)
        check(config, _HEADERS_POLICY, where)
        custom = config.get("CustomHeadersConfig", {}).get("Items", [])
        security = config.get("SecurityHeadersConfig", {})
        removed = config.get("RemoveHeadersConfig", {}).get("Items", [])
        return ResponseHeadersPolicy(
            cors=_cors(config["CorsConfig"]) if config.get("CorsConfig") else None,
            rules=(*_security_rules(security, where), *map(_custom_rule, custom)),
            removed=frozenset(item["Header"].lower() for item in removed),
        )


def _not_enforced(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings in use that the edge lets pass, in words for whoever started it."""
    found = []
    geo = config.get("Restrictions", {}).get("GeoRestriction", {})
    if geo.get("RestrictionType", "none") != "none":
        found.append(f"geographic restriction ({geo['RestrictionType']}: {', '.join(geo.get('Locations', []))})")
    if config.get("WebACLId"):
        found.append("web ACL (AWS WAF)")
    return tuple(found)


def _errors(documents: list[dict[str, Any]], where: str) -> dict[int, ErrorResponse]:
    for index, document in enumerate(documents):
        check(document, _ERROR, f"{where}[{index}]")
    return {
        int(document["ErrorCode"]): ErrorResponse(
            caching_min_ttl=int(document.get("ErrorCachingMinTTL", 10)),
            page_path=document.get("ResponsePagePath") or None,
            response_code=int(document["ResponseCode"]) if document.get("ResponseCode") else None,
        )
        for document in documents
    }


def _selection(config: Mapping[str, Any], mode: str, names: str, fold: bool = False) -> NameSelection:
    found = config.get(names, [])
    items = found.get("Items", []) if isinstance(found, dict) else found
    return NameSelection(config.get(mode, "none"), frozenset(name.lower() if fold else name for name in items))


def _cors(config: Mapping[str, Any]) -> CorsPolicy:
    def items(name: str) -> tuple[str, ...]:
        return tuple(config.get(name, {}).get("Items", []))

    methods = items("AccessControlAllowMethods")
    everything = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    return CorsPolicy(
        origins=items("AccessControlAllowOrigins"),
        methods=everything if "ALL" in methods else methods,
        headers=items("AccessControlAllowHeaders"),
        expose=items("AccessControlExposeHeaders"),
        max_age=int(config["AccessControlMaxAgeSec"]) if "AccessControlMaxAgeSec" in config else None,
        credentials=config.get("AccessControlAllowCredentials") in (True, "true"),
        override=config.get("OriginOverride") in (True, "true"),
    )


def _custom_rule(item: Mapping[str, Any]) -> HeaderRule:
    return HeaderRule(item["Header"].lower(), item["Value"], item.get("Override") in (True, "true"))


def _strict_transport(config: Mapping[str, Any]) -> str:
    flags = [("IncludeSubdomains", "includeSubDomains"), ("Preload", "preload")]
    words = [word for name, word in flags if config.get(name) in (True, "true")]
    return "; ".join([f"max-age={config['AccessControlMaxAgeSec']}", *words])


def _xss_protection(config: Mapping[str, Any]) -> str:
    if config.get("Protection") not in (True, "true"):
        return "0"
    return "1; mode=block" if config.get("ModeBlock") in (True, "true") else "1"


_SECURITY_HEADERS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "ContentSecurityPolicy": ("content-security-policy", lambda config: config["ContentSecurityPolicy"]),
    "ContentTypeOptions": ("x-content-type-options", lambda config: "nosniff"),
    "FrameOptions": ("x-frame-options", lambda config: config["FrameOption"]),
    "ReferrerPolicy": ("referrer-policy", lambda config: config["ReferrerPolicy"]),
    "StrictTransportSecurity": ("strict-transport-security", _strict_transport),
    "XSSProtection": ("x-xss-protection", _xss_protection),
}


def _security_rules(config: Mapping[str, Any], where: str) -> list[HeaderRule]:
    for name in config:
        if name not in _SECURITY_HEADERS:
            raise DistributionNotHonoured(f"{where}.SecurityHeadersConfig.{name}: the local edge does not know it")
    return [
        HeaderRule(header, value(config[name]), config[name].get("Override") in (True, "true"))
        for name, (header, value) in _SECURITY_HEADERS.items()
        if name in config
    ]
