"""Marks the version of a release, whether it becomes the champion or not."""

import re

from retrain_trainer.registry.versions import RELEASE, MLflowRegistry


def mark_release(registry: MLflowRegistry, number: int, tag: str) -> None:
    """Tag a version with the git tag, and give it the tag as an alias."""
    registry.tag(number, {RELEASE: tag})
    # MLflow refuses dots and slashes in aliases, and keeps v1 and latest to itself.
    alias = re.sub(r"[^\w-]", "-", tag, flags=re.ASCII)
    reserved = re.fullmatch(r"v\d+|latest", alias, re.IGNORECASE)
    registry.set_alias(f"release-{alias}" if reserved else alias, number)
