"""Expressions of a mapping file, in the Common Expression Language (CEL, https://cel.dev).

An expression computes a value from one row, or says whether a row is of a kind. It has no loop
without an end, no clock, no files and no network, so a mapping file can be checked and shared like
data. The names of an expression are known when the file is loaded: ``row.NAME`` or
``row["NAME"]`` with a literal name. Besides CEL's own functions there are those of its published
extensions for text and lists (``split``, ``join``, ``trim``, ``replace``, ``lowerAscii`` ...).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from adapters.base import FilePlace

if TYPE_CHECKING:
    import cel

logging.getLogger("cel").disabled = True  # it logs the values that a function could not take
MAX_EXPRESSION: Final = 1_000
"""Longest expression, in characters."""
_TOKENS: Final = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|\b(?P<variable>row|field)\s*(?:\[\s*(?P<quoted>"[^"\\]*"|'[^'\\]*')\s*\]"""
    r"""|\.\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\b(?!\s*\()|(?P<bare>))"""
)
_LOOPS: Final = re.compile(r"\.\s*(?:map|filter|all|exists|exists_one)\s*\(\s*([a-z]\w*)\s*,")
"""The variable of a macro over a list."""
_HAS: Final = re.compile(r"\bhas\s*\(")
_OWN_FUNCTIONS: Final = frozenset({
    "size", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bool",
    "timestamp", "duration", "type", "getFullYear", "getMonth", "getDate", "getDayOfMonth",
    "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "dyn",
    "map", "filter", "all", "exists", "exists_one", "in", "contains",
})  # fmt: skip
"""Functions and macros of the language itself. Operators have names that begin with ``_`` or ``@``.
"""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression.

    Attributes:
        text: as it stands in the mapping file.
        names: names of the members of ``variable`` that it reads.
        variable: ``row`` (own columns of an export) or ``field`` (fields of a received event).
    """

    text: str
    names: frozenset[str]
    variable: str
    _program: cel.Program

    def value(self, members: Mapping[str, object], place: FilePlace) -> object:
        """Return the value for one row or event: a text, number, true or false, list or None.

        Args:
            members: name to value; a name without a value counts as an empty text.
            place: of the row, for errors.

        Raises:
            MappingError: `expression_failed`: for example, a text is not a number. The value is not
                in the message.
        """
        import cel
        from cel.stdlib import add_stdlib_to_context

        known = {name: _known(members.get(name)) for name in self.names}
        context = cel.Context(variables={self.variable: known})
        add_stdlib_to_context(context)
        try:
            found: object = self._program.execute(context)
        except Exception as error:  # noqa: BLE001 - the library raises many kinds, some with values
            raise place.error(
                "expression_failed",
                f"an expression of the mapping has no value for this row ({type(error).__name__})",
                fix="Correct the record, or the expression in the mapping file.",
            ) from None
        return found

    def holds(self, members: Mapping[str, object], place: FilePlace) -> bool:
        """Return whether a condition holds.

        Raises:
            MappingError: `expression_failed`, also for a value that is not true or false.
        """
        found = self.value(members, place)
        if not isinstance(found, bool):
            raise place.error(
                "expression_failed",
                "a condition of the mapping is neither true nor false for this row",
                fix="Correct the condition in the mapping file, for example with == or !=.",
            )
        return found


def _known(value: object) -> object:
    """Return a value as expressions see it: blanks around a text do not count."""
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else value


@cache
def compile_expression(text: str, variable: str = "row") -> Expression:
    """Compile an expression.

    Args:
        text: CEL.
        variable: the one variable that it may use.

    Raises:
        ValueError: one sentence about what is wrong with it.
    """
    if len(text) > MAX_EXPRESSION:
        raise ValueError(f"an expression has at most {MAX_EXPRESSION} characters")
    # The package loads its own command line too, so only a mapping with expressions loads it.
    import cel
    from cel.stdlib import STDLIB_FUNCTIONS

    try:
        program = cel.compile(text)
    except Exception as error:  # noqa: BLE001 - whatever the library raises, the text is at fault
        raise ValueError(f"the expression is not CEL: {_first_line(error)}") from None
    loops = {name for name in _LOOPS.findall(text) if name != variable}
    others = set(program.variables()) - {variable} - loops
    if others:
        raise ValueError(
            f"an expression has no {sorted(others)[0]}: columns are {variable}.NAME or "
            f'{variable}["NAME"], and texts stand in quotes'
        )
    if _HAS.search(text):
        raise ValueError(
            f'a column without a value is an empty text here, so compare: {variable}.NAME != ""'
        )
    unknown = sorted(
        name
        for name in program.functions()
        if name not in _OWN_FUNCTIONS
        and name not in STDLIB_FUNCTIONS
        and not name.startswith(("_", "@", "!", "-"))
    )
    if unknown:
        raise ValueError(f"CEL has no function {unknown[0]} here")
    return Expression(text, _names(text, variable), variable, program)


def _names(text: str, variable: str) -> frozenset[str]:
    found: set[str] = set()
    for token in _TOKENS.finditer(text):
        if token["string"] is not None or token["variable"] != variable:
            continue
        name = token["name"] if token["quoted"] is None else token["quoted"][1:-1]
        if not name:
            raise ValueError(
                f'an expression names each column: {variable}.NAME or {variable}["NAME"]'
            )
        found.add(name)
    return frozenset(found)


def _first_line(error: Exception) -> str:
    """Return the parser's message without its picture of the place."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.partition("ERROR: ")[2] or text
