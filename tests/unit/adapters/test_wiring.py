"""Wiring: one module connects the parts, each of which receives only what it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MOST_COLLABORATORS = 5
CONNECTED = (
    *(f"broker/{name}" for name in ("control", "judging", "receiving", "sending", "service")),
    "broker/statements",
    "broker/subscriber.py",
    "adapters/delivery.py",
    *(f"adapters/exchange/{name}.py" for name in ("accepting", "offering")),
    *(f"adapters/http_api/{name}.py" for name in ("complete", "endpoints", "pages", "server")),
    *(f"adapters/http_api/{name}.py" for name in ("sides", "states")),
    "adapters/intake.py",
    "adapters/retention.py",
    "adapters/runner.py",
    *(f"adapters/sftp/{name}.py" for name in ("client", "fetching", "side", "sink")),
    "adapters/side_faults.py",
    *(f"adapters/webhook/{name}.py" for name in ("endpoint", "side", "sink")),
    "adapters/wiring.py",
)
WIRING = ("adapters/wiring.py", "adapters/runner.py")


def parsed(names: tuple[str, ...]) -> Iterator[tuple[str, ast.Module]]:
    """Every module below these names, as (path, syntax tree)."""
    for name in names:
        path = ROOT / name
        for file in [path] if path.suffix else sorted(path.rglob("*.py")):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text())


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = function.args
    return [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_a_part_has_at_most_five_collaborators() -> None:
    many = [
        (path, function.lineno, len(parameters(function)) - 1)
        for path, tree in parsed(CONNECTED)
        for function in functions(tree)
        if function.name == "__init__" and len(parameters(function)) - 1 > MOST_COLLABORATORS
    ]
    assert many == []


@pytest.mark.parametrize("name", WIRING)
def test_nothing_is_bound_late(name: str) -> None:
    """Neither a lambda that looks something up later nor an attribute that is set afterwards."""
    ((_, tree),) = parsed((name,))
    lambdas = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    afterwards = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    ]
    assert (lambdas, afterwards) == ([], [])


@pytest.mark.parametrize(
    ("whole", "receivers"),
    [
        ("Outside", {"adapters/wiring.py"}),
        ("Parts", {"broker/service/service.py"}),
    ],
)
def test_no_part_receives_everything(whole: str, receivers: set[str]) -> None:
    found = {
        path
        for path, tree in parsed(("adapters", "broker"))
        for function in functions(tree)
        for one in (*function.args.args, *function.args.kwonlyargs)
        if one.annotation is not None and ast.unparse(one.annotation) == whole
    }
    assert found == receivers


def test_a_place_in_a_stream_is_one_value() -> None:
    """Only the command that a person types has topic and partition as two words."""
    loose = [
        (path, function.name)
        for path, tree in parsed(("contracts", "broker", "adapters"))
        for function in functions(tree)
        if {"topic", "partition"} <= set(parameters(function))
    ]
    assert loose == [("broker/cli/status.py", "release")]
