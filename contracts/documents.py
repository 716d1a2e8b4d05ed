"""Documents that an agreement pins by hash: the framework agreement and the vocabulary.

The parties sign them with the agreement, because its statement holds their hashes. The framework
is a text for people. The vocabulary states the event types, fields and code lists. Both come with
the software as samples; a partnership may write a framework of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from contracts.errors import ContractError
from contracts.hidden_characters import HIDDEN
from contracts.model import Contract, Pins
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.known import shipped_vocabulary_files

__all__ = [
    "DOCUMENT_BYTES",
    "KINDS",
    "DocumentKind",
    "document_hash",
    "pinned",
    "pinned_documents",
    "require_document",
    "shipped_documents",
    "shipped_pins",
]

DocumentKind: TypeAlias = Literal["framework", "vocabulary"]
KINDS: Final[tuple[DocumentKind, ...]] = ("framework", "vocabulary")
DOCUMENT_BYTES: Final = 1 << 20
"""Largest document, 1 MiB."""
_FRAMEWORK: Final = Path(__file__).parent / "agreements" / "pan-london-framework.yaml"


def document_hash(raw: bytes) -> str:
    """Return SHA-256 of a document's exact bytes, 64 hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


@cache
def shipped_documents() -> Mapping[str, bytes]:
    """Return hash to the exact bytes of the documents that come with the software."""
    raws = (_FRAMEWORK.read_bytes(), *shipped_vocabulary_files().values())
    return MappingProxyType({document_hash(raw): raw for raw in raws})


def shipped_pins(vocabulary: Vocabulary) -> Pins:
    """Return the pins of the framework of the software, and of a vocabulary."""
    return Pins(framework=document_hash(_FRAMEWORK.read_bytes()), vocabulary=vocabulary.hash)


def pinned(contract: Contract, kind: DocumentKind) -> str:
    """Return the hash that a contract pins for a document, 64 hexadecimal digits."""
    return contract.pins.framework if kind == "framework" else contract.pins.vocabulary


def pinned_documents(contract: Contract) -> tuple[str, ...]:
    """Return the hashes of all documents that a contract pins."""
    return tuple(pinned(contract, kind) for kind in KINDS)


def require_document(raw: bytes, where: str) -> str:
    """Check the form of a document: bounded UTF-8 text without hidden characters.

    Args:
        raw: its exact bytes; at most one more than the limit need be read.
        where: its file name, for errors.

    Returns:
        The text.

    Raises:
        ContractError: `document_invalid`.
    """
    problem = None
    text = ""
    if len(raw) > DOCUMENT_BYTES:
        problem = "is larger than 1 MiB"
    else:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            problem = "is not UTF-8 text"
    if problem is None and not text.strip():
        problem = "is empty"
    hidden = HIDDEN.search(text)
    if hidden is not None:
        line = text.count("\n", 0, hidden.start()) + 1
        problem = f"has a hidden character in line {line}"
    if problem is not None:
        raise ContractError(
            f"The document {problem}.",
            code="document_invalid",
            where=where,
            fix="Save it as plain UTF-8 text of at most 1 MiB, without control, bidirectional and "
            "invisible characters.",
        )
    return text
