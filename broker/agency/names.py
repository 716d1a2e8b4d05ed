"""Names of agencies for people: legal names of the agreements, and short names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.agency.participant import Participant
from contracts.hidden_characters import one_line

__all__ = ["AgencyNames", "agency_names"]

_CAPITALS: Final = frozenset({"csu", "cps", "nhs", "mps", "tpr"})


@dataclass(frozen=True, slots=True)
class AgencyNames:
    """Names of agencies, by agency id.

    Attributes:
        legal: legal names in the agreements.
        short: the names of ``[web] names``.
    """

    legal: Mapping[str, str]
    short: Mapping[str, str]

    def full(self, agency: str) -> str:
        """Return the legal name; without one the short name."""
        return self.legal.get(agency) or self.brief(agency)

    def brief(self, agency: str) -> str:
        """Return the short name, for a heading of a column; without one the id in words."""
        return self.short.get(agency) or _in_words(agency)


def agency_names(participant: Participant) -> AgencyNames:
    """Return the names of agencies that an agency's pages and sentences show.

    A version that every party has signed goes before others, so that a draft renames no agency.
    Among equals the version that starts last counts.
    """
    versions = sorted(
        participant.contracts.all(), key=lambda one: (not one.missing, one.contract.starts)
    )
    legal = {
        party.id: one_line(party.legal_name)
        for signed in versions
        for party in signed.contract.parties
    }
    return AgencyNames(legal, participant.config.web.names)


def _in_words(agency: str) -> str:
    """Return an agency id in words: `haven-support` is Haven Support."""
    return " ".join(
        word.upper() if word in _CAPITALS else word[:1].upper() + word[1:]
        for word in agency.split("-")
    )
