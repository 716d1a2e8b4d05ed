"""Comparison of two files of an agreement: what changes, and whether anything widens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts.comparison import TermChange, compare
from contracts.comparison_report import comparison_document, disclosure_first
from contracts.comparison_summary import summarise
from contracts.loading import ContractText, load_draft
from contracts.markup import Document
from contracts.names import require_known

__all__ = ["ComparedVersions", "compare_files"]


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

    def document(self) -> Document:
        """Return the report for people: the changes that belong together are one line."""
        summary = summarise(
            self.before.contract,
            self.after.contract,
            self.changes,
            self.party,
            self.before.hash.hex(),
        )
        return comparison_document(_named(self.before), _named(self.after), summary, self.party)


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
    before, after = load_draft(old), load_draft(new)
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


def _named(text: ContractText) -> str:
    contract = text.contract
    return f"{contract.name} {contract.version}, SHA-256 {text.hash.hex()}"
