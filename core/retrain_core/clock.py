"""When a cron expression is next due, as Kubernetes reads it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = ("0-59", "0-23", "1-31", "1-12", "0-6")


def next_time(expression: str, zone: str, after: datetime) -> datetime | None:
    """The first moment later than ``after`` at which ``expression`` is due, in ``zone``.

    It is due whenever the wall clock of the zone shows such a minute: not at all in an hour that
    the clock leaps over, twice in one that it repeats (github.com/robfig/cron, which Kubernetes
    uses). None where there is none within fifty years, and for `@every`, which counts from a start
    that Kubernetes keeps to itself.

    Raises:
        ValueError: the expression or the zone is none.
    """
    fields = _MACROS.get(expression, expression).replace("?", "*").split()
    if expression.startswith("@every "):
        return None
    if len(fields) != len(_EVERY):
        raise ValueError(f"{expression!r} does not have the five fields of cron")
    try:
        # With seconds, cronsim leaves out what Debian's cron does in the hours of a clock change.
        found = CronSim(
            " ".join(["0", *map(_stepped, fields, _EVERY)]), after.astimezone(_zone(zone))
        )
        return next(found)
    except CronSimError as error:
        raise ValueError(f"{expression!r}: {error}") from None
    except StopIteration:
        return None


def _stepped(field: str, every: str) -> str:
    """A list with steps restricts a day as any other list does; Debian's cron takes it for `*`."""
    parts = field.split(",")
    if {"*", "*/1"} & {*parts}:
        return "*"
    return ",".join(every + part[1:] if part.startswith("*/") else part for part in parts)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{name!r} is no time zone of the IANA database") from error
