"""The clone that a pod trains in: as a person has it, or a reason that names what is missing."""

import os
import subprocess
import uuid
from pathlib import Path

import pytest

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer import git_clone, git_history
from retrain_trainer.git_submodules import reachable, same_host
from servers.git_https import git_https_server
from servers.git_repos import BareRepository, Gitlink
from support.cloning import Cloning, Files, ask, modules


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
    cloning.refused(repository, Reason.INVALID_PIPELINE, "gitmodulesUpdate", "touch")
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


def test_an_address_of_a_submodule_that_would_be_an_option_is_refused(cloning: Cloning) -> None:
    text = modules(vendor="-uext")
    repository = cloning.repository({".gitmodules": text, "vendor": Gitlink("1" * 40)})
    cloning.refused(repository, Reason.INVALID_PIPELINE, "gitmodulesUrl", "-uext")


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


def test_an_object_that_git_finds_malformed_is_refused_in_words(cloning: Cloning) -> None:
    """Two entries of one name: which of them a reader sees differs from program to program."""
    repository = cloning.repository({"a.txt": "1\n"})
    repository.branch("main", commit_of(repository, 2 * entry(repository)))
    with pytest.raises(RunFailed, match=r"git refuses: .*duplicateEntries") as told:
        cloning.clone(repository)
    assert told.value.reason is Reason.INVALID_PIPELINE
    assert "git fsck" in told.value.remedy


def test_what_old_repositories_have_wrong_is_no_matter(cloning: Cloning) -> None:
    repository = cloning.repository({"a.txt": "1\n"})
    repository.branch("main", commit_of(repository, entry(repository), zone="+051800"))
    assert ask(cloning.clone(repository), "rev-parse", "HEAD") == repository.sha("main")


def entry(repository: BareRepository) -> bytes:
    """Of a tree: the file a.txt."""
    return b"100644 a.txt\0" + bytes.fromhex(repository.write("blob", b"1\n"))


def commit_of(repository: BareRepository, tree: bytes, zone: str = "+0000") -> str:
    """A commit of the tree with these entries."""
    who = f"A <a@example.com> 1735689600 {zone}"
    said = f"tree {repository.write('tree', tree)}\nauthor {who}\ncommitter {who}\n\nOdd\n"
    return repository.write("commit", said.encode())
