"""Acceptance of an event that the agency's own system publishes as JSON.

`broker/operations/event_acceptance.py` accepts each event once. This module reads the body, and
tells the metrics and the log about what was refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from adapters.exchange.caller import Caller
from adapters.exchange.errors import ExchangeError
from adapters.exchange.json_input import require_shallow
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.operations.event_acceptance import AcceptedEvent, KeyReusedError, RefusedEvent
from broker.operations.event_acceptance import EventAcceptance as AcceptanceOnce
from broker.sending.publishing import Publisher
from broker.store.database import Store
from broker.strict_json import StrictJsonError, parse_strict_json
from contracts.errors import ConcordantError, EventError
from contracts.events import PlainEvent

MEMBERS: Final = frozenset({"type", "recipients", "data"})
KEY_CHARACTERS: Final = 255


class ExchangeAcceptance:
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
        self._once = AcceptanceOnce(store, publisher, clock, leave_out=leave_out)
        self._metrics = metrics
        self._log = logger("api")

    def accept(self, caller: Caller, key: str, body: bytes) -> AcceptedEvent:
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
            event = parse_event(body)
        except EventError as refusal:
            self.refuse(caller, key, body, refusal)
            raise
        try:
            found = self._once.accept(caller, key, event)
        except KeyReusedError as error:
            raise ExchangeError(error.detail, code=error.code, where=error.where) from None
        if isinstance(found, RefusedEvent):
            if found.new:
                self._tell(found.error)
            raise found.error
        return found

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
        if self._once.refuse(caller, key, body, refusal):
            self._tell(refusal)

    def _tell(self, refusal: ConcordantError) -> None:
        self._metrics.item_refused(refusal.code)
        self._log.warning("event_refused", code=refusal.code)


def parse_event(body: bytes) -> PlainEvent:
    """Parse an event of the agency's own system.

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
    return PlainEvent(event_type, tuple(recipients), data)


def _malformed(detail: str, where: str | None = None) -> EventError:
    return EventError(detail, code="event_malformed", where=where)
