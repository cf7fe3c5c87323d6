"""An operator, the proxy it sees the cluster through, and what it is told."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from control_plane import process
from control_plane.process import Limits, OperatorProcess
from control_plane.proxy import Proxy
from control_plane.space import Space

IMAGE = "localhost/retrain-trainer:test"
TRACKING = "http://mlflow.example:5000"
PASSES = "retrain_reconcile"
ATTEMPTS = 1500
PAUSE = 0.04
FAULT_OF_THE_OPERATOR = "a fault of the operator"


class Operator:
    """May die and be started again: its proxy, with all the calls, stays."""

    def __init__(
        self, folder: Path, proxy: Proxy, token: str, namespaces: list[str], **config: Any
    ) -> None:
        self.proxy = proxy
        self.namespaces = namespaces
        self.limits: Limits = {}
        self.lease = ""
        """NAMESPACE/NAME; empty: it contends for none."""
        self._folder = folder
        self._token = token
        self._process: OperatorProcess | None = None
        self._config = {
            "trainerImage": IMAGE,
            "namespaces": namespaces,
            "defaults": {"mlflow": {"trackingURI": TRACKING}},
            "port": 0,
            "workers": 4,
            **config,
        }

    @property
    def process(self) -> OperatorProcess:
        assert self._process is not None
        return self._process

    def start(self, *, command: bool = False) -> None:
        """From an empty memory; as a fork, or by the command that the image has."""
        self._folder.mkdir(parents=True, exist_ok=True)
        config, kubeconfig = self._write_files()
        log = self._folder / "operator.log"
        start = process.by_command if command else process.by_fork
        options = [f"--config={config}", *([f"--lease={self.lease}"] if self.lease else [])]
        self._process = start(options, kubeconfig, log, self.limits)

    def _write_files(self) -> tuple[Path, Path]:
        """Its configuration and its kubeconfig."""
        config = self._folder / "config.yaml"
        config.write_text(yaml.safe_dump(self._config))
        kubeconfig = self._folder / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(
            yaml.safe_dump(_kubeconfig(f"http://127.0.0.1:{self.proxy.port}", self._token))
        )
        return config, kubeconfig

    async def started(self) -> None:
        """Start, and wait until every object has been listed."""
        self.start()
        await self.ready()

    async def ready(self) -> None:
        await self._serves("readyz", 200)

    async def listed(self, seconds: float) -> None:
        """Until every object has been listed, however many there are."""
        async with asyncio.timeout(seconds):
            while (await self.http("readyz"))[0] != 200:
                await asyncio.sleep(1)

    async def healthy(self) -> None:
        await self._serves("healthz", 200)

    async def unhealthy(self) -> str:
        """What it says once it is."""
        return await self._serves("healthz", 503)

    def kill(self) -> None:
        self.process.kill()

    async def stop(self) -> None:
        """As Kubernetes does."""
        self.process.terminate()
        assert await self.process.exit_code(seconds=30) == 0, self.log

    def close(self) -> None:
        """End it; its log may tell of no fault of its own."""
        if self._process is not None:
            self.kill()
        assert FAULT_OF_THE_OPERATOR not in self.log, self.log

    @property
    def log(self) -> str:
        """Of all its lives."""
        path = self._folder / "operator.log"
        return path.read_text() if path.exists() else ""

    def tell(self) -> None:
        """Print what it did, for a test that failed."""
        print(*(f"{call.label} {call.name}: {call.code}" for call in self.proxy.calls), sep="\n")
        print(self.log)

    async def http(self, path: str) -> tuple[int, str]:
        """Status and text."""
        url = f"http://127.0.0.1:{await self.process.port()}/{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()

    async def _serves(self, path: str, status: int) -> str:
        for _ in range(ATTEMPTS):
            found, text = await self.http(path)
            if found == status:
                return text
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"/{path} never answers {status}:\n{self.log}")

    async def metrics(self) -> dict[str, Metric]:
        """By name."""
        _, text = await self.http("metrics")
        return {family.name: family for family in text_string_to_metric_families(text)}

    async def counted(self, family: str, **labels: str) -> int:
        """What a counter stands at, over the labels that are not given."""
        samples = (await self.metrics())[family].samples
        return int(
            sum(
                sample.value
                for sample in samples
                if sample.name == f"{family}_total" and labels.items() <= sample.labels.items()
            )
        )

    async def counts(self, more_than: int, family: str, **labels: str) -> None:
        """Wait until a counter stands higher."""
        for _ in range(ATTEMPTS):
            if await self.counted(family, **labels) > more_than:
                return
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"{family} stays at {more_than}:\n{self.log}")


def _kubeconfig(server: str, token: str) -> dict[str, Any]:
    name = "operator"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


async def looked_at(operator: Operator, space: Space, times: int = 1, run: str = "iris") -> None:
    """Let the operator look at the run so often, each time from its beginning to its end."""
    for _ in range(times):
        before = await operator.counted(PASSES)
        await space.poke(run)
        await operator.counts(before, PASSES)
