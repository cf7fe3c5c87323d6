"""Files that Git LFS keeps: there in the clone of a pod, or named in the reason."""

from pathlib import Path

import pytest

from retrain_core.outcome import Reason
from servers.binaries import program
from servers.fixtures import requirements
from servers.git_https import git_https_server
from servers.git_lfs import keep_in_lfs
from servers.git_repos import BareRepository, Gitlink
from support.cloning import Cloning, Files, ask, modules

LFS = {".gitattributes": "*.csv filter=lfs diff=lfs merge=lfs -text\n"}


@pytest.fixture(scope="module")
def git_lfs() -> None:
    with requirements():
        program("git-lfs", "git-lfs")


def in_lfs(cloning: Cloning, *contents: str, **files: str) -> BareRepository:
    """A repository whose files 0.csv, 1.csv ... are kept by Git LFS."""
    repository = cloning.repository({**LFS, **files})
    for number, content in enumerate(contents):
        pointer = keep_in_lfs(repository.path, content.encode())
        repository.commit({f"data/{number}.csv": pointer})
    return repository


@pytest.mark.usefixtures("git_lfs")
def test_files_of_git_lfs_are_there_in_submodules_too(cloning: Cloning) -> None:
    lib = in_lfs(cloning, "lib\n")
    repository = in_lfs(cloning, "one\n", "two\n")
    files: Files = {".gitmodules": modules(lib=cloning.url(lib)), "lib": Gitlink(lib.sha())}
    repository.commit({**files, "pointer.txt": keep_in_lfs(repository.path, b"not of LFS\n")})
    target = cloning.clone(repository)
    contents = [
        (target / name).read_text() for name in ("data/0.csv", "data/1.csv", "lib/data/0.csv")
    ]
    assert contents == ["one\n", "two\n", "lib\n"]
    assert (target / "pointer.txt").read_text().startswith("version ")
    assert ask(target, "status", "--short") == ""


@pytest.mark.usefixtures("git_lfs")
def test_a_file_that_the_server_of_git_lfs_lacks_ends_the_run_by_its_name(
    cloning: Cloning,
) -> None:
    repository = in_lfs(cloning, "one\n", "two\n")
    for kept in (repository.path / "lfs-objects").iterdir():
        if kept.read_text() == "two\n":
            kept.unlink()
    said = cloning.refused(repository, Reason.SOURCE_NOT_FOUND, "Git LFS", "data/1.csv")
    assert "data/0.csv" not in said.partition(":")[0]


@pytest.mark.usefixtures("git_lfs")
@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("[lfs]\n\turl = file:///etc\n", Reason.SOURCE_NOT_FOUND),
        ("[lfs]\n\turl = http://localhost/lfs\n", Reason.SOURCE_NOT_FOUND),
        ("[lfs]\n\turl = ssh://git@elsewhere/lfs\n", Reason.SOURCE_NOT_FOUND),
        ('[remote "origin"]\n\tlfsurl = file:///etc\n', Reason.SOURCE_NOT_FOUND),
        ("[lfs]\n\turl = {other}\n\tskipdownloaderrors = true\n", Reason.SOURCE_DENIED),
    ],
)
def test_the_server_of_git_lfs_is_asked_over_https_with_the_password_of_its_host_alone(
    cloning: Cloning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, reason: Reason
) -> None:
    with git_https_server(tmp_path / "other") as other:
        both = tmp_path / "both.pem"
        both.write_text(cloning.server.ca_file.read_text() + other.ca_file.read_text())
        monkeypatch.setenv("GIT_SSL_CAINFO", str(both))
        url = other.url("lib") + "/info/lfs"
        repository = in_lfs(cloning, "one\n", **{".lfsconfig": config.format(other=url)})
        cloning.refused(repository, reason, "data/0.csv")
        asked = other.log.read_text() if other.log.exists() else ""
    assert " 200 " not in asked


@pytest.mark.usefixtures("git_lfs")
def test_files_that_lfsconfig_excepts_stay_pointers_and_are_told(cloning: Cloning) -> None:
    config = {".lfsconfig": "[lfs]\n\tfetchexclude = data/1.csv\n"}
    target = cloning.clone(in_lfs(cloning, "one\n", "two\n", **config))
    assert (target / "data/0.csv").read_text() == "one\n"
    assert (target / "data/1.csv").read_text().startswith("version ")
    assert "data/1.csv" in cloning.warnings[0]


def test_an_image_without_git_lfs_is_told(
    cloning: Cloning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = in_lfs(cloning, "one\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "sh", "cat"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(programs))
    cloning.refused(repository, Reason.SOURCE_NOT_FOUND, "data/0.csv", "not installed")
