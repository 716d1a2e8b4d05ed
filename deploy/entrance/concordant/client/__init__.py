"""Client for systems inside an agency: publish and receive events with a token, without keys."""

from concordant.client.async_subscription import AsyncReceived, AsyncSubscription
from concordant.client.clients import AsyncClient, Client, connect, connect_async
from concordant.client.errors import ClientError
from concordant.client.events import Accepted, Event, EventModel, Queued, ReceivedEvent
from concordant.client.outbox import Relayed
from concordant.client.positions import create_tables, create_tables_async
from concordant.client.subscription import Received, Subscription

__all__ = [
    "Accepted",
    "AsyncClient",
    "AsyncReceived",
    "AsyncSubscription",
    "Client",
    "ClientError",
    "Event",
    "EventModel",
    "Queued",
    "Received",
    "ReceivedEvent",
    "Relayed",
    "Subscription",
    "connect",
    "connect_async",
    "create_tables",
    "create_tables_async",
]
