"""Copy of an agency's files into a backup, while the adapter may run.

The parts are copied in an order for which each change during the copy is harmless:

1. `quarantine/` and `import/` before the database. An export that the adapter takes meanwhile is in
   the copy of `import/`, and taking it again makes the same events. If the database came first, an
   export could be in neither.
2. The database, as one read transaction (SQLite's online backup, or every row of a schema of a
   PostgreSQL server, as a SQLite file).
3. The rest of `state/`, with the highest known manifest versions, before the manifests: a version
   without its manifest counts as a rollback, a manifest without its version is taken up.
4. `processed/`, `inbox/`, then `quarantine/` and `import/` once more for what moved between them.
   An event that is delivered meanwhile has its file in the copy and is delivered again under the
   same name; if `inbox/` came first, the database could count a file as delivered that the copy
   lacks. An export that moved to `processed/` after the database was copied goes back to `import/`
   when the backup is restored.
5. `manifests/` and `contracts/`, then all other files, `keys/` among them: a new key is written
   before the manifest that lists it, so the copy holds each key that its manifests list.

Not copied: the passphrase and other secrets that `agency.toml` names, because they would open the
copy's own key files; the tokens of the HTTP interface, because some may be revoked later;
governance keys, which belong offline; links, and folders outside the agency's folder. The result
names what a person must keep elsewhere.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from broker.agency.backup_file import (
    ENTRIES_LIMIT,
    PIECE_BYTES,
    BackupWriter,
    FileEntry,
    FolderEntry,
)
from broker.agency.config import AgencyConfig
from broker.agency.config_secrets import agency_state, secret_files
from broker.agency.running import API_TOKENS_FILE
from broker.errors import ConfigError
from broker.keys.durable import make_private_folder
from broker.store.database import state_exists
from broker.store.place import PostgresPlace
from broker.store.snapshot import is_database, snapshot

STATE_FOLDER: Final = "state"
RESTORING: Final = ".restoring"
"""Folder in which a restore writes until it is complete."""
SETTLE_MS: Final = 5_000
"""An export that changed within this time may still be written; it is left out and named."""
_LEFT_OVER: Final = re.compile(rb"\..+\.[0-9a-f]{8}\.tmp")
_OF_A_PROCESS: Final = re.compile(rb"(?:.+\.lock|http-port|api-port)")
_SIDECAR: Final = re.compile(rb".+\.db-(?:wal|shm|journal)")
_GOVERNANCE: Final = re.compile(rb"governance-[0-9a-f]+\.key\.json")
_NAMED: Final = 1_000


@dataclass(slots=True)
class AgencyCopy:
    """The parts, in their order."""

    root: Path
    config: AgencyConfig
    writer: BackupWriter
    clock: Callable[[], int]
    done: set[bytes] = field(default_factory=set)
    secrets: set[tuple[int, int]] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)

    def carry_out(self) -> None:
        # A restored list of tokens would let a token in again that was revoked after the backup.
        for place in (*secret_files(self.config, self.root), self.root / API_TOKENS_FILE):
            if place.is_file():
                found = place.stat()
                self.secrets.add((found.st_dev, found.st_ino))
        folders = self.config.folders
        exports = [self._inside(folders.quarantine), self._inside(folders.import_)]
        results = [self._inside(folders.processed), self._inside(folders.inbox)]
        self._trees(exports)
        self._databases()
        self._trees([Path(STATE_FOLDER)])
        self._trees([*results, *exports])
        self._trees([Path("manifests"), Path("contracts"), Path()])
        listed = [[place, reason] for place, reason in list(self.left_out.items())[:_NAMED]]
        self.writer.close({"left_out": listed})

    def _inside(self, folder: str) -> Path | None:
        """Return a folder relative to the agency's; None, and named, if it lies outside."""
        whole = Path(os.path.normpath(self.root.absolute() / folder))
        try:
            return whole.relative_to(os.path.normpath(self.root.absolute()))
        except ValueError:
            self._leave_out(whole, "outside")
            return None

    def _leave_out(self, place: Path, reason: str) -> None:
        self.left_out[os.fsencode(place).decode(errors="backslashreplace")] = reason

    def _databases(self) -> None:
        database = self._inside(self.config.state.database)
        if database is None:
            raise ConfigError(
                "The state database lies outside the agency's folder.",
                code="config_invalid",
                where="agency.toml: state.database",
                fix="Correct the setting: name a file inside the agency's folder.",
            )
        state = self.root / STATE_FOLDER
        place = agency_state(self.config, self.root)
        if isinstance(place, PostgresPlace) and state_exists(place):
            self._server(place, self.root / database)
        others = sorted(state.glob("*.db")) if state.is_dir() else []
        for path in dict.fromkeys([self.root / database, *others]):
            if not path.is_file() or path.is_symlink() or not is_database(path):
                continue
            copy = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
            with snapshot(path, copy):
                self._file(os.fsencode(path.relative_to(self.root)), copy, settled=False)

    def _server(self, place: PostgresPlace, file: Path) -> None:
        """Copy a state on a server; the backup holds it as the file of `[state] database`."""
        from broker.store.moving import exported  # with SQLite it costs nothing

        make_private_folder(file.parent)
        copy = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
        with exported(place, copy):
            self._file(os.fsencode(file.relative_to(self.root)), copy, settled=False)

    def _trees(self, folders: list[Path | None] | list[Path]) -> None:
        for folder in folders:
            if folder is not None and (self.root / folder).is_dir():
                if folder.parts:
                    self._folder(os.fsencode(folder), (self.root / folder).stat())
                self._tree(os.fsencode(folder) if folder.parts else b"")

    def _tree(self, folder: bytes) -> None:
        """Copy what is in a folder and not copied yet."""
        for name, path in self._names(folder):
            try:
                found = path.lstat()
            except FileNotFoundError:  # moved meanwhile: it is copied from its new place
                continue
            if self._is_left_out(name, path, found):
                continue
            if stat.S_ISDIR(found.st_mode):
                self._folder(name, found)
                self._tree(name)
            elif name not in self.done:
                self._file(name, path, settled=self._is_export(path))

    def _names(self, folder: bytes) -> Iterator[tuple[bytes, Path]]:
        base = self.root / os.fsdecode(folder)
        for name in sorted(os.listdir(os.fsencode(base))):  # noqa: PTH208 - names as bytes
            yield (folder + b"/" + name if folder else name), base / os.fsdecode(name)

    def _is_left_out(self, name: bytes, path: Path, found: os.stat_result) -> bool:
        last = name.rpartition(b"/")[2]
        in_state = name.startswith(os.fsencode(STATE_FOLDER) + b"/")
        if (
            _LEFT_OVER.fullmatch(last)
            or name == os.fsencode(RESTORING)
            or (in_state and (_OF_A_PROCESS.fullmatch(last) or _SIDECAR.fullmatch(last)))
            or name.startswith(os.fsencode(self.config.state.database) + b"-")
        ):
            return True  # nothing that outlives its process, or part of a database that is copied
        if (found.st_dev, found.st_ino) in self.secrets:
            self._leave_out(path, "secret")
        elif _GOVERNANCE.fullmatch(last):
            self._leave_out(path, "governance_key")
        elif stat.S_ISLNK(found.st_mode):
            self._leave_out(path, "link")
        elif not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
            self._leave_out(path, "special")
        else:
            return False
        return True

    def _is_export(self, path: Path) -> bool:
        folder = Path(os.path.normpath(self.root / self.config.folders.import_))
        return path.is_relative_to(folder)

    def _folder(self, name: bytes, found: os.stat_result) -> None:
        if name not in self.done:
            self._count(name)
            self.writer.folder(FolderEntry(name, stat.S_IMODE(found.st_mode)))

    def _file(self, name: bytes, path: Path, *, settled: bool) -> None:
        """Copy a file.

        Args:
            name: its path in the backup.
            path: the file that is read.
            settled: whether a file that is still being written is left out.
        """
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConfigError(
                f"A file of the agency cannot be read ({error.strerror}).",
                code="file_unusable",
                where=str(path),
                fix="Check the owner and the permissions of the file.",
            ) from None
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(file.fileno())
            placed = max(before.st_ctime_ns, before.st_mtime_ns) // 1_000_000
            if settled and self.clock() - before.st_mtime_ns // 1_000_000 < SETTLE_MS:
                self._leave_out(path, "being_written")
                return
            self._count(name)
            mode = stat.S_IMODE(before.st_mode)
            self.writer.begin(FileEntry(name, mode, before.st_mtime_ns, placed))
            while piece := file.read(PIECE_BYTES):
                self.writer.data(piece)
            after = os.fstat(file.fileno())
            same = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
            if settled and not same:
                self._leave_out(path, "being_written")
            self.writer.end(changed=settled and not same)

    def _count(self, name: bytes) -> None:
        if len(self.done) >= ENTRIES_LIMIT:
            raise ConfigError(
                f"The agency's folder has more than {ENTRIES_LIMIT:,} files.",
                code="file_unusable",
                where=str(self.root),
                fix="Set [retention] in agency.toml, so that old files go by themselves.",
            )
        self.done.add(name)
