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


@functools.cache
def client(service: str) -> Any:
    return boto3.client(service, config=_INVOKING if service == "lambda" else _CONFIG)
