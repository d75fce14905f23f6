"""AWS's refusals in words that say what to do: for whoever sits before a page and not before a terminal.

In: an error of botocore's. Out: a `Trouble`, its code, one or two sentences, and the HTTP status to answer with; None
for what is no fault of AWS's.
"""

from __future__ import annotations

import dataclasses

from botocore import exceptions

from pipeline.aws.faults import code_of, is_passing

_CREDENTIALS = frozenset(
    "ExpiredToken ExpiredTokenException RequestExpired InvalidClientTokenId UnrecognizedClientException AuthFailure "
    "InvalidAccessKeyId SignatureDoesNotMatch InvalidSignatureException InvalidToken".split()
)
_DENIED = frozenset("AccessDenied AccessDeniedException UnauthorizedOperation KMSAccessDeniedException".split())
_GONE = frozenset("ResourceNotFoundException StateMachineDoesNotExist NoSuchBucket".split())
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)


@dataclasses.dataclass(frozen=True)
class Trouble:
    error: str
    message: str
    status: int


def of(error: Exception) -> Trouble | None:
    if isinstance(error, exceptions.ClientError):
        return _refused(error)
    if isinstance(error, _NO_CREDENTIALS):
        return Trouble("credentials", f"There are no AWS credentials to ask with: {error}. {_RENEW}", 502)
    if isinstance(error, (exceptions.ConnectionError, exceptions.HTTPClientError)):
        return Trouble("unreachable", f"AWS cannot be reached: {error}. On a laptop: does `vod up` still run?", 503)
    return Trouble("aws", str(error), 502) if isinstance(error, exceptions.BotoCoreError) else None


_RENEW = "Renew them (`aws sso login`, or the profile's keys); this page goes on by itself."


def _refused(error: exceptions.ClientError) -> Trouble:
    code, operation = code_of(error), error.operation_name
    said = error.response.get("Error", {}).get("Message") or code
    if code in _CREDENTIALS:
        return Trouble("credentials", f"AWS does not accept these credentials (any more): {said}. {_RENEW}", 502)
    if code in _DENIED or code == "403":
        return Trouble("denied", f"AWS denies {operation}: {said}. docs/console.md lists what is needed.", 403)
    if code in _GONE:
        return Trouble("gone", f"{operation}: {said}. Has the stack been deleted? Start the console again.", 502)
    if is_passing(error):
        return Trouble("busy", f"AWS asks for patience ({operation}: {said}).", 503)
    return Trouble("aws", f"{operation}: {said}", 502)
