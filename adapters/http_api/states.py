"""State of one event, sent or received, for `GET /events/{id}`. It holds no personal data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import orjson
from starlette.requests import Request
from starlette.responses import Response

from adapters.exchange.errors import ExchangeError
from adapters.exchange.offering import known_parties, one_received
from adapters.exchange.results import REJECTED
from adapters.http_api.endpoints import Endpoint
from adapters.http_api.sides import path_id, query_agency
from adapters.http_api.tokens import SCOPES, Identity
from broker.keys.instant import format_instant
from broker.registry.contract_book import ContractBook
from broker.store.database import Store
from broker.store.transaction import Transaction


class EventStates:
    """Answers what became of an event.

    Args:
        store: the agency's state.
        contracts: returns the agreements that are known now.
    """

    def __init__(self, store: Store, contracts: Callable[[], ContractBook]) -> None:
        self._store = store
        self._contracts = contracts
        self.endpoint = Endpoint("GET", "/events/{id}", SCOPES, self.answer, ("from",))

    async def answer(self, request: Request, identity: Identity) -> Response:
        """Answer `GET /events/{id}`."""
        asked = path_id(request), query_agency(request)
        state = await asyncio.to_thread(self.state_of, *asked, identity.scopes)
        return Response(orjson.dumps(state), media_type="application/json")

    def state_of(
        self, event_id: str, sender: str | None, scopes: Collection[str]
    ) -> dict[str, object]:
        """Return the state of an event.

        Args:
            event_id: its id.
            sender: the agency that sent it, if the request names it.
            scopes: of the token: ``publish`` is about sent events, the others about received ones.

        Raises:
            ExchangeError: `event_unknown` or `event_ambiguous`.
        """
        with self._store.reading() as tx:
            asks_sent = sender is None and "publish" in scopes
            sent = _sent(tx, event_id) if asks_sent else None
            if sent is None and not {"read", "result"}.intersection(scopes):
                raise ExchangeError("No event of this id is known here.", code="event_unknown")
            return sent or self._received(tx, event_id, sender)

    def _received(self, tx: Transaction, event_id: str, sender: str | None) -> dict[str, object]:
        row = one_received(tx, known_parties(self._contracts()), event_id, sender)
        offer = tx.offers.of_event(row.seq)
        held, discarded = tx.inbox.held_or_discarded(row.seq)
        if held is not None:
            state = "rejected" if held == REJECTED else "held"
        elif discarded is not None:
            state = "discarded"
        elif row.delivered_ms is not None:
            state = "imported"
        else:
            state = "waiting" if offer is None or offer.outcome is not None else "offered"
        code = held or discarded
        return {
            "id": event_id,
            "direction": "received",
            "state": state,
            "source": row.source,
            "type": row.type,
            "received": format_instant(row.received_ms),
            **({} if code is None else {"code": code}),
        }


def _sent(tx: Transaction, event_id: str) -> dict[str, object] | None:
    request = tx.requests.of_event(event_id)
    if request is None or request.outbox_after is None or request.outbox_last is None:
        return None
    records = tx.outbox.progress(request.outbox_after, request.outbox_last)
    codes = {code for _, code in records if code is not None}
    if codes:
        state = "held"
    elif records and all(sent is not None for sent, _ in records):
        state = "on_kafka"
    else:
        state = "accepted"
    return {
        "id": event_id,
        "direction": "sent",
        "state": state,
        "accepted": format_instant(request.added_ms),
        "later": [
            {"agency": agency, "reason": reason}
            for agency, reason in tx.copies.waiting_of(event_id)
        ],
        **({"code": min(codes)} if codes else {}),
    }
