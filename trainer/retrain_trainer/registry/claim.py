"""The claim of a training: which version it found best and gives the alias to.

A tag of the version that it judges: version, alias, Unix time, judgement. Until the decision is
closed the training may still write what it says.
"""

import time
from dataclasses import dataclass

from retrain_trainer.registry.versions import PREFIX, Version
from retrain_trainer.tags import number_in

CLAIM = f"{PREFIX}/promoting"
ABANDONED = 24 * 3600
"""Seconds after which a claim whose decision is still open hides no person's move any more."""


@dataclass(frozen=True)
class Claim:
    """What a training gave an alias to, or was about to."""

    number: int
    alias: str
    since: int
    """Unix time."""

    @classmethod
    def of(cls, version: Version) -> "Claim | None":
        """The claim of ``version``'s latest judgement."""
        words = version.tags.get(CLAIM, "").split(" ", 3)
        number, alias, since, judgement = (*words, "", "", "", "")[:4]
        claimed = number_in(number)
        if claimed is None or judgement != version.judgement:
            return None
        return cls(claimed, alias, number_in(since) or 0)


def claim_tag(number: int, alias: str, mine: Version) -> dict[str, str]:
    """The tag by which the training of ``mine`` claims ``alias`` for version ``number``."""
    return {CLAIM: f"{number} {alias} {int(time.time())} {mine.judgement}".strip()}


def is_open(version: Version, alias: str) -> bool:
    """Whether the training of ``version`` may be about to set ``alias``."""
    claim = Claim.of(version)
    if claim is None or version.decided:
        return False
    return claim.alias == alias and claim.since > time.time() - ABANDONED
