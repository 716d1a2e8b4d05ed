"""Pages: a new referral as questions, one group of fields a page, and the drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, desk_of
from adapters.web.desk.entry_forms import MOST_ITEMS, faults_of, texts_of
from adapters.web.desk.wording import NOT_READ, desk_page, grouped, id_of
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.texts import N_
from adapters.web.visit import Visit
from broker.codes.meanings import next_step
from broker.operations.desk.answers import Problem, Texts, read_answers
from broker.operations.desk.drafts import (
    AnswersInvalidError,
    Draft,
    change_draft,
    discard_draft,
    draft_event,
    draft_of,
    drafts_of,
    send_draft,
    start_draft,
)
from broker.operations.desk.entry_fields import EntryField
from broker.operations.desk.errors import DeskError
from broker.operations.desk.held_referral import find_referral
from broker.operations.desk.new_referral import (
    ReferralPlan,
    consent_fields,
    possible_recipients,
    preview,
    referral_plan,
)
from broker.operations.desk.shown_fields import ShownField, shown_fields
from contracts.errors import ConcordantError, EventError
from contracts.simulation import RecipientView, Simulated

CHANGED: Final = N_("This draft was changed from another page. Compare, and save again.")


def drafts(visit: Visit) -> Response:
    """Show the drafts of the person."""
    desk = desk_of(visit)
    found = drafts_of(desk, visit.person.actor())
    return desk_page(visit, "desk/drafts.html", drafts=found)


def begin(visit: Visit) -> Response:
    """Begin a draft, of a new case or of the case of a referral."""
    desk, case = desk_of(visit), None
    referral_id, _, other = visit.form.text("about").partition("/")
    if referral_id:
        case = find_referral(desk, referral_id, other).row.case_id
    draft = start_draft(desk, visit.person.actor(), case_id=case)
    return visit.redirect(f"/drafts/{draft.id}/recipients")


def recipients(visit: Visit) -> Response:
    """Ask to whom the referral goes."""
    return _recipients_page(visit, _draft(visit), None)


def choose(visit: Visit) -> Response:
    """Keep the recipients, and go on to consent."""
    draft = _draft(visit)
    possible = {one.agency for one in possible_recipients(desk_of(visit))}
    chosen = tuple(one for one in visit.form.all("recipients") if one in possible)
    if not chosen:
        return _recipients_page(visit, draft, N_("Choose at least one recipient"))
    try:
        plan = referral_plan(desk_of(visit), chosen, draft.texts)
    except EventError as error:
        return _recipients_page(visit, draft, error.detail)
    _change(visit, draft, recipients=chosen)
    return visit.redirect(f"/drafts/{draft.id}/{'consent' if plan.questions else 'part/1'}")


def consent(visit: Visit) -> Response:
    """Ask what the person agreed to, in words that one can read out."""
    draft = _draft(visit)
    return _consent_page(visit, draft, draft.texts)


def agree(visit: Visit) -> Response:
    """Keep the answers about consent, and go on to the fields."""
    draft = _draft(visit)
    desk, plan = desk_of(visit), _plan(visit, draft)
    fields = consent_fields(desk, plan)
    texts = texts_of(visit.form, fields)
    unanswered = [
        (id_of(one.path), visit.renderer.text(N_("Choose yes or no")))
        for one in plan.questions
        if not texts.get(one.path)
    ]
    if unanswered:
        return _consent_page(visit, draft, {**draft.texts, **texts}, unanswered)
    _change(visit, draft, texts=texts)
    return visit.redirect(f"/drafts/{draft.id}/part/1")


def part(visit: Visit) -> Response:
    """Ask for one group of fields."""
    draft = _draft(visit)
    return _part_page(visit, _part(visit, draft), draft.texts)


def write(visit: Visit) -> Response:
    """Keep one group of fields, and go on. Faulty texts are kept too, and named."""
    draft = _draft(visit)
    chosen = _part(visit, draft)
    texts = texts_of(visit.form, chosen.fields)
    try:
        draft = _change(visit, draft, texts=texts)
    except DeskError as error:
        if error.code != "draft_changed":
            raise
        faults = [(id_of(chosen.fields[0].path), _said(visit, CHANGED))]
        return _part_page(visit, chosen, {**draft.texts, **texts}, faults)
    of_type = chosen.plan.contract.vocabulary.type(chosen.plan.event_type)
    problems = read_answers(of_type, chosen.fields, texts)[1]
    at = f"/drafts/{draft.id}"
    if visit.form.text("more"):
        return visit.redirect(f"{at}/part/{chosen.number}#{id_of(visit.form.text('more'))}")
    if problems:
        faults = faults_of(problems, chosen.fields, visit.renderer.text)
        return _part_page(visit, _part(visit, draft), draft.texts, faults)
    if chosen.number < chosen.parts:
        return visit.redirect(f"{at}/part/{chosen.number + 1}")
    return visit.redirect(f"{at}/check")


def check(visit: Visit) -> Response:
    """Show what each recipient will see."""
    return _check_page(visit, _draft(visit))


def send(visit: Visit) -> Response:
    """Send the draft once."""
    desk, actor = desk_of(visit), visit.person.actor()
    try:
        sent = send_draft(desk, actor, visit.path["id"], visit.form.number("version", 1))
    except AnswersInvalidError:
        return _check_page(visit, _draft(visit))
    except EventError as error:
        return _check_page(visit, _draft(visit), error)
    except DeskError as error:
        if error.code == "draft_changed":
            return visit.redirect(f"/drafts/{visit.path['id']}/check", _said(visit, CHANGED))
        raise PageNotFoundError(visit=visit) from None
    said = N_("It was sent before. Nothing was sent again.") if sent.again else N_("Sent.")
    target = f"/sent?reference={sent.referral_id}"
    return visit.redirect(target, _said(visit, said))


def discard(visit: Visit) -> Response:
    """Remove a draft."""
    draft = _draft(visit)
    discard_draft(desk_of(visit), visit.person.actor(), draft.id)
    return visit.redirect("/drafts", _said(visit, N_("The draft was removed. Nothing was sent.")))


# --- parts of a draft ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """One group of fields of a draft.

    Attributes:
        draft: the draft.
        plan: what can be written.
        number: number of the group, from 1.
        parts: number of groups.
        title: the group in words of the vocabulary; empty for fields of the referral itself.
        fields: its fields.
    """

    draft: Draft
    plan: ReferralPlan
    number: int
    parts: int
    title: str
    fields: tuple[EntryField, ...]


def _part(visit: Visit, draft: Draft) -> _Part:
    plan = _plan(visit, draft)
    groups = grouped(plan.fields)
    number = visit.path["number"]
    if number not in {str(one) for one in range(1, len(groups) + 1)}:
        raise PageNotFoundError(visit=visit)
    title, fields = groups[int(number) - 1]
    return _Part(draft, plan, int(number), len(groups), title, tuple(fields))


def _draft(visit: Visit) -> Draft:
    try:
        return draft_of(desk_of(visit), visit.person.actor(), visit.path["id"])
    except DeskError:
        raise PageNotFoundError(visit=visit) from None


def _plan(visit: Visit, draft: Draft) -> ReferralPlan:
    if not draft.recipients:
        raise PageNotFoundError(visit=visit)
    return referral_plan(desk_of(visit), draft.recipients, draft.texts)


def _change(
    visit: Visit,
    draft: Draft,
    *,
    recipients: tuple[str, ...] | None = None,
    texts: Texts | None = None,
) -> Draft:
    """Change the draft from the version that the page showed."""
    return change_draft(
        desk_of(visit),
        visit.person.actor(),
        draft.id,
        visit.form.number("version", 1),
        recipients=recipients,
        texts=texts,
    )


def _said(visit: Visit, text: str) -> str:
    return visit.renderer.text(text)


# --- pages --------------------------------------------------------------------------------------


def _recipients_page(visit: Visit, draft: Draft, wrong: str | None) -> Response:
    chosen = visit.form.all("recipients") or draft.recipients
    faults = [] if wrong is None else [("recipients", _said(visit, wrong))]
    return desk_page(
        visit,
        "desk/recipients.html",
        status=422 if faults else 200,
        draft=draft,
        choices=possible_recipients(desk_of(visit)),
        chosen=chosen,
        faults=faults,
    )


def _consent_page(
    visit: Visit, draft: Draft, texts: Texts, faults: Sequence[tuple[str, str]] = ()
) -> Response:
    return desk_page(
        visit,
        "desk/consent.html",
        status=422 if faults else 200,
        draft=draft,
        plan=_plan(visit, draft),
        texts=texts,
        faults=faults,
    )


def _part_page(
    visit: Visit, chosen: _Part, texts: Texts, faults: Sequence[tuple[str, str]] = ()
) -> Response:
    return desk_page(
        visit,
        "desk/part.html",
        status=422 if faults else 200,
        draft=chosen.draft,
        part=chosen,
        fields=chosen.fields,
        texts=texts,
        faults=faults,
        most_items=MOST_ITEMS,
        more=visit.query.text("more"),
    )


def _check_page(visit: Visit, draft: Draft, refused: ConcordantError | None = None) -> Response:
    desk, plan = desk_of(visit), _plan(visit, draft)
    event, problems = draft_event(desk, draft)
    simulated: Simulated | None = None
    rows: tuple[ShownField, ...] = ()
    if not problems:
        simulated = preview(desk, plan, event)
        vocabulary = plan.contract.vocabulary
        own = (plan.rules.case, plan.rules.made.id)
        flat = vocabulary.type(event.type).flatten(event.data)
        rows = shown_fields(vocabulary, event.type, flat, without=own)
    return desk_page(
        visit,
        "desk/check.html",
        status=422 if refused is not None or (problems and visit.form.texts) else 200,
        draft=draft,
        plan=plan,
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


def _links(visit: Visit, plan: ReferralPlan, problems: Sequence[Problem]) -> list[tuple[str, str]]:
    """Return (address below the draft, sentence) of each problem."""
    number_of = {
        field.path: number
        for number, (_, fields) in enumerate(grouped(plan.fields), 1)
        for field in fields
    }
    asked = (*consent_fields(desk_of(visit), plan), *plan.fields)
    found = []
    for problem in problems:
        ((place, sentence),) = faults_of([problem], asked, visit.renderer.text)
        number = number_of.get(problem.path)
        found.append((f"part/{number}#{place}" if number else f"consent#{place}", sentence))
    return found


_DRAFT: Final = "/drafts/{id}"
PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/drafts", CASEWORKERS, drafts),
    PageRoute("POST", "/drafts", CASEWORKERS, begin),
    PageRoute("GET", f"{_DRAFT}/recipients", CASEWORKERS, recipients),
    PageRoute("POST", f"{_DRAFT}/recipients", CASEWORKERS, choose),
    PageRoute("GET", f"{_DRAFT}/consent", CASEWORKERS, consent),
    PageRoute("POST", f"{_DRAFT}/consent", CASEWORKERS, agree),
    PageRoute("GET", f"{_DRAFT}/part/{{number}}", CASEWORKERS, part),
    PageRoute("POST", f"{_DRAFT}/part/{{number}}", CASEWORKERS, write),
    PageRoute("GET", f"{_DRAFT}/check", CASEWORKERS, check),
    PageRoute("POST", f"{_DRAFT}/check", CASEWORKERS, send),
    PageRoute("POST", f"{_DRAFT}/discard", CASEWORKERS, discard),
)
