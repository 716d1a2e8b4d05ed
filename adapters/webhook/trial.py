"""A test of the webhook: one invented event, marked as such, sent once and stored nowhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import orjson

from adapters.webhook.answers import Answer
from adapters.webhook.endpoint import EndpointSettings, WebhookEndpoint
from adapters.webhook.signing import message_id
from broker.keys.instant import format_instant

TEST_TYPE = "concordant.test"
"""Type of the test event. Types of the protocol begin with this prefix, so no agreement has it."""


@dataclass(frozen=True, slots=True)
class Tested:
    """Result of a test.

    Attributes:
        answer: meaning of the endpoint's answer.
        message: the `webhook-id`.
        milliseconds: time until the answer.
    """

    answer: Answer
    message: str
    milliseconds: int


def trial_event(agency: str, now: int) -> dict[str, object]:
    """Return an event in the form in which received events are sent, without personal data."""
    return {
        "id": str(uuid4()),
        "type": TEST_TYPE,
        "source": agency,
        "time": format_instant(now),
        "data": {"test": True, "text": "This event is invented. It tests the webhook."},
        "withheld": [],
        "urgent": False,
        "withheld_reasons": {},
        "test": True,
    }


def send_test(settings: EndpointSettings, agency: str, clock: Callable[[], int]) -> Tested:
    """Send a test event.

    Args:
        settings: of the endpoint.
        agency: this agency's id.
        clock: () -> ms since the epoch.

    Raises:
        ConfigError: `webhook_secret_unusable` or `webhook_certificate_unusable`.
    """
    event = trial_event(agency, clock())
    message = message_id(agency, str(event["id"]))
    begun = time.monotonic()
    answer = asyncio.run(_send(settings, message, orjson.dumps(event), clock))
    return Tested(answer, message, int(1000 * (time.monotonic() - begun)))


async def _send(
    settings: EndpointSettings, message: str, body: bytes, clock: Callable[[], int]
) -> Answer:
    endpoint = WebhookEndpoint(settings, clock)
    endpoint.require_usable()
    try:
        return await endpoint.send(message, body)
    finally:
        await endpoint.close()
