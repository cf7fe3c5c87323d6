"""Today's data against the profile of the champion's training data."""

import json
from datetime import UTC, datetime

from retrain_core.evidence import MAX_SCORES, ColumnScore, DriftEvidence
from retrain_core.outcome import Reason, RunFailed
from retrain_core.result import MAX_WORD
from retrain_core.spec import Trigger
from retrain_core.spec.retrain_schedule import Drift
from retrain_core.verdict.finding import Finding
from retrain_trainer.check.champion import Champion
from retrain_trainer.check.compare import Compared, compare, in_order
from retrain_trainer.check.context import CheckContext, NotSeen, Once
from retrain_trainer.check.current import Current, read_current
from retrain_trainer.check.fit import Fits, largest
from retrain_trainer.check.reference import Reference
from retrain_trainer.check.repository import Repository
from retrain_trainer.check.time_budget import BudgetExceeded, half_of_the_rest, limit
from retrain_trainer.tracking.drift import record_drift
from retrain_trainer.tracking.pictures import drift_svg


def look(
    trigger: Trigger,
    context: CheckContext,
    repository: Repository,
    champion: Once[Champion],
    fits: Fits,
) -> DriftEvidence:
    """The scores of today's columns.

    Raises:
        NotSeen: there is no champion, profile, table, or too little of it.
        RunFailed: the tracking server, the store or the repository.
    """
    spec = trigger.drift
    assert spec is not None
    held = champion.get()
    current = read_current(spec.current, context, repository)
    rows = len(current.table)
    if rows < spec.min_rows:
        message = f"{rows} rows of today's data, where drift.minRows is {spec.min_rows}"
        raise NotSeen(Finding.TOO_FEW_ROWS, message)
    columns = _columns(current, held.reference, spec, context)
    judged = [one for one in columns if one.is_judged]
    drifted = [one for one in judged if one.has_drifted(spec.threshold)]
    for one in columns:
        context.report.note(f"{one.name}: {_text(one)}")
    seen = DriftEvidence(
        champion=str(held.version),
        digest=current.digest,
        rows=rows,
        judged=len(judged),
        drifted=len(drifted),
    )
    if context.record:
        _record(trigger.name, spec, held, seen, columns, context)
    return _filled(seen, columns, fits)


def _columns(
    current: Current, reference: Reference, spec: Drift, context: CheckContext
) -> list[Compared]:
    """Those that count, the drifted first, without secrets in their names."""
    profile = context.run.model.profile if context.run.model else None
    include = set(spec.columns.include)
    excluded = {*spec.columns.exclude, *(profile.exclude if profile else ())}

    def wanted(name: str) -> bool:
        return name not in excluded and (not include or name in include)

    if not any(map(wanted, reference.columns)):
        raise NotSeen(
            Finding.NO_COLUMNS, f"none of the {len(reference.columns)} columns is to be judged"
        )
    found = compare(current.table, reference, wanted)
    shown = [Compared(context.redact(one.name), one.outcome, one.psi) for one in found]
    return in_order(shown, spec.threshold)


def _filled(seen: DriftEvidence, columns: list[Compared], fits: Fits) -> DriftEvidence:
    scores = [
        ColumnScore(
            column=one.name[:MAX_WORD],
            outcome=one.outcome,
            psi=None if one.psi is None else f"{one.psi:.4f}",
        )
        for one in columns
    ]

    def told(count: int) -> DriftEvidence:
        return seen.model_copy(update={"scores": scores[:count]})

    return told(largest(min(len(scores), MAX_SCORES), lambda count: fits(told(count))) or 0)


def _record(
    name: str,
    spec: Drift,
    held: Champion,
    seen: DriftEvidence,
    columns: list[Compared],
    context: CheckContext,
) -> None:
    """All scores onto the champion's run; a server that refuses them is no reason not to look."""
    scores = {one.name: one.psi for one in columns if one.psi is not None}
    metrics = {"share": seen.drifted / seen.judged if seen.judged else 0.0}
    if scores:
        metrics["max_psi"] = max(scores.values())
    content = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "champion": held.version,
        "digest": seen.digest,
        "rows": seen.rows,
        "threshold": spec.threshold,
        "columns": {one.name: {"outcome": one.outcome, "psi": one.psi} for one in columns},
    }
    title = f"{name}: drift from the data of version {held.version}"
    texts = {
        "json": json.dumps(content, indent=1, allow_nan=False),
        "svg": drift_svg(title, scores, spec.threshold),
    }
    try:
        with limit(half_of_the_rest()):
            record_drift(held.client, held.tracking_uri, held.run_id, name, texts, metrics)
    except BudgetExceeded:
        context.report.warn("the scores are not recorded: the tracking server does not answer")
    except RunFailed as failure:
        context.report.warn(f"the scores are not recorded: {failure.message}")
    except Exception as error:
        # Of its store of artifacts MLflow passes on whatever that raises.
        message = " ".join(str(error).split())[:300]
        context.report.warn(f"the scores are not recorded: {Reason.INTERNAL_ERROR}: {message}")


def _text(one: Compared) -> str:
    return one.outcome if one.psi is None else f"{one.outcome}, PSI {one.psi:.4f}"
