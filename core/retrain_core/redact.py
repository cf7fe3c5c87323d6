"""Secrets out of text: whatever leaves the process passes through here."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
MIN_SECRET = 4
"""Shorter values would mask ordinary words; nothing that short is a credential worth the name."""
MIN_PART = 8
"""Of the beginning of a secret, which a line that was cut may end with; and of its base64."""
_CUT = re.compile(r"\.\.\.|…|\n|$")

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


def values_from_secrets(pod: Mapping[str, Any], environment: Mapping[str, str]) -> set[str]:
    """The values in ``environment`` of the variables that ``pod``, a spec.pod, takes from Secrets.

    Of `envFrom` the names are the Secret's own: there :func:`secrets_in` has to know them.
    """
    variables = {each["name"] for each in pod.get("env", ()) if _is_secret(each)}
    return {environment[name] for name in variables if name in environment}


def _is_secret(variable: Mapping[str, Any]) -> bool:
    return "secretKeyRef" in (variable.get("valueFrom") or {})


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without the variables that are credentials, or lead to a file of them."""
    return {
        name: value
        for name, value in environment.items()
        if not _SECRET_NAME.search(name) and not secrets_in({name: value})
    }


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that masks ``secrets`` and the userinfo of URLs in a text.

    As they are, quoted for a URL, in base64 wherever they stand in it; and their first characters,
    where a line was cut after them.
    """
    known: set[str] = set()
    for secret in secrets:
        for part in (secret, *secret.splitlines()):
            if len(stripped := part.strip()) >= MIN_SECRET:
                known |= {stripped, quote(stripped), quote(stripped, safe=""), quote_plus(stripped)}
                known |= _in_base64(stripped)
    # Longest first: a secret that contains another one is masked whole.
    ordered = sorted(known, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, ordered)))
    long = [value for value in ordered if len(value) > MIN_PART]
    heads = re.compile("|".join(sorted({re.escape(value[:MIN_PART]) for value in long})))

    def redact(text: str) -> str:
        text = without_userinfo(text)
        if known:
            text = pattern.sub(MASK, text)
        for match in reversed(list(heads.finditer(text)) if long else ()):
            start = match.start()
            end = start + max(_common(value, text, start) for value in long)
            if _CUT.match(text, end):
                text = text[:start] + MASK + text[end:]
        return text

    return redact


def _common(value: str, text: str, start: int) -> int:
    """How many characters of ``value`` stand in ``text`` from ``start`` on."""
    end = min(len(value), len(text) - start)
    return next((n for n in range(end) if value[n] != text[start + n]), end)


def _in_base64(secret: str) -> set[str]:
    """What the base64 of a text with ``secret`` in it has of it alone, whatever stands before."""
    found = set()
    content = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        whole = (b"\0" * before + content)[: (before + len(content)) // 3 * 3]
        for encode in (b64encode, urlsafe_b64encode):
            part = encode(whole).decode()[(0, 2, 3)[before] :]
            if len(part) >= MIN_PART:
                found.add(part)
    return found
