"""Drafts of referrals: kept encrypted for their author, and sent once.

The id of a draft is the idempotency key of its event. So a draft that is sent twice, from two pages
or by a double click, is one event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid4

import orjson

from broker import pseudonyms
from broker.audit.actor import Actor
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.answers import AnswerProblem, Texts
from broker.operations.desk.errors import DeskError, draft_changed, draft_unknown
from broker.operations.desk.keeping import DRAFT_DAYS
from broker.operations.desk.new_referral import referral_event, referral_plan
from broker.operations.desk.sending import send_once, sent_answer
from broker.operations.desk.subject import service_label
from broker.operations.event_acceptance import AddedEvent
from broker.store.desk_rows import DraftRow
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS
from contracts.events import PlainEvent
from contracts.referral import service_path
from contracts.wording import counted

MOST_DRAFTS: Final = 100
"""Most drafts that a list shows."""


@dataclass(frozen=True, slots=True)
class ReferralDraft:
    """A referral that a person is writing.

    Attributes:
        id: its id.
        version: number of its last change; a change names the version that it starts from.
        recipients: the agencies that were chosen, sorted.
        texts: what the person typed, by leaf path.
        case_id: the shared id of its case.
        referral_id: the id that the referral gets.
        changed_ms: when it last changed.
        removed_ms: when it is removed, if it does not change any more.
    """

    id: str
    version: int
    recipients: tuple[str, ...]
    texts: Texts
    case_id: str
    referral_id: str
    changed_ms: int
    removed_ms: int


@dataclass(frozen=True, slots=True)
class SentDraft:
    """A draft that was sent.

    Attributes:
        referral_id: id of the referral.
        recipients: the addressed agencies; empty if the draft was sent before.
        event_id: id of the event.
        again: whether it had been sent before.
    """

    referral_id: str
    recipients: tuple[str, ...]
    event_id: str
    again: bool


class AnswersInvalidError(DeskError):
    """A draft cannot be sent as it is; it is kept.

    Attributes:
        problems: every reason, each with its field.
    """

    code = "answers_invalid"

    def __init__(self, problems: tuple[AnswerProblem, ...]) -> None:
        super().__init__(
            "The draft cannot be sent as it is: "
            f"{counted(len(problems), 'answer needs', 'answers need')} a correction.",
            where=problems[0].path,
            fix="Correct the fields that are named, then send the draft again.",
        )
        self.problems = problems


def start_draft(
    agency: DeskAgency,
    actor: Actor,
    *,
    recipients: tuple[str, ...] = (),
    case_id: str | None = None,
) -> ReferralDraft:
    """Begin a draft.

    Args:
        agency: this agency.
        actor: the author.
        recipients: agencies that were chosen already.
        case_id: the shared id of an existing case; a new case otherwise.

    Raises:
        StoreError: nothing was kept.
        KeyAccessError: the agency's secret is not available.
    """
    draft_id, now = str(uuid4()), agency.clock()
    case_id = case_id or pseudonyms.minted_id(agency.secret, "case", f"desk {draft_id}")
    content = {"recipients": sorted(set(recipients)), "texts": {}, "case": case_id}
    row = DraftRow(
        draft_id,
        actor.person,
        1,
        agency.case_key(case_id),
        now,
        now,
        agency.contents().seal_draft(draft_id, content),
    )
    with agency.store.transaction() as tx:
        tx.drafts.add(row)
    return _draft(agency, row, content)


def drafts_of_person(agency: DeskAgency, actor: Actor) -> tuple[ReferralDraft, ...]:
    """Return a person's drafts, newest first.

    Raises:
        StoreError: the state cannot be read.
        KeyAccessError: the agency's secret is not available.
    """
    contents = agency.contents()
    with agency.store.reading() as tx:
        rows = tx.drafts.of_owner(actor.person, MOST_DRAFTS)
    return tuple(_draft(agency, row, contents.open_draft(row)) for row in rows)


def draft_of(agency: DeskAgency, actor: Actor, draft_id: str) -> ReferralDraft:
    """Return a draft of a person.

    Raises:
        DeskError: `draft_unknown`: there is none, or it is another person's.
        StoreError: the state cannot be read.
        KeyAccessError: the agency's secret is not available.
    """
    with agency.store.reading() as tx:
        row = _owned(tx, actor, draft_id)
    return _draft(agency, row, agency.contents().open_draft(row))


def draft_service(agency: DeskAgency, draft: ReferralDraft) -> str | None:
    """Return in words what a draft asks for; None if it does not say it yet."""
    for contract in reversed(agency.known_contracts()):
        path = service_path(contract.vocabulary)
        typed = draft.texts.get(path, ()) if path else ()
        if typed and isinstance(typed[0], str):
            return service_label(contract.vocabulary, typed[0])
    return None


def sent_referral(agency: DeskAgency, draft_id: str) -> str | None:
    """Return the id of the referral that a draft became; None if it was not sent.

    Raises:
        StoreError: the state cannot be read.
    """
    if sent_answer(agency, draft_id) is None:
        return None
    return _referral_id(agency, draft_id)


def change_draft(
    agency: DeskAgency,
    actor: Actor,
    draft_id: str,
    version: int,
    *,
    recipients: tuple[str, ...] | None = None,
    texts: Texts | None = None,
) -> ReferralDraft:
    """Change a draft.

    Args:
        agency: this agency.
        actor: its author.
        draft_id: its id.
        version: version from which the change starts.
        recipients: the chosen agencies; None leaves them.
        texts: what was typed for these leaves; other leaves stay as they are.

    Raises:
        DeskError: `draft_unknown`, or `draft_changed`: it was changed from another page.
        StoreError: nothing was changed.
        KeyAccessError: the agency's secret is not available.
    """
    contents, now = agency.contents(), agency.clock()
    with agency.store.transaction() as tx:
        row = _owned(tx, actor, draft_id)
        content = contents.open_draft(row)
        if recipients is not None:
            content["recipients"] = sorted(set(recipients))
        if texts is not None:
            content["texts"] |= texts
        sealed = contents.seal_draft(draft_id, content)
        if not tx.drafts.change(draft_id, version, sealed, now):
            raise draft_changed()
    changed = replace(row, version=version + 1, changed_ms=now, content=sealed)
    return _draft(agency, changed, content)


def discard_draft(agency: DeskAgency, actor: Actor, draft_id: str) -> None:
    """Remove a draft.

    Raises:
        DeskError: `draft_unknown`.
        StoreError: nothing was removed.
    """
    with agency.store.transaction() as tx:
        _owned(tx, actor, draft_id)
        tx.drafts.remove(draft_id)


def draft_event(
    agency: DeskAgency, draft: ReferralDraft
) -> tuple[PlainEvent, tuple[AnswerProblem, ...]]:
    """Return the event that a draft states, and every problem.

    Raises:
        EventError: `recipient_not_permitted`.
        RegistryError: the agreement is not in force.
    """
    plan = referral_plan(agency, draft.recipients, draft.texts)
    return referral_event(agency, plan, draft.texts, draft.case_id, draft.referral_id)


def send_draft(agency: DeskAgency, actor: Actor, draft_id: str, version: int) -> SentDraft:
    """Send a draft once. Sent again, it gives the same answer.

    Args:
        agency: this agency.
        actor: its author.
        draft_id: its id.
        version: version that the person has checked.

    Raises:
        DeskError: `draft_unknown`, `draft_changed`, or `answers_invalid` (``AnswersInvalidError``).
            The draft is kept.
        EventError: the event is refused. The refusal is in the disclosure log; the draft is kept.
        RegistryError, StoreError, KeyAccessError: nothing can be sent now; the draft is kept.
    """
    try:
        draft = draft_of(agency, actor, draft_id)
    except DeskError:
        before = sent_answer(agency, draft_id)
        if before is None:
            raise
        return SentDraft(_referral_id(agency, draft_id), (), orjson.loads(before)["id"], again=True)
    if draft.version != version:
        raise draft_changed()
    event, problems = draft_event(agency, draft)
    if problems:
        raise AnswersInvalidError(problems)

    def remove(tx: Transaction, _published: AddedEvent) -> None:
        row = tx.drafts.get(draft_id)
        if row is None or row.version != version:
            raise draft_changed()  # between the look at it and this transaction
        tx.drafts.remove(draft_id)

    found = send_once(agency, actor, event, draft_id, remove)
    event_id: str = orjson.loads(found.answer)["id"]
    return SentDraft(draft.referral_id, event.recipients, event_id, again=not found.new)


def _owned(tx: Transaction, actor: Actor, draft_id: str) -> DraftRow:
    row = tx.drafts.get(draft_id) if _is_uuid(draft_id) else None
    if row is None or row.owner != actor.person:
        raise draft_unknown()
    return row


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _referral_id(agency: DeskAgency, draft_id: str) -> str:
    return pseudonyms.minted_id(agency.secret, "referral", f"desk {draft_id}")


def _draft(agency: DeskAgency, row: DraftRow, content: Mapping[str, Any]) -> ReferralDraft:
    return ReferralDraft(
        row.draft_id,
        row.version,
        tuple(content["recipients"]),
        content["texts"],
        content["case"],
        _referral_id(agency, row.draft_id),
        row.changed_ms,
        row.changed_ms + DRAFT_DAYS * DAY_MS,
    )
