"""Format of XML exports: records are elements at one path, and columns are paths below them.

XML that is not well-formed is refused as a whole file, because none of its records can be trusted.
A record with an unknown element is refused alone. ``adapters.formats.xml_parser`` defines what a
file may contain.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final
from xml.etree.ElementTree import (  # to write, and the exception; defusedxml does the parsing
    Element,
    ParseError,
    SubElement,
    indent,
    tostring,
)

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from adapters.base import Export, FilePlace, MappingError, Records, Rejected, Row
from adapters.formats.encoding import as_stream, check_encoding, check_size, check_wide
from adapters.formats.record_format import Columns
from adapters.formats.settings import SUFFIXES, FormatSettings
from adapters.formats.xml_parser import EnoughRefusedError, RecordTarget
from adapters.formats.xml_schema import NAMESPACE_END, OWN_TEXT, segments, tree
from adapters.limits import MAX_TOKEN_BYTES

DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
PIECE_BYTES: Final = 64 * 1024
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class XmlFormat:
    """Reads and writes the records of one path."""

    def __init__(self, settings: FormatSettings) -> None:
        self.suffixes: Sequence[str] = SUFFIXES[settings.type]
        self._encoding = settings.encoding
        self._ignored = frozenset(settings.ignored)
        root, *below = segments(settings.records.removeprefix("/"))
        namespace, _, name = root.rpartition(NAMESPACE_END)
        self._namespace = namespace[1:] if namespace else None
        self._path = (name, *below)

    def read(self, export: Export, columns: Columns, encoding: str | None = None) -> Records:
        """See ``RecordFormat.read``."""
        encoding = encoding or self._encoding
        stream = as_stream(export)
        check_size(stream)
        check_wide(stream)
        target = self._target(columns)
        for _ in _feed(stream, target, encoding):
            target.forget()
        stream.seek(0)
        head = stream.read(target.head_end)
        return Records(
            lambda: _parse(stream, self._target(columns), encoding),
            head=head,
            tail=_closing(head, target.above),
        )

    def _target(self, columns: Columns) -> RecordTarget:
        return RecordTarget(
            self._path, self._namespace, tree(columns), columns.known, self._ignored
        )

    def write(self, rows: Sequence[Mapping[str, object]], columns: Columns) -> bytes:
        """See ``RecordFormat.write``."""
        tree(columns)  # refuses columns that are not paths
        *above, record = self._path
        if not above and len(rows) != 1:
            raise MappingError(
                "the root is the record, so a file holds one record", code="invalid_value"
            )
        root = Element(
            (above or [record])[0], {"xmlns": self._namespace} if self._namespace else {}
        )
        parent = root
        for name in above[1:]:
            parent = SubElement(parent, name)
        for row in rows:
            element = SubElement(parent, record) if above else root
            for column in columns.known:
                _place_value(element, column, row.get(column, ""), columns)
        indent(root)
        text = tostring(root, "unicode", short_empty_elements=False).replace("\r", "&#13;")
        return f"{DECLARATION}{text}\n".encode()


def _closing(head: bytes, above: Sequence[int]) -> bytes:
    """Return the end tags of the elements that are open at the end of the head."""
    names = [re.match(rb"<([^\s/>]+)", head[at:]) for at in reversed(above)]
    return b"".join(b"</" + name[1] + b">" for name in names if name) + b"\n" if above else b""


def _parse(
    stream: BinaryIO, target: RecordTarget, encoding: str | None
) -> Iterator[Row | Rejected]:
    """Yield each record as it ends; the last item represents the part that is not read."""
    for _ in _feed(stream, target, encoding):
        yield from target.ended()
    if target.stopped is not None:
        start, line = target.stopped
        unread = FilePlace(line).error("rest_put_aside", "the file is not read from this line on")
        yield Rejected(line, unread, start, stream.seek(0, io.SEEK_END), torn=True)


def _feed(stream: BinaryIO, target: RecordTarget, encoding: str | None) -> Iterator[None]:
    """Parse a file in pieces and pause after each piece; raise every error of the file."""
    at = 0
    parser = DefusedXMLParser(target=object(), encoding=encoding, forbid_dtd=True)
    expat = parser.parser
    target.attach(expat)
    try:
        while True:
            stream.seek(at)
            piece = stream.read(PIECE_BYTES)
            if not piece:
                break
            parser.feed(piece)
            at += len(piece)
            if at - expat.CurrentByteIndex > MAX_TOKEN_BYTES:
                raise FilePlace(expat.CurrentLineNumber).error(
                    "file_malformed", f"a tag or comment is longer than {MAX_TOKEN_BYTES >> 10} KiB"
                )
            yield
        parser.close()
        target.finish_document(at)
    except EnoughRefusedError:
        pass  # records that ended earlier are returned below
    except ParseError as error:
        if encoding is None:
            _check_encoding(stream)
        raise FilePlace(error.position[0]).error(
            "file_malformed",
            f"the XML is not well-formed at column {error.position[1] + 1}, or the file ends too "
            "early",
            fix="Run the export again. This error also appears while a file is still being "
            "written.",
        ) from None
    except DefusedXmlException:
        raise MappingError(
            "the file declares a DTD or entities, which exports do not have",
            code="file_malformed",
            where=f"line {expat.CurrentLineNumber}",
        ) from None
    except (LookupError, ValueError):
        raise MappingError(
            "the file is in an encoding that cannot be read",
            code="file_encoding",
            fix="Export it again as UTF-8.",
        ) from None
    yield


def _check_encoding(stream: BinaryIO) -> None:
    """Raise ``file_encoding`` if the encoding is the fault. A declared encoding is trusted."""
    stream.seek(0)
    declaration = stream.read(200).partition(b"?>")[0]
    named = re.search(rb"""encoding\s*=\s*["']([^"']*)["']""", declaration)
    if named is None or named[1].lower() in (b"utf-8", b"us-ascii", b"ascii"):
        check_encoding(stream, legacy=None)


def _place_value(record: Element, column: str, value: object, columns: Columns) -> None:
    if value is None or value in ("", []):
        return
    if column not in columns.lists:
        if isinstance(value, list | Mapping):
            raise FilePlace(0, column).error("invalid_value", "a single value is expected here")
        _place_text(record, column, value, column)
        return
    *above, last = segments(column)
    node = _below(record, above)
    for item in value if isinstance(value, list) else [value]:
        inner = SubElement(node, last)
        if isinstance(item, Mapping):
            for path, part in item.items():
                if part is not None and part != "":
                    _place_text(inner, str(path), part, column)
        else:
            inner.text = _checked(item, column)


def _place_text(element: Element, path: str, value: object, column: str) -> None:
    """Place a text at a path below an element."""
    text = _checked(value, column)
    if path == OWN_TEXT:
        element.text = text
        return
    *above, last = segments(path)
    if last.startswith("@"):
        _below(element, above).set(last[1:], text)
    else:
        _below(element, [*above, last]).text = text


def _below(element: Element, names: Sequence[str]) -> Element:
    for name in names:
        child = element.find(name)
        element = SubElement(element, name) if child is None else child
    return element


def _checked(value: object, column: str) -> str:
    """Return a value as text. Raises MappingError(invalid_value) for a character that XML lacks."""
    text = str(value)
    if isinstance(value, list | Mapping) or _NOT_IN_XML.search(text):
        raise FilePlace(0, column).error("invalid_value", "a character that XML does not have")
    return text
