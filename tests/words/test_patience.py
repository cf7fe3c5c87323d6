"""Patience is time, not tries; and what is sent again is not made twice."""

import errno
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError  # type: ignore[import-untyped]
from dvc.stage.exceptions import StageCmdFailedError
from mlflow.exceptions import MlflowException
from mlflow.utils.rest_utils import verify_rest_response

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.attempt import outcome_of
from retrain_trainer.interrupt import Interrupted, Interruption
from retrain_trainer.patience import LONGEST_SECONDS, Away, Odd, Patience
from retrain_trainer.pipeline.champion import (
    NotComparableError,
    lasting_failures_not_comparable,
)
from retrain_trainer.pipeline.errors import stage_failure, store_failure
from retrain_trainer.report import LogReporter
from retrain_trainer.tracking.client import patient
from retrain_trainer.tracking.failure import failure_of


class Clock:
    """Time passes while one waits, and while an action works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def made(seconds: float, clock: Clock, told: list[str]) -> Patience:
    return Patience(seconds, told.append, lambda: clock.now, clock.wait, lambda: 0.0)


def away_until(clock: Clock, back: float, works: float = 0.0) -> Callable[[], str]:
    def action() -> str:
        clock.now += works
        if clock.now < back:
            raise Away(Reason.STORE_UNREACHABLE, "s3://b cannot be reached")
        return "answer"

    return action


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.mark.parametrize("back", [1, 30, 600, 899])
def test_an_outage_shorter_than_is_tolerated_is_waited_for(
    clock: Clock, told: list[str], back: int
) -> None:
    patience = made(900, clock, told)
    assert patience.through(away_until(clock, back)) == "answer"
    assert patience.waits == [f"waited {clock.now:.0f} s, as s3://b cannot be reached"]
    assert clock.now < back + LONGEST_SECONDS
    begun, over = told
    assert begun == "s3://b cannot be reached; waiting for up to 900 s"
    assert over.startswith("it answers again")


@pytest.mark.parametrize("works", [0.0, 70.0])
def test_a_longer_one_ends_the_run_when_the_time_is_over(
    clock: Clock, told: list[str], works: float
) -> None:
    with pytest.raises(Away, match="s3://b") as caught:
        made(900, clock, told).through(away_until(clock, 10_000, works))
    assert 900 <= clock.now <= 900 + 2 * works
    assert caught.value.given_up
    waited = clock.now - works
    assert caught.value.message == f"s3://b cannot be reached; waited {waited:.0f} s for it"
    assert clock.waits[:6] == [1, 2, 4, 8, 16, 30]


def test_without_tolerance_there_is_one_try_and_no_word(clock: Clock, told: list[str]) -> None:
    with pytest.raises(Away) as caught:
        made(0, clock, told).through(away_until(clock, 1))
    assert (clock.waits, told) == ([], [])
    assert "waited" not in caught.value.message


def odd_until(clock: Clock, back: float) -> Callable[[], str]:
    def action() -> str:
        if clock.now < back:
            said = "http://mlflow is no MLflow tracking server: 404"
            raise Odd(Reason.TRACKING_UNREACHABLE, said, server="http://mlflow")
        return "answer"

    return action


def test_a_server_that_has_answered_before_is_waited_for_when_something_else_answers(
    clock: Clock, told: list[str]
) -> None:
    patience = made(900, clock, told)
    patience.answered.add("http://mlflow")
    assert patience.through(odd_until(clock, 60)) == "answer"
    with pytest.raises(RunFailed) as caught:
        patience.through(lambda: patience.through(odd_until(clock, 10_000)))
    assert (caught.value.reason, caught.value.outcome.retry) == (
        Reason.TRACKING_UNREACHABLE,
        False,
    )
    assert caught.value.message.endswith("404; waited 900 s for it")


def test_of_any_other_it_is_told_at_once_and_another_attempt_may_find_it_otherwise(
    clock: Clock, told: list[str]
) -> None:
    patience = made(900, clock, told)
    patience.answered.add("s3://b")
    with pytest.raises(RunFailed) as caught:
        patience.through(lambda: patience.through(odd_until(clock, 60)))
    assert (caught.value.reason, caught.value.outcome.retry) == (Reason.UNEXPECTED_ANSWER, True)
    assert (clock.waits, told) == ([], [])


def test_who_has_answered_is_known_by_the_requests_that_went_well(
    clock: Clock, told: list[str]
) -> None:
    patience = made(900, clock, told)
    answers: Iterator[str | Exception] = iter(
        ["tags", distrusted(), "files", distrusted(), "files"]
    )

    class Requests:
        def log_text(self) -> str:
            return self.set_tag()

        def set_tag(self) -> str:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

    server: Any = Requests()
    client: Any = patient(server, "http://mlflow", patience)
    assert client.set_tag() == "tags"
    with pytest.raises(Odd):
        client.log_text()
    assert client.log_text() == "files"
    assert client.log_text() == "files"
    assert clock.waits == [1]


def test_actions_within_each_other_wait_for_one_outage_together(
    clock: Clock, told: list[str]
) -> None:
    patience = made(900, clock, told)
    with pytest.raises(Away):
        patience.through(lambda: patience.through(away_until(clock, 10_000)))
    assert clock.now == 900
    assert patience.through(away_until(clock, clock.now + 60)) == "answer"


def test_a_part_that_is_answered_does_not_begin_the_time_anew(
    clock: Clock, told: list[str]
) -> None:
    patience = made(900, clock, told)

    def half_dead() -> str:
        patience.through(lambda: "found nothing")
        return away_until(clock, 10_000)()

    with pytest.raises(Away):
        patience.through(half_dead)
    assert clock.now == 900


@pytest.mark.parametrize("error", [RunFailed(Reason.STORE_DENIED, "no"), Interrupted()])
def test_a_refusal_and_a_signal_end_the_wait(
    clock: Clock, told: list[str], error: BaseException
) -> None:
    answers = iter([Away(Reason.STORE_UNREACHABLE, "away"), error])

    def action() -> None:
        raise next(answers)

    with pytest.raises(type(error)):
        made(900, clock, told).through(action)
    assert clock.waits == [1]


class Server:
    """In place of MLflow's client: it makes a version, and its answer is lost."""

    def __init__(self) -> None:
        self.versions: list[str] = []
        self.tries = 0

    def create_model_version(self, name: str) -> str:
        self.versions.append(name)
        self._lose()
        return name

    def set_tag(self, key: str) -> str:
        self._lose()
        return key

    def _lose(self) -> None:
        self.tries += 1
        if self.tries == 1:
            try:
                raise requests.ConnectionError("closed")
            except requests.ConnectionError as error:
                raise MlflowException(f"API request failed with exception {error}")  # noqa: B904


