"""What a training says in a tag of its version before it moves an alias."""

import time

from retrain_trainer.registry.versions import PREFIX, Version

CLAIM = f"{PREFIX}/promoting"
"""What a training gave the alias to, or was about to: version, alias, Unix time, judgement."""
ABANDONED = 24 * 3600
"""Seconds after which a claim whose decision is still open hides no person's move any more."""


def claim_of(version: Version) -> tuple[int | None, str, int]:
    """Version, alias and Unix time of the claim of ``version``'s latest judgement."""
    words = version.tags.get(CLAIM, "").split(" ", 3)
    number, alias, since, judgement = (*words, "", "", "", "")[:4]
    if not number.isdecimal() or judgement != version.judgement:
        return None, "", 0
    return int(number), alias, int(since) if since.isdecimal() else 0


def is_open(version: Version, alias: str) -> bool:
    """Whether the training of ``version`` may be about to set ``alias``."""
    number, claimed, since = claim_of(version)
    if number is None or version.decided:
        return False
    return claimed == alias and since > time.time() - ABANDONED
