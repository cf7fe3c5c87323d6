"""Pods of the trainer image, as far as they can be had without a cluster."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from images.container import USER, Container
from support.pods import Pods, Process


@dataclass
class ImagePods(Pods):
    """Each container is a process in the image; ``folder`` is all it shares with this machine."""

    container: Container | None = None

    def _trainer(
        self, arguments: list[str], environment: dict[str, str], *, forked: bool
    ) -> Process:
        assert self.container is not None
        for folder, _, files in os.walk(self.folder):
            for path in (folder, *(f"{folder}/{name}" for name in files)):
                os.chown(path, USER, USER, follow_symlinks=False)
        cache = self.folder / f"workspace-{self.attempt}" / "state" / "cache" / "uv"
        job = {
            "RETRAIN_JOB_UID": self.uid,
            "RETRAIN_RUN_NAME": "toy",
            "UV_CACHE_DIR": str(cache),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        trainer = ["/opt/trainer/bin/python", "-P", "-m", "retrain_trainer"]
        return subprocess.Popen(
            self.container.command([*trainer, *arguments], self.folder, job | environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def copied(file: Path, folder: Path) -> Path:
    """``file`` where the containers see it."""
    target = folder / file.name
    target.write_bytes(file.read_bytes())
    return target
