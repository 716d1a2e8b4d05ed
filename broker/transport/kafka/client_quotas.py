"""Client quotas of Kafka: reading and setting the rates of one principal.

confluent-kafka has no call for client quotas, so the two requests go through aiokafka's public
client. aiokafka has the structure of the first. This module has that of the second, from Kafka's
protocol guide (AlterClientQuotas, version 0). A node forwards the second to the controller.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaClient
from aiokafka import errors as kafka_errors
from aiokafka.protocol.admin import DescribeClientQuotasRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int16, Int32, Schema, String

from broker.transport.kafka.client import (
    CLIENT_ERRORS,
    CLOSE_TIMEOUT_S,
    ClientSettings,
    transport_error,
)

TIMEOUT_S: Final = 20.0
_USER: Final = "user"
_ANY_NAME: Final = 2
"""Match type of DescribeClientQuotas: every entity that has a name of this type."""

_ENTITY: Final = Array(("entity_type", String("utf-8")), ("entity_name", String("utf-8")))


class _AlterClientQuotasResponse(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 49
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "entries",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("entity", _ENTITY),
            ),
        ),
    )


class _AlterClientQuotas(RequestStruct):  # type: ignore[misc]  # as above
    API_KEY = 49
    API_VERSION = 0
    RESPONSE_TYPE = _AlterClientQuotasResponse
    SCHEMA = Schema(
        (
            "entries",
            Array(
                ("entity", _ENTITY),
                ("ops", Array(("key", String("utf-8")), ("value", Float64), ("remove", Boolean))),
            ),
        ),
        ("validate_only", Boolean),
    )


class _AlterClientQuotasRequest(Request[_AlterClientQuotas]):  # type: ignore[misc]  # as above
    API_KEY = 49

    def __init__(self, rates: Mapping[str, Mapping[str, float]]) -> None:
        self._rates = rates

    def build(self, request_struct_class: type[_AlterClientQuotas]) -> _AlterClientQuotas:
        entries = [
            ([(_USER, principal)], [(name, float(rate), False) for name, rate in rates.items()])
            for principal, rates in self._rates.items()
        ]
        return request_struct_class(entries, False)


class ClientQuotas:
    """Kafka's limits of single principals, as its operator sees them."""

    def __init__(self, client: ClientSettings) -> None:
        self._client = client

    async def read(self) -> dict[str, dict[str, float]]:
        """Return the rates that are set for a single principal, by principal and name of the rate.

        Raises:
            TransportError: `kafka_unreachable`, `kafka_refused` or `kafka_failed`.
        """
        answer = await self._ask(DescribeClientQuotasRequest([(_USER, _ANY_NAME, None)], True))
        self._require_success(answer.error_code)
        found: dict[str, dict[str, float]] = {}
        for entity, values in answer.entries or ():
            if len(entity) == 1 and entity[0][0] == _USER and entity[0][1] is not None:
                found[entity[0][1]] = dict(values)
        return found

    async def set(self, rates: Mapping[str, Mapping[str, float]]) -> None:
        """Set rates of some principals; their other rates stay.

        Raises:
            TransportError: `kafka_unreachable`, `kafka_refused` or `kafka_failed`.
        """
        answer = await self._ask(_AlterClientQuotasRequest(rates))
        for code, _message, _entity in answer.entries:
            self._require_success(code)

    async def _ask(self, request: Any) -> Any:
        kafka = AIOKafkaClient(**self._client.options)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await kafka.bootstrap()
                nodes = sorted(node.nodeId for node in kafka.cluster.brokers())
                return await kafka.send(random.choice(nodes), request)  # noqa: S311 - any will do
        except CLIENT_ERRORS as error:
            raise transport_error(error, self._client) from None
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(kafka.close(), CLOSE_TIMEOUT_S)

    def _require_success(self, code: int) -> None:
        if code:
            raise transport_error(kafka_errors.for_code(code)(), self._client)
