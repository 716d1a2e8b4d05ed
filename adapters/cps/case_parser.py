"""Strict parser of case exports: which elements may stand where, and which are refused.

Everything that the schema does not name is refused with its line: elements, attributes, namespaces,
text between elements, processing instructions. A comment may stand between elements, but not inside
a value, where it could hide half of the value. CDATA is text. DTDs and entities are refused
(CVE-2013-1664, billion laughs). Only the current case is in memory. After ``MAX_REFUSED`` refused
cases the rest of the file is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from xml.parsers.expat import XMLParserType  # only the type; defusedxml makes the parser

from adapters.base import FilePlace, MappingError, Rejected, Row
from adapters.limits import (
    MAX_DEPTH,
    MAX_HEAD_BYTES,
    MAX_ITEMS,
    MAX_NAMES,
    MAX_NAMESPACE,
    MAX_PARTS,
    MAX_RECORD_BYTES,
    MAX_REFUSED,
    MAX_SKIPPED,
)

NAMESPACE = "urn:example:cps:case-export:3"
ROOT, CASE = "CaseExport", "Case"

Kind: TypeAlias = Literal["section", "list", "record", "scalar"]

SEPARATOR: Final = "}"
"""Separator of namespace and name in the parser's element names."""

_LONG_TEXT: Final = 1_000
"""The parser splits longer texts into pieces; at least every second piece is longer than this."""
_BETWEEN = "text between elements is not allowed"
_ATTRIBUTE = "this export has no attributes, and one stands here"
_INSTRUCTION = "this export has no processing instructions, and one stands here"


@dataclass(frozen=True, slots=True)
class Schema:
    """The paths that a case may have.

    Attributes:
        paths: path of every value, in order.
        items: path of a list -> element name of one item.
        parts: path of a list of records -> element names of one record.
    """

    paths: tuple[str, ...]
    items: Mapping[str, str]
    parts: Mapping[str, frozenset[str]]


class EnoughRefusedError(Exception):
    """Too many cases were refused, so the rest of the file is not read."""


@dataclass(slots=True)
class _Node:
    """An element of the schema.

    Attributes:
        kind: what may stand in the element.
        path: path of the value that the element is, or is part of.
        name: name of a part of a record.
        children: element name as the parser gives it -> its node.
    """

    kind: Kind
    path: str
    name: str = ""
    children: dict[str, _Node] = field(default_factory=dict)


@dataclass(slots=True)
class _Open:
    """An open section, list or record.

    Attributes:
        node: its schema element.
        value: what a list or record has so far.
        seen: names of the children of a section or record.
    """

    node: _Node
    value: list[object] | dict[str, object] | None = None
    seen: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Case:
    line: int
    start: int
    end: int = 0
    values: dict[str, object] = field(default_factory=dict)
    parts: int = 0
    problem: MappingError | None = None


