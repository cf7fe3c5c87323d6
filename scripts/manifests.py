"""Check that every YAML file in git can be read, and that ours mean what their kind says."""

import subprocess
import sys
from pathlib import Path

import yaml

from retrain_core.spec.manifest import ManifestError, parse_retrain_schedule, parse_training_run

TEMPLATES = "charts/retrain/templates/"
"""Files that are YAML only once Helm has filled them in; tests/install does."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PARSERS = {"TrainingRun": parse_training_run, "RetrainSchedule": parse_retrain_schedule}


def problems(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    try:
        for document in yaml.load_all(text, LOADER):
            kind = document.get("kind") if isinstance(document, dict) else None
            if kind in PARSERS:
                PARSERS[kind](text)
    except yaml.YAMLError as error:
        return [f"{path}: {error}"]
    except ManifestError as error:
        return [f"{path}: {problem}" for problem in error.problems]
    return []


def main() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.yaml", "*.yml"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split("\0") if name]
    paths = [Path(name) for name in names if not name.startswith(TEMPLATES)]
    found = [problem for path in paths if path.exists() for problem in problems(path)]
    if found:
        sys.exit("\n".join(found))
    print(f"manifests: {len(paths)} files can be read")


if __name__ == "__main__":
    main()
