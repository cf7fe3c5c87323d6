"""The rules for a TrainingRun: the first that applies decides. Their order is the documentation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from retrain_core import names
from retrain_core.build.job import Owner, build_job
from retrain_core.outcome import Activity, Reason
from retrain_operator.kube import objects
from retrain_operator.plan.ended import is_marked, mark, restored
from retrain_operator.plan.ending import disruption_of, ending_of, failure_of, has_ended
from retrain_operator.plan.ownership import made_for, owns, recorded_by
from retrain_operator.plan.pod_problems import (
    has_started,
    lost_with_its_node,
    next_look,
    pod_problem,
    reason_of_refusal,
)
from retrain_operator.plan.starting import not_put_right, not_started_in_time, time_left
from retrain_operator.plan.status import (
    final,
    generation,
    ongoing,
    sentence,
    terminated,
)
from retrain_operator.plan.types import Observed, Plan, Settings, Situation

MAX_DISRUPTIONS = 10
"""Kubernetes counts no disruption as a retry; a run that is always in somebody's way ends."""
SOON = timedelta(seconds=2)
MARKED = timedelta(seconds=10)
"""A CronJob's Job is marked with its run by then."""
REFUSED_AGAIN = timedelta(seconds=30)
PACE = timedelta(seconds=1)
"""A pod that starts changes many times a second: each is one write, if all of it is told."""


def plan(seen: Observed, settings: Settings, now: datetime) -> Plan:
    """What to do next for ``seen``; knows no client and no clock but ``now``."""
    situation = Situation(seen, settings, now)
    for rule in RULES:
        if (decided := rule(situation)) is not None:
            return decided
    raise AssertionError("the last rule always applies")


def _is_being_deleted(s: Situation) -> Plan | None:
    """Garbage collection takes the Job along: nothing is to be done."""
    return Plan() if objects.being_deleted(s.seen.run) else None


def _has_finished(s: Situation) -> Plan | None:
    """A stored outcome stays. What is left of the Job ends, and goes when its time has come."""
    status = s.seen.status
    completed = objects.moment(status.get("completionTime"))
    if completed is None:
        return None
    field = "ttlSecondsAfterFinished"
    ttl = s.seen.run["spec"].get(field, s.settings.defaults.get(field))
    left = None if ttl is None else completed + timedelta(seconds=ttl) - s.now
    if left is not None and left <= timedelta(0):
        return Plan(delete_run=True)
    rest = _leftover_job(s).earlier(left)
    if not is_marked(s.seen.run):
        rest = replace(rest, patch_run=mark(s.seen.run))
    if status.get("observedGeneration") != generation(s):
        # Who waits for the newest generation would wait for ever.
        return replace(rest, status={**status, "observedGeneration": generation(s)})
    return rest


def _leftover_job(s: Situation) -> Plan:
    job = s.seen.job
    if job is None or not owns(s.seen.run, job) or objects.being_deleted(job):
        return Plan()
    if not has_ended(job):
        return Plan(delete_job=True)
    if "ttlSecondsAfterFinished" not in job["spec"]:
        return Plan(patch_job={"spec": {"ttlSecondsAfterFinished": s.settings.job_ttl_seconds}})
    return Plan()


def _job_is_not_its_own(s: Situation) -> Plan | None:
    """A Job of the run's name that is not its own is left alone."""
    job, run = s.seen.job, s.seen.run
    if job is None or owns(run, job):
        return None
    if "jobUID" in s.seen.status:
        taken = "somebody has taken the run's Job from it: it is left alone until it ends"
        waiting = Plan(status=ongoing(s, Activity.PENDING, taken), again=MARKED)
        return _job_is_lost(s) or _job_has_finished(s) or waiting
    if (wanted := made_for(run)) is not None:
        if objects.uid(job) == wanted and recorded_by(job) is None:
            if s.now - objects.created(run) < MARKED:
                return Plan(again=SOON)
            waits = (
                f"the RetrainSchedule of Job {objects.name(job)} does not take the run for its own"
            )
            return Plan(status=ongoing(s, Activity.PENDING, waits), again=MARKED)
        return Plan(status=final(s, Reason.JOB_LOST, "the Job that this run records is gone"))
    name = objects.name(job)
    owner = objects.controller(job)
    if owner and owner["kind"] == "TrainingRun" and owner["name"] == name:
        waits = f"the Job of a deleted run of this name has to go first: {name}"
        return Plan(status=ongoing(s, Activity.PENDING, waits), again=SOON)
    return Plan(
        status=final(
            s, Reason.NAME_TAKEN, f"a Job {name} that is not this run's exists and is left alone"
        )
    )


