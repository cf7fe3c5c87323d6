"""The outcome table: a reason, its exit code, whether it may be retried, and what to do.

Conditions, exit codes, the Job's podFailurePolicy and the reference page all come from it.
Exit codes stay clear of 1 and 2 (Python, shells) and of 126 and up (shells, signals), but for
143, which a process ended by SIGTERM is known by. From 80 on no container ends with them: what
the operator sees from outside, told by `retrain submit --wait`.
"""

from dataclasses import dataclass
from typing import Self

from retrain_core.reasons import Activity as Activity
from retrain_core.reasons import Reason as Reason


@dataclass(frozen=True)
class Outcome:
    """One row of the table."""

    reason: Reason
    exit_code: int
    retry: bool
    """Whether the same run may succeed when tried again unchanged, at once. A run is Unreachable
    once it has waited: if each attempt did that anew, it would wait for hours."""
    remedy: str
    """What the person can do about it, as a sentence."""

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0

    @property
    def passes(self) -> bool:
        """Whether it may go well another time: at once, or when a server is back."""
        return self.retry or self.reason in _AWAY


_AWAY = {Reason.SOURCE_UNREACHABLE, Reason.STORE_UNREACHABLE, Reason.TRACKING_UNREACHABLE}
_AGAIN = "Then create the run again under another name: nothing that had ended is trained twice."
_ROWS = (
    Outcome(Reason.TRAINED, 0, False, "Nothing to do."),
    Outcome(
        Reason.UP_TO_DATE,
        0,
        False,
        "No stage had to run; `status.model` says what became of the version of this state.",
    ),
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
    Outcome(
        Reason.SOURCE_NOT_FOUND,
        20,
        False,
        "Check what the message names: url, revision or path in spec.source.git, or a submodule or"
        " a file of the repository.",
    ),
    Outcome(
        Reason.SOURCE_DENIED,
        21,
        False,
        "Check the Secret named in spec.source.git.secretRef and what it may read.",
    ),
    Outcome(
        Reason.SOURCE_UNREACHABLE,
        22,
        False,
        f"Check the host in spec.source.git.url and the way to it from the pod. {_AGAIN}",
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
        False,
        f"Check spec.dvc.remote.endpointURL and the way to it. {_AGAIN}",
    ),
    Outcome(
        Reason.DATA_MISSING,
        33,
        False,
        "Bring the data to a store that the run reads from, or correct spec.dvc.remote.",
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
        False,
        f"Check spec.mlflow.trackingURI and whether the server is up. {_AGAIN}",
    ),
    Outcome(
        Reason.SUPERSEDED,
        43,
        True,
        "Nothing to do: another pod of the same run goes on where this one was left behind.",
    ),
    Outcome(
        Reason.UNEXPECTED_ANSWER,
        75,
        True,
        f"Check what answers at the address in the message, and its certificate. {_AGAIN}",
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
        Reason.NO_SPACE_LEFT,
        53,
        True,
        "Give the run more room: spec.dvc.cache, or ephemeral-storage in spec.pod.resources.",
    ),
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
    Outcome(
        Reason.RESULT_UNAVAILABLE,
        0,
        False,
        "The training ended well, but its pod is gone: its MLflow run tells the rest.",
    ),
    Outcome(
        Reason.NAME_TAKEN,
        80,
        False,
        "Delete the Job of this name, or give the run another name.",
    ),
    Outcome(
        Reason.DEADLINE_EXCEEDED,
        81,
        False,
        "Raise spec.timeoutSeconds; what had ended is not trained again.",
    ),
    Outcome(
        Reason.START_DEADLINE_EXCEEDED,
        82,
        False,
        "See why the pod did not start, or raise spec.startTimeoutSeconds.",
    ),
    Outcome(
        Reason.IMAGE_PULL_FAILED,
        83,
        False,
        "Check spec.image, and spec.pod.imagePullSecrets if the registry is private.",
    ),
    Outcome(
        Reason.CONFIG_MISSING,
        84,
        False,
        "Create the Secret, ConfigMap or claim that the message names, in the run's namespace.",
    ),
    Outcome(
        Reason.VOLUME_UNAVAILABLE,
        92,
        False,
        "Look at the claim (kubectl describe pvc): one that is ReadWriteOnce serves one node at a"
        " time, so wait for the other pod or make it ReadWriteMany; one that is not bound needs a"
        " StorageClass that exists.",
    ),
    Outcome(
        Reason.UNSCHEDULABLE,
        85,
        False,
        "Ask for less in spec.pod.resources, or add nodes that fit its selectors and tolerations.",
    ),
    Outcome(
        Reason.QUOTA_EXCEEDED,
        86,
        False,
        "Wait for other pods to end, ask for less in spec.pod.resources, or raise the quota.",
    ),
    Outcome(
        Reason.POD_REFUSED,
        87,
        False,
        "Correct spec.pod as the message says: an admission rule of the cluster refuses the pod.",
    ),
    Outcome(
        Reason.CONTAINER_FAILED,
        88,
        False,
        "Check that the image is FROM the trainer image, and read the pod's log.",
    ),
    Outcome(
        Reason.EVICTED,
        89,
        True,
        "The node wanted the room: ask for what is used in spec.pod.resources, or raise"
        " spec.pod.priorityClassName.",
    ),
    Outcome(
        Reason.NODE_LOST,
        90,
        True,
        "If the node will not come back, make sure that its machine is off and delete it (kubectl"
        " delete node): the next attempt starts then.",
    ),
    Outcome(
        Reason.JOB_LOST,
        91,
        True,
        "Somebody deleted the run's Job, or no operator ran for longer than its jobTTLSeconds:"
        " see the run in MLflow, or create it again under another name.",
    ),
)

FIRST_OF_OPERATOR = 80
"""No container exits with this code or a higher one, but for those of signals."""

OUTCOMES: dict[Reason, Outcome] = {row.reason: row for row in _ROWS}

FINAL_EXIT_CODES = sorted(
    row.exit_code for row in _ROWS if not row.retry and 0 < row.exit_code < FIRST_OF_OPERATOR
)
"""Exit codes of a container after which another attempt would end alike."""


def outcome_of_exit_code(code: int) -> Outcome | None:
    """The outcome that a container's exit code stands for; None where it is none of ours."""
    if code == 0 or FIRST_OF_OPERATOR <= code <= 125:
        return None
    return next((row for row in _ROWS if row.exit_code == code), None)


class RunFailed(Exception):
    """A run that cannot go on, told in the user's words.

    ``remedy``: what to do about it where the sentence of the reason's row does not fit; a sentence.
    """

    def __init__(self, reason: Reason, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.own_remedy = remedy

    def retold(self, message: str) -> Self:
        """The same failure, told in other words."""
        told = type(self).__new__(type(self), message)
        told.__dict__ |= self.__dict__
        told.message = message
        return told

    @property
    def outcome(self) -> Outcome:
        return OUTCOMES[self.reason]

    @property
    def remedy(self) -> str:
        return self.own_remedy or self.outcome.remedy
