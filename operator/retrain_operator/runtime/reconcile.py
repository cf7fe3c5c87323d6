"""One pass over one run or one schedule: observe, plan, apply."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.objects import TRAINING_RUN, Key, Kind, Object
from retrain_operator.plan.pod_problems import start_awaited, to_be_put_right
from retrain_operator.plan.rules import plan
from retrain_operator.plan.schedule.plan import plan_schedule
from retrain_operator.plan.types import Settings
from retrain_operator.runtime.apply import apply
from retrain_operator.runtime.apply_schedule import apply_schedule, report_schedule, stop_orphans
from retrain_operator.runtime.cache import Cache
from retrain_operator.runtime.health import Health
from retrain_operator.runtime.observe import observe
from retrain_operator.runtime.observe_schedule import Foreign, observe_schedule
from retrain_operator.runtime.remembered import Applied, Since


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Reconciler:
    """What a pass needs."""

    client: KubeClient
    cache: Cache
    settings: Settings
    health: Health
    changed: Callable[[Kind, Object], None]
    """Told of what a look has found to be gone, which the watch may have missed."""
    now: Callable[[], datetime] = utc_now
    awaited: Since = field(default_factory=Since)
    hindered: Since = field(default_factory=Since)
    applied: Applied = field(default_factory=Applied)
    foreign: dict[Key, Foreign] = field(default_factory=dict)

    async def run(self, key: Key) -> timedelta | None:
        """Bring the TrainingRun ``key`` one step on; returns when to look again."""
        known = self.cache.run(key)
        now = self.now()
        seen = await observe(self.client, self.cache, key, now)
        if seen is None:
            self.awaited.of(key, None, now)
            self.hindered.of(key, None, now)
            if known is not None:
                self.changed(TRAINING_RUN, known)
            return None
        open_ = "completionTime" not in seen.status
        awaited = self.awaited.of(key, start_awaited(seen) if open_ else None, now)
        hindered = self.hindered.of(key, to_be_put_right(seen, now) if open_ else None, now)
        seen = replace(seen, awaited=awaited, hindered=hindered)
        decided = plan(seen, self.settings, self.now())
        refusal = await apply(decided, seen, self.client, self.cache, self.health)
        if refusal is not None:
            seen = replace(seen, refusal=refusal)
            decided = plan(seen, self.settings, self.now())
            await apply(decided, seen, self.client, self.cache, self.health)
        return decided.again

    async def schedule(self, key: Key) -> timedelta | None:
        """Bring the RetrainSchedule ``key`` one step on; returns when to look again."""
        now = self.now()
        foreign = self.foreign.setdefault(key, {})
        seen = await observe_schedule(self.client, self.cache, key, foreign)
        if seen is None:
            self.applied.forget(key)
            self.foreign.pop(key, None)
            await stop_orphans(self.client, self.cache, key)
            return None
        seen = replace(seen, altered=self.applied.altered(key, seen.cron_jobs, now))
        decided = plan_schedule(seen, self.settings, self.now())
        refusals = await apply_schedule(
            decided.actions, seen, self.client, self.cache, self.applied
        )
        if refusals:
            seen = replace(seen, refusals=refusals)
            decided = plan_schedule(seen, self.settings, self.now())
        await report_schedule(decided.status, seen, self.client, self.cache, self.health)
        return decided.again
