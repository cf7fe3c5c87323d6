"""What the images are built from."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = [ROOT / "Dockerfile.operator", ROOT / "Dockerfile.trainer"]
PINNED = re.compile(r"^ARG BASE_IMAGE=(docker\.io/library/python:\S+@sha256:[0-9a-f]{64})$", re.M)
PACKAGES = ["core/retrain_core", "operator/retrain_operator"]
PACKAGES += ["trainer/retrain_trainer", "cli/retrain_cli"]


def test_both_images_have_the_same_base_pinned_by_its_digest() -> None:
    bases = [PINNED.findall(file.read_text()) for file in DOCKERFILES]
    assert len(bases[0]) == 1
    assert bases[0] == bases[1]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.suffix[1:])
def test_every_stage_is_of_the_base_and_every_package_has_a_hash(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", text, re.M))
    assert set(re.findall(r"^FROM (\S+)", text, re.M)) <= {"${BASE_IMAGE}", *stages}
    for install in re.findall(r"(?:pip install|pip sync|uv build)(?:[^\n]*\\\n)*[^\n]*", text):
        assert "--require-hashes" in install or "--no-deps" in install, install


def test_the_wheel_holds_our_packages_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-P", "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PACKAGES],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    assert held == {name.partition("/")[2] for name in names if (ROOT / name).is_file()}
