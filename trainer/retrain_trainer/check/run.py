"""Looks at all triggers: one that cannot be looked at hides no other."""

import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from retrain_core.evidence import Evidence, Report, about, room, size
from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Trigger
from retrain_core.verdict.finding import Finding
from retrain_core.verdict.triggers import judge
from retrain_trainer.check import fit, metric, release
from retrain_trainer.check.context import CheckContext, NotSeen, Once
from retrain_trainer.check.repository import Repository
from retrain_trainer.check.time_budget import BudgetExceeded, limit


def check(
    triggers: Sequence[Trigger], context: CheckContext, seen: Sequence[Evidence] = ()
) -> Iterator[Report]:
    """What is seen of each of ``triggers``, none of them a clock; ``seen``: of some already.

    A report after each look, in which the later ones could not be looked at: who ends the process
    ends that look, and no other. Raises nothing of its own.
    """
    looks = Looks(context, len(triggers), seen)
    found = {evidence.trigger: evidence for evidence in seen}

    def report() -> Report:
        return Report(triggers=[found.get(one.name) or looks.not_yet(one) for one in triggers])

    yield report()
    for trigger in triggers:
        if trigger.name not in found:
            found[trigger.name] = looks.at(trigger)
            yield report()


class Looks:
    """Looks at one trigger after the other; ``triggers`` is how many share the report."""

    def __init__(self, context: CheckContext, triggers: int, seen: Sequence[Evidence] = ()) -> None:
        self._context = context
        self._triggers = triggers
        self._seen = [*seen]
        self._repository = Repository(context)

        def find() -> Any:
            # Brings MLflow, which other triggers are spared.
            from retrain_trainer.check.champion import find_champion

            return find_champion(context.run, context.tracking_uri)

        self._champion = Once(find)

    def at(self, trigger: Trigger) -> Evidence:
        """The evidence of one trigger, within its room."""
        kind = trigger.kind
        self._context.report.step(f"look at {trigger.name} ({kind})")
        digest = about(trigger, self._context.run)

        def made(seen: Any) -> Evidence:
            base = Evidence(trigger=trigger.name, about=digest)
            return base.model_copy(update={kind: seen})

        def cannot(reason: str, message: str) -> Evidence:
            return self._unseen(trigger, reason, message)

        seconds = self._context.budget.take() if self._context.budget else None
        try:
            most = self._room
            with limit(seconds):
                seen = self._look(trigger, lambda part: size(made(part)) <= most)
            evidence = made(seen)
        except BudgetExceeded:
            text = f"took longer than {seconds:.0f} s, its share of the check's time"
            evidence = cannot(Finding.LOOK_TIMED_OUT, text)
        except RunFailed as failure:
            evidence = cannot(failure.reason, failure.message)
        except NotSeen as failure:
            evidence = cannot(failure.finding, failure.message)
        except Exception as error:
            for line in traceback.format_exc().splitlines():
                self._context.report.note(line)
            evidence = cannot(Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error}")
        self._tell(evidence, trigger)
        self._seen.append(evidence)
        return evidence

    @property
    def _room(self) -> int:
        return room(self._triggers, self._seen)

    def not_yet(self, trigger: Trigger) -> Evidence:
        """What is to be said if it never comes to a look."""
        text = "the check ended before: this look, or the one before it, took too much"
        return self._unseen(trigger, Finding.CHECK_FAILED, text)

    def _unseen(self, trigger: Trigger, reason: str, message: str) -> Evidence:
        digest = about(trigger, self._context.run)
        text = self._context.redact(message)
        return fit.unseen(trigger.name, digest, reason, text, self._room)

    def _look(self, trigger: Trigger, fits: fit.Fits) -> Any:
        context = self._context
        if trigger.release is not None:
            return release.look(trigger.release, context.known.get(trigger.name), context, fits)
        if trigger.data is not None:
            from retrain_trainer.check import data

            return data.look(trigger.data, context, self._repository, fits)
        if trigger.drift is not None:
            # pandas takes a second.
            from retrain_trainer.check import drift

            return drift.look(trigger, context, self._repository, self._champion, fits)
        assert trigger.metric is not None
        return metric.look(trigger.metric, context.metric_secrets(trigger.name))

    def _tell(self, evidence: Evidence, trigger: Trigger) -> None:
        report = self._context.report
        if evidence.unseen is not None:
            report.warn(f"{evidence.unseen.reason}: {evidence.unseen.message}")
            return
        verdict = judge(evidence, trigger, self._context.known.get(trigger.name))
        assert verdict is not None
        report.note(f"seen: {verdict.seen}")
        report.note(f"{verdict.finding}: {verdict.message}")
