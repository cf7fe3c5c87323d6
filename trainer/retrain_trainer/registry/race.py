"""What one promotion has seen of the others: who is in the race, and whom to beat.

`promote.py` tells how a race goes.
"""

from collections.abc import Callable, Container
from dataclasses import replace

from retrain_core.spec import Promotion
from retrain_core.verdict.promotion import Score, Turn, judge
from retrain_trainer.registry.alias import AliasRecord, key, respect_hand
from retrain_trainer.registry.claim import Claim, claim_tag, is_open
from retrain_trainer.registry.versions import (
    EVALUATION,
    JUDGED_AGAIN,
    PREVIOUS,
    Registry,
    Version,
)

MANUAL_ALIAS = "challenger"

Measure = Callable[[Version], tuple[float | None, str]]
"""A version's metric on today's data, or None and why there is none."""


class Race:
    """One promotion: what it has seen so far, and what it has written."""

    def __init__(
        self,
        registry: Registry,
        mine: Version,
        policy: Promotion,
        measure: Measure,
        other_files: Container[str] = (),
        *,
        again: str | None = None,
    ) -> None:
        """``again``: uid of the Job for whose sake a decided version is judged once more.

        Such a race only looks; whoever finds that something is to be moved starts another.
        """
        self.passive = again is not None
        self.registry = registry
        self.policy = policy
        self.alias = policy.alias if policy.mode == "Automatic" else MANUAL_ALIAS
        self._measure = measure
        self._other_files = other_files
        self._measured: dict[int, tuple[float | None, str]] = {}
        self._written: set[int] = set()
        self._model = registry.model()
        self.versions = {version.number: version for version in registry.versions()}
        if again is not None:
            newest = max(self.versions, default=mine.number)
            mine = replace(mine, tags={**mine.tags, JUDGED_AGAIN: f"{newest} {again}"})
        self.mine = mine
        self.claimed = self._claim_of(mine)
        self.base = self._model.aliases.get(self.alias) if self.claimed is None else self.claimed
        """The version that holds the alias, as far as the race has not moved it."""
        self._judgements = {v.number: v.judgement for v in self.versions.values()}
        self._undecided = {v.number for v in self.versions.values() if not v.decided}
        turns = {version.number: version.turn for version in self.versions.values()}
        at_work = [turns[n] for n in self._undecided if self._claim_of(self.versions[n])]
        self._since = min(at_work, default=max(turns.values(), default=mine.turn))
        self.resumed = self.claimed is not None
        """Whether an earlier attempt may have moved the alias."""
        replaced = mine.tags.get(PREVIOUS) if self.resumed else None
        self._replaced = int(replaced) if replaced else None

    def look(self) -> int | None:
        """Read everything again; returns the holder of the alias that is decided about.

        An alias moved by a person is the new base.
        """
        self._model = self.registry.model()
        held = self._model.aliases.get(self.alias)
        self.champion = self._model.aliases.get(self.policy.alias)
        # After the aliases: who holds one is registered by now.
        self.versions = {version.number: version for version in self.registry.versions()}
        if any(self._respect_hand(alias) for alias in self._aliases):
            return self.look()
        if held not in self._known() and not self._gives_way(held):
            self.base = held
        return held

    def _known(self) -> set[int | None]:
        """The versions that are judged."""
        return {self.base, self.mine.number, *(rival.number for rival in self.rivals())}

    def to_beat(self) -> tuple[Score | None, str]:
        """The version to beat, and why it has no metric.

        A challenger that waits for a person is to be beaten too, if it can be compared.
        """
        base = self._counting(self.base)
        if self.policy.mode == "Automatic":
            return self._scored(base)
        champion, why = self._scored(self._counting(self.champion))
        if base is not None and self.comparable(base):
            waiting = self._score_of(base, base.metric(self.policy.metric))
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

    def is_other_file(self, version: Version) -> bool:
        """Whether it was registered from an output that is not the model."""
        return version.model_path in self._other_files

    def rivals(self) -> list[Version]:
        """The versions in the race that may be compared with mine."""
        return [
            version
            for version in self.versions.values()
            if self._in_race(version)
            and self.comparable(version)
            and not self._withdrawn_from(version)
        ]

    def withdrawn(self) -> str | None:
        """The alias that a person has taken from mine, or from one like it."""
        mine = self.versions.get(self.mine.number, self.mine)
        if mine.number in (self.champion, self._model.aliases.get(self.alias)):
            return None
        return self._withdrawn_from(mine)

    def overtaker(self) -> int | None:
        """The champion of a training later than mine, on other data: its judgement counts.

        That may have been over before this race began. On the same data both find the same
        champion, unless the later one has found one in this race that mine does not know.
        """
        claiming = [v for v in self.versions.values() if self._claim_of(v) is not None]
        last = max(claiming, key=lambda version: version.turn, default=self.mine)
        if last.turn <= self.mine.turn:
            return None
        found = self._claim_of(last)
        if self.comparable(last) and (not self._in_race(last) or found in self._known()):
            return None
        return found

    def claim(self, number: int) -> None:
        tags = claim_tag(number, self.alias, self.mine)
        if self.base is not None and self.base != self.mine.number:
            tags = {PREVIOUS: str(self.base), **tags}
        self.registry.tag(self.mine.number, tags)
        self.claimed = number

    def set_alias(self, number: int) -> None:
        self._written.add(number)
        record = AliasRecord.of(self._model, self.alias)
        held = self._model.aliases.get(self.alias)
        intended = record.intended(held, number, self.mine.number)
        self.registry.tag_model({key(self.alias): intended.text()})
        self.registry.set_alias(self.alias, number)

    def recorded(self) -> bool:
        """Whether the aliases stand as their records say; else these are written anew."""
        stale = [
            alias
            for alias in self._aliases
            if not AliasRecord.of(self._model, alias).agrees(self._model.aliases.get(alias))
            # Who is at work there sees to it, and sees whether it was a person.
            and (self._written or self.resumed or not self._open_claims(alias))
        ]
        for alias in stale:
            record = AliasRecord.of(self._model, alias)
            seen = record.seen(self._model.aliases.get(alias), self.mine.number)
            self.registry.tag_model({key(alias): seen.text()})
        return not stale

    def may_have_set(self, held: int | None) -> bool:
        """Whether the alias may be at ``held`` by a write of mine, this attempt's or another's."""
        if self.claimed is None or held is None:
            return False
        return held in {self.mine.number, self.claimed, *self._written} or self._number_in_race(
            held
        )

    def comparable(self, version: Version) -> bool:
        """Whether its recorded metric may be compared with mine."""
        if version.metric(self.policy.metric) is None:
            return False
        if self.policy.evaluate_champion == "Never":
            return True
        same = self.mine.tags.get(EVALUATION)
        return same is not None and version.tags.get(EVALUATION) == same

    @property
    def _aliases(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.policy.alias, self.alias)))

    def _respect_hand(self, alias: str) -> bool:
        ours = alias == self.alias and self.may_have_set(self._model.aliases.get(alias))
        if ours or self._open_claims(alias):
            return False
        return respect_hand(
            self.registry,
            alias,
            self._model,
            list(self.versions.values()),
            by=self.mine.number,
            serving=self.champion if alias != self.policy.alias else None,
        )

    def _withdrawn_from(self, version: Version) -> str | None:
        for alias in self._aliases:
            if any(
                other.withdrawn(alias)
                and (other.number == version.number or other.same_model(version))
                for other in self.versions.values()
            ):
                return alias
        return None

    def _counting(self, number: int | None) -> Version | None:
        version = self.versions.get(number or 0)
        return None if version is None or self.is_other_file(version) else version

    def _scored(self, version: Version | None) -> tuple[Score | None, str]:
        if version is None:
            return None, ""
        value, why = self._score(version)
        return self._score_of(version, value), why

    def _score_of(self, version: Version, value: float | None) -> Score:
        turn = self.mine.turn if version.number == self.mine.number else version.turn
        return Score(version.number, value, turn)

    def score(self, version: Version) -> Score:
        """A version of the race with the metric it has recorded."""
        return self._score_of(version, version.metric(self.policy.metric))

    def _score(self, version: Version) -> tuple[float | None, str]:
        recorded = version.metric(self.policy.metric)
        if version.number == self.mine.number:
            return self.mine.metric(self.policy.metric), ""
        if self.is_other_file(version):
            return None, ""
        how = self.policy.evaluate_champion
        if how != "Always" and self.comparable(version):
            return recorded, ""
        if how == "Never":
            return None, f"version {version.number} has no recorded {self.policy.metric}"
        if version.number not in self._measured:
            self._measured[version.number] = self._measure(version)
        return self._measured[version.number]

    def _in_race(self, version: Version) -> bool:
        """Whether a version may be overwritten, or its training overwrite, during this race.

        What was decided before is history, and the alias says what came of it: were it judged
        again, a rollback by hand would not last.
        """
        if version.number == self.mine.number or version.duplicate:
            return False
        return (
            version.number in self._undecided
            or version.turn > self._since
            or self._judgements.get(version.number, "") != version.judgement
        )

    def _number_in_race(self, number: int) -> bool:
        return number in self.versions and self._in_race(self.versions[number])

    def _claims(self) -> list[Version]:
        """The versions in the race whose trainings have found a champion."""
        return [
            version
            for version in self.versions.values()
            if self._in_race(version) and self._claim_of(version) is not None
        ]

    def _claim_of(self, version: Version) -> int | None:
        claim = Claim.of(version)
        return claim.number if claim and claim.alias == self.alias else None

    def _open_claims(self, alias: str) -> bool:
        """Whether another training may be about to set ``alias``."""
        others = (v for v in self.versions.values() if v.number != self.mine.number)
        return any(is_open(version, alias) for version in others)

    def _gives_way(self, held: int | None) -> bool:
        """Whether ``held`` is of an earlier training on other data that has not looked yet."""
        ours: list[Turn] = [v.turn for v in self._claims() if self.comparable(v)]
        if self.claimed is not None:
            ours.append(self.mine.turn)
        if held is None or not self._number_in_race(held):
            return False
        return self.versions[held].turn < max(ours, default=(0, 0))
