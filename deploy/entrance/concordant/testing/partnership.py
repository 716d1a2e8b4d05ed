"""Partnership in memory, for the tests of a program that publishes and subscribes.

The agencies have real keys, sign a real agreement, and seal, judge and log each event as in
production. Only Kafka, the network and the cost of the passphrase are replaced. A program under
test gets the same `Client` as in production.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final
from uuid import uuid4

import httpx

from adapters.http_api.tokens import SCOPES, Scope
from broker.clock import now_ms
from broker.transport.memory import MemoryKafka
from concordant.client.clients import AsyncClient, Client
from concordant.client.events import Accepted, Event, EventModel, ReceivedEvent
from concordant.client.http_connection import AsyncHttpConnection, HttpConnection
from concordant.testing.founding import FoundedPartnership, found_partnership
from concordant.testing.in_process import AsyncInProcess, InProcess, LoopThread
from concordant.testing.member import Member
from contracts.examples import example
from contracts.model import Contract
from contracts.names import require_known
from contracts.policy import policy_for
from contracts.vocabulary.event_types import unflatten

ADDRESS: Final = "http://localhost"


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event that an agency's adapter has accepted.

    Attributes:
        id: its id.
        event: the event.
        key: its idempotency key.
    """

    id: str
    event: Event
    key: str


class TestAgency:
    """One agency of a partnership in memory, seen from its own systems."""

    __test__ = False  # no test class

    def __init__(self, partnership: Partnership, member: Member) -> None:
        self._partnership = partnership
        self._member = member
        self.id = member.participant.agency
        self.events_sent: list[SentEvent] = []
        """Events that this agency's adapter has accepted, in their order."""
        self._clients: list[Client] = []

    def client(self, name: str = "system", scopes: Sequence[Scope] = SCOPES) -> Client:
        """Return a client with a new token.

        Args:
            name: name of the token.
            scopes: of the token: ``publish``, ``read``, ``result``.
        """
        token = self._token(name, scopes)
        transport = InProcess(self._partnership.loop, self._answer)
        client = Client(HttpConnection(ADDRESS, token, transport=transport))
        self._clients.append(client)
        return client

    def async_client(self, name: str = "system", scopes: Sequence[Scope] = SCOPES) -> AsyncClient:
        """Return a client whose calls are awaited, with a new token."""
        token = self._token(name, scopes)
        transport = AsyncInProcess(self._partnership.loop, self._answer)
        return AsyncClient(AsyncHttpConnection(ADDRESS, token, transport=transport))

    def example(self, event_type: str, to: Sequence[str]) -> Event:
        """Return a valid event of this agency with invented values, and ids of its own.

        It has every field that the agreement lets these recipients read together.

        Args:
            event_type: for example ``referral.made``.
            to: recipients.
        """
        contract = self._partnership.agreement
        form = contract.vocabulary.type(event_type)
        readable = policy_for(contract, self.id, tuple(to), event_type).fields
        flat = {
            path: value
            for path, value in form.flatten(example(contract, self.id, event_type).data).items()
            if path in readable
        }
        referrals = contract.vocabulary.referrals
        ids = set() if referrals is None else {referrals.made.id, referrals.changed.id}
        for path in flat.keys() & (ids | {contract.vocabulary.case}):
            flat[path] = str(uuid4())
        return Event(event_type, tuple(to), unflatten(flat))

    def publish(self, event: EventModel, *, key: str | None = None) -> Accepted:
        """Publish an event as this agency's own system does.

        Raises:
            ClientError: the event is refused.
        """
        with self.client("publisher", ("publish",)) as client:
            return client.publish(event, key=key)

    def received(self, event_type: str | None = None) -> list[ReceivedEvent]:
        """Return the events that this agency's adapter has received and offered, in their order.

        Args:
            event_type: only of this type.
        """
        found = [one.as_json() for one in self._member.received()]
        names = ("id", "type", "source", "time", "data", "withheld", "withheld_reasons", "urgent")
        return [
            ReceivedEvent(**{name: one[name] for name in names})  # type: ignore[arg-type]  # as the adapter writes them
            for one in found
            if event_type in {None, one["type"]}
        ]

    def state_of(self, event_id: str) -> str:
        """Return what became of an event here: for example ``offered``, ``imported``, ``rejected``.

        Raises:
            ClientError: `event_unknown`.
        """
        with self.client("state", SCOPES) as client:
            return str(client.status(event_id)["state"])

    def retry(self, event_id: str) -> None:
        """Offer a rejected event again, as a person does with `concordant quarantine retry`."""
        self._partnership.loop.run(self._member.retry(event_id))

    def stop(self) -> None:
        """Stop this agency's adapter: its address does not answer, and it receives nothing."""
        self._member.running = False

    def start(self) -> None:
        """Start it again: it receives what was sent meanwhile."""
        self._member.running = True
        self._partnership.deliver()

    def close(self) -> None:
        """Close the clients that were made here."""
        for client in self._clients:
            client.close()

    def _token(self, name: str, scopes: Sequence[Scope]) -> str:
        return self._member.token(name, tuple(scopes))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if not self._member.running:
            raise httpx.ConnectError("the adapter does not run", request=request)
        response = await self._member.asgi.handle_async_request(request)
        if request.method == "POST" and request.url.path == "/events":
            content = await response.aread()
            response = httpx.Response(
                response.status_code, headers=response.headers, content=content
            )
            if response.status_code == 201:
                self._sent(request, json.loads(content)["id"])
                await self._partnership.passed_on()
        return response

    def _sent(self, request: httpx.Request, event_id: str) -> None:
        body = json.loads(request.content)
        key = request.headers["idempotency-key"]
        if all(one.id != event_id for one in self.events_sent):
            event = Event(body["type"], body["recipients"], body["data"])
            self.events_sent.append(SentEvent(event_id, event, key))


