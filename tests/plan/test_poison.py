"""Whatever a container has written: a plan is made, and one trigger's fault is its own."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plan.builders import SETTINGS, a_job, a_pod, a_run, complete, failed
from plan.builders import World as RunWorld
from plan.triggering import Life, a_check, minutes
from retrain_core.evidence import about, parse_report
from retrain_operator.kube.objects import Object
from retrain_operator.plan.schedule.status import UNREADABLE
from retrain_operator.plan.schedule.types import Check, Situation
from seen import DATA, DRIFT, QUALITY, RELEASE, metric, tag

TRIGGERS = (RELEASE, DATA, DRIFT, QUALITY)
EVERY = settings(max_examples=60, suppress_health_check=[*HealthCheck])

NUMBERS = st.sampled_from([-1, 0, 1, 5, 2**31, 2**53, 2**53 + 1, 10**19, 10**400, 1e308, None])
TEXTS = st.sampled_from(
    ["", "x", "\x1b[2J", "9" * 64, "nan", "inf", "1e400", "-1", "0x1", "\u202e", "a b", "A" * 3000]
)
TAGS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["v1", "v1.2", "v" * 256, "\x1b", "a b", "\u00e9" * 200]),
        "commit": st.sampled_from(["a" * 40, "b" * 64, "c"]),
    }
)
SCORES = st.fixed_dictionaries(
    {"column": TEXTS, "outcome": st.sampled_from(["Scored", "Lost", "New", "x"]), "psi": TEXTS}
)
EVIDENCE: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "release": {
        "total": NUMBERS,
        "latest": TAGS,
        "recorded": st.sampled_from(["", "AAAA", "!!!", "A" * 400]),
        "complete": st.booleans(),
        "tags": st.lists(TAGS, max_size=4),
        "more": NUMBERS,
        "moved": st.lists(TAGS, max_size=2),
    },
    "data": {"ids": st.lists(TEXTS, max_size=3), "imports": st.lists(NUMBERS, max_size=2)},
    "drift": {
        "champion": st.sampled_from(["1", "9" * 19, "x"]),
        "digest": st.sampled_from(["", "x y", "d" * 32]),
        "rows": NUMBERS,
        "judged": NUMBERS,
        "drifted": NUMBERS,
        "scores": st.lists(SCORES, max_size=3),
    },
    "metric": {"value": TEXTS},
    "unseen": {"reason": st.sampled_from(["X", "x y"]), "message": TEXTS},
}
SEEN = st.one_of(
    *(
        st.tuples(st.just(kind), st.fixed_dictionaries({}, optional=fields))
        for kind, fields in EVIDENCE.items()
    )
)


def reported(life: Life, message: str) -> Check:
    """A check that has just ended with ``message``."""
    life.made += 1
    life.now += minutes(10)
    job = copy.deepcopy(a_check(life.made, life.now, None).job)
    job["status"] = {"conditions": [{"type": "Complete", "status": "True", "reason": ""}]}
    state = {"terminated": {"exitCode": 0, "message": message}}
    return Check(job, [{"status": {"containerStatuses": [{"name": "check", "state": state}]}}])


def a_report(life: Life, *seen: tuple[str, Any]) -> str:
    s = Situation(life.seen(), SETTINGS, life.now)
    triggers = [
        {"trigger": trigger.name, "about": about(trigger, s.run_spec), kind: what}
        for trigger, (kind, what) in zip(s.spec.triggers, seen, strict=False)
    ]
    return json.dumps({"triggers": triggers})


@EVERY
@given(st.lists(st.lists(SEEN, min_size=4, max_size=4), min_size=1, max_size=3), st.data())
def test_no_report_keeps_a_schedule_from_being_planned(
    rounds: list[list[tuple[str, Any]]], data: st.DataObject
) -> None:
    life = Life.of(*TRIGGERS)
    life.settle()
    for seen in rounds:
        message = a_report(life, *seen)
        cut = data.draw(st.sampled_from([None, None, 3072, 4096, 100]))
        life.checks.append(reported(life, message[:cut]))
        life.settle()
    assert {one["name"] for one in life.schedule["status"]["triggers"]} == {
        one["name"] for one in TRIGGERS
    }


@EVERY
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "reason": TEXTS | st.just("StageFailed"),
            "message": TEXTS,
            "commit": TEXTS | st.just("a" * 40),
            "stages": st.lists(
                st.fixed_dictionaries({"name": TEXTS, "state": TEXTS, "seconds": NUMBERS}),
                max_size=2,
            ),
            "metrics": st.lists(st.fixed_dictionaries({"name": TEXTS, "value": TEXTS}), max_size=2),
            "mlflow": st.fixed_dictionaries({}, optional={"experimentID": TEXTS, "url": TEXTS}),
            "model": st.fixed_dictionaries({"name": TEXTS}, optional={"version": TEXTS}),
        },
    ),
    st.sampled_from([None, 3072, 100]),
)
def test_no_result_keeps_a_run_from_being_planned(said: Object, cut: int | None) -> None:
    message = json.dumps(said)[:cut]
    for succeeded in (True, False):
        run = a_run()
        state = {"terminated": {"exitCode": 0 if succeeded else 1, "message": message}}
        statuses = [{"name": name, "state": state} for name in ("source", "train")]
        pod = a_pod("source runs")
        pod["status"] = {
            "phase": "Succeeded" if succeeded else "Failed",
            "initContainerStatuses": statuses[:1],
            "containerStatuses": statuses[1:],
        }
        job = a_job(run, complete() if succeeded else failed("BackoffLimitExceeded"))
        assert RunWorld(run, job, [pod]).plan().status is not None


@pytest.mark.parametrize("number", ["9" * 400, str(2**53 + 1), "-1", "1e400"])
def test_a_number_that_nobody_can_have_counted_is_no_report(number: str) -> None:
    drift = f'{{"champion":"3","digest":"{"0" * 32}","rows":100,"judged":1,"drifted":{number}}}'
    said = f'{{"triggers":[{{"trigger":"drift","about":"a","drift":{drift}}}]}}'
    assert parse_report(said) is None
    assert parse_report(said.replace(number, "1")) is not None


def test_what_a_newer_operator_has_stored_is_carried_along() -> None:
    life = Life.of(RELEASE)
    life.look(release=[])
    (told,) = life.schedule["status"]["triggers"]
    told |= {"novel": {"a": 1}}
    before = copy.deepcopy(told)
    life.schedule["status"]["lastCheck"]["novel"] = "x"
    decided = life.planned()
    assert decided.status is not None
    (after,) = decided.status["triggers"]
    assert after == before
    assert decided.status["lastCheck"]["novel"] == "x"


def test_a_release_that_was_due_is_trained_though_a_newer_operator_has_written_of_it() -> None:
    life = Life.of(RELEASE)
    life.look(release=[])
    life.look(release=[tag(1), tag(2)])
    assert life.releases == ["v1.1.0"]
    (told,) = life.schedule["status"]["triggers"]
    told |= {"novel": 1, "scores": [{"column": "a", "outcome": "Novel"}]}
    told["due"][0] |= {"novel": 1}
    told["due"][0]["tag"] |= {"novel": 1}
    life.end("Trained")
    life.settle()
    assert life.releases == ["v1.1.0", "v1.2.0"]
    assert life.told("release")["novel"] == 1


def test_a_trigger_whose_state_cannot_be_read_is_left_alone_and_said() -> None:
    life = Life.of(RELEASE, QUALITY)
    life.look(release=[], quality=metric(0.95))
    before = next(one for one in life.schedule["status"]["triggers"] if one["name"] == "release")
    before |= {"started": [{"wave": 7}], "known": "+"}
    life.now += minutes(10)
    life.check(quality=metric(0.5))
    decided = life.planned()
    assert decided.status is not None
    told = {one["name"]: one for one in decided.status["triggers"]}
    changed = {"reason": UNREADABLE, "message": told["release"]["message"]}
    assert told["release"] == {**before, **changed}
    assert told["quality"]["reason"] == "ThresholdCrossed"
    checked = next(c for c in decided.status["conditions"] if c["type"] == "Checked")
    assert (checked["status"], checked["reason"]) == ("False", UNREADABLE)
