"""TrainingRuns in pods end with the outputs of `dvc repro`, whatever was pushed in between."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster_runs.team import Object, Team
from differential import plain
from differential.clones import new_repository
from differential.generate import MODEL, generate
from differential.pushed import Author, as_pushed, differ, recorded
from differential.show import show
from differential.steps import Case

FIRST = 10_000
"""Other cases than those that run in one process."""
CASES = int(os.environ.get("RETRAIN_DIFFERENTIAL_PODS", "30"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(FIRST, FIRST + CASES))
def test_pods_end_with_the_bytes_of_dvc_repro(seed: int, team: Team, tmp_path: Path) -> None:
    case = as_pushed(generate(seed))
    colleague = tmp_path / "colleague"
    author = Author(tmp_path / "author", colleague, tmp_path / "store")
    new_repository(author.folder, author.store, manifest="")
    new_repository(colleague, author.store, manifest="")
    sent: set[str] = set()
    locks: dict[str, str] = {}
    """By MD5: a run that changed nothing names that of the run before."""
    before = None
    for number, step in enumerate(case.steps):
        author.make(before, step)
        plain.tidy(colleague, before, step)
        before = step.project
        for path, file in author.pushed().items():
            if path not in sent:
                team.stores.s3.put(team.bucket, f"dvc/{path}", file.read_bytes())
                sent.add(path)
        team.repository.commit_tree(author.folder)
        failure = plain.reproduce(colleague)
        team.apply(f"run-{number}", _spec(team, case))
        status = team.finished(f"run-{number}")
        said = status["conditions"][0]
        where = f"seed {seed}, run {number}\n{show(case)}\n"
        assert (said["status"] == "True") == (failure is None), f"{where}{failure}\n{said}"
        if failure is None:
            expected = plain.outputs(colleague, step.project)
            md5 = status["dvc"]["lockMD5"]
            if md5 not in locks:
                locks[md5] = _lock(team, status, tmp_path)
            got = recorded(locks[md5], _reader(team))
            wrong = [path for path in expected if differ(expected[path], got.get(path))]
            told = {path: (expected[path], got.get(path)) for path in wrong}
            assert not wrong, f"{where}{told}\n{status}"


def _spec(team: Team, case: Case) -> Object:
    spec = team.spec(retries=0)
    del spec["model"]
    if case.model:
        spec["model"] = {"name": team.name, "artifact": MODEL}
    return spec


def _lock(team: Team, status: Object, folder: Path) -> str:
    run = status["mlflow"]["runID"]
    return Path(team.client().download_artifacts(run, "retrain/dvc.lock", str(folder))).read_text()


def _reader(team: Team) -> Callable[[str], bytes]:
    def read(md5: str) -> bytes:
        return team.stores.s3.get(team.bucket, f"dvc/files/md5/{md5[:2]}/{md5[2:]}")

    return read
