"""Engine of the versioned mapping files.

Most of an agency's adapter is a YAML file. It declares code tables (both directions), columns and
the fields of a vocabulary that they hold, kinds of row, columns with a special role (own reference,
shared id, partners), and expressions for what one column alone does not say. ``RowMapping`` turns
rows into events and events into rows by that file alone; ``adapters.formats`` reads the files.
"""

from __future__ import annotations

from adapters.formats.delimited import Dialect, read_delimited, write_delimited
from adapters.mapping.adapter import DelimitedAdapter, MappedAdapter, PackagedAdapter
from adapters.mapping.document import (
    MappingDocument,
    MappingFileError,
    load_mapping,
    parse_mapping,
)
from adapters.mapping.linking import MemoryLinks
from adapters.mapping.parts import Column, Kind, Roles, Table
from adapters.mapping.reading import Terms, read_value
from adapters.mapping.rows import RowMapping
from adapters.mapping.source_key import source_key
from adapters.mapping.writing import write_value

__all__ = [
    "Column",
    "DelimitedAdapter",
    "Dialect",
    "Kind",
    "MappedAdapter",
    "MappingDocument",
    "MappingFileError",
    "MemoryLinks",
    "PackagedAdapter",
    "Roles",
    "RowMapping",
    "Table",
    "Terms",
    "load_mapping",
    "parse_mapping",
    "read_delimited",
    "read_value",
    "source_key",
    "write_delimited",
    "write_value",
]
