"""What a check is told, and the evidence that it reports: JSON in its termination message.

A check looks and the operator judges (``verdict``). All of a report fits into ``BUDGET`` bytes:
what does not fit is told as a number, and looked at again next time.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from retrain_core.result import BUDGET, MAX_BYTES, Amount, Line, Number, ResultModel, Version, Word
from retrain_core.spec import TrainingRunSpec, Trigger
from retrain_core.spec.base import Seconds, SpecModel

_WHOLE = BUDGET - 48
"""Bytes of a report without what stands around its triggers."""
_ENOUGH = 250
"""Bytes in which one look can tell the least that is of use, such as one tag."""
MAX_TAGS = 20
"""New tags in one report, oldest first."""
MAX_SCORES = 32
MAX_PATHS = 64
MAX_KNOWN = 32_768
"""Characters of what is known of a trigger: four thousand tags."""
Known = Annotated[str, StringConstraints(max_length=MAX_KNOWN)]
About = Annotated[str, StringConstraints(max_length=16)]
ColumnOutcome = Literal["Scored", "New", "Lost", "Constant", "AllNull", "Retyped", "Unique"]


class Tag(ResultModel):
    """A git tag and the commit it leads to."""

    name: Word
    """The tag, without refs/tags/."""
    commit: Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9a-f]{40,64}$")]
    """The commit."""


class ReleaseEvidence(ResultModel):
    """The tags that match, as far as they are not known."""

    total: Amount
    """How many match."""
    latest: Tag | None = None
    """The highest of them by version."""
    recorded: Annotated[str, StringConstraints(max_length=MAX_BYTES)] | None = None
    """Prints of tags that were there already, on the first looks; see ``verdict.release``."""
    complete: bool = True
    """Whether with ``recorded`` all that were there are known."""
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS)] = []
    """New ones, in the order of their versions."""
    more: Amount = 0
    """Further new ones, which did not fit."""
    moved: Annotated[list[Tag], Field(max_length=MAX_TAGS)] = []
    """Known ones that lead to another commit now."""


class DataEvidence(ResultModel):
    """What each path of the trigger holds now."""

    ids: Annotated[list[Word], Field(max_length=MAX_PATHS)]
    """For each path, in their order: the hash or ETag upstream of an import, else git's object."""
    imports: Annotated[list[Amount], Field(max_length=MAX_PATHS)] = []
    """Which of the paths are .dvc imports, by their place."""


class ColumnScore(ResultModel):
    """How a column of today's data stands to the champion's training data."""

    column: Word
    """Its name."""
    outcome: ColumnOutcome
    """Scored, or why there is more or less to say."""
    psi: Number | None = None
    """Population stability index, as text; None where there is none."""


class DriftEvidence(ResultModel):
    """Today's data against the profile of the champion's."""

    champion: Version
    """The version that holds the alias."""
    digest: Annotated[str, StringConstraints(max_length=32)]
    """MD5 of today's data."""
    rows: Amount
    """Of today's data."""
    judged: Amount
    """How many columns were judged."""
    drifted: Amount
    """How many of them have drifted."""
    scores: Annotated[list[ColumnScore], Field(max_length=MAX_SCORES)] = []
    """The drifted first, then by score: as many as fit."""


class MetricEvidence(ResultModel):
    """The answer to the query."""

    value: Number
    """As text; finite."""


class Unseen(ResultModel):
    """Why a trigger could not be looked at: never a reason to train."""

    reason: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z][0-9A-Za-z]*$")]
    """In one word."""
    message: Line
    """For a person."""


class Evidence(ResultModel):
    """What was seen of one trigger: exactly one of the fields after ``about``."""

    trigger: Word
    """Its name."""
    about: About
    """What it was then; see ``about``."""
    release: ReleaseEvidence | None = None
    data: DataEvidence | None = None
    drift: DriftEvidence | None = None
    metric: MetricEvidence | None = None
    unseen: Unseen | None = None


