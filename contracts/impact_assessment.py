"""Data protection impact assessment, filled in from an agreement, in the order of the ICO's form.

The form of the Information Commissioner's Office has seven steps. The agreement answers most of
steps 1 to 4 and 6. Risks and sign-off (steps 5 and 7) are for people: these parts are empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from contracts.markup import Block, Bullets, Document, Heading, MarkupTable, Paragraph
from contracts.model import Contract
from contracts.parties import Party
from contracts.party_terms import security_measures
from contracts.processing_record import processing_record

__all__ = ["impact_assessment"]

TO_COMPLETE = "To be completed."


def impact_assessment(contract: Contract, agency: str) -> Document:
    """Return the assessment for one party, with empty places for what the agreement does not say.

    Args:
        contract: the agreement.
        agency: agency id of the party that assesses.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    record = processing_record(contract, agency)
    title = f"Data protection impact assessment: {contract.title}"
    blocks = (
        *_need(contract, contract.by_id[agency]),
        *_processing(contract, contract.by_id[agency], record),
        *_necessity(contract, contract.by_id[agency], record),
        *_risks(contract, contract.by_id[agency]),
    )
    return Document(title, blocks)


def _need(contract: Contract, party: Party) -> Iterator[Block]:
    yield Bullets.of(
        f"Controller: {party.legal_name}",
        f"Data protection officer: {party.contacts.data_protection_officer.name}, "
        f"{party.contacts.data_protection_officer.email}",
        f"Agreement: {contract.name} {contract.version}",
        f"Earlier assessment: {contract.dpia.reference} of {contract.dpia.date}",
    )
    yield Heading("Step 1: identify the need for an assessment")
    yield Paragraph(contract.summary)
    yield Paragraph(f"Summary of the earlier assessment: {contract.dpia.summary}")


def _processing(
    contract: Contract, party: Party, record: Sequence[Mapping[str, str]]
) -> Iterator[Block]:
    yield Heading("Step 2: describe the processing")
    yield Heading("Nature", 3)
    yield Bullets.of(
        *(
            f"{kind}: {terms.text} Sent by {', '.join(terms.publishers)}; "
            f"sent to {', '.join(terms.recipients)}."
            for kind, terms in contract.event_types.items()
        )
    )
    yield Heading("Scope", 3)
    yield Bullets(
        tuple(
            (
                row["purpose"],
                (
                    f"Data subjects: {row['categories of data subjects'] or 'none'}",
                    f"Data: {row['categories of personal data'] or 'none'}",
                    f"Special: {row['special category or criminal offence data']}",
                    f"Received from: {row['received from']}",
                    f"Disclosed to: {row['disclosed to']}",
                    f"Kept: {row['retention'] or 'none'}",
                ),
            )
            for row in record
        )
    )
    yield Paragraph(f"How many people are affected, and in which area: {TO_COMPLETE}")
    yield Heading("Context", 3)
    yield Bullets.of(
        f"Areas: {', '.join(party.area)}",
        f"Privacy notice: {contract.privacy_notice}",
        f"Relationship with the people, their expectations, children: {TO_COMPLETE}",
    )
    yield Heading("Purposes", 3)
    yield Bullets.of(*(f"{one}: {purpose.text}" for one, purpose in contract.purposes.items()))
    yield Heading("Step 3: consultation")
    yield Bullets(
        tuple(
            (f"{each.date}, {each.who}", (f"Outcome: {each.outcome}",))
            for each in contract.consulted
        )
    )


def _necessity(
    contract: Contract, party: Party, record: Sequence[Mapping[str, str]]
) -> Iterator[Block]:
    yield Heading("Step 4: necessity and proportionality")
    for row, purpose in zip(record, _pursued(contract, party.role), strict=True):
        yield Bullets(
            (
                (
                    row["purpose"],
                    (
                        f"Legal basis: {row['legal basis']}",
                        f"Conditions: {row['conditions']}",
                        f"Gateways: {row['gateways']}",
                        f"Necessity: {contract.purposes[purpose].necessity or TO_COMPLETE}",
                        f"Proportionality: "
                        f"{contract.purposes[purpose].proportionality or TO_COMPLETE}",
                    ),
                ),
            )
        )
    processors = "; ".join(f"{each.name}: {each.service}" for each in contract.processors)
    yield Bullets.of(
        f"Preventing other use: {'; '.join(contract.use.prohibited)}",
        f"Onward disclosure: {contract.use.onward_disclosure}",
        f"Rights and complaints: {party.contacts.rights_and_complaints.name}, "
        f"{party.contacts.rights_and_complaints.email}",
        f"Processors: {processors or 'none'}",
        f"International transfers: {TO_COMPLETE}",
    )


def _risks(contract: Contract, party: Party) -> Iterator[Block]:
    yield Heading("Step 5: identify and assess risks")
    yield MarkupTable(
        ("Source of risk and effect on people", "Likelihood", "Severity", "Overall"),
        ((TO_COMPLETE, "", "", ""),),
    )
    yield Heading("Step 6: identify measures to reduce risk")
    yield Bullets.of(*security_measures(contract, party))
    yield MarkupTable(
        ("Risk", "Measure", "Effect on the risk", "Remaining risk", "Approved"),
        ((TO_COMPLETE, "", "", "", ""),),
    )
    yield Heading("Step 7: sign off and record the outcome")
    yield MarkupTable(
        ("What", "Name, position, date", "Notes"),
        (
            ("Measures approved by", "", ""),
            ("Remaining risks approved by", "", ""),
            ("Advice of the data protection officer", "", ""),
            ("Advice accepted or overruled by", "", ""),
            ("Review", str(contract.dpia.review_on or ""), ""),
        ),
    )


def _pursued(contract: Contract, role: str) -> list[str]:
    return [
        name
        for name, purpose in contract.purposes.items()
        if not purpose.pursued_by or role in purpose.pursued_by
    ]
