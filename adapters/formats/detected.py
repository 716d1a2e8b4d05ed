"""Result of the detection of a sample's format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.base import Row
from adapters.formats.settings import FormatSettings

SAMPLE_ROWS: Final = 200
"""Records of a sample that are looked at."""


@dataclass(frozen=True, slots=True)
class Detected:
    """Format of a sample.

    Attributes:
        settings: the ``format:`` part of a mapping file that reads it.
        header: its columns, in order.
        rows: its first records, at most ``SAMPLE_ROWS``.
        unread: number of the first records that cannot be read.
        notes: what was detected, in words; no value of a record.
    """

    settings: FormatSettings
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    unread: int = 0
