"""`retrain pull`: a registered version's exact state into the work tree, its data and model too."""

import os
import re
import sys
import uuid
from pathlib import Path

from retrain_cli.home import Home, changed_files, head
from retrain_cli.run import read_manifest
from retrain_core.outcome import OUTCOMES, Reason, RunFailed
from retrain_core.redact import redactor, secrets_in
from retrain_core.spec import Remote, TrainingRunSpec

_REFERENCE = re.compile(r"^(models:/)?(?P<name>[^@/:]+)(@(?P<alias>[\w-]+)|/v?(?P<version>\d+))?$")


def pull_version(reference: str, filename: Path | None, source: Path, force: bool) -> int:
    """Carry out `retrain pull`; returns its exit code."""
    redact = redactor(secrets_in(os.environ))
    try:
        _pull(reference, filename, Home(source.resolve()), force)
    except RunFailed as failure:
        print(redact(f"{failure.reason}: {failure.message}"), file=sys.stderr)
        print(failure.outcome.remedy, file=sys.stderr)
        return failure.outcome.exit_code
    return OUTCOMES[Reason.TRAINED].exit_code


def _pull(reference: str, filename: Path | None, home: Home, force: bool) -> None:
    match = _REFERENCE.match(reference)
    if match is None:
        raise RunFailed(
            Reason.INVALID_SPEC, f"{reference}: must be MODEL, MODEL@ALIAS or MODEL/VERSION"
        )
    spec = read_manifest(filename).spec if filename else None
    tracking_uri, local = _tracking_uri(spec, home)

    from retrain_trainer.pipeline.state import PipelineState
    from retrain_trainer.registry.versions import COMMIT, MODEL_PATH, MLflowRegistry
    from retrain_trainer.tracking.client import connect
    from retrain_trainer.tracking.run import read_state

    client = connect(tracking_uri)
    registry = MLflowRegistry(client, tracking_uri, match["name"])
    number = int(match["version"]) if match["version"] else None
    alias = match["alias"] or "champion"
    if number is None and (number := registry.holder(alias)) is None:
        raise RunFailed(
            Reason.INVALID_SPEC, f"model {match['name']} has no version with the alias {alias}"
        )
    version = registry.get(number)
    text = read_state(client, tracking_uri, version.run_id) if version.run_id else None
    if text is None:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"version {number} of {match['name']} was not registered by Retrain: no dvc.lock",
        )
    state = PipelineState.model_validate_json(text)
    _refuse_overwriting(home, state, force)
    model_path = version.tags.get(MODEL_PATH)
    _restore(home, spec, state, tracking_uri, local, model_path)
    print(f"{match['name']} version {number}: dvc.lock, data and model are in the work tree")
    commit = version.tags.get(COMMIT)
    if commit and commit != head(home.source):
        print(f"its code is commit {commit}: git checkout {commit}")


def _tracking_uri(spec: TrainingRunSpec | None, home: Home) -> tuple[str, bool]:
    """The tracking URI, and whether it is the local store."""
    named = spec.mlflow.tracking_uri if spec else None
    named = named or os.environ.get("MLFLOW_TRACKING_URI")
    if named:
        from retrain_trainer.tracking.client import tracking_address

        return tracking_address(named), False
    if not home.folder.is_dir():
        raise RunFailed(
            Reason.INVALID_SPEC,
            "there is no tracking server: name one in the manifest (-f) or in"
            " MLFLOW_TRACKING_URI, or run `retrain run` here first",
        )
    return home.tracking_uri, True


def _refuse_overwriting(home: Home, state: object, force: bool) -> None:
    from retrain_trainer.pipeline.state import PipelineState

    assert isinstance(state, PipelineState)
    written = {**state.locks, **state.imports, **state.params}
    at_risk = [
        path
        for path in sorted(written)
        if (home.source / path).is_file()
        and (home.source / path).read_text() != written[path]
        and path in {os.path.basename(f) if "/" not in path else f for f in _changed(home)}
    ]
    if at_risk and not force:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"uncommitted changes would be overwritten: {', '.join(at_risk)}; commit them or use"
            " --force",
        )


def _changed(home: Home) -> list[str]:
    """Changed files relative to the project."""
    import subprocess

    top = subprocess.run(
        ["git", "rev-parse", "--show-prefix"],
        cwd=home.source,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return [name.removeprefix(top) for name in changed_files(home.source)]


def _restore(
    home: Home,
    spec: TrainingRunSpec | None,
    state: object,
    tracking_uri: str,
    local: bool,
    model_path: str | None,
) -> None:
    from retrain_trainer.job import Job, LocalStores
    from retrain_trainer.pipeline import objects
    from retrain_trainer.pipeline.original import find_root
    from retrain_trainer.pipeline.project import open_project
    from retrain_trainer.pipeline.state import PipelineState, restore_state

    assert isinstance(state, PipelineState)
    original = find_root(home.source) or home.source
    plain = TrainingRunSpec.model_validate({"source": {"image": {"path": "/"}}})
    dvc = (spec or plain).dvc
    job = Job(
        name="pull",
        uid=str(uuid.uuid4()),
        spec=plain.model_copy(update={"dvc": dvc.model_copy(update={"push": False})}),
        project=home.source,
        state=home.folder,
        tracking_uri=tracking_uri,
        local=LocalStores(original=original, write=home.remote) if local else None,
    )
    home.create()
    project = open_project(job)
    restore_state(project, state, everything=True)
    outs = [
        out
        for stage in project.stages()
        for out in stage.outs
        if out.hash_info and not stage.is_repo_import
    ]
    objects.place(project, outs)
    if model_path and not (home.source / model_path).exists():
        raise RunFailed(Reason.DATA_MISSING, f"the model {model_path} is not in the store")


__all__ = ["Remote", "pull_version"]
