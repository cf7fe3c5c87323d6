"""What a server's refusal means comes from types and codes; a fault of ours is what is left."""

import errno
from typing import Any

import pytest
import requests
from botocore.exceptions import (  # type: ignore[import-untyped]
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
)
from mlflow.exceptions import MlflowException, RestException

from retrain_core.outcome import Reason
from retrain_trainer.memory import kills
from retrain_trainer.pipeline.errors import stage_failure, store_failure
from retrain_trainer.refusal import lasts
from retrain_trainer.registry.mlflow_registry import _quoted
from retrain_trainer.tracking.client import credentials_to_environment
from retrain_trainer.tracking.failure import failure_of, unusable

URI = "http://mlflow:5000"


def answered(status: int, body: str = "") -> MlflowException:
    """As MLflow tells of an answer that is not its own."""
    return MlflowException(
        f"API request to endpoint /api/2.0/x failed with error code {status} != 200."
        f" Response body: '{body}'"
    )


def http(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} for url", response=response)


def s3(code: str, status: int) -> Exception:
    error: Exception = ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "PutObject",
    )
    return error


def rest(code: str | None) -> MlflowException:
    body = {"error_code": code, "message": "m"} if code else {"detail": "Not Found"}
    return RestException(body)  # type: ignore[no-untyped-call]


def failed(error: BaseException) -> MlflowException:
    """As MLflow raises it: the client's exception is the context, the text quotes it."""
    try:
        try:
            raise error
        except type(error) as inner:
            raise MlflowException(f"API request to x failed with exception {inner}")  # noqa: B904
    except MlflowException as outer:
        return outer


TRACKING: dict[str, tuple[Exception, Reason]] = {
    "unauthorised": (answered(401), Reason.TRACKING_DENIED),
    "forbidden by a proxy": (answered(403, "<html>"), Reason.TRACKING_DENIED),
    "forbidden": (rest("PERMISSION_DENIED"), Reason.TRACKING_DENIED),
    "an S3 server": (answered(405, "<Code>MethodNotAllowed</Code>"), Reason.UNEXPECTED_ANSWER),
    "another web server": (answered(404), Reason.UNEXPECTED_ANSWER),
    "another API": (rest(None), Reason.UNEXPECTED_ANSWER),
    "a bad gateway": (answered(502), Reason.TRACKING_UNREACHABLE),
    "too many requests": (rest("REQUEST_LIMIT_EXCEEDED"), Reason.TRACKING_UNREACHABLE),
    "a database that is locked": (rest("TEMPORARILY_UNAVAILABLE"), Reason.TRACKING_UNREACHABLE),
    "nobody listens": (failed(requests.ConnectionError("refused")), Reason.TRACKING_UNREACHABLE),
    "no answer in time": (failed(requests.ReadTimeout("slow")), Reason.TRACKING_UNREACHABLE),
    "a version that is gone": (rest("RESOURCE_DOES_NOT_EXIST"), Reason.TRACKING_DENIED),
    "artifacts: forbidden": (http(403), Reason.TRACKING_DENIED),
    "artifacts: the server's own fault": (http(500), Reason.TRACKING_UNREACHABLE),
    "artifacts: no credentials": (NoCredentialsError(), Reason.TRACKING_DENIED),
    "artifacts: wrong keys": (s3("SignatureDoesNotMatch", 403), Reason.TRACKING_DENIED),
    "artifacts: an old session": (s3("ExpiredToken", 400), Reason.TRACKING_DENIED),
    "artifacts: no bucket": (s3("NoSuchBucket", 404), Reason.TRACKING_DENIED),
    "artifacts: nobody listens": (
        EndpointConnectionError(endpoint_url="http://s3"),
        Reason.TRACKING_UNREACHABLE,
    ),
    "artifacts: a folder of the server": (
        PermissionError(errno.EACCES, "Permission denied", "/mlartifacts"),
        Reason.TRACKING_DENIED,
    ),
    "a request that makes no sense": (rest("INVALID_PARAMETER_VALUE"), Reason.INTERNAL_ERROR),
}


@pytest.mark.parametrize("case", TRACKING)
def test_what_a_tracking_server_did(case: str) -> None:
    error, reason = TRACKING[case]
    failure = failure_of(error, "http://user:hunter2@mlflow:5000")
    assert failure is not None
    assert failure.reason is reason
    assert "hunter2" not in failure.message


@pytest.mark.parametrize("error", [KeyError("x"), FileNotFoundError(2, "no", "f"), ValueError("x")])
def test_a_fault_of_ours_is_taken_for_no_server_s(error: Exception) -> None:
    assert failure_of(error, URI) is None
    assert store_failure(error) is None


