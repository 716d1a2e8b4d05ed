"""Acceptance of an event that the agency's own system publishes, once for each idempotency key.

One transaction has the decision, the sealed event, the entries of the disclosure log and the answer
to the request. After a crash the system sends the request again and gets the same answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, NamedTuple

import orjson

from adapters.exchange.caller import Caller
from adapters.exchange.errors import ExchangeError
from adapters.exchange.json_input import require_shallow
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.sending.publishing import Acceptance, Publisher
from broker.store.database import Store
from broker.store.rows import RequestRow
from broker.store.transaction import Transaction
from broker.strict_json import StrictJsonError, parse_strict_json
from contracts.errors import ConcordantError, EventError
from contracts.events import PlainEvent

MEMBERS: Final = frozenset({"type", "recipients", "data"})
KEY_CHARACTERS: Final = 255


@dataclass(frozen=True, slots=True)
class Accepted:
    """Answer to an accepted event, without personal data.

    Attributes:
        answer: JSON object: id, left_out, not_sealed.
        new: whether this request added the event; a repeat did not.
    """

    answer: bytes
    new: bool


class _Keys(NamedTuple):
    """Keys of one request: of the request, of its item in the outbox, and of its content."""

    request: bytes
    item: bytes
    digest: bytes


class EventAcceptance:
    """Accepts events of the agency's own system.

    Args:
        store: the agency's state.
        publisher: decides, seals and stores.
        metrics: counts refused events.
        clock: () -> ms since the epoch.
        leave_out: whether fields that the agreement does not allow are left out, or refuse the
            event.
    """

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        metrics: Metrics,
        clock: Callable[[], int],
        *,
        leave_out: bool,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._leave_out = leave_out
        self._log = logger("api")

    def accept(self, caller: Caller, key: str, body: bytes) -> Accepted:
        """Accept an event, or return the answer that this key already has.

        Args:
            caller: the system that hands the event over.
            key: the idempotency key, unique for this name.
            body: JSON of type, recipients and data.

        Raises:
            ExchangeError: `idempotency_key_reused`: the key came with another body.
            EventError: the event is refused; the refusal is in the log.
            RegistryError, StoreError: nothing can be accepted now.
        """
        try:
            document, event = parse_event(body)
        except EventError as refusal:
            self.refuse(caller, key, body, refusal)
            raise
        keys = _keys(caller, key, document)
        with self._store.transaction() as tx:
            before = tx.outbox.last()
            with self._publisher.accepting(tx) as acceptance:
                found = self._publish(tx, acceptance, keys, event, caller)
            if isinstance(found, RequestRow):
                row = replace(found, outbox_after=before, outbox_last=tx.outbox.last())
                tx.requests.keep(row)
                assert row.answer is not None
                found = Accepted(row.answer, new=True)
        if isinstance(found, EventError):
            if acceptance.newly_refused:
                self._tell(found)
            raise found
        return found

    def _publish(
        self,
        tx: Transaction,
        acceptance: Acceptance,
        keys: _Keys,
        event: PlainEvent,
        caller: Caller,
    ) -> RequestRow | Accepted | EventError:
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
            raise ExchangeError(
                "This idempotency key came before with another event.",
                code="idempotency_key_reused",
                where="key",
            )
        before = tx.items.find(keys.item)
        again = before is not None and before.outcome == "seal_again"
        if known is not None and known.answer is not None and not again:
            return Accepted(known.answer, new=False)
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

    def refuse(self, caller: Caller, key: str, body: bytes, refusal: ConcordantError) -> None:
        """Leave the trace of a body that is no event, as a refused row of an export does.

        Args:
            caller: the system that handed it over.
            key: the idempotency key; empty if there is none.
            body: the bytes, of which only the hash is used.
            refusal: why.

        Raises:
            StoreError: nothing was stored.
        """
        digest = sha256(body).digest()
        item = sha256(b"refused request\0" + _request_key(caller, key) + digest).digest()
        with self._store.transaction() as tx, self._publisher.accepting(tx) as acceptance:
            operator = caller.operator
            new = acceptance.refuse(item, refusal.code, self._clock(), operator=operator)
        if new:
            self._tell(refusal)

    def _tell(self, refusal: ConcordantError) -> None:
        self._metrics.item_refused(refusal.code)
        self._log.warning("event_refused", code=refusal.code)


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


def parse_event(body: bytes) -> tuple[Mapping[str, object], PlainEvent]:
    """Parse an event of the agency's own system. Return the document, and the event that it states.

    Raises:
        EventError: `event_malformed`; names the member, never a value.
        ExchangeError: `request_malformed`: it nests too deeply.
    """
    require_shallow(body)
    try:
        document = parse_strict_json(body)
    except StrictJsonError as error:
        raise _malformed(f"The body is not a JSON document: {error}.") from None
    if not isinstance(document, dict):
        raise _malformed("The body is not an object of type, recipients and data.")
    for name in sorted(MEMBERS - document.keys()):
        raise _malformed(f"The member {name} is missing.", name)
    if document.keys() - MEMBERS:
        raise _malformed("The body has a member besides type, recipients and data.")
    event_type, recipients, data = document["type"], document["recipients"], document["data"]
    if not isinstance(event_type, str):
        raise _malformed("The member type is not a text.", "type")
    if not isinstance(recipients, list) or not all(isinstance(one, str) for one in recipients):
        raise _malformed("The member recipients is not a list of agency ids.", "recipients")
    if not isinstance(data, dict):
        raise _malformed("The member data is not an object.", "data")
    return document, PlainEvent(event_type, tuple(recipients), data)


def _malformed(detail: str, where: str | None = None) -> EventError:
    return EventError(detail, code="event_malformed", where=where)


def _request_key(caller: Caller, key: str) -> bytes:
    return sha256(f"request\0{caller.name}\0{key}".encode()).digest()


def _keys(caller: Caller, key: str, document: Mapping[str, object]) -> _Keys:
    request = _request_key(caller, key)
    content = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = sha256(content.encode()).digest()
    # The keys of stored items begin with these words. Another text would accept each event again.
    return _Keys(request, sha256(b"http event\0" + request).digest(), digest)
