"""Builds what tests need and this machine can have: python tests/prepare.py [LANE...]

Before they start: beside a build that takes a quarter of an hour, those that wait for servers would
give up.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from cluster.lifecycle import check_namespaces
from cluster.programs import KUBERNETES, KWOK, NODE_PROGRAMS, PROBE, install_node_packages
from images.fixtures import build
from install.rendering import HELM
from lanes import LANES
from servers.binaries import VERSITYGW, MissingRequirement, program, prometheus_binary

PROGRAMS = {
    "unit": (HELM,),
    "api": (HELM, KUBERNETES, KWOK, PROBE),
    "stores": (VERSITYGW,),
    "node": (VERSITYGW, HELM, KUBERNETES, PROBE),
    "bed": (VERSITYGW, KUBERNETES, KWOK, PROBE),
}


def main() -> None:
    lanes = sys.argv[1:] or [*LANES]
    for built in dict.fromkeys(built for lane in lanes for built in PROGRAMS[lane]):
        attempt(built.name, built.path.exists(), built.binary)
    if {"unit", "stores"} & {*lanes}:
        attempt("git-lfs", True, lambda: program("git-lfs", "git-lfs"))
    if {"stores", "node", "bed"} & {*lanes}:
        attempt("Prometheus", True, prometheus_binary)
    if {"node", "bed"} & {*lanes} and attempt("a node", True, check_namespaces):
        for built in NODE_PROGRAMS:
            attempt(built.name, built.path.exists(), built.binary)
        attempt("a node's packages", True, install_node_packages)
    if "node" in lanes:
        with tempfile.TemporaryDirectory() as folder:
            attempt("the images", True, lambda: build(Path(folder)))


def attempt(what: str, quick: bool, get: Callable[[], object]) -> bool:
    """Whether it could be had; a test that needs it will say so again."""
    if not quick:
        print(f"building {what}: kept for later, but now this takes a while", file=sys.stderr)
    try:
        get()
    except MissingRequirement as missing:
        print(f"not on this machine: {missing}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    main()
