"""Words of listings: capacity, days, languages and areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.visit import Visit
from broker.directory.areas import area_in_words
from broker.directory.listing import CapacityState, Service, Weekday
from broker.operations.desk.languages import LANGUAGES
from contracts.phrases import N_, Phrase, day_words, joined

CAPACITIES: Final[Mapping[CapacityState | None, tuple[str, str, str]]] = {
    "capacity": (N_("Has capacity now"), "good", "tick"),
    "additional-assessment-required": (N_("Decides after an assessment"), "note", ""),
    "waitlist": (N_("Has a waiting list"), "wait", "clock"),
    "no-capacity": (N_("Has no capacity now"), "wait", "cross"),
    None: (N_("Capacity not known"), "", "waits"),
}
"""Words, kind and sign of the tag of each capacity; None is not known."""
DAYS: Final[Mapping[Weekday, str]] = {
    "MO": N_("Monday"),
    "TU": N_("Tuesday"),
    "WE": N_("Wednesday"),
    "TH": N_("Thursday"),
    "FR": N_("Friday"),
    "SA": N_("Saturday"),
    "SU": N_("Sunday"),
}


def service_page(visit: Visit, template: str, *, status: int = 200, **values: object) -> Response:
    """Return a page that shows services, whose templates use the functions of this module."""
    return visit.page(
        template,
        status=status,
        capacities=CAPACITIES,
        day_names=DAYS,
        areas_of=areas_of,
        day_words=day_words,
        in_a_row=in_a_row,
        labels_of=codes_in_words,
        languages_of=languages_of,
        **values,
    )


def languages_of(service: Service) -> Phrase:
    """Return the languages of a service in words."""
    return joined(", ", (LANGUAGES.get(one, _without_region(one)) for one in service.languages))


def _without_region(tag: str) -> str:
    language = tag.partition("-")[0]
    return {"en": N_("English"), "cy": N_("Welsh")}.get(language, LANGUAGES.get(language, tag))


def areas_of(codes: Sequence[str]) -> str:
    """Return the names of areas with their codes."""
    return ", ".join(map(area_in_words, codes))


def in_a_row(days: Sequence[Weekday]) -> tuple[Weekday, Weekday] | None:
    """Return the first and the last of three or more days in a row; None if they are not."""
    order = list(DAYS)
    places = sorted(order.index(one) for one in days)
    if len(places) < 3 or places != list(range(places[0], places[-1] + 1)):
        return None
    return order[places[0]], order[places[-1]]


def codes_in_words(codes: Sequence[str], known: Mapping[str, str]) -> str:
    """Return codes in words; a code that no agreement has stays as it is."""
    return ", ".join(known.get(one, one) for one in codes)
