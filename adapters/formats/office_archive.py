"""Bounded reader of the parts of an office file: a ZIP archive of XML documents.

The number of entries, the unpacked size and the form of compression are checked before anything is
unpacked (ZIP bomb). DTDs and entities are refused.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, Protocol, cast
from xml.etree.ElementTree import ParseError  # defusedxml does the parsing
from xml.parsers.expat import XMLParserType  # only the type; defusedxml makes the parser

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from adapters.base import MappingError
from adapters.limits import MAX_DEPTH, MAX_NAMES, MAX_NAMESPACE, MAX_TOKEN_BYTES, MAX_UNPACKED_BYTES
from adapters.packed_files import MAX_ENTRIES, SmallReads, UnsearchableError

PIECE_BYTES: Final = 64 * 1024
MAX_NESTED: Final = 16 * MAX_DEPTH
"""Nested elements of an XML part."""
_AGAIN: Final = "Open the file in a spreadsheet program and save it again, without a password."


class PartTarget(Protocol):
    """Handler of one XML part."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element; names have no namespace."""

    def end(self, name: str) -> None:
        """Handle its end."""

    def data(self, text: str) -> None:
        """Handle text."""


def malformed(detail: str, *, fix: str = _AGAIN, where: str | None = None) -> MappingError:
    """Return the refusal of a whole spreadsheet."""
    return MappingError(detail, code="file_malformed", fix=fix, where=where)


class OfficeArchive:
    """An opened office file."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._entries = {entry.filename: entry for entry in archive.infolist()}
        self._left = MAX_UNPACKED_BYTES

    def has(self, name: str) -> bool:
        """Return whether a part exists."""
        return name in self._entries

    def feed(self, name: str, target: PartTarget) -> Iterator[None]:
        """Parse a part in pieces and pause after each piece.

        Raises:
            MappingError: file_malformed, file_too_large.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise malformed("a part of the spreadsheet is missing")
        if entry.flag_bits & 1 or entry.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise malformed("the spreadsheet is encrypted or packed in an unusual form")
        self._left -= entry.file_size  # `zipfile` unpacks at most this number of bytes
        if self._left < 0:
            raise MappingError(
                f"the spreadsheet unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB",
                code="file_too_large",
                fix="Export fewer rows at a time, or as CSV.",
            )
        with self._archive.open(entry) as part:
            yield from _parse(cast("BinaryIO", part), target)

    def read(self, name: str, target: PartTarget) -> None:
        """Parse a whole part."""
        for _ in self.feed(name, target):
            pass


@contextmanager
def open_archive(stream: BinaryIO) -> Iterator[OfficeArchive]:
    """Open an office file.

    Raises:
        MappingError: file_malformed: it is not one.
    """
    try:
        with zipfile.ZipFile(cast("BinaryIO", SmallReads(stream))) as archive:
            if len(archive.infolist()) > MAX_ENTRIES:
                raise malformed("the file has too many parts")
            yield OfficeArchive(archive)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        UnsearchableError,
        ValueError,
        OverflowError,
    ):
        raise malformed("the file is not a whole spreadsheet, or it is encrypted") from None


def _parse(part: BinaryIO, target: PartTarget) -> Iterator[None]:
    parser = DefusedXMLParser(target=object(), forbid_dtd=True)
    expat = parser.parser
    _attach(expat, target)
    at = 0
    try:
        while piece := part.read(PIECE_BYTES):
            parser.feed(piece)
            at += len(piece)
            if at - expat.CurrentByteIndex > MAX_TOKEN_BYTES:
                raise malformed("an XML tag of the spreadsheet is too long")
            yield
        parser.close()
    except (ParseError, DefusedXmlException, LookupError):
        raise malformed("the XML of the spreadsheet is broken") from None
    yield


def _attach(expat: XMLParserType, target: PartTarget) -> None:
    depth = 0
    names: dict[str, str] = {}

    def local(name: str) -> str:
        found = names[name] = name.rpartition("}")[2]
        if len(names) > MAX_NAMES:  # the parser keeps every name until it is destroyed
            raise malformed("the XML of the spreadsheet has too many different names")
        return found

    def start(tag: str, attributes: list[str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_NESTED:
            raise malformed("the XML of the spreadsheet is nested too deeply")
        found: dict[str, str] = {}
        for index in range(0, len(attributes), 2):
            name = attributes[index]
            found[names.get(name) or local(name)] = attributes[index + 1]
        target.start(names.get(tag) or local(tag), found)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        target.end(names[tag])

    def namespace(prefix: str | None, uri: str | None) -> None:
        local(f"{prefix} {(uri or '')[:MAX_NAMESPACE]}")

    expat.StartNamespaceDeclHandler = namespace
    expat.StartElementHandler = start
    expat.EndElementHandler = end
    expat.CharacterDataHandler = target.data
    expat.CommentHandler = lambda _text: None
    expat.ProcessingInstructionHandler = lambda _target, _text: None
    expat.DefaultHandlerExpand = None