class CaseTarget:
    """Parser target that collects finished cases.

    Attributes:
        root_start: offset of the root.
        head_end: offset of the first element below the root, or of the root's end.
        stopped: offset and line of the first case that is not read; None if all were read.
    """

    def __init__(self, schema: Schema) -> None:
        self.root_start = 0
        self.head_end = 0
        self.stopped: tuple[int, int] | None = None
        self._paths = frozenset(schema.paths)
        self._case_node = _tree(schema)
        self._blank: Mapping[str, object] = dict.fromkeys(schema.paths, "")
        self._names: set[str] = set()
        self._depth = 0
        self._open: list[_Open] = []
        self._scalar: _Node | None = None
        self._text: list[str] = []
        self._case: _Case | None = None
        self._ended: list[_Case] = []
        self._refused = 0
        self._skipped = 0

    def attach(self, parser: XMLParserType) -> None:
        """Handle the events of a parser one by one; no tree is built."""
        self._parser = parser
        parser.StartNamespaceDeclHandler = self._namespace
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        parser.DefaultHandlerExpand = None  # a reference to an unknown entity is an error by itself

    def ended(self) -> Iterator[Row | Rejected]:
        """Yield the cases that ended since the last call."""
        ended, self._ended = self._ended, []
        for case in ended:
            if case.problem is not None:
                yield Rejected(case.line, case.problem, case.start, case.end)
            else:
                yield Row(case.line, {**self._blank, **case.values}, case.start, case.end)

    def forget(self) -> None:
        """Drop the finished cases, when only the file as a whole matters."""
        self._ended.clear()

    # --- events of the parser -------------------------------------------------------------------

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self._named(f"{prefix} {uri}")
        if uri is not None and len(uri) > MAX_NAMESPACE:
            raise self._place().error("file_malformed", "a namespace is too long")

    def _start(self, tag: str, attributes: list[str]) -> None:
        if tag not in self._names:
            self._named(tag)
        for name in attributes[::2]:
            self._named(name)
        self._depth += 1
        if self._depth == 1:
            self._root(tag, attributes)
        elif self._depth == 2:
            self._new_case(tag, attributes)
        else:
            self._child(tag, attributes)

    def _data(self, text: str) -> None:
        if self._scalar is not None:
            self._text.append(text)
            if len(text) > _LONG_TEXT:
                self._check_size()
        elif text.strip():
            if self._depth < 2:
                raise self._place().error("file_malformed", _BETWEEN)
            self._refuse("row_malformed", _BETWEEN, self._open[-1].node.path if self._open else "")

    def _end(self, tag: str) -> None:
        self._depth -= 1
        case = self._case
        if self._depth == 0:
            self._finish(self._parser.CurrentByteIndex)
            self.head_end = self.head_end or self._parser.CurrentByteIndex
            self._check_head()
        elif case is not None and case.problem is None:
            if self._scalar is not None:
                node, self._scalar = self._scalar, None
                self._keep(node, "".join(self._text).strip())
            else:
                ended = self._open.pop()
                if ended.value is not None:
                    self._keep(ended.node, ended.value)
            if self._depth == 1:
                self._check_size()
                if not any(case.values.values()):
                    self._refuse("missing_value", "the case has no value", "")

    def _comment(self, text: str) -> None:
        if self._scalar is not None:
            self._refuse("row_malformed", "a comment stands inside a value", self._scalar.path)

    def _instruction(self, target: str, text: str) -> None:
        if self._depth < 2:
            raise self._place().error("unknown_column", _INSTRUCTION)
        self._refuse("unknown_column", _INSTRUCTION, "")

    # --- the root and its children --------------------------------------------------------------

    def _place(self, column: str = "") -> FilePlace:
        return FilePlace(self._parser.CurrentLineNumber, column)

    def _named(self, name: str) -> None:
        self._names.add(name)
        if (
            len(self._names) > MAX_NAMES
        ):  # the parser keeps every name in memory until it is destroyed
            raise self._place().error(
                "file_malformed", f"the file has more than {MAX_NAMES} different names"
            )

    def _root(self, tag: str, attributes: list[str]) -> None:
        self.root_start = self._parser.CurrentByteIndex
        if tag != _tag(ROOT):
            raise self._place().error(
                "file_malformed",
                f"the file is not a {ROOT} of {NAMESPACE}",
                fix="Check that this is the right file, and the version of the export's schema.",
            )
        if attributes:
            raise self._place().error("unknown_column", _ATTRIBUTE)

    def _new_case(self, tag: str, attributes: list[str]) -> None:
        at, line = self._parser.CurrentByteIndex, self._parser.CurrentLineNumber
        self._finish(at)
        self.head_end = self.head_end or at
        self._check_head()
        if self._refused >= MAX_REFUSED:
            self.stopped = at, line
            raise EnoughRefusedError
        self._case = _Case(line, at)
        self._open = [_Open(self._case_node)]
        if tag != _tag(CASE):
            self._refuse("unknown_column", f"an element other than {CASE} stands here", "")
        elif attributes:
            self._refuse("unknown_column", _ATTRIBUTE, "")

    def _check_head(self) -> None:
        if self.head_end > MAX_HEAD_BYTES:
            raise FilePlace(1).error(
                "file_malformed",
                f"more than {MAX_HEAD_BYTES >> 10} KiB stand before the first {CASE}",
            )

    def _finish(self, at: int) -> None:
        """End the current case where the next one, or the end of the root, begins."""
        if self._case is not None:
            self._case.end = at
            self._ended.append(self._case)
        self._case = None

    # --- inside a case --------------------------------------------------------------------------

    def _refuse(self, code: str, detail: str, path: str) -> None:
        if self._case is not None and self._case.problem is None:
            place = self._place(path if path in self._paths else "")
            self._case.problem = place.error(code, detail)
            self._case.values, self._open, self._scalar = {}, [], None
            self._refused += 1

    def _check_size(self) -> None:
        case = self._case
        if case is not None and self._parser.CurrentByteIndex - case.start > MAX_RECORD_BYTES:
            self._refuse(
                "row_malformed", f"the case is longer than {MAX_RECORD_BYTES >> 10} KiB", ""
            )

    def _child(self, tag: str, attributes: list[str]) -> None:
        if self._depth > MAX_DEPTH:
            raise self._place().error("file_malformed", "elements are nested too deeply")
        case = self._case
        if case is None or case.problem is not None:
            self._skip()
            return
        case.parts += 1
        self._check_size()
        if case.parts > MAX_PARTS:
            self._refuse("row_malformed", f"the case has more than {MAX_PARTS} elements", "")
        if not self._open:  # refused in this moment
            return
        parent = self._open[-1]
        if self._scalar is not None:
            self._refuse(
                "row_malformed", "a text is expected here, and nothing else", self._scalar.path
            )
            return
        node = parent.node.children.get(tag)
        if node is None:
            self._refuse("unknown_column", _unknown(parent.node, tag), parent.node.path)
        elif attributes:
            self._refuse("unknown_column", _ATTRIBUTE, node.path)
        elif parent.node.kind != "list" and tag in parent.seen:
            self._refuse("row_malformed", "an element appears twice", node.path)
        else:
            parent.seen.add(tag)
            self._enter(node)

    def _skip(self) -> None:
        self._skipped += 1
        if self._skipped > MAX_SKIPPED:  # more reading would cost too much work
            raise self._place().error(
                "file_malformed", f"the refused cases have more than {MAX_SKIPPED} elements"
            )

    def _enter(self, node: _Node) -> None:
        if node.kind == "scalar":
            self._scalar, self._text = node, []
        elif node.kind == "section":
            self._open.append(_Open(node))
        else:
            self._open.append(_Open(node, [] if node.kind == "list" else {}))

    def _keep(self, node: _Node, value: object) -> None:
        """Store a value whose element has ended."""
        holder = self._open[-1].value
        if isinstance(holder, list):
            holder.append(value)
            if len(holder) > MAX_ITEMS:
                self._refuse("invalid_value", f"more than {MAX_ITEMS} items", node.path)
        elif isinstance(holder, dict):
            holder[node.name] = value
        elif self._case is not None:
            self._case.values[node.path] = value


