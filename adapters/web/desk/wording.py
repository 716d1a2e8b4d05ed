"""Words of the desk's pages that are made from the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.web.texts import N_
from broker.operations.desk.answers import Fault, Problem
from broker.operations.desk.entry_fields import EntryField
from broker.operations.event_status import EventState

FAULTS: Final[Mapping[Fault, str]] = {
    "missing": N_("Enter: %(field)s"),
    "needed": N_("Enter: %(field)s"),
    "not_a_number": N_("Enter a whole number that is in the range: %(field)s"),
    "not_a_day": N_("Enter a real day, month and year: %(field)s"),
    "not_a_time": N_("Enter a time such as 14:05: %(field)s"),
    "not_yes_or_no": N_("Choose yes or no: %(field)s"),
    "not_listed": N_("Choose from the list: %(field)s"),
    "too_long": N_("Use fewer characters: %(field)s"),
    "too_many": N_("Enter fewer: %(field)s"),
    "wrong_form": N_("Enter this in the form that is expected: %(field)s"),
}
"""Sentence for each fault; the template translates it and puts the field in."""
WITHHELD: Final[Mapping[str, str]] = {
    "field_not_granted": N_("The agreement does not let us read it"),
    "consent_missing": N_("There is no consent to share it with us"),
}
NOT_READ: Final[Mapping[str, str]] = {
    "not_a_reader": N_("The agreement does not give it to them"),
    "consent_missing": N_("There is no consent to share it with them"),
    "incident_depersonalised": N_("This kind of record identifies no person"),
    "sender_not_granted": N_("We may not send it"),
    "field_not_granted": N_("The agreement does not give it to them"),
}

DELIVERY: Final[Mapping[EventState, str]] = {
    "accepted": N_("waits to be sent"),
    "on_kafka": N_("sent"),
    "stored": N_("arrived"),
    "delivered": N_("delivered to their system"),
    "put_aside": N_("waits for a person there"),
    "refused": N_("refused there"),
    "later": N_("is sent when they can be reached"),
    "unknown": N_("they have not confirmed it"),
}
"""State of a sent event at a recipient."""


def in_words(text: str) -> str:
    """Return a label or description of the vocabulary as a heading: `the ward` is Ward."""
    text = text.strip().rstrip(".").removeprefix("the ").removeprefix("The ")
    return text[:1].upper() + text[1:]


def id_of(path: str) -> str:
    """Return the id of an input from the path of its leaf."""
    return path.replace(".", "-")


def place_of(problem: Problem) -> str:
    """Return the id of the input that a problem is about."""
    if problem.item is None:
        return id_of(problem.path)
    place = f"{id_of(problem.path)}-{problem.item}"
    return place if problem.part is None else f"{place}-{problem.part}"


def label_at(problem: Problem, fields: Mapping[str, EntryField]) -> str:
    """Return the field in words that a problem is about."""
    field = fields[problem.path]
    part = next((one for one in field.fields if one.path == problem.part), None)
    return in_words((part or field).label)
