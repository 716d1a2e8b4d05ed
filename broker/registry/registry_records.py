"""Records that an agency keeps of its registry: highest manifests, and times of agreements.

The highest seen manifest of every agency is stored with its hash, so that neither Kafka nor an old
backup can bring back a replaced one (rollback).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from broker.errors import ManifestError, RegistryError
from broker.keys.durable import make_private_folder, write_durably
from broker.registry.contract_book import ContractBook
from broker.registry.manifests import ManifestBook
from broker.strict_json import parse_strict_json
from contracts.bounded_file import read_bounded

VERSIONS_FILE: Final = "state/manifest-versions.json"
COMPLETED_FILE: Final = "state/contracts-complete.json"
_LIMIT_BYTES: Final = 1024 * 1024
Seen = tuple[tuple[int, int], str]
"""Highest place of an agency's manifests, and the hash of that one's text."""
_NEVER: Final[Seen] = ((0, 0), "")
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_READ_ONLY: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class ManifestVersions:
    """Highest manifest of each agency that was ever stored here.

    Args:
        root: the agency's directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self) -> dict[str, Seen]:
        """Return the highest known manifest of each agency.

        Raises:
            RegistryError: `registry_invalid`: the file is damaged.
        """
        return _read_record(
            self._root / VERSIONS_FILE,
            lambda a, e: (str(a), ((int(e["delegation"]), int(e["version"])), str(e["sha256"]))),
            "The record of manifest versions is damaged.",
            "Restore it from a backup. Without it an old manifest could come back unseen.",
        )

    def remember(self, book: ManifestBook) -> None:
        """Store the highest manifest version of every agency, unless it is already stored.

        A directory that cannot be written, such as an auditor's copy, stays usable. Its protection
        against a rollback is then that of the last successful write.

        Raises:
            RegistryError: code `registry_unwritable`, or the file of versions is damaged.
        """
        seen = self.read()
        before = dict(seen)
        for agency in book.agencies():
            newest = book.newest_verified(agency)
            if newest is not None and newest.place > seen.get(agency, _NEVER)[0]:
                seen[agency] = (newest.place, newest.hash.hex())
        if seen == before:
            return
        document = {
            agency: {"delegation": place[0], "version": place[1], "sha256": digest}
            for agency, (place, digest) in sorted(seen.items())
        }
        _write_record(self._root / VERSIONS_FILE, document)

    def highest_place(self, agency: str) -> tuple[int, int] | None:
        """Return the highest place of an agency's manifests that was ever stored here.

        Another process may have stored it since the manifests were loaded.

        Raises:
            RegistryError: the file of versions is damaged.
        """
        seen = self.read().get(agency)
        return None if seen is None else seen[0]

    def require_nothing_lost(
        self, seen: Mapping[str, Seen], book: ManifestBook, contracts: ContractBook, folder: Path
    ) -> None:
        """Check manifests that were loaded against the record (rollback).

        Args:
            seen: the record, read before the manifests were.
            book: the manifests.
            contracts: agencies that no agreement names are passed over.
            folder: of the manifests.

        Raises:
            ManifestError: `manifest_conflict`, `manifest_rollback`.
        """
        for agency, (place, digest) in seen.items():
            if not contracts.governance_of(agency):
                continue
            version = place[1]
            same = [one for one in book.history(agency) if one.place == place]
            if same and same[0].hash.hex() != digest:
                raise ManifestError(
                    f"The manifest of {agency}, version {version}, differs from the one seen "
                    "before.",
                    code="manifest_conflict",
                    where=str(folder),
                    fix=f"Keep both as evidence and ask {agency}.",
                )
            newest = book.newest_verified(agency)
            if newest is None or newest.place < place:
                raise ManifestError(
                    f"The newest known manifest of {agency}, version {version}, is missing.",
                    code="manifest_rollback",
                    where=str(folder),
                    fix=f"Restore {agency}.{version}.note, or ask {agency} for it.",
                )


class CompletionTimes:
    """Time at which this agency first held every note of an agreement.

    Args:
        root: the agency's directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self) -> dict[bytes, int]:
        """Return the time (ms) for the hash of each agreement.

        Raises:
            RegistryError: `registry_invalid`: the file is damaged.
        """
        return _read_record(
            self._root / COMPLETED_FILE,
            lambda one, at: (bytes.fromhex(one), int(at)),
            "The record of complete contracts is damaged.",
            "Restore it from a backup.",
        )

    def remember(self, contracts: ContractBook, now: int) -> ContractBook:
        """Store the time for each contract whose notes are complete for the first time.

        A directory that cannot be written stays usable: the time is then that of its effect.

        Args:
            contracts: the contracts of this agency.
            now: milliseconds since the epoch.

        Returns:
            The book with these times.

        Raises:
            RegistryError: code `registry_unwritable`, or the file of times is damaged.
        """
        new = {
            one.hash: now
            for one in contracts.trusted()
            if one.contract.previous and not one.missing and one.hash not in contracts.completed
        }
        if not new:
            return contracts
        contracts.completed.update(new)
        document = {one.hex(): at for one, at in sorted(contracts.completed.items())}
        _write_record(self._root / COMPLETED_FILE, document)
        return contracts


def _read_record(
    path: Path, entry: Callable[[Any, Any], tuple[_Key, _Value]], damaged: str, fix: str
) -> dict[_Key, _Value]:
    """Return the entries of a record; none without the file.

    Args:
        path: the file, a JSON object.
        entry: parses the name and the value of a member.
        damaged: what is said of a file that cannot be parsed.
        fix: what to do then.

    Raises:
        RegistryError: `registry_invalid`, `registry_unreadable`.
    """
    if not path.exists():
        return {}
    try:
        document: Any = parse_strict_json(read_registry_file(path, _LIMIT_BYTES))
        return dict(entry(name, value) for name, value in document.items())
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RegistryError(damaged, code="registry_invalid", where=str(path), fix=fix) from None


def _write_record(path: Path, document: Mapping[str, object]) -> None:
    """Write a record. A folder that is read-only, such as an auditor's copy, keeps the old one.

    Raises:
        RegistryError: `registry_unwritable`.
    """
    try:
        make_private_folder(path.parent)
        write_durably(path, orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise registry_unwritable(path, error) from None


def read_registry_file(path: Path, limit: int) -> bytes:
    """Read at most one byte more than the limit, so that a parser sees an excess."""
    return read_bounded(path, limit, RegistryError, code="registry_unreadable")


def registry_unwritable(path: Path, error: OSError) -> RegistryError:
    return RegistryError(
        f"A file cannot be written ({error.strerror}).",
        code="registry_unwritable",
        where=str(path),
        fix="Check the free space, the owner and the permissions of the folder.",
    )
