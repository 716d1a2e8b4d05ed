"""Results of the mutants, read from the folder that mutmut leaves.

A mutant is told by its function and by what it changes, not by mutmut's number, which moves with
every edit. A mutant of a text alone differs from the original only inside a sentence for people:
see `of_text`.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mutmut.stats import status_by_exit_code

_SENTENCE = re.compile(r"[a-z] [a-z]")
_NAME = re.compile(r"(?P<function>.+)__mutmut_(?P<which>orig|[0-9]+)")
_ATOMS = (ast.Constant, ast.Name, ast.Attribute, ast.JoinedStr)

Piece: TypeAlias = tuple[object, object]


@dataclass(frozen=True)
class Mutant:
    """One change and what the tests made of it.

    Attributes:
        package: `broker.envelope`, for example.
        number: mutmut's name of it, for `mutmut show`.
        function: module and function.
        before: the smallest changed piece, as it was.
        after: what stood in its place.
        status: mutmut's word: `killed`, `survived`, `timeout`, `no tests`, ...
        of_text: only a sentence for people differs.
    """

    package: str
    number: str
    function: str
    before: str
    after: str
    status: str
    of_text: bool

    @property
    def killed(self) -> bool:
        """Return True if a test failed or did not end."""
        return self.status in {"killed", "timeout"}

    @property
    def row(self) -> str:
        """The beginning of its row in the table of survivors."""
        return f"| `{self.function}` | `{_cell(self.before)}` | `{_cell(self.after)}` |"


def read(folder: Path) -> Iterator[Mutant]:
    """Every mutant of a finished run, file by file."""
    for meta in sorted(folder.rglob("*.py.meta")):
        verdicts = json.loads(meta.read_text())["exit_code_by_key"]
        if verdicts:
            yield from _of_file(folder, meta.with_suffix(""), verdicts)


def of_text(before: ast.AST, after: ast.AST) -> bool:
    """Return True if two functions differ in their sentences only.

    A sentence is a string literal in which a space stands between two small letters; codes, names,
    labels and formats have none. It may be respelled, or None in its place. To leave an argument
    out, or to change a value that is put into a sentence, is more than that.
    """
    changed = _changed(before, after, atoms=True)
    return changed is not None and isinstance(changed[0], ast.AST) and _is_sentence(changed[0])


def _of_file(folder: Path, path: Path, verdicts: dict[str, int | None]) -> Iterator[Mutant]:
    module = ".".join(path.relative_to(folder).with_suffix("").parts)
    functions = {
        node.name: node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for number, code in verdicts.items():
        mutated = number.removeprefix(f"{module}.")
        name = _NAME.fullmatch(mutated)
        assert name is not None, number
        original, mutant = functions[f"{name['function']}__mutmut_orig"], functions[mutated]
        mutant.name = original.name
        changed = _changed(original, mutant, atoms=False)
        assert changed is not None, number
        yield Mutant(
            package=module if module.startswith("contracts.") else module.rpartition(".")[0],
            number=number,
            function=f"{module}.{_plain(name['function'])}",
            before=_text(changed[0]),
            after=_text(changed[1]),
            status=status_by_exit_code[code],
            of_text=of_text(original, mutant),
        )


def _plain(mangled: str) -> str:
    """`x_name` of a function, `xǁClassǁname` of a method."""
    return mangled[2:].replace("ǁ", ".")


def _changed(before: object, after: object, *, atoms: bool) -> Piece | None:
    """The smallest expression or statement that holds all that differs; None for equal ones.

    Without `atoms` a lone name or constant comes with what it stands in.
    """
    if isinstance(before, ast.AST) and type(before) is type(after):
        pairs = [(getattr(before, name), getattr(after, name)) for name in before._fields]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = list(zip(before, after, strict=True))
    else:
        same = type(before) is type(after) and before == after
        return None if same else (before, after)
    inner = [found for pair in pairs if (found := _changed(*pair, atoms=atoms)) is not None]
    if not inner:
        return None
    (first, *more) = inner
    whole = isinstance(first[0], ast.expr | ast.stmt) and (
        atoms or not isinstance(first[0], _ATOMS)
    )
    return (before, after) if more or not whole else first


def _is_sentence(node: ast.AST) -> bool:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return any(
        isinstance(part, ast.Constant)
        and isinstance(part.value, str)
        and _SENTENCE.search(part.value) is not None
        for part in parts
    )


def _text(piece: object) -> str:
    if isinstance(piece, ast.AST):
        return ast.unparse(piece)
    return ", ".join(_text(part) for part in piece) if isinstance(piece, list) else repr(piece)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'")