class Report(ResultModel):
    """All that one check has seen."""

    triggers: Annotated[list[Evidence], Field(max_length=16)]
    """One for each trigger that is no clock."""
    left_out: Amount = 0
    """How many are not among them for want of room: the last ones."""

    def dump(self) -> str:
        """As JSON in at most ``BUDGET`` bytes: from the last trigger on first the words of why one
        could not be looked at are cut, then scores of drift, then whole triggers are left out.

        Nothing of that is to be done where each look keeps to its ``room``, unless many share it.
        """
        smaller = _smaller(self)
        return next(text for one in smaller if len((text := _json(one)).encode()) <= BUDGET)


class Task(SpecModel):
    """What a check is told, in an annotation of its pod."""

    schedule: str
    """Name of the RetrainSchedule."""
    run: TrainingRunSpec
    """What a run would be made from, the operator's defaults included."""
    triggers: list[Trigger]
    """Those that are no clock."""
    known: dict[str, str] = {}
    """By trigger: what is known of it."""
    timeout_seconds: Seconds = 300
    """How long all of the check may take."""


def room(triggers: int, seen: Iterable[Evidence] = ()) -> int:
    """Bytes that the next evidence may have as JSON, of so many triggers; ``seen``: those before.

    A share, and what those before have left of theirs. Where many share, it is what one look needs
    all the same: then the last may find nothing left.
    """
    sizes = [size(one) + 1 for one in seen]
    share = _WHOLE // max(triggers, 1)
    left = _WHOLE - sum(sizes)
    others = max(triggers - len(sizes) - 1, 0)
    return max(left - others * share, min(_ENOUGH, left)) - 1


def size(seen: Evidence) -> int:
    """Bytes of its JSON in a report."""
    return len(_json(seen).encode())


def _json(content: ResultModel) -> str:
    return content.model_dump_json(by_alias=True, exclude_defaults=True)


def _smaller(report: Report) -> Iterator[Report]:
    """``report``, and less and less of it, down to nothing."""
    yield report
    triggers: Sequence[Evidence] = report.triggers
    for less in (_without_words, _without_scores):
        for place in reversed(range(len(triggers))):
            triggers = [*triggers[:place], less(triggers[place]), *triggers[place + 1 :]]
            yield report.model_copy(update={"triggers": triggers})
    for count in reversed(range(len(triggers))):
        left_out = report.left_out + len(triggers) - count
        yield report.model_copy(update={"triggers": triggers[:count], "left_out": left_out})


def _without_words(seen: Evidence) -> Evidence:
    if seen.unseen is None:
        return seen
    return seen.model_copy(update={"unseen": seen.unseen.model_copy(update={"message": ""})})


def _without_scores(seen: Evidence) -> Evidence:
    if seen.drift is None:
        return seen
    return seen.model_copy(update={"drift": seen.drift.model_copy(update={"scores": []})})


def parse_report(text: str) -> Report | None:
    """The report in a termination message, or None where there is none to be trusted."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return None
    try:
        return Report.model_validate_json(text)
    except ValidationError:
        return None


def looked_at(triggers: list[Trigger]) -> list[Trigger]:
    """Those that a check looks at."""
    return [trigger for trigger in triggers if trigger.cron is None]


def about(trigger: Trigger, run: TrainingRunSpec) -> str:
    """A digest of what the known of ``trigger`` is relative to: with another it means nothing.

    A changed threshold goes on from what is known; another repository or path does not.
    """
    git = run.source.git
    subject: list[object]
    if trigger.release is not None:
        subject = ["release", git and git.url, trigger.release.tag_pattern]
    elif trigger.data is not None:
        place = git and [git.url, git.revision, git.path]
        subject = ["data", place or run.to_api().get("source"), trigger.data.paths]
    elif trigger.drift is not None:
        subject = ["drift", run.model and run.model.name, trigger.drift.current]
    else:
        assert trigger.metric is not None
        subject = ["metric", trigger.metric.prometheus.url, trigger.metric.prometheus.query]
    return hashlib.sha256(json.dumps(subject).encode()).hexdigest()[:16]
