"""Attack by a sender with changed software: it seals and sends what the contract does not allow.

Both sides enforce the contract. Here the sender's check is removed for one event, with the sender's
own keys and its own running relay, so that the reader refuses it (step 9).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from broker.agency.participant import Participant
from broker.clock import now_ms
from broker.registry.contract_in_force import ContractInForce
from broker.sending.addressees import Addressees, find_addressees
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from broker.store.database import open_store
from broker.store.rows import NewOutboxRow
from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.terms import EventTerms

Change = Callable[[EventTerms], EventTerms]


def unsafe_publish(participant: Participant, event: PlainEvent, change: Change) -> str:
    """Seal an event under changed terms, and put it into the sender's outbox.

    Args:
        participant: the sender, whose adapter runs.
        event: an event that the contract refuses.
        change: terms of the event's type -> terms that the changed software uses.

    Returns:
        The event's id.
    """
    context = SealingContext(participant.contracts, participant.manifests)

    def changed(event_type: str, addressed: Sequence[str], now: int) -> Addressees:
        signed = context.contract_in_force(event_type, addressed, now).signed
        contract = _changed(signed.contract, event_type, change)
        in_force = ContractInForce(replace(signed, text=replace(signed.text, contract=contract)))
        return find_addressees(in_force, context.exchange_key, addressed, now)

    secret = participant.keyring.secret()
    sealer = EventSealer(participant.deployment, participant.agency, secret, changed)
    now = now_ms()
    sealed = sealer.seal(event, now)
    store = open_store(participant.state)
    try:
        with store.transaction() as tx:
            row = NewOutboxRow(sealed.event_id, sealed.topic, sealed.partition, sealed.value)
            tx.outbox.add_many([row], now)
    finally:
        store.close()
    return sealed.event_id


def _changed(contract: Contract, event_type: str, change: Change) -> Contract:
    types = {**contract.event_types, event_type: change(contract.event_types[event_type])}
    return contract.model_copy(update={"event_types": types})


def with_publisher(role: str) -> Change:
    """Return terms under which a role may publish the type."""
    return lambda terms: terms.model_copy(update={"publishers": (*terms.publishers, role)})


def with_reader(path: str, role: str) -> Change:
    """Return terms under which a role may read a field."""

    def change(terms: EventTerms) -> EventTerms:
        field = terms.fields[path]
        readers = field.model_copy(update={"readers": (*field.readers, role)})
        return terms.model_copy(update={"fields": {**terms.fields, path: readers}})

    return change
