"""`retrain pull` writes what the commit's pipeline owns, and nothing over a person's work."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from retrain_cli.home import Home
from retrain_cli.pull import Stores, _nothing_named, _open, restore
from retrain_core.outcome import RunFailed
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.state import PipelineState
from servers.git_repos import git_environment
from support.toy import write_files

from .tree import Tree, contents

RECORDED = "0a" * 16
IMPORT = {
    "frozen": True,
    "deps": [{"path": "https://example.com/raw.csv", "etag": '"1"'}],
    "outs": [{"path": "raw.csv", "hash": "md5", "md5": RECORDED, "size": 1}],
}
PIPELINE = """
stages:
  train:
    cmd: 'true'
    params: [place]
    outs: [model, folder, "${place}"]
    metrics: [metrics.json: {cache: false}]
"""


class Person:
    """A work tree of a project with an import, and what a pull does to it."""

    def __init__(self, path: Path) -> None:
        files = {
            ".dvc/config": "",
            ".gitignore": "/.retrain\n/model\n/folder\n/data/raw.csv\n",
            "dvc.yaml": PIPELINE,
            "params.yaml": "place: other\n",
            "data/raw.csv.dvc": yaml.safe_dump(IMPORT),
            "src/train.py": "mine\n",
        }
        self.tree = Tree(write_files(path, files))
        self.tree.git("init", "--quiet", "--initial-branch=main")
        self.tree.commit()
        self.home = Home.of(path)
        self.home.create()

    def project(self) -> Project:
        return _open(self.home, _nothing_named(), Stores("", local=True, shown=""))

    def pull(self, *, force: bool = False, **state: Any) -> None:
        recorded = PipelineState(environment="", **state)
        restore(self.project(), self.home, recorded, force=force)

    def record(self, **outs: bytes | str) -> None:
        """Let dvc.lock have these contents or hashes of outputs, `.` in their names as `_`."""
        recorded = []
        for name, content in outs.items():
            md5 = content if isinstance(content, str) else _md5(content)
            recorded.append({"path": name.replace("_", "."), "hash": "md5", "md5": md5})
        lock = {"schema": "2.0", "stages": {"train": {"cmd": "true", "outs": recorded}}}
        (self.tree.path / "dvc.lock").write_text(yaml.safe_dump(lock))

    def files(self) -> dict[str, Any]:
        return {
            name: entry
            for name, entry in contents(self.tree.path).items()
            if not name.startswith((".retrain", ".dvc/", ".git/"))
        }


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    for name, value in git_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    tree = tmp_path / "tree"
    tree.mkdir()
    monkeypatch.chdir(tree)
    return Person(tree)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def out(**changes: Any) -> list[dict[str, Any]]:
    return [{**IMPORT["outs"][0], **changes}]  # type: ignore[index]


def test_an_import_comes_with_what_was_recorded_of_it_and_nothing_else(person: Person) -> None:
    dep = {**IMPORT["deps"][0], "etag": '"2"'}  # type: ignore[index]
    later = {**IMPORT, "md5": "1b" * 16, "deps": [dep], "outs": out(md5="2c" * 16, size=7)}
    person.pull(imports={"data/raw.csv.dvc": yaml.safe_dump(later)})
    assert yaml.safe_load((person.tree.path / "data/raw.csv.dvc").read_text()) == later
    person.tree.git("checkout", "--quiet", ".")
    before = person.files()
    hostile: list[dict[str, Any]] = [
        {"x.dvc": IMPORT},
        {"data/raw.csv.dvc": {**IMPORT, "outs": out(path="../src/train.py")}},
        {"data/raw.csv.dvc": {**IMPORT, "outs": [*out(), *out(path="../src/train.py")]}},
        {"data/raw.csv.dvc": {**IMPORT, "wdir": "../src"}},
        {"data/raw.csv.dvc": {**IMPORT, "cmd": "touch ran"}},
        {"data/raw.csv.dvc": {**IMPORT, "deps": [{"path": "https://evil/raw.csv"}]}},
        {"data/raw.csv.dvc": {**IMPORT, "deps": [{**dep, "fs_config": {"profile": "evil"}}]}},
        {"data/raw.csv.dvc": None},
    ]
    for imports in hostile:
        texts = {path: yaml.safe_dump(content) for path, content in imports.items()}
        with pytest.raises(RunFailed, match="otherwise than this project"):
            person.pull(imports=texts, params={"params.yaml": "place: new\n"}, force=True)
    assert person.files() == before


@pytest.mark.parametrize("place", ["src/train.py", ".envrc"])
def test_parameters_do_not_move_outputs_to_other_places(person: Person, place: str) -> None:
    before = person.files()
    lock = yaml.safe_dump({"schema": "2.0", "stages": {}})
    params = {"params.yaml": f"place: {place}\n"}
    with pytest.raises(RunFailed, match=f"outputs in other places: {place}"):
        person.pull(params=params, locks={"dvc.lock": lock})
    assert person.files() == before
    assert not person.home.pulled.exists()


def test_what_git_tracks_or_nobody_has_committed_is_not_overwritten(person: Person) -> None:
    metrics = person.tree.path / "metrics.json"
    metrics.write_text("{}")
    with pytest.raises(RunFailed, match=r"uncommitted changes would be overwritten: metrics\.json"):
        person.pull()
    person.record(metrics_json=b"{}", model=b"mine")
    (person.tree.path / "model").write_text("mine")
    person.pull()
    person.tree.git("add", "--force", "model")
    with pytest.raises(RunFailed, match=r"files of git's would be overwritten.*: model"):
        person.pull()
    person.pull(force=True)


def test_a_folder_s_list_leads_to_nothing_outside_of_it(person: Person) -> None:
    def stored(content: bytes, end: str = "") -> str:
        md5 = _md5(content)
        file = person.home.remote / "files/md5" / md5[:2] / f"{md5[2:]}{end}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return f"{md5}{end}"

    listed = [{"md5": stored(b"theirs"), "relpath": "../src/train.py"}]
    folder = stored(json.dumps(listed).encode(), ".dir")
    person.record(folder=folder)
    project = person.project()
    (out,) = [out for out in project.producers().values() if out.def_path == "folder"]
    with pytest.raises(RunFailed, match=r"folder: its list of files has \.\./src/train\.py"):
        transfer.place(project, [out])
    assert (person.tree.path / "src/train.py").read_text() == "mine\n"
