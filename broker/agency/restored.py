"""Record of a restore in an agency's folder, and the wait that it asks for.

A restored agency lacks what was stated after its backup: manifests of other agencies, and its own
suspensions. So its adapter reads the manifests topic to its end before it takes an export or sends
anything. Then the record says so and stays, for the person who reads the disclosure log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from broker.keys.durable import SECRET_MODE, write_durably
from broker.keys.instant import LAST_INSTANT_MS, format_instant

RESTORED_FILE: Final = "state/restored.json"
_LIMIT_BYTES: Final = 4096


class RestoreRecord(BaseModel):
    """The record.

    Attributes:
        backup: id of the backup.
        taken: time of the backup.
        restored: time of the restore.
        heard: whether the adapter has read the manifests since.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal["concordant.restored/v1"] = "concordant.restored/v1"
    backup: Annotated[str, Field(max_length=128)]
    taken: Annotated[str, Field(max_length=64)]
    restored: Annotated[str, Field(max_length=64)]
    heard: bool = False


def restored_bytes(backup: str, taken: int, restored: int) -> bytes:
    """Return the record of a restore that was just made.

    Args:
        backup: id of the backup.
        taken: time of the backup, milliseconds.
        restored: time of the restore, milliseconds.
    """
    moments = (format_instant(min(ms, LAST_INSTANT_MS)) for ms in (taken, restored))
    return _bytes(RestoreRecord(backup=backup, taken=next(moments), restored=next(moments)))


def restore_record(root: Path) -> RestoreRecord | None:
    """Return the record of an agency's folder; None if it was never restored.

    A record that cannot be read counts as one whose wait is still to come.
    """
    try:
        with (root / RESTORED_FILE).open("rb") as file:
            content = file.read(_LIMIT_BYTES)
    except FileNotFoundError:
        return None
    except OSError:
        content = b""
    try:
        return RestoreRecord.model_validate(orjson.loads(content))
    except ValueError:
        return RestoreRecord(backup="", taken="", restored="")


def note_heard(root: Path) -> None:
    """Record that the adapter has read the manifests.

    Raises:
        OSError: the record cannot be written; the next start waits again.
    """
    record = restore_record(root)
    if record is not None and not record.heard:
        heard = record.model_copy(update={"heard": True})
        write_durably(root / RESTORED_FILE, _bytes(heard), mode=SECRET_MODE)


def _bytes(record: RestoreRecord) -> bytes:
    return orjson.dumps(record.model_dump(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
