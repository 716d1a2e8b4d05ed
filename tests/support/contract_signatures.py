"""Signatures of parties under a contract, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from broker.keys.governance import GovernanceSigner
from broker.registry.contract_notes import Signatory, shown_hash
from broker.registry.contracts import SignedContract, countersign, verify_contract
from contracts.loading import ContractText

SIGNATORY = Signatory(name="Ada Okafor", capacity="Chief Officer")
SHOWN = shown_hash("a text that was shown")


def first_day(text: ContractText) -> int:
    """The start of the contract's first day, in milliseconds."""
    starts = text.contract.starts
    return int(datetime(starts.year, starts.month, starts.day, tzinfo=UTC).timestamp()) * 1000


def signed_by(
    text: ContractText, signers: Iterable[GovernanceSigner], time: int | None = None
) -> SignedContract:
    """The contract with the notes of these, dated at its start."""
    signed = verify_contract(text)
    at = first_day(text) if time is None else time
    for signer in signers:
        signed = countersign(signed, signer, SIGNATORY, time=at, shown=SHOWN)
    return signed
