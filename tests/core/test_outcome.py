"""The outcome table is complete and can be told apart by exit codes."""

import pytest

from retrain_core.build.job import pod_failure_rules
from retrain_core.outcome import FINAL_EXIT_CODES, OUTCOMES, Outcome, Reason, RunFailed

FAILURES = [row for row in OUTCOMES.values() if not row.succeeded]


def test_every_reason_has_exactly_one_row() -> None:
    assert list(OUTCOMES) == list(Reason)
    assert all(row.reason is reason for reason, row in OUTCOMES.items())


def test_only_the_reasons_of_success_exit_with_0() -> None:
    succeeded = {row.reason for row in OUTCOMES.values() if row.succeeded}
    assert succeeded == {
        Reason.TRAINED,
        Reason.UP_TO_DATE,
        Reason.SMOKE_PASSED,
        Reason.RESULT_UNAVAILABLE,
    }


def test_each_failure_has_an_exit_code_of_its_own() -> None:
    codes = [row.exit_code for row in FAILURES]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("row", FAILURES, ids=lambda row: row.reason)
def test_exit_codes_stay_clear_of_python_shells_and_signals(row: Outcome) -> None:
    assert row.exit_code in range(3, 126) or (row.reason, row.exit_code) == (Reason.CANCELLED, 143)


@pytest.mark.parametrize("row", OUTCOMES.values(), ids=lambda row: row.reason)
def test_remedies_are_sentences(row: Outcome) -> None:
    assert row.remedy[0].isupper()
    assert row.remedy.endswith(".")
    assert "\n" not in row.remedy


@pytest.mark.parametrize("reason", Reason)
def test_reasons_can_be_reasons_of_conditions(reason: Reason) -> None:
    assert str(reason).isalnum()
    assert str(reason)[0].isupper()


def test_what_will_fail_again_is_not_retried() -> None:
    retried = {row.reason for row in OUTCOMES.values() if row.retry}
    assert retried == {
        Reason.SUPERSEDED,
        Reason.UNEXPECTED_ANSWER,
        Reason.NO_SPACE_LEFT,
        Reason.CANCELLED,
        Reason.INTERNAL_ERROR,
        Reason.EVICTED,
        Reason.NODE_LOST,
        Reason.JOB_LOST,
    }


@pytest.mark.parametrize(
    "reason", [Reason.SOURCE_UNREACHABLE, Reason.STORE_UNREACHABLE, Reason.TRACKING_UNREACHABLE]
)
def test_a_server_that_was_waited_for_is_not_waited_for_again_by_another_attempt(
    reason: Reason,
) -> None:
    """So a run waits for one outage as long as `outageToleranceSeconds` says, once."""
    assert OUTCOMES[reason].exit_code in FINAL_EXIT_CODES
    rules = [rule for rule in pod_failure_rules() if rule["action"] == "FailJob"]
    assert {rule["onExitCodes"]["containerName"] for rule in rules} == {"source", "train"}
    for rule in rules:
        assert OUTCOMES[reason].exit_code in rule["onExitCodes"]["values"]


def test_what_answers_in_a_server_s_place_for_a_moment_costs_one_attempt_and_not_the_run() -> None:
    assert OUTCOMES[Reason.UNEXPECTED_ANSWER].exit_code not in FINAL_EXIT_CODES


@pytest.mark.parametrize(
    "reason", [Reason.SOURCE_UNREACHABLE, Reason.STORE_UNREACHABLE, Reason.TRACKING_UNREACHABLE]
)
def test_what_to_do_after_an_outage_is_said(reason: Reason) -> None:
    assert "create the run again" in OUTCOMES[reason].remedy


def test_a_failure_told_in_other_words_is_the_same_failure() -> None:
    failure = RunFailed(Reason.INVALID_SPEC, "x", "Correct it.")
    told = failure.retold("the submodule a: x")
    assert (told.reason, told.message, told.remedy, str(told)) == (
        Reason.INVALID_SPEC,
        "the submodule a: x",
        "Correct it.",
        "the submodule a: x",
    )


def test_a_failed_run_knows_its_row() -> None:
    failure = RunFailed(Reason.STAGE_FAILED, "train: exit code 1")
    assert failure.outcome is OUTCOMES[Reason.STAGE_FAILED]
    assert str(failure) == failure.message == "train: exit code 1"
