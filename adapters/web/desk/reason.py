"""Question: why a person looks at a case, where the agreement asks for a reason.

The answer counts for the case, in the session of the person, for a limited time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from urllib.parse import urlencode

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS
from adapters.web.errors import PageError, PageNotFoundError
from adapters.web.own_path import own_path
from adapters.web.pages import PageRoute
from adapters.web.reasons import REASON_WORDS
from adapters.web.stated_reasons import StatedReason
from adapters.web.visit import Visit
from broker.audit.actor import Actor
from broker.audit.consultations import ReasonMissingError
from broker.audit.reason_codes import is_stated
from broker.audit.reason_text import reason_text
from broker.envelope.primitives import b64
from broker.errors import WrongInputError
from contracts.phrases import N_

MOST_NAME: Final = 44
"""Characters of the name of a case: 32 bytes in base64."""
Looked = TypeVar("Looked")


class ReasonNeededError(PageError):
    """The agreement asks for a reason before the page is shown."""

    status = 403
    template = "desk/reason.html"


def looking(visit: Visit, look: Callable[[Actor], Looked]) -> Looked:
    """Return what a use case shows to the person, with the reason that was stated for the case.

    Args:
        visit: the request.
        look: a use case that records a consultation.

    Raises:
        ReasonNeededError: the agreement asks for a reason, and none counts now.
    """
    try:
        return look(visit.person.actor())
    except ReasonMissingError as error:
        case = b64(error.case_key)
        stated = visit.session.reasons.find(case, visit.agency.clock())
        if stated is None:
            raise ReasonNeededError(**_question(visit, case, _address(visit))) from None
        return look(visit.person.actor(stated.words, stated.code))


def state(visit: Visit) -> Response:
    """Keep the reason, and go on to the page."""
    case, back = visit.form.text("case"), own_path(visit.form.text("back"))
    if len(case) != MOST_NAME:
        raise PageNotFoundError(visit=visit)
    code, words = visit.form.text("code"), visit.form.text("words") or None
    fault = _fault(code, words)
    if fault is not None:
        place, sentence = fault
        faults = [(place, sentence)]
        return visit.page("desk/reason.html", status=422, **_question(visit, case, back, faults))
    line = None if words is None else reason_text(words, "", "")
    visit.session.reasons.state(case, StatedReason(code, line), visit.agency.clock())
    return visit.redirect(back)


def _fault(code: str, words: str | None) -> tuple[str, str] | None:
    """Return the input that is wrong, and the sentence about it; None if nothing is wrong."""
    if code not in REASON_WORDS:
        return "code", N_("Choose why you are looking at this case")
    if not is_stated(code, words):
        return "words", N_("Say in words why you are looking at this case")
    try:
        if words is not None:
            reason_text(words, "", "")
    except WrongInputError:
        return "words", N_("Say it in one line of at most 200 characters")
    return None


def _question(
    visit: Visit, case: str, back: str, faults: Sequence[tuple[str, str]] = ()
) -> dict[str, object]:
    return {
        "visit": visit, "case": case, "back": back, "faults": faults, "reasons": REASON_WORDS,
        "chosen": visit.form.text("code"), "words": visit.form.text("words"),
    }  # fmt: skip


def _address(visit: Visit) -> str:
    """Return the address of the page to which the person goes on."""
    query = urlencode(dict(visit.query.texts), doseq=True, safe="/")
    return own_path(f"{visit.route}?{query}" if query else visit.route)


PAGES: Final[Sequence[PageRoute]] = (PageRoute("POST", "/reason", CASEWORKERS, state),)
