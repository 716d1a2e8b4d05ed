"""Texts that were shown to the signatories of this agency, as its folder keeps them."""

from __future__ import annotations

from pathlib import Path

from broker.errors import RegistryError
from broker.registry.contract_files import shown_text_path
from broker.registry.contract_notes import SHOWN_LIMIT_BYTES, ContractNote, shown_hash
from broker.registry.contracts import SignedContract
from contracts.bounded_file import read_bounded

__all__ = ["shown_text"]


def shown_text(signed: SignedContract, note: ContractNote) -> str | None:
    """Return the text that a signatory was shown; None if it is not here or was altered.

    Args:
        signed: the agreement; the text is beside its file.
        note: the signature, which names the hash of the text.
    """
    path = shown_text_path(Path(signed.text.where), note.signer)
    try:
        raw = read_bounded(path, SHOWN_LIMIT_BYTES, RegistryError, code="document_missing")
        text = raw.decode()
    except (RegistryError, UnicodeDecodeError):
        return None
    return text if shown_hash(text) == note.shown else None
