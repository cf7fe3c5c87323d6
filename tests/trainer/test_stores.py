"""Where data are read from and outputs go, by what DVC's files say of them."""

import hashlib
import http.server
import textwrap
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import TrainingRunSpec
from retrain_trainer.execution import Execution, LocalStores
from retrain_trainer.interrupt import Interruption
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.imports import update_imports
from retrain_trainer.pipeline.pinned import refuse_unpinned_datasets
from retrain_trainer.pipeline.plan import plan_stages
from retrain_trainer.pipeline.project import Output, Project, enter_project
from retrain_trainer.pipeline.remote import check_writers
from retrain_trainer.pipeline.stages import StageContext, run_stages
from retrain_trainer.report import LogReporter
from servers.s3 import S3Server
from support.toy import write_files

TRAIN = """
stages:
  train:
    cmd: python train.py
    deps: [raw.csv]
    outs:
      - model.txt
      - private.txt: {remote: Private}
      - secret.txt: {push: false}
    metrics:
      - score.json: {cache: false}
      - secret.json: {cache: false, push: false}
"""
OUTPUTS = ("model.txt", "private.txt", "secret.txt", "score.json", "secret.json")


class Made:
    """A DVC project in a folder, with remotes beside it, as a laptop and a pod see it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.top = folder / "project"
        self.config("")

    def config(self, text: str, **remotes: str) -> None:
        """Write .dvc/config; ``remotes`` are URLs by name, the first is the default."""
        lines = ["[core]", "no_scm = true", "analytics = false"]
        lines += [f"remote = {next(iter(remotes))}"] if remotes else []
        for name, url in remotes.items():
            lines += [f"['remote \"{name}\"']", f"url = {url}"]
        write_files(self.top, {".dvc/config": "\n".join([*lines, textwrap.dedent(text)]) + "\n"})

    def add(self, path: str, content: str, at: Path | None = None, **annotations: Any) -> None:
        """A .dvc file for ``content``, which lies in the remote ``at`` alone."""
        md5 = keep(at, content) if at else md5_of(content)
        fields = {"md5": md5, "hash": "md5", "path": path, **annotations}
        text = "\n".join(f"  {key}: {value}" for key, value in fields.items())
        write_files(self.top, {f"{path}.dvc": f"outs:\n-{text[1:]}\n"})

    def write(self, **files: str) -> None:
        write_files(self.top, {name.replace("_dot_", "."): text for name, text in files.items()})

    def open(self, kind: str = "pod", url: str | None = None, **dvc: Any) -> Project:
        """As a `pod`, a `laptop` or a `publishing` laptop opens it."""
        if not (self.top / "dvc.yaml").is_file():
            self.write(dvc_dot_yaml="stages: {}\n")
        spec = {"source": {"image": {"path": "/"}}, "dvc": {"remote": {"url": url}, **dvc}}
        local = LocalStores(self.top, self.folder / "local", publish=kind == "publishing")
        execution = Execution(
            name="toy",
            uid="1",
            spec=TrainingRunSpec.model_validate(spec),
            project=self.top,
            state=self.folder / "state",
            tracking_uri="",
            local=None if kind == "pod" else local,
        )
        return enter_project(execution)


def md5_of(content: str) -> str:
    return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()


def keep(remote: Path, content: str) -> str:
    md5 = md5_of(content)
    write_files(remote, {f"files/md5/{md5[:2]}/{md5[2:]}": content})
    return md5


def kept(remote: Path) -> set[str]:
    """The contents at a remote, folder lists left out."""
    files = [path for path in remote.glob("files/md5/*/*") if path.suffix != ".dir"]
    return {path.read_text() for path in files}


def outs(project: Project) -> list[Output]:
    return [out for stage in project.stages() for out in stage.outs]


def failure(call: Callable[[], object]) -> RunFailed:
    with pytest.raises(RunFailed) as caught:
        call()
    return caught.value


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.chdir(tmp_path)
    return Made(tmp_path)


@pytest.mark.parametrize("kind", ["pod", "laptop", "publishing"])
def test_data_are_read_from_the_remote_that_they_name(
    made: Made, tmp_path: Path, kind: str
) -> None:
    made.config("", main=str(tmp_path / "main"), private=str(tmp_path / "private"))
    made.add("raw.csv", "1\n", at=tmp_path / "private", remote="Private")
    project = made.open(kind)
    transfer.place(project, outs(project))
    assert (made.top / "raw.csv").read_text() == "1\n"


@pytest.mark.parametrize("kind", ["pod", "laptop", "publishing"])
def test_the_manifest_s_store_is_read_first_and_then_the_repository_s_own_remote(
    made: Made, tmp_path: Path, kind: str
) -> None:
    made.config("", main=str(tmp_path / "main"))
    made.add("raw.csv", "1\n", at=tmp_path / "main")
    made.add("more.csv", "2\n", at=tmp_path / "team")
    project = made.open(kind, url=str(tmp_path / "team"))
    transfer.place(project, outs(project))
    assert (made.top / "raw.csv").read_text() + (made.top / "more.csv").read_text() == "1\n2\n"


@pytest.mark.parametrize(
    ("kind", "main", "private", "local"),
    [
        ("pod", {"model.txt", "score.json"}, {"private.txt"}, set()),
        ("publishing", {"model.txt", "score.json"}, {"private.txt"}, set()),
        ("laptop", set(), set(), {"model.txt", "private.txt", "score.json"}),
    ],
)
def test_outputs_go_where_they_say_and_with_push_false_nowhere(
    made: Made, tmp_path: Path, kind: str, main: set[str], private: set[str], local: set[str]
) -> None:
    made.config("", main=str(tmp_path / "main"), private=str(tmp_path / "private"))
    made.write(dvc_dot_yaml=TRAIN, raw_dot_csv="1\n")
    for name in OUTPUTS:
        (made.top / name).write_text(name if name.endswith("txt") else f'{{"a": "{name}"}}')
    project = made.open(kind)
    with project.repo.lock:
        (train,) = project.stages()
        train.save()
        train.commit()
        train.dump()
    transfer.push(project, outs(project))
    if project.stores.publishes:
        transfer.complete(project, outs(project))

    def names(remote: Path) -> set[str]:
        return {text if "{" not in text else text.split('"')[3] for text in kept(remote)}

    found = names(tmp_path / "main"), names(tmp_path / "private"), names(tmp_path / "local")
    assert found == (main, private, local)
    # What is nowhere else counts as available only while it lies here.
    (made.top / "secret.json").unlink()
    again = outs(project)
    assert transfer.available(project, [out for out in again if out.def_path == "secret.json"])


def test_publishing_takes_along_the_inputs_that_the_store_lacks(made: Made, tmp_path: Path) -> None:
    made.config("", main=str(tmp_path / "main"), private=str(tmp_path / "private"))
    made.add("raw.csv", "1\n", at=made.top / ".dvc" / "cache")
    made.add("more.csv", "2\n", at=tmp_path / "main")
    made.add("own.csv", "3\n", at=tmp_path / "private", remote="private")
    made.add("here.csv", "4\n", at=made.top / ".dvc" / "cache", push="false")
    project = made.open("publishing", url=str(tmp_path / "team"))
    transfer.complete(project, outs(project))
    assert kept(tmp_path / "team") == {"1\n", "2\n"}
    assert kept(tmp_path / "private") == {"3\n"}


@pytest.mark.parametrize("scheme", ["gdrive", "gs", "azure", "ssh", "oss", "webdav", "hdfs"])
def test_a_remote_whose_plugin_is_missing_matters_only_for_data_that_are_nowhere_else(
    made: Made, tmp_path: Path, scheme: str
) -> None:
    made.config("", far=f"{scheme}://folder/dvc")
    made.add("raw.csv", "1\n", at=made.top / ".dvc" / "cache")
    project = made.open("laptop")
    transfer.place(project, outs(project))
    made.add("lost.csv", "2\n")
    project = made.open("laptop")
    said = failure(lambda: transfer.place(project, outs(project)))
    assert said.reason is Reason.DATA_MISSING
    assert f"dvc-{scheme}" in said.message
    assert "run `dvc push -r far`" in said.message
    pod = made.open("pod")
    said = failure(lambda: check_writers(pod, []))
    assert (said.reason, f"dvc-{scheme}" in said.message) == (Reason.INVALID_SPEC, True)


@pytest.mark.parametrize(
    ("config", "url", "words"),
    [
        ("version_aware = true", "s3://bucket/dvc", "is version-aware"),
        ("worktree = true", "s3://bucket/dvc", "is version-aware"),
        ("", "https://localhost/dvc", "is a web server"),
    ],
)
def test_a_remote_that_is_only_read_from_is_refused_before_training(
    made: Made, config: str, url: str, words: str
) -> None:
    made.config(config, main=url)
    for project in (made.open("pod"), made.open("publishing"), made.open("pod", url=url)):
        said = failure(partial(check_writers, project, []))
        assert said.reason is Reason.INVALID_SPEC
        assert words in said.message
        assert "spec.dvc.remote.url" in said.message
    check_writers(made.open("laptop"), [])
    check_writers(made.open("pod", push=False), [])


def test_an_output_s_remote_must_be_one_and_take_it(made: Made, tmp_path: Path) -> None:
    made.config("", main=str(tmp_path / "main"))
    made.write(dvc_dot_yaml=TRAIN, raw_dot_csv="1\n")
    project = made.open("pod")
    said = failure(lambda: check_writers(project, outs(project)))
    assert said.reason is Reason.INVALID_PIPELINE
    assert "the remote private, which is not in .dvc/config; known: main" in said.message


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server over `web`, which lists no folder."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def list_directory(self, path: object) -> None:
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "web").mkdir()
    handler = partial(Handler, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_web_server_is_read_from(made: Made, tmp_path: Path, web: str) -> None:
    made.config("", main=web)
    made.add("raw.csv", "1\n", at=tmp_path / "web")
    project = made.open("laptop")
    transfer.place(project, outs(project))
    assert (made.top / "raw.csv").read_text() == "1\n"
    made.add("lost.csv", "2\n")
    project = made.open("laptop")
    said = failure(lambda: transfer.place(project, outs(project)))
    assert said.reason is Reason.DATA_MISSING


def test_a_remote_that_keeps_versions_is_read_from(
    made: Made, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in s3.environment().items():
        monkeypatch.setenv(key, value)
    s3.create_bucket("versions")
    s3.keep_versions("versions")
    made.config("version_aware = true", main="s3://versions/dvc")
    made.write(raw_dot_csv="1\n", **{"parts/a": "a", "parts/b": "b"})
    monkeypatch.chdir(made.top)
    repo = Repo()
    repo.add(["raw.csv", "parts"])
    repo.push()
    repo.close()
    for path in [*made.top.glob(".dvc/cache/files/md5/*/*"), *made.top.glob("parts/*")]:
        path.unlink()
    (made.top / "raw.csv").unlink()
    project = made.open("laptop")
    transfer.place(project, outs(project))
    assert (made.top / "raw.csv").read_text() == "1\n"
    assert (made.top / "parts" / "b").read_text() == "b"


@pytest.mark.parametrize("present", ["nothing", "another file", "part of it", "a file of its name"])
def test_content_is_placed_whatever_lies_there(made: Made, tmp_path: Path, present: str) -> None:
    made.config("", main=str(tmp_path / "main"))
    made.write(**{"parts/a": "a", "parts/b": "b"})
    project = made.open("laptop")
    project.repo.add(["parts"])
    project = made.open("laptop")
    changes = {"another file": ("a", "c"), "part of it": ("a", "a")}
    for path in (made.top / "parts").iterdir():
        path.unlink()
    if present in changes:
        name, text = changes[present]
        (made.top / "parts" / name).write_text(text)
        (made.top / "parts" / "stray").write_text("stray")
    if present == "a file of its name":
        (made.top / "parts").rmdir()
        (made.top / "parts").write_text("file")
    transfer.place(project, outs(project))
    files = {path.name: path.read_text() for path in (made.top / "parts").iterdir()}
    assert files == {"a": "a", "b": "b"}


@pytest.mark.parametrize(
    ("kind", "own", "store", "words"),
    [
        ("laptop", None, None, "(no DVC remote is configured)"),
        ("laptop", "main", None, "/main). Where the data are, run `dvc push -r own`"),
        ("pod", "main", None, "/main). Where the data are, run `dvc push -r own`"),
        ("pod", "main", "team", "`dvc push -r own`"),
        ("pod", None, "team", "`dvc remote add retrain-store"),
        ("pod", "gone", None, "there is no directory"),
        ("pod", "gone", "team", "`dvc remote add retrain-store"),
    ],
)
def test_what_is_missing_is_told_with_where_it_was_looked_for_and_the_command_that_brings_it(
    made: Made, tmp_path: Path, kind: str, own: str | None, store: str | None, words: str
) -> None:
    for name in ("main", "team"):
        (tmp_path / name).mkdir()
    if own:
        made.config("", own=str(tmp_path / own))
    made.add("raw.csv", "1\n")
    project = made.open(kind, url=str(tmp_path / store) if store else None)
    said = failure(lambda: transfer.place(project, outs(project)))
    assert said.reason is Reason.DATA_MISSING
    assert "missing data: raw.csv (" in said.message
    assert words in said.message


DATASET = """
datasets:
  - name: rows
    type: url
    url: file:///nowhere
