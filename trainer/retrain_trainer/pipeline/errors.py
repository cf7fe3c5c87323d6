"""From DVC's exceptions to outcomes: they nest, so the whole chain of causes is looked at."""

import os
import re

from dvc.dependency.base import DependencyDoesNotExistError
from dvc.dvcfile import FileIsGitIgnored
from dvc.exceptions import (
    ArtifactNotFoundError,
    CyclicGraphError,
    DvcException,
    OutputDuplicationError,
    OutputNotFoundError,
)
from dvc.fs import RemoteMissingDepsError
from dvc.output import OutputDoesNotExistError
from dvc.stage.exceptions import (
    MissingDataSource,
    StageCmdFailedError,
    StageFileDoesNotExistError,
    StageNotFound,
)
from dvc.utils.serialize import ParseError
from dvc.utils.strictyaml import YAMLSyntaxError, YAMLValidationError

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.patience import Away, Odd
from retrain_trainer.pipeline.file_system import package_of
from retrain_trainer.refusal import Refusal, causes, lasts, local_refusal, no_space, refusal

_KILLED = (-9, 137)
_BY_CTRL_C = (-2, 130)
"""DVC lets it reach the stage alone. Of SIGTERM we know ourselves."""
UNREADABLE = (DvcException, OSError, ImportError, RemoteMissingDepsError, TypeError)
"""What DVC raises for a project that it cannot read."""
_OF_STORE = {
    Refusal.DENIED: Reason.STORE_DENIED,
    Refusal.UNREACHABLE: Reason.STORE_UNREACHABLE,
    Refusal.ODD: Reason.STORE_UNREACHABLE,
    Refusal.MISSING: Reason.STORE_NOT_FOUND,
}


def pipeline_failure(error: BaseException) -> RunFailed:
    """The outcome of a project that cannot be read."""
    for cause in causes(error):
        if isinstance(cause, FileIsGitIgnored):
            return _invalid(
                f"{_one_line(str(cause))}: take it out of .gitignore, as DVC refuses it otherwise"
            )
    for cause in causes(error):
        if isinstance(cause, RunFailed):
            return cause
        if isinstance(cause, (ImportError, RemoteMissingDepsError)):
            return _invalid(
                "a dependency, output or import of the project needs the Python package"
                f" {package_of(cause)}, which is not installed beside Retrain"
            )
        if isinstance(cause, YAMLSyntaxError):
            return _invalid(f"{_relative(cause.path)} is no YAML: {_yaml_place(cause)}")
        if isinstance(cause, YAMLValidationError):
            return _invalid(_one_line(str(cause)) + _detail(cause))
        if isinstance(cause, ParseError):
            return _invalid(_one_line(str(cause)))
        if isinstance(
            cause,
            (
                StageFileDoesNotExistError,
                StageNotFound,
                CyclicGraphError,
                OutputDuplicationError,
                OutputNotFoundError,
                ArtifactNotFoundError,
            ),
        ):
            return _invalid(_one_line(str(cause)))
    return _invalid(_one_line(str(error) or repr(error)))


def stage_failure(
    stage: str, error: BaseException, tail: str, *, out_of_memory: bool = False
) -> RunFailed:
    """The outcome of a stage that did not end well.

    ``tail``: the last lines it printed; ``out_of_memory``: the kernel has killed a process of ours
    for want of memory meanwhile.
    """
    for cause in causes(error):
        if isinstance(cause, RunFailed):
            return cause
        if isinstance(cause, StageCmdFailedError):
            code = _exit_code(cause)
            if code in _KILLED:
                return _killed(stage, tail, out_of_memory)
            if code in _BY_CTRL_C:
                return RunFailed(Reason.CANCELLED, f"stage {stage} was ended from outside")
            what = f"stage {stage} failed: `{_command(cause)}` exited with {code}"
            return RunFailed(Reason.STAGE_FAILED, _with_tail(what, tail))
        if isinstance(cause, OutputDoesNotExistError):
            return RunFailed(
                Reason.OUTPUT_MISSING,
                _with_tail(f"stage {stage} did not write its output {_output(cause)}", tail),
            )
        if isinstance(cause, (MissingDataSource, DependencyDoesNotExistError)):
            return RunFailed(
                Reason.DATA_MISSING,
                f"stage {stage}: {_one_line(str(cause))}",
                "Commit the file, let a stage write it, or, where DVC tracks it, run `dvc push`"
                " where it is.",
            )
        if isinstance(cause, (YAMLSyntaxError, YAMLValidationError, ParseError)):
            return pipeline_failure(error)
    store = store_failure(error)
    if store is not None:
        return store
    innermost = list(causes(error))[-1]
    return RunFailed(
        Reason.STAGE_FAILED,
        f"stage {stage} failed: {_said(innermost)}",
        f"It is DVC that says so: see what `dvc repro {stage}` says in a clone.",
    )


