"""Restore of an agency from its backup, into a folder that is absent or empty.

The whole backup is verified before anything is written. Then it is written into the folder
`.restoring` inside the target, and moved to its place entry by entry. `agency.toml` is moved last,
so no adapter can start with an incomplete folder. After an interruption, the same command
continues. Exports that the adapter read after the database was copied are moved back to `import/`.
Reading them again makes the same events with the same ids, so no agency gets an event twice. If the
file `state/restored.json` exists, the adapter first reads the manifests topic to its end. Until
then it reads no exports and sends nothing, because the agency may have suspended its part after the
backup.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import orjson
from pydantic import BaseModel, ConfigDict

from broker.agency.backup_file import MAGIC, FileEnd, FileEntry, FolderEntry, entries
from broker.agency.config import CONFIG_NAME, AgencyConfig, load_config
from broker.agency.config_secrets import secret_files
from broker.agency.restored import RESTORED_FILE, restored_bytes
from broker.errors import BackupError, ConfigError, StoreError
from broker.keys.durable import SECRET_MODE, make_private_folder, sync_folder, write_durably
from broker.keys.sealed_stream import begin_opening, read_header
from broker.operations.agency_backup import BackupFacts, open_backup, require_allowed, verify_backup
from broker.operations.agency_copy import RESTORING
from broker.operations.target_folder import locked, names_in, not_empty, writing
from broker.store.snapshot import check_database, is_database
from contracts.errors import ConcordantError

MARGIN_MS: Final = 60_000
"""Exports that were put away up to this time before the copy are read again too: clocks differ."""
_CONTENT, _NOTE = "content", "backup.json"


class _Progress(BaseModel):
    """Progress of a restore, kept in its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str
    placing: bool
    changed: tuple[str, ...] = ()
    returned: int = 0


