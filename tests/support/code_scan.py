"""Reason codes and proposed next steps as they stand in the source, found by reading it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE_FOLDERS = {
    "broker": ROOT / "broker",
    "contracts": ROOT / "contracts",
    "adapters": ROOT / "adapters",
    "concordant": ROOT / "deploy" / "entrance" / "concordant",
}
"""The folder of each top-level package, in the source tree."""

POSITIONS = {
    "Check": 4,
    "ContinuityError": 0,
    "Denial": 0,
    "FileReport": 2,
    "LayoutError": 0,
    "OpeningError": 1,
    "RefusedError": 1,
    "Verdict": 1,
    "_broken": 0,
    "error": 0,
}
"""Calls that take a code as a positional argument, and which one."""
CODE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def calls() -> Iterator[ast.Call]:
    """Every call in the program; the demo is a play, not a part of it."""
    for node in _nodes():
        if isinstance(node, ast.Call):
            yield node


def codes() -> set[str]:
    """Every code that the program can print."""
    found: set[str] = set()
    for node in _nodes():
        if isinstance(node, ast.Call):
            found |= {word for word in _codes_of(node) if CODE.fullmatch(word)}
        elif isinstance(node, ast.ClassDef):
            found |= {word for word in _class_code(node) if CODE.fullmatch(word)}
        elif isinstance(node, ast.Assign | ast.Dict):
            found |= {word for word in _given_code(node) if CODE.fullmatch(word)}
    return found


def next_steps() -> set[str]:
    """Every text that tells a person what to do next."""
    found: set[str] = set()
    for call in calls():
        for keyword in call.keywords:
            if keyword.arg == "fix":
                found |= set(_texts(keyword.value))
        if _name(call) == "Check" and len(call.args) > 3:
            found |= set(_texts(call.args[3]))
        if _name(call) == "warned" and len(call.args) > 2:
            found |= set(_texts(call.args[2]))
    return found


def printed_steps() -> set[tuple[str, str]]:
    """(code, next step) of every place that gives both."""
    found: set[tuple[str, str]] = set()
    for call in calls():
        steps = [text for one in call.keywords if one.arg == "fix" for text in _texts(one.value)]
        if _name(call) == "Check" and len(call.args) > 3:
            steps += _texts(call.args[3])
        found |= {(code, step) for code in _codes_of(call) for step in steps}
    return found


def _codes_of(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg == "code":
            yield from _constants(keyword.value)
    at = None if _is_log_line(call) else POSITIONS.get(_name(call))
    if at is not None and len(call.args) > at:
        yield from _constants(call.args[at])


def _is_log_line(call: ast.Call) -> bool:
    """Return whether the first argument is the name of an event, as in ``log.error``."""
    if not isinstance(call.func, ast.Attribute):
        return False
    of = call.func.value
    return (of.id if isinstance(of, ast.Name) else getattr(of, "attr", "")) in {"log", "_log"}


def _class_code(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
        if isinstance(target, ast.Name) and target.id == "code" and line.value is not None:
            yield from _constants(line.value)


def _given_code(node: ast.Assign | ast.Dict) -> Iterator[str]:
    """Of ``code = "..."``, ``code, detail = "...", "..."`` and ``{"code": "..."}``."""
    pairs: list[tuple[ast.expr | None, ast.expr]] = []
    if isinstance(node, ast.Dict):
        pairs = list(zip(node.keys, node.values, strict=True))
    for target in node.targets if isinstance(node, ast.Assign) else ():
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs += zip(target.elts, node.value.elts, strict=False)
        else:
            pairs.append((target, node.value))
    for name, value in pairs:
        if getattr(name, "id", None) == "code" or getattr(name, "value", None) == "code":
            yield from _constants(value)


def _constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)


def _texts(node: ast.expr) -> Iterator[str]:
    """Text of a constant or a formatted string; what is filled in is ``…``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        yield "".join(parts)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


@cache
def _nodes() -> tuple[ast.AST, ...]:
    return tuple(
        node
        for folder in PACKAGE_FOLDERS.values()
        for path in sorted(folder.rglob("*.py"))
        if "demo" not in path.relative_to(ROOT).parts and "codes" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
    )
