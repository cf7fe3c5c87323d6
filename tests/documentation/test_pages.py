"""What the pages say is complete, and run by a test."""

import re
import subprocess
from pathlib import Path

import pytest

from documentation.page import DOCS, ROOT, Command, File, steps
from documentation.test_cluster import KIND, OWN
from retrain_core.outcome import Activity, Reason
from retrain_core.spec.manifest import parse_training_run
from retrain_core.verdict.promotion import PromotionReason

RUN_BY_TESTS = [
    ("quickstart.md", "On a laptop"),
    ("project.md", "A first project"),
    *KIND,
    *OWN,
]
PAGES = sorted(page.name for page in DOCS.glob("*.md"))
OTHERS = {"argocd.md"}
"""Their commands want what no test has: an Argo CD."""


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OTHERS])
def test_every_command_of_a_page_is_run_by_a_test(page: str) -> None:
    commands = [step.text for step in steps(page) if isinstance(step, Command)]
    run = [
        step.text
        for name, heading in RUN_BY_TESTS
        if name == page
        for step in steps(page, heading)
        if isinstance(step, Command)
    ]
    assert sorted(run) == sorted(commands)


def test_files_and_commands_are_found_in_their_order() -> None:
    found = steps("quickstart.md", "From CI")
    assert isinstance(found[0], File)
    assert found[0].name == "role.yaml"
    assert found[1] == Command("kubectl apply -n iris -f role.yaml")


@pytest.mark.parametrize("word", [*Reason, *Activity])
def test_each_reason_has_its_place_in_troubleshooting(word: str) -> None:
    text = (DOCS / "troubleshooting.md").read_text()
    (section,) = re.findall(rf"^### {word}\n\n(.+?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(section.split()) > 5


def test_troubleshooting_knows_no_reason_that_does_not_exist() -> None:
    headings = re.findall(r"^### (\w+)$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    told = [heading for heading in headings if heading in {*Reason, *Activity}]
    assert sorted(told) == sorted([*Reason, *Activity])
    assert set(headings) - set(told) <= set(PromotionReason)


def test_the_manifest_of_the_reference_is_a_manifest() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "trainingrun.md").read_text(), re.DOTALL)
    assert parse_training_run(block).metadata.name == "iris"


@pytest.mark.parametrize(
    "page", [Path("README.md"), *(Path("docs") / page for page in PAGES)], ids=str
)
def test_links_into_the_repository_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]+`", "", (ROOT / page).read_text())
    for target in re.findall(r"\]\((?!https?://|#)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        linked = (ROOT / page).parent / path
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def test_nothing_installs_another_project_s_package_of_our_name() -> None:
    stranger = "(pip|pipx|uv|uvx) .*[ \"']retrain(\\[[a-z,]+\\])?([ \"'=<>~]|$)"
    done = subprocess.run(
        ["git", "grep", "--line-number", "--extended-regexp", stranger, "--", ":!tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_test_that_the_threat_table_names_is_there() -> None:
    table = (ROOT / "SECURITY.md").read_text()
    tests = [file.read_text() for file in (ROOT / "tests").rglob("test_*.py")]
    named = re.findall(r"`(test_\w+)`", table)
    assert named
    assert [name for name in named if not any(f"def {name}(" in text for text in tests)] == []
    assert [
        name for name in re.findall(r"`(tests/\S+)`", table) if not (ROOT / name).exists()
    ] == []
