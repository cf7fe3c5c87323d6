"""The full listing: at the start, and again and again, because a watch can miss deletions."""

from functools import partial

from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.objects import Kind, Object
from retrain_operator.runtime.store import Store
from retrain_operator.runtime.trim import trimmed
from retrain_operator.runtime.watch import WATCHED


async def resync(
    client: KubeClient, store: Store, namespaces: list[str]
) -> list[tuple[Kind, Object]]:
    """Bring ``store`` up to date with the API server; returns what had changed."""
    changed: list[tuple[Kind, Object]] = []
    for kind, selector in WATCHED:
        scopes: list[str | None] = [*namespaces] or [None]
        for namespace in scopes:
            items: list[Object] = []
            version = 0
            async for page in client.list(
                kind, namespace, partial(trimmed, kind), labels=selector or ""
            ):
                items += page.items
                version = page.version
            covered = [namespace] if namespace else []
            found = store.replace(kind, covered, items, version)
            changed += [(kind, item) for item in found]
    return changed
