"""Pages: the drafts of a person, and the removal of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, desk_of
from adapters.web.desk.wording import desk_page
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.desk.drafts import (
    ReferralDraft,
    discard_draft,
    draft_of,
    draft_service,
    drafts_of_person,
    sent_referral,
    start_draft,
)
from broker.operations.desk.errors import DeskError
from broker.operations.desk.held_referral import find_referral
from contracts.phrases import N_

DRAFTS: Final = "/drafts"


class DraftGoneError(PageNotFoundError):
    """The draft of the address was sent or removed, or it is another person's."""

    template = "desk/draft_gone.html"


def own_draft(visit: Visit) -> ReferralDraft:
    """Return the draft of the address.

    Raises:
        DraftGoneError: the person has none of this id.
    """
    desk = desk_of(visit)
    try:
        return draft_of(desk, visit.person.actor(), visit.path["id"])
    except DeskError:
        raise DraftGoneError(visit=visit, sent=sent_referral(desk, visit.path["id"])) from None


def draft_page(visit: Visit, template: str, draft: ReferralDraft, **values: object) -> Response:
    """Return a page about a draft; with faults its status is 422."""
    status = 422 if values.get("faults") or values.get("refused") else 200
    return desk_page(visit, template, status=status, under=DRAFTS, draft=draft, **values)


def drafts(visit: Visit) -> Response:
    """Show the drafts of the person."""
    desk = desk_of(visit)
    found = [
        (one, draft_service(desk, one)) for one in drafts_of_person(desk, visit.person.actor())
    ]
    return desk_page(visit, "desk/drafts.html", drafts=found)


def begin(visit: Visit) -> Response:
    """Begin a draft, of a new case or of the case of a referral."""
    desk, case = desk_of(visit), None
    referral_id, _, other = visit.form.text("about").partition("/")
    if referral_id:
        case = find_referral(desk, referral_id, other).row.case_id
    draft = start_draft(desk, visit.person.actor(), case_id=case)
    return visit.redirect(f"{DRAFTS}/{draft.id}/recipients")


def ask_discard(visit: Visit) -> Response:
    """Ask whether a draft is to be removed."""
    draft = own_draft(visit)
    service = draft_service(desk_of(visit), draft)
    return draft_page(visit, "desk/discard.html", draft, service=service)


def discard(visit: Visit) -> Response:
    """Remove a draft."""
    draft = own_draft(visit)
    discard_draft(desk_of(visit), visit.person.actor(), draft.id)
    said = N_("The draft was removed. Nothing was sent.")
    return visit.redirect(DRAFTS, said)


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", DRAFTS, CASEWORKERS, drafts),
    PageRoute("POST", DRAFTS, CASEWORKERS, begin),
    PageRoute("GET", f"{DRAFTS}/{{id}}/discard", CASEWORKERS, ask_discard),
    PageRoute("POST", f"{DRAFTS}/{{id}}/discard", CASEWORKERS, discard),
)
