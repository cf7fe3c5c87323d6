"""KUBECONFIG NAMESPACE COUNT: so many more runs that have ended like the one on standard input.

A process of its own: a test that creates so much cannot follow its own watches.
"""

import asyncio
import json
import sys
from pathlib import Path

from control_plane.api import Api
from retrain_operator.kube import objects
from retrain_operator.kube.objects import TRAINING_RUN, Object

AT_ONCE = 16


async def copies(kubeconfig: Path, namespace: str, example: Object, count: int) -> None:
    metadata = {"annotations": objects.annotations(example), "labels": objects.labels(example)}
    numbers = iter(range(count))
    async with Api(kubeconfig) as api:

        async def work() -> None:
            for number in numbers:
                name = f"copy-{number}"
                body = {"metadata": {"name": name, **metadata}, "spec": example["spec"]}
                await api.create(TRAINING_RUN, namespace, body)
                status = {"status": example["status"]}
                await api.patch(TRAINING_RUN, namespace, name, status, "status")

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(copies(Path(sys.argv[1]), sys.argv[2], json.load(sys.stdin), int(sys.argv[3])))
