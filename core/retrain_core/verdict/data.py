"""Whether what a data trigger looks at has changed since it was last trained."""

from retrain_core.evidence import DataEvidence
from retrain_core.spec.retrain_schedule import Data
from retrain_core.verdict.finding import Cause, Finding, Verdict

_SHOWN = 3
"""Paths that a message names."""


def judge(seen: DataEvidence, spec: Data, known: str | None) -> Verdict:
    """A cause if any path holds something else than when a run was last started for it.

    The first look records what is there. Known are the ids, in the order of the paths.
    """
    now = " ".join(seen.ids)
    shown = _named([f"{path}: {id_}" for path, id_ in zip(spec.paths, seen.ids, strict=False)])
    if known is None:
        message = "what is there is recorded and not trained; later changes are"
        return Verdict(Finding.RECORDED, message, shown, now)
    if known == now:
        return Verdict(Finding.DATA_UNCHANGED, "nothing has changed", shown, known)
    before = known.split(" ")
    changed = [
        f"{path}: {was} -> {id_}"
        for path, was, id_ in zip(spec.paths, before, seen.ids, strict=False)
        if was != id_
    ]
    imports = tuple(spec.paths[place] for place in seen.imports if place < len(spec.paths))
    evidence = f"changed: {_named(changed)}"
    cause = Cause(evidence, update=imports, known=now)
    return Verdict(Finding.DATA_CHANGED, evidence, shown, known, (cause,))


def _named(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
