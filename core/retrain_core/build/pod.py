"""The pod of a run: `source` brings the code, `train` runs the pipeline.

It passes Pod Security `restricted` whatever the spec says: the spec's allowlist has no field that
could loosen it.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from retrain_core import names
from retrain_core.redact import without_userinfo
from retrain_core.spec import TrainingRunSpec

_COPIED = (
    "affinity",
    "imagePullSecrets",
    "nodeSelector",
    "priorityClassName",
    "resourceClaims",
    "runtimeClassName",
    "schedulerName",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
)
"""Fields of spec.pod that are the pod's own."""

_CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
_OF_THE_CPU = ("cpu", "memory", "ephemeral-storage")
"""Resources that `source` asks for as `train` does: what both ask for is counted once."""


def pod_spec(spec: TrainingRunSpec, trainer_image: str, pull_policy: str) -> dict[str, Any]:
    """The pod's spec; ``trainer_image`` and ``pull_policy`` are the operator's."""
    pod = spec.pod
    image = spec.image or trainer_image
    policy = pod.get("imagePullPolicy", pull_policy)
    # Git credentials are read by our own image alone, unless the code comes with the user's.
    source_image = image if spec.source.image is not None else trainer_image
    source = _source(spec, source_image, policy, image)
    return two_steps(pod, _COPIED, source, _train(spec, image, policy), _volumes(spec))


def two_steps(
    pod: dict[str, Any],
    copied: Iterable[str],
    first: dict[str, Any],
    second: dict[str, Any],
    volumes: list[dict[str, Any]],
) -> dict[str, Any]:
    """A pod of two containers, one after the other, each once; ``copied``: its own of spec.pod."""
    return {
        **{field: pod[field] for field in copied if field in pod},
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _security_context(pod),
        "initContainers": [first],
        "containers": [second],
        "volumes": [*volumes, *pod.get("volumes", [])],
    }