@pytest.mark.parametrize("uri", ["file:///home/ann/mlruns", "./mlruns", "mlruns", "/srv/mlruns"])
def test_a_folder_as_tracking_uri_is_told_in_a_plain_sentence(uri: str) -> None:
    failure = unusable(MlflowException("maintenance mode"), uri)
    assert failure.reason is Reason.INVALID_SPEC
    assert "is a folder" in failure.message
    assert "spec.mlflow.trackingURI" in failure.remedy


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(Exception, match="cannot be used") as caught:
        credentials_to_environment("http://[bad")
    assert getattr(caught.value, "reason", None) is Reason.INVALID_SPEC


STORE: dict[str, tuple[Exception, Reason | None]] = {
    "s3fs, forbidden": (PermissionError("Forbidden"), Reason.STORE_DENIED),
    "no credentials": (NoCredentialsError(), Reason.STORE_DENIED),
    "no bucket": (FileNotFoundError("The specified bucket does not exist"), Reason.STORE_NOT_FOUND),
    "a busy server": (s3("SlowDown", 503), Reason.STORE_UNREACHABLE),
    "too many requests, told with 403": (s3("SlowDown", 403), Reason.STORE_UNREACHABLE),
    "too many requests, told with 400": (s3("ThrottlingException", 400), Reason.STORE_UNREACHABLE),
    "nobody listens": (EndpointConnectionError(endpoint_url="x"), Reason.STORE_UNREACHABLE),
    "its folder": (PermissionError(errno.EACCES, "no", "/srv/dvc/files"), Reason.STORE_DENIED),
    "a file of the project": (PermissionError(errno.EACCES, "no", "/home/ann/raw.csv"), None),
    "403 in a text": (ValueError("row 403 is broken"), None),
}


@pytest.mark.parametrize("case", STORE)
def test_what_a_store_did(case: str) -> None:
    error, reason = STORE[case]
    failure = store_failure(error, "/srv/dvc")
    assert (failure.reason if failure else None) is reason


@pytest.mark.parametrize("name", ["iris", "bob's-model", 'the "best"', "한글", "a`b", "100%"])
def test_a_model_of_any_name_can_be_looked_for(name: str) -> None:
    quoted = _quoted(name)
    assert quoted[1:-1] == name
    assert quoted[0] not in name


def test_a_name_that_mlflow_cannot_look_for_is_told() -> None:
    with pytest.raises(Exception, match=r"spec\.model\.name") as caught:
        _quoted("""bob's "best\"""")
    assert getattr(caught.value, "reason", None) is Reason.INVALID_SPEC


def command_failed(code: int) -> Exception:
    from dvc.stage.exceptions import StageCmdFailedError

    error: Exception = StageCmdFailedError("python train.py", code)
    return error


@pytest.mark.parametrize("code", [-9, 137])
def test_a_killed_stage_is_out_of_memory_only_if_the_kernel_says_so(code: int) -> None:
    told = stage_failure("train", command_failed(code), "epoch 3", out_of_memory=True)
    assert told.reason is Reason.OUT_OF_MEMORY
    unknown = stage_failure("train", command_failed(code), "epoch 3")
    assert unknown.reason is Reason.STAGE_FAILED
    assert "137" in unknown.message
    assert "correct its code" not in unknown.remedy


CGROUPS: dict[str, tuple[dict[str, str], int]] = {
    "version 2": (
        {"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/memory.events": "oom_kill 2"},
        2,
    ),
    "a container": (
        {"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.events": "oom 1\noom_kill 3"},
        3,
    ),
    "version 1": (
        {
            "proc/self/cgroup": "4:memory:/pods/x\n0::/",
            "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\noom_kill 1",
        },
        1,
    ),
    "the machine": ({"proc/vmstat": "nr_free 7\noom_kill 4"}, 4),
    "nothing is known": ({}, 0),
}


@pytest.mark.parametrize("case", CGROUPS)
def test_the_kernel_counts_what_it_kills(case: str, tmp_path: Any) -> None:
    files, count = CGROUPS[case]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert kills(tmp_path) == count


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (s3("AuthorizationHeaderMalformed", 400), True),
        (s3("PermanentRedirect", 301), True),
        (ValueError("Invalid endpoint: minio:9000"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (s3("InternalError", 500), False),
    ],
    ids=repr,
)
def test_what_a_store_will_say_again_is_not_waited_for(error: Exception, expected: bool) -> None:
    assert lasts(error) is expected
