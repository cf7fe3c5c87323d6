"""What one promotion has seen of the others: who is in the race, and whom to beat.

`promote.py` tells how a race goes.
"""

from collections.abc import Callable

from retrain_core.spec import Promotion
from retrain_core.verdict.promotion import Score, judge
from retrain_trainer.registry.versions import EVALUATION_DATA, PREFIX, PREVIOUS, Registry, Version

MANUAL_ALIAS = "challenger"
CLAIM = f"{PREFIX}/promoting"
"""The version that a training found best and gave the alias to, or was about to; the alias."""

Measure = Callable[[Version], tuple[float | None, str]]
"""A version's metric on today's data, or None and why there is none."""


class Race:
    """One promotion: what it has seen so far, and what it has written."""

    def __init__(
        self, registry: Registry, mine: Version, policy: Promotion, measure: Measure
    ) -> None:
        self.registry = registry
        self.mine = mine
        self.policy = policy
        self.alias = policy.alias if policy.mode == "Automatic" else MANUAL_ALIAS
        self._measure = measure
        self._measured: dict[int, tuple[float | None, str]] = {}
        self._written: set[int] = set()
        self.claimed = self._claim_of(mine)
        self.base = registry.holder(self.alias) if self.claimed is None else self.claimed
        """The version that holds the alias, as far as the race has not moved it."""
        self.versions = {version.number: version for version in registry.versions()}
        self._undecided = {v.number for v in self.versions.values() if not v.decided}
        self._newest = max(self.versions, default=mine.number)
        at_work = {number for number in self._undecided if self._claim_of(self.versions[number])}
        self._since = min(at_work, default=self._newest)
        self._replaced = int(mine.tags[PREVIOUS]) if PREVIOUS in mine.tags else None

    def look(self) -> int | None:
        """Read everything again; returns the holder of the alias that is decided about.

        An alias moved by a person is the new base.
        """
        held = self.champion = self.registry.holder(self.policy.alias)
        if self.alias != self.policy.alias:
            held = self.registry.holder(self.alias)
        # After the aliases: who holds one is registered by now.
        self.versions = {version.number: version for version in self.registry.versions()}
        known = {self.base, self.mine.number, *(rival.number for rival in self.rivals())}
        if held not in known and not self._gives_way(held):
            self.base = held
        return held

    def to_beat(self) -> tuple[Score | None, str]:
        """The version to beat, and why it has no metric.

        A challenger that waits for a person is to be beaten too, if it can be compared.
        """
        base = None if self.base is None else self.versions.get(self.base)
        if self.policy.mode == "Automatic":
            return self._scored(base)
        champion, why = self._scored(self.versions.get(self.champion or 0))
        if base is not None and self.comparable(base):
            waiting = Score(base.number, base.metric(self.policy.metric))
            if judge(champion, waiting, [], self.policy).champion == base.number:
                return waiting, ""
        return champion, why

    def replaced(self) -> Score | None:
        """The champion as it was before the race."""
        number = self.champion if self.policy.mode == "Manual" else self.base
        if number == self.mine.number:
            # An earlier attempt ended between setting the alias and saying so.
            number = self._replaced
        return self._scored(self.versions.get(number or 0))[0]

    def rivals(self) -> list[Version]:
        """The versions in the race that may be compared with mine."""
        return [
            version
            for version in self.versions.values()
            if self._in_race(version.number) and self.comparable(version)
        ]

    def overtaker(self) -> int | None:
        """The champion of a training later than mine, on other data: its judgement counts."""
        last = max(self._claims(), key=lambda version: version.number, default=self.mine)
        if last.number <= self.mine.number or self.comparable(last):
            return None
        return self._claim_of(last)

    def claim(self, number: int) -> None:
        tags = {CLAIM: f"{number} {self.alias}"}
        if self.base is not None and self.base != self.mine.number:
            tags = {PREVIOUS: str(self.base), **tags}
        self.registry.tag(self.mine.number, tags)
        self.claimed = number

    def set_alias(self, number: int) -> None:
        self._written.add(number)
        self.registry.set_alias(self.alias, number)

    def may_have_set(self, held: int | None) -> bool:
        """Whether the alias may be at ``held`` by a write of mine, this attempt's or another's."""
        return (
            self.claimed is not None
            and held is not None
            and (held in {self.mine.number, self.claimed, *self._written} or self._in_race(held))
        )

    def comparable(self, version: Version) -> bool:
        """Whether its recorded metric may be compared with mine."""
        if version.metric(self.policy.metric) is None:
            return False
        data = self.mine.tags.get(EVALUATION_DATA)
        return self.policy.evaluate_champion == "Never" or version.tags.get(EVALUATION_DATA) == data

    def _scored(self, version: Version | None) -> tuple[Score | None, str]:
        if version is None:
            return None, ""
        value, why = self._score(version)
        return Score(version.number, value), why

    def _score(self, version: Version) -> tuple[float | None, str]:
        recorded = version.metric(self.policy.metric)
        if version.number == self.mine.number:
            return recorded, ""
        how = self.policy.evaluate_champion
        if how != "Always" and self.comparable(version):
            return recorded, ""
        if how == "Never":
            return None, f"version {version.number} has no recorded {self.policy.metric}"
        if version.number not in self._measured:
            self._measured[version.number] = self._measure(version)
        return self._measured[version.number]

    def _in_race(self, number: int) -> bool:
        """Whether a version may be overwritten, or its training overwrite, during this race.

        What was decided before is history, and the alias says what came of it: were it judged
        again, a rollback by hand would not last.
        """
        return number != self.mine.number and (number in self._undecided or number > self._since)

    def _claims(self) -> list[Version]:
        """The versions in the race whose trainings have found a champion."""
        return [
            version
            for version in self.versions.values()
            if self._in_race(version.number) and self._claim_of(version) is not None
        ]

    def _claim_of(self, version: Version) -> int | None:
        number, _, alias = version.tags.get(CLAIM, "").partition(" ")
        return int(number) if alias == self.alias and number.isdecimal() else None

    def _gives_way(self, held: int | None) -> bool:
        """Whether ``held`` is of an earlier training on other data that has not looked yet."""
        ours = {version.number for version in self._claims() if self.comparable(version)}
        if self.claimed is not None:
            ours.add(self.mine.number)
        return held is not None and self._in_race(held) and held < max(ours, default=0)
