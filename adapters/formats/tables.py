"""Checks of values that are written into the cells of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from adapters.base import FilePlace
from adapters.formats.record_format import Columns

_NOT_IN_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def check_cells(rows: Sequence[Mapping[str, object]], columns: Columns) -> None:
    """Refuse values that a table cannot hold: lists, objects and control characters.

    Raises:
        MappingError: invalid_value.
    """
    for row in rows:
        for name in columns.known:
            value = row.get(name, "")
            if isinstance(value, list | Mapping):
                raise FilePlace(0, name).error("invalid_value", "a cell holds one text, no list")
            if _NOT_IN_TEXT.search(str(value)):
                raise FilePlace(0, name).error(
                    "invalid_value", "a control character, which the file cannot hold"
                )
