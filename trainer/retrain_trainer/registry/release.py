"""Marks the version of a release, whether it becomes the champion or not."""

import re
from collections.abc import Callable
from typing import Protocol

from retrain_core.spec.training_run import Promotion
from retrain_trainer.registry.versions import RELEASE, Version

MAX_ALIAS = 255
_NUMBERED = re.compile(r"(release[-_])?v?\d[\w-]*", re.IGNORECASE | re.ASCII)
_RESERVED = re.compile(r"v\d+|latest", re.IGNORECASE)
"""What MLflow keeps to itself."""


class Aliases(Protocol):
    """What a release needs of a registry."""

    def holder(self, alias: str) -> int | None: ...

    def get(self, number: int) -> Version: ...

    def set_alias(self, alias: str, number: int) -> None: ...

    def tag(self, number: int, tags: dict[str, str]) -> None: ...


def mark_release(
    registry: Aliases,
    number: int,
    tag: str,
    promotion: Promotion | None,
    warn: Callable[[str], None],
) -> None:
    """Tag a version with the git tag, and give it the tag as an alias.

    Several git tags are one alias; that of another tag, or of a person, stays where it is.
    """
    registry.tag(number, {RELEASE: tag})
    alias = release_alias(tag, promotion)
    held = registry.holder(alias)
    if held not in (None, number):
        other = registry.get(held).tags.get(RELEASE)
        if other != tag:
            whose = f"for the git tag {other}" if other else "from somebody else"
            warn(
                f"version {held} has the alias {alias} {whose}: version {number} gets the tag"
                f" {RELEASE}={tag} alone. Set an alias on it by hand if it needs one"
            )
            return
    registry.set_alias(alias, number)


def release_alias(tag: str, promotion: Promotion | None) -> str:
    """The alias for a git tag, which is never one that says what serves.

    A tag that is no number of a release gets `release-` in front: whoever may push tags must not
    come to be `production`, whether or not a version has that alias yet.
    """
    # MLflow refuses dots and slashes in aliases.
    alias = re.sub(r"[^\w-]", "-", tag, flags=re.ASCII)
    if not _NUMBERED.fullmatch(alias) or _RESERVED.fullmatch(alias):
        alias = f"release-{alias}"
    alias = alias[:MAX_ALIAS]
    if promotion and alias.lower() == promotion.alias.lower():
        alias = f"release-{alias}"[:MAX_ALIAS]
    return alias
