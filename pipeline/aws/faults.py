"""What AWS's own faults are called in our house: `ServiceThrottled`, so that the state machine can retry by one name.

A handler's decorator does it once for all calls below: HTTP 429 and 5xx, the throttling codes that come with HTTP
400, and connections that broke. Everything else stays what it was and turns its own box red.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, IncompleteReadError

from pipeline.aws import logs
from pipeline.media.errors import ServiceThrottled

#: Throttling that AWS answers with HTTP 400 (botocore's own list for standard retries, plus S3's SlowDown), and
#: MediaConvert's full queue, which is HTTP 402 and empties by itself.
_THROTTLES = frozenset(
    "Throttling ThrottlingException ThrottledException RequestThrottledException RequestThrottled SlowDown "
    "TooManyRequestsException ProvisionedThroughputExceededException TransactionInProgressException "
    "RequestLimitExceeded BandwidthLimitExceeded LimitExceededException PriorRequestNotComplete EC2ThrottledException "
    "RequestTimeout RequestTimeoutException ServiceQuotaExceededException".split()
)


def code_of(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def status_of(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def is_passing(error: Exception) -> bool:
    """Whether waiting may help."""
    if isinstance(error, ClientError):
        return code_of(error) in _THROTTLES or status_of(error) == 429 or status_of(error) >= 500
    return isinstance(error, (ConnectionError, HTTPClientError, IncompleteReadError))


def handles_faults(handler: Callable[[dict[str, Any], Any], Any]) -> Callable[[dict[str, Any], Any], Any]:
    """Decorate a Lambda handler: AWS's passing faults leave it as ServiceThrottled; its log lines name the upload."""
    name = handler.__module__.split(".")[-2]

    @functools.wraps(handler)
    def wrapper(event: dict[str, Any], context: Any) -> Any:
        with logs.about(logs.upload_in(event)), logs.call(name):
            return _answered(event, context)

    def _answered(event: dict[str, Any], context: Any) -> Any:
        try:
            return handler(event, context)
        except (ClientError, BotoCoreError) as error:
            if not is_passing(error):
                raise
            operation = getattr(error, "operation_name", type(error).__name__)
            raise ServiceThrottled("SERVICE_THROTTLED", f"{operation}: {error}", {"operation": operation}) from error

    return wrapper