class Partnership:
    """Agencies that exchange events in memory.

    Args:
        founded: keys and agreement; those of the shipped agreement if not given.

    Attributes:
        agreement: the agreement that all agencies have signed.
        loop: the event loop on which the adapters run.
    """

    def __init__(self, founded: FoundedPartnership | None = None) -> None:
        used = founded or found_partnership()
        self._founded = used
        self.agreement: Contract = used.agreement
        self.loop = LoopThread()
        self._folder = Path(tempfile.mkdtemp(prefix="concordant-testing-"))
        self._kafka = MemoryKafka.of_agreement(self.agreement)
        self._agencies: dict[str, TestAgency] = {}
        self._members: list[Member] = []
        self.loop.run(self._start())

    def __enter__(self) -> Partnership:
        """Return the partnership itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the partnership."""
        self.close()

    def __getitem__(self, agency: str) -> TestAgency:
        """Return an agency by its id.

        Raises:
            UnknownNameError: `agency_unknown`.
        """
        require_known("agency", agency, self._agencies, code="agency_unknown", exact=True)
        return self._agencies[agency]

    @property
    def agencies(self) -> tuple[str, ...]:
        """Return the ids of the agencies."""
        return tuple(self._agencies)

    def deliver(self) -> None:
        """Pass on what waits, for example after ``TestAgency.start``."""
        self.loop.run(self.passed_on())

    async def passed_on(self) -> None:
        """Pass on what waits, on the loop of the partnership."""
        for member in self._members:
            await member.relay()
        for member in self._members:
            self.refused += member.receive()

    def stop_kafka(self) -> None:
        """Stop Kafka: events are accepted, and wait."""
        self._kafka.up = False

    def start_kafka(self) -> None:
        """Start Kafka again, and pass on what waited."""
        self._kafka.up = True
        self.deliver()

    def close(self) -> None:
        """End the adapters, and remove their databases."""
        for agency in self._agencies.values():
            agency.close()
        self.loop.run(self._end())
        self.loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _start(self) -> None:
        self.refused: list[str] = []
        """Codes of records that an adapter refused; empty unless a test forges records."""
        for agency, participant in self._founded.participants.items():
            folder, empty = self._folder / agency, self._founded.empty_state
            member = Member(participant, folder, empty, self._kafka, now_ms)
            await member.start()
            self._members.append(member)
            self._agencies[agency] = TestAgency(self, member)

    async def _end(self) -> None:
        for member in self._members:
            await member.close()
