"""Print the reference of a kind from the schema of its CRD: docs/trainingrun.md, or with the
argument `retrainschedule` docs/retrainschedule-fields.md."""

import copy
import re
import sys
from collections.abc import Iterator
from typing import Any

from retrain_core.crd import retrain_schedule_crd, training_run_crd

Schema = dict[str, Any]

HEAD = """\
<!-- Written by `make generate` from core/retrain_core and scripts/reference.py. -->
# TrainingRun

One training: code, data and parameters in; a recorded, registered and perhaps promoted model out.

```yaml
apiVersion: retrain.dev/v1alpha1
kind: TrainingRun
metadata:
  name: iris # at most 63 characters; or generateName: iris-
spec:
  source:
    git:
      url: https://github.com/retrain-dev/retrain.git
      path: examples/iris
```

A run trains once: of its spec only `suspend`, `cancel` and `ttlSecondsAfterFinished` can be
changed. What it does not say is taken from the `defaults` in the operator's configuration.
[manifests/samples](../manifests/samples) has more of them, one with every field.

On a laptop `retrain run` reads the same manifest and uses what is about the training itself; the
fields marked ☸ count in a cluster only.

In the tables `a.b` is field `b` of `a`, and `a[]` is an entry of the list `a`."""

SCHEDULE_HEAD = """\
<!-- Written by `make generate` from core/retrain_core and scripts/reference.py. -->
# RetrainSchedule, field by field

[RetrainSchedule](retrainschedule.md) says what it does. `runTemplate.spec` has the fields of a
[TrainingRun](trainingrun.md), but for `suspend` and `cancel`.

In the tables `a.b` is field `b` of `a`, and `a[]` is an entry of the list `a`."""

SCHEDULE_STATUS = """
## status

Written by the operator. What a trigger's `reason` can be stands in
[Reasons and exit codes](reasons.md#what-a-trigger-says).

| field | type | what |
|---|---|---|"""

CLUSTER_MARK = " ☸"
CLUSTER_ONLY = re.compile(
    r"source|image|queueName|retries|\w*[tT]imeoutSeconds|ttlSecondsAfterFinished|suspend|cancel"
    r"|dvc\.cache|.*secretRef"
)
"""Fields below spec, with all that is in them."""

POD = """
## spec.pod

{description} Each has the type and the meaning it has in
[a pod](https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/), or in its
container. Both containers of the pod have `env` and `volumeMounts`; `envFrom` and devices are for
`train` alone.

| field | type | what |
|---|---|---|"""

STATUS = """
## status

Written by the operator, and by `retrain run -o json`. The reasons of its conditions are listed in
[Reasons and exit codes](reasons.md).

| field | type | what |
|---|---|---|"""

TABLE = """| field | type | default | limits | what |
|---|---|---|---|---|"""


def main() -> None:
    if sys.argv[1:] == ["retrainschedule"]:
        retrain_schedule()
    else:
        training_run()


def retrain_schedule() -> None:
    spec, status = _schemas(retrain_schedule_crd())
    # Described where it belongs; and its resources are a container's.
    spec["properties"]["runTemplate"]["properties"].pop("spec")
    spec["properties"]["check"]["properties"]["resources"].pop("properties")
    print(f"{SCHEDULE_HEAD}\n\n## spec\n\n{TABLE}")
    for row in _fields(spec, "", top=True):
        print(_row(*row, mark=""))
    print(SCHEDULE_STATUS)
    for path, field, *_ in _fields(status, "", top=True):
        print(f"| `{path}` | {_type(field)} | {_cell(_text(field))} |")


def training_run() -> None:
    spec, status = _schemas(training_run_crd())
    print(HEAD)
    for name, part in _tables(spec):
        print(f"\n## {name}\n\n{_text(part)}\n\n{TABLE}" if part else f"\n## {name}\n\n{TABLE}")
        for row in _fields(part or _plain(spec), name, top=part is None):
            print(_row(*row))
    pod = spec["properties"]["pod"]
    print(POD.format(description=_text(pod)))
    for name, field in pod["properties"].items():
        # The rest of what Kubernetes says about it stands there.
        first = _text(field).split(". ")[0].rstrip(".")
        print(f"| `{name}` | {_type(field)} | {_cell(first)}. |")
    print(STATUS)
    for path, field, *_ in _fields(status, "", top=True):
        print(f"| `{path}` | {_type(field)} | {_cell(_text(field))} |")


