"""Sending of an event that a person wrote: checked, accepted once, and kept for the agency."""

from __future__ import annotations

from typing import Final

from broker.agency.account import label
from broker.audit.actor import Actor
from broker.control.named_manifests import awaited_manifests
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.keeping import EventKeeper
from broker.operations.event_acceptance import (
    AcceptedEvent,
    AddedEvent,
    Beside,
    Caller,
    EventAcceptance,
    RefusedEvent,
)
from broker.sending.publishing import Publisher
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from broker.store.transaction import Transaction
from contracts.events import PlainEvent

SIDE: Final = "desk side"
"""Name of the desk for idempotency keys; no token has a name with a space."""


def send_once(
    agency: DeskAgency, actor: Actor, event: PlainEvent, key: str, beside: Beside | None = None
) -> AcceptedEvent:
    """Accept an event of a person once, and keep it for the agency's people.

    Args:
        agency: this agency.
        actor: the person.
        event: the event.
        key: its idempotency key.
        beside: writes more in the same transaction, if the event is added.

    Raises:
        EventError: the event is refused; the refusal is in the disclosure log.
        KeyReusedError: the key came before with another event.
        RegistryError, StoreError, KeyAccessError: nothing can be sent now.
    """
    keeper = EventKeeper(agency.secret, agency.id)

    def keep(tx: Transaction, published: AddedEvent) -> None:
        keeper.sent(tx, event, published, agency.clock())
        if beside is not None:
            beside(tx, published)

    found = _acceptance(agency).accept(_caller(actor), key, event, keep)
    if isinstance(found, RefusedEvent):
        raise found.error
    return found


def sent_answer(agency: DeskAgency, key: str) -> bytes | None:
    """Return the answer to the event that was accepted under a key; None if there is none.

    Raises:
        StoreError: the state cannot be read.
    """
    return _acceptance(agency).answer(Caller(SIDE, SIDE), key)


def _caller(actor: Actor) -> Caller:
    return Caller(SIDE, label(actor.person), correctable=True)


def _acceptance(agency: DeskAgency) -> EventAcceptance:
    participant = agency.participant
    context = SealingContext(participant.contracts, participant.manifests)
    with agency.store.reading() as tx:
        context.await_manifests(awaited_manifests(tx))
    sealer = EventSealer(
        participant.deployment,
        participant.agency,
        agency.secret,
        context.addressees,
        context.vocabularies,
    )
    return EventAcceptance(agency.store, Publisher(sealer), agency.clock, leave_out=True)
