"""Files by which a command sees and ends the sessions of running servers of an agency.

Each server writes a list of its sessions, and holds a lock beside it. A command writes until when
sessions of a person have ended; every server reads that before it answers a request.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from broker.errors import ConfigError, StoreError
from broker.keys.durable import SECRET_MODE, files_in, make_private_folder, write_durably
from broker.keys.instant import LAST_INSTANT_MS
from broker.observing.logs import logger
from broker.store.exclusion import exclusive, is_held

FOLDER: Final = "state/web-sessions"
KEPT_MS: Final = 24 * 60 * 60 * 1000
"""Time after which an end is forgotten; every session has had its time by then."""
_ENDED: Final = "ended.json"


class ListedSession(BaseModel):
    """A session as a command sees it.

    Attributes:
        person: id of the person.
        vouched: who vouches for the identity; see ``Person``.
        began_ms: when the person signed in.
        used_ms: last request, to the minute.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    person: str
    vouched: str
    began_ms: int
    used_ms: int


class EndedSessions(BaseModel):
    """Sessions that began at these times, or before, have ended.

    Attributes:
        everyone: for every person, ms since the epoch; -1 for none.
        people: for one person, by id.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    everyone: int = -1
    people: Mapping[str, int] = Field(default_factory=dict)


_LIST: Final = TypeAdapter(tuple[ListedSession, ...])


class SessionFiles:
    """The files of one server. Not safe for threads: ``WebSessions`` has a lock.

    Args:
        root: the agency's folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER
        self._file = self._folder / f"{secrets.token_hex(8)}.json"
        self._held = ExitStack()
        self._is_open = False
        self._seen: object = None
        self._ends = EndedSessions()
        self._log = logger("web")

    def write(self, sessions: Sequence[ListedSession]) -> None:
        """Replace the list. A folder that cannot be written is logged: people can sign in still."""
        try:
            if not self._is_open:
                make_private_folder(self._folder)
                self._held.enter_context(exclusive(_lock_of(self._file)))
                self._is_open = True
            write_durably(self._file, _LIST.dump_json(tuple(sessions)), mode=SECRET_MODE)
        except (OSError, StoreError) as error:
            self._log.warning("web_sessions_not_listed", exc_info=error)

    def ended_ms(self, person: str) -> int:
        """Return until when sessions of a person have ended; -1 if no command has ended any.

        A file that cannot be read ends every session: an end is never lost.
        """
        file = self._folder / _ENDED
        try:
            found = file.stat()
            seen: object = (found.st_mtime_ns, found.st_ino, found.st_size)
        except FileNotFoundError:
            return -1
        if seen != self._seen:
            try:
                self._ends = _ends_in(file)
            except ConfigError as error:
                self._log.error("web_sessions_not_known", exc_info=error)
                self._ends = EndedSessions(everyone=LAST_INSTANT_MS)
            self._seen = seen
        return max(self._ends.everyone, self._ends.people.get(person, -1))

    def close(self) -> None:
        """Remove the list."""
        self._held.close()
        for file in (self._file, _lock_of(self._file)):
            file.unlink(missing_ok=True)


def listed_sessions(root: Path) -> Sequence[ListedSession]:
    """Return the sessions of every running server of an agency, the one that began last first.

    Raises:
        ConfigError: `sessions_unreadable`.
    """
    found: list[ListedSession] = []
    for file in files_in(root / FOLDER, "*.json"):
        if file.name == _ENDED:
            continue
        if is_held(_lock_of(file)):
            found += _read(file)
        else:  # its server has died
            for one in (file, _lock_of(file)):
                one.unlink(missing_ok=True)
    return sorted(found, key=lambda one: one.began_ms, reverse=True)


def end_sessions(root: Path, person: str | None, now: int) -> Sequence[ListedSession]:
    """End the sessions that have begun until now; return those that were listed.

    Args:
        root: the agency's folder.
        person: id of a person; None for everyone.
        now: ms since the epoch.

    Raises:
        ConfigError: `sessions_unreadable`: nothing was ended.
        StoreError: `store_unusable`: the folder cannot be written; nothing was ended.
    """
    ended = [one for one in listed_sessions(root) if person in (None, one.person)]
    file = root / FOLDER / _ENDED
    with exclusive(_lock_of(file), wait=True):  # another command may write an end too
        ends = _ends_in(file) if file.exists() else EndedSessions()
        people = {one: at for one, at in ends.people.items() if now - at < KEPT_MS}
        if person is None:
            ends = EndedSessions(everyone=now, people=people)
        else:
            ends = EndedSessions(everyone=ends.everyone, people={**people, person: now})
        write_durably(file, ends.model_dump_json().encode(), mode=SECRET_MODE)
    return ended


def _read(file: Path) -> tuple[ListedSession, ...]:
    try:
        return _LIST.validate_json(file.read_bytes())
    except FileNotFoundError:  # its server has just ended
        return ()
    except (OSError, ValidationError):
        raise _unusable(file) from None


def _ends_in(file: Path) -> EndedSessions:
    try:
        return EndedSessions.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        raise _unusable(file) from None


def _unusable(file: Path) -> ConfigError:
    return ConfigError(
        "A file about sessions of the web application cannot be read.",
        code="sessions_unreadable",
        where=str(file),
        fix="Remove the file, and start the web application again: all people sign in again.",
    )


def _lock_of(file: Path) -> Path:
    return file.with_suffix(".lock")
