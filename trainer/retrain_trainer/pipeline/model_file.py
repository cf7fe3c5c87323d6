"""Which file or folder is the model: named, declared, or of a kind that only models are of."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dvc.output import Output

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Model
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.paths import local_path, related
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project

SUFFIXES = frozenset(
    {
        *(".joblib", ".pkl", ".pickle", ".cloudpickle", ".dill", ".skops", ".onnx", ".pmml"),
        *(".pt", ".pth", ".ckpt", ".safetensors", ".h5", ".hdf5", ".keras", ".tflite", ".pb"),
        *(".cbm", ".ubj", ".lgb", ".xgb", ".bst", ".mlmodel", ".gguf", ".mar", ".rds", ".rdata"),
    }
)
"""Of files that trained models are saved in; data are pickled too, so that one is no proof."""
REPORTS = frozenset(
    {
        *(".csv", ".tsv", ".parquet", ".json", ".jsonl", ".yaml", ".yml", ".txt", ".md", ".html"),
        *(".png", ".jpg", ".jpeg", ".svg", ".pdf"),
    }
)
"""Of files that an evaluation writes."""
_CALLED_MODEL = re.compile(
    r"(?:.*[_.-])?(?:models?|classifier|regressor|estimator|clf)(?:[_.-](?:v?\d+|best|final|latest))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ModelFile:
    """The model in the project's folder: an output, or a part of one."""

    path: str
    """Relative to the project's folder."""
    output: str
    """Absolute path of the output that it is, or lies in."""

    def out(self, project: Project) -> Output:
        """Its output as DVC knows it now: the hash changes when its stage runs."""
        return project.producers()[self.output]

    def place(self, project: Project) -> Path:
        """Bring it onto the disk; returns where it is.

        Raises:
            RunFailed: DataMissing, or OutputMissing where its output does not hold it.
        """
        transfer.place(project, [self.out(project)])
        path = project.path / self.path
        if not path.exists():
            folder = Path(self.output)
            inside = sorted(str(item.relative_to(folder)) for item in folder.rglob("*"))[:20]
            raise RunFailed(
                Reason.OUTPUT_MISSING,
                f"the model {self.path} is not in {project.relative(self.output)}, which holds:"
                f" {', '.join(inside) or 'nothing'}",
            )
        return path

    def md5(self, project: Project) -> str:
        """Hash of its content; only a part of an output has to be on the disk for it.

        Raises:
            RunFailed: as :meth:`place`.
        """
        out = self.out(project)
        if self.output == str((project.path / self.path).absolute()) and out.hash_info:
            return str(out.hash_info.value)
        part = Output(out.stage, str(self.place(project)), cache=False)
        return str(part.get_hash().value)


def find_model(project: Project, plan: Plan, model: Model) -> ModelFile:
    """What is registered as the model.

    What the spec names; else the only artifact of type model that the plan makes; else the only
    output, metrics and plots apart, that is called a model or of a format that models have. The
    order of stages says nothing.

    Raises:
        RunFailed: InvalidSpec where what is named does not exist, ModelAmbiguous.
    """
    made = {out.fs_path: project.relative(out.fs_path) for out in _outs(project, plan)}
    declared = _artifacts(project)
    if model.artifact is not None:
        return _named(project, model.artifact, declared, made)
    found = {
        path: output
        for path, kind in declared.values()
        if kind == "model" and (output := _holder(project, path, made))
    }
    if not found:
        likely = [
            path for output, path in made.items() if not _is_read_to_train(plan, project, output)
        ]
        kinds = _called_model(made.values()) or _of_models_format(likely)
        found = {path: output for output, path in made.items() if path in kinds}
    if len(found) == 1:
        ((path, output),) = found.items()
        return ModelFile(path, output)
    candidates = sorted(found) or sorted(made.values())
    raise RunFailed(
        Reason.MODEL_AMBIGUOUS,
        f"which output is the model? candidates: {', '.join(candidates) or 'none'}",
    )


def _named(
    project: Project, name: str, declared: dict[str, tuple[str, str]], made: dict[str, str]
) -> ModelFile:
    path = str(PurePosixPath(declared.get(name, (name, ""))[0]))
    output = _holder(project, path, made)
    if output is None:
        known = ", ".join(sorted({*declared, *made.values()}))
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.model.artifact: {name} is neither an output of this run's stages, nor in one,"
            f" nor an artifact of dvc.yaml; known: {known}",
        )
    return ModelFile(path, output)


def _outs(project: Project, plan: Plan) -> list[Output]:
    """Outputs that a model can be or lie in: those of the plan, and data that DVC tracks."""
    data = [stage for stage in project.stages() if stage.addressing in plan.sources]
    made = [out for stage in plan.pipeline_stages(project) for out in stage.outs]
    return [
        out
        for out in [*made, *(out for stage in data for out in stage.outs)]
        if not out.is_metric and not out.is_plot
    ]


def _holder(project: Project, path: str, made: dict[str, str]) -> str | None:
    """The output that the file or folder ``path`` is, or lies in."""
    wanted = str((project.path / path).absolute())
    for output in made:
        if wanted == output or wanted.startswith(f"{output}/"):
            return output
    return None


def _called_model(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if _is_called_model(PurePosixPath(path))]


def _of_models_format(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if PurePosixPath(path).suffix.lower() in SUFFIXES]


def _is_read_to_train(plan: Plan, project: Project, output: str) -> bool:
    """Whether a stage makes something of it that may be a model itself: it is data then."""
    for stage in plan.pipeline_stages(project):
        reads = any(related(path, output) for dep in stage.deps if (path := local_path(dep)))
        makes = (out for out in stage.outs if not out.is_metric and not out.is_plot)
        if reads and any(Path(out.fs_path).suffix.lower() not in REPORTS for out in makes):
            return True
    return False


def _is_called_model(path: PurePosixPath) -> bool:
    """A folder or a file of a model's format by a name such as `model.pkl` or `xgb_model`."""
    suffix = path.suffix.lower()
    if suffix and suffix not in SUFFIXES | {".json", ".txt", ".bin", ".model"}:
        return False
    return bool(_CALLED_MODEL.fullmatch(path.stem))


def _artifacts(project: Project) -> dict[str, tuple[str, str]]:
    """Name -> (path, type) of the artifacts that the project's dvc.yaml declares."""
    found = {}
    for file, artifacts in project.repo.artifacts.read().items():
        if Path(project.repo.root_dir, file).parent.resolve() != project.path.resolve():
            continue
        for name, artifact in artifacts.items():
            found[name] = (str(Path(artifact.path)), str(artifact.type or ""))
    return found
