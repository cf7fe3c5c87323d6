"""The observation of one schedule: from the store, and live where absence would mean something."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from retrain_core.build.cronjob import (
    TEMPLATES_ANNOTATION,
    Schedule,
    cron_job_name,
    is_check,
    template_of,
    was_made_by_us,
)
from retrain_core.spec.retrain_schedule import CHECK
from retrain_operator.kube import objects
from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.objects import (
    CRON_JOB,
    JOB,
    RETRAIN_SCHEDULE,
    TRAINING_RUN,
    Key,
    Object,
)
from retrain_operator.plan.ownership import is_record, recorded_by
from retrain_operator.plan.schedule.checks import unread
from retrain_operator.plan.schedule.firing import run_name
from retrain_operator.plan.schedule.trigger_states import stored
from retrain_operator.plan.schedule.types import Check, Named, Seen
from retrain_operator.runtime.cache import Cache
from retrain_operator.runtime.observe import pods_of, refresh

logger = logging.getLogger(__name__)
AT_ONCE = 50
"""Jobs without a record that one pass looks at: it has to come to an end."""
LOOK_SECONDS = 20.0
"""Where the API server is slow a pass acts on what it has seen by then, of the 60 s it may take."""
Foreign = dict[str, tuple[int, str]]
"""Jobs that name a clock as their owner, and carry no run template that it has had: by uid, the
version of the Job and the digests that the clock had then."""


async def observe_schedule(
    client: KubeClient, cache: Cache, key: Key, foreign: Foreign
) -> Seen | None:
    """What is to be seen of the schedule ``key``; None: there is none.

    ``foreign``: the Jobs that the last look has found to be of no clock; brought up to date.
    """
    schedule = cache.schedule(key)
    if schedule is None:
        foreign.clear()
        return None
    look = _Look(client, cache, key, schedule, foreign)
    await look.at_cron_jobs()
    if look.missing:
        # It may have taken its CronJobs along, and the watch not have told that it went.
        await refresh(client, cache, RETRAIN_SCHEDULE, schedule)
        live = cache.schedule(key)
        if live is None or objects.uid(live) != objects.uid(schedule):
            return None
        look.schedule = live
    await look.at_jobs()
    await look.at_checks()
    await look.at_runs()
    return look.seen()


def is_orphan(item: Object) -> bool:
    """Whether ``item`` is a CronJob of ours that nobody owns any more."""
    return objects.controller(item) is None and was_made_by_us(item)


@dataclass
class _Look:
    client: KubeClient
    cache: Cache
    key: Key
    schedule: Object
    foreign: Foreign
    cron_jobs: list[Object] = field(default_factory=list)
    orphans: list[Object] = field(default_factory=list)
    jobs: list[Object] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    taken: set[Named] = field(default_factory=set)
    unfinished: bool = False
    ends: float = 0.0
    missing: bool = False
    """Whether there is no CronJob of a name that the schedule wants."""

    def seen(self) -> Seen:
        return Seen(
            self.schedule,
            self.cron_jobs,
            self.jobs,
            self.checks,
            self._runs(),
            frozenset(self.gone),
            frozenset(self.lost),
            self.orphans,
            frozenset(self.taken),
            unfinished=self.unfinished,
        )

    async def at_cron_jobs(self) -> None:
        known = self.cache.of_schedule(CRON_JOB, self.key)
        self.cron_jobs += [item for item in known if objects.controlled_by(item, self.schedule)]
        self.orphans += [item for item in known if is_orphan(item)]
        found = {objects.name(item) for item in (*self.cron_jobs, *self.orphans)}
        for name in dict.fromkeys(self._names()):
            if name in found:
                continue
            item = await self.client.get(CRON_JOB, self.key[0], name)
            if item is None:
                self.missing = True
            elif objects.controlled_by(item, self.schedule):
                self.cache.put(CRON_JOB, item)
                self.cron_jobs.append(item)
            elif is_orphan(item):
                self.orphans.append(item)
            else:
                self.taken.add((CRON_JOB, name))

    async def at_jobs(self) -> None:
        self.ends = time.monotonic() + LOOK_SECONDS
        clocks = {
            objects.uid(item): item for item in self.cron_jobs if not is_check(item, self.key[1])
        }
        runs = {objects.uid(run) for run in self._runs()}
        unmarked = []
        for job in self.cache.of_schedule(JOB, self.key):
            owner = objects.controller(job)
            if owner is None or owner["uid"] not in clocks:
                continue
            mark = recorded_by(job)
            if mark is None:
                unmarked.append((job, clocks[owner["uid"]]))
                continue
            self.jobs.append(job)
            if mark in runs:
                continue
            if self._time_is_up():
                self.unfinished = True
            elif await self._is_gone(objects.name(job), mark):
                self.gone.add(mark)
        self._forget_but(unmarked)
        new = [
            (job, clock)
            for job, clock in unmarked
            if self.foreign.get(objects.uid(job)) != _as_it_is(job, clock)
        ]
        # Whoever takes names must not keep the others from their turn.
        for job, clock in sorted(new, key=lambda one: self._looks_taken(one[0]))[:AT_ONCE]:
            if self._time_is_up():
                self.unfinished = True
                break
            await self._unrecorded(job, clock)
        self.jobs.sort(key=lambda job: (objects.created(job), objects.name(job)))

    async def at_checks(self) -> None:
        """Those of the check's CronJob; their pods where a report is waited for."""
        mine = {objects.uid(item) for item in self.cron_jobs if is_check(item, self.key[1])}
        jobs = [
            job
            for job in self.cache.of_schedule(JOB, self.key)
            if (objects.controller(job) or {}).get("uid") in mine
        ]
        new = {objects.uid(check.job) for check in unread(self.schedule, map(Check, jobs))}
        for job in jobs:
            pods = await pods_of(self.client, self.cache, job) if objects.uid(job) in new else []
            self.checks.append(Check(job, pods))

    async def at_runs(self) -> None:
        """Those of triggers, live where the store has none: absence is no evidence."""
        owner = Schedule(self.key[1], self.key[0], objects.uid(self.schedule))
        for state in stored(self.schedule).values():
            # Of what is due only the first can start next.
            for firing in (*state.due[:1], *state.started):
                name = run_name(owner, state.name, firing)
                known = self.cache.run((self.key[0], name))
                if known is not None and objects.controlled_by(known, self.schedule):
                    continue
                run = await self.client.get(TRAINING_RUN, self.key[0], name)
                if run is None:
                    if firing in state.started:
                        self.lost.add(name)
                elif objects.controlled_by(run, self.schedule):
                    self.cache.put(TRAINING_RUN, run)
                else:
                    self.taken.add((TRAINING_RUN, name))

    def _time_is_up(self) -> bool:
        return time.monotonic() > self.ends

    def _forget_but(self, unmarked: Iterable[tuple[Object, Object]]) -> None:
        there = {objects.uid(job) for job, _ in unmarked}
        for uid in self.foreign.keys() - there:
            del self.foreign[uid]

    def _looks_taken(self, job: Object) -> bool:
        run = self.cache.run(objects.place(job))
        return run is not None and not self._is_mine(run, job)

    async def _unrecorded(self, known: Object, clock: Object) -> None:
        """The Job as it is now: it may have been recorded since, and the record deleted."""
        name = objects.name(known)
        job = await self.client.get(JOB, self.key[0], name)
        if job is None or objects.uid(job) != objects.uid(known):
            self.cache.drop(JOB, known)
            return
        self.cache.put(JOB, job)
        if recorded_by(job) is not None:
            # The watch, or the next look, tells the rest.
            return
        if template_of(clock, job) is None:
            self.foreign[objects.uid(job)] = _as_it_is(job, clock)
            logger.warning(
                "a Job says that it is of CronJob %s, and has no run template of it: no record",
                objects.name(clock),
                extra={"kind": JOB.name, "key": "/".join(objects.place(job))},
            )
            return
        self.jobs.append(job)
        run = self.cache.run((self.key[0], name))
        if run is None or not self._is_mine(run, job):
            run = await self.client.get(TRAINING_RUN, self.key[0], name)
        if run is None:
            return
        if self._is_mine(run, job):
            self.cache.put(TRAINING_RUN, run)
        else:
            self.taken.add((TRAINING_RUN, name))

    async def _is_gone(self, name: str, uid: str) -> bool:
        run = await self.client.get(TRAINING_RUN, self.key[0], name)
        if run is not None and objects.uid(run) == uid:
            self.cache.put(TRAINING_RUN, run)
            return False
        return True

    def _is_mine(self, run: Object, job: Object) -> bool:
        return objects.controlled_by(run, self.schedule) and is_record(run, job)

    def _runs(self) -> list[Object]:
        known = self.cache.of_schedule(TRAINING_RUN, self.key)
        return [run for run in known if objects.controlled_by(run, self.schedule)]

    def _names(self) -> Iterable[str]:
        """Of the CronJobs that the schedule wants."""
        for trigger in self.schedule["spec"].get("triggers", ()):
            yield cron_job_name(self.key[1], trigger["name"] if "cron" in trigger else CHECK)


def _as_it_is(job: Object, clock: Object) -> tuple[int, str]:
    return objects.version(job), objects.annotations(clock).get(TEMPLATES_ANNOTATION, "")


async def is_deleted(client: KubeClient, key: Key) -> bool:
    """Whether a live look finds no schedule of this name."""
    return await client.get(RETRAIN_SCHEDULE, *key) is None
