"""Work trees of every kind that somebody has: how git keeps them, and what is not committed."""

import os
from collections.abc import Callable
from pathlib import Path

from support.toy import write_files

from .tree import FILES, Tree, ask


def plain(tmp_path: Path) -> Tree:
    return Tree.start(tmp_path / "tree")


def changed_in_every_way(tmp_path: Path) -> Tree:
    tree = plain(tmp_path)
    for name in ("gone.txt", "staged-gone.txt", "old name", "typed", "run.sh"):
        tree.write(name, name)
    tree.commit()
    tree.write("notes.txt", "two\n")
    tree.write("staged.txt", "staged")
    tree.git("add", "staged.txt")
    tree.write("staged.txt", "and changed")
    tree.write("announced.txt", "later")
    tree.git("add", "--intent-to-add", "announced.txt")
    (tree.path / "gone.txt").unlink()
    tree.git("rm", "--quiet", "staged-gone.txt")
    tree.git("mv", "old name", "new name")
    (tree.path / "typed").unlink()
    tree.write("typed/inside", "a folder now")
    (tree.path / "run.sh").chmod(0o755)
    tree.write("untracked/file", "u")
    tree.write("ignored/file", "i")
    with open(os.fsencode(tree.path) + b'/caf\xe9 "q"', "w") as file:
        file.write("x")
    os.utime(tree.path / "src/train.py")
    return tree


def shallow(tmp_path: Path) -> Tree:
    origin = plain(tmp_path / "origin")
    origin.write("notes.txt", "two\n")
    origin.commit()
    return cloned(origin, tmp_path, "--depth=1")


def partial(tmp_path: Path) -> Tree:
    origin = plain(tmp_path / "origin")
    origin.write("notes.txt", "two\n")
    origin.commit()
    origin.git("config", "uploadpack.allowFilter", "true")
    return cloned(origin, tmp_path, "--filter=blob:none")


def cloned(origin: Tree, tmp_path: Path, *options: str) -> Tree:
    ask(tmp_path, "clone", "--quiet", *options, f"file://{origin.path}", "tree", check=True)
    return Tree(tmp_path / "tree")


def split_index(tmp_path: Path) -> Tree:
    tree = plain(tmp_path)
    tree.git("config", "core.splitIndex", "true")
    tree.git("update-index", "--split-index")
    tree.write("more.txt", "more")
    tree.git("add", "more.txt")
    return tree


def linked_work_tree(tmp_path: Path) -> Tree:
    main = plain(tmp_path / "main")
    main.git("worktree", "add", "--quiet", str(tmp_path / "tree"), "-b", "other")
    tree = Tree(tmp_path / "tree")
    tree.write("notes.txt", "two\n")
    return tree


def with_submodule(tmp_path: Path) -> Tree:
    library = plain(tmp_path / "library")
    tree = plain(tmp_path)
    for place in ("vendor/lib", "vendor/empty"):
        tree.git("submodule", "--quiet", "add", str(library.path), place)
    tree.commit()
    tree.git("submodule", "--quiet", "deinit", "vendor/empty")
    return tree


def with_changed_submodule(tmp_path: Path) -> Tree:
    tree = with_submodule(tmp_path)
    inside = Tree(tree.path / "vendor/lib")
    inside.write("notes.txt", "two\n")
    inside.commit()
    inside.write("src/train.py", "edited")
    inside.write("untracked", "u")
    return tree


def in_a_submodule(tmp_path: Path) -> Tree:
    return Tree(with_changed_submodule(tmp_path).path / "vendor/lib")


def below_the_top(tmp_path: Path) -> Tree:
    tree = plain(tmp_path)
    write_files(tree.path, {f"svc/{name}": text for name, text in FILES.items()})
    tree.commit()
    tree.write("notes.txt", "a sibling above\n")
    return Tree(tree.path, "svc")


def without_a_commit(tmp_path: Path) -> Tree:
    tree = Tree(write_files(tmp_path / "tree", FILES))
    tree.git("init", "--quiet", "--initial-branch=unborn")
    tree.git("add", "src")
    return tree


def detached(tmp_path: Path) -> Tree:
    tree = plain(tmp_path)
    tree.write("notes.txt", "two\n")
    tree.commit()
    tree.git("checkout", "--quiet", "v1")
    return tree


def in_a_merge(tmp_path: Path) -> Tree:
    tree = plain(tmp_path)
    for branch, text in (("other", "theirs\n"), ("mine", "mine\n")):
        tree.git("checkout", "--quiet", "-b", branch, "v1")
        tree.write("notes.txt", text)
        tree.commit()
    ask(tree.path, "merge", "other")
    return tree


def of_sha256(tmp_path: Path) -> Tree:
    tree = Tree.start(tmp_path / "tree", "--object-format=sha256")
    tree.write("notes.txt", "two\n")
    return tree


def sparse(tmp_path: Path) -> Tree:
    tree = plain(tmp_path)
    tree.git("sparse-checkout", "set", "--no-cone", "/*", "!/src")
    return tree


def elsewhere_kept(tmp_path: Path) -> Tree:
    return Tree.start(tmp_path / "tree", f"--separate-git-dir={tmp_path / 'kept'}")


def with_a_repository_inside(tmp_path: Path) -> Tree:
    tree = plain(tmp_path)
    helper = Tree.start(tree.path / "helper")
    helper.write("notes.txt", "two\n")
    return tree


def ignored_as_a_whole(tmp_path: Path) -> Tree:
    tree = plain(tmp_path)
    write_files(tree.path / "ignored", FILES)
    return Tree(tree.path, "ignored")


KINDS: list[tuple[Callable[[Path], Tree], str]] = [
    (plain, "nothing"),
    (changed_in_every_way, "9 files changed, 3 untracked: announced.txt, gone.txt, new name,"),
    (shallow, "nothing"),
    (partial, "nothing"),
    (split_index, "1 file changed: more.txt"),
    (linked_work_tree, "1 file changed: notes.txt"),
    (with_submodule, "nothing"),
    (with_changed_submodule, "1 submodule changed: vendor/lib"),
    (in_a_submodule, "1 file changed, 1 untracked: src/train.py, untracked"),
    (below_the_top, "1 file changed: ../notes.txt"),
    (without_a_commit, "there is no commit"),
    (detached, "nothing"),
    (in_a_merge, "1 file changed: notes.txt"),
    (of_sha256, "1 file changed: notes.txt"),
    (sparse, "nothing"),
    (elsewhere_kept, "nothing"),
    (with_a_repository_inside, "1 untracked: helper"),
    (ignored_as_a_whole, "nothing"),
]
