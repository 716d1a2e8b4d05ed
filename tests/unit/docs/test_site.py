"""Documentation site: builds without a warning, loads nothing, generated pages are current."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from adapters.catalogue import installed
from tests.support.printing import A4, sheets
from tests.support.promtool import REQUIRED

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
GENERATED = ("codes", "commands", "configuration", "events", "metrics", "public_api", "runbook")
SVG = "{http://www.w3.org/2000/svg}"
DIAGRAMS = sorted((DOCS / "diagrams").glob("*.svg"))


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_a_network(tmp_path: Path) -> None:
    if importlib.util.find_spec("sphinx") is None and not os.environ.get(REQUIRED):
        pytest.skip("sphinx is missing: make setup")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"),
            *("-d", str(tmp_path / "state"), str(DOCS), str(tmp_path / "site")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    pages = {path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")}
    assert {page for page in pages if not (site / page).with_suffix(".html").is_file()} == set()
    loads = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"")
    for path in site.rglob("*.html"):
        assert loads.search(path.read_text()) is None, path.name
    for path in site.rglob("*.css"):
        assert re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", path.read_text()) is None
    require_one_printed_page(site, tmp_path)


def require_one_printed_page(site: Path, out: Path) -> None:
    """Print the page of each role as a browser does; each has to fit on one sheet of A4."""
    pages = sorted((site / "guides" / "roles").glob("*.html"))
    assert len(pages) == 4
    for page in pages:
        assert sheets(page, out) == [A4], page.stem


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_page_is_current(name: str) -> None:
    module = generator(name)
    assert module.PAGE.read_text() == module.page(), f"docs/{name}.md is stale: run make docs"


def test_each_shipped_format_has_a_current_page() -> None:
    pages = generator("mappings").pages()
    assert {path: path.read_text() for path in pages} == pages, "stale: run make docs"
    assert set(pages) == set((DOCS / "mappings").glob("*.md"))
    described = {path.stem for path in pages} | {"council-csv", "desk", "mapped"}
    assert described == set(installed())


def generator(name: str) -> Any:
    """The program that writes a page."""
    spec = importlib.util.spec_from_file_location(f"page_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a dataclass looks its names up
    spec.loader.exec_module(module)
    return module


def test_make_docs_writes_each_generated_page() -> None:
    found = re.search(r"^GENERATED := (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert found is not None
    assert tuple(found[1].split()) == (*GENERATED, "mappings")
    assert {path.stem for path in DOCS.glob("*.py")} == {
        *GENERATED,
        "mappings",
        "conf",
        "pictures",
        "structure",
        "texts",
    }


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_a_diagram_is_described_in_words_and_has_dark_colours(path: Path) -> None:
    root = ElementTree.fromstring(path.read_text())
    assert root.get("role") == "img"
    labels = (root.get("aria-labelledby") or "").split()
    for name in ("title", "desc"):
        element = root.find(f"{SVG}{name}")
        assert element is not None
        assert element.get("id") in labels
        assert element.text
    assert "prefers-color-scheme: dark" in path.read_text()
    assert not re.search(r"<script|href=", path.read_text())


def test_each_diagram_is_shown_with_a_text_for_those_who_do_not_see_it() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    shown = {
        (page.parent / target).resolve()
        for page in pages
        for text, target in re.findall(r"!\[([^\]]*)\]\(([^)]+\.svg)\)", page.read_text())
        if len(text) > 30
    }
    assert {path.resolve() for path in DIAGRAMS} <= shown


def test_the_index_of_decisions_lists_each_record_in_order() -> None:
    folder = DOCS / "adr"
    listed = re.findall(
        r"^\| \[(\d{4})\]\(([^)]+)\) \| (.*) \|$", (folder / "README.md").read_text(), re.M
    )
    assert [name for _, name, _ in listed] == sorted(path.name for path in folder.glob("0*.md"))
    for number, name, title in listed:
        assert (folder / name).read_text().startswith(f"# {number} {title}\n"), name
