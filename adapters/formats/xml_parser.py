"""Strict parser of XML exports: which elements may stand where, and which are refused.

Everything that the schema does not name is refused with its line: elements, attributes, namespaces,
text between elements, processing instructions. A comment may stand between elements, but not inside
a value, where it could hide half of the value. CDATA is text. DTDs and entities are refused
(CVE-2013-1664, billion laughs). Only the current record is in memory. After ``MAX_REFUSED`` refused
records the rest of the file is not read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers.expat import XMLParserType  # only the type; defusedxml makes the parser

from adapters.base import FilePlace, MappingError, Rejected, Row
from adapters.formats.xml_schema import (
    NAMESPACE_END,
    OWN_TEXT,
    Names,
    Node,
    unknown_reason,
)
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

_LONG_TEXT: Final = 1_000
"""The parser splits longer texts into pieces; at least every second piece is longer than this."""
NIL: Final = "@{http://www.w3.org/2001/XMLSchema-instance}nil"
_BETWEEN: Final = "text between elements is not allowed"
_ATTRIBUTE: Final = "an attribute that the mapping lacks stands here"
_INSTRUCTION: Final = "a processing instruction stands here, and exports have none"
_ONLY_TEXT: Final = "a text is expected here, and nothing else"
_BESIDE_FIX: Final = (
    "Remove it from the export, or name its path under `ignored` in the format of the mapping "
    "file if it says nothing about the records."
)


class EnoughRefusedError(Exception):
    """Too many records were refused, so the rest of the file is not read."""


@dataclass(slots=True)
class _Open:
    """An open element of a record.

    Attributes:
        node: its schema element; None for a part of a list's item.
        path: its path inside the item; empty for the item itself.
        text: what was read of its text.
        seen: names of its children.
        nil: whether an attribute says that it has no value.
        commented: whether a comment stands in it.
    """

    node: Node | None
    path: str = ""
    text: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    nil: bool = False
    commented: bool = False


@dataclass(slots=True)
class _Record:
    line: int
    start: int
    end: int = 0
    values: dict[str, object] = field(default_factory=dict)
    parts: int = 0
    problem: MappingError | None = None


class RecordTarget:
    """Parser target that collects finished records.

    Args:
        path: names of the elements from the root to a record.
        namespace: namespace that the root must have; None for any.
        schema: result of ``tree``.
        columns: all columns, for the values of a record that lacks them.
        ignored: paths from the root of what may stand beside the records.

    Attributes:
        above: offsets of the open elements above the first record.
        head_end: offset of the first record, or of the root's end.
        stopped: offset and line of the first record that is not read; None if all were read.
    """

    def __init__(
        self,
        path: Sequence[str],
        namespace: str | None,
        schema: Node,
        columns: Collection[str],
        ignored: Collection[str],
    ) -> None:
        self.above: tuple[int, ...] = ()
        self.head_end = 0
        self.stopped: tuple[int, int] | None = None
        self._path = path
        self._namespace = namespace
        self._schema = schema
        self._columns = frozenset(columns)
        self._blank: Mapping[str, object] = dict.fromkeys(columns, "")
        self._ignored = ignored
        self._names = Names()
        self._others: set[str] = set()
        """Names of attributes and namespaces."""
        self._depth = 0
        self._ancestors: list[int] = []
        self._ignored_depth = 0
        """Depth of the open element that is ignored; 0 for none."""
        self._open: list[_Open] = []
        self._item: dict[str, object] = {}
        """Parts of the open item of a list."""
        self._record: _Record | None = None
        self._ended: list[_Record] = []
        self._refused = 0
        self._skipped = 0

    def attach(self, parser: XMLParserType) -> None:
        """Handle the events of a parser one by one; no tree is built."""
        self._parser = parser
        parser.StartNamespaceDeclHandler = self._namespace_declared
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        parser.DefaultHandlerExpand = None  # a reference to an unknown entity is an error by itself

    def ended(self) -> Iterator[Row | Rejected]:
        """Yield the records that ended since the last call."""
        ended, self._ended = self._ended, []
        for record in ended:
            if record.problem is not None:
                yield Rejected(record.line, record.problem, record.start, record.end)
            else:
                values = {**self._blank, **record.values}
                yield Row(record.line, values, record.start, record.end)

    def forget(self) -> None:
        """Drop the finished records, when only the file as a whole matters."""
        self._ended.clear()

    # --- events of the parser -------------------------------------------------------------------

    def _namespace_declared(self, prefix: str | None, uri: str | None) -> None:
        self._named(f"{prefix} {uri}")
        if uri is not None and len(uri) > MAX_NAMESPACE:
            raise self._place().error("file_malformed", "a namespace is too long")

    def _start(self, tag: str, attributes: list[str]) -> None:
        self._depth += 1
        if self._depth == 1:
            self._names.root = tag.rpartition(NAMESPACE_END)[0]
        name = self._names.element(tag)
        pairs = [(Names.attribute(n), v) for n, v in zip(*[iter(attributes)] * 2, strict=True)]
        for attribute, _ in pairs:
            self._named(attribute)
        self._check_names()
        level = len(self._path)
        if self._depth > level + MAX_DEPTH - 2:
            raise self._place().error("file_malformed", "elements are nested too deeply")
        if self._ignored_depth:
            self._skip()
        elif self._depth < level:
            self._ancestor(name, pairs)
        elif self._depth == level:
            self._new_record(name, pairs)
        else:
            self._child(name, pairs)

    def _data(self, text: str) -> None:
        if self._ignored_depth:
            return
        if self._open:
            top = self._open[-1]
            if _holds_text(top):
                top.text.append(text)
                if len(text) > _LONG_TEXT:
                    self._check_size()
                if top.seen and text.strip():
                    self._refuse("row_malformed", _BETWEEN, self._path_of(top))
                return
        if text.strip():
            if self._record is None or self._depth < len(self._path):
                raise self._place().error("file_malformed", _BETWEEN)
            if self._open:
                self._refuse("row_malformed", _BETWEEN, self._path_of(self._open[-1]))

    def _end(self, tag: str) -> None:
        depth, level = self._depth, len(self._path)
        self._depth -= 1
        if self._ignored_depth:
            if depth == self._ignored_depth:
                self._ignored_depth = 0
            return
        if depth < level:
            self._finish(self._parser.CurrentByteIndex)
            self._ancestors.pop()
            if depth == 1:
                self.head_end = self.head_end or self._parser.CurrentByteIndex
                self._check_head()
            return
        if self._record is not None and self._record.problem is None:
            self._close(self._open.pop())
            if depth == level and self._record.problem is None:
                self._check_size()
                if not any(self._record.values.values()):
                    self._refuse("missing_value", "the record has no value", "")

    def _comment(self, text: str) -> None:
        if self._open and not self._ignored_depth:
            self._open[-1].commented = True

    def _instruction(self, target: str, text: str) -> None:
        if self._record is None or self._depth < len(self._path):
            raise self._place().error("unknown_column", _INSTRUCTION)
        self._refuse("unknown_column", _INSTRUCTION, "")

    # --- above the records ----------------------------------------------------------------------

    def _place(self, column: str = "") -> FilePlace:
        return FilePlace(self._parser.CurrentLineNumber, column)

    def _named(self, name: str) -> None:
        self._others.add(name)
        self._check_names()

    def _check_names(self) -> None:
        if len(self._others) + len(self._names) > MAX_NAMES:
            # the parser keeps every name in memory until it is destroyed
            raise self._place().error(
                "file_malformed", f"the file has more than {MAX_NAMES} different names"
            )

    def _ancestor(self, name: str, attributes: list[tuple[str, str]]) -> None:
        self._finish(self._parser.CurrentByteIndex)
        depth = self._depth
        if depth == 1:
            self._check_root(name)
        if name != self._path[depth - 1]:
            self._beside(name)
            return
        self._ancestors.append(self._parser.CurrentByteIndex)
        where = "/" + "/".join(self._path[:depth])
        for attribute, _ in attributes:
            if f"{where}/{attribute}" not in self._ignored:
                raise self._place().error("unknown_column", _ATTRIBUTE, fix=_BESIDE_FIX)

    def _check_root(self, name: str) -> None:
        wrong = self._namespace is not None and self._namespace != self._names.root
        if wrong or name != self._path[0]:
            of = f" of {self._namespace}" if self._namespace else ""
            raise self._place().error(
                "file_malformed",
                f"the file is not a {self._path[0]}{of}",
                fix="Check that this is the right file, and the version of the export's schema.",
            )

    def _beside(self, name: str) -> None:
        """Pass an element beside the records, or refuse the file."""
        if not self._may_ignore(name):
            raise self._place().error(
                "unknown_column",
                "beside the records stands an element that the mapping does not know",
                fix=_BESIDE_FIX,
            )
        self._ignored_depth = self._depth
        self._skip()

    def _may_ignore(self, name: str) -> bool:
        return "/".join(("", *self._path[: self._depth - 1], name)) in self._ignored

    def _new_record(self, name: str, attributes: list[tuple[str, str]]) -> None:
        at, line = self._parser.CurrentByteIndex, self._parser.CurrentLineNumber
        if self._depth == 1:
            self._check_root(name)
            at = 0
        self._finish(at)
        if name != self._path[-1] and self._may_ignore(name):
            self._ignored_depth = self._depth
            self._skip()
            return
        if not self.head_end:
            self.head_end = at
            self.above = tuple(self._ancestors)
            self._check_head()
        if self._refused >= MAX_REFUSED:
            self.stopped = at, line
            raise EnoughRefusedError
        self._record = _Record(line, at)
        self._open = [_Open(self._schema)]
        if name != self._path[-1]:
            self._refuse(
                "unknown_column", f"an element other than {self._path[-1]} stands here", ""
            )
            return
        self._take_attributes(self._open[-1], attributes)

    def _check_head(self) -> None:
        if self.head_end > MAX_HEAD_BYTES:
            raise FilePlace(1).error(
                "file_malformed",
                f"more than {MAX_HEAD_BYTES >> 10} KiB stand before the first {self._path[-1]}",
            )

    def _finish(self, at: int) -> None:
        """End the current record where the next one, or the end of its parent, begins."""
        if self._record is not None:
            self._record.end = at
            self._ended.append(self._record)
        self._record, self._open = None, []

    def finish_document(self, size: int) -> None:
        """End a record that is the whole document.

        Args:
            size: bytes of the file.
        """
        self._finish(size)

    # --- inside a record ------------------------------------------------------------------------

    def _path_of(self, one: _Open) -> str:
        if one.node is not None:
            return one.node.path
        lists = [o.node for o in self._open if o.node is not None and o.node.many]
        return lists[0].path if lists else ""

    def _refuse(self, code: str, detail: str, path: str) -> None:
        record = self._record
        if record is not None and record.problem is None:
            place = self._place(path if path in self._columns else "")
            record.problem = place.error(code, detail)
            record.values, self._open, self._item = {}, [], {}
            self._refused += 1

    def _check_size(self) -> None:
        record = self._record
        if record is not None and self._parser.CurrentByteIndex - record.start > MAX_RECORD_BYTES:
            self._refuse(
                "row_malformed", f"the record is longer than {MAX_RECORD_BYTES >> 10} KiB", ""
            )

    def _child(self, name: str, attributes: list[tuple[str, str]]) -> None:
        record = self._record
        if record is None or record.problem is not None:
            self._skip()
            return
        record.parts += 1 + len(attributes)
        self._check_size()
        if record.parts > MAX_PARTS:
            self._refuse("row_malformed", f"the record has more than {MAX_PARTS} elements", "")
        if not self._open:  # refused in this moment
            return
        parent = self._open[-1]
        if any(not piece.isspace() for piece in parent.text):
            self._refuse("row_malformed", _BETWEEN, self._path_of(parent))
        elif parent.node is None or parent.node.many:
            self._part(parent, name, attributes)
        else:
            self._element(parent, parent.node, name, attributes)

    def _element(
        self, parent: _Open, above: Node, name: str, attributes: list[tuple[str, str]]
    ) -> None:
        node = above.children.get(name)
        if node is None:
            if above.column and not above.children:
                self._refuse("row_malformed", _ONLY_TEXT, above.path)
            else:
                self._refuse("unknown_column", unknown_reason(above.children, name), above.path)
        elif name in parent.seen and not node.many:
            self._refuse("row_malformed", "an element appears twice", node.path)
        else:
            parent.seen.add(name)
            self._open.append(_Open(node))
            self._take_attributes(self._open[-1], attributes)

    def _part(self, parent: _Open, name: str, attributes: list[tuple[str, str]]) -> None:
        path = f"{parent.path}/{name}" if parent.path else name
        allowed = self._allowed_parts()
        known = allowed is None or any(p == path or p.startswith(f"{path}/") for p in allowed)
        if not known:
            self._refuse(
                "unknown_column" if allowed else "row_malformed",
                "an element that the mapping lacks" if allowed else _ONLY_TEXT,
                self._path_of(parent),
            )
        elif name in parent.seen:
            self._refuse("row_malformed", "an element appears twice", self._path_of(parent))
        else:
            parent.seen.add(name)
            self._open.append(_Open(None, path))
            self._take_attributes(self._open[-1], attributes)

    def _allowed_parts(self) -> frozenset[str] | None:
        """Return the parts of the open list; None for any."""
        for one in reversed(self._open):
            if one.node is not None:
                return one.node.parts
        return None

    def _take_attributes(self, one: _Open, attributes: list[tuple[str, str]]) -> None:
        for name, value in attributes:
            if name == NIL and value.strip() in ("true", "1", "false", "0"):
                one.nil = value.strip() in ("true", "1")
            elif one.node is not None and not one.node.many:
                column = one.node.attributes.get(name)
                if column is None or self._record is None:
                    self._refuse("unknown_column", _ATTRIBUTE, one.node.path)
                    return
                self._record.values[column] = value.strip()
            else:
                path = f"{one.path}/{name}" if one.path else name
                allowed = self._allowed_parts()
                if allowed is not None and path not in allowed:
                    self._refuse("unknown_column", _ATTRIBUTE, self._path_of(one))
                    return
                self._item[path] = value.strip()

    def _close(self, one: _Open) -> None:
        """Store the value of an element that has ended."""
        text = "".join(one.text).strip()
        path = self._path_of(one) if one.node is not None else self._path_of(self._open[-1])
        if text and one.commented:
            self._refuse("row_malformed", "a comment stands inside a value", path)
        elif one.nil and (text or one.seen):
            self._refuse("row_malformed", "an element that is nil has a value", path)
        elif one.node is None:
            if not one.seen and (text or not self._has_parts(one.path)):
                self._item[one.path] = text
        elif one.node.many:
            self._keep_item(one.node, text)
        elif one.node.column and self._record is not None:
            self._record.values[one.node.path] = text

    def _has_parts(self, path: str) -> bool:
        return any(part.startswith(f"{path}/") for part in self._item)

    def _keep_item(self, node: Node, text: str) -> None:
        item, self._item = self._item, {}
        if self._record is None:
            return
        if item and text:
            item[OWN_TEXT] = text
        found = self._record.values.setdefault(node.path, [])
        assert isinstance(found, list)
        found.append(item or text)
        if len(found) > MAX_ITEMS:
            self._refuse("invalid_value", f"more than {MAX_ITEMS} items", node.path)

    def _skip(self) -> None:
        self._skipped += 1
        if self._skipped > MAX_SKIPPED:  # more reading would cost too much work
            raise self._place().error(
                "file_malformed",
                f"what is refused or ignored has more than {MAX_SKIPPED} elements",
            )


def _holds_text(one: _Open) -> bool:
    node = one.node
    return node is None or node.column
