"""Texts refer to documents that are in the repository."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("broker", "contracts", "adapters", "tests", "bench", "deploy", "docs", ".github", ".ci")
ELSEWHERE = re.compile(
    r"\b(?:issue \d|number \d+\)|design\.md|style\.md|protocol change C\d)", re.I
)
"""Numbers of a tracker that readers do not have, and notes outside the repository."""


def texts() -> list[Path]:
    found = [path for name in FOLDERS for path in (ROOT / name).rglob("*") if path.is_file()]
    kinds = {".py", ".md", ".toml", ".yml", ".yaml", ".sh", ".vp", ".json", ""}
    small = [path for path in found if path.suffix in kinds and path.stat().st_size < 500_000]
    return [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile", *small]


def test_no_text_refers_to_a_document_that_readers_do_not_have() -> None:
    named = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in texts()
        if not {"__pycache__", "venv", "mutants"} & set(path.parts) and path != Path(__file__)
        for match in ELSEWHERE.finditer(path.read_text(errors="replace"))
    }
    assert named == set()


PLACES = re.compile(
    r"`((?:\.github|\.ci|adapters|bench|broker|contracts|deploy|docs|locks|tests)/[\w./-]*)`"
)


def test_each_place_that_a_page_names_is_there() -> None:
    missing = {
        f"{page.relative_to(ROOT)}: {place}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        if page.name != "CHANGELOG.md"
        for place in PLACES.findall(page.read_text())
        if not (ROOT / place).exists()
    }
    assert missing == set()


def test_pages_name_who_does_what() -> None:
    vague = re.compile(r"\b(?:whoever|nobody|somebody|someone|anybody|everybody)\b", re.I)
    found = {
        f"{page.relative_to(ROOT)}: {match[0]}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        if page.name != "CHANGELOG.md"
        for match in vague.finditer(re.sub(r"`[^`]*`", "", page.read_text()))
    }
    assert found == set()
