"""`retrain pull`: a registered version's exact state into the work tree, its data and model too."""

import json
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from retrain_cli import overwriting
from retrain_cli.home import Home
from retrain_cli.manifest import read_manifest
from retrain_cli.printable import print_failure, printable
from retrain_cli.work_copy.git import changed_files, head
from retrain_cli.work_copy.project import find_root
from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import redactor, secrets_in, without_userinfo
from retrain_core.spec import TrainingRunSpec
from retrain_trainer.execution import Execution, LocalStores
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.project import Output, Project, enter_project
from retrain_trainer.pipeline.records import VersionRecord, find_record
from retrain_trainer.pipeline.state import PipelineState, check_state, restore_state
from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.registry.versions import COMMIT, JOB_UID, MODEL_PATH, Version
from retrain_trainer.tracking.client import connect, credentials_to_environment

DEFAULT_ALIAS = "champion"
ELSEWHERE = (
    "Name one that is there, or where else to look: the manifest with the stores (-f), or"
    " MLFLOW_TRACKING_URI."
)
OVERWRITE = "Commit them first, or let them be overwritten with --force."
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REFERENCE = re.compile(r"^(models:/)?(?P<name>[^@/:]+)(@(?P<alias>[\w-]+)|/v?(?P<version>\d+))?$")


@dataclass(frozen=True)
class Stores:
    """Where the version is looked up and its files come from."""

    tracking_uri: str
    local: bool
    """Whether they are those below .retrain/."""
    shown: str
    """As a person would say it."""


def pull_version(reference: str, filename: Path | None, source: Path, force: bool) -> int:
    """Carry out `retrain pull`; returns its exit code."""
    redact = redactor(secrets_in(os.environ))
    try:
        _pull(reference, filename, Home.of(source), force)
    except RunFailed as failure:
        return print_failure(failure, redact)
    return 0


def _pull(reference: str, filename: Path | None, home: Home, force: bool) -> None:
    spec = read_manifest(filename).spec if filename else _nothing_named()
    if not (home.source / "dvc.yaml").is_file():
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"there is no dvc.yaml in {home.source}, so nothing to pull into",
            "Go to a clone of the project, or name it with --source.",
        )
    stores = _stores(spec, home)
    client = connect(stores.tracking_uri)
    match = _REFERENCE.match(reference)
    if match is None:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"{reference}: must be MODEL, MODEL@ALIAS or MODEL/VERSION",
            "Type the model as MLflow calls it.",
        )
    name = match["name"]
    version = _find(MLflowRegistry(client, stores.tracking_uri, name), match, stores)
    if version.record is None:
        raise _without_record(name, version)
    home.create()
    project = _open(home, spec, stores)
    state = _record(project, name, version, version.record)
    _refuse_overwriting(home, state, force)
    restore(project, home, state, force=force)
    _place(project, home, version.tags.get(MODEL_PATH))
    found = f"{printable(name)} version {version.number}"
    print(f"{found}: dvc.lock, data and model are in the work tree")
    if (commit := _commit(state.commit)) and commit != head(home.source):
        print(f"its code is commit {commit}: git checkout {commit}")


def restore(project: Project, home: Home, state: PipelineState, *, force: bool) -> None:
    """Write ``state`` into the work tree, unless what is a person's would be lost with its outputs.

    Raises:
        RunFailed: InvalidSpec, with nothing written.
    """
    check_state(project, state)
    if not force:
        overwriting.refuse(project, home.source)
    with overwriting.undone_where_refused(home.source, state.texts):
        outs = overwriting.places(project)
        restore_state(project, state)
        if not force:
            overwriting.refuse_other_places(project, outs)
    record = {path: _digest(text.encode()) for path, text in state.texts.items()}
    home.pulled.write_text(json.dumps(record))


def _record(project: Project, name: str, version: Version, digest: str) -> VersionRecord:
    """What the store says of ``version``: what MLflow says is more people's to write."""
    record = find_record(project, digest)
    if record is None:
        for failure in project.silent.values():
            raise failure
        raise RunFailed(
            Reason.DATA_MISSING,
            f"no store has the record of version {version.number} of {name} that can be read here"
            + _of_code(version),
            "Name the manifest with the store (-f), use the retrain that registered it, or pull"
            " another version.",
        )
    return record