stages:
  train:
    cmd: "true"
    deps: [ds://rows, raw.csv]
    outs: [model.txt]
"""
QUERY = """
frozen: true
deps:
- db: {connection: pg, file_format: csv, query: select 1}
outs:
- path: raw.csv
  hash: md5
"""


def test_a_dataset_that_is_not_pinned_is_told_before_training(made: Made) -> None:
    made.write(dvc_dot_yaml=DATASET, raw_dot_csv="1\n")
    project = made.open("laptop")
    plan = plan_stages(project, (), ())
    said = failure(lambda: refuse_unpinned_datasets(project, plan))
    assert said.reason is Reason.INVALID_PIPELINE
    assert "ds://rows" in said.message
    assert "`dvc ds update rows`" in said.message


def test_the_rows_of_a_database_are_data_like_any_other(made: Made, tmp_path: Path) -> None:
    made.write(dvc_dot_yaml=TRAIN, raw_dot_csv_dot_dvc=QUERY)
    project = made.open("laptop")
    plan = plan_stages(project, (), ())
    said = failure(lambda: update_imports(project, (), plan))
    assert said.reason is Reason.DATA_MISSING
    assert "raw.csv.dvc: its upstream select 1 cannot be read: connection pg" in said.message
    made.config(f"['db \"pg\"']\nurl = sqlite:///{tmp_path}/rows.db")
    project = made.open("laptop")
    update_imports(project, (), plan)
    assert (made.top / "raw.csv").read_text() == "1\n1\n"


def test_a_source_of_a_later_stage_is_missed_before_the_first_one_runs(
    made: Made, tmp_path: Path
) -> None:
    made.config("", main=str(tmp_path / "main"))
    made.write(
        dvc_dot_yaml="""
stages:
  first: {cmd: "true", deps: [a.csv], outs: [b.csv]}
  second: {cmd: "true", deps: [b.csv, late.csv], outs: [c.csv]}
""",
        a_dot_csv="1\n",
    )
    made.add("late.csv", "2\n")
    project = made.open("pod")
    plan = plan_stages(project, (), ())
    context = StageContext(lambda _: {}, Interruption(), LogReporter())
    said = failure(lambda: list(run_stages(project, plan, (), context)))
    assert not (made.top / "b.csv").exists()
    assert (said.reason, "late.csv" in said.message) == (Reason.DATA_MISSING, True)
