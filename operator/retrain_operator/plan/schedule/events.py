"""What is new in a status, one Event each: a look's finding, too, that led to no run."""

from collections.abc import Iterator

from retrain_core.verdict.finding import Finding, could_look
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object
from retrain_operator.plan.types import EventToSend, Status

WAITS = "DidNotStart"
"""Reason of what is due and has to wait."""
_EACH = (Finding.NEW_TAG, Finding.TAG_MOVED, Finding.DATA_CHANGED, Finding.DRIFTED)
"""Findings of which each is another."""


def events_to_send(schedule: Object, status: Status) -> Iterator[EventToSend]:
    """What ``status`` says that the status of ``schedule`` did not say."""
    ready = status["conditions"][0]
    before = objects.any_condition(schedule, ready["type"])
    if before is None or before["reason"] != ready["reason"]:
        yield EventToSend(ready["reason"], ready["message"], ready["status"] == "False")
    told = {one["name"]: one for one in (schedule.get("status") or {}).get("triggers") or ()}
    for trigger in status.get("triggers", ()):
        if trigger["type"] != "Cron":
            yield from _of_trigger(trigger, told.get(trigger["name"], {}))
    checked = objects.any_condition({"status": status}, "Checked")
    before = objects.any_condition(schedule, "Checked")
    failed = checked is not None and checked["reason"] == Finding.CHECK_FAILED
    if checked and failed and (before or {}).get("message") != checked["message"]:
        yield EventToSend(checked["reason"], checked["message"], warning=True)


def _of_trigger(trigger: Object, before: Object) -> Iterator[EventToSend]:
    reason, message = trigger.get("reason"), trigger.get("message")
    blind = not could_look(reason)
    # A number that is another at each check is no new event.
    told = (reason, message) if blind or reason in _EACH else reason
    known = (before.get("reason"), before.get("message"))
    if reason and told != (known if isinstance(told, tuple) else known[0]):
        warning = blind or reason in (Finding.GAVE_UP, Finding.TAG_MOVED)
        yield EventToSend(reason, f"trigger {trigger['name']}: {message}", warning)
    waits = trigger.get("waits")
    if waits and waits != before.get("waits"):
        yield EventToSend(WAITS, f"trigger {trigger['name']}: {waits}")
