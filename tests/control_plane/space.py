"""A namespace with its runs, as tests see and change them."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from control_plane.api import Api
from control_plane.live import Live, until
from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, POD, TRAINING_RUN, Kind, Object
from retrain_operator.plan.ownership import owns
from retrain_operator.plan.status import reason_of

TRAINING = {
    "source": {"git": {"url": "https://git.example/iris.git"}},
    "model": {"name": "iris"},
    # Nobody schedules the pods but the tests.
    "pod": {"schedulerName": "nobody"},
}


@dataclass
class Space:
    """One namespace, in which the operator may work."""

    name: str
    api: Api
    live: Live

    async def create_run(self, name: str = "iris", **spec: Any) -> Object:
        body = {"metadata": {"name": name}, "spec": {**TRAINING, **spec}}
        return await self.api.create(TRAINING_RUN, self.name, body)

    async def patch_run(self, name: str = "iris", **spec: Any) -> None:
        await self.api.patch(TRAINING_RUN, self.name, name, {"spec": spec})

    async def poke(self, name: str = "iris") -> None:
        """A change that asks for nothing."""
        label = {"example.com/poked": secrets.token_hex(4)}
        await self.api.patch(TRAINING_RUN, self.name, name, {"metadata": {"labels": label}})

    def run(self, name: str = "iris") -> Object | None:
        return self.live.get(TRAINING_RUN, self.name, name)

    def job(self, name: str = "iris") -> Object | None:
        return self.live.get(JOB, self.name, name)

    def pods(self, name: str = "iris") -> list[Object]:
        """Of the run's Job, oldest first."""
        job = self.job(name)
        pods = self.live.all(POD, self.name)
        mine = [pod for pod in pods if job and objects.controlled_by(pod, job)]
        return sorted(mine, key=objects.created)

    def status(self, name: str = "iris") -> Object:
        status: Object = (self.run(name) or {}).get("status") or {}
        return status

    def reason(self, name: str = "iris") -> str | None:
        return reason_of(self.status(name))

    def message(self, name: str = "iris") -> str:
        return str(self.status(name)["conditions"][0]["message"])

    def all(self, kind: Kind) -> list[Object]:
        return self.live.all(kind, self.name)

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
        """What ``condition`` gives once that is something; all else is then told as of now."""
        try:
            found = await until(condition, what, seconds)
            await self.live.catch_up(self.name)
            return found
        except AssertionError as error:
            told = {kind.plural: self.all(kind) for kind in Live.KINDS}
            raise AssertionError(f"{error}\n{json.dumps(told, indent=1, default=str)}") from None

    async def reads(self, reason: str, name: str = "iris", seconds: float = 60) -> None:
        """Wait until the run's reason is this one."""
        await self.until(lambda: self.reason(name) == reason, f"{name} is {reason}", seconds)

    async def has_pod(self, name: str = "iris") -> None:
        """Wait until the status names a pod that lives, and when the first one started."""

        def named() -> bool:
            names = [objects.name(pod) for pod in self.pods(name)]
            status = self.status(name)
            return bool(names) and "startTime" in status and status.get("podName") == names[-1]

        await self.until(named, f"{name} has a pod")

    async def ended(self, reason: str, name: str = "iris") -> None:
        """Wait until the run has ended so and is marked, and its Job has its time or is gone."""
        await self.reads(reason, name)
        assert self.status(name)["completionTime"]

        def tidy() -> bool:
            job, run = self.job(name), self.run(name)
            if run is None:
                return True
            left = job is not None and owns(run, job)
            cared = not left or "ttlSecondsAfterFinished" in (job or {})["spec"]
            return cared and names.ENDED_ANNOTATION in objects.annotations(run)

        await self.until(tidy, f"{name} is marked and its Job is looked after")
