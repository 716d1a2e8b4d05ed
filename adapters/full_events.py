"""Events with a value for every leaf, for the test suite of adapters (``adapters.testing``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from adapters.base import Outgoing
from adapters.mapping.document import MappingDocument
from adapters.mapping.parts import Column
from broker.event import JSON, OpenedEvent
from contracts.events import PlainEvent
from contracts.vocabulary.samples import sample_values

VALUES: Mapping[str, JSON] = {
    "case_id": "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01",
    "referral_id": "0c9e2f57-8a3b-4a55-8d0e-27b9a0f4c302",
    "previous_referral_id": "77b1d7be-0a0e-4f0b-8c53-6d5b0a3f1c03",
    "answers.id": "a3f0c2d4-1b5e-4c6f-9d7a-8e9f0a1b2c04",
    "corrects.id": "b4a1d3e5-2c6f-4d70-8e8b-9f0a1b2c3d05",
    "reason": "Repeated shouting outside the flat; =1+1 is not a formula",
    "victim.name": "Zoë Testcase-Ó Sample",
    "victim.date_of_birth": "1979-02-28",
    "victim.address": "Flat 2/3, 14 Fixture Road; rear entrance",
    "victim.postcode": "ZZ1 1ZZ",
    "victim.uprn": "100000000001",
    "victim.phone": "+44 20 7946 0018",
    "victim.email": "testcase@example.org",
    "victim.interpreter_language": "bn",
    "victim.safe_contact_times": "weekdays, 10:00 to 12:00",
    "incident.occurred_on": "2025-02-27",
    "incident.occurred_time": "22:40",
    "incident.ward": "E05013653",
    "incident.ward_dated": "2022-05-05",
    "incident.narrative": 'They said, "go away".\nThen they left;\nno injury \\ so far.',
    "incident.previous_incidents": 3,
    "incident.known_to_police": True,
    "incident.crime_reference": "01/4815162/25",
    "alleged_perpetrator_count": 2,
    "alleged_perpetrators": [
        {
            "name": "Ann/Example; Made-Up",
            "age_band": "35_44",
            "gender": "female",
            "ethnicity": "white_british",
            "known_to_victim": True,
            "relationship": "neighbour",
        },
        {"age_band": "18_24", "known_to_victim": False},
    ],
    "witnesses": 1,
    "consent.pass_to_police": True,
    "consent.support_contact": True,
    "consent.share_identity": True,
    "consent.statistics": False,
    "version": 2,
    "note": "Seen on Monday",
    "owner_team": "Team Sample",
    "answers.source": "partner-one",
    "urn": "01XY0123425",
    "crime_reference": "01/4815162/25",
    "forms": [{"form": "MG3", "reference": "MG3-0001"}, {"form": "MG5", "reference": "MG5-0002"}],
    "offences": ["Harassment; section 2", "Criminal damage"],
    "action_plan": "Take a further statement.\nReview in two weeks.",
    "next_hearing": "2025-05-06",
    "sentence_uplift": True,
    "ward": "E05013653",
    "victim.special_measures": ["screens"],
    "declared_at": "2025-03-12T09:30:00.000Z",
    "summary": "Confidence at risk.",
    "community_impact": "Worry on the estate.",
    "contact_phone": "020 7946 0019",
    "corrects.source": "partner-one",
    "retracted": ["incident.narrative", "victim.phone"],
}
"""Value of each leaf by its path, for leaves without a code list."""


def full_data(document: MappingDocument, event_type: str) -> dict[str, JSON]:
    """Return a value for every leaf that the mapping carries; codes are the first of their lists.

    Args:
        document: names the code lists of the leaves.
        event_type: a type of one of its kinds.
    """
    columns = {path: column for column, path in document.columns_of(event_type)}
    words = document.words_of(event_type)
    samples = sample_values(words, event_type)
    linked = {kind.referral_field for kind in document.kinds.values()} | {words.case}
    if words.referrals is not None:
        linked |= {words.referrals.made.id, words.referrals.changed.id}
    flat: dict[str, JSON] = {}
    for leaf in words.type(event_type).leaves:
        column = columns.get(leaf)
        if column is not None and column.kind in ("code", "codes"):
            flat[leaf] = _codes(document, column)
        elif column is not None or leaf in linked:
            flat[leaf] = (
                VALUES[leaf] if words is document.words and leaf in VALUES else samples[leaf]
            )
    return flat


def _codes(document: MappingDocument, column: Column) -> JSON:
    table = document.tables[column.table or ""]
    known = sorted(document.codes_of(table) or _readable(document, column))
    return known[0] if column.kind == "code" else list(known[:3])


def _readable(document: MappingDocument, column: Column) -> Iterable[str]:
    return document.tables[column.table or ""].writable


def opened(
    event_type: str, flat: Mapping[str, JSON], *, withheld: Sequence[str] = ()
) -> OpenedEvent:
    """Return an opened event as judging would return it."""
    return OpenedEvent(
        id="c5b2e4f6-3d70-4e81-9f9c-a01b2c3d4e06",
        type=event_type,
        source="partner-one",
        time="2025-03-12T09:31:07.250Z",
        to=("partner-two", "this-agency"),
        flat={path: value for path, value in flat.items() if path not in withheld},
        withheld=tuple(sorted(withheld)),
        contract=("london-hate-crime", "1.0.0", "0" * 64),
        log_time=1_741_771_867,
        case_id=str(flat["case_id"]),
    )


def plain(outgoing: Outgoing) -> PlainEvent:
    """Return the event of an outgoing record."""
    return outgoing.event
