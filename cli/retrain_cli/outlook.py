"""What a trigger would do now, as a table for people or as data."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from retrain_cli.printable import aligned, as_json, as_yaml
from retrain_core.clock import next_time
from retrain_core.evidence import Evidence
from retrain_core.outcome import Reason
from retrain_core.spec import Trigger
from retrain_core.verdict.triggers import judge

_TITLES = ("TRIGGER", "TYPE", "SEEN", "WOULD", "WHY")


@dataclass(frozen=True)
class Outlook:
    """One trigger."""

    name: str
    type: str
    finding: str | None
    """In one word; of a clock there is none."""
    seen: str | None
    message: str
    causes: tuple[str, ...] = ()
    """Each would start a run."""
    could_look: bool = True

    @property
    def would(self) -> str:
        if not self.could_look:
            return "could not look"
        return "train" if self.causes else "nothing"

    def row(self) -> tuple[str, ...]:
        why = f"{self.finding}: {self.message}" if self.finding else self.message
        return self.name, self.type, self.seen or "-", self.would, why

    def data(self) -> dict[str, Any]:
        """As it is printed as JSON."""
        found = asdict(self)
        del found["could_look"]
        return found | {"causes": list(self.causes)}


def of_clock(trigger: Trigger, now: datetime) -> Outlook:
    """When a clock is due next."""
    assert trigger.cron is not None
    zone = trigger.cron.time_zone
    try:
        due = next_time(trigger.cron.schedule, zone, now)
    except ValueError as error:
        reason = str(Reason.INVALID_SPEC)
        return Outlook(trigger.name, "Cron", reason, None, str(error), could_look=False)
    text = f"next at {due.astimezone(ZoneInfo(zone)).isoformat()}" if due else "no next time"
    return Outlook(trigger.name, "Cron", None, None, f"{text} ({zone})")


def of_evidence(evidence: Evidence, trigger: Trigger, known: str | None) -> Outlook:
    """What the evidence comes to: cooldown and active runs are the operator's to know."""
    if evidence.unseen is not None:
        unseen = evidence.unseen
        return Outlook(
            trigger.name, trigger.type, unseen.reason, None, unseen.message, could_look=False
        )
    verdict = judge(evidence, trigger, known)
    assert verdict is not None
    causes = tuple(cause.evidence for cause in verdict.causes)
    finding = str(verdict.finding)
    return Outlook(trigger.name, trigger.type, finding, verdict.seen, verdict.message, causes)


def print_outlooks(stream: TextIO, outlooks: list[Outlook], form: str | None) -> None:
    """As a table, or as `form` says."""
    data = [outlook.data() for outlook in outlooks]
    if form == "json":
        stream.write(as_json(data))
    elif form == "yaml":
        stream.write(as_yaml(data))
    else:
        for line in aligned([_TITLES, *(outlook.row() for outlook in outlooks)]):
            stream.write(f"{line}\n")
    stream.flush()
