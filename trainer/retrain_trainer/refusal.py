"""What kind of refusal an exception is: read from its type and status code, never from its text.

The same for every server that a run talks to, whichever client library raised it.
"""

import errno
from collections.abc import Iterator
from enum import Enum

_DENIED = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
    "DefaultCredentialsError",
    "ClientAuthenticationError",
}
_UNREACHABLE = {
    "ConnectionError",
    "ConnectionClosedError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "EndpointConnectionError",
    "HTTPClientError",
    "ProxyConnectionError",
    "ClientConnectorError",
    "ServiceRequestError",
    "TransportError",
    "RequestException",
    "HTTPError",
    "TimeoutError",
    "gaierror",
    "SSLError",
}
"""Names of types, so that no library has to be there; those that derive from them count too."""
_DENIED_CODES = {
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
"""Codes of S3, which sends some of them with status 400."""
_MISSING_CODES = {"NoSuchBucket", "ContainerNotFound"}
_DENIED_STATUS = (401, 403, 407)
_PASSING_STATUS = (408, 425, 429)
_DENIED_ERRNO = (errno.EACCES, errno.EPERM, errno.EROFS)


class Refusal(Enum):
    """What a server, or the way to it, did to us."""

    DENIED = "refuses us"
    """Trying again would end alike."""
    UNREACHABLE = "cannot be reached"
    MISSING = "does not exist"
    """The place itself, such as a bucket."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and what it came from, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def refusal(error: BaseException) -> tuple[Refusal, BaseException] | None:
    """The kind, and the exception of the chain that tells it; None: it is something else."""
    for cause in causes(error):
        if (kind := _kind(cause)) is not None:
            return kind, cause
    return None


def local_refusal(error: BaseException) -> str | None:
    """The path that the operating system would not let us have, if that is what happened."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in _DENIED_ERRNO and cause.filename:
            return str(cause.filename)
    return None


def _kind(cause: BaseException) -> Refusal | None:
    code = _code(cause)
    if code in _DENIED_CODES:
        return Refusal.DENIED
    if code in _MISSING_CODES:
        return Refusal.MISSING
    if (status := _status(cause)) is not None:
        if status in _DENIED_STATUS:
            return Refusal.DENIED
        if status in _PASSING_STATUS or status >= 500:
            return Refusal.UNREACHABLE
    names = {kind.__name__ for kind in type(cause).__mro__}
    # With a file's name it is the operating system that refuses, not a server.
    if names & _DENIED or (isinstance(cause, PermissionError) and not cause.filename):
        return Refusal.DENIED
    return Refusal.UNREACHABLE if names & _UNREACHABLE else None


def _status(cause: BaseException) -> int | None:
    """The HTTP status, as requests, aiohttp, botocore and the clouds' clients keep it."""
    response = getattr(cause, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = getattr(response, "status_code", None)
    for name in ("status_code", "status", "code"):
        status = status if isinstance(status, int) else getattr(cause, name, None)
    return status if isinstance(status, int) and 100 <= status < 600 else None


def _code(cause: BaseException) -> str | None:
    response = getattr(cause, "response", None)
    error = response.get("Error", {}) if isinstance(response, dict) else {}
    code = error.get("Code")
    return code if isinstance(code, str) else None
