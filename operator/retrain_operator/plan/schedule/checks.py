"""What the checks report: each is read once, in the order in which they were made.

One that has ended after a newer one was read is not read any more.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from retrain_core import names
from retrain_core.build.check import build_check
from retrain_core.crd.status import MAX_FIRINGS, MAX_SENTENCE, Firing, LastCheck, TriggerStatus
from retrain_core.evidence import Evidence, Report, parse_report
from retrain_core.spec import Trigger
from retrain_core.verdict.finding import Finding, Verdict
from retrain_core.verdict.triggers import judge
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, Object
from retrain_operator.plan.ending import has_ended
from retrain_operator.plan.schedule.trigger_states import States, is_release
from retrain_operator.plan.schedule.types import Action, Check, Delete, Situation
from retrain_operator.plan.status import first_cut_short, sentence, terminated

AT_ONCE = 20
MAX_TOLD = 128 * 1024
"""Characters of what is known of all triggers in one check: with the spec of a run and the
triggers they stand in an annotation, and Kubernetes allows 256 KiB."""
KEPT = 3
"""Checks whose logs can still be read."""
_SETTLED = (Finding.NOT_DRIFTED, Finding.WITHIN_THRESHOLD, Finding.RECORDED)
"""After these nothing that was due is due any more."""
_AS_BEFORE = (Finding.NO_NEW_TAG, Finding.DATA_UNCHANGED, Finding.ALREADY_TRAINED)
"""After these a trigger that gave up has nothing new to go on with."""


def wanted_check(s: Situation, states: States) -> Object | None:
    """The CronJob of the checks; None where every trigger is a clock."""
    if not states:
        return None
    large = _too_large(states)
    told = {name: state for name, state in states.items() if name not in large}
    known = {name: state.known for name, state in told.items() if state.known is not None}
    looked = [trigger for trigger in s.spec.triggers if trigger.name not in large]
    spec = s.spec.model_copy(update={"triggers": looked})
    return build_check(
        s.seen.owner, spec, s.seen.run_template, known, s.settings.defaults, s.settings.trainer
    )


def told_of_size(states: States) -> States:
    """``states``, of which those that no check is told say so."""
    update = {
        "reason": str(Finding.TOO_MANY_TAGS),
        "message": "a check has no room for the tags that are known of it beside those of the"
        " triggers before it: narrow tagPattern, or move it to another RetrainSchedule",
    }
    return states | {name: states[name].model_copy(update=update) for name in _too_large(states)}


def _too_large(states: States) -> set[str]:
    """The last, of which more is known than a check can be told: it would look at them anew."""
    left, large = MAX_TOLD, set()
    for name, state in states.items():
        size = len(state.known or "")
        if size > left:
            large.add(name)
        else:
            left -= size
    return large


def unread(schedule: Object, checks: Iterable[Check]) -> list[Check]:
    """Those of ``checks`` that have ended since the last that was read, oldest first.

    So many that one pass comes to an end; the write of what they have seen asks for the next.
    """
    last = (schedule.get("status") or {}).get("lastCheck") or {}
    after = (str(last.get("time", "")), str(last.get("name", "")))
    new = [check for check in checks if has_ended(check.job) and _place(check) > after]
    return sorted(new, key=_place)[:AT_ONCE]


def last_check(s: Situation) -> LastCheck | None:
    """The newest whose report has been read with this pass."""
    if new := unread(s.seen.schedule, s.seen.checks):
        time, name = _place(new[-1])
        return LastCheck.model_validate({"name": name, "time": time})
    message = s.seen.status.get("lastCheck")
    return LastCheck.model_validate(message, extra="allow") if message else None


def read(s: Situation, states: States) -> States:
    """``states`` with what the unread checks have seen."""
    by_name = {trigger.name: trigger for trigger in s.spec.triggers}
    for check in unread(s.seen.schedule, s.seen.checks):
        report = report_of(check)
        for evidence in report.triggers if report else ():
            state = states.get(evidence.trigger)
            # One of a check that was made before the trigger became another says nothing.
            if state is not None and state.about == evidence.about:
                now = _contained(state, evidence, by_name[evidence.trigger], check)
                states = {**states, evidence.trigger: now}
        if report is not None and report.left_out:
            told = {evidence.trigger for evidence in report.triggers}
            states |= {name: _untold(states[name], check) for name in states.keys() - told}
    return states


def _untold(state: TriggerStatus, check: Check) -> TriggerStatus:
    """``state`` after a check whose report had no room for it."""
    message = (
        f"the report of check {objects.name(check.job)} had no room for it: move some triggers to"
        " another RetrainSchedule"
    )
    return state.model_copy(update={"reason": str(Finding.CHECK_FAILED), "message": message})


def _contained(
    state: TriggerStatus, evidence: Evidence, trigger: Trigger, check: Check
) -> TriggerStatus:
    """``state`` after a look, whatever the report says: it is not ours, and others wait."""
    try:
        return _read(state, evidence, trigger, check)
    except Exception as error:
        message = f"check {objects.name(check.job)} reports what cannot be judged: {error!r}"
        failed = {"reason": str(Finding.CHECK_FAILED), "message": sentence(message, MAX_SENTENCE)}
        return state.model_copy(update=failed)


def surplus_checks(s: Situation) -> Iterator[Action]:
    """The deletion of those that were read before this pass, but for the newest."""
    new = {objects.uid(check.job) for check in unread(s.seen.schedule, s.seen.checks)}
    done = [
        check.job
        for check in s.seen.checks
        if has_ended(check.job) and objects.uid(check.job) not in new
    ]
    for job in done[:-KEPT]:
        if not objects.being_deleted(job):
            yield Delete(JOB, job)


def report_of(check: Check) -> Report | None:
    """What the check's pod has reported."""
    for pod in reversed(check.pods):
        ended = terminated(pod, names.CHECK_CONTAINER)
        if ended and (report := parse_report(ended.get("message") or "")):
            return report
    return None


