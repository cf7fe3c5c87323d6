"""kwok: a node that runs nothing, to see what a control plane and an operator can do by the second.

Every pod that the scheduler gives to it has succeeded at once; fake_node.yaml says how.
"""

from pathlib import Path

from cluster.api import Api
from cluster.components import Component
from cluster.pki import write_kubeconfig
from cluster.programs import KWOK

FAKE_NODE_NAME = "fake"


def fake_node(folder: Path, api: Api) -> Component:
    """Ready as soon as pods are scheduled to it."""
    kubeconfig = folder / "kwok.kubeconfig"
    write_kubeconfig(kubeconfig, folder / "pki", "kwok", api.server)
    config = Path(__file__).with_name("fake_node.yaml")
    # No server of its own: kwok's would be one more port.
    flags = [f"--kubeconfig={kubeconfig}", f"--config={config}", "--server-address="]
    api.create("/api/v1/nodes", {"metadata": {"name": FAKE_NODE_NAME}})
    return Component("kwok", [str(KWOK.binary()), *flags], lambda: api.takes_pods(FAKE_NODE_NAME))
