"""The outcome table: a reason, its exit code, whether it may be retried, and what to do.

Conditions, exit codes, the Job's podFailurePolicy and the reference page all come from it.
Exit codes stay clear of 1 and 2 (Python, shells) and of 126 and up (shells, signals), but for
143, which a process ended by SIGTERM is known by.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a run ended as it did: the reason of its `Succeeded` condition."""

    TRAINED = "Trained"
    UP_TO_DATE = "UpToDate"
    SMOKE_PASSED = "SmokePassed"
    INVALID_SPEC = "InvalidSpec"
    INVALID_PIPELINE = "InvalidPipeline"
    MODEL_AMBIGUOUS = "ModelAmbiguous"
    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_DENIED = "SourceDenied"
    SOURCE_UNREACHABLE = "SourceUnreachable"
    ENVIRONMENT_FAILED = "EnvironmentFailed"
    STORE_NOT_FOUND = "StoreNotFound"
    STORE_DENIED = "StoreDenied"
    STORE_UNREACHABLE = "StoreUnreachable"
    DATA_MISSING = "DataMissing"
    TRACKING_DENIED = "TrackingDenied"
    TRACKING_UNREACHABLE = "TrackingUnreachable"
    STAGE_FAILED = "StageFailed"
    OUTPUT_MISSING = "OutputMissing"
    OUT_OF_MEMORY = "OutOfMemory"
    METRIC_NOT_FOUND = "MetricNotFound"
    METRIC_NOT_FINITE = "MetricNotFinite"
    SMOKE_FAILED = "SmokeFailed"
    CANCELLED = "Cancelled"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True)
class Outcome:
    """One row of the table."""

    reason: Reason
    exit_code: int
    retry: bool
    """Whether the same run may succeed when tried again unchanged."""
    remedy: str
    """What the person can do about it, as a sentence."""

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


_ROWS = (
    Outcome(Reason.TRAINED, 0, False, "Nothing to do."),
    Outcome(Reason.UP_TO_DATE, 0, False, "Nothing that the run looks at has changed."),
    Outcome(Reason.SMOKE_PASSED, 0, False, "Nothing to do."),
    Outcome(Reason.INVALID_SPEC, 10, False, "Correct the named field of the manifest."),
    Outcome(Reason.INVALID_PIPELINE, 11, False, "Correct the named file of the repository."),
    Outcome(
        Reason.MODEL_AMBIGUOUS,
        12,
        False,
        "Name the model's file in spec.model.artifact, or declare it under `artifacts:` in"
        " dvc.yaml.",
    ),
    Outcome(Reason.SOURCE_NOT_FOUND, 20, False, "Check spec.source.git: url, revision and path."),
    Outcome(
        Reason.SOURCE_DENIED,
        21,
        False,
        "Check the Secret named in spec.source.git.secretRef and what it may read.",
    ),
    Outcome(
        Reason.SOURCE_UNREACHABLE,
        22,
        True,
        "Check the host in spec.source.git.url and the way to it from the pod.",
    ),
    Outcome(
        Reason.ENVIRONMENT_FAILED,
        25,
        False,
        "Check the file named in spec.python.requirements and the package index.",
    ),
    Outcome(
        Reason.STORE_NOT_FOUND, 30, False, "Create the bucket, or correct spec.dvc.remote.url."
    ),
    Outcome(
        Reason.STORE_DENIED,
        31,
        False,
        "Check the store's credentials (spec.dvc.remote.secretRef; on a laptop AWS_*): they"
        " need to list, read and write.",
    ),
    Outcome(
        Reason.STORE_UNREACHABLE,
        32,
        True,
        "Check spec.dvc.remote.endpointURL and the way to it.",
    ),
    Outcome(
        Reason.DATA_MISSING,
        33,
        False,
        "Run `dvc push` where the data are, or correct spec.dvc.remote.",
    ),
    Outcome(
        Reason.TRACKING_DENIED,
        41,
        False,
        "Check the tracking server's credentials (spec.mlflow.secretRef; on a laptop"
        " MLFLOW_TRACKING_*) and its --allowed-hosts.",
    ),
    Outcome(
        Reason.TRACKING_UNREACHABLE,
        42,
        True,
        "Check spec.mlflow.trackingURI and whether the server is up.",
    ),
    Outcome(Reason.STAGE_FAILED, 50, False, "Read the stage's last lines and correct its code."),
    Outcome(
        Reason.OUTPUT_MISSING,
        51,
        False,
        "Make the stage write each file that dvc.yaml lists under its outs.",
    ),
    Outcome(Reason.OUT_OF_MEMORY, 52, False, "Give the run more memory (spec.pod.resources)."),
    Outcome(
        Reason.METRIC_NOT_FOUND,
        60,
        False,
        "Correct spec.model.promotion.metric and run again: nothing is trained twice.",
    ),
    Outcome(
        Reason.METRIC_NOT_FINITE,
        61,
        False,
        "The training did not converge to a number: look at its plots and parameters.",
    ),
    Outcome(Reason.SMOKE_FAILED, 70, False, "Read the stage's last lines and correct its code."),
    Outcome(
        Reason.CANCELLED, 143, True, "The run was stopped; start it again when it should go on."
    ),
    Outcome(
        Reason.INTERNAL_ERROR,
        79,
        True,
        "This is a fault of Retrain: please report it with the log of the run.",
    ),
)

OUTCOMES: dict[Reason, Outcome] = {row.reason: row for row in _ROWS}


class RunFailed(Exception):
    """A run that cannot go on, told in the user's words."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def outcome(self) -> Outcome:
        return OUTCOMES[self.reason]
