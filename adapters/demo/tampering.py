"""An agency whose software was changed: it seals what the contract does not allow, and sends it.

The contract is enforced on both sides. Here the sender's side is taken away for one event, with the
sender's own keys and its own running relay, so that what refuses it is the reader (step 9).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from broker.agency.participant import Participant
from broker.clock import now_ms
from broker.sending.contract_in_force import ContractsInForce
from broker.sending.sealing import EventSealer, Governed
from broker.store.database import open_store
from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.terms import EventTerms

Change = Callable[[EventTerms], EventTerms]


def unsafe_publish(participant: Participant, event: PlainEvent, change: Change) -> str:
    """Seal an event as if the contract said something else, and put it into the sender's outbox.

    Args:
        participant: the sender, whose adapter runs.
        event: what its contract would refuse.
        change: terms of the event's type -> the terms that the changed software goes by.

    Returns:
        The event's id.
    """
    terms = ContractsInForce(participant.contracts, participant.manifests)

    def governing(event_type: str, now: int) -> Governed:
        governed = terms.governing(event_type, now)
        contract = _changed(governed.text.contract, event_type, change)
        return replace(governed, text=replace(governed.text, contract=contract))

    secret = participant.keyring.secret()
    sealer = EventSealer(
        participant.deployment, participant.agency, secret, governing, terms.exchange_key
    )
    now = now_ms()
    sealed = sealer.seal(event, now)
    store = open_store(participant.path(participant.config.state.database))
    try:
        with store.transaction() as tx:
            tx.outbox.add(sealed.event_id, sealed.topic, sealed.partition, sealed.value, False, now)
    finally:
        store.close()
    return sealed.event_id


def _changed(contract: Contract, event_type: str, change: Change) -> Contract:
    types = {**contract.event_types, event_type: change(contract.event_types[event_type])}
    return contract.model_copy(update={"event_types": types})


def with_publisher(role: str) -> Change:
    """Terms under which a role may publish the type."""
    return lambda terms: terms.model_copy(update={"publishers": (*terms.publishers, role)})


def with_reader(path: str, role: str) -> Change:
    """Terms under which a role may read a field."""

    def change(terms: EventTerms) -> EventTerms:
        field = terms.fields[path]
        readers = field.model_copy(update={"readers": (*field.readers, role)})
        return terms.model_copy(update={"fields": {**terms.fields, path: readers}})

    return change
