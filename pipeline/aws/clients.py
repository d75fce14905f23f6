"""One boto3 client per service and process, made when first asked for (nothing happens on import).

Endpoints, region and credentials are the SDK's own business (AWS_ENDPOINT_URL and friends). Retries: four quick ones
here for a dropped connection; the long waiting for a throttling spell is the state machine's, where it can be seen.
"""

from __future__ import annotations

import functools
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=55)


@functools.cache
def client(service: str) -> Any:
    return boto3.client(service, config=_CONFIG)
