"""A referral as a caseworker of the charity types it, and steps that tests take often."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from broker.audit.actor import Actor
from broker.event import JSON
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.answers import Texts
from broker.operations.desk.drafts import (
    ReferralDraft,
    SentDraft,
    change_draft,
    send_draft,
    start_draft,
)
from broker.operations.desk.held_referral import find_referral
from broker.operations.desk.steps import StepRequest, take_step
from broker.operations.event_acceptance import AcceptedEvent
from tests.support.desk_partnership import ROSA
from tests.support.founded_partnership import COUNCIL

TYPED: Texts = {
    "requested_service": ["housing"],
    "urgency": ["urgent"],
    "victim.name": ["Noor Exampleton"],
    "victim.date_of_birth": ["1991-03-14"],
    "victim.phone": ["07700 900911"],
    "incident.record_type": ["hate_crime"],
    "incident.strands": ["race", "religion"],
    "incident.narrative": ["Words were written on my door."],
    "incident.known_to_police": ["no"],
    "incident.previous_incidents": ["2"],
    "alleged_perpetrators": [{"name": "Placeholder Neighbour"}],
    "consent.pass_to_police": ["yes"],
    "consent.support_contact": ["yes"],
    "consent.share_identity": ["yes"],
    "consent.statistics": ["yes"],
}


def written(
    desk: DeskAgency,
    recipients: tuple[str, ...] = (COUNCIL,),
    texts: Texts = TYPED,
    actor: Actor = ROSA,
) -> ReferralDraft:
    """Write a draft."""
    draft = start_draft(desk, actor, recipients=recipients)
    return change_draft(desk, actor, draft.id, draft.version, texts=texts)


def sent(
    desk: DeskAgency, recipients: tuple[str, ...] = (COUNCIL,), texts: Texts = TYPED
) -> SentDraft:
    """Write a draft and send it."""
    draft = written(desk, recipients, texts)
    return send_draft(desk, ROSA, draft.id, draft.version)


def step(
    desk: DeskAgency,
    referral_id: str,
    counterparty: str,
    status: str,
    business_status: str | None = None,
    *,
    key: str | None = None,
    actor: Actor = ROSA,
    seen: tuple[str, int] | None = None,
    **answers: JSON,
) -> AcceptedEvent:
    """Take a step from the present status, or from the one that a person saw."""
    held = find_referral(desk, referral_id, counterparty)
    previous, version = seen or (held.row.status, held.row.version)
    given: Mapping[str, JSON] = answers
    request = StepRequest(status, business_status, previous, version, given, key or str(uuid4()))
    return take_step(desk, actor, held, request)