@dataclass(frozen=True, slots=True)
class MissingSecret:
    """A secret that a person must put back: its file, and the setting that names it."""

    place: Path
    setting: str


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored agency.

    Attributes:
        directory: its folder.
        facts: the backup's.
        at: time of the restore, milliseconds.
        returned: number of exports that went back to `import/`.
        changed: exports that were being written when the backup was made; they are left out.
        secrets: what must be put back.
        processed: the folder of processed exports, as `agency.toml` names it.
        imports: the folder of new exports.
    """

    directory: Path
    facts: BackupFacts
    at: int
    returned: int
    changed: tuple[str, ...]
    secrets: tuple[MissingSecret, ...]
    processed: str
    imports: str


def check_backup(file: Path, passphrase: bytes) -> BackupFacts:
    """Verify a backup. Nothing is written.

    Raises:
        ConfigError: `file_unusable`.
        BackupError: `backup_altered` or `backup_malformed`.
        KeyAccessError: `passphrase_wrong`.
    """
    with open_backup(file) as stream:
        return _named(file, stream, passphrase)


def restore(file: Path, directory: Path, passphrase: bytes, now: int) -> Restored:
    """Restore an agency, or finish a restore of the same backup that was interrupted.

    Args:
        file: the backup.
        directory: absent, empty, or begun by a restore of this backup.
        passphrase: the backup's.
        now: milliseconds since the epoch.

    Raises:
        ConfigError: `directory_not_empty`, `directory_unusable` or `file_unusable`.
        StoreError: `already_running`, `disk_full` or `store_corrupt`.
        BackupError: `backup_altered` or `backup_malformed`.
        KeyAccessError: `passphrase_wrong`.
    """
    with open_backup(file) as stream:
        facts = _named(file, stream, passphrase)
        _require_free(directory, facts)
        _require_room(directory, facts.size)
        stream.seek(0)
        with writing(directory, "folder", ", then give the command again: it goes on"):
            make_private_folder(directory)
            with locked(directory, _busy(directory)):
                _require_free(directory, facts)
                return _Restore(directory, facts, now).carry_out(stream, passphrase)


@dataclass(slots=True)
class _Restore:
    """The steps, each of which may be repeated."""

    directory: Path
    facts: BackupFacts
    now: int

    @property
    def _content(self) -> Path:
        return self.directory / RESTORING / _CONTENT

    def carry_out(self, stream: BinaryIO, passphrase: bytes) -> Restored:
        note = _note(self.directory)
        if note is None or not note.placing:
            shutil.rmtree(self.directory / RESTORING, ignore_errors=True)
            make_private_folder(self._content)
            self._say(_Progress(id=self.facts.id, placing=False))
            changed, late = self._write(stream, passphrase)
            config = _config(self._content)
            returned = self._return_exports(config, late)
            self._check_databases()
            write_durably(
                self._content / RESTORED_FILE,
                restored_bytes(self.facts.id, self.facts.taken, self.now),
                mode=SECRET_MODE,
            )
            note = _Progress(id=self.facts.id, placing=True, changed=changed, returned=returned)
            self._say(note)
        self._place()
        config = _config(self.directory)
        shutil.rmtree(self.directory / RESTORING)
        sync_folder(self.directory)
        secrets = secret_files(config, self.directory) if config else {}
        return Restored(
            self.directory,
            self.facts,
            self.now,
            note.returned,
            note.changed,
            tuple(MissingSecret(place, what) for place, what in secrets.items()),
            config.folders.processed if config else "processed",
            config.folders.import_ if config else "import",
        )

    def _say(self, progress: _Progress) -> None:
        content = orjson.dumps(progress.model_dump())
        write_durably(self.directory / RESTORING / _NOTE, content, mode=SECRET_MODE)

    def _write(
        self, stream: BinaryIO, passphrase: bytes
    ) -> tuple[tuple[str, ...], list[tuple[int, Path]]]:
        """Write every entry.

        Returns:
            Names of files that were being written, and for each file when it was put into its
            folder, if that was after the database was copied.
        """
        changed: list[str] = []
        late: list[tuple[int, Path]] = []
        folders: list[tuple[Path, int]] = []
        header = read_header(stream, MAGIC)
        path, file, begun = self._content, None, None
        try:
            for entry in entries(begin_opening(stream, header, passphrase)):
                if isinstance(entry, FolderEntry | FileEntry):
                    require_allowed(entry.path)
                    path = self._content / os.fsdecode(entry.path)
                if isinstance(entry, FolderEntry):
                    make_private_folder(path)
                    folders.append((path, entry.mode))
                elif isinstance(entry, FileEntry):
                    make_private_folder(path.parent)
                    begun = entry
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                    file = os.fdopen(os.open(path, flags, SECRET_MODE), "wb")
                elif isinstance(entry, bytes) and file is not None:
                    file.write(entry)
                elif isinstance(entry, FileEnd) and file is not None and begun is not None:
                    file.flush()
                    os.fchmod(file.fileno(), begun.mode)
                    os.utime(file.fileno(), ns=(begun.modified_ns, begun.modified_ns))
                    os.fsync(file.fileno())
                    file.close()
                    if entry.changed:
                        changed.append(os.fsencode(path.name).decode(errors="backslashreplace"))
                        path.unlink()
                    elif begun.placed_ms >= self.facts.taken - MARGIN_MS:
                        late.append((begun.placed_ms, path))
        finally:
            if file is not None:
                file.close()
        for path, mode in reversed(folders):
            path.chmod(mode | 0o700)
            sync_folder(path)
        sync_folder(self._content)
        return tuple(changed), late

    def _return_exports(self, config: AgencyConfig | None, late: list[tuple[int, Path]]) -> int:
        """Move exports that the copied database may not know from `processed/` to `import/`."""
        if config is None:
            return 0
        processed = Path(os.path.normpath(self._content / config.folders.processed))
        imports = Path(os.path.normpath(self._content / config.folders.import_))
        if not imports.is_relative_to(self._content):
            return 0
        returned = 0
        for _, path in sorted(late):
            if not path.is_relative_to(processed):
                continue
            make_private_folder(imports)
            target, number = imports / path.name, 1
            while target.exists():
                target, number = imports / f"restored-{number}-{path.name}", number + 1
            path.rename(target)
            returned += 1
        return returned

    def _check_databases(self) -> None:
        for path in (self._content / "state").glob("*.db"):
            if path.is_file() and is_database(path):
                check_database(path)

    def _place(self) -> None:
        """Move each entry to its place, the configuration last."""
        names = sorted((path.name for path in self._content.iterdir()), key=_last)
        for name in names:
            target = self.directory / name
            if os.path.lexists(target):
                raise _occupied(self.directory)
            (self._content / name).rename(target)
        sync_folder(self.directory)


def _last(name: str) -> tuple[bool, str]:
    return name == CONFIG_NAME, name


def _named(file: Path, stream: BinaryIO, passphrase: bytes) -> BackupFacts:
    """Verify a backup; its refusal names the file and the next step."""
    try:
        return verify_backup(stream, passphrase)
    except BackupError as error:
        raise BackupError(
            error.detail,
            code=error.code,
            where=str(file),
            fix="Nothing was written. Copy the file again from where it is kept, or take the "
            "backup before it.",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"The backup cannot be read ({error.strerror}).",
            code="file_unusable",
            where=str(file),
            fix="Check the disk that holds it.",
        ) from None


def _config(directory: Path) -> AgencyConfig | None:
    try:
        return load_config(directory)
    except ConcordantError:  # restored as it was; doctor says what is wrong with it
        return None


def _note(directory: Path) -> _Progress | None:
    try:
        content = (directory / RESTORING / _NOTE).read_bytes()
        return _Progress.model_validate_json(content)
    except (OSError, ValueError):
        return None


def _require_free(directory: Path, facts: BackupFacts) -> None:
    """Check that the folder is absent, empty or begun by a restore of this backup."""
    names = names_in(directory)
    note = _note(directory)
    if names - {RESTORING} and (note is None or note.id != facts.id or not note.placing):
        raise _occupied(directory)
    if RESTORING in names and note is not None and note.id != facts.id:
        raise not_empty(
            directory,
            "The restore of another backup was begun here.",
            "Give a folder that is absent or empty, or finish that restore with its own file.",
        )


def _require_room(directory: Path, size: int) -> None:
    existing = directory.absolute()
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < size:
        raise StoreError(
            f"The disk has room for {free:,} bytes, and the backup needs {size:,}.",
            code="disk_full",
            where=str(existing),
            fix="Make room on this disk, or give a folder on another one.",
        )


def _occupied(directory: Path) -> ConfigError:
    return not_empty(
        directory,
        "The folder is not empty, and a restore overwrites nothing.",
        "Give a folder that is absent or empty. To put an agency in its former place, rename its "
        "folder first.",
    )


def _busy(directory: Path) -> StoreError:
    return StoreError(
        "Another process restores into this folder.",
        code="already_running",
        where=str(directory),
        fix="Wait until it has ended.",
    )
