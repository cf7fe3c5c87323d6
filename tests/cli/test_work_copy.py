"""The copy that a stage on a laptop sees: a git repository as the person's own."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from retrain_cli.work_copy.git import forget_repository, on_a_remote_branch
from retrain_core.outcome import RunFailed
from retrain_trainer.pipeline.scratch import copy_repository
from servers.git_repos import git_environment
from support.toy import write_files

from .tree import FILES, Tree, answers, ask, contents
from .trees import KINDS, below_the_top, cloned, plain


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree.start(tmp_path / "tree")


@pytest.fixture(autouse=True)
def nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in git_environment().items():
        monkeypatch.setenv(name, value)
    forget_repository()


@pytest.mark.parametrize(("kind", "told"), KINDS, ids=[kind.__name__ for kind, _ in KINDS])
def test_git_answers_in_the_copy_as_in_any_tree_and_nothing_is_written_in_the_trees_own(
    kind: Callable[[Path], Tree], told: str, tmp_path: Path
) -> None:
    tree = kind(tmp_path)
    expected, before = tree.answers(), tree.git_digest()
    for _ in range(2):
        copy = tree.copy()
        assert answers(copy.project) == expected
        assert str(copy.uncommitted).startswith(told)
    assert tree.git_digest() == before
    top = Path(tree.git("rev-parse", "--show-toplevel").strip())
    seen = contents(top)
    # What git ignores, but for a project that it ignores as a whole.
    seen.pop("ignored/file", None)
    assert contents(copy.top) == seen


def test_a_tree_without_git_is_copied_without_its_environment_and_cache(tmp_path: Path) -> None:
    tree = Tree(write_files(tmp_path / "tree", FILES))
    tree.write("env/pyvenv.cfg", "")
    tree.write(".dvc/cache/files/md5/00/00", "")
    copy = tree.copy()
    assert set(contents(copy.top)) == set(FILES)
    assert str(copy.uncommitted) == "there is no commit"


def test_what_stages_did_to_the_persons_files_is_undone_and_ignored_outputs_stay(
    tree: Tree, tmp_path: Path
) -> None:
    tree.write("src/deep/down.py", "1")
    tree.write("dvc.lock", "theirs")
    tree.commit()
    expected = tree.answers(), contents(tree.path)
    top = tree.copy().top
    precious = write_files(tmp_path / "precious", {"down.py": "mine", "train.py": "mine"})
    (top / "src/train.py").unlink()
    (top / "src/train.py").symlink_to(precious / "train.py")
    (top / "src/empty.py").unlink()
    os.link(precious / "train.py", top / "src/empty.py")
    shutil.rmtree(top / "src/deep")
    (top / "src/deep").symlink_to(precious)
    times = (top / "notes.txt").stat()
    (top / "notes.txt").write_text("two\n")
    os.utime(top / "notes.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    (top / "dvc.lock").unlink()
    write_files(top, {"dvc.lock/x": "", "ignored/output": "kept"})
    Tree(top).git("commit", "--quiet", "--all", "--message", "by a stage")
    Tree(top).git("tag", "--force", "v1")
    tree.copy()
    assert answers(top) == expected[0]
    assert contents(top) == expected[1] | {"ignored/output": (b"kept", 0o644)}
    assert {path.read_text() for path in precious.iterdir()} == {"mine"}


def test_what_has_gone_from_the_tree_or_is_ignored_now_goes_from_the_copy(tree: Tree) -> None:
    tree.write("data/raw.csv", "1")
    tree.write("untracked/a", "1")
    tree.write("lock/dvc.yaml", "")
    top = tree.copy().top
    write_files(top, {"lock/dvc.lock": "of an earlier run"})
    shutil.rmtree(tree.path / "untracked")
    tree.write(".gitignore", "/ignored\n/.retrain\n/data\ndvc.lock\n")
    tree.copy()
    assert contents(top).keys() == contents(tree.path).keys() - {"data/raw.csv"}
    assert not (top / "untracked").exists()


def test_only_files_that_changed_are_copied_again(tree: Tree) -> None:
    tree.copy()
    top = tree.copy().top

    def seen() -> dict[str, tuple[int, int]]:
        stats = {name: os.lstat(top / name) for name in FILES}
        return {name: (stat.st_ino, stat.st_ctime_ns) for name, stat in stats.items()}

    before = seen()
    tree.write("notes.txt", "two\n")
    tree.copy()
    assert {name for name, stat in seen().items() if stat != before[name]} == {"notes.txt"}
    assert (top / "notes.txt").read_text() == "two\n"


def test_what_is_no_file_or_cannot_be_read_is_left_out(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tree.path / "fifo")
    tree.write("secret", "s")
    copyfile = shutil.copyfile

    def denied(source: str, target: str) -> object:
        # Root may read everything.
        if str(source).endswith("/secret"):
            raise PermissionError(13, "Permission denied", source)
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", denied)
    copy = tree.copy()
    assert copy.unreadable == ("secret",)
    assert set(contents(copy.top)) == set(FILES)


def test_no_link_of_the_copy_leads_to_a_file_of_the_tree(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("outside")
    links = {"within": "notes.txt", "absolute": str(tree.path / "notes.txt"), "up": "../shared"}
    for name, text in links.items():
        (tree.path / name).symlink_to(text)
    tree.commit()
    copy = tree.copy()
    assert (copy.top / "within").resolve() == copy.top / "notes.txt"
    assert (copy.top / "absolute").resolve() == copy.top / "notes.txt"
    assert (copy.top / "up").read_text() == "outside"
    # The links are as committed, so far as the person is concerned.
    assert not copy.uncommitted


def test_no_password_helper_or_hook_is_taken_along(tree: Tree) -> None:
    tree.git("remote", "add", "origin", "https://me:hunter2@example.com/x.git")
    for key in ("credential.helper", "core.fsmonitor", "filter.x.clean", "core.hooksPath"):
        tree.git("config", key, f"touch {tree.path}/ran-{key}; cat")
    tree.git("config", "http.https://example.com/.extraHeader", "Authorization: hunter2")
    tree.git("config", "url.https://me:hunter2@example.com/.insteadOf", "gh:")
    tree.write(".gitattributes", "*.txt filter=x\n")
    copy = tree.copy()
    text = (copy.top / ".git/config").read_text()
    assert "hunter2" not in text
    assert "credential" not in text
    assert ask(copy.top, "remote", "get-url", "origin") == "https://example.com/x.git\n"
    ran = {path.name for path in tree.path.glob("ran-*")}
    # In the copy git may clean files as the person's would, to compare them.
    assert ran <= {"ran-filter.x.clean"}


def test_changes_that_git_was_told_to_overlook_are_uncommitted(tree: Tree) -> None:
    tree.git("update-index", "--assume-unchanged", "notes.txt")
    tree.git("update-index", "--skip-worktree", "src/train.py")
    assert not tree.copy().uncommitted
    tree.write("notes.txt", "two\n")
    tree.write("src/train.py", "print(2)\n")
    copy = tree.copy()
    assert copy.uncommitted.changed == ("notes.txt", "src/train.py")
    assert answers(copy.top) == tree.answers()


def test_a_filter_that_is_not_installed_spoils_nothing(tree: Tree) -> None:
    tree.write(".gitattributes", "*.txt filter=x\n")
    tree.commit()
    for key, value in (("process", "no-such-program"), ("required", "true")):
        tree.git("config", f"filter.x.{key}", value)
    assert not tree.copy().uncommitted
    tree.write("notes.txt", "two\n")
    assert tree.copy().uncommitted.changed == ("notes.txt",)


def test_a_folder_that_a_stage_has_locked_is_made_anew(tree: Tree) -> None:
    top = tree.copy().top
    for path in (top / "src", top / ".git"):
        path.chmod(0)
    (top / ".git").rename(top / "moved")
    (top / ".git").write_text("gitdir: nowhere")
    tree.copy()
    shutil.rmtree(top / "moved")
    assert answers(top) == tree.answers()


def test_a_repository_that_git_cannot_read_is_told(tree: Tree) -> None:
    (tree.path / ".git/index").write_bytes(b"DIRC broken")
    with pytest.raises(RunFailed, match=r"git cannot read .*index"):
        tree.copy()


def test_the_scratch_copy_of_an_evaluation_is_the_same_repository_again(tmp_path: Path) -> None:
    tree = below_the_top(tmp_path)
    project = copy_repository(tree.copy().project, tmp_path / "scratch")
    assert project == tmp_path / "scratch/svc"
    assert answers(project) == tree.answers()


def test_a_hook_of_git_that_runs_us_does_not_turn_git_to_the_persons_repository(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tree.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tree.path / ".git/index"))
    copy = tree.copy()
    forget_repository()
    assert "GIT_DIR" not in os.environ
    assert not copy.uncommitted


def test_a_commit_is_others_to_train_once_a_remote_branch_has_it(tmp_path: Path) -> None:
    tree = cloned(plain(tmp_path / "origin"), tmp_path)
    assert on_a_remote_branch(tree.path)
    tree.write("notes.txt", "two\n")
    tree.commit()
    assert not on_a_remote_branch(tree.path)
    tree.git("push", "--quiet", "origin", "HEAD:refs/heads/new")
    assert on_a_remote_branch(tree.path)
