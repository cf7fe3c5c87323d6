"""What can go wrong between the operator and the API server.

ApiError
 ├─ NotFound        404
 ├─ AlreadyExists   409, of a creation
 ├─ Conflict        409, of a write on an object that has changed
 ├─ Refused         400, 403, 413, 422: asking again will not help
 ├─ NotLeading      nothing was sent: another operator may be the one that acts
 └─ Unavailable     the server does not answer, is overloaded or has failed
"""

import json


class ApiError(Exception):
    """A request that did not do what it was for."""

    def __init__(self, what: str, status: int, reason: str, message: str) -> None:
        super().__init__(f"{what}: {status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class NotFound(ApiError):
    pass


class AlreadyExists(ApiError):
    pass


class Conflict(ApiError):
    pass


class Refused(ApiError):
    pass


class NotLeading(ApiError):
    pass


class Unavailable(ApiError):
    pass


def error_of(what: str, status: int, body: bytes) -> ApiError:
    """The error that an answer of the API server stands for."""
    try:
        answer = json.loads(body)
        reason, message = str(answer.get("reason", "")), str(answer.get("message", ""))
    except (ValueError, AttributeError):
        reason, message = "", body[:200].decode(errors="replace")
    kinds: dict[int, type[ApiError]] = {
        400: Refused,
        403: Refused,
        404: NotFound,
        413: Refused,
        422: Refused,
    }
    kind = kinds.get(status, Unavailable)
    if status == 409:
        kind = AlreadyExists if reason == "AlreadyExists" else Conflict
    return kind(what, status, reason, message)
