"""The workflows, ours and the example's: pinned, of few rights, with nothing typed into shells."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from documentation.page import ROOT

EXAMPLE, OURS = (ROOT / folder / ".github/workflows" for folder in ("examples/iris", "."))
WORKFLOWS = sorted([*EXAMPLE.glob("*.yml"), *OURS.glob("*.yml")])
WRITES = {
    "codeql.yml": {"security-events"},
    "release.yml": {"attestations", "contents", "id-token", "packages"},
}
"""What jobs of ours may write, by workflow; all others only read the repository."""


@pytest.fixture(params=WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def workflow(request: pytest.FixtureRequest) -> dict[Any, Any]:
    path: Path = request.param
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def all_steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_actions_are_pinned_by_commit(workflow: dict[Any, Any]) -> None:
    for step in all_steps(workflow):
        assert "uses" not in step or re.search(r"@[0-9a-f]{40}$", step["uses"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_may_read_the_repository_and_little_else(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    given = [job.get("permissions", {}).items() for job in workflow["jobs"].values()]
    rights = {right for of_job in given for right in of_job} - {("contents", "read")}
    writes = WRITES.get(path.name, set()) if path.parent == OURS else set()
    assert rights == {(name, "write") for name in writes}


def test_no_expression_is_pasted_into_a_shell(workflow: dict[Any, Any]) -> None:
    assert not [step["run"] for step in all_steps(workflow) if "${{" in step.get("run", "")]


def test_every_job_ends_some_day(workflow: dict[Any, Any]) -> None:
    assert all(job["timeout-minutes"] > 0 for job in workflow["jobs"].values())
