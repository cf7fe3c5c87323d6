"""Specs of TrainingRuns drawn from the CRD's own schema, as far as the model accepts them."""

from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from crds.drawing import values
from crds.files import at
from retrain_core.spec import TrainingRunSpec

Spec = dict[str, Any]

SOURCES: list[Spec] = [
    {"git": {"url": "https://git.example.com/team/iris.git"}},
    {"git": {"url": "git@git.example.com:team/iris.git", "secretRef": {"name": "git-credentials"}}},
    {"image": {"path": "/app"}},
]
TRACKING = {"trackingURI": "https://mlflow.example.com"}
SECRETS: list[Spec] = [{}, {"secretRef": {"name": "some-credentials"}}]
KEYS = st.sampled_from(
    ["team", "example.com/a_b.c", "argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"]
)
AMOUNTS = st.dictionaries(
    st.sampled_from(["cpu", "memory", "ephemeral-storage", "nvidia.com/gpu", "hugepages-2Mi"]),
    st.sampled_from([1, "500m", "1Gi", "1e3"]),
)
TOLD: dict[str, st.SearchStrategy[Any]] = {
    "labels": st.dictionaries(KEYS, st.sampled_from(["", "a", "A-1_b.c"])),
    "annotations": st.dictionaries(KEYS, st.text(max_size=9)),
    "resources": st.fixed_dictionaries({}, optional={"limits": AMOUNTS, "requests": AMOUNTS}),
    "nodeSelector": st.dictionaries(KEYS, st.sampled_from(["", "true"])),
}
"""Fields of the pod with keys that would seldom be drawn right."""
MOUNTS = [{"mountPath": path} for path in ("/data/a", "/var/lib/b", "/home")]


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Some fields of the spec and some of the pod; what the CRD allows and the rules too."""
    pod: Spec = draw(_accepted("pod", without=("volumeMounts",)))
    if volumes := pod.get("volumes"):
        name = st.fixed_dictionaries({"name": st.sampled_from([v["name"] for v in volumes])})
        places = draw(st.lists(st.sampled_from(MOUNTS), unique_by=str))
        pod = {**pod, "volumeMounts": [{**place, **draw(name)} for place in places]}
    dvc = {**draw(_accepted("dvc")), "remote": draw(st.sampled_from(SECRETS))}
    return {
        **draw(_accepted("", without=("source", "mlflow", "dvc", "pod"))),
        "source": draw(st.sampled_from(SOURCES)),
        "mlflow": TRACKING | draw(st.sampled_from(SECRETS)),
        "dvc": dvc,
        "pod": pod,
    }


@st.composite
def _accepted(draw: st.DrawFn, inside: str, without: tuple[str, ...] = ()) -> Spec:
    """Up to six fields of the spec, or of the part ``inside`` of it, without those refused."""
    found: Spec = {}
    for field in draw(_names(inside, without)):
        value = draw(TOLD[field] if field in TOLD else _values(inside, field))
        spec = {"source": SOURCES[0], **({inside: {field: value}} if inside else {field: value})}
        try:
            TrainingRunSpec.model_validate(spec)
        except ValidationError:
            continue
        found[field] = value
    return found


@lru_cache
def _names(inside: str, without: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    fields = at("TrainingRun", _path(inside))["properties"]
    wanted = [field for field in fields if field not in without]
    return st.lists(st.sampled_from(wanted), unique=True, max_size=6)


@lru_cache
def _values(inside: str, field: str) -> st.SearchStrategy[Any]:
    return values(at("TrainingRun", f"{_path(inside)}.{field}"))


def _path(inside: str) -> str:
    return f".spec.{inside}" if inside else ".spec"
