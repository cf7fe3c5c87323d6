"""What the operator costs: a real control plane, a fake node, and bare Jobs beside it.

Prints the time from `apply` to Job and from the Job's end to the status; how long RUNS
TrainingRuns take end to end, as a ratio to as many bare Jobs in the same cluster; the operator's
CPU seconds and API writes a run, and its memory idle and with many finished runs.

    PYTHONPATH=tests python bench/control_plane.py [--runs 500] [--finished 5000]
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.lifecycle import down, up
from retrain_core.build.job import Owner, TrainerSettings, build_job
from retrain_core.defaults import effective_spec
from retrain_core.names import MANAGED_BY_LABEL
from retrain_operator.kube.client import KubeClient, configuration
from retrain_operator.kube.objects import JOB, TRAINING_RUN, Kind, Object
from servers.process import free_port

NAME = "bench"
CRDS = Path(__file__).parent.parent / "crds"
CONNECTIONS = 40
NAMESPACE = "default"
DEFAULTS = {"mlflow": {"trackingURI": "http://mlflow:5000"}}
TICKS = os.sysconf("SC_CLK_TCK")
WRITES = ("create", "patch", "delete")


@dataclass(frozen=True)
class Operator:
    pid: int
    port: int

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Resident MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def writes(self) -> dict[str, int]:
        """Successful writes so far, by resource."""
        found: dict[str, int] = {}
        for line in self._get("/metrics").splitlines():
            name, _, rest = line.partition("{")
            if name != "retrain_api_requests_total":
                continue
            labels = dict(part.split("=") for part in rest.partition("}")[0].split(","))
            if labels["verb"].strip('"') in WRITES and labels["code"].startswith('"2'):
                resource = labels["resource"].strip('"')
                found[resource] = found.get(resource, 0) + int(float(line.rpartition(" ")[2]))
        return found

    def ready(self) -> bool:
        try:
            return self._get("/readyz") == "ok"
        except OSError:
            return False

    def _get(self, path: str) -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return str(answer.read().decode())


@contextmanager
def operator(kubeconfig: Path) -> Iterator[Operator]:
    """The operator's process, once it has listed everything."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = Path(folder) / "config.yaml"
        settings = {"trainerImage": "trainer", "port": port, "defaults": DEFAULTS}
        config.write_text(json.dumps(settings | {"logLevel": "WARNING"}))
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "retrain_operator", "--config", str(config)],
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        )
        try:
            found = Operator(process.pid, port)
            until(found.ready, 120)
            yield found
        finally:
            process.terminate()
            process.wait()


def until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not done in {seconds} s")
        time.sleep(0.1)


def run(name: str) -> Object:
    git = {"url": "https://git.example.com/iris.git"}
    return {
        "apiVersion": TRAINING_RUN.api_version,
        "kind": TRAINING_RUN.name,
        "metadata": {"name": name},
        "spec": {"source": {"git": git}},
    }


def bare_job(name: str) -> Object:
    """As little of a Job as trains, with the same two containers."""
    containers = [{"name": container, "image": "trainer"} for container in ("source", "train")]
    pod = {"restartPolicy": "Never", "initContainers": containers[:1], "containers": containers[1:]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {MANAGED_BY_LABEL: "bench"}},
        "spec": {"template": {"spec": pod}},
    }


def trainer_job(name: str) -> Object:
    """The Job that the operator makes of such a run, as if written by hand."""
    spec = effective_spec(run(name)["spec"], DEFAULTS)
    job = build_job(Owner(name, NAMESPACE, ""), spec, TrainerSettings("trainer"))
    del job["metadata"]["ownerReferences"]
    job["metadata"]["labels"][MANAGED_BY_LABEL] = "bench"
    return job


class Bench:
    def __init__(self, client: KubeClient) -> None:
        self.client = client

    async def create_all(self, kind: Kind, bodies: list[Object]) -> None:
        gate = asyncio.Semaphore(CONNECTIONS)

        async def create(body: Object) -> None:
            async with gate:
                await self.client.create(kind, NAMESPACE, body)

        await asyncio.gather(*map(create, bodies))

    async def all_of(self, kind: Kind, labels: str = "") -> list[Object]:
        return [item async for item in self._items(kind, labels)]

    async def _items(self, kind: Kind, labels: str) -> AsyncIterator[Object]:
        async for page in self.client.list(kind, NAMESPACE, labels=labels):
            for item in page.items:
                yield item

    async def end_to_end(self, kind: Kind, bodies: list[Object], labels: str = "") -> float:
        """Seconds from the first creation until all have a completion time."""
        began = time.monotonic()
        await self.create_all(kind, bodies)
        names = {body["metadata"]["name"] for body in bodies}
        while True:
            found = await self.all_of(kind, labels)
            over = {
                item["metadata"]["name"]
                for item in found
                if "completionTime" in (item.get("status") or {})
            }
            if names <= over:
                return time.monotonic() - began
            await asyncio.sleep(1)

    async def one_by_one(self, count: int) -> tuple[list[float], list[float]]:
        """For each of ``count`` runs the seconds from apply to Job, and from Job end to status."""
        starts, ends = [], []
        for number in range(count):
            name = f"single-{number}"
            began = time.monotonic()
            await self.client.create(TRAINING_RUN, NAMESPACE, run(name))
            while await self.client.get(JOB, NAMESPACE, name) is None:
                await asyncio.sleep(0.002)
            starts.append(time.monotonic() - began)
            while not await self._has(JOB, name, "completionTime"):
                await asyncio.sleep(0.002)
            ended = time.monotonic()
            while not await self._has(TRAINING_RUN, name, "completionTime"):
                await asyncio.sleep(0.002)
            ends.append(time.monotonic() - ended)
        return starts, ends

    async def _has(self, kind: Kind, name: str, field: str) -> bool:
        found = await self.client.get(kind, NAMESPACE, name)
        return found is not None and field in (found.get("status") or {})


