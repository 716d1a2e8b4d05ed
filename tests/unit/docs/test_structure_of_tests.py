"""The tests mirror the packages, and are packages themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.code_scan import PACKAGE_FOLDERS, ROOT

TESTS = ROOT / "tests"
UNIT = TESTS / "unit"
PACKAGES = ("adapters", "broker", "concordant", "contracts")
OTHERS = {"deploy", "docs", "vectors"}
"""Folders of tests of what is no package."""
FILES = sorted(file for file in TESTS.rglob("*.py") if "__pycache__" not in file.parts)
THE_PATH = re.compile(r"\bsys\s*\.\s*path\b|\bfrom sys import\b.*\bpath\b|\baddsitedir\b")


def folders(of: Path) -> list[Path]:
    return sorted({file.parent for file in of.rglob("test_*.py")})


def code_of(test: Path) -> Path:
    """The place in the code that a path below tests/unit mirrors."""
    package, *rest = test.parts
    return PACKAGE_FOLDERS[package].joinpath(*rest)


def test_unit_tests_are_of_packages_or_of_what_is_no_package() -> None:
    found = {path.name for path in UNIT.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert found == {*PACKAGES, *OTHERS}
    assert not list(UNIT.glob("test_*.py"))


@pytest.mark.parametrize(
    "folder",
    [folder.relative_to(UNIT) for name in PACKAGES for folder in folders(UNIT / name)],
    ids=str,
)
def test_each_folder_of_unit_tests_is_a_package_of_the_code(folder: Path) -> None:
    assert (code_of(folder) / "__init__.py").is_file()


def test_most_unit_tests_carry_the_name_of_a_module() -> None:
    """The others are about several modules of their package and have a descriptive name."""
    tests = [test for name in PACKAGES for test in (UNIT / name).rglob("test_*.py")]
    assert len(tests) > 150
    named = [
        test
        for test in tests
        if (module := code_of(test.relative_to(UNIT)).with_name(test.name.removeprefix("test_")))
        and (module.is_file() or module.with_suffix("").is_dir())
    ]
    assert len(named) > len(tests) / 2


def test_each_folder_of_tests_is_a_package() -> None:
    assert not [
        str(f) for f in {file.parent for file in FILES} if not (f / "__init__.py").is_file()
    ]


def test_no_test_touches_the_search_path() -> None:
    others = [file for file in FILES if file != Path(__file__)]
    assert not [str(file) for file in others if THE_PATH.search(file.read_text())]
