"""Tiny wheels, made by hand: packages that no index has."""

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
