"""Acceptance of an event of the agency, once for each idempotency key.

One transaction has the decision, the sealed event, the entries of the disclosure log, the answer to
the request, and what the caller writes beside them. After a crash the caller sends the request
again and gets the same answer. Every side of an adapter and the desk use it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple, TypeAlias

import orjson

from broker.registry.contract_in_force import ContractInForce
from broker.sending.addressees import NotSealed
from broker.sending.publishing import Acceptance, Publisher
from broker.store.database import Store
from broker.store.rows import RequestRow
from broker.store.transaction import Transaction
from contracts.errors import ConcordantError, EventError
from contracts.events import PlainEvent
from contracts.policy import LeftOut


@dataclass(frozen=True, slots=True)
class Caller:
    """The system or person that hands an event over.

    Attributes:
        name: its name. Idempotency keys are unique for a name, and results are kept with it.
        operator: its name in the disclosure log.
        correctable: whether another body may come under the key of a refused event. A client over
            HTTP takes a new key; a row of a table and a draft keep their own.
    """

    name: str
    operator: str
    correctable: bool = False


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """Answer to an accepted event, without personal data.

    Attributes:
        answer: JSON object: id, left_out, not_sealed.
        new: whether this request added the event; a repeat did not.
    """

    answer: bytes
    new: bool


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """Refusal of an event; it is in the disclosure log.

    Attributes:
        error: why.
        new: False if the same refusal of the same item was logged before.
    """

    error: EventError
    new: bool


@dataclass(frozen=True, slots=True)
class AddedEvent:
    """An event that was added in the running transaction.

    Attributes:
        event_id: its id.
        in_force: the agreement that decided.
        left_out: fields that agencies do not get.
        not_sealed: addressed agencies to which it is not sealed now.
    """

    event_id: str
    in_force: ContractInForce
    left_out: tuple[LeftOut, ...]
    not_sealed: tuple[NotSealed, ...]


Beside: TypeAlias = Callable[[Transaction, AddedEvent], None]
"""Writes more in the transaction that adds an event."""


class KeyReusedError(ConcordantError):
    """An idempotency key came before with another event. Nothing has changed."""

    code = "idempotency_key_reused"


class _Keys(NamedTuple):
    """Keys of one request: of the request, of its item in the outbox, and of its content."""

    request: bytes
    item: bytes
    digest: bytes


class EventAcceptance:
    """Accepts events, each once.

    Args:
        store: the agency's state.
        publisher: decides, seals and stores.
        clock: () -> ms since the epoch.
        leave_out: whether fields that the agreement does not allow are left out, or refuse the
            event.
    """

    def __init__(
        self, store: Store, publisher: Publisher, clock: Callable[[], int], *, leave_out: bool
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._leave_out = leave_out

    def accept(
        self, caller: Caller, key: str, event: PlainEvent, beside: Beside | None = None
    ) -> AcceptedEvent | RefusedEvent:
        """Accept an event, or return the answer that this key already has.

        Args:
            caller: who hands the event over.
            key: the idempotency key, unique for this name.
            event: the event.
            beside: writes more in the same transaction, if the event is added.

        Raises:
            KeyReusedError: the key came with another event.
            RegistryError, StoreError: nothing can be accepted now.
        """
        keys = _keys(caller, key, event)
        with self._store.transaction() as tx:
            before = tx.outbox.last()
            with self._publisher.accepting(tx) as acceptance:
                found = self._publish(tx, acceptance, keys, event, caller)
            if isinstance(found, EventError):
                return RefusedEvent(found, acceptance.newly_refused)
            if isinstance(found, AcceptedEvent):
                return found
            assert found.answer is not None
            row = replace(found, outbox_after=before, outbox_last=tx.outbox.last())
            tx.requests.keep(row)
            if beside is not None and acceptance.in_force is not None:
                assert row.event_id is not None
                beside(
                    tx,
                    AddedEvent(
                        row.event_id,
                        acceptance.in_force,
                        acceptance.left_out,
                        acceptance.not_sealed,
                    ),
                )
        return AcceptedEvent(found.answer, new=True)

    def answer(self, caller: Caller, key: str) -> bytes | None:
        """Return the answer that a key has; None if no event was accepted under it.

        Raises:
            StoreError: the state cannot be read.
        """
        with self._store.reading() as tx:
            known = tx.requests.find(_request_key(caller, key))
        return None if known is None else known.answer

    def _publish(
        self,
        tx: Transaction,
        acceptance: Acceptance,
        keys: _Keys,
        event: PlainEvent,
        caller: Caller,
    ) -> RequestRow | AcceptedEvent | EventError:
        """Publish in the transaction.

        Return the request with its answer, the answer to a known request, or the refusal, which is
        committed.
        """
        known = tx.requests.find(keys.request)
        refused_before = known is not None and known.answer is None
        if (
            known is not None
            and known.body_digest != keys.digest
            and not (caller.correctable and refused_before)
        ):
            raise KeyReusedError(
                "This idempotency key came before with another event.", where="key"
            )
        before = tx.items.find(keys.item)
        again = before is not None and before.outcome == "seal_again"
        if known is not None and known.answer is not None and not again:
            return AcceptedEvent(known.answer, new=False)
        now = self._clock()
        try:
            event_id = acceptance.publish(
                event,
                now,
                source_key=keys.item,
                operator=caller.operator,
                leave_out=self._leave_out,
            )
        except EventError as refusal:
            tx.requests.keep(RequestRow(keys.request, keys.digest, None, now))
            return refusal
        if event_id is None:  # accepted before; its answer was not stored
            assert before is not None
            event_id = before.event_id
        answer = accepted_answer(event_id, acceptance)
        return RequestRow(keys.request, keys.digest, answer, now, event_id)

    def refuse(self, caller: Caller, key: str, body: bytes, refusal: ConcordantError) -> bool:
        """Leave the trace of a body that is no event, as a refused row of an export does.

        Args:
            caller: who handed it over.
            key: the idempotency key; empty if there is none.
            body: the bytes, of which only the hash is used.
            refusal: why.

        Returns:
            False if this refusal is already in the log.

        Raises:
            StoreError: nothing was stored.
        """
        digest = sha256(body).digest()
        item = sha256(b"refused request\0" + _request_key(caller, key) + digest).digest()
        with self._store.transaction() as tx, self._publisher.accepting(tx) as acceptance:
            return acceptance.refuse(item, refusal.code, self._clock(), operator=caller.operator)


def accepted_answer(event_id: str | None, acceptance: Acceptance) -> bytes:
    """Return the answer to an accepted event as JSON, the same for every side.

    Args:
        event_id: id of the event.
        acceptance: the acceptance that has just published it.
    """
    left_out = [
        one.as_json() | ({"clause": clause} if (clause := acceptance.clauses.get(one.path)) else {})
        for one in acceptance.left_out
    ]
    not_sealed = [one.as_json() for one in acceptance.not_sealed]
    return orjson.dumps(
        {"id": event_id, "state": "accepted", "left_out": left_out, "not_sealed": not_sealed}
    )


def _request_key(caller: Caller, key: str) -> bytes:
    return sha256(f"request\0{caller.name}\0{key}".encode()).digest()


def _keys(caller: Caller, key: str, event: PlainEvent) -> _Keys:
    request = _request_key(caller, key)
    document = {"type": event.type, "recipients": event.recipients, "data": event.data}
    content = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = sha256(content.encode()).digest()
    # The keys of stored items begin with these words. Another text would accept each event again.
    return _Keys(request, sha256(b"http event\0" + request).digest(), digest)
