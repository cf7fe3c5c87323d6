"""Drift and metrics: what stays bad trains once, and not again in its cooldown."""

from hypothesis import given, settings
from hypothesis import strategies as st

from plan.triggering import HOUR, Life, minutes
from retrain_core import names
from retrain_operator.kube import objects
from seen import DATA, DRIFT, QUALITY, data, drift, metric


def test_the_same_data_against_the_same_champion_start_one_run() -> None:
    life = Life.of(DRIFT, cooldownSeconds=0)
    life.look(drift=drift("d1"))
    life.end("Trained")
    life.look(drift=drift("d1"))
    assert life.told("drift")["reason"] == "AlreadyTrained"
    assert len(life.runs) == 1
    life.look(drift=drift("d1", champion="4"))
    assert len(life.runs) == 2


def test_what_has_not_drifted_starts_nothing() -> None:
    life = Life.of(DRIFT)
    life.look(drift=drift("d1", psi="0.0100"))
    assert life.runs == []
    assert life.told("drift")["reason"] == "NotDrifted"


def test_a_metric_starts_one_run_and_none_in_its_cooldown_though_it_changes() -> None:
    life = Life.of(QUALITY)
    life.look(quality=metric(0.8))
    life.end("Trained")
    for value in (0.79, 0.7, 0.6):
        life.look(quality=metric(value))
        assert len(life.runs) == 1
        assert "cooldownSeconds" in life.told("quality")["waits"]
    life.now += HOUR
    life.settle()
    assert len(life.runs) == 2
    assert "0.6 is below 0.9" in objects.annotations(life.runs[1])[names.TRIGGERED_BY_ANNOTATION]


def test_a_metric_that_has_recovered_in_its_cooldown_starts_nothing() -> None:
    life = Life.of(QUALITY)
    life.look(quality=metric(0.8))
    life.end("Trained")
    life.look(quality=metric(0.8))
    life.look(quality=metric(0.95))
    life.now += HOUR
    life.settle()
    assert len(life.runs) == 1


def test_two_triggers_that_stay_bad_do_not_cancel_each_other() -> None:
    life = Life.of(QUALITY, DATA, concurrencyPolicy="Replace", cooldownSeconds=0)
    life.look(quality=metric(0.8), data=data("a"))
    life.look(quality=metric(0.8), data=data("b"))
    assert "waits for the end of" in life.told("data")["waits"]
    assert [run["spec"].get("cancel") for run in life.runs] == [None]
    life.end("Trained")
    life.settle()
    assert len(life.runs) == 2


def test_a_run_whose_start_could_not_be_written_down_is_waited_for_by_nobody() -> None:
    life = Life.of(QUALITY, concurrencyPolicy="Replace", cooldownSeconds=0)
    life.settle()
    life.check(quality=metric(0.8))
    life.step()
    life.step(status=False)
    (run,) = life.runs
    life.settle()
    assert "cancel" not in run["spec"]
    assert "due" not in life.told("quality")
    assert len(life.told("quality")["started"]) == 1
    life.end("Trained")
    life.settle()
    assert life.runs == [run]
    assert "started" not in life.told("quality")


@settings(max_examples=50)
@given(st.data())
def test_a_level_that_stays_bad_never_has_two_runs_at_once_nor_in_a_cooldown(
    draw: st.DataObject,
) -> None:
    life = Life.of(QUALITY, DATA, failedRunsHistoryLimit=100, successfulRunsHistoryLimit=100)
    life.look(quality=metric(0.95), data=data("a"))
    ends = []
    done = set()
    for _ in range(draw.draw(st.integers(1, 20))):
        runs = len(life.runs)
        done.add(what := draw.draw(st.sampled_from(["check", "pass", "crash", "end", "fail"])))
        match what:
            case "check":
                life.now += minutes(10)
                value = draw.draw(st.sampled_from([0.8, 0.7, 0.95]))
                life.check(quality=metric(value), data=data(draw.draw(st.sampled_from("ab"))))
            case "pass":
                life.step()
            case "crash":
                life.step(actions=draw.draw(st.integers(0, 3)), status=False)
            case "end" if life.active:
                life.end("Trained")
                ends.append(life.now)
            case "fail" if life.active:
                life.end("StageFailed")
        assert len(life.active) <= 1
        if len(life.runs) > runs and ends:
            assert life.now - ends[-1] >= HOUR
    # It starts again in the end; after failures perhaps later, or not at all once it has given up.
    failed = "fail" in done
    life.settle()
    for run in life.active:
        life.end("Trained", run)
    life.now += HOUR
    life.look(quality=metric(0.8), data=data("a"))
    assert life.active or failed
