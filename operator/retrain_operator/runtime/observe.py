"""The observation of one run: from the store, and live where absence would mean something."""

from dataclasses import replace
from datetime import datetime

from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.objects import CORE_EVENT, JOB, POD, TRAINING_RUN, Key, Kind, Object
from retrain_operator.plan.ending import has_ended
from retrain_operator.plan.ownership import owns
from retrain_operator.plan.pod_problems import subject_of_events
from retrain_operator.plan.status import is_over
from retrain_operator.plan.types import Observed
from retrain_operator.runtime.cache import Cache


async def observe(client: KubeClient, cache: Cache, key: Key, now: datetime) -> Observed | None:
    """What is to be seen of the run ``key``; None: there is none."""
    run = cache.run(key)
    if run is None:
        return None
    finished = "completionTime" in (run.get("status") or {})
    if finished and objects.generation(run) != run["status"].get("observedGeneration"):
        # Its status is written once more, and the store has not all of it.
        live = await client.get(TRAINING_RUN, *key)
        if live is None or objects.uid(live) != objects.uid(run):
            cache.drop(TRAINING_RUN, run)
            return None
        run = live
    job = cache.job(key)
    if job is None and not finished:
        # Absence in the store is no evidence: the run too may have been deleted, or ended.
        await refresh(client, cache, TRAINING_RUN, run)
        run = cache.run(key)
        if run is None:
            return None
        job = await client.get(JOB, *key)
        if job is not None and owns(run, job):
            cache.put(JOB, job)
    if job is None or finished:
        return Observed(run, job)
    pods = await pods_of(client, cache, job)
    seen = Observed(run, job, pods, written=cache.written(run))
    subject = subject_of_events(seen, now)
    if subject is None or has_ended(job):
        return seen
    return replace(seen, events=await _events(client, subject))


async def refresh(client: KubeClient, cache: Cache, kind: Kind, known: Object) -> None:
    """Bring what the store has in the place of ``known`` up to date."""
    live = await client.get(kind, *objects.place(known))
    if live is None or objects.uid(live) != objects.uid(known):
        cache.drop(kind, known)
    if live is not None:
        cache.put(kind, live)


async def pods_of(client: KubeClient, cache: Cache, job: Object) -> list[Object]:
    """The pods of ``job``, oldest first."""
    key = objects.place(job)
    pods = cache.pods(key, job)
    if not has_ended(job) or (pods and is_over(pods[-1])):
        return pods
    # The Job's end may be told before that of its pod, whose report is wanted.
    selector = f"{names.JOB_LABEL}={key[1]}"
    async for page in client.list(POD, key[0], labels=selector):
        for pod in page.items:
            cache.put(POD, pod)
    return cache.pods(key, job)


async def _events(client: KubeClient, subject: Object) -> list[Object]:
    fields = f"involvedObject.uid={objects.uid(subject)}"
    found: list[Object] = []
    async for page in client.list(CORE_EVENT, objects.namespace(subject), fields=fields):
        found += page.items
    return sorted(found, key=objects.version)
