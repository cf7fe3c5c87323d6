"""The example's workflows: pinned, of few rights, and with nothing typed into their shells."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from documentation.page import ROOT

WORKFLOWS = sorted((ROOT / "examples/iris/.github/workflows").glob("*.yml"))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> dict[Any, Any]:
    path: Path = request.param
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def all_steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_actions_are_pinned_by_commit(workflow: dict[Any, Any]) -> None:
    for step in all_steps(workflow):
        assert "uses" not in step or re.search(r"@[0-9a-f]{40}$", step["uses"])


def test_it_may_read_the_repository_and_nothing_else(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())


def test_no_expression_is_pasted_into_a_shell(workflow: dict[Any, Any]) -> None:
    assert not [step["run"] for step in all_steps(workflow) if "${{" in step.get("run", "")]


def test_every_job_ends_some_day(workflow: dict[Any, Any]) -> None:
    assert all(job["timeout-minutes"] > 0 for job in workflow["jobs"].values())
