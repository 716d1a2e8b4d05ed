"""Reader and writer of the prosecution service's case export: namespaced XML and flat records.

A record is a ``Case`` element. The path below it names each value (``Charging/Decision``). XML that
is not well-formed is refused as a whole file, because none of its cases can be trusted. A case with
an unknown element is refused alone. ``adapters.cps.case_parser`` defines what a file may contain.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO
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
from adapters.cps.case_parser import (
    CASE,
    NAMESPACE,
    ROOT,
    CaseTarget,
    EnoughRefusedError,
    Schema,
)
from adapters.formats.encoding import as_stream, check_size, check_text, check_wide
from adapters.limits import MAX_TOKEN_BYTES
from adapters.mapping import RowMapping

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
PIECE_BYTES = 64 * 1024

ITEM_NAMES = {
    "Recipients": "Agency",
    "HateCrime/Flags": "Flag",
    "HateCrime/LinkedFactors": "Factor",
    "File/Forms": "Form",
    "File/Offences": "Offence",
    "Defendants": "Defendant",
    "Received/NotShared": "Element",
}
"""Element name of one list item; items of other lists are called Item."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def schema_of(mapping: RowMapping) -> Schema:
    """Return the paths that a mapping file declares."""
    document = mapping.document
    lists = {
        c.column for c in document.columns if c.kind in ("codes", "texts", "records", "leaves")
    }
    roles = document.roles
    lists |= {roles.recipients, roles.not_shared, roles.unlisted} - {""}
    paths = mapping.known_columns
    return Schema(
        paths=paths,
        items={path: ITEM_NAMES.get(path, "Item") for path in paths if path in lists},
        parts={c.column: frozenset(p.column for p in c.parts) for c in document.columns if c.parts},
    )


def parse_export(export: Export, schema: Schema, encoding: str | None = None) -> Records:
    """Parse bytes to rows. The whole file is checked before the first row is returned.

    Args:
        export: the file.
        schema: result of ``schema_of``.
        encoding: encoding that the agency states, if any; otherwise the file states it.

    Raises:
        MappingError: file_empty, file_too_large, file_encoding, file_malformed, unknown_column.
    """
    stream = as_stream(export)
    check_size(stream)
    check_wide(stream)
    target = CaseTarget(schema)
    for _ in _feed(stream, target, encoding):
        target.forget()
    stream.seek(0)
    head = stream.read(target.head_end)
    name = re.match(rb"<([^\s/>]+)", head[target.root_start :])
    tail = b"</" + name[1] + b">\n" if name else b""
    return Records(lambda: _parse(stream, schema, encoding), head=head, tail=tail)


def _parse(stream: BinaryIO, schema: Schema, encoding: str | None) -> Iterator[Row | Rejected]:
    """Yield each case as it ends; the last item represents the part that is not read."""
    target = CaseTarget(schema)
    for _ in _feed(stream, target, encoding):
        yield from target.ended()
    if target.stopped is not None:
        start, line = target.stopped
        unread = FilePlace(line).error("rest_put_aside", "the file is not read from this line on")
        yield Rejected(line, unread, start, stream.seek(0, io.SEEK_END), torn=True)


def _feed(stream: BinaryIO, target: CaseTarget, encoding: str | None) -> Iterator[None]:
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
    except EnoughRefusedError:
        pass  # cases that ended earlier are returned below
    except ParseError as error:
        if encoding is None:
            _check_encoding(stream)
        raise FilePlace(error.position[0]).error(
            "file_malformed",
            "the XML is not well-formed, or the file ends too early",
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
        check_text(stream, legacy=None)


def format_file(rows: Sequence[Mapping[str, object]], schema: Schema) -> bytes:
    """Write records as UTF-8 bytes; empty values get no element.

    Raises:
        MappingError: ``invalid_value`` for a character that XML does not have.
    """
    root = Element(ROOT, {"xmlns": NAMESPACE})
    for row in rows:
        case = SubElement(root, CASE)
        for path in schema.paths:
            _place_value(case, path, row.get(path, ""))
    indent(root)
    return f"{DECLARATION}{tostring(root, 'unicode', short_empty_elements=False)}\n".encode()


def _place_value(case: Element, path: str, value: object) -> None:
    if value in ("", []):
        return
    node = case
    for name in path.split("/"):
        child = node.find(name)
        node = SubElement(node, name) if child is None else child
    if not isinstance(value, list):
        node.text = _checked(value, path)
        return
    for item in value:
        inner = SubElement(node, ITEM_NAMES.get(path, "Item"))
        if isinstance(item, Mapping):
            for name, part in item.items():
                SubElement(inner, str(name)).text = _checked(part, path)
        else:
            inner.text = _checked(item, path)


def _checked(value: object, path: str) -> str:
    """Return a value as text. Raises MappingError(invalid_value) for a character that XML lacks."""
    text = str(value)
    if _NOT_IN_XML.search(text):
        raise FilePlace(0, path).error("invalid_value", "a character that XML does not have")
    return text
