"""The clone that a pod trains in: as a person has it, or a reason that names what is missing."""

import os
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import GitSource
from retrain_trainer import git_clone, git_history
from retrain_trainer.git_access import GitSecret
from retrain_trainer.git_clone import clone_commit
from retrain_trainer.git_submodules import reachable, same_host
from servers.binaries import program
from servers.fixtures import requirements
from servers.git_https import GitHttpsServer, git_https_server
from servers.git_lfs import keep_in_lfs
from servers.git_repos import BareRepository, Gitlink, git_environment

Files = Mapping[str, "str | bytes | Gitlink | None"]
LFS = {".gitattributes": "*.csv filter=lfs diff=lfs merge=lfs -text\n"}


class Cloning:
    """Makes repositories on the server, and clones them as a pod does."""

    def __init__(self, folder: Path, server: GitHttpsServer) -> None:
        self.folder = folder
        self.server = server
        self.warnings: list[str] = []
        self.secret = folder / "secret"
        self.secret.mkdir()
        (self.secret / "username").write_text(server.user or "")
        (self.secret / "password").write_text(server.password or "")

    def repository(self, files: Files, name: str | None = None) -> BareRepository:
        name = name or f"clone-{uuid.uuid4().hex[:8]}"
        made = BareRepository.create(self.server.root / f"{name}.git", {"a.txt": "1\n"})
        made.allow_filter()
        made.commit(files)
        return made

    def url(self, repository: BareRepository) -> str:
        return self.server.url(repository.path.stem)

    def clone(self, repository: BareRepository, pinned: str | None = None) -> Path:
        target = self.folder / f"repository-{uuid.uuid4().hex[:8]}"
        source = GitSource.model_validate(
            {"url": self.url(repository), "secretRef": {"name": "git"}}
        )
        commit = clone_commit(source, target, GitSecret(self.secret), pinned, self.warnings.append)
        assert commit == ask(target, "rev-parse", "HEAD")
        assert not list((target / ".git").glob("hooks/*"))
        return target

    def refused(self, repository: BareRepository, reason: Reason, *words: str) -> str:
        with pytest.raises(RunFailed) as failed:
            self.clone(repository)
        assert failed.value.reason is reason, failed.value.message
        for word in words:
            assert word in failed.value.message
        return failed.value.message


@pytest.fixture
def cloning(tmp_path: Path, git_https: GitHttpsServer, monkeypatch: pytest.MonkeyPatch) -> Cloning:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(git_https.ca_file))
    return Cloning(tmp_path, git_https)


