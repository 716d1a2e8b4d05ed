"""The pages of the structure name the packages that there are, and measure the code as it is."""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
LAYERS = ("adapters", "broker", "contracts")
DRIFT_LINES = 300
DRIFT_SHARE = 0.25
"""A package that grew by more than both is measured again."""


@cache
def tree() -> Any:
    """The code as it is, measured by the script of the page."""
    spec = importlib.util.spec_from_file_location("structure_page", DOCS / "structure.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for their module
    spec.loader.exec_module(module)
    return module.measure(None)


def table(heading: str) -> dict[str, int]:
    """The rows of a table of `docs/structure.md`."""
    page = (DOCS / "structure.md").read_text()
    rows = page.split(f"| {heading} | now |", 1)[1].split("\n\n")[0].splitlines()[2:]
    cells = (row.strip("| ").split(" | ") for row in rows)
    return {name: int(number.replace(",", "")) for name, number in cells}


def packages() -> set[str]:
    """Each folder of code below a layer, and the folders in it that are packages too."""
    return {
        path.parent.relative_to(ROOT).as_posix()
        for layer in LAYERS
        for path in (ROOT / layer).glob("*/__init__.py")
    }


def text(place: str) -> str:
    return (ROOT / place).read_text()


def test_the_architecture_names_each_package() -> None:
    page = (DOCS / "architecture.md").read_text()
    what_is_where = page.split("## What is where", 1)[1].split("\n## ", 1)[0]
    named = {one.rstrip("/") for one in re.findall(r"`((?:\w+/)+)`", what_is_where)}
    assert packages() - named == set()


def test_the_architecture_names_no_file_or_function_that_is_gone() -> None:
    page = (DOCS / "architecture.md").read_text()
    rows = re.findall(r"^\|[^|]*\|(.*)\|(?:[^|]*\|)?$", page, re.M)
    places = [
        (function, place)
        for row in rows
        for functions, place in re.findall(r"((?:`\w+`(?:, | and )?)+) in `([\w/]+\.py)`", row)
        for function in re.findall(r"`(\w+)`", functions)
    ]
    assert len(places) > 10
    gone = [
        f"{function} in {place}"
        for function, place in places
        if not re.search(
            rf"^(?:async )?(?:def|class) {function}\b", (ROOT / place).read_text(), re.M
        )
    ]
    assert gone == []


def test_the_measured_packages_are_those_that_there_are() -> None:
    assert set(table("package")) == packages() | set(LAYERS), "run: python docs/structure.py"


def test_no_package_is_far_from_its_measure() -> None:
    now = tree().packages()
    far = {
        name: (written, now.get(name))
        for name, written in table("package").items()
        if name not in now or abs(written - now[name]) > max(DRIFT_LINES, DRIFT_SHARE * written)
    }
    assert far == {}, "run: python docs/structure.py"


def test_modules_have_no_circle_of_imports() -> None:
    assert tree().circles(inner=False) == []


def test_not_even_imports_in_functions_or_for_types_make_a_circle() -> None:
    assert tree().circles(inner=True) == []
