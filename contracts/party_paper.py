"""Paper about an agreement for the board of one party: what it gives, gets, owes, and whom to call.

It is about two pages long. `contracts/explain.py` gives the whole text, and `contracts/matrix.py`
every field. `contracts/markup.py` writes the paper as text, Markdown or HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contracts.calendar import agreement_dates
from contracts.exact_counts import exact_counts_for
from contracts.legal_codes import codes_in, legal_codes
from contracts.markup import Block, Bullets, Document, Heading, MarkupTable, Paragraph
from contracts.model import Contract
from contracts.parties import Contact, Party
from contracts.party_terms import STATES_REASON, Flow, flows, party_of, party_purposes
from contracts.terms import EventTerms, FieldTerms, LegalBasis
from contracts.vocabulary_rules import own_closed_codes, own_conditions
from contracts.wording import duration_words, in_words

__all__ = ["party_paper"]

_SENSITIVE = {
    "special-category": "special category data",
    "criminal-offence": "criminal offence data",
}


def party_paper(contract: Contract, agency: str) -> Document:
    """Return the paper for one party.

    Args:
        contract: the agreement.
        agency: agency id of the party.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    party = party_of(contract, agency)
    title = f"{contract.title}: what it means for {party.legal_name}"
    return Document(title, tuple(_blocks(contract, party)))


def _blocks(contract: Contract, party: Party) -> Iterator[Block]:
    yield Paragraph(contract.summary)
    review = contract.review_on.isoformat() if contract.review_on else "no day is agreed"
    yield Bullets.of(
        f"Agreement: {contract.name} {contract.version}, partnership {contract.deployment}",
        f"In force from {contract.starts} to {contract.ends}; review: {review}",
        f"Our part: {party.role}. {contract.roles.get(party.role, '')}",
        f"We process under: {_REGIMES[party.regime]}; we are a {in_words(party.relationship)}",
    )
    yield Heading("What we give")
    yield from _flows(contract, party, giving=True)
    yield Heading("What we get")
    yield from _flows(contract, party, giving=False)
    yield Heading("Why, and on which legal basis")
    yield from _purposes(contract, party)
    yield Heading("What we must do, and by when")
    yield Bullets.of(*_clocks(contract, party), *own_conditions(contract, party))
    yield Heading("What is forbidden")
    yield Bullets.of(*contract.use.prohibited, f"Passing on: {contract.use.onward_disclosure}")
    yield Heading("How we stop")
    yield Bullets.of(
        f"Suspending our part: {contract.terms.suspension}",
        f"Leaving: {contract.terms.leaving}",
        f"Disputes: {contract.terms.disputes}",
    )
    yield Heading("Whom to call")
    yield _contacts(contract, party)


_REGIMES = {
    "uk-gdpr": "the UK GDPR",
    "dpa2018-part3": "Part 3 of the Data Protection Act 2018 (law enforcement)",
}


# --- what flows -----------------------------------------------------------------------------------


def _flows(contract: Contract, party: Party, *, giving: bool) -> Iterator[Block]:
    of_type: dict[str, dict[str, list[str]]] = {}
    for flow in flows(contract, party.role, giving=giving):
        others = [each.id for each in contract.parties_of_role(flow.other) if each.id != party.id]
        if others:
            data = of_type.setdefault(flow.event_type, {})
            data.setdefault(_data(contract, flow), []).extend(others)
    if not of_type:
        yield Paragraph("We send nothing." if giving else "We are sent nothing.")
        return
    yield Bullets(
        tuple(
            (
                _headline(name, contract.event_types[name], described=giving),
                tuple(
                    f"{'To' if giving else 'From'} {', '.join(agencies)}: {data}"
                    for data, agencies in of_type[name].items()
                ),
            )
            for name in of_type
        )
    )


def _headline(name: str, terms: EventTerms, *, described: bool) -> str:
    """Return the type with its clause and retention; described where it is first named."""
    kept = terms.retention
    how_long = f"the reader keeps it {kept.recipient_years} years" if kept else "no time is agreed"
    text = f": {terms.text}" if described else ""
    return f"{name} (clause {terms.clause}; {how_long}){text}"