@asynccontextmanager
async def bench(kubeconfig: Path) -> AsyncIterator[Bench]:
    client = KubeClient(await configuration(str(kubeconfig)), lambda *_: None)
    try:
        yield Bench(client)
    finally:
        await client.close()


def percentiles(seconds: list[float]) -> str:
    cut = statistics.quantiles(seconds, n=20)
    return f"p50 {statistics.median(seconds) * 1000:.0f} ms, p95 {cut[-1] * 1000:.0f} ms"


async def measure(kubeconfig: Path, options: argparse.Namespace) -> None:
    async with bench(kubeconfig) as b:
        with operator(kubeconfig) as process:
            print(f"operator, idle: {process.memory():.0f} MB")
            starts, ends = await b.one_by_one(options.single)
            print(f"{options.single} runs one after another:")
            print(f"  apply to Job       {percentiles(starts)}")
            print(f"  Job end to status  {percentiles(ends)}")
            await compare(b, process, options.runs)
            more = options.finished - options.single - options.runs
            if more > 0:
                for batch in range(0, more, 500):
                    count = min(500, more - batch)
                    bodies = [run(f"old-{batch}-{number}") for number in range(count)]
                    await b.end_to_end(TRAINING_RUN, bodies)
            print(f"operator, after {options.finished} runs: {process.memory():.0f} MB")
        began = time.monotonic()
        with operator(kubeconfig) as process:
            ready = time.monotonic() - began
            until(lambda: settled(process), 120)
            count = len(await b.all_of(TRAINING_RUN))
            print(
                f"operator, started anew with {count} finished runs: {process.memory():.0f} MB,"
                f" ready after {ready:.1f} s, {sum(process.writes().values())} writes,"
                f" {process.cpu():.1f} s of CPU"
            )


async def compare(b: Bench, process: Operator, runs: int) -> None:
    mine = f"{MANAGED_BY_LABEL}=bench"
    bare = await b.end_to_end(JOB, [bare_job(f"bare-{n}") for n in range(runs)], mine)
    same = await b.end_to_end(JOB, [trainer_job(f"same-{n}") for n in range(runs)], mine)
    cpu, writes = process.cpu(), process.writes()
    ours = await b.end_to_end(TRAINING_RUN, [run(f"run-{number}") for number in range(runs)])
    until(lambda: settled(process), 60)
    spent = process.cpu() - cpu
    each = {
        resource: (count - writes.get(resource, 0)) / runs
        for resource, count in process.writes().items()
    }
    for what, seconds in (
        ("least Jobs that train", bare),
        ("the operator's Jobs, by hand", same),
        ("TrainingRuns", ours),
    ):
        print(f"{runs} {what:30} {seconds:6.1f} s   {seconds / bare:.2f}x")
    print(f"  operator: {spent:.1f} s of CPU, {spent / runs * 1000:.1f} ms a run")
    shown = ", ".join(f"{resource} {count:.2f}" for resource, count in sorted(each.items()))
    print(f"  API writes a run: {shown}")


def settled(process: Operator) -> bool:
    """Whether a second passes without a write and with next to no work."""
    before, cpu = process.writes(), process.cpu()
    time.sleep(1)
    return process.writes() == before and process.cpu() - cpu < 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--single", type=int, default=100)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--finished", type=int, default=5000)
    options = parser.parse_args()
    cluster = up(NAME, control_plane_only=True, fake_node=True, owner=os.getpid(), say=print)
    try:
        kubectl = Path(sys.executable).parent / "kubectl"
        apply: list[Any] = [kubectl, "--kubeconfig", cluster.kubeconfig, "apply", "--server-side"]
        subprocess.run([*apply, "-k", CRDS], check=True, stdout=subprocess.DEVNULL)
        asyncio.run(measure(cluster.kubeconfig, options))
    finally:
        down(NAME)


if __name__ == "__main__":
    main()
