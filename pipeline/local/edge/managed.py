"""CloudFront's managed policies that a distribution may name by id, as the documents a template would hold.

AWS owns these policies, so a template only carries their ids. The ids and values are those of the developer guide
("Use managed cache policies", "... response headers policies", "... origin request policies"). An id that is not
here is refused at start rather than guessed.
"""

from __future__ import annotations

from typing import Any

_YEAR = 31_536_000


def _cache(name: str, minimum: int, default: int, maximum: int, gzip: bool) -> dict[str, Any]:
    return {
        "Name": name,
        "MinTTL": minimum,
        "DefaultTTL": default,
        "MaxTTL": maximum,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": gzip,
            "EnableAcceptEncodingBrotli": gzip,
            "HeadersConfig": {"HeaderBehavior": "none"},
            "CookiesConfig": {"CookieBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "none"},
        },
    }


CACHE_POLICIES = {
    "658327ea-f89d-4fab-a63d-7e88639e58f6": _cache("Managed-CachingOptimized", 1, 86_400, _YEAR, True),
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": _cache(
        "Managed-CachingOptimizedForUncompressedObjects", 1, 86_400, _YEAR, False
    ),
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": _cache("Managed-CachingDisabled", 0, 0, 0, False),
}

_ANY_ORIGIN = {
    "AccessControlAllowCredentials": False,
    "AccessControlAllowHeaders": {"Items": ["*"]},
    "AccessControlAllowMethods": {"Items": ["GET"]},
    "AccessControlAllowOrigins": {"Items": ["*"]},
    "OriginOverride": False,
}
_ANY_ORIGIN_PREFLIGHT = _ANY_ORIGIN | {
    "AccessControlAllowMethods": {"Items": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]},
    "AccessControlExposeHeaders": {"Items": ["*"]},
}
_SECURITY = {
    "ReferrerPolicy": {"ReferrerPolicy": "strict-origin-when-cross-origin", "Override": False},
    "StrictTransportSecurity": {"AccessControlMaxAgeSec": _YEAR, "Override": False},
    "ContentTypeOptions": {"Override": True},
    "FrameOptions": {"FrameOption": "SAMEORIGIN", "Override": False},
    "XSSProtection": {"Protection": True, "ModeBlock": True, "Override": False},
}

RESPONSE_HEADERS_POLICIES = {
    "60669652-455b-4ae9-85a4-c4c02393f86c": {"Name": "Managed-SimpleCORS", "CorsConfig": _ANY_ORIGIN},
    "5cc3b908-e619-4b99-88e5-2cf7f45965bd": {
        "Name": "Managed-CORS-With-Preflight",
        "CorsConfig": _ANY_ORIGIN_PREFLIGHT,
    },
    "67f7725c-6f97-4210-82d7-5512b31e9d03": {
        "Name": "Managed-SecurityHeadersPolicy",
        "SecurityHeadersConfig": _SECURITY,
    },
    "e61eb60c-9c35-4d20-a928-2b84e02af89c": {
        "Name": "Managed-CORS-and-SecurityHeadersPolicy",
        "CorsConfig": _ANY_ORIGIN,
        "SecurityHeadersConfig": _SECURITY,
    },
    "eaab4381-ed33-4a86-88ca-d9558dc6cd63": {
        "Name": "Managed-CORS-with-preflight-and-SecurityHeadersPolicy",
        "CorsConfig": _ANY_ORIGIN_PREFLIGHT,
        "SecurityHeadersConfig": _SECURITY,
    },
}

ORIGIN_REQUEST_POLICIES = {
    "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf": {
        "Name": "Managed-CORS-S3Origin",
        "HeadersConfig": {
            "HeaderBehavior": "whitelist",
            "Headers": ["Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method"],
        },
        "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
    },
    "b689b0a8-53d0-40ab-baf2-68738e2966ac": {
        "Name": "Managed-AllViewerExceptHostHeader",
        "HeadersConfig": {"HeaderBehavior": "allExcept", "Headers": ["host"]},
        "CookiesConfig": {"CookieBehavior": "all"},
        "QueryStringsConfig": {"QueryStringBehavior": "all"},
    },
}
