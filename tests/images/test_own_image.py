"""The example of a team's own image, built from ours."""

import shutil
from pathlib import Path

import pytest

from images.archive import Archive
from images.container import Buildah, Container
from images.fixtures import ROOT, Images
from support.toy import toy_files, write_files
from support.wheels import make_wheel

EXAMPLE = ROOT / "examples" / "own-image"


@pytest.fixture
def own(store: Buildah, images: Images, tmp_path: Path) -> Container:
    """The example's Dockerfile beside a project with another requirement, from an index."""
    base = Archive(images.trainer)
    store.load(base)
    project = write_files(
        tmp_path / "project", toy_files() | {"requirements.txt": "retrain_gamma\n"}
    )
    shutil.copy(EXAMPLE / "Dockerfile", project)
    index = tmp_path / "index" / "retrain-gamma"
    wheel = make_wheel(index, "retrain_gamma", "3.0", script=True)
    (index / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    store.call(
        *("build", "--tag", "localhost/own:test", "--volume", f"{tmp_path / 'index'}:/index:ro"),
        *("--build-arg", f"RETRAIN_IMAGE={base.name}"),
        *("--build-arg", "UV_DEFAULT_INDEX=file:///index", str(project)),
    )
    return Container(store.unpack("localhost/own:test"), base.environment)


def test_an_own_image_has_the_trainers_packages_and_its_own(own: Container) -> None:
    code = "import sklearn, retrain_gamma, sys; print(retrain_gamma.VERSION, sys.prefix)"
    assert own.output("python", "-c", code) == "3.0 /opt/user"
    assert own.output("say-retrain_gamma") == "3.0 /opt/user"
    assert (own.root / "app" / "dvc.yaml").is_file()
    trainer = own.output("/opt/trainer/bin/python", "-P", "-m", "retrain_trainer", "--help")
    assert "source|train" in trainer


def test_the_example_is_as_a_run_needs_it(own: Container, store: Buildah) -> None:
    form = "{{.OCIv1.Config.User}} {{.OCIv1.Config.Env}}"
    user = store.call("inspect", "--type", "image", "--format", form, "localhost/own:test")
    assert user.startswith("65532:65532 ")
    assert "UV_DEFAULT_INDEX" not in user
