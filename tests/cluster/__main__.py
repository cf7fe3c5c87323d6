"""python -m cluster up|down|status|exec|load"""

import argparse
import os
import sys
from pathlib import Path

from cluster.components import ClusterFailed
from cluster.folders import names
from cluster.lifecycle import attach, down, up
from cluster.local import LocalCluster
from servers.binaries import MissingRequirement

DEFAULT_NAME = "retrain"


def main() -> int:
    options = _options()
    try:
        return int(options.run(options) or 0)
    except (ClusterFailed, MissingRequirement, ValueError) as failure:
        _say(str(failure))
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster", description="A Kubernetes cluster for tests.")
    commands = parser.add_subparsers(required=True)
    starting = commands.add_parser("up", help="start it and print the KUBECONFIG line")
    starting.add_argument("--control-plane-only", action="store_true", help="needs no root")
    starting.add_argument("--fake-node", action="store_true", help="kwok's, with a control plane")
    starting.set_defaults(run=_up)
    stopping = commands.add_parser("down", help="end it and leave nothing behind")
    stopping.set_defaults(run=_down)
    loading = commands.add_parser("load", help="load images from OCI or Docker archives")
    loading.add_argument("archives", nargs="+", type=Path)
    loading.set_defaults(run=_load)
    entering = commands.add_parser("exec", help="run a command where pods can reach it")
    entering.add_argument("argv", nargs="+", metavar="COMMAND")
    entering.set_defaults(run=_exec)
    for command in (starting, stopping, loading, entering):
        command.add_argument("--name", default=DEFAULT_NAME)
    showing = commands.add_parser("status", help="list the clusters of this machine")
    showing.set_defaults(run=_status)
    return parser.parse_args()


def _up(options: argparse.Namespace) -> None:
    cluster = up(
        options.name,
        control_plane_only=options.control_plane_only,
        fake_node=options.fake_node,
        say=_say,
    )
    print(f"export KUBECONFIG={cluster.kubeconfig}")


def _down(options: argparse.Namespace) -> None:
    if not down(options.name):
        _say(f"there is no cluster {options.name}")


def _load(options: argparse.Namespace) -> None:
    for archive in options.archives:
        _cluster(options.name).load_image(archive)


def _exec(options: argparse.Namespace) -> None:
    # In the folder of the caller: entering other mounts leads to their root.
    command = ["env", "-C", str(Path.cwd()), *options.argv]
    argv = _cluster(options.name).command(command)
    os.execvp(argv[0], argv)


def _status(_: argparse.Namespace) -> None:
    for name in names():
        cluster = attach(name)
        print(f"{name}\t{cluster.facts.server if cluster else 'not ready'}")
        for component, pid in sorted(cluster.facts.pids.items()) if cluster else ():
            print(f"\t{component}\t{pid}")


def _cluster(name: str) -> LocalCluster:
    cluster = attach(name)
    if cluster is None:
        raise ClusterFailed(f"there is no cluster {name}")
    return cluster


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
