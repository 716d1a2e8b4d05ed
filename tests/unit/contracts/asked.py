"""A referral as a test asks `decide` about it: in order but for what the test changes."""

from __future__ import annotations

from typing import Any

from contracts.decision import Decision, decide
from contracts.events import JSON, PlainEvent
from contracts.model import Contract
from contracts.policy import group_fields
from contracts.status import ContractStatus

SENDER = "csu-camden"
TO = ("csu-lewisham", "council-camden", "haven-support")
CASE = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
ALL_CONSENT: dict[str, JSON] = {
    "pass_to_police": True,
    "support_contact": True,
    "share_identity": True,
    "statistics": True,
}
DATA: dict[str, JSON] = {"case_id": CASE, "referral_id": CASE, "requested_service": "housing"}
"""Leaves of every referral."""


class Asked:
    """`decide` with everything in order but what a test changes."""

    def __init__(self, contract: Contract, in_force: ContractStatus, noon: int) -> None:
        self.contract, self.status, self.now = contract, in_force, noon

    def __call__(self, **changed: Any) -> Decision:
        return self.of(DATA | changed.pop("data", {}), **changed)

    def of(self, data: dict[str, JSON], **changed: Any) -> Decision:
        """The decision about these data alone."""
        asked: dict[str, Any] = {
            "contract": self.contract,
            "status": self.status,
            "sender": SENDER,
            "recipients": TO,
            "now": self.now,
            "type": "referral.made",
            **changed,
        }
        event = PlainEvent(asked.pop("type"), asked["recipients"], data)
        return decide(event=event, **asked)


def granted_to(contract: Contract, event_type: str, agency: str) -> frozenset[str]:
    """The leaf paths that an agency may read in a type, if it alone is addressed."""
    return group_fields(contract, event_type, frozenset((agency,))).granted[agency]
