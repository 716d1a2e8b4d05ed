"""Words of the desk's pages that are made from the vocabulary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Final, TypeVar

from starlette.responses import Response

from adapters.web.desk.chosen import desk_of
from adapters.web.rendering import uk_time
from adapters.web.visit import Visit
from broker.keys.instant import parse_instant
from broker.operations.desk.connection import connection
from broker.operations.desk.entry_fields import EntryField
from broker.operations.desk.shown_fields import ShownField
from broker.operations.event_status import EventState
from contracts.phrases import N_, Phrase, capitalised, day_words

WITHHELD: Final[Mapping[str, Phrase]] = {
    "field_not_granted": N_("The agreement does not let us read it"),
    "consent_missing": N_("There is no consent to share it with us"),
}
NOT_READ: Final[Mapping[str, Phrase]] = {
    "not_a_reader": N_("The agreement does not give it to them"),
    "consent_missing": N_("There is no consent to share it with them"),
    "incident_depersonalised": N_("Records of this kind are shared without personal details"),
    "sender_not_granted": N_("We may not send it"),
    "field_not_granted": N_("The agreement does not give it to them"),
}

DELIVERY: Final[Mapping[EventState, Phrase]] = {
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
NARRATIVE: Final = "narrative"
"""Category of sentences in the shipped vocabularies."""
_CLAUSE: Final = re.compile(r"[,:;.]")


def heading_words(text: str) -> str:
    """Return a label of the vocabulary, or words of ours, as a heading: `the ward` is Ward."""
    if isinstance(text, Phrase):
        return capitalised(text)
    text = text.strip().rstrip(".").removeprefix("the ").removeprefix("The ")
    return text[:1].upper() + text[1:]


def short(text: str) -> str:
    """Return the beginning of a description as a heading: `The incident, as …` is Incident."""
    return heading_words(_CLAUSE.split(text, maxsplit=1)[0])


def readable_value(value: object, kind: str | None) -> object:
    """Return a value as a person reads it: days and times in words, others as they are."""
    if kind == "day" and isinstance(value, str):
        return day_words(date.fromisoformat(value))
    if kind == "instant" and isinstance(value, str):
        return uk_time(parse_instant(value))
    return value


Grouped = TypeVar("Grouped", ShownField, EntryField)


def grouped_fields(fields: Iterable[Grouped]) -> list[tuple[str, list[Grouped]]]:
    """Return the fields by the object that they belong to, in the order of the vocabulary."""
    found: dict[str, list[Grouped]] = {}
    for field in fields:
        found.setdefault(field.group, []).append(field)
    return list(found.items())


def desk_page(
    visit: Visit, template: str, *, status: int = 200, under: str | None = None, **values: object
) -> Response:
    """Return a page of the desk, whose templates use the functions of this module.

    Args:
        visit: the request.
        template: path below ``templates/``.
        status: HTTP status.
        under: address of the entry of the navigation that is marked.
        values: values for the template.
    """
    return replace(visit, route=under or visit.route).page(
        template,
        status=status,
        grouped=grouped_fields,
        id_of=id_of,
        in_words=heading_words,
        short=short,
        shown_text=readable_value,
        takes_sentences=takes_sentences,
        connection=connection(desk_of(visit)),
        **values,
    )


def takes_sentences(field: EntryField) -> bool:
    """Return whether a field is asked for in several lines."""
    return field.control == "long_text" or (field.control == "text" and field.category == NARRATIVE)


def id_of(path: str) -> str:
    """Return the id of an input from the path of its leaf."""
    return path.replace(".", "-")
