"""Print charts/retrain/README.md: how to install, and each value with its comment and default."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

VALUES = Path(__file__).parents[1] / "charts" / "retrain" / "values.yaml"
COMMENT = re.compile(r"^\s*# -- (.*)$")
KEY = re.compile(r"^(\s*)([A-Za-z]+):")
HEAD = """\
<!-- Written by `make generate` from values.yaml and scripts/chart_readme.py. -->
# The chart of Retrain

The operator that trains what TrainingRuns describe, its CRDs and its roles, for Kubernetes 1.31 or
newer.

```console
$ helm install retrain charts/retrain --namespace retrain-system --create-namespace
```

- **What it may do** is written out in [templates/_helpers.tpl](templates/_helpers.tpl): runs, Jobs,
  pods and events; no Secrets. With `watchNamespaces` the same in these namespaces alone; an
  installer without rights in the whole cluster also sets `crds.enabled` and `userRoles.create` to
  false.
- **Two copies** run, on two nodes where there are. The one that holds the Lease of the Deployment's
  name acts; the other knows all and waits. Rolled out or drained, the one lets go and the other
  acts within 3 s; killed or cut off, within 20 s. Trainings go on meanwhile. A budget lets only one
  of two be evicted at a time. `kubectl get leases` shows which one acts.
- **People** with Kubernetes' own roles `admin` and `edit` may create TrainingRuns, with `view` they
  may look at them. Who may create TrainingRuns can do no more than who may create Jobs.
- **The CRDs** are upgraded with the release, and stay when it goes (`crds.keep`).
- **`defaults`** is a part of a TrainingRun's spec that manifests need not repeat. A run that names
  a store or a tracking server of its own does not inherit the Secret of the default one.
- **Argo CD**: [docs/argocd.md](../../docs/argocd.md). **Without Helm**:
  [manifests/base](../../manifests) installs the same.

## Values

| value | default | what |
|---|---|---|"""


def values(text: str) -> Iterator[tuple[str, str]]:
    """Dotted path and comment of each value that has one, in the order of the file."""
    path: list[str] = []
    comment = None
    for line in text.splitlines():
        if match := COMMENT.match(line):
            comment = match[1]
        elif match := KEY.match(line):
            path = [*path[: len(match[1]) // 2], match[2]]
            if comment is not None:
                yield ".".join(path), comment
            comment = None


def default(content: Any, path: str) -> str:
    for name in path.split("."):
        content = content[name]
    return json.dumps(content)


def main() -> None:
    text = VALUES.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    print(HEAD)
    for path, comment in values(text):
        print(f"| `{path}` | `{default(content, path)}` | {comment} |")


if __name__ == "__main__":
    main()
