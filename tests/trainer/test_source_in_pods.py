"""What of a repository a stage in a pod sees: all that it has on its team's machines."""

from collections.abc import Callable

import pytest

from retrain_core.outcome import Reason
from servers.binaries import program
from servers.fixtures import requirements
from servers.git_lfs import keep_in_lfs
from servers.git_repos import BareRepository, Gitlink
from support.toy import toy_files
from support.world import World

MakeWorld = Callable[..., World]


def test_a_stage_in_a_pod_sees_tags_submodules_and_files_of_git_lfs(make_world: MakeWorld) -> None:
    with requirements():
        program("git-lfs", "git-lfs")
    train = toy_files()["src/train.py"] + (
        "import subprocess\n"
        "sys.path.insert(0, 'vendor')\n"
        "import lib\n"
        "said = subprocess.check_output(['git', 'describe', '--tags'], text=True)\n"
        "print('seen:', said.strip(), lib.NAME, open('extra.csv').read())\n"
    )
    world = make_world(toy_files(src__train_dot_py=train))
    world.repository.tag("v1.0")
    lib = BareRepository.create(
        world.git.root / f"{world.name}-lib.git", {"lib.py": "NAME = 'lib'"}
    )
    module = f'[submodule "vendor"]\npath = vendor\nurl = ../{lib.path.name}\n'
    commit = world.repository.commit(
        {
            ".gitmodules": module,
            "vendor": Gitlink(lib.sha()),
            ".gitattributes": "extra.csv filter=lfs\n",
            "extra.csv": keep_in_lfs(world.repository.path, b"from Git LFS"),
        }
    )
    ended = world.pods().run()
    assert ended.result.reason is Reason.TRAINED, ended
    assert f"seen: v1.0-1-g{commit[:7]} lib from Git LFS" in ended.output


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"vendor": Gitlink("1" * 40)}, ("vendor", "submodule")),
        (
            {"vendor/x.csv": "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n"},
            ("vendor/x.csv", "git lfs pull"),
        ),
    ],
    ids=["submodule", "Git LFS"],
)
def test_no_stage_trains_on_an_empty_submodule_or_a_pointer_file(
    make_world: MakeWorld, files: dict[str, str | Gitlink], words: tuple[str, ...]
) -> None:
    dvc_yaml = toy_files()["dvc.yaml"].replace("data/raw.csv]", "data/raw.csv, vendor]")
    world = make_world(toy_files(dvc_dot_yaml=dvc_yaml))
    world.repository.commit(files)
    ended = world.pods().run()
    assert ended.result.reason is Reason.SOURCE_NOT_FOUND, ended
    assert world.ran() == []
    for word in ("stage prepare", *words):
        assert word in ended.result.message
