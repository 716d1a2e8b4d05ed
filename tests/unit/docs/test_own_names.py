"""Each public class and function has a name of its own: a search for it finds one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LAYERS = ("adapters", "broker", "contracts")
MIGRATIONS = "broker/store/migrations"
"""Alembic gives the names of its functions."""

HANDLERS = {"Agency", "AsJson", "Request", "Visit"}
"""Types of parameters that only handlers have. A handler is named after its command or page."""

ONE_INTERFACE = {
    "main",  # the program of each module that is started alone
    "explained",  # of each database that keeps a state
    "sample_file",  # of each kind of system in the demo
    "sample_rows",
}
"""Names of functions that several modules define on purpose, as one interface."""


@cache
def public(layer: str) -> tuple[tuple[bool, str, str], ...]:
    """Return (is a class, name, file) of each class and function that is no handler."""
    return tuple(_public(ROOT / layer))


def _public(folder: Path) -> Iterator[tuple[bool, str, str]]:
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(MIGRATIONS):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                yield True, node.name, place
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_handler(node):
                yield False, node.name, place


def _is_handler(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function serves a command, a page or an address of an interface."""
    types = [ast.unparse(one.annotation) for one in node.args.args if one.annotation]
    return bool(node.decorator_list) or any(one in HANDLERS or "typer." in one for one in types)


def shared(found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The public names that have several files, with the files."""
    files = defaultdict(list)
    for name, place in found:
        if not name.startswith("_"):
            files[name].append(place)
    return {name: places for name, places in files.items() if len(places) > 1}


def test_each_class_has_a_name_of_its_own() -> None:
    """Also among those of the packages that ship with the entrance."""
    layers = (*LAYERS, "deploy/entrance")
    found = [(name, at) for one in layers for is_class, name, at in public(one) if is_class]
    assert len(found) > 1000
    assert shared(found) == {}


def test_each_function_has_a_name_of_its_own() -> None:
    found = [(name, at) for one in LAYERS for is_class, name, at in public(one) if not is_class]
    assert len(found) > 1000
    assert {name: at for name, at in shared(found).items() if name not in ONE_INTERFACE} == {}


@pytest.mark.parametrize("name", sorted(ONE_INTERFACE))
def test_an_exception_is_needed(name: str) -> None:
    found = [(of, at) for one in LAYERS for _, of, at in public(one)]
    assert name in shared(found)
