"""Write the CRDs, and the chart's copy of them, from the models in retrain_core."""

import sys
from pathlib import Path
from typing import Any

import yaml

from retrain_core.crd import DEFINITIONS

CRDS = Path("crds")
CHART = Path("charts/retrain/templates/crds")
HEAD = "# Written by `make generate` from core/retrain_core: change it there.\n"
KEEP = """\
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""


class Dumper(yaml.SafeDumper):
    """Lists are indented below their key, and nothing is written as an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def crd_yaml(definition: dict[str, Any]) -> str:
    """``definition`` as a file for people and for `kubectl apply`."""
    text: str = yaml.dump(definition, Dumper=Dumper, sort_keys=False, width=100, allow_unicode=True)
    return HEAD + text


def chart_yaml(text: str) -> str:
    """A CRD's file as a template, kept or left out as the chart's values say."""
    head, _, body = text.partition("metadata:\n")
    escaped = body.replace("{{", '{{ "{{" }}')
    name, _, rest = escaped.partition("\n")
    return (
        f"{{{{- if .Values.crds.enabled }}}}\n{head}metadata:\n{name}\n{KEEP}{rest}{{{{- end }}}}\n"
    )


def generated() -> dict[Path, str]:
    """Every file that this script writes, with its content."""
    files = {}
    for make in DEFINITIONS:
        definition = make()
        name = f"{definition['metadata']['name']}.yaml"
        files[CRDS / name] = text = crd_yaml(definition)
        files[CHART / name] = chart_yaml(text)
    return files


def main() -> None:
    wrong = []
    for path, text in generated().items():
        if "--check" not in sys.argv[1:]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong.append(f"{path} is not what the models say: make generate")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
