"""One boto3 client per service and process, made when first asked for (nothing happens on import).

Endpoints, region and credentials are the SDK's own business (AWS_ENDPOINT_URL and friends). Retries: four quick ones
here for a dropped connection; the long waiting for a throttling spell is the state machine's, where it can be seen.
"""

from __future__ import annotations

import functools
from typing import Any

import boto3
from botocore.config import Config

#: As many connections as a step has threads: Verify reads sixteen segments at a time.
CONNECTIONS = 16
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=55,
    max_pool_connections=CONNECTIONS,
)


#: An invocation answers when the function has: up to its own timeout, and asking again would be a second one.
_INVOKING = _CONFIG.merge(Config(retries={"total_max_attempts": 1}, read_timeout=310))


def _for_browsers(style: str) -> Config:
    """What a browser will send must be signed as it sends it: no checksums, and the bucket's regional name (the global
    one redirects to the region while a bucket is new, and a redirect has no CORS)."""
    names = {"addressing_style": style, "us_east_1_regional_endpoint": "regional"}
    return _CONFIG.merge(Config(signature_version="s3v4", request_checksum_calculation="when_required", s3=names))


_CONFIGS = {
    "lambda": _INVOKING,
    "s3:browsers": _for_browsers("virtual"),
    "s3:browsers-dotted": _for_browsers("path"),  # a dot in a bucket's name fits no certificate
}


@functools.cache
def client(service: str) -> Any:
    """A service's client; "s3:browsers" signs what a browser will send (pipeline.aws.uploads)."""
    return boto3.client(service.partition(":")[0], config=_CONFIGS.get(service, _CONFIG))


def forget() -> None:
    """Make clients anew when next asked for, with the credentials that there are then."""
    client.cache_clear()
    boto3.setup_default_session()
