"""Documents that agreements pin by hash (docs/spec/contracts.md, "Documents").

A document is read from the folder, or else from the software if it ships exactly these bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from broker.errors import RegistryError
from broker.keys.durable import files_in, make_private_folder, write_durably
from broker.registry.repository import CONTRACTS_FOLDER
from contracts.bounded_file import read_bounded
from contracts.documents import (
    DOCUMENT_BYTES,
    KINDS,
    document_hash,
    pinned,
    pinned_documents,
    require_document,
    shipped_documents,
)
from contracts.errors import ContractError
from contracts.loading import DOCUMENTS_FOLDER, load_contract
from contracts.model import Contract


def read_document(root: Path | None, digest: str) -> bytes | None:
    """Return a document with this hash; None if it is not here.

    Args:
        root: the agency's folder; None looks only among the documents of the software.
        digest: SHA-256 of the document, 64 hexadecimal digits.
    """
    held = None if root is None else _in_folder(root, digest)
    return shipped_documents().get(digest) if held is None else held


def _in_folder(root: Path, digest: str) -> bytes | None:
    """Return a document of an agency's folder; None if it is absent, altered or no plain file."""
    path = root / DOCUMENTS_FOLDER / f"{digest}.txt"
    try:
        raw = read_bounded(path, DOCUMENT_BYTES, RegistryError, code="document_missing")
    except RegistryError:
        return None
    return raw if document_hash(raw) == digest else None


def framework_text(root: Path | None, contract: Contract) -> str | None:
    """Return the text of the framework agreement that a contract pins; None if it is not here."""
    raw = read_document(root, contract.pins.framework)
    return None if raw is None else require_document(raw, "the framework agreement")


def documents_of(
    root: Path, contracts: Iterable[Contract], given: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """Return the documents of contracts by hash.

    Args:
        root: the agency's folder.
        contracts: the contracts.
        given: more documents, by hash.

    Raises:
        RegistryError: `document_missing`.
        ContractError: `document_invalid`.
    """
    found: dict[str, bytes] = {}
    for contract in contracts:
        for kind in KINDS:
            digest = pinned(contract, kind)
            raw = (given or {}).get(digest) or found.get(digest) or read_document(root, digest)
            if raw is None:
                raise RegistryError(
                    f"The {kind} of {contract.name} {contract.version} is not here.",
                    code="document_missing",
                    where=f"pins.{kind}: {digest}",
                    fix="Add the agreement and its documents together: concordant bundle add "
                    f"--agency {root} FILE...",
                )
            require_document(raw, f"pins.{kind}: {digest}")
            found[digest] = raw
    return found


def keep_documents(root: Path, documents: Mapping[str, bytes]) -> list[str]:
    """Write documents into an agency's folder.

    Returns:
        The hashes of those that were not there.

    Raises:
        OSError: the folder cannot be written.
    """
    new: list[str] = []
    make_private_folder(root / DOCUMENTS_FOLDER)
    for digest, raw in sorted(documents.items()):
        if _in_folder(root, digest) != raw:
            write_durably(root / DOCUMENTS_FOLDER / f"{digest}.txt", raw)
            new.append(digest)
    return new


def restore_documents(root: Path, given: Mapping[str, bytes]) -> list[str]:
    """Write documents that are missing or altered, if an agreement in the folder pins their hash.

    The folder itself cannot be loaded without its vocabularies, so this reads only the texts of its
    agreements. A text that cannot be parsed is left out: loading the folder then reports it.

    Args:
        root: the agency's folder.
        given: documents by their hash.

    Returns:
        The hashes of those that were written.

    Raises:
        OSError: the folder cannot be read or written.
    """
    wanted: set[str] = set()
    for path in files_in(root / CONTRACTS_FOLDER, "*.yaml"):
        with suppress(ContractError):
            contract = load_contract(path, vocabulary_needed=False).contract
            wanted.update(pinned_documents(contract))
    lacking = {one: raw for one, raw in given.items() if one in wanted}
    return keep_documents(
        root, {one: raw for one, raw in lacking.items() if read_document(root, one) is None}
    )


def is_pinned(raw: bytes, contracts: Iterable[Contract]) -> bool:
    """Return whether a contract pins exactly these bytes."""
    digest = hashlib.sha256(raw).hexdigest()
    return any(digest in pinned_documents(contract) for contract in contracts)
