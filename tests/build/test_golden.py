"""The whole Job of two runs, as it stands beside them: `pytest tests/build --update-golden`."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from retrain_core import names
from retrain_core.build.job import Owner, TrainerSettings, build_job
from retrain_core.defaults import effective_spec
from support.pod_security import violations

GOLDEN = Path(__file__).parent / "golden"
TRAINER = TrainerSettings("registry.example.com/retrain-trainer:0.1.0")


def job_of(run: dict[str, Any]) -> dict[str, Any]:
    metadata = run["metadata"]
    release = metadata.get("annotations", {}).get(names.RELEASE_ANNOTATION)
    owner = Owner(metadata["name"], metadata["namespace"], "0a1b", release)
    return build_job(owner, effective_spec(run["spec"], {}), TRAINER)


@pytest.mark.parametrize("name", ["minimal", "full"])
def test_the_job_of_a_run_is_the_one_beside_it(name: str, pytestconfig: pytest.Config) -> None:
    job = job_of(yaml.safe_load((GOLDEN / f"{name}.run.yaml").read_text()))
    file = GOLDEN / f"{name}.job.yaml"
    if pytestconfig.getoption("--update-golden", default=False):
        # Through JSON: what stands in two places is written twice, not referred to.
        written = yaml.safe_dump(json.loads(json.dumps(job)), sort_keys=False, allow_unicode=True)
        file.write_text(written)
    assert job == yaml.safe_load(file.read_text())
    kubernetes_validate.validate(job, "1.37.0", strict=True)
    assert list(violations(job["spec"]["template"])) == []
