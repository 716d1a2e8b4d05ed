"""Adapter of an agency that describes its own system in a mapping file, without Python.

``[adapter] kind = "mapped"`` in ``agency.toml`` chooses it; the file is ``mapping.yaml`` beside
``agency.toml``, or the one that ``mapping`` names. The file says the format of the agency's files,
its columns and its codes (docs/guides/mappings.md). A running adapter takes a changed file at the
next use. If the changed file cannot be used, it goes on with the one before and says so: /readyz,
the log and ``concordant doctor``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from adapters.base import Context, Export, MappingError, Outgoing, Records, Row
from adapters.formats import Columns, RecordFormat, check_columns, format_of
from adapters.mapping.adapter import MappedAdapter
from adapters.mapping.document import (
    MAPPING_BYTES,
    MappingDocument,
    MappingFileError,
    parse_mapping,
)
from adapters.mapping.parts import LIST_KINDS
from adapters.mapping.rows import RowMapping
from broker.observing.logs import logger
from contracts.bounded_file import read_bounded
from contracts.vocabulary.known import Documents

__all__ = ["KIND", "MAPPING_FILE", "OwnMapping", "OwnSystem", "load_own_mapping"]

KIND: Final = "mapped"
MAPPING_FILE: Final = "mapping.yaml"


def load_own_mapping(file: Path, documents: Documents) -> MappingDocument:
    """Load an agency's mapping file.

    Args:
        file: the file.
        documents: places of vocabularies besides those of the software.

    Raises:
        MappingFileError: it cannot be read or used, or names no format.
    """
    raw = read_bounded(file, MAPPING_BYTES, MappingFileError, code="mapping_invalid")
    document = parse_mapping(raw, file.name, documents)
    if document.format is None:
        raise MappingFileError(
            "the mapping file does not say the format of the files, such as `format: {type: csv}`",
            where=f"{file.name}: format",
        )
    return document


class OwnMapping(MappedAdapter):
    """The adapter for one agency's mapping file."""

    def __init__(self, file: Path, documents: Documents) -> None:
        """Load the file.

        Args:
            file: the mapping file.
            documents: places of vocabularies besides those of the software.

        Raises:
            MappingFileError: it cannot be read or used.
        """
        self.name = KIND
        self._log = logger("mapping")
        self._file = file
        self._documents = documents
        self._lock = threading.Lock()
        self._seen = self._signature()
        self._trouble: str | None = None
        self._loaded = _Loaded(load_own_mapping(file, documents))
        self._read_with = self._loaded

    @property
    def suffixes(self) -> Sequence[str]:
        """File name endings of its exports; the first one is that of written files."""
        return self._current().format.suffixes

    @property
    def mapping(self) -> RowMapping:
        """Return the compiled mapping file in use."""
        return self._current().rows

    def trouble(self) -> str | None:
        """Return a code for /readyz while the changed file cannot be used, else None."""
        self._current()
        return self._trouble

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """See ``AgencyAdapter.read``."""
        loaded = self._read_with = self._current()
        return loaded.format.read(export, loaded.columns, encoding)

    def to_event(self, row: Row, context: Context) -> Outgoing | None:
        """See ``AgencyAdapter.to_event``. All rows of a file are mapped as the file was read."""
        return self._read_with.rows.to_event(row, context)

    def write(
        self, rows: Sequence[Mapping[str, object]], *, header: Sequence[str] | None = None
    ) -> bytes:
        """See ``MappedAdapter.write``."""
        loaded = self._current()
        return loaded.format.write(rows, loaded.written if header is None else Columns(header))

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """See ``AgencyAdapter.read_back``."""
        loaded = self._current()
        # Written files are UTF-8, whatever encoding the file states for exports.
        records = loaded.format.read(content, loaded.written, "utf-8")
        return [row.values for row in records if isinstance(row, Row)]

    def _current(self) -> _Loaded:
        """Return the mapping in use, after a look at the file."""
        signature = self._signature()
        if signature == self._seen:
            return self._loaded
        with self._lock:
            if signature != self._seen:
                self._seen = signature
                try:
                    self._loaded = _Loaded(load_own_mapping(self._file, self._documents))
                    self._trouble = None
                    self._log.info("mapping_loaded")
                except MappingFileError as error:
                    self._trouble = error.code
                    self._log.error("mapping_not_taken", code=error.code)
        return self._loaded

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


class _Loaded:
    """One version of the file, compiled."""

    def __init__(self, document: MappingDocument) -> None:
        assert document.format is not None
        self.rows = RowMapping(document)
        self.format: RecordFormat = format_of(document.format)
        lists = {c.column for c in document.columns if c.kind in LIST_KINDS}
        roles = document.roles
        lists |= {roles.recipients, roles.not_shared, roles.unlisted} - {""}
        lists |= set(document.ignored)  # whatever an ignored column holds is not read
        self.columns = Columns(
            self.rows.known_columns,
            self.rows.export_columns,
            self.rows.multiline_columns,
            frozenset(lists),
        )
        self.written = Columns(
            self.rows.written_columns, (), self.rows.multiline_columns, frozenset(lists)
        )
        for columns in (self.columns, self.written):
            try:
                check_columns(document.format, columns)
            except MappingError as error:
                raise MappingFileError(error.detail, where="columns", fix=error.fix) from None


class OwnSystem:
    """Entry point of the kind ``mapped``: makes the adapter for one agency's folder."""

    name = KIND

    def for_agency(self, folder: Path, mapping: str | None, documents: Documents) -> OwnMapping:
        """Return the adapter of an agency.

        Args:
            folder: the agency's folder.
            mapping: path of the mapping file from there, as ``agency.toml`` states it.
            documents: places of vocabularies besides those of the software.

        Raises:
            MappingFileError: the file cannot be read or used.
        """
        return OwnMapping(folder / (mapping or MAPPING_FILE), documents)


ADAPTER: Final = OwnSystem()
"""The object that the entry-point group ``concordant.adapters`` loads."""
