"""Write core/retrain_core/spec/pod_schema.json: the part of a pod that a run may set.

Types, list semantics and descriptions are those of Kubernetes' own OpenAPI, which the
kubernetes-validate wheel carries. Limits, enumerations and patterns, which that has not, are
added here. What Pod Security `restricted` would refuse and what is alpha is left out.
"""

import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

VERSION = "1.37.0"
TARGET = Path("core/retrain_core/spec/pod_schema.json")

CORE = "io.k8s.api.core.v1."
METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

FROM_POD = (
    "nodeSelector",
    "affinity",
    "tolerations",
    "topologySpreadConstraints",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "serviceAccountName",
    "imagePullSecrets",
    "resourceClaims",
    "volumes",
    "terminationGracePeriodSeconds",
    "securityContext",
)
FROM_CONTAINER = ("resources", "env", "envFrom", "volumeMounts", "imagePullPolicy")
FROM_METADATA = ("labels", "annotations")

ONLY: dict[str, tuple[str, ...]] = {
    f"{CORE}Volume": (
        *("name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
        *("persistentVolumeClaim", "projected", "secret"),
    ),
    f"{CORE}PodSecurityContext": (
        *("runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "supplementalGroups"),
        "seLinuxOptions",
    ),
    f"{CORE}SELinuxOptions": ("level", "type"),
    f"{CORE}EnvVarSource": ("configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef"),
    METADATA: FROM_METADATA,
}
"""Fields that are kept of a type; of other types all are."""

REQUIRED: dict[str, str] = {
    **dict.fromkeys(
        [
            f"{CORE}{kind}"
            for kind in (
                *("LocalObjectReference", "SecretKeySelector", "ConfigMapKeySelector"),
                *("SecretEnvSource", "ConfigMapEnvSource", "ConfigMapVolumeSource"),
                *("ConfigMapProjection", "SecretProjection"),
            )
        ],
        "name",
    ),
    f"{CORE}SecretVolumeSource": "secretName",
    f"{CORE}ImageVolumeSource": "reference",
    f"{CORE}EphemeralVolumeSource": "volumeClaimTemplate",
}
"""What the OpenAPI calls optional and the API server asks for all the same."""

LABEL = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
QUANTITY = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
DNS_LABEL = {"minLength": 1, "maxLength": 63, "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
OBJECT_NAME = {"minLength": 1, "maxLength": 253, "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"}
PULL_POLICY = {"enum": ["Always", "IfNotPresent", "Never"]}
HONOR = {"enum": ["Honor", "Ignore"]}
NAME_IN = ("secretName", "claimName", "priorityClassName", "runtimeClassName", "serviceAccountName")
MODE = {"maximum": 0o777}

FIELDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(NAME_IN, OBJECT_NAME),
    "resourceClaimName": OBJECT_NAME,
    "resourceClaimTemplateName": OBJECT_NAME,
    "schedulerName": OBJECT_NAME,
    "volumes[].name": DNS_LABEL,
    "resourceClaims[].name": DNS_LABEL,
    "imagePullSecrets[].name": OBJECT_NAME,
    "configMap.name": OBJECT_NAME,
    "secret.name": OBJECT_NAME,
    "configMapRef.name": OBJECT_NAME,
    "secretRef.name": OBJECT_NAME,
    "configMapKeyRef.name": OBJECT_NAME,
    "secretKeyRef.name": OBJECT_NAME,
    "env": {"maxItems": 256},
    "env[].name": {"minLength": 1, "maxLength": 253, "pattern": r"^[ -<>-~]+$"},
    "env[].value": {"maxLength": 16384},
    "volumeMounts[].name": DNS_LABEL,
    "labels.*": {"maxLength": 63, "pattern": LABEL},
    "matchLabels.*": {"maxLength": 63, "pattern": LABEL},
    "nodeSelector.*": {"maxLength": 63, "pattern": LABEL},
    "annotations.*": {"maxLength": 4096},
    "imagePullPolicy": PULL_POLICY,
    "pullPolicy": PULL_POLICY,
    "effect": {"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
    "tolerations[].operator": {"enum": ["Exists", "Equal", "Lt", "Gt"]},
    "matchExpressions[].operator": {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
    "matchFields[].operator": {"enum": ["In", "NotIn"]},
    "nodeSelectorTerms[].matchExpressions[].operator": {
        "enum": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    },
    "preference.matchExpressions[].operator": {
        "enum": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    },
    "weight": {"minimum": 1, "maximum": 100},
    "maxSkew": {"minimum": 1},
    "minDomains": {"minimum": 1},
    "whenUnsatisfiable": {"enum": ["DoNotSchedule", "ScheduleAnyway"]},
    "nodeAffinityPolicy": HONOR,
    "nodeTaintsPolicy": HONOR,
    "fsGroupChangePolicy": {"enum": ["OnRootMismatch", "Always"]},
    "runAsUser": {"minimum": 1},
    "seLinuxOptions.type": {
        "enum": [
            *("container_t", "container_init_t", "container_kvm_t", "container_engine_t"),
        ]
    },
    "mountPropagation": {"enum": ["None", "HostToContainer"]},
    "recursiveReadOnly": {"enum": ["Disabled", "IfPossible", "Enabled"]},
    "volumeMode": {"enum": ["Filesystem", "Block"]},
    "accessModes[]": {
        "enum": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]
    },
    "expirationSeconds": {"minimum": 600},
    "mode": MODE,
    "defaultMode": MODE,
}
"""What is added to a field; the longest end of its path that stands here counts."""

Schema = dict[str, Any]


class Converter:
    """Kubernetes' definitions as one structural schema without references."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self.definitions = definitions

    def fields(self, kind: str, names: tuple[str, ...]) -> dict[str, Schema]:
        properties = self.definitions[kind]["properties"]
        return {name: self.field(properties[name], name) for name in names}

    def field(self, schema: Schema, path: str) -> Schema:
        schema, kind = self._resolved(schema)
        made = self._typed(schema, kind, path)
        made.update(_added(path))
        if "enum" in made:
            made.pop("maxLength", None)
        return made

    def _resolved(self, schema: Schema) -> tuple[Schema, str | None]:
        if (reference := schema.get("$ref")) is None:
            return schema, None
        kind = reference.rsplit("/", 1)[1]
        here = {key: value for key, value in schema.items() if key != "$ref"}
        return {**self.definitions[kind], **here}, kind

    def _typed(self, schema: Schema, kind: str | None, path: str) -> Schema:
        made: Schema = {}
        if text := schema.get("description"):
            # The first paragraph: the second and later ones are about rare cases.
            made["description"] = " ".join(text.split("\n\n")[0].split())
        if kind == "io.k8s.apimachinery.pkg.api.resource.Quantity":
            return made | {"x-kubernetes-int-or-string": True, "maxLength": 64, "pattern": QUANTITY}
        made["type"] = _type(schema)
        match made["type"]:
            case "object":
                made |= self._object(schema, kind, path)
            case "array":
                made |= _extensions(schema) | {"maxItems": 64}
                made["items"] = self.field(schema["items"], f"{path}[]")
            case "string":
                made["maxLength"] = 1024
            case "integer":
                made |= {"format": "int32", "minimum": 0, "maximum": 2**31 - 1}
        return made

    def _object(self, schema: Schema, kind: str | None, path: str) -> Schema:
        if "properties" not in schema:
            values = self.field(schema["additionalProperties"], f"{path}.*")
            return _extensions(schema) | {"maxProperties": 64, "additionalProperties": values}
        kept = ONLY.get(kind or "", tuple(schema["properties"]))
        properties = {
            name: self.field(schema["properties"][name], f"{path}.{name}")
            for name in kept
            if not _alpha(schema["properties"][name])
        }
        made = _extensions(schema) | {"properties": properties}
        asked = {*schema.get("required", ()), REQUIRED.get(kind or "")} - {None}
        if asked:
            made["required"] = sorted(asked)
        return made


def _type(schema: Schema) -> str:
    kind = schema["type"]
    return str(kind[0] if isinstance(kind, list) else kind)


def _alpha(schema: Schema) -> bool:
    return re.search(r"\balpha\b", schema.get("description", ""), re.IGNORECASE) is not None


def _extensions(schema: Schema) -> Schema:
    wanted = ("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type")
    return {key: schema[key] for key in wanted if key in schema}


def _added(path: str) -> Schema:
    ends = [end for end in FIELDS if path == end or path.endswith(f".{end}")]
    return FIELDS[max(ends, key=len)] if ends else {}


def pod_schema() -> Schema:
    """The structural schema of `spec.pod`, without CEL rules."""
    place = f"kubernetes-json-schema/v{VERSION}-local/_definitions.json"
    text = files("kubernetes_validate").joinpath(place).read_text(encoding="utf-8")
    converter = Converter(json.loads(text)["$defs"])
    properties = {
        **converter.fields(f"{CORE}Container", FROM_CONTAINER),
        **converter.fields(f"{CORE}PodSpec", FROM_POD),
        **converter.fields(METADATA, FROM_METADATA),
    }
    return {"type": "object", "properties": properties}


def main() -> None:
    text = json.dumps(pod_schema(), indent=1, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        if TARGET.read_text(encoding="utf-8") != text:
            sys.exit(f"{TARGET} is not what Kubernetes {VERSION} says: make generate")
        return
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
