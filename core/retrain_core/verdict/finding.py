"""What the evidence of a trigger comes to."""

from dataclasses import dataclass
from enum import StrEnum

from retrain_core.evidence import Tag


class Finding(StrEnum):
    """What a look has found, or why it found nothing: the reason in `status.triggers`."""

    RECORDED = "Recorded"
    NEW_TAG = "NewTag"
    NO_NEW_TAG = "NoNewTag"
    TAG_MOVED = "TagMoved"
    DATA_CHANGED = "DataChanged"
    DATA_UNCHANGED = "DataUnchanged"
    DRIFTED = "Drifted"
    NOT_DRIFTED = "NotDrifted"
    ALREADY_TRAINED = "AlreadyTrained"
    THRESHOLD_CROSSED = "ThresholdCrossed"
    WITHIN_THRESHOLD = "WithinThreshold"
    GAVE_UP = "GaveUp"
    NO_REPOSITORY = "NoRepository"
    TOO_MANY_TAGS = "TooManyTags"
    PATH_NOT_FOUND = "PathNotFound"
    DATA_NOT_FOUND = "DataNotFound"
    NOT_A_TABLE = "NotATable"
    TOO_FEW_ROWS = "TooFewRows"
    NO_COLUMNS = "NoColumns"
    NO_CHAMPION = "NoChampion"
    NO_PROFILE = "NoProfile"
    NO_SERIES = "NoSeries"
    SEVERAL_SERIES = "SeveralSeries"
    NOT_A_NUMBER = "NotANumber"
    QUERY_REFUSED = "QueryRefused"
    METRICS_DENIED = "MetricsDenied"
    METRICS_UNREACHABLE = "MetricsUnreachable"
    LOOK_TIMED_OUT = "LookTimedOut"
    CHECK_FAILED = "CheckFailed"


MEANINGS: dict[Finding, str] = {
    Finding.RECORDED: "The first look: what is there is recorded and not trained.",
    Finding.NEW_TAG: "`release`: the tags that the message names are trained, each once.",
    Finding.NO_NEW_TAG: "`release`: every tag that matches is known.",
    Finding.TAG_MOVED: "`release`: a known tag leads to another commit, which is not trained.",
    Finding.DATA_CHANGED: "`data`: the message says which path, from what, to what.",
    Finding.DATA_UNCHANGED: "`data`: as when a run was last started for it.",
    Finding.DRIFTED: "`drift`: the message names the columns and their scores.",
    Finding.NOT_DRIFTED: "`drift`: too few columns reach the threshold, or none.",
    Finding.ALREADY_TRAINED: "`drift`: a run was started for the same data and champion already.",
    Finding.THRESHOLD_CROSSED: "`metric`: a run is due.",
    Finding.WITHIN_THRESHOLD: "`metric`: nothing is to be done.",
    Finding.GAVE_UP: "Six runs have failed: nothing is started until there is something new.",
}
"""What it means that a look has found this."""

REMEDIES: dict[Finding, str] = {
    Finding.NO_REPOSITORY: "Only spec.source.git has tags and branches: name one there.",
    Finding.TOO_MANY_TAGS: "Narrow tagPattern: v2.* instead of v*, say.",
    Finding.PATH_NOT_FOUND: "Correct the path: it is meant from spec.source.git.path, at the head"
    " of the branch.",
    Finding.DATA_NOT_FOUND: "Correct drift.current, or see why nothing is written there.",
    Finding.NOT_A_TABLE: "Let drift.current be one CSV or Parquet file.",
    Finding.TOO_FEW_ROWS: "Wait for more rows, or lower drift.minRows.",
    Finding.NO_COLUMNS: "Correct drift.columns: no column of the profile is left.",
    Finding.NO_CHAMPION: "Train and promote a version first: drift is judged against its data.",
    Finding.NO_PROFILE: "Name the training data in spec.model.profile and train a champion"
    " with it.",
    Finding.NO_SERIES: "See whether the series exists: nothing may be scraped, or its name has"
    " changed.",
    Finding.SEVERAL_SERIES: "Let the query aggregate to one value: min(...), avg(...).",
    Finding.NOT_A_NUMBER: "See why the query divides by zero or averages nothing.",
    Finding.QUERY_REFUSED: "Correct the PromQL as the message says.",
    Finding.METRICS_DENIED: "Check the Secret in metric.prometheus.secretRef: username and"
    " password, or token.",
    Finding.METRICS_UNREACHABLE: "Check metric.prometheus.url and the way to it from the check's"
    " pod.",
    Finding.LOOK_TIMED_OUT: "See why what it looks at answers so slowly, or raise"
    " check.timeoutSeconds: the looks of a check share it.",
    Finding.CHECK_FAILED: "Read the log of the check's pod; spec.check gives it more time or"
    " memory.",
}
"""What a person can do where a trigger could not be looked at."""


def could_look(reason: str | None) -> bool:
    """Whether the last look with this reason saw something; one of a newer trainer's did not."""
    return reason is None or reason in set(map(str, MEANINGS))


@dataclass(frozen=True)
class Cause:
    """A reason to train, once."""

    evidence: str
    """As a sentence without a full stop."""
    tag: Tag | None = None
    """The release to train."""
    update: tuple[str, ...] = ()
    """.dvc imports to refresh first."""
    known: str | None = None
    """What is known of the trigger once it has started a run; None: as before."""


@dataclass(frozen=True)
class Verdict:
    """What is to be done about one trigger, and why."""

    finding: Finding
    message: str
    """Why it fires or does not, for a person."""
    seen: str
    """What was there."""
    known: str | None
    """What is known from now on."""
    causes: tuple[Cause, ...] = ()
