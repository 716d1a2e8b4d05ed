"""Content of a held event, for the person who has to find out why it is not taken.

To look at it is a consultation, as with ``event open``: it is logged before it is returned.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.agency.participant import Participant
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.head_signing import sign_own_head
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.errors import RegistryError, WrongInputError
from broker.event import OpenedEvent
from broker.receiving.inbox_payload import parse_payload
from broker.store.database import Store
from broker.store.rows import HeldEventRow
from broker.store.transaction import Transaction

_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class HeldContent:
    """A held event: why it is held, and what it says.

    Attributes:
        row: why and since when, without content.
        event: the event.
        own_case: the agency's own reference of its case, if the two are linked.
    """

    row: HeldEventRow
    event: OpenedEvent
    own_case: str | None


def show_held_event(
    participant: Participant, store: Store, seq: int, actor: Actor, now: int
) -> HeldContent:
    """The content of a held event; that it was shown is in the disclosure log.

    Args:
        participant: the agency.
        store: its state.
        seq: the event's number in the inbox.
        actor: who looks, and why.
        now: ms.

    Raises:
        WrongInputError: ``record_unknown``: no such event is held.
        RegistryError: ``contract_missing``: the contract of the event is not there.
        KeyAccessError: the agency's secret cannot be had.
        StoreError: the event is damaged, or the consultation cannot be logged.
    """
    secret = participant.keyring.secret()
    with store.transaction() as tx:
        row = _held(tx, seq, participant)
        kept = tx.inbox.get(seq)
        assert kept is not None
        event = parse_payload(kept.payload or b"")
        signed = participant.contracts.by_hash(bytes.fromhex(event.contract[2]))
        if signed is None:
            raise RegistryError(
                "The contract of this event is not there: what was consulted cannot be logged.",
                code="contract_missing",
                where="contracts/",
                fix="Put the contract and its signatures into contracts/.",
            )
        entry = recording.consulted(
            event,
            signed.contract,
            recording.contract_reference(signed.text),
            participant.agency,
            kept.case_key,
            now,
            recording.OPERATOR,
        )
        append_entries(tx, attributed(tx, actor, secret, [entry]))
        sign_own_head(tx, participant, now)
        return HeldContent(row, event, tx.links.own_for(event.case_id))


def _held(tx: Transaction, seq: int, participant: Participant) -> HeldEventRow:
    for row in tx.inbox.held(_ALL):
        if row.seq == seq:
            return row
    raise WrongInputError(
        f"No event event-{seq} is held.",
        code="record_unknown",
        fix=f"Take its id from: concordant quarantine list --agency {participant.root}",
    )
