"""The CronJobs of a schedule: one for each cron trigger, one for the checks of all others."""

from collections.abc import Iterator
from datetime import datetime

from retrain_core.build.cronjob import (
    CLOCK_FIELDS,
    build_cron_job,
    cron_job_name,
    is_check,
    with_templates_before,
)
from retrain_core.clock import next_time
from retrain_operator.kube import objects
from retrain_operator.kube.objects import CRON_JOB, Object
from retrain_operator.plan.ownership import recorded_by
from retrain_operator.plan.schedule.types import Action, Apply, Delete, Patch, Situation


def clocks(s: Situation, check: Object | None) -> Iterator[Action]:
    """What brings the CronJobs to where the spec wants them; ``check``: that of the checks.

    Of a spec that cannot be run nothing is taken over but `suspend`: the clocks go on as they
    were last right.
    """
    for orphan in s.seen.orphans:
        # Of a schedule of this name that was deleted and let them go.
        if not objects.being_deleted(orphan):
            yield Delete(CRON_JOB, orphan, orphan=True)
    if s.problem is not None:
        yield from _suspended(s)
        return
    known = {objects.name(item): item for item in s.seen.cron_jobs}
    bodies = [*wanted_clocks(s), *([check] if check is not None else ())]
    wanted = {objects.name(body): body for body in bodies}
    blocked = {objects.name(item) for item in s.seen.orphans}
    for name, body in wanted.items():
        item = known.get(name)
        free = name not in blocked and (CRON_JOB, name) not in s.seen.taken
        body = with_templates_before(body, item)
        if free and (item is None or not _stands(s, item, body)):
            yield Apply(CRON_JOB, item, body)
    for name, clock in known.items():
        if name not in wanted and not objects.being_deleted(clock):
            yield from _removed(s, clock)


def _removed(s: Situation, clock: Object) -> Iterator[Action]:
    """It stands still first, and goes when all that it has started, which goes on, is recorded."""
    if is_check(clock, s.seen.owner.name):
        yield Delete(CRON_JOB, clock)
    elif not clock["spec"].get("suspend"):
        yield Patch(CRON_JOB, clock, {"spec": {"suspend": True}})
    elif not any(
        objects.controlled_by(job, clock) and recorded_by(job) is None for job in s.seen.jobs
    ):
        yield Delete(CRON_JOB, clock, orphan=True)


def wanted_clocks(s: Situation) -> list[Object]:
    """The CronJobs as they should be."""
    return [
        build_cron_job(
            s.seen.owner,
            s.spec,
            trigger,
            s.seen.run_template,
            s.settings.defaults,
            s.settings.trainer,
        )
        for trigger in s.spec.triggers
        if trigger.cron is not None
    ]


def last_tick(s: Situation) -> datetime | None:
    """When a clock last started a Job."""
    times = [
        (item.get("status") or {}).get("lastScheduleTime")
        for item in s.seen.cron_jobs
        if not is_check(item, s.seen.owner.name)
    ]
    return max((time for text in times if (time := objects.moment(text))), default=None)


def next_tick(s: Situation) -> datetime | None:
    """When a clock next starts a Job; None: never, as things are."""
    if s.problem is not None or s.spec.suspend:
        return None
    standing = {objects.name(item) for item in s.seen.cron_jobs}
    due = []
    for trigger in s.spec.triggers:
        if trigger.cron is None or cron_job_name(s.seen.owner.name, trigger.name) not in standing:
            continue
        try:
            due.append(next_time(trigger.cron.schedule, trigger.cron.time_zone, s.now))
        except ValueError:
            # Kubernetes has the last word on both, and has taken them.
            continue
    # In the hour that a zone repeats, wall clocks do not tell which is earlier.
    return min(filter(None, due), key=datetime.timestamp, default=None)


def _stands(s: Situation, item: Object, wanted: Object) -> bool:
    """Whether ``item`` was made from what ``wanted`` is, and is as it was made."""
    return (
        objects.uid(item) not in s.seen.altered
        and objects.annotations(wanted).items() <= objects.annotations(item).items()
        and objects.labels(wanted).items() <= objects.labels(item).items()
        and all(item["spec"].get(field) == wanted["spec"][field] for field in CLOCK_FIELDS)
    )


def _suspended(s: Situation) -> Iterator[Action]:
    if s.seen.raw.get("suspend"):
        for item in s.seen.cron_jobs:
            if not item["spec"].get("suspend"):
                yield Patch(CRON_JOB, item, {"spec": {"suspend": True}})
