"""Folder source: hands over complete files dropped into a watched folder, then moves them away.

It polls, because network shares send no events and looking at a nearly empty folder is cheap. A
rename on this machine ends the pause between two looks (`adapters.sources.renames`). Its own codes:
file_empty, file_too_large, file_unreadable, file_type_unknown, not_a_file (a folder, pipe or
device; left alone), symlink, handler_failed, hard_link (it has a second name; left alone),
still_open (a writer has it open; waits), written_later (it changed after it was moved away; it
comes back and is read again), folder_unavailable, source_retry (the environment is at fault; tried
again later). broker/held/import_folder.py shows why an entry is left.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.limits import MAX_FILE_BYTES
from adapters.sources.late_writes import LateWrites
from adapters.sources.opened_file import OpenedFile, open_settled
from adapters.sources.renames import Renames
from adapters.sources.settling import FileSignature, Settled, Settling
from adapters.sources.shelving import archive, shelve, write_beside
from adapters.sources.source_file import (
    FileChangedError,
    FileReport,
    Handler,
    Reporter,
    SourceFile,
    Verdict,
)
from broker.held.import_folder import own_inside
from broker.held.reason_file import FileReason, format_reason
from broker.held.retrying import put_back
from broker.waiting import any_within, out_of_descriptors, retry_delay_s, set_within
from contracts.errors import ConcordantError

SETTLE_S: Final = 2.0
POLL_S: Final = 0.5
EMPTY_POLL_S: Final = 2.0
"""Pause while the folder is empty and the kernel reports what happens; a network share is seen at
the next look.
"""
RETRY_S: Final = 2.0
RETRY_MOST_S: Final = 60.0
STUCK_TRIES: Final = 6
"""A file with this many tries waits for more than a minute: a person must repair something."""
READ_TRIES: Final = 4
"""A share may refuse to open a file that is still being written; after this many tries it is
refused.
"""


@dataclass(slots=True)
class _Trouble:
    """An entry that failed: the number of tries, and the earliest time of the next one."""

    signature: FileSignature
    tries: int
    not_before_s: float


class FolderSource:
    """Watches one folder for one agency."""

    def __init__(
        self,
        folder: Path,
        *,
        processed: Path,
        quarantine: Path,
        suffixes: Callable[[], Sequence[str]],
        report: Reporter = lambda _: None,
        settle_s: float = SETTLE_S,
        poll_s: float = POLL_S,
        done_marker: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch ``folder``; nothing is read before ``run`` or ``poll``.

        Args:
            folder: where the agency's system drops its exports.
            processed: destination of taken files; may lie inside ``folder``.
            quarantine: destination of refused files and rejected rows.
            suffixes: returns the file name endings that the adapter reads, in lower case. They
                change with the mapping file.
            report: called once for each thing that happened to a file.
            settle_s: seconds without a change after which a file is complete.
            poll_s: seconds between two looks.
            done_marker: ending of the marker of a complete file; None if there are no markers.
            clock: monotonic seconds.
        """
        self._folder = folder
        self._processed = processed
        self._quarantine = quarantine
        self._suffixes = suffixes
        self._report = report
        self._poll_s = poll_s
        self._clock = clock
        self._settling = Settling(settle_s, done_marker)
        self._done_marker = done_marker
        self._renames = Renames(folder)
        self._trouble: dict[Path, _Trouble] = {}
        self._left_alone: dict[Path, int] = {}
        self._told: dict[Path, tuple[FileSignature, str]] = {}
        self._late = LateWrites()
        self._begun = False
        self._available = True
        self._empty = False

    @property
    def waiting(self) -> int:
        """Return the number of files in the folder that are not moved away yet."""
        return self._settling.waiting

    def trouble(self) -> str | None:
        """Return a code for /readyz if exports cannot be taken at the moment, else None."""
        if not self._available:
            return "folder_unavailable"
        if any(one.tries >= STUCK_TRIES for one in self._trouble.values()):
            return "file_waits"
        return None

    def retry_now(self) -> None:
        """Try all waiting files at the next look, because a person asked for it."""
        self._trouble.clear()

    async def run(
        self, handler: Handler, stop: asyncio.Event, turned: Callable[[], None] = lambda: None
    ) -> None:
        """Take files until ``stop`` is set; finish a file that was begun.

        Args:
            handler: takes a file.
            stop: ends the loop.
            turned: called before each look, so that a hanging look is noticed.
        """
        try:
            while not stop.is_set():
                turned()
                await self.poll(handler, stop)
                await self._pause(stop)
        finally:
            self._renames.close()

    async def poll(self, handler: Handler, stop: asyncio.Event | None = None) -> int:
        """Look at the folder once and take settled files. Returns how many were moved away."""
        settled = await asyncio.to_thread(self._look)
        done = 0
        for entry in settled:
            if stop is not None and stop.is_set():
                break
            done += await self._take(entry, handler)
        return done

    async def _pause(self, stop: asyncio.Event) -> None:
        """Wait until the next look: for the poll interval, or until a file arrives by a rename.

        While the folder is empty, a report of the kernel ends the pause, so it can be longer. There
        is no pause if an entry came while the folder was read.
        """
        handle, loop = self._renames.handle, asyncio.get_running_loop()
        if self._renames.unseen:
            return
        if handle is None:
            await set_within(stop, self._poll_s)
            return
        arrived, empty = asyncio.Event(), self._empty
        loop.add_reader(handle, lambda: arrived.set() if self._renames.arrived() or empty else None)
        try:
            pause_s = max(self._poll_s, EMPTY_POLL_S) if empty else self._poll_s
            await any_within(pause_s, stop, arrived)
        finally:
            loop.remove_reader(handle)

    def _look(self) -> list[Settled]:
        self._renames.watch()
        ours = own_inside(self._folder, self._processed, self._quarantine)
        try:
            with os.scandir(self._folder) as entries:
                paths = [
                    self._folder / entry.name
                    for entry in entries
                    if not (entry.name in ours and entry.is_dir(follow_symlinks=False))
                ]
        except OSError:
            if self._available:
                self._report(
                    FileReport("", "waiting", "folder_unavailable", "The folder cannot be read.")
                )
            self._available = self._empty = False
            return []
        self._available = True
        self._empty = not paths
        now = self._clock()
        settled = self._settling.look(paths, now, self._renames.names)
        self._take_back(now)
        present = set(paths)
        self._left_alone = {path: k for path, k in self._left_alone.items() if path in present}
        self._told = {path: told for path, told in self._told.items() if path in present}
        self._trouble = {path: t for path, t in self._trouble.items() if path in present}
        return [entry for entry in settled if self._due(entry, now)]

    def _due(self, entry: Settled, now_s: float) -> bool:
        if self._left_alone.get(entry.path) == entry.kind:  # another file may have taken its name
            return False
        trouble = self._trouble.get(entry.path)
        return (
            trouble is None or trouble.signature != entry.signature or trouble.not_before_s <= now_s
        )

    async def _take(self, entry: Settled, handler: Handler) -> bool:
        sha256 = ""
        try:
            refusal = self._refusal(entry)
            if refusal is not None:
                return await asyncio.to_thread(self._refuse, entry, "", refusal)
            try:
                content = await asyncio.to_thread(open_settled, entry)
            except PermissionError:
                if self._tries(entry) + 1 < READ_TRIES:
                    raise
                unreadable = Verdict(False, "file_unreadable", "The adapter may not read the file.")
                return await asyncio.to_thread(self._refuse, entry, "", unreadable)
            with content:
                not_now = await asyncio.to_thread(content.not_now, entry.rest_s)
                if not_now is not None:
                    self._tell_once(entry, not_now)
                    return False
                sha256 = await asyncio.to_thread(content.sha256)
                file = SourceFile(
                    entry.path.name,
                    sha256,
                    entry.signature.size,
                    content.open,
                    entry.path,
                    content.check,
                )
                verdict = await _ask(handler, file)
                return await asyncio.to_thread(self._put_away, entry, sha256, verdict, content)
        except FileChangedError:
            self._settling.restart(entry.path, self._clock())
            return False
        except (ConcordantError, OSError) as error:
            self._retry_later(entry, sha256, error)
            return False

    def _refusal(self, entry: Settled) -> Verdict | None:
        """Return a refusal that needs no look into the entry, or None."""
        if entry.kind == stat.S_IFLNK:
            return Verdict(False, "symlink", "Links are not followed: drop the file itself.")
        if entry.kind != stat.S_IFREG:
            return Verdict(False, "not_a_file", "Only files are read; this entry is left in place.")
        if entry.signature.size == 0:
            return Verdict(False, "file_empty", "The file is empty.")
        if entry.signature.size > MAX_FILE_BYTES:
            return Verdict(
                False, "file_too_large", f"The file is larger than {MAX_FILE_BYTES >> 20} MiB."
            )
        suffixes = tuple(self._suffixes())
        if not entry.path.name.lower().endswith(suffixes):
            expected = ", ".join(suffixes)
            return Verdict(
                False, "file_type_unknown", f"The file's ending is not one of: {expected}."
            )
        return None

    def _refuse(self, entry: Settled, sha256: str, verdict: Verdict) -> bool:
        if verdict.code != "not_a_file":
            return self._put_away(entry, sha256, verdict)
        # Moving a folder could break the process that writes into it.
        self._left_alone[entry.path] = entry.kind
        self._report(FileReport("", "waiting", verdict.code, verdict.detail))
        return False

    def _tell_once(self, entry: Settled, verdict: Verdict) -> None:
        """Report an entry that is left in place, once until something changes."""
        if self._told.get(entry.path) != (entry.signature, verdict.code):
            self._told[entry.path] = (entry.signature, verdict.code)
            self._report(FileReport("", "waiting", verdict.code, verdict.detail))

    def _take_back(self, now_s: float) -> None:
        """Take files again that changed after they were moved away."""
        written = self._late.written(now_s)
        if not self._begun:
            self._begun = True
            written += self._late.at_start(self._processed, time.time_ns())
        for path in written:
            try:
                self._move_back(path, secrets.token_hex(4))
            except OSError:  # it is checked again when the adapter starts
                continue
            detail = "It changed after it was moved away, so the whole file is read again."
            self._report(FileReport("", "waiting", "written_later", detail))

    def _move_back(self, path: Path, token: str, name: str | None = None) -> None:
        """Move a file that changed into the folder again; over no other."""
        self._settling.moved_back(put_back(path, self._folder, token, name))

    def _remove_marker(self, entry: Settled) -> None:
        """Remove the done marker of a file that was put away, unless a new one has its name."""
        if entry.marker is None or self._done_marker is None:
            return
        path = entry.path.with_name(f"{entry.path.name}{self._done_marker}")
        with suppress(OSError):  # a marker that stays is shown, and is older than the next file
            if FileSignature.of(path.lstat()) == entry.marker:
                path.unlink()

    def _put_away(
        self, entry: Settled, sha256: str, verdict: Verdict, content: OpenedFile | None = None
    ) -> bool:
        path = entry.path
        token = sha256 or hashlib.sha256(repr(entry.signature).encode()).hexdigest()
        rows = tuple(verdict.rows)
        reason = format_reason(FileReason(path.name, sha256, verdict.code, verdict.detail, rows))
        if FileSignature.of(path.lstat()) != entry.signature:
            raise FileChangedError  # more was written since it was read: read it again
        if verdict.taken and (rows or verdict.rejected or verdict.rest):
            assert content is not None
            parts = {"rejected": content.of(verdict.rejected, verdict.source)}
            if verdict.rest:
                parts["rest"] = content.of(verdict.rest, verdict.source)
            write_beside(self._quarantine, path.name, token, parts, reason, verdict.suffix)
        shelf = self._processed if verdict.taken else self._quarantine
        whole = None if content is None else content.of(((0, entry.signature.size),))
        beside = None if verdict.taken else reason
        moved, copied = shelve(path, shelf, token, beside, verdict.left_out, whole)
        now_there = FileSignature.of(moved.lstat())
        if not copied:
            if now_there[:2] != entry.signature[:2]:
                # Race: another file took the name, so it is a new export.
                self._move_back(moved, token, path.name)
                if whole is None:
                    raise FileChangedError
                mtime_ns = entry.signature.mtime_ns
                moved = archive(path.name, shelf, token, whole, beside, mtime_ns)
            elif now_there != entry.signature:
                # Race: the file changed in between, so it must come back to be read.
                self._move_back(moved, token, path.name)
                raise FileChangedError
            else:
                self._late.watch(moved, entry.signature, self._clock(), taken=verdict.taken)
        self._remove_marker(entry)
        self._trouble.pop(path, None)
        status = "processed" if verdict.taken else "quarantined"
        self._report(FileReport(sha256, status, verdict.code, verdict.detail, len(rows)))  # type: ignore[arg-type]  # one of the two literals
        return True

    def _tries(self, entry: Settled) -> int:
        trouble = self._trouble.get(entry.path)
        return trouble.tries if trouble and trouble.signature == entry.signature else 0

    def _retry_later(self, entry: Settled, sha256: str, error: ConcordantError | OSError) -> None:
        tries = self._tries(entry) + 1
        wait = retry_delay_s(tries, first=RETRY_S, most=RETRY_MOST_S)
        self._trouble[entry.path] = _Trouble(entry.signature, tries, self._clock() + wait)
        if isinstance(error, ConcordantError):
            code, detail = error.code, error.detail
        else:  # never str(error), which holds the file's name
            code, detail = (
                "source_retry",
                (f"{os.strerror(error.errno or 0)}; the adapter will try again."),
            )
        self._report(FileReport(sha256, "waiting", code, detail))


async def _ask(handler: Handler, file: SourceFile) -> Verdict:
    try:
        return await handler(file)
    except ConcordantError as error:
        if error.exit_code != 4:
            raise
        return Verdict(False, error.code, error.detail)
    except (OSError, FileChangedError):
        raise
    except Exception as error:  # noqa: BLE001 - a fault in an adapter must not stop other files
        if out_of_descriptors(error):  # the file is not the cause
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE)) from None
        # Log only the type: the message of a foreign exception may hold values.
        detail = f"The adapter failed on this file ({type(error).__name__})."
        return Verdict(False, "handler_failed", detail)
