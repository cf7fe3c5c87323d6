"""Names of the runs that triggers start."""

from dataclasses import replace

from plan.builders import SETTINGS, condition
from plan.triggering import OWNER, Life
from retrain_core.build.cronjob import Schedule
from retrain_core.crd.status import Firing
from retrain_operator.kube.objects import TRAINING_RUN
from retrain_operator.plan.schedule.firing import run_name
from retrain_operator.plan.schedule.plan import plan_schedule
from retrain_operator.plan.schedule.trigger_states import stored
from retrain_operator.plan.schedule.types import Create
from seen import RELEASE, tag


def test_a_run_has_a_name_that_kubernetes_takes_at_the_limit_of_the_schedule_s() -> None:
    schedule = Schedule("s" * 43, "ml", "uid")
    assert len(run_name(schedule, "t" * 8, Firing(episode="1"))) == 63


def test_a_run_whose_name_is_taken_is_told_waits_and_starts_when_it_is_free() -> None:
    life = Life.of(RELEASE)
    life.look(release=[])
    life.check(release=[tag(1)])
    life.step()
    (due,) = stored(life.schedule)["release"].due
    name = run_name(OWNER, "release", due)
    seen = replace(life.seen(), taken=frozenset({(TRAINING_RUN, name)}))
    decided = plan_schedule(seen, SETTINGS, life.now)
    assert not [action for action in decided.actions if isinstance(action, Create)]
    told = condition(decided.status, "Ready")
    assert (told["reason"], name in told["message"]) == ("NameTaken", True)
    assert decided.status is not None
    assert decided.status["triggers"][0]["due"]
    life.settle()
    assert life.releases == ["v1.1.0"]
