"""An image in an OCI archive."""

import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast


@dataclass(frozen=True)
class Archive:
    """One image, as scripts/images writes it and a cluster's nodes load it."""

    path: Path

    @cached_property
    def name(self) -> str:
        """The name it has once it is loaded."""
        return str(self._index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"])

    @cached_property
    def config(self) -> dict[str, Any]:
        """`config` of the image's configuration: User, Env, Entrypoint, WorkingDir, Labels."""
        return cast(dict[str, Any], self._blob(self._manifest["config"])["config"])

    @cached_property
    def history(self) -> list[str]:
        """The commands that made it."""
        steps = self._blob(self._manifest["config"])["history"]
        return [step.get("created_by", "") for step in steps]

    @property
    def environment(self) -> dict[str, str]:
        """What a container is started with."""
        return dict(variable.split("=", 1) for variable in self.config["Env"])

    @property
    def size(self) -> int:
        """Bytes of all layers, compressed."""
        return sum(int(layer["size"]) for layer in self._manifest["layers"])

    @property
    def layers(self) -> int:
        return len(self._manifest["layers"])

    @cached_property
    def _index(self) -> dict[str, Any]:
        return self._json("index.json")

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        return self._blob(self._index["manifests"][0])

    def _blob(self, descriptor: Mapping[str, Any]) -> dict[str, Any]:
        return self._json("blobs/" + str(descriptor["digest"]).replace(":", "/"))

    def _json(self, member: str) -> dict[str, Any]:
        with tarfile.open(self.path) as archive:
            file = archive.extractfile(member)
            assert file is not None, member
            return cast(dict[str, Any], json.load(file))
