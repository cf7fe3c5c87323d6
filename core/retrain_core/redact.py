"""Secrets out of text: whatever leaves the process passes through here."""

import re
from collections.abc import Callable, Iterable, Mapping

MASK = "***"
MIN_SECRET = 4
"""Shorter values would mask ordinary words; nothing that short is a credential worth the name."""

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/?#\s'\"]*)@")
_SECRET_NAME = re.compile(
    r"(SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|ACCESS_KEY|API_?KEY|CREDENTIAL|PRIVATE_KEY)",
    re.IGNORECASE,
)
_PATH_NAME = re.compile(r"(_FILE|_PATH|_DIR|_URI|_URL)$", re.IGNORECASE)


def without_userinfo(url: str) -> str:
    """``url`` without user and password; an ssh user without password stays."""

    def clean(match: re.Match[str]) -> str:
        if match["scheme"].lower().endswith("ssh://") and ":" not in match["user"]:
            return match[0]
        return match["scheme"]

    return _USERINFO.sub(clean, url)


def secrets_in(environment: Mapping[str, str]) -> set[str]:
    """The values in ``environment`` that are credentials, by their names and by being userinfo."""
    found = set()
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and not _PATH_NAME.search(name):
            found.add(value)
        for match in _USERINFO.finditer(value):
            if match["scheme"].lower() != "ssh://" or ":" in match["user"]:
                found.update(match["user"].split(":", 1)[-1:])
    return found


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that masks ``secrets`` and the userinfo of URLs in a text."""
    known: set[str] = set()
    for secret in secrets:
        lines = secret.splitlines()
        known.update(line for line in (secret, *lines) if len(line.strip()) >= MIN_SECRET)
    # Longest first: a secret that contains another one is masked whole.
    alternatives = "|".join(re.escape(value) for value in sorted(known, key=len, reverse=True))
    pattern = re.compile(alternatives) if alternatives else None

    def redact(text: str) -> str:
        text = without_userinfo(text)
        return pattern.sub(MASK, text) if pattern else text

    return redact