def test_a_version_whose_making_was_not_answered_is_looked_for_and_not_made_again(
    clock: Clock, told: list[str]
) -> None:
    server: Any = Server()
    patience = made(900, clock, told)
    client: Any = patient(server, "http://mlflow", patience)

    def register() -> str:
        found: list[str] = client.versions
        return found[0] if found else str(client.create_model_version("iris"))

    assert patience.through(register) == "iris"
    assert server.versions == ["iris"]


def test_what_can_be_sent_twice_is_sent_until_it_is_answered(clock: Clock, told: list[str]) -> None:
    server: Any = Server()
    client: Any = patient(server, "http://mlflow", made(900, clock, told))
    assert client.set_tag("a") == "a"
    assert server.tries == 2


def http(status: int, **headers: str) -> Exception:
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    return requests.HTTPError(str(status), response=response)


def distrusted() -> Exception:
    error = requests.exceptions.SSLError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    return error


def translated(status: int, **headers: str) -> Exception:
    """As s3fs tells of an answer without a body."""
    answer = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    error = PermissionError("Forbidden")
    error.__cause__ = ClientError(
        {"Error": {"Code": str(status)}, "ResponseMetadata": answer}, "HeadObject"
    )
    return error


WAITED_FOR: dict[str, tuple[Exception, type[RunFailed]]] = {
    "503": (http(503), Away),
    "a rate limit": (http(429), Away),
    "a rate limit told with 403": (http(403, **{"Retry-After": "60"}), Away),
    "a rate limit told with 403 by S3": (translated(403, **{"retry-after": "60"}), Away),
    "a refusal": (http(403), RunFailed),
    "a refusal by S3": (translated(403), RunFailed),
    "more than a proxy takes": (http(413), RunFailed),
    "a wrong address": (http(404), Odd),
    "a certificate that is not trusted": (distrusted(), Odd),
    "a connection that breaks": (requests.exceptions.SSLError("EOF"), Away),
    "silence": (requests.ReadTimeout(), Away),
    "a bucket named so": (requests.ConnectionError("https://exp-401.s3/ denied: 403"), Away),
}


@pytest.mark.parametrize("case", WAITED_FOR)
def test_status_codes_and_types_say_what_is_waited_for(case: str) -> None:
    error, kind = WAITED_FOR[case]
    for failure in (store_failure(error), failure_of(error, "http://mlflow")):
        assert type(failure) is kind


@pytest.mark.parametrize("body", ["<html>slow down</html>", '{"message": "slow down"}'])
@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (403, {"Retry-After": "60"}, Away),
        (403, {}, RunFailed),
        (429, {"Retry-After": "60"}, Away),
        (503, {"Retry-After": "60"}, Away),
        (404, {}, Odd),
    ],
)
def test_a_rate_limit_before_mlflow_is_waited_for(
    status: int, headers: dict[str, str], kind: type[RunFailed], body: str
) -> None:
    # No local of this test is called as MLflow's is, by which its answer is found.
    answered = requests.Response()
    answered.status_code = status
    answered.headers.update(headers)
    answered._content = body.encode()
    with pytest.raises(MlflowException) as caught:
        verify_rest_response(answered, "/api/2.0/mlflow/runs/get")
    assert type(failure_of(caught.value, "http://mlflow")) is kind


def test_a_full_disk_is_no_outage() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/workspace/cache")
    failure = store_failure(full, "s3://b")
    assert failure is not None
    assert failure.reason is Reason.NO_SPACE_LEFT

    def work() -> tuple[Reason, str]:
        raise full

    ending = outcome_of(work, LogReporter(), Interruption(), lambda text: text)
    assert ending.reason is Reason.NO_SPACE_LEFT


def test_a_stage_that_ends_with_143_by_itself_has_failed() -> None:
    failure = stage_failure("train", StageCmdFailedError("python train.py", 143), "")
    assert failure.reason is Reason.STAGE_FAILED


@pytest.mark.parametrize("failure", [Away, RunFailed])
def test_a_store_that_stays_away_is_no_verdict_on_the_champion(failure: type[RunFailed]) -> None:
    with pytest.raises(failure), lasting_failures_not_comparable():
        raise failure(Reason.STORE_UNREACHABLE, "s3://b cannot be reached")
    with pytest.raises(NotComparableError), lasting_failures_not_comparable():
        raise failure(Reason.STORE_DENIED, "s3://b refuses us")
