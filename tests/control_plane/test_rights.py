"""What the operator may do is what it does, by the API server's own record."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.lifecycle import down, up
from cluster.local import LocalCluster
from control_plane import node, process
from control_plane.api import (
    ACCOUNT,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    NAMESPACE,
    ROLE,
    ROLE_BINDING,
    SECRET,
    Api,
)
from control_plane.installed import crds, lease_rules, manifests, rules
from control_plane.operators import Operator
from control_plane.proxy import Proxy
from control_plane.scenarios import cancelled, suspended_and_resumed
from control_plane.schedules import (
    a_tick_replaces_the_one_before,
    another_trigger_is_wanted,
    let_go,
)
from control_plane.space import Space
from control_plane.test_refusals import no_pods_left
from control_plane.world import (
    Access,
    World,
    grant_lease,
    make_account,
    remove_account,
    served,
    token,
)
from install.rights import Right, rights
from retrain_operator.kube.objects import EVENT
from servers.fixtures import requirements

CANARY = "s3cr3t-canary"
KINDS = {
    "Namespace": NAMESPACE,
    "ServiceAccount": ACCOUNT,
    "ClusterRole": CLUSTER_ROLE,
    "ClusterRoleBinding": CLUSTER_ROLE_BINDING,
    "Role": ROLE,
    "RoleBinding": ROLE_BINDING,
}


async def use_everything(space: Space, other: Space) -> None:
    """Lead runs through all that the operator does."""
    await a_tick_replaces_the_one_before(other)
    await another_trigger_is_wanted(space)
    await let_go(space)
    await suspended_and_resumed(space)
    await cancelled(other)
    await no_pods_left(other)
    await other.create_run("refused")
    await other.reads("QuotaExceeded", "refused")
    await space.patch_run(ttlSecondsAfterFinished=0)

    def deleted() -> bool:
        run = space.run()
        return run is None or "deletionTimestamp" in run["metadata"]

    await space.until(deleted, "the run is deleted")


def used(world: World) -> set[Right]:
    entries = [entry for entry in world.audited() if entry.resource]
    # An apply that finds nothing needs the right to create, too.
    created = {(e.group, e.resource, "create") for e in entries if e.code == 201}
    return created | {(e.group, e.resource, e.verb) for e in entries}


async def test_in_chosen_namespaces_it_uses_all_its_rights_and_no_other(
    access: Access, tmp_path: Path
) -> None:
    own = replace(access, namespace=f"a-{secrets.token_hex(5)}")
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api(own.kubeconfig))
        await make_account(api, own, rules())
        if own.stays:
            stack.push_async_callback(remove_account, api, own)
        world = await stack.enter_async_context(World(own, tmp_path))
        space, other = await world.space(), await world.space()
        operator = await world.operator(space, other)
        operator.lease = await grant_lease(api, space.name, own)
        await operator.started()
        await use_everything(space, other)
        await operator.stop()
        if own.audit_log:
            assert used(world) == rights([*rules(), *lease_rules()])


async def test_no_secret_s_value_reaches_the_operator(world: World) -> None:
    space, operator = await world.settled_in()
    for name, kind in (("git", "kubernetes.io/basic-auth"), ("s3", "Opaque"), ("ml", "Opaque")):
        body = {"metadata": {"name": name}, "type": kind, "stringData": {"password": CANARY}}
        await space.api.create(SECRET, space.name, body)
    await space.create_run(
        source={"git": {"url": "https://git.example/iris.git", "secretRef": {"name": "git"}}},
        dvc={"remote": {"url": "s3://data/iris", "secretRef": {"name": "s3"}}},
        mlflow={"trackingURI": "https://mlflow.example:5000", "secretRef": {"name": "ml"}},
    )
    await space.has_pod()
    await node.source_ends(space)
    await node.train_ends(space)
    await space.ended("Trained")
    events = await space.api.list(EVENT, space.name)
    told = json.dumps([space.run(), space.job(), space.pods(), events]) + operator.log
    assert '"secretName": "git"' in told
    assert CANARY not in told


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[LocalCluster]:
    """A cluster of the test's own, in which nothing is installed."""
    name = f"test-{os.getpid()}-bare"
    process.warm_up()
    with requirements():
        cluster = up(name, control_plane_only=True, owner=os.getpid())
    yield cluster
    down(name)


async def test_as_installed_it_waits_for_its_crds_and_uses_all_its_rights_and_no_other(
    bare: LocalCluster, tmp_path: Path
) -> None:
    access = Access(
        bare.kubeconfig, bare.audit_log, "retrain-system", "retrain-operator", everywhere=True
    )
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api(access.kubeconfig))
        for file in ("namespace.yaml", "serviceaccount.yaml", "rbac.yaml", "lease.yaml"):
            for item in manifests(file):
                inside = item["kind"] in ("ServiceAccount", "Role", "RoleBinding")
                namespace = "retrain-system" if inside else None
                await api.create(KINDS[item["kind"]], namespace, item)
        proxy = Proxy(api)
        await proxy.start()
        stack.push_async_callback(proxy.stop)
        operator = Operator(tmp_path / "early", proxy, await token(api, access), [])
        stack.callback(operator.close)
        operator.limits["retrain_operator.runtime.operator:CRD_SECONDS"] = 2
        operator.start()
        assert await operator.process.exit_code(seconds=60) == 1
        assert (
            "retrain-operator: the API server does not know trainingruns and retrainschedules of"
            " retrain.dev/v1alpha1: install the CRDs (kubectl apply --server-side -k crds,"
        ) in operator.log
        assert "Traceback" not in operator.log

        operator.limits.clear()
        operator.start()
        assert (await operator.http("readyz"))[0] == 503
        for crd in crds():
            await served(api, crd)
        await operator.ready()
        await operator.stop()

    async with World(access, tmp_path) as world:
        space, other = await world.space(), await world.space()
        operator = await world.operator()
        operator.lease = "retrain-system/retrain-operator"
        operator.start(command=True)
        await operator.ready()
        await use_everything(space, other)
        await operator.stop()
        assert used(world) == rights([*rules(), *lease_rules()])
