"""What the server of a git repository has answered over HTTP, which git tells only in words."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"<= Recv header: (.*)")
_STATUS = re.compile(r"HTTP/[\d.]+ (\d{3})")
_HEADER = re.compile(r"([\w-]+): (.*)")


@dataclass(frozen=True)
class Answer:
    """One answer; names of headers are lower case."""

    status: int
    headers: Mapping[str, str]


@contextmanager
def traced(environment: Mapping[str, str]) -> Iterator[tuple[dict[str, str], Path]]:
    """``environment`` for one command of git, and the file that then has its HTTP traffic.

    Without contents; git leaves credentials out.
    """
    with tempfile.NamedTemporaryFile() as file:
        names = {"GIT_TRACE_CURL": file.name, "GIT_TRACE_CURL_NO_DATA": "1"}
        yield {**environment, **names, "GIT_TRACE_REDACT": "1"}, Path(file.name)


def last_answer(trace: str) -> Answer | None:
    """The last answer in a trace; None where nobody has answered over HTTP."""
    status: int | None = None
    headers: dict[str, str] = {}
    for line in _LINE.findall(trace):
        if begins := _STATUS.match(line):
            status, headers = int(begins[1]), {}
        elif header := _HEADER.match(line):
            headers[header[1].lower()] = header[2].strip()
    return Answer(status, headers) if status is not None else None
