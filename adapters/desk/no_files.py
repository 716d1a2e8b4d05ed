"""Adapter without a file format: the desk exchanges no files.

``broker.agency.config_rules`` refuses sides with files for this kind. So no running adapter calls
a method that reads or writes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from adapters.base import Context, Export, MappingError, Outgoing, Records, Row
from broker.agency.config_sections import DESK
from broker.event import OpenedEvent


class NoFiles:
    """The kind ``desk``; see ``AgencyAdapter``."""

    name: Final = DESK
    suffixes: Final[Sequence[str]] = ()
    mapping_version: Final = "none"

    def read(self, export: Export, encoding: str | None = None) -> Records:
        """Refuse a file.

        Raises:
            MappingError: `unknown_kind`.
        """
        _refuse()

    def to_event(self, row: Row, context: Context) -> Outgoing | None:
        """Refuse a row.

        Raises:
            MappingError: `unknown_kind`.
        """
        _refuse()

    def from_event(self, event: OpenedEvent, context: Context) -> bytes:
        """Refuse to write a file.

        Raises:
            MappingError: `unknown_kind`.
        """
        _refuse()

    def read_back(self, content: bytes) -> Sequence[Mapping[str, object]]:
        """Refuse a file.

        Raises:
            MappingError: `unknown_kind`.
        """
        _refuse()


def _refuse() -> NoReturn:
    raise MappingError(
        "An agency with a desk exchanges no files.",
        code="unknown_kind",
        fix="Enter the content at the desk, or choose the kind of the agency's own system.",
    )
