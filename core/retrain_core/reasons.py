"""The reasons of a run's `Succeeded` condition: the words that the API speaks."""

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
    SUPERSEDED = "Superseded"
    STAGE_FAILED = "StageFailed"
    OUTPUT_MISSING = "OutputMissing"
    OUT_OF_MEMORY = "OutOfMemory"
    NO_SPACE_LEFT = "NoSpaceLeft"
    METRIC_NOT_FOUND = "MetricNotFound"
    METRIC_NOT_FINITE = "MetricNotFinite"
    SMOKE_FAILED = "SmokeFailed"
    CANCELLED = "Cancelled"
    INTERNAL_ERROR = "InternalError"
    RESULT_UNAVAILABLE = "ResultUnavailable"
    NAME_TAKEN = "NameTaken"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    START_DEADLINE_EXCEEDED = "StartDeadlineExceeded"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONFIG_MISSING = "ConfigMissing"
    UNSCHEDULABLE = "Unschedulable"
    QUOTA_EXCEEDED = "QuotaExceeded"
    POD_REFUSED = "PodRefused"
    CONTAINER_FAILED = "ContainerFailed"
    EVICTED = "Evicted"
    NODE_LOST = "NodeLost"
    JOB_LOST = "JobLost"


class Activity(StrEnum):
    """What a run that has not ended does: until then the reason of its `Succeeded` condition,
    unless something that hinders it is known."""

    PENDING = "Pending"
    QUEUED = "Queued"
    STARTING = "Starting"
    TRAINING = "Training"
    SUSPENDED = "Suspended"
    CANCELLING = "Cancelling"
