"""Check whether an agency already holds each member of a bundle, byte for byte.

A running adapter hears the same notes and entries from each partner that publishes them. All that
is in its folder was verified when it was stored, so it need not be verified again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from broker.operations.agreement_documents import read_document
from broker.partnership.bundle import Bundle
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract


def all_held(
    bundle: Bundle, agency: str, root: Path, contracts: ContractBook, entries: Mapping[str, bytes]
) -> bool:
    """Return whether a bundle has nothing that this agency would store.

    Args:
        bundle: agreements, notes, entries and documents; with other members the answer is no.
        agency: its id.
        root: its folder.
        contracts: the contracts that it knows.
        entries: the entries in its folder, by agency.

    Returns:
        False also for an agreement that the agency has not signed: for such a version it records
        which entries and documents belong to it.
    """
    if bundle.manifests or bundle.certificates or bundle.own_certificates or bundle.authority:
        return False
    held: dict[str, SignedContract] = {}
    for name, raw in bundle.agreements.items():
        signed = contracts.held(bytes.fromhex(name))
        if signed is None or signed.hash in contracts.received or agency not in signed.parties:
            return False
        if signed.text.raw != raw:
            return False
        held[name] = signed
    return (
        all(
            name in held and any(note == one.raw for one in held[name].notes)
            for (name, _), note in bundle.signatures.items()
        )
        and all(entries.get(name) == raw for name, raw in bundle.entries.items())
        and all(read_document(root, name) == raw for name, raw in bundle.documents.items())
    )
