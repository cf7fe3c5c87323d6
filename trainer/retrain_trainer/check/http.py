"""GET with an end to it, and words about it that hold no credential."""

import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import requests
from requests import PreparedRequest as Request

from retrain_core.redact import without_userinfo
from retrain_trainer.check.context import NETWORK_SECONDS

CHUNK = 1 << 16


class TooMuch(Exception):
    """The answer is larger, or takes longer, than it may."""


@contextmanager
def get(
    url: str,
    secret: Mapping[str, str],
    *,
    seconds: float,
    most: int,
    params: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Status and body; ``secret`` has username and password, or token, or nothing.

    Raises:
        requests.RequestException: no answer.
        TooMuch: a body of more than ``most`` bytes, or that takes more than ``seconds``.
    """
    deadline = time.monotonic() + seconds
    with requests.get(
        url, params=params, auth=_authorization(secret), timeout=NETWORK_SECONDS, stream=True
    ) as answer:

        def body() -> Iterator[bytes]:
            size = 0
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise TooMuch(f"{shown(url)} answers packed, which was not asked for")
            for part in answer.iter_content(CHUNK):
                size += len(part)
                if size > most or time.monotonic() > deadline:
                    raise TooMuch(f"{shown(url)} answers with too much, or too slowly")
                yield part

        yield answer.status_code, body()


def shown(url: str) -> str:
    """``url`` for people: a signature may stand in its query."""
    return urlunsplit(urlsplit(without_userinfo(url))._replace(query="", fragment=""))


def cause(error: Exception) -> str:
    """In few words: requests quotes whole addresses with their queries."""
    innermost: BaseException = error
    while (inner := innermost.__cause__ or innermost.__context__) is not None:
        innermost = inner
    return " ".join(str(innermost).split()) or type(innermost).__name__


def _authorization(secret: Mapping[str, str]) -> Callable[[Request], Request]:
    """As a function: without one requests looks for credentials in a ~/.netrc."""

    def authorize(request: Request) -> Request:
        if token := secret.get("token"):
            request.headers["Authorization"] = f"Bearer {token}"
        elif "username" in secret:
            pair = f"{secret['username']}:{secret.get('password', '')}".encode()
            request.headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        # What is packed can be small on its way and large here.
        request.headers["Accept-Encoding"] = "identity"
        return request

    return authorize
