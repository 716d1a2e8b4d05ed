"""Documents that agreements pin by hash (docs/spec/contracts.md, "Documents").

A document is read from the folder, or else from the software if it ships exactly these bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from broker.errors import RegistryError
from broker.keys.durable import make_private_folder, write_durably
from contracts.documents import (
    DOCUMENT_BYTES,
    KINDS,
    document_hash,
    pinned,
    require_document,
    shipped_documents,
)
from contracts.loading import DOCUMENTS_FOLDER
from contracts.model import Contract


def read_document(root: Path | None, digest: str) -> bytes | None:
    """Return a document with this hash; None if it is not here.

    Args:
        root: the agency's folder; None looks only among the documents of the software.
        digest: SHA-256 of the document, 64 hexadecimal digits.
    """
    if root is not None:
        try:
            with (root / DOCUMENTS_FOLDER / f"{digest}.txt").open("rb") as file:
                raw = file.read(DOCUMENT_BYTES + 1)
            if document_hash(raw) == digest:
                return raw
        except OSError:
            pass
    return shipped_documents().get(digest)


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
        path = root / DOCUMENTS_FOLDER / f"{digest}.txt"
        if not path.is_file() or path.read_bytes() != raw:
            write_durably(path, raw)
            new.append(digest)
    return new


def is_pinned(raw: bytes, contracts: Iterable[Contract]) -> bool:
    """Return whether a contract pins exactly these bytes."""
    digest = hashlib.sha256(raw).hexdigest()
    return any(digest == pinned(contract, kind) for contract in contracts for kind in KINDS)
