"""A team's RetrainSchedule, its checks started by hand as anybody can, and what comes of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from cluster_runs.team import Object, Team
from retrain_core.crd.status import TriggerStatus

NEVER = "0 0 29 2 *"
T = TypeVar("T")


@dataclass(frozen=True)
class Scheduled:
    team: Team

    def apply(self, *triggers: Object, run: Object | None = None, **spec: Any) -> None:
        """The schedule ``toy``, and wait until its clocks and checks are there."""
        content = {
            "runTemplate": {"spec": run or self.team.spec()},
            "triggers": [*triggers],
            "check": {"schedule": NEVER},
            **spec,
        }
        manifest = {
            "apiVersion": "retrain.dev/v1alpha1",
            "kind": "RetrainSchedule",
            "metadata": {"name": "toy"},
            "spec": content,
        }
        self.team.kubectl.apply(manifest)
        self.team.kubectl.wait("rsched/toy", "condition=Ready", 60)

    def check(self, name: str) -> Object:
        """Look now; the status once the operator has read what was seen."""
        self.start_check(name)
        return self.until_read(name)

    def start_check(self, name: str) -> None:
        self.team.kubectl("create", "job", "--from=cronjob/toy-check", name)

    def until_read(self, name: str) -> Object:
        return self.until(
            lambda: self.status() if self.status().get("lastCheck", {}).get("name") == name else {},
            f"check {name} is read",
        )

    def status(self) -> Object:
        found: Object = self.team.kubectl.get("rsched", "toy").get("status", {})
        return found

    def trigger(self, name: str) -> TriggerStatus:
        told = next(one for one in self.status()["triggers"] if one["name"] == name)
        return TriggerStatus.model_validate(told)

    def runs(self) -> list[Object]:
        """Oldest first."""
        runs = self.team.kubectl.list("trun", "retrain.dev/schedule=toy")
        return sorted(runs, key=lambda run: str(run["metadata"]["creationTimestamp"]))

    def trained(self, number: int) -> list[Object]:
        """The runs, once there are so many and all have ended well and nothing is due."""

        def ended() -> list[Object]:
            runs = self.runs()
            rests = not any(one.get("due") or one.get("started") for one in self._triggers())
            done = [run for run in runs if "completionTime" in run.get("status", {})]
            return runs if len(done) == len(runs) == number and rests else []

        runs = self.until(ended, f"{number} runs have ended", 300)
        for run in runs:
            assert run["status"]["conditions"][0]["status"] == "True", run["status"]
        return runs

    def until(self, condition: Callable[[], T], what: str, seconds: float = 120) -> T:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited in vain: {what}: {self.status()}"
            time.sleep(0.5)
        return found

    def events(self) -> dict[str, str]:
        """The last note of each reason, about the schedule."""
        found = self.team.kubectl.list("events.events.k8s.io")
        mine = [one for one in found if one["regarding"]["kind"] == "RetrainSchedule"]
        return {str(one["reason"]): str(one["note"]) for one in mine}

    def _triggers(self) -> list[Object]:
        return [*self.status().get("triggers", ())]
