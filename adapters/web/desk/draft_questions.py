"""Questions of a draft: what a page shows, what it keeps, and a change from another page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from starlette.responses import Response

from adapters.web.desk.chosen import desk_of
from adapters.web.desk.drafts import DRAFTS, draft_page, own_draft
from adapters.web.desk.entry_forms import Faults
from adapters.web.desk.wording import heading_words, id_of
from adapters.web.pages import Handler
from adapters.web.visit import Visit
from broker.operations.desk.answers import Texts
from broker.operations.desk.drafts import ReferralDraft, change_draft
from broker.operations.desk.entry_fields import EntryField
from broker.operations.desk.errors import DeskError
from broker.operations.desk.new_referral import ReferralPlan, referral_plan
from contracts.phrases import N_, phrase

CHANGED: Final = N_("This draft was changed from another page. Nothing of this page was saved yet.")

Planned: TypeAlias = Callable[[Visit, ReferralDraft, ReferralPlan], Response]


@dataclass(frozen=True, slots=True)
class Question:
    """A page of a draft.

    Attributes:
        template: its page.
        place: id of its first input, for a fault of the whole page.
        fields: what it asks for.
        values: further values for the template.
    """

    template: str
    place: str
    fields: tuple[EntryField, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)


def with_plan(handler: Planned) -> Handler:
    """Return a handler that opens the draft and its plan; without recipients it asks for them."""

    def answer(visit: Visit) -> Response:
        draft = own_draft(visit)
        if not draft.recipients:
            return visit.redirect(f"{DRAFTS}/{draft.id}/recipients")
        return handler(visit, draft, referral_plan(desk_of(visit), draft.recipients, draft.texts))

    return answer


def ask(
    visit: Visit,
    draft: ReferralDraft,
    question: Question,
    texts: Texts | None = None,
    faults: Faults = (),
) -> Response:
    """Show a question with its answers, and with faults."""
    return draft_page(
        visit,
        question.template,
        draft,
        texts=draft.texts if texts is None else texts,
        faults=faults,
        fields=question.fields,
        **question.values,
    )


def keep(
    visit: Visit,
    draft: ReferralDraft,
    *,
    recipients: tuple[str, ...] | None = None,
    texts: Texts | None = None,
) -> ReferralDraft | None:
    """Change the draft from the version that the page showed; None if that is not the newest.

    Raises:
        DeskError: `draft_unknown`.
    """
    try:
        return change_draft(
            desk_of(visit),
            visit.person.actor(),
            draft.id,
            visit.form.number("version", 1),
            recipients=recipients,
            texts=texts,
        )
    except DeskError as error:
        if error.code != "draft_changed":
            raise
        return None


def ask_again(visit: Visit, draft: ReferralDraft, question: Question, typed: Texts) -> Response:
    """Show what was typed after a change from another page, and each field that differs there.

    A field that is empty here is shown as it was saved there.
    """
    faults = [(question.place, CHANGED)]
    texts = {**draft.texts}
    for one in question.fields:
        here, there = typed.get(one.path, ()), draft.texts.get(one.path, ())
        if here:
            texts[one.path] = here
        if here and there and here != there:
            saved = ", ".join(_plain(part, one) for part in there)
            said = phrase(
                "%(field)s: the other page saved something else: %(text)s",
                field=heading_words(one.label),
                text=saved,
            )
            faults.append((id_of(one.path), said))
    return ask(visit, draft, question, texts, faults)


def leaves_now(visit: Visit) -> bool:
    """Return whether the person wants to come back later."""
    return bool(visit.form.text("later"))


def leave(visit: Visit) -> Response:
    """Go to the drafts, after what was typed is kept."""
    said = N_("The draft is saved. You can go on with it later.")
    return visit.redirect(DRAFTS, said)


def _plain(typed: str | Mapping[str, str], of: EntryField) -> str:
    """Return what was typed in words: labels of codes, and the parts of an item."""
    if isinstance(typed, str):
        return of.options.get(typed, typed)
    return "; ".join(part for part in typed.values() if part)
