"""Values of the chart that switch on whatever can be."""

from typing import Any

EVERYTHING: dict[str, Any] = {
    "commonLabels": {"team": "ml"},
    "replicas": 3,
    "image": {"registry": "registry.example.com", "digest": f"sha256:{'a' * 64}"},
    "trainer": {"image": {"tag": "1.2.3", "pullPolicy": "Always"}},
    "imagePullSecrets": [{"name": "registry"}],
    "defaults": {
        "mlflow": {"trackingURI": "https://mlflow.example.com", "secretRef": {"name": "mlflow"}},
        "dvc": {"remote": {"url": "s3://models", "secretRef": {"name": "store"}}},
        "pod": {"resources": {"requests": {"cpu": "1", "memory": "2Gi"}}},
    },
    "config": {"jobTTLSeconds": 2147483647, "workers": 32, "logLevel": "DEBUG"},
    "userRoles": {"aggregate": False},
    "serviceAccount": {"name": "trainer-of-models", "annotations": {"example.com/role": "none"}},
    "metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "networkPolicy": {
        "enabled": True,
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
    },
    "terminationGracePeriodSeconds": 2000000,
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "Exists"}]}
                ]
            }
        }
    },
    "podAnnotations": {"example.com/scrape": "no"},
    "podLabels": {"app.kubernetes.io/name": "cannot be replaced", "zone": "a"},
}
NAMESPACED: dict[str, Any] = {"watchNamespaces": ["team-a", "team-b"]}
MINIMAL: dict[str, Any] = {
    "crds": {"enabled": False},
    "rbac": {"create": False},
    "userRoles": {"create": False},
    "serviceAccount": {"create": False},
    "metrics": {"service": {"enabled": False}},
}
"""What somebody may install who has no right outside one namespace."""
