"""Verification of a record of the contracts topic, before anything of it is stored.

docs/spec/topics.md, "Agreements". Each part is verified by the functions that verify a bundle which
a person adds. The text of an agreement is parsed only if a party that is known has signed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.participant import Participant
from broker.envelope.primitives import sha256
from broker.errors import EntryError, RegistryError
from broker.operations.bundle_checks import check_collected
from broker.operations.bundle_reading import (
    Collected,
    as_refused,
    collect_members,
    held_entries,
)
from broker.operations.held_members import all_held
from broker.partnership.bundle import Bundle, parse_bundle
from broker.partnership.entry import HEADER, parse_entry
from broker.registry.contract_book import ContractBook
from broker.registry.contract_notes import note_claim
from broker.statements.signed_contract import unpack_contract

_ZIP: Final = b"PK"
_WHERE: Final = Path("a record of the contracts topic")


@dataclass(frozen=True, slots=True)
class ArrivedAgreements:
    """Verified parts of a record.

    Attributes:
        parts: its agreements, notes, documents and entries.
        held: agency -> the entry that the folder held before.
    """

    parts: Collected
    held: dict[str, bytes]


def verify_arrived(value: bytes, participant: Participant, now: int) -> ArrivedAgreements | None:
    """Verify a record of the contracts topic; None if the agency holds each part of it already.

    Args:
        value: a contract with a note, a bundle, or an entry.
        participant: the agency, with the contracts known so far.
        now: milliseconds since the epoch.

    Raises:
        ConcordantError: it is refused.
    """
    contracts = participant.contracts
    bundle = _members(value)
    if all(contracts.held(bytes.fromhex(one)) is None for one in bundle.agreements):
        _require_known_signer(bundle, contracts)
    held = held_entries(participant.root)
    if all_held(bundle, participant.agency, participant.root, contracts, held):
        return None
    found = Collected()
    as_refused(
        _WHERE,
        lambda: collect_members(bundle, str(_WHERE), participant.deployment, found, now),
    )
    _leave_out_strangers(found, contracts)
    found.manifests.clear()  # the manifests topic carries them
    check_collected(participant, found, held, now)
    return ArrivedAgreements(found, held)


def names_agency(contracts: ContractBook, agency: str) -> bool:
    """Return whether an agreement that is known names an agency."""
    return any(agency in one.contract.governance_keys for one in contracts.all())


def signer_unknown() -> RegistryError:
    """Return the refusal of a version that no known party has signed."""
    return RegistryError(
        "No party that an agreement of this agency names has signed the version.",
        code="contract_signer_unknown",
        fix="Nothing was stored. If you expect a version from a new agency, ask for its bundle: "
        "concordant bundle make",
    )


def _members(value: bytes) -> Bundle:
    """Return the parts of a record, unverified, within the limits of bytes.

    Raises:
        ConcordantError: it is neither an entry, a contract with a note, nor a bundle.
    """
    if value.startswith(f"{HEADER}\n".encode()):
        return Bundle(entries={parse_entry(value, str(_WHERE)).agency: value})
    if not value.startswith(_ZIP):
        raw, note = unpack_contract(value)
        name = sha256(raw).hex()
        return Bundle(agreements={name: raw}, signatures={(name, note_claim(note).signer): note})
    bundle = parse_bundle(value, str(_WHERE))
    outside = (bundle.manifests, bundle.certificates, bundle.own_certificates, bundle.authority)
    if len(bundle.agreements) != 1 or any(outside):
        raise EntryError(
            "A bundle on the contracts topic has one agreement, and neither manifests nor "
            "certificates.",
            code="bundle_malformed",
            where=str(_WHERE),
        )
    return bundle


def _require_known_signer(bundle: Bundle, contracts: ContractBook) -> None:
    """Check that a known party signed a new text, before the text is parsed.

    Parsing a large text takes long. So an attacker without the governance keys of a party cannot
    make a reader parse one (denial of service).
    """
    for name in bundle.agreements:
        notes = [raw for (of, _), raw in bundle.signatures.items() if of == name]
        if not any(contracts.signed_by_known(bytes.fromhex(name), note) for note in notes):
            raise signer_unknown()


def _leave_out_strangers(found: Collected, contracts: ContractBook) -> None:
    """Drop entries of agencies that no agreement names."""
    given = [one.contract for one in found.agreements.values()]
    for agency in list(found.entries):
        if not names_agency(contracts, agency) and not any(
            agency in one.governance_keys for one in given
        ):
            if not given:
                raise EntryError(
                    "No agreement here names the agency of the entry.",
                    code="entry_unpinned",
                    where=str(_WHERE),
                )
            del found.entries[agency]
