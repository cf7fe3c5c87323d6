"""The status of a RetrainSchedule: carried on, with what its CronJobs and runs add."""

from pydantic import BaseModel

from retrain_core.build.cronjob import cron_job_name
from retrain_core.crd.status import MAX_ACTIVE, MAX_SENTENCE
from retrain_core.spec import Trigger
from retrain_core.status import timestamp
from retrain_core.verdict.finding import REMEDIES, Finding, could_look
from retrain_operator.kube import objects
from retrain_operator.kube.objects import CRON_JOB, Object
from retrain_operator.plan.became import PROMOTED
from retrain_operator.plan.schedule.checks import failure_of, last_check, unread
from retrain_operator.plan.schedule.clocks import last_tick, next_tick
from retrain_operator.plan.schedule.concurrency import active
from retrain_operator.plan.schedule.history import ended_well, has_finished
from retrain_operator.plan.schedule.trigger_states import States, unreadable
from retrain_operator.plan.schedule.types import Situation
from retrain_operator.plan.status import condition, reason_of, sentence
from retrain_operator.plan.types import Status

UNREADABLE = "StateUnreadable"
"""Reason of a trigger that is left alone."""
_UNREADABLE = (
    "a newer version of the operator has written what is known of it here, and this one cannot"
    " read it: update the operator, or give the trigger another name to begin anew."
)
_CARRIED = (
    "lastRun",
    "lastSuccessfulRun",
    "lastScheduleTime",
    "lastCheck",
    "championVersion",
    "triggers",
)


def schedule_status(s: Situation, states: States) -> Status:
    """The whole status; ``states``: of the triggers that are no clock."""
    status: Status = {key: s.seen.status[key] for key in _CARRIED if key in s.seen.status}
    status["observedGeneration"] = objects.generation(s.seen.schedule)
    status["conditions"] = [*_conditions(s), *_checked(s, states)]
    status["active"] = [objects.name(run) for run in active(s)][-MAX_ACTIVE:]
    status |= _of_runs(s)
    if (last := last_tick(s)) is not None:
        status["lastScheduleTime"] = timestamp(last)
    if s.problem is None:
        status["triggers"] = [_trigger(s, trigger, states) for trigger in s.spec.triggers]
        if (check := last_check(s)) is not None:
            status["lastCheck"] = plain(check)
    if (due := next_tick(s)) is not None:
        status["nextScheduleTime"] = due.isoformat(timespec="seconds")
    return status


def problem_of(s: Situation) -> tuple[str, str] | None:
    """Reason and words for what a person must put right; None: nothing."""
    if s.problem is not None:
        return "InvalidSpec", s.problem
    if s.seen.taken:
        taken = ", ".join(sorted(f"{kind.name} {name}" for kind, name in s.seen.taken))
        return "NameTaken", f"not this schedule's and left alone, under a name it needs: {taken}"
    if s.seen.refusals:
        (first, *_) = sorted(s.seen.refusals, key=lambda named: (named[0].name, named[1]))
        text = "; ".join(sorted(f"{name}: {words}" for (_, name), words in s.seen.refusals.items()))
        return ("CronJobRefused" if first[0] is CRON_JOB else "RunRefused"), text
    return None


def _conditions(s: Situation) -> list[Object]:
    wrong = problem_of(s)
    if wrong is not None:
        reason, text = wrong
        return [
            _condition(s, "Ready", "False", reason, text),
            _condition(s, "Stalled", "True", reason, text),
        ]
    if s.spec.suspend:
        return [_condition(s, "Ready", "True", "Suspended", "spec.suspend is set: nothing starts")]
    return [_condition(s, "Ready", "True", "Waiting", "waits for its triggers")]


