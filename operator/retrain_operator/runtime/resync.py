"""The full listing: at the start, and again and again, because a watch can miss deletions."""

from functools import partial

from retrain_operator.kube import objects
from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.objects import Kind, Object
from retrain_operator.runtime.cache import Cache
from retrain_operator.runtime.trim import trimmed
from retrain_operator.runtime.watch import WATCHED


class SetBack(Exception):
    """The API server has less than it told of before: its data come from a backup."""


async def resync(
    client: KubeClient, cache: Cache, namespaces: list[str]
) -> list[tuple[Kind, Object]]:
    """Bring ``cache`` up to date with the API server; returns what had changed.

    Raises:
        SetBack: what the store has cannot be compared with it any more.
    """
    changed: list[tuple[Kind, Object]] = []
    for kind, selector in WATCHED:
        scopes: list[str | None] = [*namespaces] or [None]
        for namespace in scopes:
            uids: set[str] = set()
            version, told = 0, cache.newest(kind)
            take = partial(trimmed, kind)
            async for page in client.list(kind, namespace, take, labels=selector or ""):
                # Of a listing that outlived its moment later pages tell of later ones: what was
                # made since may stand on an earlier page.
                version = version or page.version
                if version < told:
                    raise SetBack(
                        f"{kind.plural} are listed at version {version}, and {told} was told before"
                    )
                for item in page.items:
                    uids.add(objects.uid(item))
                    if (kept := cache.take(kind, item)) is not None:
                        changed.append((kind, kept))
            covered = [namespace] if namespace else []
            changed += [(kind, item) for item in cache.close(kind, covered, uids, version)]
    return changed