def _job_has_finished(s: Situation) -> Plan | None:
    """The Job has finished: its pods say how the run ended."""
    if s.seen.job is None or not has_ended(s.seen.job):
        return None
    ending = ending_of(s.seen)
    return Plan(status=final(s, ending.reason, ending.message, ending.result), again=timedelta(0))


def _is_cancelled(s: Situation) -> Plan | None:
    """spec.cancel stops the Job; the record stays."""
    if not s.seen.cancelled:
        return None
    if s.seen.job is None:
        return Plan(status=final(s, Reason.CANCELLED, "cancelled by spec.cancel"))
    stopping = ongoing(s, Activity.CANCELLING, "spec.cancel is set: the pod is being stopped")
    return _stopping(s, Plan(delete_job=not objects.being_deleted(s.seen.job), status=stopping))


def _job_is_lost(s: Situation) -> Plan | None:
    """The run's Job is gone or going, and no other one is ever created."""
    uid, job = s.seen.status.get("jobUID"), s.seen.job
    if uid is not None and (job is None or objects.uid(job) != uid):
        return Plan(status=final(s, Reason.JOB_LOST, "the run's Job is gone"), again=timedelta(0))
    if job is None or not objects.being_deleted(job):
        return None
    going = _stopping(s, Plan())
    # The status has to name the Job before it is gone: else another one would be made.
    return going if uid is not None or going.status is not None else None


def _stopping(s: Situation, waiting: Plan) -> Plan:
    """``waiting`` for the pod of a Job that goes, told where its node cannot say that it went."""
    lost = lost_with_its_node(s.seen, s.now)
    if lost is None:
        return waiting.earlier(next_look(s.seen, s.now))
    return replace(waiting, status=ongoing(s, lost.reason, lost.message))


def _spec_is_invalid(s: Situation) -> Plan | None:
    """The spec breaks a rule of ours that the API server did not know."""
    if s.seen.job is not None or s.problem is None:
        return None
    return Plan(status=final(s, Reason.INVALID_SPEC, s.problem))


def _job_was_refused(s: Situation) -> Plan | None:
    """The API server did not take the Job in this pass."""
    refusal = s.seen.refusal
    if refusal is None:
        return None
    message = f"the Job is refused: {refusal.message}"
    if refusal.invalid:
        return Plan(status=final(s, Reason.INVALID_SPEC, message))
    reason = reason_of_refusal(refusal.message)
    return Plan(status=ongoing(s, reason, message), again=REFUSED_AGAIN)


def _is_suspended_before_its_start(s: Situation) -> Plan | None:
    """spec.suspend withholds a Job that does not exist yet."""
    if s.seen.job is None and s.seen.suspended:
        return Plan(
            status=ongoing(s, Activity.SUSPENDED, "spec.suspend is set: nothing is started")
        )
    return None


def _needs_a_job(s: Situation) -> Plan | None:
    """Create the Job."""
    if s.seen.job is not None:
        return None
    run = s.seen.run
    if made_for(run) is not None:
        return Plan(status=final(s, Reason.JOB_LOST, "the Job that this run records is gone"))
    release = objects.annotations(run).get(names.RELEASE_ANNOTATION)
    owner = Owner(objects.name(run), objects.namespace(run), objects.uid(run), release)
    job = build_job(owner, s.spec, s.settings.trainer, ttl=s.settings.ttl_from_the_start)
    return Plan(create_job=job, again=timedelta(0))


