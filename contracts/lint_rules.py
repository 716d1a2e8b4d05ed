"""Names of the lint rules with their meaning; docs/codes.md has them as a table.

A warning is accepted by its name (``contract sign --accept``), so a name does not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["RULES", "SUCCESSION_RULES"]

SUCCESSION_RULES: Final[Mapping[str, str]] = {
    "ends-before-previous": "it ends before the version that it replaces",
    "expired": "the agreement has ended",
    "gap": "between the version before and this one nothing can be sent",
    "partitions-changed": "a topic has another number of partitions than in a signed version",
    "previous-missing": "another version is signed, and the text does not name it as `previous`",
    "previous-not-held": "`previous` names a version that this party has not signed",
    "signed-late": "it started more than 30 days ago, so a signature of today does not count",
    "status-draft": "the text says that it is a draft",
    "type-in-two-agreements": "another signed agreement has a type of it for the same two parties",
    "version-not-newer": "the number is lower than that of the version that it replaces",
    "version-repeated": "another text with this number is signed",
    "vocabulary-breaks": "the vocabulary gives another meaning to a name of the version before",
}
"""Rules of `contracts/succession.py`: the text beside the versions that are signed."""

RULES: Final[Mapping[str, str]] = {
    **SUCCESSION_RULES,
    "acknowledgement-missing": "a field is shared without the acknowledgement that it needs",
    "assessment-date": "the date or the review of an assessment is impossible or too far ahead",
    "assessment-due": "an assessment is too old, or its review is due",
    "basis-missing": "a role has no legal basis for any purpose of a field",
    "consent-hidden": "a recipient cannot see the consent on which fields rest",
    "consent-missing": "a field identifies a person, without consent and without a reason",
    "consent-tears": "consent can remove a field from an object that cannot exist without it",
    "consultation-date": "a consultation is dated in the future",
    "criminal-offence": "criminal offence data are not marked as such, or have no condition",
    "draft-incomplete": "a draft lacks a member, so what depends on it is not checked",
    "field-unknown": "the event type does not have the field",
    "gateway": "data leave law enforcement without a legal gateway",
    "heartbeat-interval": "the agreed interval of heartbeats is not that of so many parties",
    "hidden-character": "a control, bidirectional or invisible character",
    "identifies-unmarked": "a field says who a person is and is not marked `identifies`",
    "incident-identified": "a record without a person's consent could carry identifying fields",
    "legal-code-unknown": "a legal basis, condition or gateway is not a code of the dated list",
    "lone-topic": "a topic carries one event type, so the host of Kafka learns the type",
    "mixed-alphabets": "a word mixes letters of alphabets that look alike",
    "necessity-missing": "a purpose does not say why sharing is necessary or proportionate",
    "not-a-contract": "the file is not an agreement (`contract lint` alone)",
    "not-for-this-party": "this kind of party may not rely on this code",
    "party-repeated": "two parties have one legal name",
    "placeholder": "a placeholder such as TBC was not replaced",
    "policy-document-missing": "a condition needs a policy document, and none is named",
    "principal-reserved": "the Kafka principal of a party is reserved",
    "principal-shared": "two parties would connect to Kafka under one name",
    "public-authority-basis": "a public authority may not rely on this basis",
    "purpose-not-of-type": "a field has a purpose that its event type does not have",
    "purpose-without-basis": "a role sends or reads a field for a purpose without a legal basis",
    "recipient-not-party": "no party has a role that publishes or receives the event type",
    "regime-mismatch": "a code belongs to another regime than its entry",
    "registration-form": "a registration number has not the ICO's form",
    "registration-repeated": "two parties have one registration number",
    "required-not-granted": "a field that every event has is not granted to every recipient",
    "retention-long": "data are kept longer than the dated limits",
    "retention-missing": "an event type has no retention",
    "review-after-end": "the review is after the end",
    "review-due": "the review is due, or soon",
    "review-missing": "no review date is agreed, or no party is named for it",
    "special-category": "special category data are not marked as such, or have no condition",
    "starts-late": "the agreement starts more than a year from now",
    "statistics-uncontrolled": "figures would leave without disclosure control",
    "term-too-long": "the agreement runs too long",
    "too-many-groups": "an event type needs more groups of fields than an event can have",
    "type-unknown": "the vocabulary has no such event type",
    "version-record": "the version record does not fit the version",
}
"""Meaning of every rule, those of `contracts/succession.py` included."""
