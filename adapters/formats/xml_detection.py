"""Detection of the format of an XML sample: the path to its records, and their columns."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element, ParseError  # defusedxml does the parsing

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from adapters.base import MappingError
from adapters.formats.detected import SAMPLE_ROWS
from adapters.formats.encoding import check_size
from adapters.formats.record_format import Columns
from adapters.formats.settings import FormatSettings
from adapters.formats.xml_record import NIL
from adapters.formats.xml_schema import OWN_TEXT
from adapters.limits import MAX_DEPTH

MAX_SAMPLE_BYTES: Final = 8 * 1024 * 1024
MAX_BESIDE: Final = 12
"""Single values that may stand beside the records; an element with more is a record itself."""


def xml_settings(content: bytes) -> tuple[FormatSettings, Columns, list[str]]:
    """Return the settings that read a sample, its columns, and notes in words.

    Raises:
        MappingError: it is not XML, or has no records.
    """
    check_size(io.BytesIO(content))
    if len(content) > MAX_SAMPLE_BYTES:
        raise MappingError(
            f"the sample is larger than {MAX_SAMPLE_BYTES >> 20} MiB",
            code="file_too_large",
            fix="Give a sample of a few hundred records.",
        )
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError):
        raise MappingError(
            "the XML is not well-formed, or it declares a DTD or entities",
            code="file_malformed",
            fix="Run the export again, without a DTD.",
        ) from None
    sample = _Sample(root)
    path = sample.path_to_records()
    records = list(sample.at(path))
    if not any(len(record) or record.attrib for record in records):
        raise MappingError(
            "the document has no records: repeated elements with further elements are expected",
            code="missing_column",
            fix="Export one element for each record, below one root.",
        )
    columns = sample.columns(records[:SAMPLE_ROWS])
    ignored = tuple(dict.fromkeys(sample.beside(path)))
    names = "/".join(path)
    notes = [f"records are the elements {path[-1]} at /{names}"]
    if sample.namespace:
        notes.append("the root has a namespace, which each file must have")
    if ignored:
        notes.append(f"beside the records stand {', '.join(ignored)}: they are ignored")
    prefix = f"{{{sample.namespace}}}" if sample.namespace else ""
    settings = FormatSettings(type="xml", records=f"/{prefix}{names}", ignored=ignored)
    return settings, columns, notes


@dataclass(slots=True)
class _Found:
    """Columns in the order in which they were found, and which of them are repeated."""

    known: dict[str, None] = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)


class _Sample:
    """A parsed document, with names as paths have them."""

    def __init__(self, root: Element) -> None:
        self._root = root
        self.namespace = root.tag.rpartition("}")[0].removeprefix("{")

    def _name(self, element: Element) -> str:
        namespace, _, name = str(element.tag).rpartition("}")
        return name if namespace.removeprefix("{") == self.namespace else str(element.tag)

    def path_to_records(self) -> tuple[str, ...]:
        """Return the names from the root to the records."""
        element = self._root
        path: tuple[str, ...] = (self._name(element),)
        while len(path) < MAX_DEPTH:
            counts = Counter(self._name(child) for child in element)
            inner = {self._name(child) for child in element if len(child) or child.attrib}
            repeated = [name for name in counts if counts[name] > 1 and name in inner]
            if len(repeated) == 1:
                return (*path, repeated[0])
            if len(repeated) > 1:
                raise MappingError(
                    f"more than one element is repeated: {', '.join(repeated)}",
                    code="missing_column",
                    fix="Export one kind of record in each file.",
                )
            nested = [child for child in element if len(child)]
            if len(nested) != 1 or len(element) - 1 > MAX_BESIDE:
                return path
            element = nested[0]
            path = (*path, self._name(element))
            if sum(not len(child) for child in element) > 1:
                return path
        return path

    def at(self, path: tuple[str, ...]) -> Iterator[Element]:
        """Yield the elements at a path."""
        level = [self._root]
        for name in path[1:]:
            level = [child for parent in level for child in parent if self._name(child) == name]
        yield from level

    def beside(self, path: tuple[str, ...]) -> Iterator[str]:
        """Yield the paths of what stands beside the records."""
        for depth in range(1, len(path)):
            where = "/" + "/".join(path[:depth])
            for parent in self.at(path[:depth]):
                yield from (f"{where}/@{name}" for name in parent.attrib)
                for child in parent:
                    if self._name(child) != path[depth]:
                        yield f"{where}/{self._name(child)}"

    def columns(self, records: list[Element]) -> Columns:
        """Return the columns of sample records."""
        found = _Found()
        for record in records:
            self._note_lists(record, "", found)
        for record in records:
            self._note_columns(record, "", found)
        return Columns(tuple(found.known), lists=frozenset(found.lists))

    def _note_lists(self, element: Element, above: str, found: _Found) -> None:
        counts = Counter(self._name(child) for child in element)
        found.lists.update(f"{above}{name}" for name, count in counts.items() if count > 1)
        for child in element:
            path = f"{above}{self._name(child)}"
            if path not in found.lists:
                self._note_lists(child, f"{path}/", found)

    def _note_columns(self, element: Element, above: str, found: _Found) -> None:
        for name in element.attrib:
            if f"@{name}" != NIL:
                found.known.setdefault(f"{above}@{name}")
        if not above and not len(element) and (element.text or "").strip():
            found.known.setdefault(OWN_TEXT)
        for child in element:
            path = f"{above}{self._name(child)}"
            if path in found.lists or not len(child):
                found.known.setdefault(path)
            if path not in found.lists:
                self._note_columns(child, f"{path}/", found)