def _is_suspended_or_resumed(s: Situation) -> Plan | None:
    """Suspend or resume the Job; with a queue, that is Kueue's to do."""
    queue = s.seen.run["spec"].get("queueName") or s.settings.defaults.get("queueName")
    if queue:
        waits = ongoing(s, Activity.QUEUED, f"waits for its turn in queue {queue}")
        return Plan(status=waits) if s.seen.job_suspended else None
    if s.seen.suspended:
        status = ongoing(s, Activity.SUSPENDED, "spec.suspend is set: its pod is stopped")
        patch = None if s.seen.job_suspended else {"spec": {"suspend": True}}
        return Plan(patch_job=patch, status=status)
    if s.seen.job_suspended:
        return Plan(patch_job={"spec": {"suspend": False}}, again=timedelta(0))
    return None


def _ran_out_of_memory(s: Situation) -> Plan | None:
    """Another attempt would only reach the limit again, and Kubernetes cannot tell it by the
    exit code: the Job may try no more, and ends with the pod and its log kept."""
    job, pod = s.seen.job, s.seen.newest_pod
    failed = failure_of(pod) if pod else None
    if job is None or failed is None or failed.reason is not Reason.OUT_OF_MEMORY:
        return None
    may_try = not failed.ends_the_job and job["spec"]["backoffLimit"] > 0
    return Plan(patch_job={"spec": {"backoffLimit": 0}} if may_try else None)


def _was_disrupted_too_often(s: Situation) -> Plan | None:
    """Kubernetes counts no disruption as a retry."""
    job, pod = s.seen.job, s.seen.newest_pod
    message = disruption_of(pod) if pod else None
    if job is None or message is None:
        return None
    if s.seen.status.get("attempts", 0) <= job["spec"]["backoffLimit"] + MAX_DISRUPTIONS:
        return None
    return Plan(status=final(s, Reason.EVICTED, message), again=timedelta(0))


def _was_reported_just_now(s: Situation) -> Plan | None:
    """A status was written a moment ago: what has changed since is told with what comes next."""
    if s.seen.written is None:
        return None
    left = s.seen.written + PACE - s.now
    # More is left where the clock was set back.
    return Plan(again=left) if timedelta(0) < left <= PACE else None


def _is_working(s: Situation) -> Plan:
    """The Job does its work; the status says how far it is or what hinders it."""
    known = pod_problem(s.seen, s.now)
    pod = s.seen.newest_pod
    if known is not None:
        status = ongoing(s, known.reason, known.message)
    elif pod is not None and (failed := failure_of(pod)) is not None:
        if failed.ends_the_job:
            # Kubernetes is about to say so.
            return Plan()
        what = sentence(f"the last attempt ended: {failed.reason}: {failed.message}")
        status = ongoing(s, Activity.STARTING, f"{what} Trying again")
    elif pod is not None and terminated(pod, names.SOURCE_CONTAINER) is not None:
        status = ongoing(s, Activity.TRAINING, f"pod {objects.name(pod)} runs the pipeline")
    elif pod is not None and has_started(pod):
        status = ongoing(s, Activity.STARTING, f"pod {objects.name(pod)} fetches the source")
    else:
        status = ongoing(s, Activity.STARTING, "the pod is on its way")
    look = next_look(s.seen, s.now)
    return Plan(status=status).earlier(look).earlier(time_left(s))


RULES: tuple[Callable[[Situation], Plan | None], ...] = (
    # What is over, or nobody's to change, comes before all that could start something.
    _is_being_deleted,
    _has_finished,
    restored,
    # Whose the Job is comes before what it says.
    _job_is_not_its_own,
    # How it ended counts even if somebody cancelled it in the same moment.
    _job_has_finished,
    # Before it is found lost: it is we who delete it.
    _is_cancelled,
    _job_is_lost,
    # From here on there may be no Job yet. An invalid spec would end each time it is built.
    _spec_is_invalid,
    _job_was_refused,
    _is_suspended_before_its_start,
    _needs_a_job,
    # From here on there is one, and it has not finished.
    _is_suspended_or_resumed,
    _ran_out_of_memory,
    _was_disrupted_too_often,
    not_started_in_time,
    not_put_right,
    # All that ends a run or changes its Job is done at once; progress may wait for a second.
    _was_reported_just_now,
    _is_working,
)
