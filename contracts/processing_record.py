"""Rows for a party's record of processing activities, for both regimes.

The columns follow Article 30(1) UK GDPR and section 61(2) of the Data Protection Act 2018 (law
enforcement). One row is one purpose of the agreement, as this party pursues it. The agreement does
not state everything that a record needs: such cells say so, and the party completes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from contracts.csv_text import csv_text
from contracts.legal_codes import LegalKind, codes_in, legal_codes
from contracts.model import Contract
from contracts.names import require_known
from contracts.parties import Party
from contracts.party_terms import security_measures
from contracts.phrases import N_, Phrase, joined, phrase
from contracts.terms import EventTerms, FieldTerms, LegalBasis
from contracts.wording import in_words

__all__ = ["COLUMNS", "processing_record", "processing_record_csv"]

TO_COMPLETE: Final = N_("to be completed by the controller")
_NONE: Final = N_("none")
COLUMNS: Final = (
    N_("controller"),
    N_("controller contact"),
    N_("data protection officer"),
    N_("joint controllers"),
    N_("regime"),
    N_("purpose"),
    N_("why it is necessary"),
    N_("legal basis"),
    N_("conditions"),
    N_("gateways"),
    N_("categories of data subjects"),
    N_("categories of personal data"),
    N_("special category or criminal offence data"),
    N_("received from"),
    N_("disclosed to"),
    N_("processors"),
    N_("transfers to third countries"),
    N_("retention"),
    N_("security measures"),
    N_("profiling or automated decisions"),
    N_("agreement"),
)
"""Names of the columns."""


def processing_record(contract: Contract, agency: str) -> tuple[Mapping[str, str], ...]:
    """Return the rows of one party, one for each purpose that it pursues.

    Args:
        contract: the agreement.
        agency: agency id of the party.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    require_known("party", agency, contract.by_id, code="agency_unknown", exact=True)
    party = contract.by_id[agency]
    return tuple(
        MappingProxyType(dict(zip(COLUMNS, _row(contract, party, name), strict=True)))
        for name, purpose in contract.purposes.items()
        if not purpose.pursued_by or party.role in purpose.pursued_by
    )


def processing_record_csv(contract: Contract, agency: str) -> str:
    """Return the rows as CSV with a heading; a cell never begins with a sign of a formula.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    rows = processing_record(contract, agency)
    return csv_text(COLUMNS, ([row[name] for name in COLUMNS] for row in rows))


def _row(contract: Contract, party: Party, purpose: str) -> tuple[str, ...]:
    role = party.role
    terms = contract.purposes[purpose]
    bases = [
        basis
        for basis in contract.legal_bases
        if basis.purpose == purpose and role in basis.relied_on_by and basis.regime == party.regime
    ]
    used = list(_used(contract, role, purpose))
    fields = [field for _, _, field in used]
    joint = [
        other.legal_name
        for other in contract.parties
        if other.id != party.id and other.relationship == party.relationship == "joint-controller"
    ]
    return (
        party.legal_name,
        f"{party.contacts.operations.name}, {party.contacts.operations.email}",
        f"{party.contacts.data_protection_officer.name}, "
        f"{party.contacts.data_protection_officer.email}",
        _several(joint) or _NONE,
        N_("UK GDPR") if party.regime == "uk-gdpr" else N_("Data Protection Act 2018, Part 3"),
        terms.text,
        terms.necessity.strip() or TO_COMPLETE,
        _several(_labelled("bases", (basis.basis for basis in bases))) or TO_COMPLETE,
        _several(_conditions(bases)) or _NONE,
        _several(_labelled("gateways", (one for basis in bases for one in basis.gateways)))
        or _NONE,
        _several(in_words(field.data_subject) for field in fields if field.data_subject != "none"),
        _several(in_words(field.category) for field in fields),
        _several(in_words(f.sensitivity) for f in fields if f.sensitivity in _SPECIAL) or _NONE,
        _several(_agencies(contract, party, _senders_to(role, used))) or _NONE,
        _several(_agencies(contract, party, _readers_from(role, used))) or _NONE,
        _several(f"{each.name}: {each.service}" for each in contract.processors) or _NONE,
        TO_COMPLETE,
        _several(_retention(name, contract.event_types[name]) for name, _, _ in used),
        _several(security_measures(contract, party)),
        TO_COMPLETE,
        f"{contract.name} {contract.version}",
    )


_SPECIAL = frozenset({"special-category", "criminal-offence"})


_Used: TypeAlias = tuple[str, EventTerms, FieldTerms]
"""Name and terms of an event type, and terms of one of its fields."""


def _used(contract: Contract, role: str, purpose: str) -> Iterator[_Used]:
    """Yield the fields that a role sends or reads for a purpose."""
    for name, terms in contract.event_types.items():
        for field in terms.fields.values():
            mine = _reads(role, terms, field) or role in _senders(terms, field)
            if purpose in field.purposes and mine:
                yield name, terms, field


def _reads(role: str, terms: EventTerms, field: FieldTerms) -> bool:
    return role in field.readers and role in terms.recipients


def _senders(terms: EventTerms, field: FieldTerms) -> tuple[str, ...]:
    return field.senders or terms.publishers


def _senders_to(role: str, used: Iterable[_Used]) -> set[str]:
    return {
        sender
        for _, terms, field in used
        if _reads(role, terms, field)
        for sender in _senders(terms, field)
    }


def _readers_from(role: str, used: Iterable[_Used]) -> set[str]:
    return {
        reader
        for _, terms, field in used
        if role in _senders(terms, field)
        for reader in field.readers
        if reader in terms.recipients
    }


def _agencies(contract: Contract, party: Party, roles: Collection[str]) -> Iterator[str]:
    for other in contract.parties:
        if other.role in roles and other.id != party.id:
            yield f"{other.legal_name} ({other.role})"


def _conditions(bases: Iterable[LegalBasis]) -> Iterator[str]:
    for basis in bases:
        members: tuple[tuple[LegalKind, str | None], ...] = (
            ("article_9", basis.article_9),
            ("article_10", basis.article_10),
            ("schedule_1", basis.schedule_1),
            ("schedule_8", basis.schedule_8),
        )
        for kind, value in members:
            if value is not None:
                yield from _labelled(kind, (value,))


def _labelled(kind: LegalKind, texts: Iterable[str]) -> Iterator[str]:
    known = legal_codes(kind)
    for text in texts:
        for code in codes_in(text):
            yield joined("", (code, " (", N_(known[code].label), ")")) if code in known else code


def _retention(name: str, terms: EventTerms) -> str:
    if terms.retention is None:
        return joined(": ", (name, TO_COMPLETE))
    years = terms.retention.recipient_years
    return joined(": ", (name, phrase("%(number)s years", number=years)))


def _several(texts: Iterable[str]) -> Phrase:
    return joined("; ", dict.fromkeys(texts))
