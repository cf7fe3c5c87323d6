"""The alias of a release: the git tag, as MLflow takes it."""

from dataclasses import dataclass, field

import pytest

from retrain_core.spec import Promotion
from retrain_trainer.registry.release import mark_release, release_alias
from retrain_trainer.registry.versions import RELEASE, Version

PROMOTION = Promotion.model_validate({"metric": "f1", "alias": "v1-live"})


@pytest.mark.parametrize(
    ("tag", "alias"),
    [
        ("v1.2.0", "v1-2-0"),
        ("release/2026.1", "release-2026-1"),
        ("2026-11-30", "2026-11-30"),
        # MLflow keeps these to itself.
        ("v1", "release-v1"),
        ("latest", "release-latest"),
        # Whoever may push tags promotes no version with them.
        ("champion", "release-champion"),
        ("Challenger", "release-Challenger"),
        ("production", "release-production"),
        ("staging", "release-staging"),
        ("V1-Live", "release-V1-Live"),
        ("v1" * 200, "v1" * 127 + "v"),
    ],
)
def test_it_is_the_tag_but_for_what_means_something_else(tag: str, alias: str) -> None:
    assert release_alias(tag, PROMOTION) == alias


def test_it_is_never_the_alias_of_the_promotion() -> None:
    promotion = Promotion.model_validate({"metric": "f1", "alias": "release-v1"})
    assert release_alias("v1", promotion) == "release-release-v1"


@dataclass
class Aliases:
    held: dict[str, int] = field(default_factory=dict)
    tags: dict[int, dict[str, str]] = field(default_factory=dict)

    def holder(self, alias: str) -> int | None:
        return self.held.get(alias)

    def get(self, number: int) -> Version:
        return Version(number, None, self.tags.get(number, {}))

    def set_alias(self, alias: str, number: int) -> None:
        self.held[alias] = number

    def tag(self, number: int, tags: dict[str, str]) -> None:
        self.tags.setdefault(number, {}).update(tags)


def test_an_alias_that_another_git_tag_or_a_person_has_given_is_not_moved() -> None:
    registry, warnings = Aliases({"v2-0-0": 7}), list[str]()
    mark_release(registry, 1, "v1.2.0", None, warnings.append)
    mark_release(registry, 2, "v1-2-0", None, warnings.append)
    mark_release(registry, 3, "v2.0.0", None, warnings.append)
    assert registry.held == {"v1-2-0": 1, "v2-0-0": 7}
    assert [tags[RELEASE] for tags in registry.tags.values()] == ["v1.2.0", "v1-2-0", "v2.0.0"]
    assert "version 1 has the alias v1-2-0 for the git tag v1.2.0" in warnings[0]
    assert "version 7 has the alias v2-0-0 from somebody else" in warnings[1]
    mark_release(registry, 4, "v1.2.0", None, warnings.append)
    assert registry.held["v1-2-0"] == 4
    assert len(warnings) == 2
