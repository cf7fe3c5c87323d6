"""Marks the version of a release, whether it becomes the champion or not."""

import re

from retrain_core.spec.training_run import Promotion
from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.registry.versions import RELEASE

MAX_ALIAS = 255


def mark_release(
    registry: MLflowRegistry, number: int, tag: str, promotion: Promotion | None
) -> None:
    """Tag a version with the git tag, and give it the tag as an alias."""
    registry.tag(number, {RELEASE: tag})
    registry.set_alias(release_alias(tag, promotion), number)


def release_alias(tag: str, promotion: Promotion | None) -> str:
    """The alias for a git tag: never one by which versions are promoted."""
    # MLflow refuses dots and slashes in aliases, and keeps v1 and latest to itself.
    alias = re.sub(r"[^\w-]", "-", tag, flags=re.ASCII)
    promoting = {"champion", "challenger", *([promotion.alias] if promotion else ())}
    if alias.lower() in {name.lower() for name in promoting} or _RESERVED.fullmatch(alias):
        alias = f"release-{alias}"
    return alias[:MAX_ALIAS]


_RESERVED = re.compile(r"v\d+|latest", re.IGNORECASE)
