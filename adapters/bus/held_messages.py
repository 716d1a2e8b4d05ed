"""Refused messages of the bus in the quarantine folder, and those that a person retries.

A refused message is a file of the quarantine folder with its reason beside it, as a refused export
is: `status` counts it, `quarantine list` shows it, and `quarantine retry` moves it into the import
folder. There the adapter takes it again. Nothing is overwritten. No format of exports has the
ending of these files, so a folder that is the source leaves them alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, TypeAlias

from adapters.sources.shelving import FILE_MODE, FOLDER_MODE, shelve
from broker.held.reason_file import REASON, FileReason, RowReason, format_reason
from broker.keys.durable import sync_folder
from contracts.errors import ConcordantError

HeldKind: TypeAlias = Literal["event", "result"]
_NAME: Final = re.compile(r"bus-(event|result)-([0-9a-f]{24})(?:\.[0-9a-f]+)?\.cloudevent")
MOST_BYTES: Final = 17_825_792


@dataclass(frozen=True, slots=True)
class Retaken:
    """A message that a person wants to be tried again.

    Attributes:
        path: its file in the import folder.
        kind: what it holds.
        body: its bytes.
    """

    path: Path
    kind: HeldKind
    body: bytes


class HeldMessages:
    """The refused messages.

    Args:
        import_: the folder in which retried ones are.
        quarantine: the folder of refused ones.
        processed: the folder of those that were taken.
    """

    def __init__(self, import_: Path, quarantine: Path, processed: Path) -> None:
        self._import = import_
        self._quarantine = quarantine
        self._processed = processed

    def hold(self, kind: HeldKind, body: bytes, error: ConcordantError) -> None:
        """Store a refused message; a repeat of the same bytes is stored once.

        Raises:
            OSError: nothing was stored.
        """
        name = f"bus-{kind}-{sha256(body).hexdigest()[:24]}.cloudevent"
        self._quarantine.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        _write(self._quarantine / f"{name}{REASON}", _reason(name, body, error))
        _write(self._quarantine / name, body)
        sync_folder(self._quarantine)

    def retried(self, kind: HeldKind) -> Sequence[Path]:
        """Return the files that were moved into the import folder, in the order of their names.

        Raises:
            OSError: the folder cannot be read.
        """
        try:
            with os.scandir(self._import) as entries:
                names = sorted(entry.name for entry in entries)
        except FileNotFoundError:
            return ()
        found = ((name, _NAME.fullmatch(name)) for name in names)
        return [self._import / name for name, match in found if match and match[1] == kind]

    def read(self, path: Path, kind: HeldKind) -> Retaken | None:
        """Return a message of the import folder; None if it is not there, or not whole yet.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            body = file.read(MOST_BYTES)
        # `quarantine retry` makes a placeholder, and fills it in a moment
        return Retaken(path, kind, body) if body else None

    def taken(self, message: Retaken) -> None:
        """Put away a message that was accepted."""
        _put_away(message, self._processed)

    def refused(self, message: Retaken, error: ConcordantError) -> None:
        """Put a message that was refused again back into the quarantine folder."""
        reason = _reason(message.path.name, message.body, error)
        _put_away(message, self._quarantine, reason)


def _put_away(message: Retaken, folder: Path, reason: bytes | None = None) -> None:
    """Move the file of a message. One that a person took away meanwhile is done."""
    if not os.path.lexists(message.path):
        return
    try:
        shelve(message.path, folder, _token(message.body), reason)
    except FileNotFoundError:
        if os.path.lexists(message.path):
            raise


def _token(body: bytes) -> str:
    return sha256(body).hexdigest()[24:36]


def _reason(name: str, body: bytes, error: ConcordantError) -> bytes:
    row = RowReason(1, error.code, error.where, error.detail)
    return format_reason(
        FileReason(name, sha256(body).hexdigest(), error.code, error.detail, (row,))
    )


def _write(target: Path, content: bytes) -> None:
    hidden = target.with_name(f".{target.name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(hidden, flags, FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    hidden.replace(target)
