"""A schedule with triggers over time: passes of the operator, checks and runs, all in memory."""

import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from plan.builders import NOW, SETTINGS
from retrain_core import names
from retrain_core.build.cronjob import Schedule
from retrain_core.crd.status import RetrainScheduleStatus
from retrain_core.evidence import Evidence, Report
from retrain_core.status import timestamp
from retrain_operator.kube import objects
from retrain_operator.kube.objects import CRON_JOB, TRAINING_RUN, Object
from retrain_operator.plan.schedule.firing import run_name
from retrain_operator.plan.schedule.plan import plan_schedule
from retrain_operator.plan.schedule.trigger_states import stored
from retrain_operator.plan.schedule.types import (
    Apply,
    Check,
    Create,
    Delete,
    Patch,
    SchedulePlan,
    Seen,
    Situation,
)
from retrain_operator.runtime.trim import trimmed
from seen import evidence

RUN_SPEC = {"source": {"git": {"url": "https://git.example.com/team/iris.git"}}}
OWNER = Schedule("iris", "ml", "schedule-uid")
HOUR = timedelta(hours=1)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@dataclass
class Life:
    """What the API server has, and the time."""

    schedule: Object
    now: datetime = NOW
    checks: list[Check] = field(default_factory=list)
    made: int = 0
    """Checks, also those that are gone."""
    runs: list[Object] = field(default_factory=list)
    cron_jobs: list[Object] = field(default_factory=list)

    @classmethod
    def of(cls, *triggers: Object, **spec: Any) -> "Life":
        metadata = {
            "name": "iris",
            "namespace": "ml",
            "uid": OWNER.uid,
            "resourceVersion": "1",
            "generation": 1,
        }
        whole = {"runTemplate": {"spec": RUN_SPEC}, "triggers": [*triggers], **spec}
        return cls({"metadata": metadata, "spec": whole})

    def seen(self) -> Seen:
        known = {objects.name(run) for run in self.runs}
        begun = {
            run_name(OWNER, state.name, firing)
            for state in stored(self.schedule).values()
            for firing in state.started
        }
        return Seen(
            copy.deepcopy(self.schedule),
            cron_jobs=self.cron_jobs,
            checks=self.checks,
            runs=[trimmed(TRAINING_RUN, run) for run in self.runs],
            lost=frozenset(begun - known),
        )

    def planned(self) -> SchedulePlan:
        return plan_schedule(self.seen(), SETTINGS, self.now)

    def step(self, *, actions: int = 100, status: bool = True) -> SchedulePlan:
        """One pass of the operator, which may die after so many actions or before the status."""
        decided = self.planned()
        for action in decided.actions[:actions]:
            self._do(action)
        if status and actions >= len(decided.actions):
            RetrainScheduleStatus.model_validate(decided.status, extra="ignore")
            self.schedule["status"] = copy.deepcopy(decided.status)
        return decided

    def settle(self) -> None:
        """Passes until nothing is left to do now."""
        for _ in range(20):
            before = copy.deepcopy(self.schedule.get("status")), len(self.runs)
            self.step()
            if before == (self.schedule.get("status"), len(self.runs)):
                return
        raise AssertionError("the plan comes to no rest")

    def check(self, **seen: Any) -> None:
        """A check that ends now, told what the CronJob tells it, or what it has seen by then."""
        report = [self._evidence(name, found) for name, found in seen.items()]
        self.made += 1
        self.checks.append(a_check(self.made, self.now, Report(triggers=report)))

    def look(self, **seen: Any) -> None:
        """A check and what the operator makes of it, ten minutes later."""
        self.settle()
        self.now += timedelta(minutes=10)
        self.check(**seen)
        self.settle()

    def end(self, reason: str, run: Object | None = None) -> None:
        """The oldest run that goes on, or this one, ends so."""
        found = run or next(one for one in self.runs if "completionTime" not in one["status"])
        well = str(reason in ("Trained", "UpToDate"))
        found["status"] = {
            "completionTime": timestamp(self.now),
            "conditions": [{"type": "Succeeded", "status": well, "reason": reason}],
        }

    def delete(self, run: Object) -> None:
        self.runs.remove(run)

    def told(self, name: str) -> Object:
        triggers = (self.schedule.get("status") or {}).get("triggers") or ()
        return next((one for one in triggers if one["name"] == name), {})

    @property
    def active(self) -> list[Object]:
        return [run for run in self.runs if "completionTime" not in run["status"]]

    @property
    def releases(self) -> list[str]:
        """The tags of the runs, in the order of their creation."""
        found = (objects.annotations(run).get(names.RELEASE_ANNOTATION) for run in self.runs)
        return [tag for tag in found if tag]

    def _evidence(self, name: str, found: Any) -> Evidence:
        s = Situation(self.seen(), SETTINGS, self.now)
        trigger = next(one for one in s.spec.triggers if one.name == name)
        return evidence(trigger, s.run_spec, self.told(name).get("known"), found)

    def _do(self, action: Any) -> None:
        match action:
            case Create(kind, body) if kind is TRAINING_RUN:
                if objects.name(body) in {objects.name(run) for run in self.runs}:
                    return
                uid = f"run-{len(self.runs)}-{objects.name(body)}"
                body = copy.deepcopy(body)
                body["metadata"] |= {
                    "uid": uid,
                    "resourceVersion": "1",
                    "creationTimestamp": timestamp(self.now),
                }
                self.runs.append({**body, "status": {}})
            case Patch(kind, item, body) if kind is TRAINING_RUN:
                for run in self.runs:
                    if objects.uid(run) == objects.uid(item):
                        run["spec"] |= body["spec"]
            case Delete(kind, item) if kind is TRAINING_RUN:
                self.runs = [run for run in self.runs if objects.uid(run) != objects.uid(item)]
            case Delete(_, item):
                self.checks = [
                    one for one in self.checks if one.job["metadata"] != item["metadata"]
                ]
            case Apply(kind, _, body) if kind is CRON_JOB:
                body = copy.deepcopy(body)
                body["metadata"] |= {"uid": f"{objects.name(body)}-uid", "resourceVersion": "1"}
                others = [one for one in self.cron_jobs if objects.name(one) != objects.name(body)]
                self.cron_jobs = [*others, body]
            case other:
                raise AssertionError(f"not expected: {other}")


def a_check(number: int, at: datetime, report: Report | None, reason: str = "") -> Check:
    """One that has ended; without a report it has failed."""
    ended = {"type": "Complete" if report else "Failed", "status": "True", "reason": reason}
    job = {
        "metadata": {
            "name": f"iris-check-{number:04}",
            "namespace": "ml",
            "uid": f"check-{number}",
            "creationTimestamp": timestamp(at),
        },
        "spec": {"activeDeadlineSeconds": 300},
        "status": {"conditions": [ended]},
    }
    said = report.dump() if report else ""
    state = {"terminated": {"exitCode": 0 if report else 1, "message": said}}
    return Check(job, [{"status": {"containerStatuses": [{"name": "check", "state": state}]}}])