def _killed(stage: str, tail: str, out_of_memory: bool) -> RunFailed:
    if out_of_memory:
        what = f"stage {stage} was killed by the kernel, as there was no memory left"
        return RunFailed(Reason.OUT_OF_MEMORY, _with_tail(what, tail))
    return RunFailed(
        Reason.STAGE_FAILED,
        _with_tail(f"stage {stage} was killed (SIGKILL, exit code 137)", tail),
        "Find out what killed it: a person, a limit of the machine, or, unseen by us, want of"
        " memory (spec.pod.resources).",
    )


def store_failure(error: BaseException, url: str = "the store") -> RunFailed | None:
    """The outcome of a store that does not answer as it should; None if it is something else."""
    for cause in causes(error):
        if isinstance(cause, RunFailed):
            return cause
        if isinstance(cause, FileNotFoundError) and "specified bucket" in str(cause):
            # s3fs keeps the code of S3 in no other place.
            return RunFailed(Reason.STORE_NOT_FOUND, f"{url} does not exist: {_said(cause)}")
    if no_space(error):
        return RunFailed(Reason.NO_SPACE_LEFT, f"no space is left here: {_said(error)}")
    path = local_refusal(error)
    if path is not None and path.startswith(url.removeprefix("file://")):
        return RunFailed(
            Reason.STORE_DENIED,
            f"{url} refuses us: {path} cannot be written or read",
            "Make the folder readable and writable.",
        )
    if (found := refusal(error)) is None:
        return None
    kind, cause = found
    text = f"{url} {kind.value}: {_said(cause)}"
    if kind is Refusal.ODD:
        return Odd(_OF_STORE[kind], text, server=url)
    failure = Away if kind is Refusal.UNREACHABLE else RunFailed
    return failure(_OF_STORE[kind], text)


def unknown_failure(error: BaseException, text: str) -> RunFailed:
    """Of a store whose error ``store_failure`` does not know: waited for unless it lasts."""
    if lasts(error):
        remedy = "Correct what the message names in spec.dvc.remote, or in .dvc/config."
        return RunFailed(Reason.STORE_DENIED, text, remedy)
    return Away(Reason.STORE_UNREACHABLE, text)


def _invalid(message: str) -> RunFailed:
    return RunFailed(Reason.INVALID_PIPELINE, message)


def _one_line(text: str) -> str:
    """``text`` in one line, with paths as the user knows them: from the project's folder."""
    return " ".join(text.replace(f"{os.getcwd()}/", "").split())[:500]


def _said(error: BaseException) -> str:
    return _one_line(str(error)) or type(error).__name__


def _relative(path: object) -> str:
    return str(path).rsplit("/", 1)[-1]


def _yaml_place(error: YAMLSyntaxError) -> str:
    for cause in causes(error):
        mark = getattr(cause, "problem_mark", None)
        if mark is not None:
            problem = getattr(cause, "problem", None) or "syntax error"
            return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    return _one_line(str(error))


def _detail(error: YAMLValidationError) -> str:
    texts = [_one_line(str(cause)) for cause in causes(error)][1:]
    return f": {texts[-1]}" if texts else ""


def _exit_code(error: StageCmdFailedError) -> int:
    match = re.search(r"exited with (-?\d+)", str(error))
    return int(match[1]) if match else 1


def _command(error: StageCmdFailedError) -> str:
    match = re.search(r"failed to run: (.*), exited with", str(error), re.DOTALL)
    return _one_line(match[1]) if match else "its command"


def _output(error: OutputDoesNotExistError) -> str:
    match = re.search(r"output '(.*)' does not exist", str(error))
    return match[1] if match else str(error)


def _with_tail(what: str, tail: str) -> str:
    return f"{what}\n{tail}" if tail else what
