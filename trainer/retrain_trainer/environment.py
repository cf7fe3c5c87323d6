"""The user's Python environment: which one, what is in it, and its digest."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.requirements import digest_of, package_files

_PROBE = """
import hashlib, importlib.metadata as m, json, os, platform, site, sys
packages, direct = {}, {}
for d in m.distributions():
    about = d.metadata
    name, version = about["Name"], about["Version"]
    if not name:
        continue
    name = name.lower().replace("_", "-").replace(".", "-")
    if packages.setdefault(name, version) != version:
        continue
    origin = json.loads(d.read_text("direct_url.json") or "null")
    if not origin:
        continue
    files = [f for f in d.files or () if f.suffix != ".pyc" and ".." not in f.parts]
    own = sorted(f for f in files if not f.parts[0].endswith(".dist-info"))
    # An overlay has the metadata alone, and finds the package below.
    if not own:
        continue
    content = hashlib.sha256()
    for f in own:
        if f.hash or os.path.isfile(d.locate_file(f)):
            known = f.hash.value.encode() if f.hash else open(d.locate_file(f), "rb").read()
            content.update(f"{f} ".encode() + hashlib.sha256(known).digest())
    content.update((d.read_text("entry_points.txt") or "").encode())
    editable = origin.get("dir_info", {}).get("editable", False)
    direct[name] = {"url": origin["url"], "editable": editable, "content": content.hexdigest()}
json.dump({"python": platform.python_version(), "executable": sys.executable,
           "prefix": sys.prefix, "packages": dict(sorted(packages.items())), "direct": direct,
           "libraries": [p for p in site.getsitepackages() if os.path.isdir(p)]}, sys.stdout)
"""


@dataclass(frozen=True)
class Direct:
    """A package that was not had from an index."""

    url: str
    """Where it was had from."""
    editable: bool
    content: str
    """Hash of its installed files."""

    @property
    def folder(self) -> Path | None:
        """The folder or archive on this machine that it was installed from."""
        url = urlsplit(self.url)
        return Path(unquote(url.path)) if url.scheme == "file" else None

    def identity(self, version: str, repositories: Collection[Path]) -> str:
        """What of it makes two environments differ."""
        folder = self.folder
        if not self.editable or folder is None:
            return f"{version} {self.content}"
        if any(folder.is_relative_to(repository) for repository in repositories):
            # Its version may change with every commit, and stages depend on the code they use.
            return "editable"
        code = [path for path in package_files(folder) if path.suffix == ".py"]
        return f"{version} {digest_of(code, folder)}"


@dataclass(frozen=True)
class PythonEnvironment:
    """What the stages' `python` is."""

    executable: str
    python: str
    packages: dict[str, str]
    prefix: str
    libraries: list[str]
    """Folders that packages are installed in."""
    bin: str
    """Folder of `python` and of the packages' scripts."""
    direct: dict[str, Direct]
    digest: str
    """Hash of the Python version and of what is installed.

    A package of an index is known by its version, any other by its files.
    """

    @property
    def search_path(self) -> str:
        """PATH for the stages: this environment first."""
        return os.pathsep.join(filter(None, (self.bin, os.environ.get("PATH"))))

    @property
    def variables(self) -> dict[str, str]:
        """What activating it sets."""
        venv = (Path(self.prefix) / "pyvenv.cfg").is_file()
        return {"PATH": self.search_path} | ({"VIRTUAL_ENV": self.prefix} if venv else {})

    def document(self, image: str | None) -> str:
        """As it is recorded, in JSON."""
        content = {"python": self.python, "image": image, "packages": self.packages}
        return json.dumps(content, indent=1)


def inspect(python: str | None = None, repositories: Collection[Path] = ()) -> PythonEnvironment:
    """Look at ``python``, by default the first on PATH.

    The code of editable packages in ``repositories`` is no part of it.

    Raises:
        RunFailed: EnvironmentFailed.
    """
    found = python or shutil.which("python") or shutil.which("python3")
    if found is None:
        raise RunFailed(Reason.ENVIRONMENT_FAILED, "there is no python on PATH")
    # -P and -I keep the repository's own modules from being taken for installed ones.
    done = subprocess.run([found, "-I", "-c", _PROBE], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = " ".join(done.stderr.splitlines()[-3:])
        raise RunFailed(Reason.ENVIRONMENT_FAILED, f"{found} does not run: {last}")
    answer = json.loads(done.stdout)
    direct = {name: Direct(**how) for name, how in answer.pop("direct").items()}
    identities = dict(answer["packages"])
    for name, how in direct.items():
        identities[name] = how.identity(identities[name], repositories)
    text = json.dumps({"python": answer["python"], "packages": identities}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return PythonEnvironment(**answer, bin=str(Path(found).parent), direct=direct, digest=digest)
