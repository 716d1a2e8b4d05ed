"""Versions of agreements that arrived over Kafka, and that this agency has not signed.

Another party can use space on this agency's disk with such versions (denial of service). So each
party that signed them has a maximum number of versions and of bytes. The newest versions are kept.
A version leaves this list when this agency signs it or adds it from a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from broker.errors import RegistryError
from broker.keys.durable import make_private_folder, write_durably
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from broker.strict_json import parse_strict_json

RECEIVED_FILE: Final = "state/received-versions.json"
VERSIONS_LIMIT: Final = 4
"""Maximum number of these versions for each party that signed them."""
BYTES_LIMIT: Final = 16 * 1024 * 1024
"""Maximum number of bytes of these versions, with their documents and entries, for each party."""
_FILE_LIMIT_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedVersion:
    """One version.

    Attributes:
        signers: known parties that signed it, with the times (ms) of their notes.
        size: bytes of the text, documents and entries.
        entries: agencies whose entry came with it.
        documents: hashes of documents that came with it and were not in the folder before.
    """

    signers: Mapping[str, int]
    size: int
    entries: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()


Received = Mapping[bytes, ReceivedVersion]
"""Received versions by the hash of the contract."""


def exceeding(versions: Received) -> frozenset[bytes]:
    """Return the versions for which no signer has room.

    For each signer, the newest versions get room first. A version stays if one of its signers has
    room for it, so one party cannot push out a version that another party signed.
    """
    kept: set[bytes] = set()
    signers = {agency for one in versions.values() for agency in one.signers}
    for agency in signers:
        mine = [(one.signers[agency], h) for h, one in versions.items() if agency in one.signers]
        room = BYTES_LIMIT
        for _, contract_hash in sorted(mine, reverse=True)[:VERSIONS_LIMIT]:
            room -= versions[contract_hash].size
            if room < 0:
                break
            kept.add(contract_hash)
    return frozenset(versions) - kept


def superfluous_versions(versions: Received, contracts: ContractBook, now: int) -> frozenset[bytes]:
    """Return the received versions that this agency can no longer sign: ended, or replaced."""
    signed = {before for one in contracts.trusted() for before in one.contract.previous_hashes}
    return frozenset(
        contract_hash
        for contract_hash in versions
        if (held := contracts.held(contract_hash)) is not None
        and (contract_hash in signed or held.contract.ends_ms <= now)
    )


def still_received(versions: Received, contracts: ContractBook) -> dict[bytes, ReceivedVersion]:
    """Return the versions that are held and that this agency has not signed."""
    return {
        contract_hash: one
        for contract_hash, one in versions.items()
        if contracts.held(contract_hash) is not None and contracts.by_hash(contract_hash) is None
    }


def read_received(root: Path) -> dict[bytes, ReceivedVersion]:
    """Read the list in an agency's folder.

    Raises:
        RegistryError: ``registry_unreadable``, or the list is damaged (``registry_invalid``).
    """
    path = root / RECEIVED_FILE
    try:
        with path.open("rb") as file:
            document: Any = parse_strict_json(file.read(_FILE_LIMIT_BYTES + 1))
        return {
            bytes.fromhex(one): ReceivedVersion(
                {str(agency): int(time) for agency, time in said["signers"].items()},
                int(said["size"]),
                tuple(map(str, said["entries"])),
                tuple(map(str, said["documents"])),
            )
            for one, said in document.items()
        }
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise RegistryError(
            f"A file cannot be read ({error.strerror}).",
            code="registry_unreadable",
            where=str(path),
            fix="Check the owner and the permissions of the file.",
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RegistryError(
            "The list of versions that came over Kafka is damaged.",
            code="registry_invalid",
            where=str(path),
            fix="Restore it from a backup.",
        ) from None


def write_received(root: Path, versions: Received) -> None:
    """Write the list into an agency's folder.

    Raises:
        OSError: it cannot be written.
    """
    document = {
        one.hex(): {
            "signers": dict(sorted(said.signers.items())),
            "size": said.size,
            "entries": said.entries,
            "documents": said.documents,
        }
        for one, said in sorted(versions.items())
    }
    path = root / RECEIVED_FILE
    make_private_folder(path.parent)
    write_durably(path, orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def keep_added(root: Path, agreements: Collection[bytes], entries: Collection[str]) -> None:
    """Take what a person added from a file off the list.

    Raises:
        OSError: the list cannot be written.
        RegistryError: it cannot be read.
    """
    before = read_received(root)
    after = {
        contract_hash: replace(
            one, entries=tuple(agency for agency in one.entries if agency not in entries)
        )
        for contract_hash, one in before.items()
        if contract_hash not in agreements
    }
    if after != before:
        write_received(root, after)


def version_size(signed: SignedContract, parts: Iterable[bytes]) -> int:
    """Return the bytes that a version takes with its documents and entries."""
    notes = sum(len(note.raw) for note in signed.notes)
    return len(signed.text.raw) + notes + sum(map(len, parts))
