"""Places and tests that docs/assurance and docs/architecture.md name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs.test_threat_model import names_in

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs" / "assurance").glob("*.md"))
NAMED = re.compile(
    r"`((?:\.github|adapters|bench|broker|contracts|deploy|docs|locks|tests)/[\w./-]+"
    r"|[A-Z]+\.md)(?:::(\w+))?`"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_place_and_test_that_a_page_names_is_there(page: Path) -> None:
    for file, name in NAMED.findall(page.read_text()):
        assert (ROOT / file).is_file(), file
        if name:
            assert name in names_in(ROOT / file), f"{file} has no {name}"


def test_a_met_requirement_names_a_place() -> None:
    """A row that claims something names where; a row that does not, says not met or agency."""
    claims = 0
    for page in PAGES:
        for row in re.findall(r"^\| (?:[A-D]\d|V\d|\(\d\)).*$", page.read_text(), re.M):
            cells = [cell.strip() for cell in row.strip("|").split(" | ")]
            if "not met" in cells or "agency" in cells or len(cells) < 3:
                continue
            claims += 1
            assert NAMED.search(row), row
    assert claims > 40


def test_the_page_of_the_architecture_names_what_exists_and_all_packages() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = {
        file.rstrip("/") for file in re.findall(r"`((?:adapters|broker|contracts)/[\w./]*)`", text)
    }
    assert {name for name in named if not (ROOT / name).exists()} == set()
    packages = {
        f"{top}/{path.name}"
        for top in ("adapters", "broker")
        for path in (ROOT / top).iterdir()
        if (path / "__init__.py").is_file()
    }
    assert packages - named == set()


def test_the_support_matrix_names_the_versions_that_are_tested() -> None:
    page = (ROOT / "docs" / "compatibility.md").read_text()
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    pythons = re.search(r"python: \[([^\]]*)\]", workflow)
    assert pythons is not None
    assert f"| Python | {pythons[1].replace(chr(34), '')} (CPython)" in page
    lock = (ROOT / "deploy" / "kafka" / "jgo.lock.toml").read_text()
    kafka = re.search(r'artifactId = "kafka_2\.13"\nversion = "([\d.]+)"', lock)
    assert kafka is not None
    assert f"real Kafka {kafka[1]}" in page
