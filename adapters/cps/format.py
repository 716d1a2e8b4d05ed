"""The case export of the prosecution service: namespaced XML to flat records and back.

A record is a ``Case`` element; its values are named by their path below it (``Charging/Decision``).
XML that is not well-formed says nothing reliable about any of its cases, so a half-written file is
refused as a whole; a case that merely holds something unknown is rejected alone. DTDs and entities
are refused (CVE-2013-1664, billion laughs), and so is nesting deeper than the schema's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import ParseError  # the exception only; defusedxml parses

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from adapters.base import MappingError, Rejected, Row
from adapters.cps.nodes import MAX_DEPTH, TreeTarget, XmlNode, text_of_tree
from adapters.mapping import Place, RowMapping
from adapters.mapping.encoding import check_size

NAMESPACE = "urn:example:cps:case-export:3"
ROOT, CASE = "CaseExport", "Case"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

ITEM_NAMES = {
    "Recipients": "Agency",
    "HateCrime/Flags": "Flag",
    "HateCrime/LinkedFactors": "Factor",
    "File/Forms": "Form",
    "File/Offences": "Offence",
    "Defendants": "Defendant",
    "Received/NotShared": "Element",
}
"""Element of one item of a list; others are called Item."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Which paths a case may have.

    Attributes:
        paths: of every value, in order.
        lists: those that hold items.
        sections: proper prefixes of the paths.
    """

    paths: tuple[str, ...]
    lists: frozenset[str]
    sections: frozenset[str] = field(default_factory=frozenset)


def schema_of(mapping: RowMapping) -> Schema:
    """The paths that a mapping file declares."""
    document = mapping.document
    lists = {
        c.column for c in document.columns if c.kind in ("codes", "texts", "records", "leaves")
    }
    lists |= {document.roles.recipients, document.roles.not_shared}
    paths = mapping.known_columns
    sections = {path.rpartition("/")[0] for path in paths} - {""}
    return Schema(paths, frozenset(lists), frozenset(sections))


def parse_export(content: bytes, schema: Schema) -> Iterator[Row | Rejected]:
    """Bytes to rows; the whole file is checked before the first row is given.

    Raises:
        MappingError: file_empty, file_too_large, file_encoding, file_malformed.
    """
    check_size(content)
    root = _parse(content)
    if root.name != ROOT or root.namespace != NAMESPACE:
        raise Place(root.line).error(
            "file_malformed",
            f"the file is not a {ROOT} of {NAMESPACE}",
            fix="Check that this is the right file, and the version of the export's schema.",
        )
    return (_row(node, schema) for node in root.children)


def _parse(content: bytes) -> XmlNode:
    target = TreeTarget()
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    target.line = lambda: int(parser.parser.CurrentLineNumber)
    try:
        parser.feed(content)
        root = parser.close()
    except ParseError as error:
        line, _ = error.position
        raise Place(line).error(
            "file_malformed",
            "the XML is not well-formed, or the file ends too early",
            fix="Run the export again; a file still being written looks like this.",
        ) from None
    except DefusedXmlException:
        raise MappingError(
            "the file declares a DTD or entities, which exports do not have", code="file_malformed"
        ) from None
    except (LookupError, ValueError):
        raise MappingError(
            "the file is in an encoding that cannot be read",
            code="file_encoding",
            fix="Export it again as UTF-8.",
        ) from None
    assert isinstance(root, XmlNode)
    return root


def _row(node: XmlNode, schema: Schema) -> Row | Rejected:
    raw = DECLARATION + text_of_tree(XmlNode(ROOT, NAMESPACE, 1, children=[node]))
    place = Place(node.line)
    try:
        if node.name != CASE or node.namespace != NAMESPACE:
            raise place.error("unknown_column", f"an element other than {CASE} stands here")
        values: dict[str, object] = dict.fromkeys(schema.paths, "")
        _collect(node, "", schema, values, set())
    except MappingError as error:
        return Rejected(node.line, raw, error)
    return Row(node.line, values, raw)


def _collect(
    node: XmlNode, prefix: str, schema: Schema, values: dict[str, object], seen: set[str]
) -> None:
    if node.text:
        raise Place(node.line, prefix).error("row_malformed", "text stands between elements")
    for child in node.children:
        path = prefix + child.name
        place = Place(child.line, path if path in schema.paths else "")
        known = path in schema.paths or path in schema.sections
        if not known or child.namespace != NAMESPACE or child.attributes:
            raise place.error("unknown_column", "an element or attribute that the mapping lacks")
        if path in seen:
            raise place.error("row_malformed", "an element appears twice")
        seen.add(path)
        if path in schema.lists:
            if child.text:
                raise place.error("row_malformed", "a list holds elements, not text")
            values[path] = [_item(item, place) for item in child.children]
        elif path in schema.sections:
            _collect(child, path + "/", schema, values, seen)
        else:
            values[path] = _scalar(child, place)


def _item(node: XmlNode, place: Place) -> object:
    if not node.children:
        return _scalar(node, place)
    names = [child.name for child in node.children]
    if node.text or len(set(names)) != len(names):
        raise place.error("row_malformed", "an item holds each of its elements once, and no text")
    return {child.name: _scalar(child, place) for child in node.children}


def _scalar(node: XmlNode, place: Place) -> str:
    if node.children or node.attributes or node.namespace != NAMESPACE:
        raise place.error("row_malformed", "a text is expected here, and nothing else")
    return node.text


def format_file(rows: Sequence[Mapping[str, object]], schema: Schema) -> bytes:
    """Records to bytes, in UTF-8; empty values become no element.

    Raises:
        MappingError: invalid_value for a character that XML does not have.
    """
    root = XmlNode(ROOT, NAMESPACE, 0)
    for row in rows:
        case = XmlNode(CASE, NAMESPACE, 0)
        for path in schema.paths:
            _place_value(case, path, row.get(path, ""))
        root.children.append(case)
    return (DECLARATION + text_of_tree(root)).encode()


def _place_value(case: XmlNode, path: str, value: object) -> None:
    if value in ("", []):
        return
    node = case
    for name in path.split("/"):
        node = next((c for c in node.children if c.name == name), None) or node.child(name)
    if not isinstance(value, list):
        node.write(str(value), path)
        return
    for item in value:
        inner = node.child(ITEM_NAMES.get(path, "Item"))
        if isinstance(item, Mapping):
            for name, part in item.items():
                inner.child(str(name)).write(str(part), path)
        else:
            inner.write(str(item), path)


__all__ = ["MAX_DEPTH", "NAMESPACE", "Schema", "format_file", "parse_export", "schema_of"]
