"""Words of the desk's pages that are made from the vocabulary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final, TypeVar

from starlette.responses import Response

from adapters.web.desk.chosen import desk_of
from adapters.web.rendering import uk_time
from adapters.web.texts import N_
from adapters.web.visit import Visit
from broker.keys.instant import parse_instant
from broker.operations.desk.answers import Fault, Problem
from broker.operations.desk.connection import connection
from broker.operations.desk.entry_fields import EntryField
from broker.operations.desk.shown_fields import ShownField
from broker.operations.desk.steps import FurtherEvent, Step
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
STEPS: Final[Mapping[str, str]] = {
    "received": N_("Acknowledge"),
    "accepted": N_("Accept"),
    "rejected": N_("Reject and say why"),
    "in-progress": N_("Start the work"),
    "on-hold": N_("Put on hold"),
    "completed": N_("Complete"),
    "failed": N_("End without success"),
    "cancelled": N_("Cancel"),
    "entered-in-error": N_("Withdraw: entered in error"),
    "awaiting-information": N_("Ask for information"),
    "cancellation-requested": N_("Ask them to cancel"),
}
"""Words for codes that many vocabularies have. For another code the page shows its label."""
FURTHER: Final[Mapping[str, str]] = {
    "case.updated": N_("Update the case"),
    "correction.made": N_("Correct what was shared"),
    "critical-incident.declared": N_("Declare a critical incident"),
}
"""Words for types that shipped vocabularies have. For another type the page shows its text."""
_CLAUSE: Final = re.compile(r"[,:;.]")


def in_words(text: str) -> str:
    """Return a label of the vocabulary as a heading: `the ward` is Ward."""
    text = text.strip().rstrip(".").removeprefix("the ").removeprefix("The ")
    return text[:1].upper() + text[1:]


def short(text: str) -> str:
    """Return the beginning of a description as a heading: `The incident, as …` is Incident."""
    return in_words(_CLAUSE.split(text, maxsplit=1)[0])


def step_words(step: Step, translate: Callable[[str], str]) -> str:
    """Return a step in words that say what a person does."""
    known = STEPS.get(step.business_status or step.status)
    if known is not None:
        return translate(known)
    words = N_("Tell them: %(what)s") if step.business_status else N_("Set to: %(what)s")
    return translate(words) % {"what": step.label}


def further_words(event: FurtherEvent, translate: Callable[[str], str]) -> str:
    """Return what a further event about the case does, in words."""
    known = FURTHER.get(event.type)
    return in_words(event.description) if known is None else translate(known)


def shown_text(value: object, kind: str | None) -> object:
    """Return a value as a person reads it: days and times in words, others as they are."""
    if kind == "day" and isinstance(value, str):
        day = date.fromisoformat(value)
        return f"{day.day} {day:%B %Y}"
    if kind == "instant" and isinstance(value, str):
        return uk_time(parse_instant(value))
    return value


Grouped = TypeVar("Grouped", ShownField, EntryField)


def grouped(fields: Iterable[Grouped]) -> list[tuple[str, list[Grouped]]]:
    """Return the fields by the object that they belong to, in the order of the vocabulary."""
    found: dict[str, list[Grouped]] = {}
    for field in fields:
        found.setdefault(field.group, []).append(field)
    return list(found.items())


def desk_page(visit: Visit, template: str, *, status: int = 200, **values: object) -> Response:
    """Return a page of the desk, whose templates use the functions of this module.

    Args:
        visit: the request.
        template: path below ``templates/``.
        status: HTTP status.
        values: values for the template.
    """
    return visit.page(
        template,
        status=status,
        grouped=grouped,
        id_of=id_of,
        in_words=in_words,
        short=short,
        shown_text=shown_text,
        connection=connection(desk_of(visit)),
        **values,
    )


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
