"""Patience is time, not tries; and what is sent again is not made twice."""

import errno
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import requests
from dvc.stage.exceptions import StageCmdFailedError
from mlflow.exceptions import MlflowException

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.attempt import outcome_of
from retrain_trainer.interrupt import Interrupted, Interruption
from retrain_trainer.patience import LONGEST_SECONDS, Away, Patience
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
    with pytest.raises(Away, match="s3://b"):
        made(900, clock, told).through(away_until(clock, 10_000, works))
    assert 900 <= clock.now <= 900 + 2 * works
    assert clock.waits[:6] == [1, 2, 4, 8, 16, 30]


def test_without_tolerance_there_is_one_try_and_no_word(clock: Clock, told: list[str]) -> None:
    with pytest.raises(Away):
        made(0, clock, told).through(away_until(clock, 1))
    assert (clock.waits, told) == ([], [])


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


WAITED_FOR: dict[str, tuple[Exception, bool]] = {
    "503": (http(503), True),
    "a rate limit": (http(429), True),
    "a rate limit told with 403": (http(403, **{"Retry-After": "60"}), True),
    "a refusal": (http(403), False),
    "a wrong address": (http(404), False),
    "a certificate that is not trusted": (distrusted(), False),
    "a connection that breaks": (requests.exceptions.SSLError("EOF"), True),
    "silence": (requests.ReadTimeout(), True),
    "a bucket named so": (requests.ConnectionError("https://exp-401.s3/ denied: 403"), True),
}


@pytest.mark.parametrize("case", WAITED_FOR)
def test_status_codes_and_types_say_what_is_waited_for(case: str) -> None:
    error, waited = WAITED_FOR[case]
    for failure in (store_failure(error), failure_of(error, "http://mlflow")):
        assert failure is not None
        assert isinstance(failure, Away) == waited


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
