"""Checks of an ID token (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import KeySet

from adapters.web.identity.refusals import SignInRefusedError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
"""Signatures by the provider's private key. With `none` or a shared secret anyone could sign."""
LEEWAY_S: Final = 60
"""Difference of the clocks of provider and agency that is tolerated."""
OLDEST_S: Final = 600
"""A token that was issued longer ago does not come from the present sign-in."""
TOKEN_CHARACTERS: Final = 65_536


@dataclass(frozen=True, slots=True)
class Expected:
    """Values that a token of the present sign-in must have.

    Attributes:
        issuer: identifier of the provider.
        client_id: this application.
        nonce: value that the request for the sign-in had.
        access_token: the access token beside it, if there is one.
    """

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None


def verified_claims(
    token: str, keys: KeySet, expected: Expected, now_s: int
) -> Mapping[str, object]:
    """Return the claims of an ID token that the provider issued for the present sign-in.

    Args:
        token: the token, a JWS in compact form.
        keys: public keys of the provider.
        expected: what it must say.
        now_s: the present time in seconds since the epoch.

    Raises:
        SignInRefusedError: the token is not genuine, not for us, not for this sign-in or too old.
    """
    if len(token) > TOKEN_CHARACTERS or not token.isascii():
        raise SignInRefusedError("token_malformed")
    try:
        decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, TypeError, RecursionError):
        # the library names its errors by cause; a forged header can lead to any of them
        raise SignInRefusedError("token_signature") from None
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
        },
        {
            "nonce": expected.nonce,
            "client_id": expected.client_id,
            "access_token": expected.access_token,
        },
    )
    try:
        claims.validate(now_s, LEEWAY_S)
    except ExpiredTokenError:
        raise SignInRefusedError("token_expired") from None
    except (InvalidClaimError, MissingClaimError) as error:
        named = error.claim if error.claim in _NAMED else "claims"
        raise SignInRefusedError(f"token_{named}") from None
    except (JoseError, ValueError, TypeError):
        raise SignInRefusedError("token_claims") from None
    issued = decoded.claims["iat"]
    if issued < now_s - OLDEST_S:
        raise SignInRefusedError("token_expired")
    return decoded.claims


_NAMED: Final = frozenset({"iss", "aud", "nonce", "azp", "exp", "iat", "nbf", "at_hash"})
