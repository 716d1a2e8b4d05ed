"""Shared settings of every aiokafka client, and translation of its errors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import errors as kafka_errors
from aiokafka.abc import AbstractTokenProvider

from broker.errors import TransportError
from broker.transport.access_token import AccessTokens
from broker.transport.connection import (
    OAUTH_MECHANISM,
    SCRAM_MECHANISM,
    KafkaConnection,
    OauthLogin,
    ScramLogin,
)
from broker.transport.renewable_context import RenewableContext

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

_LOGIN_REFUSED = (
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.UnsupportedSaslMechanismError,
)


class _TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka is untyped
    """Tokens for aiokafka, which asks at each login."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    async def token(self) -> str:
        """Return a valid token.

        Raises:
            KafkaConnectionError: there is none; aiokafka tries again after this error only.
        """
        try:
            return (await asyncio.to_thread(self._tokens.current)).value
        except TransportError as error:
            raise kafka_errors.KafkaConnectionError(error.code) from None


class ClientSettings:
    """Kafka's address, our identity, and the TLS context of all clients of one transport.

    Attributes:
        bootstrap: Kafka's addresses.
        client_id: our name in Kafka's logs.
        context: the TLS context, which takes up renewed files.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        """Load the TLS files.

        Raises:
            TransportError: `certificate_unreadable`.
        """
        self.bootstrap = connection.bootstrap
        self.client_id = connection.client_id
        self.context = RenewableContext.of(connection)
        self._login = connection.login

    @property
    def options(self) -> dict[str, Any]:
        """Return keyword arguments for an aiokafka producer or consumer.

        Raises:
            TransportError: `kafka_password_missing`.
        """
        return {
            "bootstrap_servers": [address.strip() for address in self.bootstrap.split(",")],
            "client_id": self.client_id,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
            **self.security,
        }

    @property
    def security(self) -> dict[str, Any]:
        """Return the part of `options` that says how the client proves who it is.

        Raises:
            TransportError: `kafka_password_missing`.
        """
        match self._login:
            case ScramLogin(username, read_password):
                login = {
                    "sasl_mechanism": SCRAM_MECHANISM,
                    "sasl_plain_username": username,
                    "sasl_plain_password": read_password(),
                }
            case OauthLogin(tokens):
                login = {
                    "sasl_mechanism": OAUTH_MECHANISM,
                    "sasl_oauth_token_provider": _TokenProvider(tokens),
                }
            case None:
                return {"security_protocol": "SSL", "ssl_context": self.context}
        return {"security_protocol": "SASL_SSL", "ssl_context": self.context, **login}

    def changed(self, used: dict[str, Any]) -> bool:
        """Return whether a client that was made with these options has an old password."""
        name = "sasl_plain_password"
        try:
            return name in used and bool(used[name] != self.security[name])
        except TransportError:
            return False

    @property
    def unreachable(self) -> TransportError | None:
        """Return a more exact reason than that Kafka does not answer, if one is known."""
        if self.context.problem is not None:
            return self.context.problem
        return self._login.tokens.problem if isinstance(self._login, OauthLogin) else None

    @property
    def proof(self) -> str:
        """Return what Kafka must know of us, in words."""
        match self._login:
            case ScramLogin():
                return "username and password"
            case OauthLogin():
                return "access token"
            case None:
                return "certificate"


def transport_error(
    error: BaseException, client: ClientSettings, offsets: Sequence[int | None] = ()
) -> TransportError:
    """Translate a library's exception; its text is not repeated."""
    if isinstance(error, TransportError):
        error.offsets = tuple(offsets)
        return error
    if isinstance(error, _LOGIN_REFUSED):
        code, detail = "kafka_login_refused", f"Kafka does not accept our {client.proof}"
        fix = "correct it in [kafka] of agency.toml, or ask Kafka's host"
    elif isinstance(error, _REFUSALS):
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
        if (known := client.unreachable) is not None:
            return TransportError(
                known.detail,
                code=known.code,
                where=known.where,
                fix=known.fix,
                offsets=tuple(offsets),
            )
        code, detail = "kafka_unreachable", "Kafka does not answer"
        fix = f"check the address, the network and that Kafka knows our {client.proof}"
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
