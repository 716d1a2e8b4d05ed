"""Loader of an agreement: from its exact bytes to the model, with errors by file, line and field.

The parties sign the bytes, so they are stored and hashed unchanged (protocol `concordant/1`,
"Contract signatures"). `contracts/strict_yaml.py` reads them, so that they have one meaning.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from contracts.bounded_file import read_bounded
from contracts.errors import ContractError
from contracts.model import Contract, DraftContract, FrameworkAgreement
from contracts.references import dangling
from contracts.strict_yaml import Document, Tree, read, refused_for, validated

__all__ = [
    "AGREEMENT_BYTES",
    "ContractText",
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
_AGREEMENT: Final = Document(
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


def load_contract(path: Path) -> ContractText:
    """Read and parse a contract file.

    Raises:
        ContractError: `contract_unreadable`, `contract_invalid`.
    """
    return parse_contract(_bytes_of(path), str(path))


def parse_contract(raw: bytes, where: str) -> ContractText:
    """Parse a contract from its exact bytes; `where` is the file name for messages.

    Raises:
        ContractError: `contract_invalid`, with file, line and field of the first fault, and up to
            ten of them in the text.
    """
    tree, lines = read(_AGREEMENT, raw, where)
    contract = validated(_AGREEMENT, Contract, tree, lines, where)
    faults = [(path, text) for path, text in dangling(contract)]
    if faults:
        raise refused_for(_AGREEMENT, faults, lines, where)
    return ContractText(contract, raw, hashlib.sha256(raw).digest(), where)


def load_draft(path: Path) -> ContractText:
    """Read a contract file that may lack parties, keys and dates, for checks before a signature.

    Raises:
        ContractError: `contract_unreadable`, `contract_invalid`.
    """
    return parse_draft(_bytes_of(path), str(path))


def parse_draft(raw: bytes, where: str) -> ContractText:
    """Parse a contract that may lack parties, keys and dates.

    Raises:
        ContractError: `contract_invalid`.
    """
    tree, lines = read(_AGREEMENT, raw, where)
    needed = ("deployment", "starts", "ends", "parties", "governance_keys", "pins")
    complete = not isinstance(tree, dict) or all(tree.get(name) is not None for name in needed)
    if complete:
        return parse_contract(raw, where)
    assert isinstance(tree, dict)
    present: dict[str, Tree] = {name: value for name, value in tree.items() if value is not None}
    contract = validated(_AGREEMENT, DraftContract, present, lines, where)
    faults = list(dangling(contract))
    if faults:
        raise refused_for(_AGREEMENT, faults, lines, where)
    return ContractText(contract, raw, hashlib.sha256(raw).digest(), where)


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
    """Return the names of shipped agreements, without the framework agreement and vocabulary."""
    return tuple(
        sorted(
            path.stem
            for path in _SHIPPED.glob("*.yaml")
            if "framework" not in path.stem and not path.stem.endswith(".vocabulary")
        )
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
