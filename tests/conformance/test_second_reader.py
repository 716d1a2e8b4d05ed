"""Every vector, through the second reader; and that the second reader stands alone.

The reader was written from docs/spec without sight of the software, so where both give the same
answers, the text alone is enough to build one (docs/spec/README.md; tests/vectors/README.md).
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.conformance.conventions import parse_time
from tests.conformance.judging import Reading
from tests.conformance.view import ReaderContext, load_view

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VECTORS = HERE.parent / "vectors"
CASES = sorted((VECTORS / "cases").glob("*.json"))
MODULES = sorted(file for file in HERE.glob("*.py") if not file.name.startswith("test_"))
ALLOWED = {"cryptography", "yaml", "tests"} | sys.stdlib_module_names


@cache
def view_of(setting: str, agency: str, now: int) -> ReaderContext:
    """A view is never changed by reading, so one serves all cases that share it."""
    return load_view(VECTORS / "settings" / setting, agency, now)


def imported(module: Path) -> set[str]:
    """The full names of the modules that a file imports, wherever in the file it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would need a package"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_it_imports_nothing_of_the_software_that_it_checks(module: Path) -> None:
    names = imported(module)
    assert {name.split(".")[0] for name in names} <= ALLOWED
    assert all(name.startswith("tests.conformance") for name in names if name.startswith("tests"))


def test_there_are_vectors() -> None:
    assert CASES


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_it_gives_every_vector_the_answers_expected(file: Path) -> None:
    case = json.loads(file.read_bytes())
    now = parse_time(case["now"])
    reading = Reading(view_of(case["setting"], case["agency"], now), now)
    answers = [json.loads(reading.answer(line.encode())) for line in case["records"]]
    assert answers == case["expect"]


def test_as_a_command_it_answers_line_by_line() -> None:
    case = json.loads(CASES[0].read_bytes())
    command = [
        *(sys.executable, "-m", "tests.conformance.reader"),
        *(f"tests/vectors/settings/{case['setting']}", case["agency"], case["now"]),
    ]
    ran = subprocess.run(
        command,
        input="".join(line + "\n" for line in case["records"]).encode(),
        capture_output=True,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert [json.loads(line) for line in ran.stdout.splitlines()] == case["expect"]