def _security_context(pod: dict[str, Any]) -> dict[str, Any]:
    """A pod's, which spec.pod can make stricter only."""
    return {
        "runAsUser": names.USER_ID,
        "runAsGroup": names.USER_ID,
        "fsGroup": names.USER_ID,
        "fsGroupChangePolicy": "OnRootMismatch",
        **pod.get("securityContext", {}),
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _source(spec: TrainingRunSpec, image: str, policy: str, stages: str) -> dict[str, Any]:
    command = [names.TRAINER_PYTHON, "-P", "-m", "retrain_trainer", names.SOURCE_CONTAINER]
    mounts = _mounts(spec)
    if git_secret(spec):
        command += ["--git-secret", names.GIT_SECRET_FOLDER]
        mounts.append(read_only(names.GIT_SECRET_VOLUME, names.GIT_SECRET_FOLDER))
    return container(
        names.SOURCE_CONTAINER,
        image,
        policy,
        command=command,
        env=_environment(spec, stages),
        envFrom=secrets(spec.mlflow.secret_ref),
        volumeMounts=mounts,
        resources=_source_resources(spec.pod.get("resources", {})),
    )


def _train(spec: TrainingRunSpec, image: str, policy: str) -> dict[str, Any]:
    pod = spec.pod
    return container(
        names.TRAIN_CONTAINER,
        image,
        policy,
        command=[names.TRAINER_PYTHON, "-P", "-m", "retrain_trainer", names.TRAIN_CONTAINER],
        env=_environment(spec, image),
        envFrom=[
            *pod.get("envFrom", []),
            *secrets(spec.mlflow.secret_ref, spec.dvc.remote.secret_ref),
        ],
        volumeMounts=_mounts(spec),
        resources=pod.get("resources", {}),
    )


def container(name: str, image: str, policy: str, **fields: Any) -> dict[str, Any]:
    """A container with those of ``fields`` that hold something."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": policy,
        **{field: value for field, value in fields.items() if value},
        "securityContext": _CONTAINER_SECURITY,
        "terminationMessagePolicy": "File",
    }


def _source_resources(resources: dict[str, Any]) -> dict[str, Any]:
    """Under a quota every container must ask for something; devices are the training's."""
    return {
        part: {name: value for name, value in resources[part].items() if name in _OF_THE_CPU}
        for part in ("requests", "limits")
        if part in resources
    }


def _environment(spec: TrainingRunSpec, image: str) -> list[dict[str, Any]]:
    ours = [
        {"name": "HOME", "value": names.TEMPORARY_FOLDER},
        {"name": "UV_CACHE_DIR", "value": f"{names.CACHE_FOLDER}/uv"},
        _field(names.JOB_UID_VARIABLE, "metadata.labels['batch.kubernetes.io/controller-uid']"),
        _field(names.RUN_NAME_VARIABLE, "metadata.labels['batch.kubernetes.io/job-name']"),
        _field(names.RELEASE_VARIABLE, f"metadata.annotations['{names.RELEASE_ANNOTATION}']"),
        {"name": names.IMAGE_VARIABLE, "value": image},
    ]
    return with_theirs(ours, spec.pod)


def with_theirs(ours: list[dict[str, Any]], pod: dict[str, Any]) -> list[dict[str, Any]]:
    """``ours`` and the variables of spec.pod, which take the place of ours."""
    theirs = pod.get("env", [])
    taken = {variable["name"] for variable in theirs}
    return [*(variable for variable in ours if variable["name"] not in taken), *theirs]


def _field(variable: str, path: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def secrets(*references: Any) -> list[dict[str, Any]]:
    """Entries of envFrom."""
    return [{"secretRef": {"name": reference.name}} for reference in references if reference]


def git_secret(spec: TrainingRunSpec) -> str | None:
    """Name of the Secret for spec.source.git."""
    git = spec.source.git
    return git.secret_ref.name if git and git.secret_ref else None


def _mounts(spec: TrainingRunSpec) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [
        {"name": names.WORKSPACE_VOLUME, "mountPath": names.WORKSPACE},
        {"name": names.TEMPORARY_VOLUME, "mountPath": names.TEMPORARY_FOLDER},
        read_only(names.SPEC_VOLUME, names.SPEC_FOLDER),
    ]
    if (cache := spec.dvc.cache) is not None:
        part = {"subPath": _cache_folder(spec)} if cache.claim_name else {}
        mounts.append({"name": names.CACHE_VOLUME, "mountPath": names.CACHE_FOLDER, **part})
    return [*mounts, *spec.pod.get("volumeMounts", [])]


def _cache_folder(spec: TrainingRunSpec) -> str:
    """The folder of a claim for the caches of this repository, or of this image with one in it.

    What one repository's code writes there no other one's is given: what lies in uv's cache is
    installed, and run, unread.
    """
    if spec.source.git is not None:
        of = without_userinfo(spec.source.git.url)
    else:
        repository, _, _ = (spec.image or "").partition("@")
        folder, slash, name = repository.rpartition("/")
        of = folder + slash + name.partition(":")[0]
    return hashlib.sha256(of.encode()).hexdigest()[:16]


def _volumes(spec: TrainingRunSpec) -> list[dict[str, Any]]:
    volumes = scratch_volumes(names.SPEC_ANNOTATION)
    if secret := git_secret(spec):
        volumes.append(secret_volume(names.GIT_SECRET_VOLUME, secret))
    if (cache := spec.dvc.cache) is not None:
        kept = {"persistentVolumeClaim": {"claimName": cache.claim_name}}
        lost = {"emptyDir": {"sizeLimit": cache.size_limit} if cache.size_limit else {}}
        volumes.append({"name": names.CACHE_VOLUME, **(kept if cache.claim_name else lost)})
    return volumes


def scratch_volumes(annotation: str) -> list[dict[str, Any]]:
    """Those that are written to, and the one that shows ``annotation`` of the pod as a file."""
    path = f"metadata.annotations['{annotation}']"
    item = {"path": names.SPEC_FILE, "fieldRef": {"fieldPath": path}}
    return [
        {"name": names.WORKSPACE_VOLUME, "emptyDir": {}},
        {"name": names.TEMPORARY_VOLUME, "emptyDir": {}},
        {"name": names.SPEC_VOLUME, "downwardAPI": {"items": [item]}},
    ]


def secret_volume(name: str, secret: str, *, optional: bool = False) -> dict[str, Any]:
    """Readable by the group of the pod alone, as ssh wants it; ``optional``: the pod starts too
    where there is no such Secret."""
    content: dict[str, Any] = {"secretName": secret, "defaultMode": 0o400}
    return {"name": name, "secret": content | ({"optional": True} if optional else {})}


def read_only(volume: str, folder: str) -> dict[str, Any]:
    """An entry of volumeMounts."""
    return {"name": volume, "mountPath": folder, "readOnly": True}
