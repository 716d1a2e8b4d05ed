"""Pages: a new referral as questions: recipients, consent, and one group of fields a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from adapters.web.desk.chosen import CASEWORKERS, desk_of
from adapters.web.desk.draft_questions import (
    Question,
    ask,
    ask_again,
    keep,
    leave,
    leaves_now,
    with_plan,
)
from adapters.web.desk.drafts import DRAFTS, draft_page, own_draft
from adapters.web.desk.entry_forms import MOST_ITEMS, Faults, faults_of, typed_texts
from adapters.web.desk.wording import grouped_fields, id_of
from adapters.web.directory.chosen import choice_of
from adapters.web.directory.words import CAPACITIES
from adapters.web.errors import PageNotFoundError
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.operations.desk.answers import read_answers
from broker.operations.desk.drafts import ReferralDraft
from broker.operations.desk.entry_fields import EntryField
from broker.operations.desk.new_referral import (
    ReferralPlan,
    consent_fields,
    possible_recipients,
    referral_plan,
)
from broker.operations.desk.proposals import proposals
from contracts.errors import EventError
from contracts.phrases import N_, phrase


def recipients(visit: Visit) -> Response:
    """Ask to whom the referral goes."""
    draft = own_draft(visit)
    return _recipients_page(visit, draft, draft.recipients)


def choose(visit: Visit) -> Response:
    """Keep the recipients, and go on to consent."""
    draft = own_draft(visit)
    possible = {one.agency: one.name for one in possible_recipients(desk_of(visit))}
    chosen = tuple(one for one in visit.form.all("recipients") if one in possible)
    if not chosen and leaves_now(visit):
        return leave(visit)
    if not chosen:
        wrong = N_("Choose at least one recipient")
        return _recipients_page(visit, draft, chosen, wrong)
    try:
        plan = referral_plan(desk_of(visit), chosen, draft.texts)
    except EventError as error:
        return _recipients_page(visit, draft, chosen, visit.renderer.explained(error))
    if keep(visit, draft, recipients=chosen) is None:
        saved = "; ".join(possible.get(one, one) for one in draft.recipients)
        changed = phrase(
            "This draft was changed from another page. Saved there: %(names)s", names=saved
        )
        return _recipients_page(visit, draft, chosen, changed)
    if leaves_now(visit):
        return leave(visit)
    return visit.redirect(f"{DRAFTS}/{draft.id}/{'consent' if plan.questions else 'part/1'}")


def _recipients_page(
    visit: Visit, draft: ReferralDraft, chosen: Sequence[str], wrong: str | None = None
) -> Response:
    choice = choice_of(visit)
    found = proposals(desk_of(visit), choice.query)
    return draft_page(
        visit,
        "desk/recipients.html",
        draft,
        choice=choice,
        found=found,
        several=len({one.recipient.agreement for one in found}) > 1,
        capacities=CAPACITIES,
        chosen=chosen,
        faults=[] if wrong is None else [("recipients", wrong)],
    )


def consent(visit: Visit, draft: ReferralDraft, plan: ReferralPlan) -> Response:
    """Ask what the person agreed to, in words that one can read out."""
    return ask(visit, draft, _consent(visit, plan))


def agree(visit: Visit, draft: ReferralDraft, plan: ReferralPlan) -> Response:
    """Keep the answers about consent, and go on to the fields."""
    question = _consent(visit, plan)
    texts = typed_texts(visit.form, question.fields)
    unanswered = [
        (id_of(one.path), phrase("Choose yes or no: %(question)s", question=one.text))
        for one in plan.questions
        if not texts.get(one.path)
    ]
    if unanswered and not leaves_now(visit):
        return ask(visit, draft, question, {**draft.texts, **texts}, unanswered)
    if keep(visit, draft, texts=texts) is None:
        return ask_again(visit, draft, question, texts)
    return leave(visit) if leaves_now(visit) else visit.redirect(f"{DRAFTS}/{draft.id}/part/1")


def _consent(visit: Visit, plan: ReferralPlan) -> Question:
    fields = consent_fields(desk_of(visit), plan)
    return Question("desk/consent.html", id_of(fields[0].path), fields, {"plan": plan})


@dataclass(frozen=True, slots=True)
class _Part:
    """One group of fields of a referral.

    Attributes:
        plan: what can be written.
        number: number of the group, from 1.
        parts: number of groups.
        title: the group in words of the vocabulary; empty for fields of the referral itself.
        fields: its fields.
    """

    plan: ReferralPlan
    number: int
    parts: int
    title: str
    fields: tuple[EntryField, ...]

    def question(self) -> Question:
        """Return the page that asks for the group."""
        values = {"part": self, "most_items": MOST_ITEMS}
        return Question("desk/part.html", id_of(self.fields[0].path), self.fields, values)

    def faults(self, visit: Visit, draft: ReferralDraft) -> Faults:
        """Return the faults of what the draft says."""
        of_type = self.plan.contract.vocabulary.type(self.plan.event_type)
        problems = read_answers(of_type, self.fields, draft.texts)[1]
        return faults_of(problems, self.fields)


def part(visit: Visit, draft: ReferralDraft, plan: ReferralPlan) -> Response:
    """Ask for one group of fields."""
    return ask(visit, draft, _part(visit, plan).question())


def write(visit: Visit, draft: ReferralDraft, plan: ReferralPlan) -> Response:
    """Keep one group of fields, and go on. Faulty texts are kept too, and named."""
    chosen = _part(visit, plan)
    typed = typed_texts(visit.form, chosen.fields)
    kept = keep(visit, draft, texts=typed)
    if kept is None:
        return ask_again(visit, draft, chosen.question(), typed)
    if leaves_now(visit):
        return leave(visit)
    at, more = f"{DRAFTS}/{draft.id}", visit.form.text("more")
    if more:
        return visit.redirect(f"{at}/part/{chosen.number}#{id_of(more)}")
    faults = chosen.faults(visit, kept)
    if faults:
        return ask(visit, kept, chosen.question(), faults=faults)
    if chosen.number < chosen.parts:
        return visit.redirect(f"{at}/part/{chosen.number + 1}")
    return visit.redirect(f"{at}/check")


def _part(visit: Visit, plan: ReferralPlan) -> _Part:
    groups = grouped_fields(plan.fields)
    number = visit.path["number"]
    if number not in {str(one) for one in range(1, len(groups) + 1)}:
        raise PageNotFoundError(visit=visit)
    title, fields = groups[int(number) - 1]
    return _Part(plan, int(number), len(groups), title, tuple(fields))


_DRAFT: Final = f"{DRAFTS}/{{id}}"
PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", f"{_DRAFT}/recipients", CASEWORKERS, recipients),
    PageRoute("POST", f"{_DRAFT}/recipients", CASEWORKERS, choose),
    PageRoute("GET", f"{_DRAFT}/consent", CASEWORKERS, with_plan(consent)),
    PageRoute("POST", f"{_DRAFT}/consent", CASEWORKERS, with_plan(agree)),
    PageRoute("GET", f"{_DRAFT}/part/{{number}}", CASEWORKERS, with_plan(part)),
    PageRoute("POST", f"{_DRAFT}/part/{{number}}", CASEWORKERS, with_plan(write)),
)
