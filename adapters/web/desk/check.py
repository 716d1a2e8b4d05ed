"""Page: what each recipient of a draft will see, and sending it once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, SENT, desk_of
from adapters.web.desk.draft_questions import CHANGED, with_plan
from adapters.web.desk.drafts import DRAFTS, DraftGoneError, draft_page
from adapters.web.desk.entry_forms import faults_of
from adapters.web.desk.wording import NOT_READ, grouped_fields
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.operations.desk.answers import AnswerProblem
from broker.operations.desk.drafts import (
    AnswersInvalidError,
    ReferralDraft,
    SentDraft,
    draft_event,
    send_draft,
)
from broker.operations.desk.errors import DeskError
from broker.operations.desk.new_referral import ReferralPlan, consent_fields, preview
from broker.operations.desk.shown_fields import ShownField, shown_fields
from contracts.errors import ConcordantError, EventError
from contracts.phrases import N_, Phrase, phrase
from contracts.simulation import RecipientView, Simulated


def check(visit: Visit, draft: ReferralDraft, plan: ReferralPlan) -> Response:
    """Show what each recipient will see."""
    return _check_page(visit, draft, plan)


def send(visit: Visit) -> Response:
    """Send the draft once."""
    at = f"{DRAFTS}/{visit.path['id']}/check"
    try:
        sent = send_draft(
            desk_of(visit), visit.person.actor(), visit.path["id"], visit.form.number("version", 1)
        )
    except AnswersInvalidError:
        return visit.redirect(at)
    except EventError as error:
        return with_plan(partial(_check_page, refused=error))(visit)
    except DeskError as error:
        if error.code == "draft_changed":
            return visit.redirect(at, CHANGED)
        raise DraftGoneError(visit=visit, sent=None) from None
    return visit.redirect(f"{SENT}?reference={sent.referral_id}", _said(sent))


def _said(sent: SentDraft) -> Phrase:
    if sent.again:
        return N_("It was sent before. Nothing was sent again.")
    return phrase(
        "Sent. The reference is %(reference)s. The list shows by when they have to answer.",
        reference=sent.referral_id[:8],
    )


def _check_page(
    visit: Visit, draft: ReferralDraft, plan: ReferralPlan, refused: ConcordantError | None = None
) -> Response:
    desk = desk_of(visit)
    event, problems = draft_event(desk, draft)
    simulated: Simulated | None = None
    rows: tuple[ShownField, ...] = ()
    if not problems:
        simulated = preview(desk, plan, event)
        vocabulary = plan.contract.vocabulary
        own = (plan.rules.case, plan.rules.made.id)
        flat = vocabulary.type(event.type).flatten(event.data)
        rows = shown_fields(vocabulary, event.type, flat, without=own)
    return draft_page(
        visit,
        "desk/check.html",
        draft,
        plan=plan,
        titles=[title for title, _ in grouped_fields(plan.fields)],
        rows=rows,
        simulated=simulated,
        missing={} if simulated is None else _missing(simulated.recipients),
        problems=_links(visit, plan, problems),
        refused=None if refused is None else (refused, next_step(refused)),
        not_read=NOT_READ,
    )


def _missing(
    views: Mapping[str, RecipientView],
) -> Mapping[tuple[str, str], tuple[str, str | None]]:
    """Return (agency, leaf path) -> (reason, clause) of each field that it does not see."""
    return {
        (agency, one.field): (one.reason, one.clause)
        for agency, view in views.items()
        for one in view.left_out
    }


def _links(
    visit: Visit, plan: ReferralPlan, problems: Sequence[AnswerProblem]
) -> list[tuple[str, str]]:
    """Return (address below the draft, sentence) of each problem."""
    number_of = {
        field.path: number
        for number, (_, fields) in enumerate(grouped_fields(plan.fields), 1)
        for field in fields
    }
    asked = (*consent_fields(desk_of(visit), plan), *plan.fields)
    found = []
    for problem in problems:
        ((place, sentence),) = faults_of([problem], asked)
        number = number_of.get(problem.path)
        found.append((f"part/{number}#{place}" if number else f"consent#{place}", sentence))
    return found


_CHECK: Final = f"{DRAFTS}/{{id}}/check"
PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", _CHECK, CASEWORKERS, with_plan(check)),
    PageRoute("POST", _CHECK, CASEWORKERS, send),
)
