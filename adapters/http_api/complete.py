"""The complete HTTP interface of an adapter: limits, tokens, endpoints and description."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from adapters.http_api.app import api_app
from adapters.http_api.endpoints import Access, Endpoint
from adapters.http_api.limits import RequestRate
from adapters.http_api.recipients import RecipientStates
from adapters.http_api.states import EventStates
from adapters.http_api.tokens import SCOPES, Identity, TokenBook
from adapters.sides import SideParts
from broker.agency.participant import Participant
from broker.registry.contract_book import ContractBook
from contracts.open_api import open_api_document


def complete_app(parts: SideParts, endpoints: Sequence[Endpoint]) -> Starlette:
    """Return the application.

    Args:
        parts: those of source and sink.
        endpoints: those of source and sink.
    """
    participant = parts.participant
    rate = RequestRate(participant.config.api.requests_per_minute, time.monotonic)
    access = Access(TokenBook(participant.root), rate, parts.metrics, parts.clock)
    states = EventStates(parts.store, parts.contracts)
    recipients = RecipientStates(
        participant.deployment, participant.agency, parts.store, parts.clock
    )
    described = Description(participant, parts.contracts, parts.clock)
    return api_app(access, [*endpoints, states.endpoint, recipients.endpoint, described.endpoint])


class Description:
    """Answers `GET /openapi.json` from the agreements in force.

    Args:
        participant: the agency.
        contracts: returns the agreements that are known now.
        clock: () -> ms since the epoch.
    """

    def __init__(
        self,
        participant: Participant,
        contracts: Callable[[], ContractBook],
        clock: Callable[[], int],
    ) -> None:
        self._agency = participant.agency
        self._sides = participant.config.adapter
        self._contracts = contracts
        self._clock = clock
        self._made: tuple[tuple[bytes, ...], bytes] | None = None
        self.endpoint = Endpoint("GET", "/openapi.json", SCOPES, self.answer)

    async def answer(self, _request: Request, _identity: Identity) -> Response:
        """Answer the request; the document is made again when the agreements change."""
        return Response(await asyncio.to_thread(self.document), media_type="application/json")

    def document(self) -> bytes:
        """Return the document as JSON."""
        live = self._contracts().live(self._clock())
        hashes = tuple(signed.text.hash for signed in live)
        if self._made is None or self._made[0] != hashes:
            document = open_api_document(
                [signed.contract for signed in live],
                self._agency,
                publishes=self._sides.source == "http",
                reads=self._sides.sink == "http",
            )
            self._made = hashes, orjson.dumps(document)
        return self._made[1]
