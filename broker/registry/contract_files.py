"""Files of one agreement: its text, and the notes and shown texts beside it."""

from __future__ import annotations

from pathlib import Path

from broker.registry.contract_notes import CONTRACT_NOTE_LIMIT_BYTES, signer_name
from broker.registry.contracts import SignedContract, verify_named
from broker.registry.registry_records import read_registry_file
from contracts.loading import ContractText


def note_path(contract: Path, signer: str) -> Path:
    """Return the file of a note beside a contract's file; `signer` as in `ContractNote`."""
    return contract.with_suffix(f".{signer}.note")


def shown_text_path(contract: Path, signer: str) -> Path:
    """Return the file of the text that was shown to a signatory; `signer` as in `ContractNote`."""
    return contract.with_suffix(f".{signer}.shown.txt")


def verify_beside(text: ContractText, path: Path) -> SignedContract:
    """Verify the notes of a contract's parties that are beside its file.

    Raises:
        RegistryError: a signature is wrong, or is in the file of another party.
    """
    signers = [
        signer_name(party.id, officer)
        for party in text.contract.parties
        if party.id in text.contract.governance_keys
        for officer in text.contract.governance_keys[party.id].pairs
    ]
    beside = [(signer, note_path(path, signer)) for signer in signers]
    return verify_named(
        text,
        ((signer, read_note_file(file), str(file)) for signer, file in beside if file.exists()),
    )


def read_note_file(path: Path) -> bytes:
    """Read a note, at most one byte more than allowed, so that its parser sees an excess.

    Raises:
        RegistryError: ``registry_unreadable``.
    """
    return read_registry_file(path, CONTRACT_NOTE_LIMIT_BYTES)
