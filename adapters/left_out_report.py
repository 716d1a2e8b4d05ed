"""Report beside an export: fields that were not sent, recipients and reasons, but no values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from contracts.policy import LeftOut

MAX_LINES: Final = 100
"""Number of lines that are listed for one field, agency and reason; ``records`` counts all."""


@dataclass(slots=True)
class _Where:
    records: int = 0
    lines: list[int] = field(default_factory=list)


class LeftOutReport:
    """Collects the fields left out of one file. Its size is bounded: fields x agencies x reasons.

    The same file always gives the same report: only the contract decides, and not which rows were
    published before.
    """

    def __init__(self) -> None:
        self._where: dict[LeftOut, _Where] = {}

    def add(self, line: int, left_out: Iterable[LeftOut]) -> None:
        """Record the fields left out of one record."""
        for one in left_out:
            where = self._where.setdefault(one, _Where())
            where.records += 1
            if len(where.lines) < MAX_LINES:
                where.lines.append(line)

    @property
    def fields(self) -> int:
        """Return the number of fields that were left out of any record."""
        return len({one.path for one in self._where})

    def format(self, sha256: str) -> bytes | None:
        """Return the file's content, or None if nothing was left out.

        Args:
            sha256: hash of the export, hexadecimal.
        """
        if not self._where:
            return None
        report = {
            "sha256": sha256,
            "left_out": [
                one.as_json() | {"records": where.records, "lines": where.lines}
                for one, where in sorted(self._where.items())
            ],
        }
        return json.dumps(report, indent=2).encode() + b"\n"
