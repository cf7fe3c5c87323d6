"""Data that change: once each way, and on what is new."""

from plan.triggering import Life
from retrain_core import names
from retrain_operator.kube import objects
from seen import DATA, QUALITY, data, metric


def test_each_change_of_the_data_trains_once_with_its_imports_refreshed() -> None:
    life = Life.of(DATA, cooldownSeconds=0)
    for id_ in ("a", "b", "b", "a", "a"):
        life.look(data=data(id_))
        if life.active:
            life.end("Trained")
    assert len(life.runs) == 2
    assert [run["spec"]["dvc"]["update"] for run in life.runs] == [["data/raw.csv.dvc"]] * 2
    said = [objects.annotations(run)[names.TRIGGERED_BY_ANNOTATION] for run in life.runs]
    assert "a -> b" in said[0]
    assert "b -> a" in said[1]


def test_data_that_change_back_before_their_run_could_start_start_none() -> None:
    life = Life.of(DATA, QUALITY, cooldownSeconds=0)
    life.look(data=data("a"), quality=metric(0.8))
    life.look(data=data("b"), quality=metric(0.95))
    assert "waits for" in life.told("data")["waits"]
    life.look(data=data("a"), quality=metric(0.95))
    life.end("Trained")
    life.settle()
    assert len(life.runs) == 1


def test_data_that_change_while_their_run_goes_on_start_another_after_it() -> None:
    life = Life.of(DATA, cooldownSeconds=0)
    for id_ in ("a", "b", "c"):
        life.look(data=data(id_))
    assert len(life.runs) == 1
    life.end("Trained")
    life.settle()
    assert len(life.runs) == 2


def test_a_trigger_that_comes_again_under_its_old_name_takes_no_old_run_for_its_own() -> None:
    life = Life.of(DATA, cooldownSeconds=0)
    for id_ in "ab":
        life.look(data=data(id_))
    life.end("Trained")
    life.settle()
    life.schedule["spec"]["triggers"] = [QUALITY]
    life.look(quality=metric(0.95))
    life.schedule["spec"]["triggers"] = [DATA]
    for id_ in "bc":
        life.look(data=data(id_))
    assert len(life.runs) == 2
    assert len(life.active) == 1


def test_of_a_trigger_that_became_about_something_else_nothing_is_tried_again() -> None:
    life = Life.of(DATA, cooldownSeconds=0)
    for id_ in "ab":
        life.look(data=data(id_))
    life.schedule["spec"]["triggers"] = [{"name": "data", "data": {"paths": ["other.dvc"]}}]
    life.look(data=data("x"))
    life.end("StageFailed")
    life.settle()
    assert life.told("data")["known"] == "x"
    assert "due" not in life.told("data")


def test_replace_cancels_what_the_same_trigger_has_started_and_starts_when_it_has_ended() -> None:
    life = Life.of(DATA, concurrencyPolicy="Replace", cooldownSeconds=0)
    for id_ in "abc":
        life.look(data=data(id_))
    assert [run["spec"].get("cancel") for run in life.runs] == [True]
    life.end("Cancelled")
    life.settle()
    assert len(life.active) == 1
