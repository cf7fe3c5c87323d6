"""Tiny wheels and packages, made by hand, that no index has."""

import zipfile
from collections.abc import Collection
from pathlib import Path


def make_wheel(
    folder: Path, name: str, version: str, *, requires: Collection[str] = (), script: bool = False
) -> Path:
    """A wheel whose module ``name`` has the attribute VERSION.

    With ``script`` it brings a program ``say-NAME``, which prints that, and where it runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    module = f"import sys\nVERSION = {version!r}\ndef main():\n    print(VERSION, sys.prefix)\n"
    files = {
        f"{name}/__init__.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\nsay-{name} = {name}:main\n"
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return wheel


_BACKEND = """
import os, pathlib, tomllib, zipfile
def build_wheel(folder, settings=None, metadata=None, editable=False):
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    needs = "".join(f"Requires-Dist: {it}\\n" for it in project.get("dependencies", []))
    info = f"{name}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    if editable:
        files[f"{name}.pth"] = os.getcwd() + "\\n"
    else:
        files[f"{name}.py"] = pathlib.Path(f"{name}.py").read_text()
    files[f"{info}/RECORD"] = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
    wheel = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel
def build_editable(folder, settings=None, metadata=None):
    return build_wheel(folder, editable=True)
"""


def make_package(
    folder: Path, name: str, version: str = "1.0", *, requires: Collection[str] = ()
) -> Path:
    """The source of a package with the module ``name``, which builds itself without an index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "backend.py").write_text(_BACKEND)
    (folder / f"{name}.py").write_text("VALUE = 1\n")
    (folder / "pyproject.toml").write_text(
        f"[project]\nname = {name!r}\nversion = {version!r}\ndependencies = {list(requires)!r}\n"
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    return folder
