"""Report beside an export: which fields were not sent, to whom, and why. It holds no values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from contracts.left_out import FieldLeftOut

MAX_LINES: Final = 100
"""Lines that are named for one field, agency and reason; ``records`` counts them all."""


@dataclass(slots=True)
class _Where:
    records: int = 0
    lines: list[int] = field(default_factory=list)


class LeftOutReport:
    """Collects what was left out of one file. It is bounded: fields times agencies times reasons.

    A file that is dropped again gives the same report, because the contract decides and not what
    happened to be published already.
    """

    def __init__(self) -> None:
        self._where: dict[FieldLeftOut, _Where] = {}

    def add(self, line: int, left_out: Iterable[FieldLeftOut]) -> None:
        """Note what was left out of one record."""
        for one in left_out:
            where = self._where.setdefault(one, _Where())
            where.records += 1
            if len(where.lines) < MAX_LINES:
                where.lines.append(line)

    @property
    def fields(self) -> int:
        """How many fields were left out of some record."""
        return len({one.field for one in self._where})

    def format(self, sha256: str) -> bytes | None:
        """The file's content, None if nothing was left out.

        Args:
            sha256: of the export, hexadecimal.
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
