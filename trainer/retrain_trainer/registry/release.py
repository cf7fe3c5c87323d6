"""Marks the version of a release, whether it becomes the champion or not."""

from retrain_trainer.registry.versions import RELEASE, MLflowRegistry


def mark_release(registry: MLflowRegistry, number: int, tag: str) -> None:
    """Tag a version with the git tag, and give it the tag as an alias."""
    registry.tag(number, {RELEASE: tag})
    # MLflow refuses dots in aliases.
    registry.set_alias(tag.replace(".", "-"), number)
