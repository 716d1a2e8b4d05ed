"""Strict parser of XML exports: which elements may stand where, and which are refused.

Everything that the schema does not name is refused with its line: elements, attributes, namespaces,
text between elements, processing instructions. A comment may stand between elements, but not inside
a value, where it could hide half of the value. CDATA is text. DTDs and entities are refused
(CVE-2013-1664, billion laughs). Only the current record is in memory. After ``MAX_REFUSED`` refused
records the rest of the file is not read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final
from xml.parsers.expat import XMLParserType  # only the type; defusedxml makes the parser

from adapters.base import FilePlace, Rejected, Row
from adapters.formats.xml_record import ATTRIBUTE, BETWEEN, XmlRecord
from adapters.formats.xml_schema import NAMESPACE_END, Names, Node
from adapters.limits import (
    MAX_DEPTH,
    MAX_HEAD_BYTES,
    MAX_NAMES,
    MAX_NAMESPACE,
    MAX_RECORD_BYTES,
    MAX_REFUSED,
    MAX_SKIPPED,
)

_LONG_TEXT: Final = 1_000
"""The parser splits longer texts into pieces; at least every second piece is longer than this."""
_INSTRUCTION: Final = "a processing instruction stands here, and exports have none"
_BESIDE_FIX: Final = (
    "Remove it from the export, or name its path under `ignored` in the format of the mapping "
    "file if it says nothing about the records."
)


class EnoughRefusedError(Exception):
    """Too many records were refused, so the rest of the file is not read."""


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
        self._record: XmlRecord | None = None
        self._ended: list[XmlRecord] = []
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
        pairs: list[tuple[str, str]] = []
        if attributes:
            pairs = [(Names.attribute(n), v) for n, v in zip(*[iter(attributes)] * 2, strict=True)]
            self._others.update(attribute for attribute, _ in pairs)
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
        record = self._record
        if record is not None and self._depth >= len(self._path):
            record.text(text)
            if len(text) > _LONG_TEXT:
                self._check_size(record)
        elif text.strip():
            raise self._place().error("file_malformed", BETWEEN)

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
        record = self._record
        if record is not None and record.problem is None:
            record.end_element()
            if depth == level:
                self._check_size(record)
                if not any(record.values.values()):
                    record.refuse("missing_value", "the record has no value")

    def _comment(self, text: str) -> None:
        if self._record is not None and not self._ignored_depth:
            self._record.comment()

    def _instruction(self, target: str, text: str) -> None:
        if self._record is None or self._depth < len(self._path):
            raise self._place().error("unknown_column", _INSTRUCTION)
        self._record.refuse("unknown_column", _INSTRUCTION)

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
                raise self._place().error("unknown_column", ATTRIBUTE, fix=_BESIDE_FIX)

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
        record = XmlRecord(
            self._schema, self._columns, line, at, lambda: self._parser.CurrentLineNumber
        )
        self._record = record
        if name != self._path[-1]:
            detail = f"an element other than {self._path[-1]} stands here"
            record.refuse("unknown_column", detail)
        else:
            record.begin(attributes)

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
            self._refused += self._record.problem is not None
            self._ended.append(self._record)
        self._record = None

    def finish_document(self, size: int) -> None:
        """End a record that is the whole document.

        Args:
            size: bytes of the file.
        """
        self._finish(size)

    # --- inside a record ------------------------------------------------------------------------

    def _child(self, name: str, attributes: list[tuple[str, str]]) -> None:
        record = self._record
        if record is not None:
            self._check_size(record)
        if record is None or record.problem is not None:
            self._skip()
        else:
            record.start_element(name, attributes)

    def _check_size(self, record: XmlRecord) -> None:
        if self._parser.CurrentByteIndex - record.start > MAX_RECORD_BYTES:
            detail = f"the record is longer than {MAX_RECORD_BYTES >> 10} KiB"
            record.refuse("row_malformed", detail)

    def _skip(self) -> None:
        self._skipped += 1
        if self._skipped > MAX_SKIPPED:  # more reading would cost too much work
            raise self._place().error(
                "file_malformed",
                f"what is refused or ignored has more than {MAX_SKIPPED} elements",
            )
