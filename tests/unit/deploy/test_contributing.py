"""The contributor files and the workflows name commands and paths that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGES = ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", ".github/pull_request_template.md"]


def steps(workflow: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load(workflow.read_text())
    return [step for job in document["jobs"].values() for step in job["steps"]]


def commands(workflow: Path) -> str:
    matrix = re.findall(r"target: \[([^\]]*)\]", workflow.read_text())
    lines = [step["run"] for step in steps(workflow) if "run" in step]
    lines += [f"make {name.strip()}" for group in matrix for name in group.split(",")]
    return "\n".join(line for line in lines if "${{" not in line or "matrix" not in line)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_the_repository_has(workflow: Path) -> None:
    text = commands(workflow)
    assert set(re.findall(r"\bmake ([a-z]+)", text)) <= TARGETS
    for path in re.findall(r"(?:locks|\.ci|deploy|tests)/[\w./-]+", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_needs_more(workflow: Path) -> None:
    document = yaml.safe_load(workflow.read_text())
    assert document["permissions"] == {"contents": "read"}
    for step in steps(workflow):
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_the_test_workflow_covers_each_python_that_is_supported() -> None:
    document = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    matrix = document["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert matrix == ["3.11", "3.12", "3.13", "3.14"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_links_to_what_exists(page: str) -> None:
    path = ROOT / page
    text = path.read_text()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / link).exists(), link
    assert set(re.findall(r"(?:`|\$ )make ([a-z]+)", text)) <= TARGETS
    for name in re.findall(
        r"`((?:contracts|broker|adapters|deploy|docs|tests|bench)/[\w./-]*)`", text
    ):
        assert (ROOT / name).exists(), name


def test_the_hooks_before_a_commit_are_those_of_make_lint() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    programs = set(re.findall(r"\$\(BIN\)/([\w-]+)", lint))
    assert {Path(hook["entry"].split()[0]).name for hook in hooks} == programs
