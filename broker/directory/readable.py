"""Versions that the software of this agency can read, for its listing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version
from typing import Final

from broker.directory.listing import MAX_VOCABULARIES, Readable, ReadableVocabulary
from broker.registry.contract_book import ContractBook
from contracts.errors import ContractError
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.known import named_vocabulary, shipped_vocabulary_files

FORMATS: Final = ("concordant/1", "concordant.vocabulary/v1")
"""Protocol, and format of vocabularies, of this software."""


def readable_versions(contracts: ContractBook) -> Readable:
    """Return the versions that this agency can read.

    It holds the vocabularies of the software, and those of the agreements in its folder, also of
    agreements that wait for a signature.
    """
    held = {one.hash: one for one in _vocabularies(contracts)}
    newest = list(held.values())[:MAX_VOCABULARIES]
    return Readable(
        software=version("concordant"),
        formats=FORMATS,
        vocabularies=tuple(_described(one) for one in sorted(newest, key=lambda one: one.hash)),
    )


def _vocabularies(contracts: ContractBook) -> Iterator[Vocabulary]:
    for name in shipped_vocabulary_files():
        yield named_vocabulary(name)
    for signed in (*contracts.all(), *contracts.others()):
        try:
            yield signed.contract.vocabulary
        except ContractError:  # its document has not come yet
            continue


@lru_cache(maxsize=MAX_VOCABULARIES)
def _described(vocabulary: Vocabulary) -> ReadableVocabulary:
    return ReadableVocabulary(
        name=vocabulary.form.vocabulary,
        hash=vocabulary.hash,
        types=tuple(sorted(vocabulary.event_types)),
        lists={name: one.dated.isoformat() for name, one in vocabulary.code_lists.items()},
    )