def ask(folder: Path, *command: str) -> str:
    """What git says in ``folder`` to a stage, which has no server and no credentials."""
    env = git_environment() | {"GIT_ALLOW_PROTOCOL": "none"}
    done = subprocess.run(
        ["git", *command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def with_history(repository: BareRepository) -> BareRepository:
    """Two tags that describe the head, one that does not, and six commits after them."""
    repository.commit({"b.txt": "1\n"}, message="Change b")
    repository.tag("v1.0")
    repository.branch("other", "main")
    repository.commit({"c.txt": "1\n"}, branch="other")
    repository.tag("elsewhere", "other")
    repository.commit({"a.txt": "2\n"})
    repository.tag("v1.1", message="a release")
    for number in range(6):
        repository.commit({"a.txt": f"{number + 3}\n"})
    return repository


@pytest.mark.parametrize("filtering", [True, False], ids=["filter", "no filter"])
def test_git_says_in_a_pod_what_it_says_in_a_persons_clone(
    cloning: Cloning, filtering: bool
) -> None:
    repository = with_history(cloning.repository({"n.txt": "1\n"}))
    if not filtering:
        subprocess.run(
            ["git", "-C", str(repository.path), "config", "uploadpack.allowFilter", "false"],
            check=True,
        )
    target = cloning.clone(repository)
    head = repository.sha()
    assert ask(target, "describe", "--tags", "--dirty", "--long") == f"v1.1-6-g{head[:7]}"
    assert ask(target, "rev-list", "--count", "HEAD") == "10"
    assert ask(target, "log", "-1", "--format=%s", "--", "b.txt") == "Change b"
    assert ask(target, "show", "--stat", "--format=%h", "HEAD").startswith(head[:7])
    assert ask(target, "tag").split() == ["v1.0", "v1.1"]
    assert ask(target, "status", "--short") == ""
    assert ask(target, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    assert ask(target, "remote", "get-url", "origin") == cloning.url(repository)
    assert cloning.warnings == []


def test_a_pinned_commit_is_cloned_with_its_own_history(cloning: Cloning) -> None:
    repository = with_history(cloning.repository({}))
    pinned = repository.sha("main~3")
    target = cloning.clone(repository, pinned)
    assert ask(target, "describe", "--tags") == f"v1.1-3-g{pinned[:7]}"


def test_without_tags_the_history_is_there_all_the_same(cloning: Cloning) -> None:
    repository = cloning.repository({"b.txt": "1\n"})
    target = cloning.clone(repository)
    assert ask(target, "rev-list", "--count", "HEAD") == "2"
    assert ask(target, "describe", "--tags", "--always") == repository.sha()[:7]


def test_a_history_that_takes_too_long_is_left_and_told(
    cloning: Cloning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_history, "SECONDS", 0)
    target = cloning.clone(with_history(cloning.repository({})))
    assert "git describe" in cloning.warnings[0]
    assert ask(target, "rev-list", "--count", "HEAD") == "2"
    assert not [*(target / ".git").rglob("tmp_*"), *(target / ".git").rglob("*.lock")]


def test_a_server_that_gives_no_commit_without_files_gives_the_last_ones(
    cloning: Cloning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_history, "DEPTH", 4)
    repository = with_history(cloning.repository({}))
    subprocess.run(
        ["git", "-C", str(repository.path), "config", "uploadpack.allowFilter", "false"], check=True
    )
    target = cloning.clone(repository)
    assert ask(target, "rev-list", "--count", "HEAD") == "4"
    assert "last 4 commits" in cloning.warnings[0]


def modules(**urls: str) -> str:
    return "".join(
        f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in urls.items()
    )


def test_submodules_are_there_with_their_own_history_and_submodules(cloning: Cloning) -> None:
    inner = cloning.repository({"inner.py": "inner = 1\n"})
    lib = cloning.repository(
        {".gitmodules": modules(inner=cloning.url(inner)), "inner": Gitlink(inner.sha())}
    )
    lib.tag("lib-1")
    commit = lib.commit({"lib.py": "lib = 1\n"})
    lib.commit({"lib.py": "lib = 2\n"})
    repository = cloning.repository(
        {".gitmodules": modules(vendor=f"../{lib.path.name}"), "vendor": Gitlink(commit)}
    )
    target = cloning.clone(repository)
    assert (target / "vendor" / "lib.py").read_text() == "lib = 1\n"
    assert (target / "vendor" / "inner" / "inner.py").read_text() == "inner = 1\n"
    assert ask(target / "vendor", "describe", "--tags") == f"lib-1-1-g{commit[:7]}"
    assert ask(target, "status", "--short") == ""
    assert ask(target, "submodule", "status").startswith(f"{commit} vendor")
    assert cloning.warnings == []


def test_a_submodule_that_is_not_to_be_updated_stays_empty(cloning: Cloning) -> None:
    text = modules(docs="../nowhere.git") + "\tupdate = none\n"
    repository = cloning.repository(
        {".gitmodules": text, "docs": Gitlink("1" * 40), "stray": Gitlink("2" * 40)}
    )
    target = cloning.clone(repository)
    assert list((target / "docs").iterdir()) == list((target / "stray").iterdir()) == []
    assert "docs, stray" in cloning.warnings[0]


def test_a_submodule_runs_no_program(cloning: Cloning, tmp_path: Path) -> None:
    text = modules(vendor="../x.git") + f"\tupdate = !touch {tmp_path}/pwned\n"
    repository = cloning.repository({".gitmodules": text, "vendor": Gitlink("1" * 40)})
    cloning.refused(repository, Reason.SOURCE_NOT_FOUND, "the submodule vendor:", "update")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("url", "reason", "words"),
    [
        ("../nowhere.git", Reason.SOURCE_NOT_FOUND, "nowhere.git"),
        ("file:///etc/x.git", Reason.SOURCE_NOT_FOUND, "file:///etc/x.git"),
        ("/etc/x.git", Reason.SOURCE_NOT_FOUND, "/etc/x.git"),
        ("ext::sh -c touch% pwned", Reason.SOURCE_NOT_FOUND, "ext::"),
        ("git://localhost/x.git", Reason.SOURCE_NOT_FOUND, "git://localhost/x.git"),
        ("http://localhost/x.git", Reason.SOURCE_NOT_FOUND, "http"),
        ("-uext", Reason.SOURCE_NOT_FOUND, "vendor"),
        ("https://me:canary@localhost/x.git", Reason.SOURCE_NOT_FOUND, "vendor"),
        ("ssh://git@127.0.0.1:1/x.git", Reason.SOURCE_UNREACHABLE, "127.0.0.1"),
    ],
)
def test_a_submodule_that_cannot_be_had_ends_the_run_by_its_name(
    cloning: Cloning, url: str, reason: Reason, words: str
) -> None:
    repository = cloning.repository(
        {".gitmodules": modules(vendor=url), "vendor": Gitlink("1" * 40)}
    )
    said = cloning.refused(repository, reason, "the submodule vendor:", words, "update = none")
    assert "canary" not in said


def test_a_submodule_of_another_host_is_not_told_the_password(
    cloning: Cloning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with git_https_server(tmp_path / "other", user="trainer", password="git-password") as other:
        ours = Path(os.environ["GIT_SSL_CAINFO"]).read_text()
        both = tmp_path / "both.pem"
        both.write_text(ours + other.ca_file.read_text())
        monkeypatch.setenv("GIT_SSL_CAINFO", str(both))
        lib = BareRepository.create(other.root / "lib.git", {"a": "1\n"})
        files: Files = {
            ".gitmodules": modules(vendor=other.url("lib")),
            "vendor": Gitlink(lib.sha()),
        }
        cloning.refused(
            cloning.repository(files), Reason.SOURCE_DENIED, "the submodule vendor:", "sent to"
        )
        assert " 200 " not in other.log.read_text()


def test_submodules_without_end_are_refused(
    cloning: Cloning, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_clone, "DEEPEST", 2)
    name = f"bomb-{uuid.uuid4().hex[:8]}"
    bomb = cloning.repository({}, name)
    first = bomb.sha()
    for _ in range(4):
        first = bomb.commit({".gitmodules": modules(x=f"../{name}.git"), "x": Gitlink(first)})
    cloning.refused(bomb, Reason.SOURCE_NOT_FOUND, "x/x/x", "too deep")


@pytest.mark.parametrize(
    ("url", "parent", "read"),
    [
        ("git@host:team/lib.git", "https://host/team/x.git", "https://host/team/lib.git"),
        ("ssh://git@host/team/lib.git", "https://host/x.git", "https://host/team/lib.git"),
        ("git@host:team/lib.git", "https://host:8443/x.git", "https://host:8443/team/lib.git"),
        ("git@other:team/lib.git", "https://host/x.git", "git@other:team/lib.git"),
        ("git@host:team/lib.git", "git@host:team/x.git", "git@host:team/lib.git"),
    ],
)
def test_a_submodule_of_the_same_host_is_read_as_the_repository_is(
    url: str, parent: str, read: str
) -> None:
    assert reachable(url, parent) == read


@pytest.mark.parametrize(
    ("url", "other", "same"),
    [
        ("https://host/a", "https://host:443/b", True),
        ("https://me@host/a", "https://HOST/b", True),
        ("git@host:a", "ssh://git@host:22/b", True),
        ("https://host/a", "https://host:8443/b", False),
        ("https://host/a", "http://host/b", False),
        ("https://host.evil.example/a", "https://host/b", False),
        ("https://host@evil.example/a", "https://host/b", False),
        ("git@evil:host/a", "git@host:a", False),
    ],
)
def test_credentials_are_for_one_server(url: str, other: str, same: bool) -> None:
    assert same_host(url, other) is same


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
