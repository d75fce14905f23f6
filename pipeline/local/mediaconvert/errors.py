"""What the REST API answers when it says no: MediaConvert's own exception names, each with its HTTP status.

The names and statuses are those of botocore's service model, so that a boto3 client raises
`client.exceptions.ConflictException` and the like. The message is what the caller reads: it names the thing refused.
"""

from __future__ import annotations


class ApiError(Exception):
    """A request MediaConvert refuses; `status` is the HTTP status and the class name its error type."""

    status = 500

    @property
    def error_type(self) -> str:
        return type(self).__name__


class BadRequestException(ApiError):
    status = 400


class ForbiddenException(ApiError):
    status = 403


class NotFoundException(ApiError):
    status = 404


class ConflictException(ApiError):
    status = 409


class UnprocessableEntityException(ApiError):
    """Probe read the file and cannot make sense of it."""

    status = 422


class TooManyRequestsException(ApiError):
    """The caller asks too often; only a fault plan says so here."""

    status = 429


class InternalServerErrorException(ApiError):
    """Ours to mend: something in the service itself failed; the message says what."""

    status = 500
