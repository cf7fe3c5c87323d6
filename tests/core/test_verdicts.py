"""Verdicts on evidence: when a trigger is a cause to train."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_core.evidence import (
    MAX_KNOWN,
    ColumnScore,
    DataEvidence,
    DriftEvidence,
    Evidence,
    MetricEvidence,
    ReleaseEvidence,
    Unseen,
)
from retrain_core.spec import Trigger
from retrain_core.spec.retrain_schedule import Data, Drift, Metric, Release
from retrain_core.verdict import data, drift, metric, release
from retrain_core.verdict.finding import MEANINGS, REMEDIES, Finding
from retrain_core.verdict.metric import GAVE_UP
from retrain_core.verdict.release import as_text
from retrain_core.verdict.triggers import judge

PROMETHEUS = {"url": "http://prometheus", "query": "up"}


@pytest.mark.parametrize(
    ("limit", "value", "known", "finding", "causes", "later"),
    [
        ({"above": 1.0}, "1.5", None, Finding.THRESHOLD_CROSSED, 1, None),
        ({"above": 1.0}, "1.0", None, Finding.WITHIN_THRESHOLD, 0, None),
        ({"above": 0.0}, "-1.0", None, Finding.WITHIN_THRESHOLD, 0, None),
        ({"below": 0.9}, "0.8", None, Finding.THRESHOLD_CROSSED, 1, None),
        ({"below": 0.9}, "0.9", None, Finding.WITHIN_THRESHOLD, 0, None),
        ({"below": 0.9}, "0.8", GAVE_UP, Finding.GAVE_UP, 0, GAVE_UP),
        # Once it is good again, a trigger that had been given up is as new.
        ({"below": 0.9}, "1.0", GAVE_UP, Finding.WITHIN_THRESHOLD, 0, None),
    ],
)
def test_a_metric_is_a_cause_while_it_is_beyond_its_threshold(
    limit: Any, value: str, known: str | None, finding: Finding, causes: int, later: str | None
) -> None:
    spec = Metric.model_validate({"prometheus": PROMETHEUS, **limit})
    verdict = metric.judge(MetricEvidence(value=value), spec, known)
    assert (verdict.finding, len(verdict.causes), verdict.known) == (finding, causes, later)


@pytest.mark.parametrize(
    ("ids", "imports", "known", "finding", "update", "later"),
    [
        (["a", "b"], [], None, Finding.RECORDED, None, "a b"),
        (["a", "b"], [], "a b", Finding.DATA_UNCHANGED, None, "a b"),
        (["a", "c"], [], "a b", Finding.DATA_CHANGED, (), "a b"),
        (["a", "c"], [1], "a b", Finding.DATA_CHANGED, ("y.dvc",), "a b"),
        (["a", "c"], [0, 1], "a b", Finding.DATA_CHANGED, ("x.dvc", "y.dvc"), "a b"),
    ],
)
def test_data_are_a_cause_when_a_path_holds_something_else(
    ids: list[str],
    imports: list[int],
    known: str | None,
    finding: Finding,
    update: tuple[str, ...] | None,
    later: str,
) -> None:
    spec = Data(paths=["x.dvc", "y.dvc"])
    verdict = data.judge(DataEvidence(ids=ids, imports=imports), spec, known)
    assert (verdict.finding, verdict.known) == (finding, later)
    assert [cause.update for cause in verdict.causes] == ([] if update is None else [update])
    if update is not None:
        # What is known then is what the run was started for.
        assert verdict.causes[0].known == " ".join(ids)
        assert "y.dvc: b -> c" in verdict.message


def drifted(judged: int, drifted_: int, digest: str = "d1") -> DriftEvidence:
    scores = [ColumnScore(column="age", outcome="Scored", psi="0.5000")]
    return DriftEvidence(
        champion="3", digest=digest, rows=10, judged=judged, drifted=drifted_, scores=scores
    )


@pytest.mark.parametrize(
    ("seen", "share", "known", "finding"),
    [
        (drifted(4, 0), 0.0, None, Finding.NOT_DRIFTED),
        (drifted(4, 1), 0.0, None, Finding.DRIFTED),
        (drifted(4, 1), 0.5, None, Finding.NOT_DRIFTED),
        (drifted(4, 2), 0.5, None, Finding.DRIFTED),
        (drifted(0, 0), 0.0, None, Finding.NOT_DRIFTED),
        (drifted(4, 1), 0.0, "3 d1", Finding.ALREADY_TRAINED),
        (drifted(4, 1), 0.0, "2 d1", Finding.DRIFTED),
        (drifted(4, 1, "d2"), 0.0, "3 d1", Finding.DRIFTED),
    ],
)
def test_drift_is_a_cause_once_for_each_data_and_champion(
    seen: DriftEvidence, share: float, known: str | None, finding: Finding
) -> None:
    verdict = drift.judge(seen, Drift(current="a.csv", min_share=share), known)
    assert verdict.finding is finding
    marks = [cause.known for cause in verdict.causes]
    assert marks == ([f"3 {seen.digest}"] if finding is Finding.DRIFTED else [])


shares = st.lists(st.floats(0, 1), min_size=3, max_size=3)


@given(shares, shares)
def test_psi_is_never_negative_symmetric_and_zero_of_the_same(
    before: list[float], now: list[float]
) -> None:
    assert drift.psi(before, now) >= 0
    assert drift.psi(before, now) == pytest.approx(drift.psi(now, before))
    assert drift.psi(before, before) == 0


@pytest.mark.parametrize(
    ("outcome", "score", "counts"),
    [
        ("Scored", 0.2, True),
        ("Scored", 0.19, False),
        ("Constant", 0.3, True),
        ("Lost", None, True),
        ("AllNull", None, True),
        ("Retyped", None, True),
        ("New", None, False),
        ("Unique", None, False),
    ],
)
def test_which_columns_count_as_drifted(outcome: Any, score: float | None, counts: bool) -> None:
    assert drift.has_drifted(outcome, score, 0.2) is counts


def test_what_could_not_be_looked_at_has_no_verdict() -> None:
    trigger = Trigger.model_validate({"name": "t", "data": {"paths": ["a"]}})
    unseen = Unseen(reason="PathNotFound", message="there is no a")
    assert judge(Evidence(trigger="t", about="", unseen=unseen), trigger, None) is None


def test_evidence_of_another_kind_is_refused() -> None:
    trigger = Trigger.model_validate({"name": "t", "data": {"paths": ["a"]}})
    with pytest.raises(ValueError, match="another kind"):
        judge(Evidence(trigger="t", about="", metric=MetricEvidence(value="1")), trigger, None)


def test_each_finding_has_a_meaning_or_a_remedy() -> None:
    assert sorted([*MEANINGS, *REMEDIES]) == sorted(Finding)


def test_more_tags_than_a_status_can_hold_are_no_evidence() -> None:
    known: str | None = None
    for first in range(0, 4000, 500):
        page = as_text((first + number).to_bytes(6, "big") for number in range(500))
        seen = ReleaseEvidence(total=5000, recorded=page, complete=False)
        known = release.judge(seen, Release(tag_pattern="*"), known).known
    assert known is not None
    assert len(known) <= MAX_KNOWN
    page = as_text((4000 + number).to_bytes(6, "big") for number in range(500))
    seen = ReleaseEvidence(total=5000, recorded=page, complete=True)
    with pytest.raises(ValueError, match="more than 4095 tags"):
        release.judge(seen, Release(tag_pattern="*"), known)
