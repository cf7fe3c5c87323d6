"""What can go wrong between the operator and the API server.

ApiError
 ├─ NotFound        404
 ├─ AlreadyExists   409, of a creation
 ├─ Conflict        409, of a write on an object that has changed
 ├─ Refused         400, 403, 413, 422: asking again will not help
 ├─ NotLeading      nothing was sent: another operator may be the one that acts
 └─ Unavailable     the server does not answer, is overloaded or has failed
     └─ Expired     410, of a page: the snapshot that a listing is made from is gone
"""

import json
from collections.abc import Mapping
from typing import Any


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
    retry_after = 0.0
    """Seconds after which the server wants to be asked again."""


class Expired(Unavailable):
    token: str | None = None
    """With it the listing goes on behind the last page, from what there is now."""


def error_of(what: str, status: int, body: bytes, headers: Mapping[str, str]) -> ApiError:
    """The error that an answer of the API server stands for."""
    answer: Any = None
    try:
        answer = json.loads(body)
        reason, message = str(answer.get("reason", "")), str(answer.get("message", ""))
    except (ValueError, AttributeError):
        reason, message = "", body[:200].decode(errors="replace")
    kinds: dict[int, type[ApiError]] = {
        400: Refused,
        403: Refused,
        404: NotFound,
        410: Expired,
        413: Refused,
        422: Refused,
    }
    kind = kinds.get(status, Unavailable)
    if status == 409:
        kind = AlreadyExists if reason == "AlreadyExists" else Conflict
    error = kind(what, status, reason, message)
    if isinstance(error, Unavailable):
        after = headers.get("Retry-After", "")
        error.retry_after = float(after) if after.isdecimal() and len(after) < 9 else 0.0
    if isinstance(error, Expired) and isinstance(answer, dict):
        token = (answer.get("metadata") or {}).get("continue")
        error.token = token if isinstance(token, str) and token else None
    return error
