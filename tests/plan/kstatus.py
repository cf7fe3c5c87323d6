"""How tools that wait read a status: Flux, Config Sync, `helm --wait`, cli-utils.

The rules are those of kstatus for a kind that it does not know.
"""

from typing import Literal

from retrain_operator.kube.objects import Object

Verdict = Literal["Terminating", "InProgress", "Failed", "Current"]


def kstatus(item: Object) -> Verdict:
    """What kstatus computes for ``item``."""
    metadata, status = item["metadata"], item.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return "InProgress"
    conditions = {found["type"]: found["status"] for found in status.get("conditions", ())}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    if conditions.get("Ready", "True") != "True":
        return "InProgress"
    return "Current"