def _data(contract: Contract, flow: Flow) -> str:
    """Return the kinds of data, and how many of the fields need consent."""
    asked = len(flow.with_consent(contract))
    total = len(flow.fields)
    consent = f"{asked} of {total} fields only with consent" if asked else "no consent is needed"
    return f"{_kinds(flow.fields.values())}; {consent}."


def _kinds(fields: Iterable[FieldTerms]) -> str:
    """Return the kinds of data, and what the law treats in its own way."""
    listed = tuple(fields)
    kinds = dict.fromkeys(in_words(field.category) for field in listed)
    stated = {field.sensitivity for field in listed}
    special = [words for mark, words in _SENSITIVE.items() if mark in stated]
    note = f" (with {' and '.join(special)})" if special else ""
    return f"{', '.join(kinds)}{note}"


# --- why ------------------------------------------------------------------------------------------


def _purposes(contract: Contract, party: Party) -> Iterator[Block]:
    items = [
        (
            f"{in_words(one.name)}: {one.purpose.text}",
            tuple(_law(basis) for basis in one.bases) or _NO_BASIS,
        )
        for one in party_purposes(contract, party)
    ]
    yield Bullets(tuple(items)) if items else Paragraph("We pursue no purpose of the agreement.")
    if items:
        yield Paragraph("Each code of law in words: concordant contract law")
    exact = exact_counts_for(contract, party)
    if exact is not None:
        yield Paragraph(exact)


def _law(basis: LegalBasis) -> str:
    """Return the legal basis in words, and the codes of its conditions and gateways."""
    known = legal_codes("bases")
    named = [
        f"{code}, {known[code].label}" if code in known else code for code in codes_in(basis.basis)
    ]
    texts = (basis.article_9, basis.article_10, basis.schedule_1, basis.schedule_8)
    conditions = [code for text in texts for code in codes_in(text)]
    parts = [f"Legal basis: {'; '.join(named)}"]
    parts += [f"conditions: {', '.join(conditions)}"] if conditions else []
    parts += [f"gateways: {', '.join(basis.gateways)}"] if basis.gateways else []
    return "; ".join(parts)


_NO_BASIS = ("No legal basis of ours is named for this purpose.",)


# --- clocks and contacts --------------------------------------------------------------------------


def _clocks(contract: Contract, party: Party) -> Iterator[str]:
    for name, terms in contract.event_types.items():
        levels = terms.service_levels
        if levels is None or party.role not in terms.recipients:
            continue
        yield (
            f"{name}: acknowledge within {duration_words(levels.acknowledge_within)}, "
            f"answer within {duration_words(levels.respond_within)}"
        )
        urgent = [
            f"{verb} within {duration_words(value)}"
            for verb, value in (
                ("acknowledge", levels.urgent_acknowledge_within),
                ("answer", levels.urgent_respond_within),
            )
            if value is not None
        ]
        if urgent:
            yield f"{name}, if urgent: {', '.join(urgent)}"
    answer = duration_words(contract.service_levels.quarantine_answer_within)
    yield f"Events that our software put aside: answer within {answer}"
    for one in agreement_dates(contract):
        if party.id in one.by and one.kind != "start":
            yield f"{one.day}: {one.what}"
    yield from own_closed_codes(contract, party)
    if contract.asks_reason_of(party.id):
        yield STATES_REASON


def _contacts(contract: Contract, party: Party) -> MarkupTable:
    rows = tuple(
        (
            f"{other.legal_name} ({other.id})",
            _call(other.contacts.operations),
            _call(other.contacts.breach),
            _call(other.contacts.data_protection_officer),
        )
        for other in contract.parties
        if other.id != party.id
    )
    return MarkupTable(("Party", "Operations", "Breach", "Data protection officer"), rows)


def _call(contact: Contact) -> str:
    return f"{contact.name}, {contact.phone or contact.email}"