def _tag(name: str) -> str:
    return f"{NAMESPACE}{SEPARATOR}{name}"


def _unknown(parent: _Node, tag: str) -> str:
    """Return why an element may not stand inside another one."""
    if _tag(tag.rpartition(SEPARATOR)[2]) in parent.children:
        return "an element of another namespace"
    if parent.kind == "list":
        (expected,) = parent.children
        name = expected.rpartition(SEPARATOR)[2]
        return f"an element other than {name} stands in this list"
    return "an element that the mapping lacks"


def _tree(schema: Schema) -> _Node:
    """Return the schema as nodes, from the case down."""
    case = _Node("section", "")
    for path in schema.paths:
        node = case
        names = path.split("/")
        for depth, name in enumerate(names[:-1], 1):
            section = _Node("section", "/".join(names[:depth]))
            node = node.children.setdefault(_tag(name), section)
        node.children[_tag(names[-1])] = _value(schema, path)
    return case


def _value(schema: Schema, path: str) -> _Node:
    if path not in schema.items:
        return _Node("scalar", path)
    item = _Node("scalar", path)
    if path in schema.parts:
        parts = {_tag(name): _Node("scalar", path, name) for name in schema.parts[path]}
        item = _Node("record", path, children=parts)
    return _Node("list", path, children={_tag(schema.items[path]): item})
