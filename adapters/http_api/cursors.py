"""Cursors of `GET /events`: the place of a reader in the order in which events were offered.

A cursor is opaque to clients. It holds the number of an offer and the name of the state database's
history. That name changes when the agency is restored from a backup, because the numbers after the
backup are then given again. A cursor of another history is refused, so that no event is skipped.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path
from typing import Final

from adapters.http_api.problems import ApiError
from broker.agency.restored import restore_record

_HISTORY_BYTES: Final = 6
_NUMBER_BYTES: Final = 8
_BYTES: Final = _HISTORY_BYTES + _NUMBER_BYTES
_CHARACTERS: Final = 19


class Cursors:
    """Writes and reads the cursors of one agency's state.

    Args:
        root: the agency's folder, whose record of a restore names the history.
        agency: the agency's id.
    """

    def __init__(self, root: Path, agency: str) -> None:
        record = restore_record(root)
        restored = "" if record is None else f"{record.backup} {record.restored}"
        self._history = sha256(f"cursor\0{agency}\0{restored}".encode()).digest()[:_HISTORY_BYTES]

    def format(self, number: int) -> str:
        """Return the cursor after the offer of this number; 0 is before the first."""
        raw = self._history + number.to_bytes(_NUMBER_BYTES, "big")
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def parse(self, text: str, last: int) -> int:
        """Return the number of a cursor.

        Args:
            text: the cursor, as a client sent it.
            last: number of the newest offer.

        Raises:
            ApiError: `cursor_invalid` (400), or `cursor_unknown` (410): of another history.
        """
        raw = b""
        if len(text) == _CHARACTERS and text.isascii():
            try:
                raw = base64.urlsafe_b64decode(f"{text}=")
            except ValueError:
                raw = b""
        if len(raw) != _BYTES or base64.urlsafe_b64encode(raw).rstrip(b"=") != text.encode():
            raise ApiError(
                400, "This is not a cursor of this interface.", code="cursor_invalid", where="after"
            )
        number = int.from_bytes(raw[_HISTORY_BYTES:], "big")
        if raw[:_HISTORY_BYTES] != self._history or number > last:
            raise ApiError(
                410,
                "The cursor is from another history of the agency's state, for example from "
                "before a restore.",
                code="cursor_unknown",
                where="after",
            )
        return number
