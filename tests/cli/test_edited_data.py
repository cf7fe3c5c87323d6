"""Data that DVC tracks and a person has edited, deleted or never pushed: what a run trains on."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest
from dvc.repo import Repo

from retrain_cli.home import Home
from retrain_cli.publish import refuse_uncommitted
from retrain_cli.work_copy.git import head
from retrain_core.outcome import RunFailed
from retrain_core.spec import parse_training_run
from retrain_trainer.execution import Execution, LocalStores, WorkTree
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.project import Project, enter_project
from retrain_trainer.pipeline.smoke_inputs import replace_inputs
from retrain_trainer.report import LogReporter
from retrain_trainer.uncommitted import Uncommitted
from retrain_trainer.work_tree import take_work_tree
from servers.git_repos import git_environment
from support.toy import manifest, toy_spec, write_files

from .tree import Tree, contents

DATA = {
    "data/raw.csv": "1\n2\n",
    "images/a": "a",
    "images/b": "b",
    "images/deep/c": "c",
    "images/hidden": "not data",
}
FILES = {
    ".dvcignore": "hidden\n",
    "dvc.yaml": "stages: {}\n",
    "small.csv": "9\n",
    "few/a": "9",
}


class Person:
    """A work tree with data in DVC, and the runs in it."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.home = Home.of(tree.path)
        self.home.create()

    def execution(self) -> Execution:
        copy = self.home.copy_project()
        return Execution(
            name="toy",
            uid="toy",
            spec=parse_training_run(manifest(toy_spec())).spec,
            project=copy.project,
            state=self.home.folder,
            tracking_uri="",
            local=LocalStores(original=copy.dvc_root, write=self.home.remote),
            commit=head(self.tree.path),
            work_tree=WorkTree(copy.dvc_root, copy.uncommitted),
        )

    def run(self) -> tuple[Uncommitted, Project]:
        execution = self.execution()
        project = enter_project(execution)
        found, _ = take_work_tree(execution, project, LogReporter())
        return found, project

    def trained_on(self) -> dict[str, object]:
        """The data, placed in the copy as a run does it."""
        _, project = self.run()
        return placed(project)

    def publish(self) -> None:
        refuse_uncommitted(self.execution(), self.home, LogReporter())


def placed(project: Project) -> dict[str, object]:
    outs = list(project.producers().values())
    transfer.place(project, [out for out in outs if out.hash_info])
    found = contents(Path(project.repo.root_dir))
    return {
        name: entry[0].decode()
        for name, entry in found.items()
        if name.startswith(("data/", "images/")) and not name.endswith((".dvc", ".gitignore"))
        if isinstance(entry, tuple)
    }


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    for name, value in git_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    tree = Tree(write_files(tmp_path / "tree", FILES))
    monkeypatch.chdir(tree.path)
    tree.git("init", "--quiet", "--initial-branch=main")
    Repo.init()
    write_files(tree.path, DATA)
    with Repo() as repo:
        repo.add(["data/raw.csv", "images"])
    tree.commit()
    return Person(tree)


UNEDITED = {name: text for name, text in DATA.items() if name != "images/hidden"}


def test_edited_data_are_trained_on_as_they_lie_and_nothing_of_the_persons_is_touched(
    person: Person,
) -> None:
    assert person.trained_on() == UNEDITED
    write_files(person.tree.path, {"data/raw.csv": "1\n2\n3\n", "images/a": "A", "images/new": "n"})
    (person.tree.path / "images/b").unlink()
    before = of_the_person(person.tree.path)
    found, project = person.run()
    assert found.data == ("data/raw.csv", "images") or found.data == ("images", "data/raw.csv")
    edited = {"data/raw.csv": "1\n2\n3\n", "images/a": "A", "images/new": "n", "images/deep/c": "c"}
    assert placed(project) == edited
    assert of_the_person(person.tree.path) == before
    # Once more: the copy, which is kept, has no say.
    write_files(person.tree.path, {"images/b": "b"})
    assert person.trained_on() == edited | {"images/b": "b"}