def plain(model: BaseModel) -> Object:
    """``model`` as it stands in a status."""
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _checked(s: Situation, states: States) -> list[Object]:
    """Whether the last check could look at all that it is for."""
    if s.problem is not None:
        return [found for found in [objects.any_condition(s.seen.schedule, "Checked")] if found]
    left = unreadable(s.seen.schedule)
    if not states and not left:
        return []
    new = unread(s.seen.schedule, s.seen.checks)
    failure = failure_of(new[-1]) if new else None
    blind = [
        *((UNREADABLE, f"{name}: {_UNREADABLE}") for name in left),
        *(
            (state.reason, f"{name}: {state.message}")
            for name, state in states.items()
            if not could_look(state.reason)
        ),
    ]
    if failure is not None:
        text = f"{failure}. {REMEDIES[Finding.CHECK_FAILED]}"
        return [_condition(s, "Checked", "False", Finding.CHECK_FAILED, text)]
    if not new and not left:
        before = objects.any_condition(s.seen.schedule, "Checked")
        unknown = ("Checked", "Unknown", "NotYet", "no check has ended yet")
        return [before or _condition(s, *unknown)]
    if blind:
        text = "; ".join(words for _, words in blind)
        return [_condition(s, "Checked", "False", str(blind[0][0]), text)]
    return [_condition(s, "Checked", "True", "Looked", "every trigger could be looked at")]


def _trigger(s: Situation, trigger: Trigger, states: States) -> Object:
    if trigger.cron is None and trigger.name not in states:
        entry = unreadable(s.seen.schedule)[trigger.name]
        return {**entry, "type": trigger.type, "reason": UNREADABLE, "message": _UNREADABLE}
    if trigger.cron is None:
        unseen = {} if states[trigger.name].reason else {"message": "no check has ended yet."}
        return {**plain(states[trigger.name]), **unseen}
    name = cron_job_name(s.seen.owner.name, trigger.name)
    found: Object = {"name": trigger.name, "type": "Cron"}
    clock = next((item for item in s.seen.cron_jobs if objects.name(item) == name), None)
    if clock is not None and (last := (clock.get("status") or {}).get("lastScheduleTime")):
        found["lastFired"] = last
    if refusal := s.seen.refusals.get((CRON_JOB, name)):
        found["message"] = sentence(refusal, MAX_SENTENCE)
    return found


def _of_runs(s: Situation) -> Status:
    """What is told of a run stays when the run is gone, until there is something newer."""
    found: Status = {}
    told, known = s.seen.status.get("lastRun"), {objects.name(run) for run in s.seen.records}
    newest = s.seen.records[-1] if s.seen.records else None
    if newest is not None and not (told and _later(told, newest, known)):
        found["lastRun"] = _summary(newest)
    elif told and "completionTime" not in told:
        # It was deleted before it had ended.
        found["lastRun"] = {key: value for key, value in told.items() if key != "reason"}
    well = [run for run in s.seen.records if has_finished(run) and ended_well(run)]
    last = max(well, key=_ended, default=None)
    before = (s.seen.status.get("lastSuccessfulRun") or {}).get("completionTime", "")
    if last is not None and _ended(last) >= before:
        found["lastSuccessfulRun"] = _summary(last)
        if champion := _champion(last):
            found["championVersion"] = champion
    return found


def _later(told: Object, run: Object, known: set[str]) -> bool:
    """Whether the run that was ``told`` of is gone and newer than ``run``."""
    began = str(told.get("startTime") or told.get("completionTime") or "")
    return told["name"] not in known and began > str(run["metadata"]["creationTimestamp"])


def _ended(run: Object) -> str:
    return str(run["status"]["completionTime"])


def _summary(run: Object) -> Object:
    status = run.get("status") or {}
    found = {
        "name": objects.name(run),
        "trigger": (status.get("trigger") or {}).get("name"),
        "reason": reason_of(status),
        "promotion": (objects.any_condition(run, PROMOTED) or {}).get("reason"),
        "startTime": status.get("startTime"),
        "completionTime": status.get("completionTime"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _champion(run: Object) -> str | None:
    """The version that served after ``run`` had ended."""
    model = run["status"].get("model") or {}
    found = model.get("version") if model.get("promoted") else model.get("previousVersion")
    return str(found) if found else None


def _condition(s: Situation, type_: str, status: str, reason: str, message: str) -> Object:
    return condition(s.seen.schedule, s.now, type_, status, reason, sentence(message))
