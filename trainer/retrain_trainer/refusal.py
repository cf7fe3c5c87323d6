"""What kind of refusal an exception is: read from its type and status code, never from its text.

The same for every server that a run talks to, whichever client library raised it.
"""

import errno
from collections.abc import Iterator, Mapping
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
    "ClientConnectionError",
    "ClientPayloadError",
    "FSTimeoutError",
    "IncompleteRead",
    "ResponseParserError",
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
_PASSING_CODES = {
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
}
"""Codes of S3 and of what speaks like it, some with status 400 or 403."""
_DISTRUST = {"SSLCertVerificationError", "ClientConnectorCertificateError"}
_DENIED_STATUS = (401, 403, 407, 413)
_PASSING_STATUS = (408, 425, 429)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED_ERRNO = (errno.EACCES, errno.EPERM, errno.EROFS)


class Refusal(Enum):
    """What a server, or the way to it, did to us."""

    DENIED = "refuses us"
    """Trying again would end alike."""
    UNREACHABLE = "cannot be reached"
    """It may be soon."""
    ODD = "does not answer as it should"
    """Such as 404 for all, or a certificate that is not trusted: something else may be there."""
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
    chain = list(causes(error))
    # Libraries make exceptions of their own of an answer, which know less than it says.
    for kind_of in (_by_answer, _by_type):
        for cause in chain:
            if (kind := kind_of(cause)) is not None:
                distrust = any(_names(other) & _DISTRUST for other in chain)
                return (Refusal.ODD if distrust else kind), cause
    return None


def lasts(error: BaseException) -> bool:
    """Whether an error of no known kind ends alike each time: a status that says no, or a client
    that does not take what it was given."""
    statuses = (_status(cause) or 0 for cause in causes(error))
    return isinstance(error, (ValueError, TypeError, LookupError)) or any(
        300 <= status < 500 for status in statuses
    )


def no_space(error: BaseException) -> bool:
    """Whether a disk of ours is full."""
    return any(isinstance(cause, OSError) and cause.errno in _FULL for cause in causes(error))


def local_refusal(error: BaseException) -> str | None:
    """The path that the operating system would not let us have, if that is what happened."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in _DENIED_ERRNO and cause.filename:
            return str(cause.filename)
    return None


def _by_answer(cause: BaseException) -> Refusal | None:
    code = _code(cause)
    if code in _DENIED_CODES:
        return Refusal.DENIED
    if code in _MISSING_CODES:
        return Refusal.MISSING
    if code in _PASSING_CODES:
        return Refusal.UNREACHABLE
    if (status := _status(cause)) is not None:
        if is_passing(status, _headers(cause)):
            return Refusal.UNREACHABLE
        if status in _DENIED_STATUS:
            return Refusal.DENIED
    return None


def _by_type(cause: BaseException) -> Refusal | None:
    names = _names(cause)
    # With a file's name it is the operating system that refuses, not a server.
    if names & _DENIED or (isinstance(cause, PermissionError) and not cause.filename):
        return Refusal.DENIED
    if names & _UNREACHABLE:
        return Refusal.UNREACHABLE if _status(cause) is None else Refusal.ODD
    return None


def is_passing(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a server that answers so may answer otherwise later.

    A forge tells of a rate limit with 403, and when to come back; names of headers are lower case.
    """
    limited = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    return status in _PASSING_STATUS or status >= 500 or (status == 403 and limited)


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


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


def _headers(cause: BaseException) -> dict[str, str]:
    """Of the answer, as requests and botocore keep them."""
    response = getattr(cause, "response", None)
    if isinstance(response, dict):
        found = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    else:
        found = getattr(response, "headers", {})
    return {str(name).lower(): str(value) for name, value in dict(found or {}).items()}


def _code(cause: BaseException) -> str | None:
    response = getattr(cause, "response", None)
    error = response.get("Error", {}) if isinstance(response, dict) else {}
    code = error.get("Code")
    return code if isinstance(code, str) else None