def of_the_person(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """Mode, inode, links and time of all files, those of DVC and git too."""
    stats = {str(path): path.lstat() for path in root.rglob("*") if ".retrain" not in path.parts}
    return {
        path: (stat.st_mode, stat.st_ino, stat.st_nlink, stat.st_mtime_ns)
        for path, stat in stats.items()
    }


def test_the_counts_of_added_changed_and_missing_files_are_told(
    person: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    write_files(person.tree.path, {"images/a": "A", "images/n": "n", "images/m": "m"})
    (person.tree.path / "images/b").unlink()
    person.run()
    assert (
        "images was edited since `dvc add`: 2 added, 1 changed, 1 missing" in capfd.readouterr().err
    )


def test_absent_and_empty_data_are_restored_as_recorded(person: Person) -> None:
    (person.tree.path / "data/raw.csv").unlink()
    for name in ("a", "b", "deep/c", "deep", "hidden"):
        path = person.tree.path / "images" / name
        path.rmdir() if path.is_dir() else path.unlink()
    found, project = person.run()
    assert not found
    assert placed(project) == UNEDITED


def test_data_that_no_cache_has_but_lie_on_the_disk_are_found(person: Person) -> None:
    for path in (person.tree.path / ".dvc/cache").rglob("*"):
        if path.is_file():
            path.unlink()
    found, project = person.run()
    assert not found
    assert placed(project) == UNEDITED


def test_data_added_anew_replace_those_in_the_kept_copy(person: Person) -> None:
    person.trained_on()
    write_files(person.tree.path, {"data/raw.csv": "7\n"})
    os.chdir(person.tree.path)
    with Repo() as repo:
        repo.add("data/raw.csv")
    assert person.trained_on()["data/raw.csv"] == "7\n"


def test_smoke_inputs_replace_one_file_of_a_folder_or_all_of_it(person: Person) -> None:
    write_files(person.tree.path, {"images/b": "edited"})
    inputs = {"images/a": "small.csv", "images/deep": "few", "data/raw.csv": "small.csv"}
    execution = person.execution()
    project = enter_project(execution)
    replace_inputs(project, inputs, person.tree.path)
    assert placed(project) == {
        "images/a": "9\n",
        "images/b": "edited",
        "images/deep/a": "9",
        "data/raw.csv": "9\n",
    }
    project = enter_project(person.execution())
    replace_inputs(project, {"images": "few"}, person.tree.path)
    assert placed(project) == {"images/a": "9", "data/raw.csv": "1\n2\n"}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"images/a": "no.csv"}, "there is no no.csv in the repository"),
        ({"few/b": "few"}, "it lies in few itself"),
        ({"../x": "small.csv"}, "a link leads out of the repository"),
    ],
)
def test_smoke_inputs_that_make_no_sense_are_told(
    person: Person, inputs: dict[str, str], words: str
) -> None:
    project = enter_project(person.execution())
    with pytest.raises(RunFailed, match=words):
        replace_inputs(project, inputs, person.tree.path)


def test_publish_refuses_edited_data_and_warns_of_a_commit_that_only_this_machine_has(
    person: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    person.publish()
    assert "on no remote branch" in capfd.readouterr().err
    write_files(person.tree.path, {"data/raw.csv": "7\n"})
    words = "uncommitted changes: data/raw.csv; `dvc add data/raw.csv` and commit the .dvc files"
    with pytest.raises(RunFailed, match=words):
        person.publish()


def test_publish_says_what_to_do_with_what_pull_brought_and_lets_outputs_lie(
    person: Person,
) -> None:
    stage = "stages:\n  train: {cmd: 'true', outs: [model, out/folder]}\n"
    write_files(person.tree.path, {"dvc.yaml": stage})
    person.tree.commit()
    write_files(person.tree.path, {"model": "m", "out/folder/deep/file": "f"})
    person.publish()
    lock = "schema: '2.0'\nstages: {}\n"
    write_files(person.tree.path, {"dvc.lock": lock})
    pulled = {"dvc.lock": sha256(lock.encode()).hexdigest(), "params.yaml": "0"}
    (person.home.folder / "pulled.json").write_text(json.dumps(pulled))
    words = "uncommitted changes: dvc.lock; `retrain pull` has brought dvc.lock: `git add dvc.lock`"
    with pytest.raises(RunFailed, match=words):
        person.publish()
