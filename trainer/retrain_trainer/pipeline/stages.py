"""Brings the stages of a plan up to date one by one, each with an event before and after it."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from dvc.lock import LockError
from dvc.output import Output
from dvc.repo import lock_repo
from dvc.repo.reproduce import _reproduce_stage
from dvc.stage import PipelineStage, Stage

from retrain_core.outcome import Reason, RunFailed
from retrain_core.result import StageState
from retrain_trainer.capture import captured
from retrain_trainer.interrupt import Interruption
from retrain_trainer.memory import kills
from retrain_trainer.pipeline import loose, transfer
from retrain_trainer.pipeline.errors import stage_failure
from retrain_trainer.pipeline.fetch import fetch
from retrain_trainer.pipeline.freshness import Fate, fate
from retrain_trainer.pipeline.inputs import has_key, read_from, read_inputs
from retrain_trainer.pipeline.paths import local_path
from retrain_trainer.pipeline.plan import ALL, Plan
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.results import (
    Found,
    Results,
    StageResult,
    adopt,
    result_of,
    value_of,
)
from retrain_trainer.pipeline.undeclared import changed_files, undeclared
from retrain_trainer.pipeline.vouched import committed_with
from retrain_trainer.report import Reporter
from retrain_trainer.tail import Tail


@dataclass(frozen=True)
class StageStarted:
    name: str
    number: int
    total: int


@dataclass(frozen=True)
class StageEnded:
    name: str
    state: StageState
    seconds: float
    result: StageResult | None = None
    """What the stage has written; None where it failed."""
    outs: Sequence[Output] = ()
    """What holds the result."""
    key: str | None = None
    """Under which the result is stored."""
    stored: bool = False
    """Whether the store has it already."""


StageEvent = StageStarted | StageEnded


@dataclass(frozen=True)
class StageContext:
    """How stages run."""

    environment: Callable[[str], Mapping[str, str]]
    """Variables for the commands of a stage, by its addressing."""
    interruption: Interruption
    report: Reporter
    results: Results | None = None
    """Where results of earlier runs are; None: every stage is judged by dvc.lock alone."""
    done: frozenset[str] = frozenset()
    """Stages that an earlier attempt at this run has ended."""
    committed: Mapping[str, str] = field(default_factory=dict)
    """DVC's hash of what the repository's own dvc.lock has of a stage, by its addressing."""


def run_stages(
    project: Project, plan: Plan, forced: Collection[str], context: StageContext
) -> Iterator[StageEvent]:
    """Bring each stage of ``plan`` up to date; those in ``forced`` run in any case.

    Raises:
        RunFailed: a stage failed; its event and those of the earlier ones have been seen.
    """
    with _locked(project), project.repo.scm_context(quiet=True):
        workshop = _Workshop(project, plan, context)
        for number, name in enumerate(plan.stages, 1):
            yield StageStarted(name, number, len(plan.stages))
            began = time.monotonic()
            try:
                ended = workshop.bring_up_to_date(name, force=name in forced or ALL in forced)
            except RunFailed:
                yield StageEnded(name, "Failed", time.monotonic() - began)
                raise
            yield replace(ended, seconds=time.monotonic() - began)


class _Workshop:
    """The stages of one run; DVC's objects of them are kept, and hold what is recorded by now."""

    def __init__(self, project: Project, plan: Plan, context: StageContext) -> None:
        self.project = project
        self.plan = plan
        self.context = context
        self.stages = {stage.addressing: stage for stage in project.stages()}
        self.outs = {
            path: out
            for stage in self.stages.values()
            for out in stage.outs
            if (path := local_path(out)) is not None
        }

    def bring_up_to_date(self, name: str, *, force: bool) -> StageEnded:
        stage = cast(PipelineStage, self.stages[name])
        tail = Tail()

        def receive(line: str) -> None:
            tail.add(line)
            self.context.report.stage_output(line)

        killed_before = kills()
        try:
            self.context.interruption.check()
            with captured(receive):
                return self._bring_up_to_date(stage, force)
        except Exception as error:
            failure = stage_failure(name, error, tail.text(), out_of_memory=kills() > killed_before)
            raise failure from error

    def _bring_up_to_date(self, stage: PipelineStage, force: bool) -> StageEnded:
        if stage.frozen:
            return self._keep_frozen(stage)
        keyed = has_key(stage)
        committed = self._committed(stage)
        newest = Found(None, elsewhere=False) if keyed else self._find(stage, None)
        news = not keyed and self._is_news(stage, committed, newest)
        known = news or newest.result is None or adopt(stage, newest.result)
        inputs = read_inputs(self.project, stage, self.outs)
        found = self._find(stage, inputs.key) if keyed else newest
        news = self._is_news(stage, committed, found) if keyed else news
        decided = fate(
            forced=force,
            always=stage.is_callback or stage.always_changed,
            done=stage.addressing in self.context.done,
            keyed=keyed,
            stored=found.result is not None,
            elsewhere=found.elsewhere,
            as_recorded=inputs.as_recorded,
            news=news,
        )
        kept = found.result if decided is Fate.RESTORE or not (keyed or news) else None
        if decided is Fate.RESTORE and kept is not None:
            known = adopt(stage, kept) and inputs.as_recorded
        if decided is not Fate.RUN:
            result = kept or self._of_the_lock(stage)
            if self._available(stage, result):
                state = self._restored(stage, result, known)
                return self._ended(stage, state, result, inputs.key, stored=kept is not None)
        return self._run(stage, inputs.key)

    def _of_the_lock(self, stage: PipelineStage) -> StageResult:
        """What dvc.lock has; with its last stage the metrics that were committed with it."""
        result = result_of(stage)
        if stage.addressing != self.plan.stages[-1]:
            return result
        lock = Path(stage.path).with_suffix(".lock")
        files = committed_with(lock, loose.loose_metrics(self.project))
        written = loose.hashed(stage, Path(self.project.repo.root_dir), files)
        return result.model_copy(update={"written": written, "metrics": sorted(written)})

    def _committed(self, stage: PipelineStage) -> StageResult | None:
        """What the repository's own dvc.lock has of the stage; None where it has nothing."""
        if not all(out.hash_info for out in stage.outs):
            return None
        result = result_of(stage)
        same = value_of(result) == self.context.committed.get(stage.addressing)
        return result if same else None

    def _is_news(self, stage: PipelineStage, committed: StageResult | None, found: Found) -> bool:
        """Whether the team has committed another result since ours, and it can be had."""
        if committed is None or found.result is None:
            return False
        known = (found.result.committed, value_of(found.result))
        return value_of(committed) not in known and self._available(stage, committed)

    def _find(self, stage: PipelineStage, key: str | None) -> Found:
        results = self.context.results
        return results.find(stage, key) if results else Found(None, elsewhere=False)

    def _available(self, stage: PipelineStage, result: StageResult) -> bool:
        outs = [*stage.outs, *self._loose_outs(stage, result)]
        return transfer.available(self.project, outs)

    def _restored(self, stage: PipelineStage, result: StageResult, known: bool) -> StageState:
        transfer.place(self.project, self._loose_outs(stage, result))
        if known:
            return "Unchanged"
        stage.dump(update_pipeline=False)
        return "Restored"

    def _keep_frozen(self, stage: PipelineStage) -> StageEnded:
        """DVC's own rule: what dvc.lock records of a frozen stage is there, or the run fails."""
        if not all(out.hash_info for out in stage.outs) and all(out.exists for out in stage.outs):
            _reproduce_stage(stage, force=True)
        recorded = all(out.hash_info for out in stage.outs)
        if not recorded or not transfer.available(self.project, stage.outs):
            names = ", ".join(str(out) for out in stage.outs)
            raise RunFailed(
                Reason.DATA_MISSING,
                f"stage {stage.addressing} is frozen, and its output is nowhere to be had: {names}",
            )
        return self._ended(stage, "Unchanged", result_of(stage), None, stored=True)

    def _run(self, stage: PipelineStage, key: str | None) -> StageEnded:
        self._require_sources(stage)
        self._place_inputs(stage)
        before = loose.LooseFiles.of(self.project)
        changed = changed_files(self.project)
        _reproduce_stage(
            stage, force=True, run_env=dict(self.context.environment(stage.addressing))
        )
        root = Path(self.project.repo.root_dir)
        written = loose.hashed(stage, root, before.written_since(self.project))
        metrics = [str(path.relative_to(root)) for path in loose.loose_metrics(self.project)]
        update = {"written": written, "metrics": [name for name in metrics if name in written]}
        result = result_of(stage).model_copy(update=update)
        if names := undeclared(self.project, changed, set(written)):
            self.context.report.warn(
                f"stage {stage.addressing} wrote {', '.join(names[:5])}, which its outs do not"
                " name: not there where its result is restored"
            )
        return self._ended(stage, "Ran", result, key, stored=False)

    def _ended(
        self,
        stage: PipelineStage,
        state: StageState,
        result: StageResult,
        key: str | None,
        *,
        stored: bool,
    ) -> StageEnded:
        outs = (*stage.outs, *self._loose_outs(stage, result))
        committed = self.context.committed.get(stage.addressing, "")
        result = result.model_copy(update={"committed": committed})
        return StageEnded(stage.addressing, state, 0.0, result, outs, key, stored)

    def _loose_outs(self, stage: PipelineStage, result: StageResult) -> list[Output]:
        return loose.as_outputs(stage, Path(self.project.repo.root_dir), result.written)

    def _place_inputs(self, stage: PipelineStage) -> None:
        """Bring what the stage reads, also what it reads without saying so: all that came before,
        but for other items of its own `foreach` or `matrix`, which may be many."""
        position = self.plan.stages.index(stage.addressing)
        earlier = {name for name in self.plan.stages[:position] if not _siblings(name, stage)}
        names = {*self.plan.above.get(stage.addressing, ()), *earlier, *self.plan.sources}
        outs = [out for name in names for out in self._recorded(self.stages[name])]
        for dep in stage.deps:
            if (path := local_path(dep)) is not None:
                outs += [out for out in read_from(path, self.outs) if out.hash_info]
        outs += [out for out in stage.outs if out.persist and self._kept(out)]
        transfer.place(self.project, {out.fs_path: out for out in outs}.values())

    def _require_sources(self, stage: PipelineStage) -> None:
        """What stages below will read must be there too, before hours of training."""
        name = stage.addressing
        below = [other for other, above in self.plan.above.items() if name in above]
        needed = {up for other in (name, *below) for up in self.plan.above.get(other, ())}
        sources = [self.stages[source] for source in self.plan.sources if source in needed]
        outs = [out for source in sources for out in self._recorded(source)]
        fetch(self.project, [out for out in outs if not transfer.available(self.project, [out])])

    def _recorded(self, stage: Stage) -> list[Output]:
        return [out for out in stage.outs if out.hash_info]

    def _kept(self, out: Output) -> bool:
        """Whether the state that a stage goes on from can be had."""
        return bool(out.hash_info) and transfer.available(self.project, [out])


def _siblings(name: str, stage: PipelineStage) -> bool:
    """Whether both are items of one `foreach` or `matrix`."""
    group, at, _ = stage.addressing.partition("@")
    return bool(at) and name.startswith(group + at)


@contextmanager
def _locked(project: Project) -> Iterator[None]:
    try:
        with lock_repo(project.repo):
            yield
    except LockError as error:
        raise RunFailed(Reason.INVALID_PIPELINE, " ".join(str(error).split())) from error