def _schemas(crd: Schema) -> tuple[Schema, Schema]:
    """Of spec and status; a copy, in which things may be left out."""
    (version,) = copy.deepcopy(crd["spec"]["versions"])
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    return properties["spec"], properties["status"]


def _tables(spec: Schema) -> Iterator[tuple[str, Schema | None]]:
    """Each part of the spec that has fields of its own, then the rest."""
    for name, field in spec["properties"].items():
        if name != "pod" and "properties" in field:
            yield f"spec.{name}", field
    yield "spec", None


def _plain(spec: Schema) -> Schema:
    fields = {name: f for name, f in spec["properties"].items() if "properties" not in f}
    return {"properties": fields, "required": spec.get("required", [])}


def _fields(
    schema: Schema, path: str, *, top: bool
) -> Iterator[tuple[str, Schema, bool, list[Schema]]]:
    """Every field below ``schema``: its path from spec, itself, whether it must be there, rules."""
    prefix = "" if top else f"{path.removeprefix('spec.')}."
    for name, field in schema.get("properties", {}).items():
        here = f"{prefix}{name}"
        rules = [rule for rule in _rules(schema) if rule.get("fieldPath") == f".{name}"]
        rules += [rule for rule in _rules(field) if "fieldPath" not in rule]
        yield here, field, name in schema.get("required", ()), rules
        inner, mark = (field["items"], "[]") if "items" in field else (field, "")
        yield from _fields(inner, f"{here}{mark}", top=False)


def _row(
    path: str, field: Schema, required: bool, rules: list[Schema], mark: str = CLUSTER_MARK
) -> str:
    text, default = _split_default(_text(field))
    if required:
        default = "required"
    limits = filter(None, [_limits(field), *(str(rule["message"]) for rule in rules)])
    cells = [
        f"`{path}`{mark if _is_cluster_only(path) else ''}",
        _type(field),
        default,
        "; ".join(dict.fromkeys(limits)),
        text,
    ]
    return "| " + " | ".join([cells[0], cells[1], *map(_cell, cells[2:])]) + " |"


def _is_cluster_only(path: str) -> bool:
    parts = path.split(".")
    return any(CLUSTER_ONLY.fullmatch(".".join(parts[: n + 1])) for n in range(len(parts)))


def _split_default(text: str) -> tuple[str, str]:
    """The text without its sentence about the default, and the default."""
    found = re.search(r"\s*\bDefault: (?P<what>.*?)\.(?=\s|$)", text)
    if not found:
        return text, ""
    return (text[: found.start()] + text[found.end() :]).strip(), found["what"]


def _type(field: Schema) -> str:
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        inner = field["additionalProperties"]
        return f"map of {_type(inner)}" if inner.get("type") else "map"
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    return str(field.get("type", "any"))


def _text(field: Schema) -> str:
    return str(field.get("description", "")).strip()


def _limits(field: Schema) -> str:
    inner = field.get("items", field)
    for low, high, unit in (
        ("minimum", "maximum", ""),
        ("minItems", "maxItems", " entries"),
        ("minProperties", "maxProperties", " entries"),
    ):
        least, most = field.get(low), field.get(high)
        if most is not None and most < 2**31 - 1:
            return f"{least} to {most}{unit}" if least else f"at most {most}{unit}"
        if least is not None:
            return f"at least {least}{unit}"
    if "pattern" in inner:
        return f"`{inner['pattern']}`"
    most = inner.get("maxLength")
    return f"at most {most} characters" if most is not None and most < 1024 else ""


def _rules(field: Schema) -> list[Schema]:
    """The rules of the API server but for those about changes, which the page begins with."""
    found = [
        *field.get("x-kubernetes-validations", ()),
        *field.get("items", {}).get("x-kubernetes-validations", ()),
    ]
    return [rule for rule in found if "oldSelf" not in rule["rule"]]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    main()