def _without_record(name: str, version: Version) -> RunFailed:
    what = f"version {version.number} of {name}"
    if JOB_UID not in version.tags:
        return RunFailed(
            Reason.INVALID_SPEC,
            f"{what} was not registered by Retrain: no dvc.lock",
            "Pull a version that a run of Retrain registered: it has the tag retrain.dev/record.",
        )
    return RunFailed(
        Reason.INVALID_SPEC,
        f"{what} was registered by an earlier release of Retrain, which kept no record of it in the"
        f" store{_of_code(version)}",
        "Check out its commit, put retrain/dvc.lock of its MLflow run beside dvc.yaml, and run `dvc"
        " pull`.",
    )


def _of_code(version: Version) -> str:
    """What the tracking server says of the code of ``version``, to be put behind a message."""
    commit = _commit(version.tags.get(COMMIT))
    return f"; its code is commit {commit}" if commit else ""


def _commit(message: str | None) -> str | None:
    return message if message and _COMMIT.fullmatch(message) else None


def _nothing_named() -> TrainingRunSpec:
    return TrainingRunSpec.model_validate({"source": {"image": {"path": "/"}}})


def _stores(spec: TrainingRunSpec, home: Home) -> Stores:
    named = spec.mlflow.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    if named:
        address = credentials_to_environment(named)
        return Stores(address, local=False, shown=without_userinfo(address))
    if not home.folder.is_dir():
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"there is nothing to look in: no tracking server is named, and no {home.folder}",
            "Name the manifest with the stores (-f), or MLFLOW_TRACKING_URI, or train here first.",
        )
    return Stores(home.tracking_uri, local=True, shown=str(home.folder))


def _find(registry: MLflowRegistry, reference: "re.Match[str]", stores: Stores) -> Version:
    known = {version.number: version for version in registry.versions()}
    if not known:
        raise RunFailed(
            Reason.INVALID_SPEC, f"there is no model {registry.name} in {stores.shown}", ELSEWHERE
        )
    if reference["version"]:
        number: int | None = int(reference["version"])
        missing = f"model {registry.name} has no version {number} in {stores.shown}"
    else:
        alias = reference["alias"] or DEFAULT_ALIAS
        number = registry.holder(alias)
        missing = f"no version of {registry.name} has the alias {alias} in {stores.shown}"
    if number not in known:
        newest = ", ".join(str(each) for each in sorted(known, reverse=True)[:10])
        text = f"{missing}; versions: {newest}"
        raise RunFailed(Reason.INVALID_SPEC, text, ELSEWHERE)
    return known[number]


def _refuse_overwriting(home: Home, state: PipelineState, force: bool) -> None:
    """Refuse to lose changes of the user's; what an earlier pull has written is none."""
    earlier = json.loads(home.pulled.read_text()) if home.pulled.is_file() else {}
    written = state.texts
    at_risk = []
    for path in sorted(set(written) & set(changed_files(home.source))):
        present = (home.source / path).read_bytes() if (home.source / path).is_file() else b""
        if _digest(present) not in (_digest(written[path].encode()), earlier.get(path)):
            at_risk.append(path)
    if at_risk and not force:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"uncommitted changes would be overwritten: {', '.join(at_risk)}",
            OVERWRITE,
        )


def _open(home: Home, spec: TrainingRunSpec, stores: Stores) -> Project:
    original = find_root(home.source) or home.source
    execution = Execution(
        name="pull",
        uid="pull",
        spec=spec.model_copy(update={"dvc": spec.dvc.model_copy(update={"push": False})}),
        project=home.source,
        state=home.folder,
        tracking_uri=stores.tracking_uri,
        local=LocalStores(original=original, write=home.remote),
    )
    # As `dvc pull` would leave it: without its contents in the cache `dvc status` is not clean.
    return enter_project(execution, own_cache=True)


def _outs(project: Project) -> list[Output]:
    """Outside of the repository nothing is written."""
    return [
        out for stage in project.stages() for out in stage.outs if out.is_in_repo and out.hash_info
    ]


def _place(project: Project, home: Home, model: str | None) -> None:
    outs = _outs(project)
    kept_back = [out for out in outs if not out.can_push and not transfer.available(project, [out])]
    transfer.place(project, [out for out in outs if out not in kept_back])
    if kept_back:
        names = ", ".join(project.relative(out.fs_path) for out in kept_back)
        print(
            f"in no store, as dvc.yaml says `push: false`: {printable(names)};"
            " `dvc repro` makes them again"
        )
    if model and not (home.source / model).exists():
        raise RunFailed(Reason.DATA_MISSING, f"the model {model} is not in the store")


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
