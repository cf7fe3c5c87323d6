"""The submodules of a commit: which there are, and where each is fetched from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import ValidationError

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_core.spec import GitSource
from retrain_trainer.git_command import Git
from retrain_trainer.pointers import printable

_OF_SSH = re.compile(r"^(?:[^@/:]+@)?(?P<host>[^@/:]+):(?P<path>(?!/)[^:]+)$")
"""USER@HOST:PATH"""


@dataclass(frozen=True)
class Submodule:
    path: str
    """In the repository that it is a part of."""
    source: GitSource
    """Its own repository, and the commit."""


def gitlinks(git: Git) -> dict[str, str]:
    """Path of each submodule in the index -> its commit."""
    lines = git.call("ls-files", "--stage", "-z").split("\0")
    found = (line.partition("\t") for line in lines if line.startswith("160000 "))
    return {path: entry.split()[1] for entry, _, path in found}


def find_submodules(git: Git) -> Iterator[Submodule]:
    """Those that `git submodule update` would fetch: that .gitmodules names, and does not except.

    Raises:
        RunFailed: SourceNotFound where one cannot be fetched as it is named.
    """
    links = gitlinks(git)
    names = _names(git) if links else {}
    for path in links.keys() & names.keys():
        done = git.attempt("submodule", "--quiet", "init", "--", path)
        if done.returncode != 0:
            message = " ".join(done.stderr.split())[:300]
            raise refused(path, f".gitmodules cannot be used: {message}")
        setting = f"submodule.{names[path]}"
        if git.attempt("config", f"{setting}.update").stdout.strip() != "none":
            url = git.call("config", f"{setting}.url")
            yield Submodule(path, _source(path, url, links[path], git.source))


def refused(path: str, why: str, failure: RunFailed | None = None) -> RunFailed:
    """The failure for a submodule that cannot be had; ``failure``: where it is git's, that."""
    message = (
        f"the submodule {printable(path)}: {printable(why)}. If no stage needs it, set"
        " `update = none` for it in .gitmodules"
    )
    return failure.retold(message) if failure else RunFailed(Reason.SOURCE_NOT_FOUND, message)


def same_host(url: str, other: str) -> bool:
    """Whether both lead to one host, and one server on it."""
    return _host(url) == _host(other)


def _names(git: Git) -> dict[str, str]:
    """Path -> name, as .gitmodules has them."""
    pattern = r"^submodule\..*\.path$"
    done = git.attempt("config", "-z", "--blob", "HEAD:.gitmodules", "--get-regexp", pattern)
    entries = (entry.partition("\n") for entry in done.stdout.split("\0") if entry)
    return {path: key[len("submodule.") : -len(".path")] for key, _, path in entries}


def _source(path: str, url: str, commit: str, parent: GitSource) -> GitSource:
    url = reachable(url, parent.url)
    shown = without_userinfo(url)
    plain = url.startswith("http://") and not parent.url.startswith("http://")
    try:
        if plain:
            raise refused(path, f"{shown} is read over http; only https and ssh are safe")
        return GitSource.model_validate({"url": url, "revision": commit})
    except ValidationError as error:
        why = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise refused(path, f"its URL {shown} {why}") from None


def reachable(url: str, parent: str) -> str:
    """``url``; over https if it is an ssh URL of the host that ``parent`` is read from so.

    Whoever cloned with a key wrote it; the Secret of the spec is a token for https.
    """
    source = urlsplit(parent)
    if source.scheme != "https":
        return url
    parts = urlsplit(url)
    if parts.scheme == "ssh" and parts.hostname == source.hostname:
        return f"https://{source.netloc}{parts.path}"
    short = _OF_SSH.match(url)
    if short and short["host"] == source.hostname:
        return f"https://{source.netloc}/{short['path']}"
    return url


def _host(url: str) -> tuple[str, str | None, int | None]:
    short = _OF_SSH.match(url)
    if short and "://" not in url:
        return ("ssh", short["host"].lower(), 22)
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80, "ssh": 22}
    return (parts.scheme, parts.hostname, parts.port or usual.get(parts.scheme))
