"""`python -P -m retrain_operator`: the operator's process."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click
from kubernetes.aio.config import ConfigException

from retrain_operator.config import Config, ConfigError, load_config
from retrain_operator.kube.client import configuration
from retrain_operator.kube.objects import Key
from retrain_operator.logs import configure
from retrain_operator.runtime.operator import CannotStart, Lost, run


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("/etc/retrain/config.yaml"),
    show_default=True,
)
@click.option("--kubeconfig", help="Instead of the pod's service account or KUBECONFIG.")
@click.option(
    "--lease",
    metavar="NAMESPACE/NAME",
    callback=lambda _context, _option, value: _place(value),
    help="Act only while holding this Lease, which several operators contend for.",
)
def main(path: Path, kubeconfig: str | None, lease: Key | None) -> None:
    """Watch TrainingRuns and run each as a Job."""
    try:
        config = load_config(path)
        configure(config.log_level)
        asyncio.run(_main(config, kubeconfig, lease))
    except (ConfigError, CannotStart, ConfigException) as error:
        sys.exit(f"retrain-operator: {error}")
    except Lost:
        # The log says why; a new process stands by.
        sys.exit(1)


def _place(text: str | None) -> Key | None:
    if text is None:
        return None
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise click.BadParameter(f"{text!r} is no NAMESPACE/NAME")
    return namespace, name


async def _main(config: Config, kubeconfig: str | None, lease: Key | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    access = await configuration(kubeconfig)
    if kubeconfig:
        os.environ["KUBECONFIG"] = kubeconfig
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run(config, access, stop, lease)


if __name__ == "__main__":
    main()
