"""Final state that each agency should hold, computed from the agreement and from what was sent.

The rules are those of docs/spec/contracts.md: who may publish and receive a type, who may read a
field, and the consent that it needs. They are written a second time here, so that a fault of the
adapter's own decision shows.
"""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contracts.events import JSON
from contracts.model import Contract
from contracts.vocabulary import unflatten
from contracts.vocabulary.samples import sample_values

MADE, UPDATED, CORRECTED = "referral.made", "case.updated", "correction.made"
NOT_SENT = frozenset({"previous_referral_id", "answers.source", "answers.id"})
"""Leaves that name other events; the events of this traffic have none."""
TEXTS = {
    MADE: ("reason", "incident.narrative", "victim.name", "victim.address"),
    UPDATED: ("note",),
    CORRECTED: ("victim.name", "victim.address", "incident.narrative"),
}
"""Leaves in which each event has a text that no other event has."""


@dataclass(frozen=True)
class Order:
    """One event that an agency's own system sends.

    Attributes:
        marker: a word that no other event has, also the idempotency key.
        sender: the agency.
        type: type of the event.
        recipients: agencies.
        flat: value of each leaf, as the system has it: more than most recipients may read.
        refused: code with which it must be refused; empty if it must be accepted.
    """

    marker: str
    sender: str
    type: str
    recipients: tuple[str, ...]
    flat: Mapping[str, JSON]
    refused: str = ""

    @property
    def case(self) -> str:
        return str(self.flat["case_id"])

    def body(self) -> dict[str, object]:
        """Return the event as JSON of the sides."""
        data = unflatten(dict(self.flat))
        return {"type": self.type, "recipients": list(self.recipients), "data": data}


def agreed_fields(
    contract: Contract, order: Order, reader: str, flat: Mapping[str, JSON]
) -> dict[str, JSON]:
    """Return exactly the leaves that a reader may get of an event."""
    terms, role_of = contract.event_types[order.type], contract.role_of
    sender_role, role = role_of[order.sender], role_of[reader]
    if sender_role not in terms.publishers or role not in terms.recipients:
        return {}
    words = contract.vocabulary
    given = {scope for path, scope in words.answers.items() if flat.get(path) is True}
    asks = any(path in terms.fields for path in words.answers)
    impersonal = any(flat.get(path) in words.depersonalised_kinds for path in words.record_kinds)
    found = {}
    for path, value in flat.items():
        agreed = terms.fields.get(path)
        if agreed is None or role not in agreed.readers:
            continue
        if agreed.senders and sender_role not in agreed.senders:
            continue
        needed = set(agreed.consent)
        if agreed.identifies and asks:
            needed.add("share_identity")
            rule = contract.consent_by_role.get(role)
            if rule is not None and sender_role not in rule.unless_from:
                needed.add(rule.scope)
        if needed - given:
            continue
        if agreed.identifies and impersonal and terms.incident_identifiers == "never":
            continue
        found[path] = value
    return found


@dataclass
class Traffic:
    """Events of all agencies, from a seed.

    Attributes:
        orders: everything that was sent.
        rejected: cases that a recipient's system never takes -> the recipient.
        rejected_first: the same, until a person corrects the cause.
        discarded: the same, until a person there discards the event.
    """

    contract: Contract
    rng: random.Random
    orders: list[Order] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    rejected_first: dict[str, str] = field(default_factory=dict)
    discarded: dict[str, str] = field(default_factory=dict)

    def case(self, sender: str, *, to_all: bool = False) -> list[Order]:
        """A referral, and what follows in its case; to some recipients, or to all possible ones."""
        shared = {"case_id": self._id(), "referral_id": self._id(), "corrects.source": sender}
        follow = CORRECTED if self.contract.role_of[sender] == "support" else UPDATED
        return [
            self._order(sender, each, shared, self.possible(sender, each) if to_all else ())
            for each in (MADE, follow, follow)
        ]

    def updates(self, sender: str, to: Sequence[str], number: int = 1) -> list[Order]:
        """Events about a case of their own."""
        shared = {"case_id": self._id(), "referral_id": self._id()}
        return [self._order(sender, UPDATED, shared, to) for _ in range(number)]

    def rejected_case(self, sender: str, by: str) -> list[Order]:
        """An event that the system of a recipient never takes."""
        orders = self.updates(sender, [by])
        self.rejected[orders[0].case] = by
        return orders

    def discarded_case(self, sender: str, by: str) -> list[Order]:
        """An event that a recipient refuses: its system rejects it, and a person discards it."""
        orders = self.updates(sender, [by])
        self.discarded[orders[0].case] = by
        return orders

    def corrected_case(self, sender: str, by: str) -> list[Order]:
        """Events that the system of a recipient takes only after a person corrects the cause."""
        orders = self.updates(sender, [by], 3)
        self.rejected_first[orders[0].case] = by
        return orders

    def refused(self, sender: str) -> list[Order]:
        """Events that the sender's own adapter must refuse."""
        shared = {"case_id": self._id(), "referral_id": self._id()}
        support = self.contract.role_of[sender] == "support"
        unlisted = self._order(sender, MADE, shared, (), {"victim.age_band": "XX99"}, "code")
        if support:
            return [unlisted, self._order(sender, UPDATED, shared, (), {}, "type_not_permitted")]
        if sender == "cps-london":
            return [unlisted]
        return [
            unlisted,
            self._order(sender, MADE, shared, ["cps-london"], {}, "recipient_not_permitted"),
        ]

    def _order(
        self,
        sender: str,
        event_type: str,
        shared: Mapping[str, JSON],
        to: Sequence[str] = (),
        changed: Mapping[str, JSON] | None = None,
        refused: str = "",
    ) -> Order:
        marker = f"quag{self.rng.getrandbits(48):012x}"
        flat = copy.deepcopy(dict(sample_values(self.contract.vocabulary, event_type)))
        flat = {path: value for path, value in flat.items() if path not in NOT_SENT}
        flat |= {path: f"{flat[path]} {marker}" for path in TEXTS[event_type] if path in flat}
        for path in self.contract.vocabulary.answers:
            if path in flat:
                answer = self.rng.choice((True, True, True, False, None))
                if answer is None:
                    del flat[path]
                else:
                    flat[path] = answer
        flat |= {path: value for path, value in shared.items() if path in flat}
        flat |= changed or {}
        order = Order(
            marker,
            sender,
            event_type,
            tuple(sorted(to)) or self._recipients(sender, event_type),
            flat,
            refused,
        )
        self.orders.append(order)
        return order

    def possible(self, sender: str, event_type: str) -> list[str]:
        """Return the agencies to which a sender may address an event type."""
        roles = self.contract.event_types[event_type].recipients
        return sorted(p.id for p in self.contract.parties if p.role in roles and p.id != sender)

    def _recipients(self, sender: str, event_type: str) -> tuple[str, ...]:
        may = self.possible(sender, event_type)
        return tuple(sorted(self.rng.sample(may, self.rng.randint(1, len(may)))))

    def _id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
