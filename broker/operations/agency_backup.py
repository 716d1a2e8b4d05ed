"""Backup of an agency in one encrypted file: writing it, and verifying every byte of it.

`agency_copy.py` says what is in it, and in which order it is copied.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from broker.agency.backup_file import MAGIC, BackupWriter, FileEntry, FolderEntry, Index, entries
from broker.agency.config import load_config
from broker.agency.config_secrets import passphrase_source
from broker.errors import BackupError, ConfigError, WrongInputError
from broker.keys.durable import sync_folder
from broker.keys.passphrase import PassphraseSource, load_passphrase
from broker.keys.sealed_stream import Header, begin_opening, begin_sealing, read_header
from broker.operations.agency_copy import RESTORING, AgencyCopy


@dataclass(frozen=True, slots=True)
class NotBackedUp:
    """Something that is not in a backup: its place, and a reason code.

    Codes: `secret`, `governance_key`, `link`, `outside`, `being_written`, `special`.
    """

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """Facts about a verified backup.

    Attributes:
        id: name of this backup that no other has.
        agency, deployment: whose it is.
        taken: when the copy of the database was made, milliseconds.
        files, size: number of files, and their bytes.
        left_out: what is not in it; at most 1,000 are named.
    """

    id: str
    agency: str
    deployment: str
    taken: int
    files: int
    size: int
    left_out: tuple[NotBackedUp, ...]


def back_up(
    agency: Path,
    to: Path,
    clock: Callable[[], int],
    passphrase: PassphraseSource | None = None,
) -> BackupFacts:
    """Write a backup of an agency, read it again, and only then give it its name.

    Args:
        agency: the agency's folder; its adapter may run.
        to: a file that does not exist, outside the folder.
        clock: () -> ms since the epoch.
        passphrase: of the backup; None takes that of the key files.

    Raises:
        ConfigError: `output_exists`, `output_unwritable`, `file_unusable` or `config_*`.
        WrongInputError: `backup_inside`.
        KeyAccessError: the passphrase cannot be had.
        StoreError: the database cannot be copied.
        BackupError: what was written does not read back.
    """
    config = load_config(agency)
    source = passphrase or passphrase_source(config.passphrase, agency)
    secret = load_passphrase(source)
    if to.parent.resolve().is_relative_to(agency.resolve()):
        raise WrongInputError(
            "The backup would be inside the agency's folder.",
            code="backup_inside",
            where=str(to),
            fix="Name a file in another folder, on another disk or machine.",
        )
    if to.exists() or to.is_symlink():
        raise _exists(to)
    beside = to.with_name(f".{to.name}.{secrets.token_hex(4)}.tmp")
    try:
        handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "w+b") as file:
                taken = clock()
                members: dict[str, object] = {
                    "agency": config.agency,
                    "deployment": config.deployment,
                    "taken": taken,
                }
                writer = BackupWriter(begin_sealing(file, MAGIC, members, secret))
                AgencyCopy(agency, config, writer, clock).carry_out()
                file.flush()
                os.fsync(file.fileno())
                file.seek(0)
                facts = verify_backup(file, secret)
            _name(beside, to)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(to.parent)
    except OSError as error:
        raise ConfigError(
            f"The backup cannot be written ({error.strerror}).",
            code="output_unwritable",
            where=str(to),
            fix="Name a file in a folder that exists and that you may write to, with room for it.",
        ) from None
    return facts


def open_backup(path: Path) -> BinaryIO:
    """Open a backup for reading.

    Raises:
        ConfigError: `file_unusable`.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigError(
            f"The backup cannot be read ({error.strerror}).",
            code="file_unusable",
            where=str(path),
            fix="Check the name and the permissions of the file.",
        ) from None


def verify_backup(file: BinaryIO, passphrase: bytes) -> BackupFacts:
    """Read a whole backup and check every byte of it. Nothing is written.

    Args:
        file: positioned at its beginning.
        passphrase: the backup's.

    Raises:
        BackupError: `backup_altered` or `backup_malformed`.
        KeyAccessError: `passphrase_wrong`.
    """
    header = read_header(file, MAGIC)
    for entry in entries(begin_opening(file, header, passphrase)):
        if isinstance(entry, FolderEntry | FileEntry):
            require_allowed(entry.path)
        if isinstance(entry, Index):
            return facts_of(header, entry)
    raise BackupError("The backup has no index.", code="backup_malformed")


def require_allowed(path: bytes) -> None:
    """Refuse a path that a restore keeps for itself."""
    if path.split(b"/")[0] == RESTORING.encode():
        raise BackupError("The backup has another form: a path.", code="backup_malformed")


def facts_of(header: Header, index: Index) -> BackupFacts:
    """Return the facts about a backup.

    Raises:
        BackupError: `backup_malformed`.
    """
    try:
        agency, deployment = str(header.members["agency"]), str(header.members["deployment"])
        taken = int(str(header.members["taken"]))
        listed = index.about["left_out"]
        assert isinstance(listed, list)
        left_out = tuple(NotBackedUp(str(place), str(reason)) for place, reason in listed)
    except (KeyError, ValueError, TypeError, AssertionError):
        raise BackupError(
            "The backup has another form: its facts.", code="backup_malformed"
        ) from None
    return BackupFacts(header.id, agency, deployment, taken, index.files, index.size, left_out)


def _name(beside: Path, to: Path) -> None:
    """Give the file its name, unless a file of that name was made meanwhile."""
    try:
        to.hardlink_to(beside)
    except FileExistsError:
        raise _exists(to) from None
    except OSError:  # a file system without second names
        if to.exists():
            raise _exists(to) from None
        beside.rename(to)


def _exists(to: Path) -> ConfigError:
    return ConfigError(
        "There is a file of this name; a backup replaces none.",
        code="output_exists",
        where=str(to),
        fix="Name a file that does not exist, for example with the day in its name.",
    )
