"""How many finished runs of a schedule stay."""

from collections.abc import Iterator

from retrain_operator.kube import objects
from retrain_operator.kube.objects import TRAINING_RUN, Object
from retrain_operator.plan.schedule.firing import run_name
from retrain_operator.plan.schedule.trigger_states import stored
from retrain_operator.plan.schedule.types import Action, Delete, Situation


def surplus(s: Situation) -> Iterator[Action]:
    """The deletion of what has finished and is more than the limits, the oldest first.

    Kubernetes' defaults for a schedule that cannot be read are not ours to guess: none goes.
    """
    if s.problem is not None:
        return
    limits = {
        True: s.spec.successful_runs_history_limit,
        False: s.spec.failed_runs_history_limit,
    }
    unjudged = {
        run_name(s.seen.owner, name, firing)
        for name, state in stored(s.seen.schedule).items()
        for firing in state.started
    }
    for succeeded, limit in limits.items():
        finished = [
            run
            for run in s.seen.records
            if has_finished(run)
            and ended_well(run) is succeeded
            # What follows from its end is written down first.
            and objects.name(run) not in unjudged
        ]
        finished.sort(key=lambda run: str(run["status"]["completionTime"]))
        for run in finished[: max(len(finished) - limit, 0)]:
            if not objects.being_deleted(run):
                yield Delete(TRAINING_RUN, run)


def has_finished(run: Object) -> bool:
    return "completionTime" in (run.get("status") or {})


def ended_well(run: Object) -> bool:
    return objects.condition(run, "Succeeded") is not None