def failure_of(check: Check) -> str | None:
    """Why a check has reported nothing; None: it has."""
    if report_of(check) is not None:
        return None
    failed = objects.condition(check.job, "Failed")
    name = objects.name(check.job)
    if failed is None:
        cut = first_cut_short(check.pods, names.CHECK_CONTAINER)
        return cut or f"check {name} ended well, but its report is gone"
    if failed.get("reason") == "DeadlineExceeded":
        seconds = check.job["spec"].get("activeDeadlineSeconds")
        return f"check {name} took longer than spec.check.timeoutSeconds ({seconds} s)"
    for pod in reversed(check.pods):
        both = (terminated(pod, one) for one in (names.CHECK_CONTAINER, names.LOOK_CONTAINER))
        if ended := next((one for one in both if one and one.get("exitCode")), None):
            message = ": ".join(filter(None, (ended.get("reason"), ended.get("message"))))
            return f"check {name} ended with exit code {ended.get('exitCode')}: {message[-300:]}"
    return f"check {name} failed: {failed.get('reason')}: {failed.get('message', '')}"


def _place(check: Check) -> tuple[str, str]:
    return str(check.job["metadata"]["creationTimestamp"]), objects.name(check.job)


def _read(
    state: TriggerStatus, evidence: Evidence, trigger: Trigger, check: Check
) -> TriggerStatus:
    """``state`` after a look; one of another kind than the trigger's is none."""
    message: dict[str, Any] = {"last_checked": objects.created(check.job)}
    if evidence.unseen is not None:
        words = sentence(evidence.unseen.message, MAX_SENTENCE)
        return state.model_copy(
            update={**message, "reason": evidence.unseen.reason, "message": words}
        )
    try:
        verdict = judge(evidence, trigger, state.known)
    except (ValueError, ArithmeticError):
        # Of another kind than the trigger, or no evidence of such a look: anybody may forge one.
        return state
    if verdict is None:
        return state
    waiting = len(state.due) + len(state.started)
    if waiting + len(verdict.causes) > MAX_FIRINGS:
        words = f"{waiting} runs are due or active already: the next checks tell of more"
        return state.model_copy(update={**message, "message": sentence(words)})
    if not (state.reason == Finding.GAVE_UP and verdict.finding in _AS_BEFORE):
        message["reason"] = str(verdict.finding)
        message["message"] = sentence(verdict.message, MAX_SENTENCE)
    now = state.model_copy(
        update={
            **message,
            "seen": sentence(verdict.seen, MAX_SENTENCE),
            "known": verdict.known,
            "scores": evidence.drift.scores if evidence.drift else [],
        }
    )
    return _due(now, verdict, check)


def _due(state: TriggerStatus, verdict: Verdict, check: Check) -> TriggerStatus:
    """``state`` with the causes of ``verdict`` due, each once."""
    if state.type == "Release":
        return _releases(state, verdict)
    if not verdict.causes:
        kept = [] if verdict.finding in _SETTLED else [one for one in state.due if one.retry]
        return state.model_copy(update={"due": kept})
    if state.started and state.type != "Data":
        # A run for it is under way: whether it helps is seen when that has ended.
        return state
    (cause,) = verdict.causes
    waiting = state.due[0] if state.due else None
    if waiting is None or (waiting.retry and state.type == "Data"):
        waiting = Firing(episode=objects.uid(check.job))
    firing = waiting.model_copy(
        update={
            "evidence": sentence(cause.evidence, MAX_SENTENCE),
            "update": list(cause.update),
            "known": cause.known,
        }
    )
    return state.model_copy(update={"due": [firing]})


def _releases(state: TriggerStatus, verdict: Verdict) -> TriggerStatus:
    episodes = {one.episode for one in (*state.due, *state.started) if is_release(one)}
    new = [
        Firing(
            episode=f"{cause.tag.name}@{cause.tag.commit}",
            evidence=sentence(cause.evidence, MAX_SENTENCE),
            tag=cause.tag,
        )
        for cause in verdict.causes
        if cause.tag is not None
    ]
    due = [*state.due, *(one for one in new if one.episode not in episodes)]
    return state.model_copy(update={"due": due})
