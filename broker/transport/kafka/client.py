"""Shared settings of every aiokafka client, and translation of its errors."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import errors as kafka_errors

from broker.errors import TransportError

REQUEST_TIMEOUT_MS = 10_000
CLOSE_TIMEOUT_S = 5.0

METADATA_MAX_AGE_MS = 10_000
"""Time until the client looks for a topic that was deleted and created again.

A fetch from a deleted topic makes a client forget it; by default aiokafka looks again after five
minutes.
"""

CLIENT_ERRORS = (kafka_errors.KafkaError, OSError, TimeoutError)
"""Exceptions of a Kafka client that are not our own defects."""

_REFUSALS = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Kafka's address, our identity, and the TLS context for both."""

    bootstrap: str
    client_id: str
    context: ssl.SSLContext

    @property
    def options(self) -> dict[str, Any]:
        """Return keyword arguments for an aiokafka producer or consumer."""
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "client_id": self.client_id,
            "security_protocol": "SSL",
            "ssl_context": self.context,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        }


def transport_error(
    error: BaseException, client: ClientSettings, offsets: Sequence[int | None] = ()
) -> TransportError:
    """Translate a library's exception; its text is not repeated."""
    if isinstance(error, TransportError):
        error.offsets = tuple(offsets)
        return error
    if isinstance(error, _REFUSALS):
        code, detail = "kafka_refused", f"Kafka does not let {client.client_id} do this"
        fix = "ask Kafka's host to apply the contract's plan (`concordant kafka plan`)"
    elif isinstance(error, kafka_errors.UnknownTopicOrPartitionError):
        code, detail = "kafka_topic_missing", "Kafka does not have this topic or partition"
        fix = "ask Kafka's host to apply the contract's plan (`concordant kafka plan`)"
    elif isinstance(
        error, kafka_errors.MessageSizeTooLargeError | kafka_errors.RecordListTooLargeError
    ):
        code, detail = "kafka_record_too_large", "Kafka does not accept records of this size"
        fix = (
            "run concordant doctor to see the limit; ask Kafka's host to apply the contract's plan"
        )
    elif isinstance(error, TimeoutError | OSError | kafka_errors.KafkaConnectionError) or getattr(
        error, "retriable", False
    ):
        code, detail = "kafka_unreachable", "Kafka does not answer"
        fix = "check the address, the network and that Kafka knows our certificate"
    else:
        code, detail = "kafka_failed", "Kafka answered with an error"
        fix = "read Kafka's own log"
    return TransportError(
        f"{detail} ({type(error).__name__})",
        code=code,
        where=client.bootstrap,
        fix=fix,
        offsets=tuple(offsets),
    )
