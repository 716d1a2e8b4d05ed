"""Loader of an agreement: from its exact bytes to the model, with errors by file, line and field.

The parties sign the bytes, so they are stored and hashed unchanged (protocol `concordant/1`,
"Contract signatures"). `contracts/strict_yaml.py` reads them, so that they have one meaning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from contracts.bounded_file import read_bounded
from contracts.errors import ContractError
from contracts.model import Contract, DraftContract, FrameworkAgreement
from contracts.references import misfitting, reference_faults
from contracts.strict_yaml import DocumentKind, Tree, dotted, read, refused_for, validated
from contracts.vocabulary.known import Documents, find_vocabulary, named_vocabulary

__all__ = [
    "AGREEMENT_BYTES",
    "DOCUMENTS_FOLDER",
    "ContractText",
    "documents_beside",
    "fit_vocabulary",
    "load_contract",
    "load_draft",
    "parse_contract",
    "parse_draft",
    "parse_framework",
    "shipped_framework",
    "shipped_names",
    "shipped_terms",
]

AGREEMENT_BYTES = 4 << 20
"""Largest agreement file, 4 MiB: 256 parties with three pairs of keys each take 2.7 MB."""
_SHIPPED = Path(__file__).parent / "agreements"
DOCUMENTS_FOLDER = "documents"
"""Folder of an agency that holds the documents that its agreements pin."""
_AGREEMENT: Final = DocumentKind(
    noun="the agreement",
    largest=AGREEMENT_BYTES,
    code="contract_invalid",
    fix="Correct the line that is named. If others drafted this text, ask its author; if it was "
    "signed, take the signed file from another party.",
)


@dataclass(frozen=True, slots=True)
class ContractText:
    """A contract as exact bytes, which the parties sign, and as a model.

    Attributes:
        contract: the model.
        raw: the file's exact bytes.
        hash: SHA-256 of `raw`, 32 bytes.
        where: file name for messages.
    """

    contract: Contract
    raw: bytes = field(repr=False)
    hash: bytes
    where: str


def documents_beside(path: Path) -> Documents:
    """Return the places of documents beside an agreement's file, and in its agency's folder."""
    here = path.parent
    return Documents({}, (here, here / DOCUMENTS_FOLDER, here.parent / DOCUMENTS_FOLDER))


def load_contract(
    path: Path, documents: Documents | None = None, *, vocabulary_needed: bool = True
) -> ContractText:
    """Read and parse a contract file.

    Args:
        path: the file.
        documents: places of its vocabulary; None for those beside the file.
        vocabulary_needed: as in `parse_contract`.

    Raises:
        ContractError: `contract_unreadable`, `contract_invalid`, `document_missing`,
            `vocabulary_invalid`.
    """
    raw = _bytes_of(path)
    return parse_contract(
        raw, str(path), documents or documents_beside(path), vocabulary_needed=vocabulary_needed
    )


def parse_contract(
    raw: bytes,
    where: str,
    documents: Documents | None = None,
    *,
    vocabulary_needed: bool = True,
) -> ContractText:
    """Parse a contract from its exact bytes.

    Args:
        raw: its exact bytes.
        where: the file name for messages.
        documents: places of its vocabulary, besides those that come with the software.
        vocabulary_needed: False for work that needs only parties and topics: then the contract
            raises `document_missing` when its vocabulary is asked for.

    Raises:
        ContractError: `contract_invalid`, with file, line and field of the first fault, and up to
            ten of them in the text; `document_missing` or `vocabulary_invalid` for its vocabulary.
    """
    tree, lines = read(_AGREEMENT, raw, where)
    contract = validated(_AGREEMENT, Contract, tree, lines, where)
    faults = list(reference_faults(contract))
    if vocabulary_needed:
        _bind(contract, documents, where)
        faults += misfitting(contract)
    if faults:
        raise refused_for(_AGREEMENT, faults, lines, where)
    return ContractText(contract, raw, hashlib.sha256(raw).digest(), where)


def fit_vocabulary(text: ContractText, documents: Documents) -> None:
    """Give a contract that was parsed without it the vocabulary that it pins.

    Args:
        text: the contract.
        documents: places of vocabularies, besides those that come with the software.

    Raises:
        ContractError: `document_missing`, `vocabulary_invalid`; `contract_invalid`: the contract
            uses names that the vocabulary lacks.
    """
    _, lines = read(_AGREEMENT, text.raw, text.where)
    _bind(text.contract, documents, text.where)
    faults = list(misfitting(text.contract))
    if faults:
        raise refused_for(_AGREEMENT, faults, lines, text.where)


def _bind(contract: Contract, documents: Documents | None, where: str) -> None:
    try:
        words = find_vocabulary(contract.pins.vocabulary, documents)
    except ContractError as error:
        if error.code != "document_missing":
            raise
        raise ContractError(
            f"The vocabulary that {contract.name} {contract.version} pins is not here, or its file "
            "was altered.",
            code=error.code,
            where=f"{where}: {error.where}",
            fix=error.fix,
        ) from None
    # as a cached property is filled: the value follows from the contract's own pin
    contract.__dict__["vocabulary"] = words


def load_draft(path: Path) -> ContractText:
    """Read a contract file that may lack parties, keys and dates, for checks before a signature.

    Raises:
        ContractError: as `load_contract`.
    """
    return parse_draft(_bytes_of(path), str(path), documents_beside(path))


def parse_draft(raw: bytes, where: str, documents: Documents | None = None) -> ContractText:
    """Parse a contract that may lack parties, keys, dates and pins.

    Without pins it uses the vocabulary of `vocabulary_name`.

    Raises:
        ContractError: as `parse_contract`.
    """
    tree, lines = read(_AGREEMENT, raw, where)
    needed = ("deployment", "starts", "ends", "parties", "governance_keys", "pins")
    complete = not isinstance(tree, dict) or all(tree.get(name) is not None for name in needed)
    if complete:
        return parse_contract(raw, where, documents)
    assert isinstance(tree, dict)
    present: dict[str, Tree] = {name: value for name, value in tree.items() if value is not None}
    contract = validated(_AGREEMENT, DraftContract, present, lines, where)
    if "pins" not in contract.absent:
        words = find_vocabulary(contract.pins.vocabulary, documents)
    elif contract.vocabulary_name is not None:
        words = named_vocabulary(contract.vocabulary_name, documents)
    else:
        unnamed = (("vocabulary_name",), "a draft without pins has to name its vocabulary")
        raise refused_for(_AGREEMENT, [unnamed], lines, where)
    contract.__dict__["vocabulary"] = words
    faults = [*reference_faults(contract), *misfitting(contract)]
    if faults:
        raise refused_for(_AGREEMENT, faults, lines, where)
    return ContractText(contract, raw, hashlib.sha256(raw).digest(), where)


def lines_of(text: ContractText) -> Mapping[str, int]:
    """Return the line (from 1) of each path of a text, as `a.b[0].c`, for messages about it."""
    _, lines = read(_AGREEMENT, text.raw, text.where)
    return {dotted(path): line for path, line in lines.items()}


def parse_framework(raw: bytes, where: str) -> FrameworkAgreement:
    """Parse a framework agreement.

    Raises:
        ContractError: `contract_invalid`.
    """
    tree, lines = read(_AGREEMENT, raw, where)
    return validated(_AGREEMENT, FrameworkAgreement, tree, lines, where)


def shipped_terms(name: str = "london-hate-crime") -> str:
    """Return the text of a shipped agreement's terms, which `contracts/drafting.py` completes."""
    return (_SHIPPED / f"{name}.yaml").read_text("utf-8")


def shipped_names() -> tuple[str, ...]:
    """Return the names of shipped agreements, without the framework agreement."""
    return tuple(
        sorted(path.stem for path in _SHIPPED.glob("*.yaml") if "framework" not in path.stem)
    )


@cache
def shipped_framework() -> FrameworkAgreement:
    """Return the shipped framework agreement."""
    path = _SHIPPED / "pan-london-framework.yaml"
    return parse_framework(path.read_bytes(), path.name)


def _bytes_of(path: Path) -> bytes:
    return read_bounded(
        path, AGREEMENT_BYTES, ContractError, code="contract_unreadable", what="agreement"
    )
