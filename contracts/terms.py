"""Terms that decide what is shared: purposes and their law, event types, fields, consent.

One model for each part of the agreement that is about the data itself (docs/spec/contracts.md,
"Members that the protocol uses"). `contracts/parties.py` says who the parties are, and
`contracts/model.py` describes the agreement as a whole. All models are frozen and refuse unknown
keys. Numbers and booleans are taken strictly, so that a quoted `"30"` or a `yes` is an error.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from contracts.durations import Duration
from contracts.term import AgreementDay, Identifier, Term, Text

__all__ = [
    "AgreementDay",
    "Clause",
    "ConsentScope",
    "EventTerms",
    "FieldTerms",
    "Identifier",
    "LegalBasis",
    "Purpose",
    "Regime",
    "RetentionTerms",
    "RoleConsent",
    "ServiceLevels",
    "StatisticalControl",
    "Term",
    "Text",
    "TopicTerms",
]

Clause: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+){0,4}$")]
Regime: TypeAlias = Literal["uk-gdpr", "dpa2018-part3"]
ConsentScope: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
"""Code of a scope of consent in the vocabulary."""


class Purpose(Term):
    """A purpose of the sharing. Empty necessity or proportionality is a lint finding.

    Attributes:
        pursued_by: roles that use data for it; all of them if it is empty.
    """

    text: Text
    kind: Literal["operational", "statistics"] = "operational"
    necessity: str = ""
    proportionality: str = ""
    pursued_by: tuple[Identifier, ...] = ()


class LegalBasis(Term):
    """Legal basis of one regime's parties for one purpose.

    Attributes:
        basis: code of data/legal_codes, for example `uk-gdpr:6(1)(e)`. This and the conditions may
            name several codes with a semicolon between them.
        article_9: condition for special categories under UK GDPR.
        article_10: condition for criminal offence data under UK GDPR.
        schedule_1: condition of DPA 2018 Schedule 1 that goes with it.
        schedule_8: condition of DPA 2018 Schedule 8, for law enforcement.
        gateways: codes of Acts that allow the disclosure.
    """

    purpose: Identifier
    regime: Regime
    relied_on_by: tuple[Identifier, ...] = Field(min_length=1)
    basis: Text
    article_9: Text | None = None
    article_10: Text | None = None
    schedule_1: Text | None = None
    schedule_8: Text | None = None
    appropriate_policy_document: Text | None = None
    gateways: tuple[Text, ...] = ()


class ServiceLevels(Term):
    """Deadlines of a type, from the log time of the event that starts them."""

    acknowledge_within: Duration
    respond_within: Duration
    urgent_acknowledge_within: Duration | None = None
    urgent_respond_within: Duration | None = None


class RetentionTerms(Term):
    """Retention: on Kafka in days, at the recipient in years."""

    kafka_days: Annotated[StrictInt, Field(ge=1, le=366)]
    recipient_years: Annotated[StrictInt, Field(ge=1, le=100)]


class FieldTerms(Term):
    """Terms of one leaf: its kind, its purposes, and the roles that may read it.

    Attributes:
        clause: clause of the agreement; every decision about the field names it.
        category: kind of data.
        sensitivity: treatment by the law, which is separate from the category.
        readers: roles that may read it; others never learn that the event has it.
        senders: publishers that may send it; empty means all of the type's.
        consent: scopes that must each be true; otherwise the field is left out.
        identifies: whether it identifies a person, alone or with other fields of the event.
        without_consent: reason why an identifying field does not need consent.
    """

    clause: Clause
    category: Identifier
    sensitivity: Literal["none", "personal", "special-category", "criminal-offence"]
    data_subject: Identifier
    purposes: tuple[Identifier, ...] = Field(min_length=1)
    readers: tuple[Identifier, ...] = Field(min_length=1)
    senders: tuple[Identifier, ...] = ()
    required: StrictBool = False
    consent: tuple[ConsentScope, ...] = ()
    identifies: StrictBool = False
    without_consent: Text | None = None


class EventTerms(Term):
    """Terms of one event type: publishers, recipients, topic and fields.

    Attributes:
        topic: neutral logical name; the type itself is never readable on Kafka.
        informed: recipients that a fulfiller may tell of a change of a referral's status although
            they are no side of the referral; only the type that changes a status has any.
        incident_identifiers: whether an incident that is not a crime may carry identifying fields:
            `with-consent` needs consent on each, `never` leaves them out, `allowed` is a finding.
    """

    clause: Clause
    text: Text
    topic: Identifier
    publishers: tuple[Identifier, ...] = Field(min_length=1)
    recipients: tuple[Identifier, ...] = Field(min_length=1)
    purposes: tuple[Identifier, ...] = Field(min_length=1)
    informed: tuple[Identifier, ...] = ()
    incident_identifiers: Literal["with-consent", "never", "allowed"] = "with-consent"
    retention: RetentionTerms | None = None
    service_levels: ServiceLevels | None = None
    fields: dict[str, FieldTerms] = Field(min_length=1)


class TopicTerms(Term):
    """Terms of a topic.

    Its number of partitions never changes, or a case would change partition.
    """

    partitions: Annotated[StrictInt, Field(ge=1, le=100)]


class RoleConsent(Term):
    """Consent scope that a role needs for every identifying field.

    Attributes:
        unless_from: roles of senders to which it does not apply, because they already have the
            case.
    """

    clause: Clause
    scope: ConsentScope
    unless_from: tuple[Identifier, ...] = ()


class StatisticalControl(Term):
    """Disclosure control of figures that leave the partnership.

    Attributes:
        suppress_below: figures below this are hidden.
        round_to: the others are rounded to a multiple of this.
        suppress_breakdown_below: the same limit for figures of a table by three or more dimensions
            at once, for example a group, a small area and a month. Such figures say more of a
            person.
        suppress_area_below: the same limit for figures of one area, for example of a borough; None
            if it is `suppress_below`. An area has fewer people, who know more of each other.
        secondary_suppression: whether further figures are hidden from which a hidden one follows.
        tally: role of the party that tallies unions of cases. It sends and receives no events.
            None if no union is given.
        published_by: party that alone publishes figures; None if each party that pursues a purpose
            of statistics may.
    """

    suppress_below: Annotated[StrictInt, Field(ge=2, le=100)]
    round_to: Annotated[StrictInt, Field(ge=1, le=100)]
    suppress_breakdown_below: Annotated[StrictInt, Field(ge=2, le=100)]
    suppress_area_below: Annotated[StrictInt, Field(ge=2, le=100)] | None = None
    secondary_suppression: StrictBool
    tally: Identifier | None = None
    published_by: Identifier | None = None
    text: Text
