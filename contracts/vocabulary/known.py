"""Vocabularies by hash: those that come with the software, and those beside an agreement.

A hash names one text for ever, so no agency can put another vocabulary in its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Final

from contracts.bounded_file import read_bounded
from contracts.errors import ContractError
from contracts.vocabulary.vocabulary import VOCABULARY_BYTES, Vocabulary, parse_vocabulary

__all__ = [
    "Documents", "find_vocabulary", "named_vocabulary", "no_documents", "shipped_vocabulary_files",
]  # fmt: skip

_FOLDER: Final = Path(__file__).parents[1] / "vocabularies"
_BESIDE: Final = ".vocabulary.yaml"
"""End of the name of a vocabulary file beside an agreement."""
_MOST_BESIDE: Final = 32


@dataclass(frozen=True, slots=True)
class Documents:
    """Places of documents that agreements pin, besides those that come with the software.

    Attributes:
        given: hash, 64 hexadecimal digits, to bytes.
        folders: folders with files `HASH.txt` or `NAME.vocabulary.yaml`.
    """

    given: Mapping[str, bytes]
    folders: tuple[Path, ...] = ()

    def by_hash(self, digest: str) -> bytes | None:
        """Return the document of a hash; None if it is not there."""
        found = self.given.get(digest)
        if found is not None:
            return found
        for path in self._files(digest):
            raw = _read(path)
            if raw is not None and hashlib.sha256(raw).hexdigest() == digest:
                return raw
        return None

    def by_name(self, name: str) -> bytes | None:
        """Return the vocabulary file of a name; None if it is not there."""
        found = (_read(folder / f"{name}{_BESIDE}") for folder in self.folders)
        return next((raw for raw in found if raw is not None), None)

    def _files(self, digest: str) -> Iterator[Path]:
        for folder in self.folders:
            yield folder / f"{digest}.txt"
            yield from islice(sorted(folder.glob(f"*{_BESIDE}")), _MOST_BESIDE)


def no_documents() -> Documents:
    """Return a place without documents."""
    return Documents(MappingProxyType({}))


@cache
def shipped_vocabulary_files() -> Mapping[str, bytes]:
    """Return name to the exact bytes of each vocabulary that comes with the software."""
    return MappingProxyType(
        {path.stem: path.read_bytes() for path in sorted(_FOLDER.glob("*.yaml"))}
    )


def named_vocabulary(name: str, documents: Documents | None = None) -> Vocabulary:
    """Return the vocabulary of a name: from a file beside the agreement, or of the software.

    Args:
        name: as the file states it.
        documents: places besides the software.

    Raises:
        ContractError: `document_missing`; `vocabulary_invalid`.
    """
    beside = None if documents is None else documents.by_name(name)
    raw = beside or shipped_vocabulary_files().get(name)
    if raw is None:
        raise ContractError(
            f"There is no vocabulary {name}.",
            code="document_missing",
            where="vocabulary_name",
            fix=f"Put it beside the agreement as {name}{_BESIDE}, or name one of: "
            + ", ".join(shipped_vocabulary_files()),
        )
    return _parsed(raw)


def find_vocabulary(digest: str, documents: Documents | None = None) -> Vocabulary:
    """Return the vocabulary of a hash.

    Args:
        digest: SHA-256 of its file, 64 hexadecimal digits.
        documents: places besides the software.

    Raises:
        ContractError: `document_missing`; `vocabulary_invalid` if it is no vocabulary.
    """
    raw = _by_hash().get(digest)
    if raw is None and documents is not None:
        raw = documents.by_hash(digest)
    if raw is None:
        raise ContractError(
            "The vocabulary that the agreement pins is not here.",
            code="document_missing",
            where=f"pins.vocabulary: {digest}",
            fix="Add the agreement and its documents together: concordant bundle add --agency DIR "
            "FILE...",
        )
    return _parsed(raw)


@cache
def _by_hash() -> Mapping[str, bytes]:
    return {hashlib.sha256(raw).hexdigest(): raw for raw in shipped_vocabulary_files().values()}


@lru_cache(maxsize=32)
def _parsed(raw: bytes) -> Vocabulary:
    return parse_vocabulary(raw, "the vocabulary")


def _read(path: Path) -> bytes | None:
    """Return a file's bytes, one more than the limit at most; None if it cannot be read."""
    try:
        return read_bounded(path, VOCABULARY_BYTES, ContractError, code="document_missing")
    except ContractError:  # absent, a pipe or a device
        return None
