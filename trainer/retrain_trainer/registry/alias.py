"""The record of an alias on its registered model: how we know that a person has moved it.

MLflow keeps no history of aliases. So each move of ours is written down before (`done` false) and
after it, and so is the holder that a judgement ends with, whoever has set it. An alias that is
elsewhere than the last finished record says, while nobody of ours is at work, was moved by a
person, or deleted: the version that it was taken from is withdrawn from then on.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from retrain_core.verdict.promotion import PromotionReason
from retrain_trainer.registry.versions import (
    DECISION,
    PREFIX,
    WITHDRAWN,
    Model,
    Registry,
    Version,
)


@dataclass(frozen=True)
class AliasRecord:
    """The last that we know of an alias."""

    sequence: int = 0
    """0: nothing is known."""
    before: int | None = None
    to: int | None = None
    done: bool = True
    """Whether the alias was seen where ``to`` says; else it was about to be set."""
    by: int = 0
    """The version whose judgement wrote the record."""

    @classmethod
    def of(cls, model: Model, alias: str) -> "AliasRecord":
        """What the tag of ``model`` says; nothing where it makes no sense."""
        try:
            message = json.loads(model.tags[key(alias)])
            found = cls(
                message["sequence"], message["from"], message["to"], message["done"], message["by"]
            )
        except (KeyError, ValueError, TypeError):
            return cls()
        whole = (found.sequence, found.by, found.before or 0, found.to or 0)
        return found if all(isinstance(number, int) for number in whole) else cls()

    def text(self) -> str:
        content = asdict(self)
        content["from"] = content.pop("before")
        return json.dumps(content)

    def intended(self, held: int | None, to: int, by: int) -> "AliasRecord":
        return AliasRecord(self.sequence + 1, held, to, done=False, by=by)

    def seen(self, held: int | None, by: int) -> "AliasRecord":
        """The record once the alias was seen at ``held``."""
        if held == self.to and self.sequence:
            return replace(self, sequence=self.sequence + 1, done=True, by=by)
        return AliasRecord(self.sequence + 1, self.to, held, done=True, by=by)

    def agrees(self, held: int | None) -> bool:
        return self.sequence > 0 and self.done and self.to == held


def key(alias: str) -> str:
    """The tag of the registered model that has the record."""
    return f"{PREFIX}/alias.{alias}"


def respect_hand(
    registry: Registry,
    alias: str,
    model: Model,
    versions: Sequence[Version],
    *,
    by: int,
    serving: int | None,
) -> bool:
    """Write down that a person has moved ``alias``, if that is so.

    ``versions`` were read after ``model``, and none of them has a claim to ``alias`` that is
    open. The version ``serving`` is never withdrawn. Returns whether a person has.
    """
    record, held = AliasRecord.of(model, alias), model.aliases.get(alias)
    if not record.sequence or not record.done or record.to == held:
        return False
    now = registry.model()
    if AliasRecord.of(now, alias) != record or now.aliases.get(alias) != held:
        # Somebody of ours was still at work when it was read.
        return False
    known = {version.number: version for version in versions}
    holder = known.get(held or 0)
    if record.to in known and record.to != serving and not _accepted(holder, known[record.to]):
        _withdraw(registry, alias, known[record.to], versions)
    if holder is not None:
        _lift(registry, alias, holder, versions)
    registry.tag_model({key(alias): record.seen(held, by).text()})
    return True


def _accepted(holder: Version | None, before: Version) -> bool:
    """Whether the person has done no more than a decision had asked for."""
    return (
        holder is not None
        and holder.turn > before.turn
        and holder.tags.get(DECISION) == PromotionReason.PROMOTION_IS_MANUAL
    )


def _withdraw(registry: Registry, alias: str, taken: Version, versions: Sequence[Version]) -> None:
    since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    for version in versions:
        if version.number == taken.number or version.same_model(taken):
            registry.tag(version.number, {f"{WITHDRAWN}.{alias}": since})


def _lift(registry: Registry, alias: str, holder: Version, versions: Sequence[Version]) -> None:
    for version in versions:
        if version.withdrawn(alias) and (
            version.number == holder.number or version.same_model(holder)
        ):
            registry.untag(version.number, [f"{WITHDRAWN}.{alias}"])
