"""Elements of a case export to records: what may stand where, and what is refused.

Everything that the schema does not name is refused by its line: elements, attributes, namespaces,
text between elements, processing instructions. A comment may stand between elements, not inside a
value, where it could hide half of it. CDATA is text. DTDs and entities are refused
(CVE-2013-1664, billion laughs). Nothing but the case at hand is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from adapters.base import MappingError, Rejected, Row
from adapters.limits import (
    MAX_DEPTH,
    MAX_HEAD_BYTES,
    MAX_NAMES,
    MAX_NAMESPACE,
    MAX_PARTS,
    MAX_RECORD_BYTES,
)
from adapters.mapping.place import Place

NAMESPACE = "urn:example:cps:case-export:3"
ROOT, CASE = "CaseExport", "Case"

Kind: TypeAlias = Literal["section", "list", "record", "scalar"]

_BETWEEN = "text stands between elements"
_ATTRIBUTE = "an attribute, and this export has none"
_INSTRUCTION = "a processing instruction, and this export has none"


@dataclass(frozen=True, slots=True)
class Schema:
    """Which paths a case may have.

    Attributes:
        paths: of every value, in order.
        items: path of a list -> name of the element of one item.
        parts: path of a list of records -> names of the elements of one record.
        sections: proper prefixes of the paths.
    """

    paths: tuple[str, ...]
    items: Mapping[str, str]
    parts: Mapping[str, frozenset[str]]
    sections: frozenset[str]


@dataclass(slots=True)
class _Element:
    """An open element inside a case.

    Attributes:
        kind: what may stand in it.
        path: of the value that it is, or is part of.
        name: of a part of a record.
        text: pieces of a scalar.
        seen: names of the children of a section or record.
        value: what a list or record has so far.
    """

    kind: Kind
    path: str
    name: str = ""
    text: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    value: list[object] | dict[str, object] | None = None


@dataclass(slots=True)
class _Case:
    line: int
    start: int
    end: int = 0
    values: dict[str, object] = field(default_factory=dict)
    parts: int = 0
    problem: MappingError | None = None


class CaseTarget:
    """Takes the events of an XML parser and gives the cases that have ended.

    Attributes:
        place: () -> (offset, line) of the event at hand; set by the parser's owner.
        head_end: offset of the first element below the root, or of the root's end.
        tail_start: offset of the root's end.
    """

    def __init__(self, schema: Schema) -> None:
        self.place: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.head_end = 0
        self.tail_start = 0
        self._schema = schema
        self._known = set(schema.paths)
        self._blank: Mapping[str, object] = dict.fromkeys(schema.paths, "")
        self._names: set[str] = set()
        self._depth = 0
        self._open: list[_Element] = []
        self._case: _Case | None = None
        self._ended: list[_Case] = []

    def ended(self) -> Iterator[Row | Rejected]:
        """The cases that ended since the last call."""
        ended, self._ended = self._ended, []
        for case in ended:
            if case.problem is not None:
                yield Rejected(case.line, case.problem, case.start, case.end)
            else:
                yield Row(case.line, {**self._blank, **case.values}, case.start, case.end)

    def forget(self) -> None:
        """Drop the cases that ended: only the file as a whole is of interest."""
        self._ended.clear()

    # --- events of the parser -------------------------------------------------------------------

    def start_ns(self, prefix: str, uri: str) -> None:
        """A namespace is declared."""
        self._named(f"{prefix} {uri}")
        if len(uri) > MAX_NAMESPACE:
            raise Place(self.place()[1]).error("file_malformed", "a namespace is too long")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element opens."""
        at, line = self.place()
        for name in (tag, *attributes):
            self._named(name)
        namespace, _, name = tag.rpartition("}")
        ours = namespace == "{" + NAMESPACE
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Place(line).error("file_malformed", "elements are nested too deeply")
        if self._depth == 1:
            self._root(name, attributes, line, ours=ours)
        elif self._depth == 2:
            self._new_case(at, line, attributes, known=ours and name == CASE)
        else:
            self._child(name, attributes, at, line, ours=ours)

    def data(self, text: str) -> None:
        """Character data."""
        if self._depth < 2:
            if text.strip():
                raise Place(self.place()[1]).error("file_malformed", _BETWEEN)
            return
        case = self._case
        if case is None or case.problem is not None:
            return
        element = self._open[-1] if self._open else None
        if element is not None and element.kind == "scalar":
            element.text.append(text)
            self._check_size(case)
        elif text.strip():
            self._refuse("row_malformed", _BETWEEN, element.path if element else "")

    def end(self, tag: str) -> None:
        """An element closes."""
        self._depth -= 1
        if self._depth == 0:
            self._finish(self.place()[0])
            self.tail_start = self.place()[0]
            self.head_end = self.head_end or self.tail_start
            self._check_head()
            return
        if self._open and self._case is not None and self._case.problem is None:
            self._close(self._open.pop(), self._case)

    def comment(self, text: str) -> None:
        """A comment."""
        if self._open and self._open[-1].kind == "scalar":
            self._refuse("row_malformed", "a comment stands inside a value", self._open[-1].path)

    def pi(self, target: str, text: str) -> None:
        """A processing instruction."""
        if self._depth < 2:
            raise Place(self.place()[1]).error("unknown_column", _INSTRUCTION)
        self._refuse("unknown_column", _INSTRUCTION, "")

    def close(self) -> None:
        """The file ends."""

    # --- the root and its children --------------------------------------------------------------

    def _named(self, name: str) -> None:
        self._names.add(name)
        if len(self._names) > MAX_NAMES:  # the parser keeps each for as long as it lives
            raise Place(self.place()[1]).error(
                "file_malformed", f"the file has more than {MAX_NAMES} different names"
            )

    def _root(self, name: str, attributes: Mapping[str, str], line: int, *, ours: bool) -> None:
        if name != ROOT or not ours:
            raise Place(line).error(
                "file_malformed",
                f"the file is not a {ROOT} of {NAMESPACE}",
                fix="Check that this is the right file, and the version of the export's schema.",
            )
        if attributes:
            raise Place(line).error("unknown_column", _ATTRIBUTE)

    def _new_case(self, at: int, line: int, attributes: Mapping[str, str], *, known: bool) -> None:
        self._finish(at)
        self.head_end = self.head_end or at
        self._check_head()
        self._case = _Case(line, at)
        self._open = [_Element("section", "")]
        if not known:
            self._refuse("unknown_column", f"an element other than {CASE} stands here", "")
        elif attributes:
            self._refuse("unknown_column", _ATTRIBUTE, "")

    def _check_head(self) -> None:
        if self.head_end > MAX_HEAD_BYTES:
            raise Place(1).error(
                "file_malformed",
                f"more than {MAX_HEAD_BYTES >> 10} KiB stand before the first {CASE}",
            )

    def _finish(self, at: int) -> None:
        """The case at hand ends where the next one, or the end of the root, begins."""
        if self._case is not None:
            self._case.end = at
            self._ended.append(self._case)
        self._case, self._open = None, []

    # --- inside a case --------------------------------------------------------------------------

    def _refuse(self, code: str, detail: str, path: str) -> None:
        if self._case is not None and self._case.problem is None:
            column = path if path in self._known else ""
            self._case.problem = Place(self.place()[1], column).error(code, detail)
            self._case.values, self._open = {}, []

    def _check_size(self, case: _Case) -> None:
        if self.place()[0] - case.start > MAX_RECORD_BYTES:
            self._refuse(
                "row_malformed", f"the case is longer than {MAX_RECORD_BYTES >> 10} KiB", ""
            )

    def _child(
        self, name: str, attributes: Mapping[str, str], at: int, line: int, *, ours: bool
    ) -> None:
        case = self._case
        if case is None or case.problem is not None:
            return
        case.parts += 1
        self._check_size(case)
        if case.parts > MAX_PARTS:
            self._refuse("row_malformed", f"the case has more than {MAX_PARTS} elements", "")
        if case.problem is not None:
            return
        parent = self._open[-1]
        child = self._element(parent, name)
        if child is None:
            self._refuse(*self._unknown(parent), parent.path)
        elif not ours:
            self._refuse("unknown_column", "an element of another namespace", parent.path)
        elif attributes:
            self._refuse("unknown_column", _ATTRIBUTE, child.path)
        elif parent.kind in ("section", "record") and name in parent.seen:
            self._refuse("row_malformed", "an element appears twice", child.path)
        else:
            parent.seen.add(name)
            self._open.append(child)

    def _element(self, parent: _Element, name: str) -> _Element | None:
        """The element of this name inside another one; None if it may not stand there."""
        schema, path = self._schema, parent.path
        if parent.kind == "section":
            return self._value(f"{path}/{name}" if path else name)
        if parent.kind == "list" and name == schema.items[path]:
            is_record = path in schema.parts
            return _Element("record", path, value={}) if is_record else _Element("scalar", path)
        if parent.kind == "record" and name in schema.parts[path]:
            return _Element("scalar", path, name)
        return None

    def _value(self, path: str) -> _Element | None:
        if path in self._schema.items:
            return _Element("list", path, value=[])
        if path in self._schema.sections:
            return _Element("section", path)
        return _Element("scalar", path) if path in self._known else None

    def _unknown(self, parent: _Element) -> tuple[str, str]:
        """Code and detail for an element that may not stand in another one."""
        if parent.kind == "scalar":
            return "row_malformed", "a text is expected here, and nothing else"
        if parent.kind == "list":
            expected = self._schema.items[parent.path]
            return "unknown_column", f"an element other than {expected} stands in this list"
        return "unknown_column", "an element that the mapping lacks"

    def _close(self, element: _Element, case: _Case) -> None:
        parent = self._open[-1] if self._open else None
        if element.kind == "section":
            return
        value: object = "".join(element.text).strip() if element.kind == "scalar" else element.value
        if parent is not None and isinstance(parent.value, list):
            parent.value.append(value)
        elif parent is not None and isinstance(parent.value, dict):
            parent.value[element.name] = value
        else:
            case.values[element.path] = value
