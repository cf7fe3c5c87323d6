"""The alias of a release: the git tag, as MLflow takes it."""

import pytest

from retrain_core.spec import Promotion
from retrain_trainer.registry.release import release_alias


@pytest.mark.parametrize(
    ("tag", "alias"),
    [
        ("v1.2.0", "v1-2-0"),
        ("release/2026.1", "release-2026-1"),
        # MLflow keeps these to itself.
        ("v1", "release-v1"),
        ("latest", "release-latest"),
        # Whoever may push tags promotes no version with them.
        ("champion", "release-champion"),
        ("Challenger", "release-Challenger"),
        ("production", "release-production"),
        ("x" * 300, "x" * 255),
    ],
)
def test_it_is_the_tag_but_for_what_means_something_else(tag: str, alias: str) -> None:
    promotion = Promotion.model_validate({"metric": "f1", "alias": "production"})
    assert release_alias(tag, promotion) == alias
