"""Secrets out of text: whatever leaves the process passes through here."""

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote

MASK = "***"
MIN_SECRET = 4
"""Shorter values would mask ordinary words; nothing that short is a credential worth the name."""

# Bounded: on a long line without the rest of it, a pattern without end takes quadratic time.
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,31}://)(?P<user>[^/?#\s'\"]{0,4096})@")
_SECRET_NAME = re.compile(
    r"(SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|CONNECTION_STRING|_PASS$|_PAT$"
    r"|(ACCESS|API|PRIVATE|ACCOUNT|STORAGE|SHARED)_?KEY)",
    re.IGNORECASE,
)
_PATH_NAME = re.compile(r"(_FILE|_PATH|_DIR|_URI|_URL)$", re.IGNORECASE)


def without_userinfo(url: str) -> str:
    """``url`` without user and password; an ssh user without password stays."""

    def clean(match: re.Match[str]) -> str:
        return match[0] if _is_ssh_user(match) else match["scheme"]

    return _USERINFO.sub(clean, url)


def _is_ssh_user(match: re.Match[str]) -> bool:
    return match["scheme"].lower().endswith("ssh://") and ":" not in match["user"]


def secrets_in(environment: Mapping[str, str]) -> set[str]:
    """The values in ``environment`` that are credentials, by their names and by being userinfo."""
    found = set()
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and not _PATH_NAME.search(name):
            found.add(value)
        for match in _USERINFO.finditer(value):
            if not _is_ssh_user(match):
                password = match["user"].split(":", 1)[-1]
                # Libraries send, and some errors quote, what the escapes stand for.
                found.update((password, unquote(password)))
    return found


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without the variables that are credentials, or lead to a file of them."""
    return {
        name: value
        for name, value in environment.items()
        if not _SECRET_NAME.search(name) and not secrets_in({name: value})
    }


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that masks ``secrets`` and the userinfo of URLs in a text."""
    known: set[str] = set()
    for secret in secrets:
        lines = secret.splitlines()
        known.update(part.strip() for part in (secret, *lines) if len(part.strip()) >= MIN_SECRET)
    # Longest first: a secret that contains another one is masked whole.
    alternatives = "|".join(re.escape(value) for value in sorted(known, key=len, reverse=True))
    pattern = re.compile(alternatives) if alternatives else None

    def redact(text: str) -> str:
        text = without_userinfo(text)
        return pattern.sub(MASK, text) if pattern else text

    return redact
