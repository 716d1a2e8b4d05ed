"""The threat model names a test for every threat, and the test is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [
    line.split(" | ")
    for line in (ROOT / "docs" / "threat-model.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| threat |", "| --- |"))
]


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )


@pytest.mark.parametrize("row", ROWS, ids=[row[0].lstrip("| ") for row in ROWS])
def test_every_threat_has_tests_that_are_there(row: list[str]) -> None:
    named = re.findall(r"`([a-z0-9_/]+\.py)::(\w+)`", row[3])
    assert named
    for file, name in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert name in names_in(path), f"{file} has no {name}"


def test_the_table_is_read() -> None:
    assert len(ROWS) > 30
