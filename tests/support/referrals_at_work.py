"""Partnership with desks at work, whose people have made and answered referrals about one case."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from adapters.demo.person import PERSON
from adapters.demo.samples.leaves import referral_leaves
from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.agency.participant import load_participant
from broker.audit.actor import Actor
from broker.clock import now_ms
from broker.event import JSON
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.answers import Texts
from broker.operations.desk.drafts import ReferralDraft, change_draft, send_draft, start_draft
from broker.operations.desk.held_referral import HeldReferral, find_referral
from broker.operations.desk.referral_list import ReferralQuery, referral_list
from broker.operations.desk.steps import StepRequest, take_step
from broker.store.database import open_store
from tests.support.live_desks import PartnershipAtWork, with_desk

POLICE, LEWISHAM, COUNCIL = "csu-camden", "csu-lewisham", "council-camden"
SERVICE, CENTRE = "haven-support", "lantern-centre"
CAST: Final = (POLICE, LEWISHAM, COUNCIL, SERVICE, CENTRE)
PATIENCE_S: Final = 120.0
KNOWN: Final[Texts] = {
    "victim.address": ["Flat 4, 17 Fenwick Court"],
    "alleged_perpetrators": [],
    "alleged_perpetrator_count": [],
}
"""Answers of the caseworkers that differ from those of the demo's person."""
AUTHOR: Final = Actor("caseworker", "rosa.sampleworth")


@dataclass(frozen=True, slots=True)
class Referred:
    """One referral.

    Attributes:
        sender: agency that makes it.
        recipients: agencies that receive it.
        service: code of the service that is asked for.
        urgency: its code.
        answers: statuses that the first recipient then sets, in order.
    """

    sender: str
    recipients: Sequence[str]
    service: str
    urgency: str = "routine"
    answers: Sequence[str] = ()


REFERRALS: Final[Sequence[Referred]] = (
    Referred(CENTRE, (POLICE,), "police_investigation", answers=("received", "accepted")),
    Referred(POLICE, (SERVICE,), "advocacy"),
    Referred(POLICE, (COUNCIL,), "housing", answers=("received", "accepted")),
    Referred(LEWISHAM, (SERVICE,), "emotional_support", answers=("received",)),
    Referred(COUNCIL, (POLICE,), "police_investigation", answers=("received",)),
    Referred(POLICE, (SERVICE, COUNCIL), "safeguarding", answers=("received",)),
    Referred(POLICE, (SERVICE,), "advocacy", "urgent"),
    Referred(CENTRE, (POLICE, SERVICE), "emotional_support"),
)


class ReferralsAtWork:
    """The partnership.

    Args:
        root: a folder that is absent or empty.

    Attributes:
        root: it, with a folder for each agency.
        town: the agencies at work.
    """

    def __init__(self, root: Path) -> None:
        now = now_ms()
        plans = [plan for plan in london_agencies() if plan.id in CAST]
        create_partnership(root, now, agencies=plans)
        for agency in CAST:
            with_desk(root / agency)
        contract = load_participant(root / POLICE, now).contracts.trusted()[0].contract
        self.root = root
        self.town = PartnershipAtWork({agency: root / agency for agency in CAST}, contract)

    def refer(self) -> None:
        """Make every referral, and give its answers."""
        for one in REFERRALS:
            with self.desk(one.sender) as desk:
                draft = write_draft(desk, one.recipients, one.service, one.urgency)
                referral = send_draft(desk, AUTHOR, draft.id, draft.version).referral_id
            for agency in one.recipients:
                self._await(agency, referral)
            with self.desk(one.recipients[0]) as desk:
                for status in one.answers:
                    _answer(desk, find_referral(desk, referral, one.sender), status)

    def sent_by(self, sender: str, recipient: str, service: str) -> HeldReferral:
        """Return a referral as its sender holds it."""
        with self.desk(sender) as desk:
            query = ReferralQuery("referrer", agency=recipient, service=service)
            line = referral_list(desk, query).lines[0]
            return find_referral(desk, line.referral_id, recipient)

    @contextmanager
    def desk(self, agency: str) -> Iterator[DeskAgency]:
        """Return the desk of an agency, beside its adapter."""
        participant = load_participant(self.root / agency, now_ms())
        store = open_store(participant.path(participant.config.state.database))
        try:
            yield DeskAgency(participant, store, now_ms)
        finally:
            store.close()

    def close(self) -> None:
        """End everything."""
        self.town.close()

    def _await(self, agency: str, referral: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        with self.desk(agency) as desk:
            while not referral_list(desk, ReferralQuery("fulfiller", reference=referral)).total:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{referral} has not come to {agency}")
                time.sleep(0.1)


def write_draft(
    desk: DeskAgency, recipients: Sequence[str], service: str, urgency: str = "routine"
) -> ReferralDraft:
    """Write a draft about the demo's person."""
    draft = start_draft(desk, AUTHOR, recipients=tuple(recipients))
    texts = {**typed(referral_leaves(PERSON, service)), **KNOWN, "urgency": [urgency]}
    return change_draft(desk, AUTHOR, draft.id, draft.version, texts=texts)


def typed(leaves: Mapping[str, JSON]) -> Texts:
    """Return leaves as a person types them at the desk."""
    return {path: _typed(value) for path, value in leaves.items()}


def _typed(value: JSON) -> list[str] | list[dict[str, str]]:
    if not isinstance(value, list):
        return [_text(value)]
    objects = [one for one in value if isinstance(one, dict)]
    if objects:
        return [{name: _text(part) for name, part in one.items()} for one in objects]
    return [_text(one) for one in value]


def _text(value: JSON) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _answer(desk: DeskAgency, held: HeldReferral, status: str) -> None:
    row = held.row
    request = StepRequest(status, None, row.status, row.version, {}, str(uuid4()))
    take_step(desk, AUTHOR, held, request)
