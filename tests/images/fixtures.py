"""A pytest plugin: both images as archives, built when a test first asks for them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.binaries import MissingRequirement
from servers.fixtures import requirements

ROOT = Path(__file__).resolve().parents[2]
CANNOT = 69
"""Exit code of scripts/images on a machine that cannot build any."""
SECONDS = 3600
"""Without any cache, on a machine that does much else."""


@dataclass(frozen=True)
class Images:
    """Archives of both, under the names that chart and manifests have for them."""

    operator: Path
    trainer: Path


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Both images of this checkout.

    Processes that test side by side wait for the one that builds.
    """
    with requirements():
        return build(tmp_path_factory.mktemp("images"))


def build(folder: Path) -> Images:
    """The images, as archives in ``folder``; from a cache what is unchanged.

    Raises:
        MissingRequirement: this machine cannot build images.
    """
    command = [str(ROOT / "scripts" / "images"), "--output", str(folder)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode == CANNOT:
        raise MissingRequirement("images", done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return Images(folder / "operator.tar", folder / "trainer.tar")
