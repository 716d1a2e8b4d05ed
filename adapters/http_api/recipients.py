"""State of a sent event at each recipient, for `GET /events/{id}/status`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response

from adapters.exchange.errors import ExchangeError
from adapters.http_api.endpoints import Endpoint
from adapters.http_api.sides import path_id
from adapters.http_api.tokens import Identity
from broker.operations.event_status import event_status
from broker.store.database import Store


class RecipientStates:
    """Answers what became of a sent event at each recipient, as `event status --json` does.

    Args:
        deployment: the partnership's id.
        agency: this agency.
        store: its state.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self, deployment: str, agency: str, store: Store, clock: Callable[[], int]
    ) -> None:
        self._deployment = deployment
        self._agency = agency
        self._store = store
        self._clock = clock
        self.endpoint = Endpoint("GET", "/events/{id}/status", ("status",), self.answer)

    async def answer(self, request: Request, _identity: Identity) -> Response:
        """Answer `GET /events/{id}/status`."""
        found = await asyncio.to_thread(self.status_of, path_id(request))
        return Response(orjson.dumps(found), media_type="application/json")

    def status_of(self, event_id: str) -> dict[str, object]:
        """Return the state of an event at each recipient.

        Raises:
            ExchangeError: `event_unknown`.
        """
        with self._store.reading() as tx:
            found = event_status(tx, self._deployment, self._agency, event_id, self._clock())
        if found is None:
            raise ExchangeError("This agency sent no event of this id.", code="event_unknown")
        return found.as_json()
