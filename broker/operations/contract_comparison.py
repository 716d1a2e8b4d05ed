"""Comparison of two versions of an agreement: what changes, and whether anything widens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker.agency.participant import Participant
from broker.registry.contracts import SignedContract
from contracts.comparison import TermChange, compare
from contracts.comparison_report import comparison_document, disclosure_first
from contracts.comparison_summary import ChangeSummary, summarise
from contracts.loading import ContractText, load_draft
from contracts.markup import Document
from contracts.names import require_known
from contracts.succession import HeldVersion, previous_of

__all__ = ["ComparedVersions", "compare_files", "compare_versions", "compared_with"]


@dataclass(frozen=True, slots=True)
class ComparedVersions:
    """Two versions of an agreement and what changes between them, disclosure first.

    Attributes:
        before: the older version.
        after: the newer one.
        changes: all of them, or those that concern `party`.
        party: the agency that was asked about, None for all.
    """

    before: ContractText
    after: ContractText
    changes: tuple[TermChange, ...]
    party: str | None

    @property
    def widening(self) -> tuple[TermChange, ...]:
        """Return the changes that widen, or that a person must judge."""
        return tuple(change for change in self.changes if change.widening)

    @property
    def summary(self) -> ChangeSummary:
        """Return the changes, those that belong together in one line."""
        return summarise(
            self.before.contract,
            self.after.contract,
            self.changes,
            self.party,
            self.before.hash.hex(),
        )

    def document(self) -> Document:
        """Return the report for people."""
        names = _named(self.before), _named(self.after)
        return comparison_document(*names, self.summary, self.party)


def compare_files(old: Path, new: Path, party: str | None = None) -> ComparedVersions:
    """Compare two files; a draft may lack parties, keys and dates.

    Args:
        old: the older version.
        new: the newer one.
        party: only the changes that concern this agency.

    Raises:
        ContractError: `contract_unreadable`, `contract_invalid`.
        UnknownNameError: `agency_unknown`: neither version has this party.
    """
    return compare_versions(load_draft(old), load_draft(new), party)


def compare_versions(
    before: ContractText, after: ContractText, party: str | None = None
) -> ComparedVersions:
    """Compare two versions.

    Args:
        before: the older version.
        after: the newer one.
        party: only the changes that concern this agency.

    Raises:
        UnknownNameError: `agency_unknown`: neither version has this party.
    """
    if party is not None:
        known = (*before.contract.by_id, *after.contract.by_id)
        require_known("party", party, known, code="agency_unknown", exact=True)
    changes = compare(before.contract, after.contract).changes
    return ComparedVersions(
        before,
        after,
        disclosure_first([each for each in changes if party is None or party in each.parties]),
        party,
    )


def compared_with(
    participant: Participant, signed: SignedContract, now: int
) -> SignedContract | None:
    """Return the version that an agency compares a version with; None if it has signed no other.

    A version that the agency has signed is compared with the one that it replaces. Another one is
    compared with the version in force of its name, else with the one that it replaces, else with
    the newest stored.

    Args:
        participant: the agency.
        signed: the version, with the signatures so far.
        now: milliseconds since the epoch.
    """
    trusted = participant.contracts.trusted()
    known = [
        one
        for one in trusted
        if one.contract.name == signed.contract.name and one.hash != signed.hash
    ]
    before = previous_of(signed.text, [HeldVersion(one.text, not one.missing) for one in trusted])
    named = [one for one in known if before is not None and one.text == before.text]
    if participant.agency in signed.parties:
        return named[0] if named else None
    live = [
        one
        for one in known
        if not one.missing and one.contract.starts_ms <= now < one.contract.ends_ms
    ]
    replaced = {hash_ for one in live for hash_ in one.contract.previous_hashes}
    in_force = [one for one in live if one.hash not in replaced]
    return next((found[0] for found in (in_force[-1:], named, known[-1:]) if found), None)


def _named(text: ContractText) -> str:
    contract = text.contract
    return f"{contract.name} {contract.version}, SHA-256 {text.hash.hex()}"
