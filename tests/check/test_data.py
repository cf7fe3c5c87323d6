"""Data triggers: what each path holds now, upstream for imports."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from check.conftest import Team
from retrain_core.evidence import DataEvidence
from retrain_core.verdict.finding import Finding
from servers.git_repos import git_environment
from servers.s3 import S3Server

Make = Callable[..., Team]


def imported(url: str) -> str:
    return f"frozen: true\ndeps:\n- path: {url}\nouts:\n- path: raw.csv\n  hash: md5\n"


def seen(team: Team, *paths: str) -> DataEvidence:
    found = team.see(data={"paths": list(paths)})
    assert found.data is not None, found
    return found.data


def test_a_path_of_the_repository_is_a_cause_when_its_content_has_moved(team: Team) -> None:
    raw = {"paths": ["data/raw.csv"]}
    assert team.judged(data=raw).finding is Finding.RECORDED
    team.repository.commit({"other.py": "1"})
    assert team.judged(data=raw).finding is Finding.DATA_UNCHANGED
    team.repository.commit({"data/raw.csv": "x\n2\n"})
    verdict = team.judged(data=raw)
    assert verdict.finding is Finding.DATA_CHANGED
    assert verdict.causes[0].update == ()
    # Until its run has started it is one cause still.
    assert len(team.judged(data=raw).causes) == 1


def test_a_folder_changes_with_what_is_in_it(team: Team) -> None:
    before = seen(team, "data").ids
    team.repository.commit({"data/more.csv": "1"})
    assert seen(team, "data").ids != before


def test_paths_are_meant_from_the_project_s_folder(make_team: Make) -> None:
    team = make_team({"sub/.dvc/config": "", "sub/dvc.yaml": "stages: {}", "sub/a.csv": "1"})
    team.run["source"] = team.spec()["source"]
    team.run["source"]["git"]["path"] = "sub"
    assert len(seen(team, "a.csv").ids[0]) == 32
    assert team.unseen(data={"paths": ["data"]})[0] == Finding.PATH_NOT_FOUND


def test_data_that_dvc_tracks_are_told_by_their_dvc_file(make_team: Make) -> None:
    tracked = "outs:\n- md5: b026324c6904b2a9cb4b88d6d61c81d1\n  size: 2\n  hash: md5\n  path: t\n"
    team = make_team({"data/t.dvc": tracked})
    found = seen(team, "data/t", "data/t.dvc")
    assert found.ids[0] == found.ids[1]
    assert found.imports == []


def test_a_path_that_is_nowhere_is_told_by_its_name(team: Team) -> None:
    reason, message = team.unseen(data={"paths": ["data/raw.csv", "data/absent.csv"]})
    assert reason == Finding.PATH_NOT_FOUND
    assert "data/absent.csv" in message


def test_an_import_from_s3_is_told_by_what_is_upstream(make_team: Make, store: S3Server) -> None:
    team = make_team()
    store.create_bucket(team.name)
    store.put(team.name, "raw.csv", b"1")
    team.repository.commit({"data/in.csv.dvc": imported(f"s3://{team.name}/raw.csv")})
    trigger = {"paths": ["data/in.csv.dvc"]}
    team.judged(data=trigger)
    assert team.judged(data=trigger).finding is Finding.DATA_UNCHANGED
    store.put(team.name, "raw.csv", b"2")
    verdict = team.judged(data=trigger)
    assert verdict.finding is Finding.DATA_CHANGED
    assert verdict.causes[0].update == ("data/in.csv.dvc",)


def test_a_folder_on_s3_changes_with_what_is_in_it(make_team: Make, store: S3Server) -> None:
    team = make_team()
    store.create_bucket(team.name)
    store.put(team.name, "raw/a.csv", b"1")
    team.repository.commit({"data/in.dvc": imported(f"s3://{team.name}/raw")})
    before = seen(team, "data/in.dvc").ids
    store.put(team.name, "raw/b.csv", b"1")
    after = seen(team, "data/in.dvc").ids
    assert before != after == seen(team, "data/in.dvc").ids


def test_a_bucket_that_is_not_there_or_refuses_is_told(
    make_team: Make, store: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = make_team({"in.dvc": imported("s3://absent-bucket/raw.csv")})
    reason, message = team.unseen(data={"paths": ["in.dvc"]})
    assert reason in ("StoreNotFound", "DataMissing")
    assert "s3://absent-bucket/raw.csv" in message
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert team.unseen(data={"paths": ["in.dvc"]})[0] == "StoreDenied"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server that gives out times, not ETags; its folder."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_an_import_from_the_web_is_told_by_what_is_upstream(
    make_team: Make, web: tuple[str, Path]
) -> None:
    url, folder = web
    (folder / "raw.csv").write_text("1")
    os.utime(folder / "raw.csv", (1_700_000_000, 1_700_000_000))
    team = make_team({"in.dvc": imported(f"{url}/raw.csv")})
    before = seen(team, "in.dvc")
    assert before.imports == [0]
    (folder / "raw.csv").write_text("2")
    assert seen(team, "in.dvc").ids != before.ids
    (folder / "raw.csv").unlink()
    assert team.unseen(data={"paths": ["in.dvc"]})[0] == "DataMissing"


def test_an_import_from_a_folder_of_the_machine_is_told_by_its_bytes(
    make_team: Make, tmp_path: Path
) -> None:
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    (upstream / "a").write_text("1")
    team = make_team({"in.dvc": imported(str(upstream))})
    before = seen(team, "in.dvc").ids
    (upstream / "a").write_text("2")
    assert seen(team, "in.dvc").ids != before
    shutil.rmtree(upstream)
    assert team.unseen(data={"paths": ["in.dvc"]})[0] == "DataMissing"


def test_an_import_of_another_repository_is_told_by_its_newest_commit(
    make_team: Make, tmp_path: Path
) -> None:
    upstream = tmp_path / "upstream"
    upstream.mkdir()

    def run(*command: str) -> None:
        subprocess.run(
            command, cwd=upstream, env=git_environment() | {"DVC_NO_ANALYTICS": "1"}, check=True
        )

    def commit(text: str) -> None:
        (upstream / "tracked.csv").write_text(text)
        run(sys.executable, "-m", "dvc", "add", "-q", "tracked.csv")
        (upstream / "plain.csv").write_text(text)
        run("git", "add", "--all")
        run("git", "commit", "-qm", text)

    run("git", "init", "-q", "--initial-branch=main")
    run(sys.executable, "-m", "dvc", "init", "-q")
    commit("1")

    def of(path: str) -> str:
        return (
            f"frozen: true\ndeps:\n- path: {path}\n  repo:\n    url: {upstream}\n"
            "    rev_lock: a000000000000000000000000000000000000000\n"
            "outs:\n- md5: b026324c6904b2a9cb4b88d6d61c81d1\n  size: 2\n  hash: md5\n"
            f"  path: {path}\n"
        )

    team = make_team({"t.dvc": of("tracked.csv"), "p.dvc": of("plain.csv")})
    first = seen(team, "t.dvc", "p.dvc")
    assert first.imports == [0, 1]
    (upstream / "README").write_text("more")
    run("git", "add", "--all")
    run("git", "commit", "-qm", "unrelated")
    assert seen(team, "t.dvc", "p.dvc").ids == first.ids
    commit("2")
    second = seen(team, "t.dvc", "p.dvc").ids
    assert second[0] != first.ids[0]
    assert second[1] != first.ids[1]


def test_of_an_image_s_source_the_bytes_count(team: Team, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    (project / "data" / "a").write_text("1")
    team.run = {"source": {"image": {"path": str(project)}}}
    before = seen(team, "data", "data/a").ids
    (project / "data" / "a").write_text("2")
    after = seen(team, "data", "data/a").ids
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_ids_of_many_paths_are_short_and_fit_into_the_report(make_team: Make) -> None:
    paths = [f"data/{number}" for number in range(64)]
    team = make_team({path: path for path in paths})
    assert {len(each) for each in seen(team, *paths).ids} == {12}
    trigger = {"data": {"paths": paths}}
    report = team.look(*({"name": f"t{number}", **trigger} for number in range(16)))
    assert {each.unseen and each.unseen.reason for each in report.triggers} == {"CheckFailed"}


def test_the_repository_is_fetched_once_for_all_triggers(team: Team) -> None:
    trigger = {"data": {"paths": ["data"]}}
    team.look({"name": "a", **trigger}, {"name": "b", **trigger})
    assert (team.folder / "log").read_text().count("fetches main") == 1
