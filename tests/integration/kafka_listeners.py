"""SASL listeners of the tests' Kafka: SCRAM, and OAUTHBEARER with tokens that a JWKS verifies."""

from __future__ import annotations

from broker.transport.connection import OAUTH_MECHANISM, SCRAM_MECHANISM
from broker.transport.local_settings import SaslListener
from tests.integration.identity_provider import AUDIENCE

SCRAM = "SCRAM"
OAUTH = "OAUTH"
SESSION_MS = 3_000
"""Kafka closes a connection that is older, so that its client must log in again."""

_MODULES = "org.apache.kafka.common.security"
_VALIDATOR = f"{_MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler"


def sasl_listeners(issuer: str) -> tuple[SaslListener, ...]:
    """The listeners; `issuer` is the address of the identity provider."""
    scram, oauth = SCRAM_MECHANISM.lower(), OAUTH_MECHANISM.lower()
    return (
        SaslListener(
            SCRAM,
            SCRAM_MECHANISM,
            {
                f"{scram}.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
                "ssl.enabled.protocols": "TLSv1.2",
                "ssl.protocol": "TLSv1.2",
            },
        ),
        SaslListener(
            OAUTH,
            OAUTH_MECHANISM,
            {
                f"{oauth}.sasl.jaas.config": f"{_MODULES}.oauthbearer.OAuthBearerLoginModule "
                "required;",
                f"{oauth}.sasl.server.callback.handler.class": _VALIDATOR,
                f"{oauth}.connections.max.reauth.ms": str(SESSION_MS),
                "sasl.oauthbearer.jwks.endpoint.url": f"{issuer}/jwks",
                "sasl.oauthbearer.expected.issuer": issuer,
                "sasl.oauthbearer.expected.audience": AUDIENCE,
            },
            (f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={issuer}/jwks",),
        ),
    )
