"""Random numbers that open something, and the digests under which the server keeps them."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

TOKEN_BYTES: Final = 32


def web_token() -> str:
    """Return a new random number of 256 bits, for an address or a cookie."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> bytes:
    """Return the digest of a number as a browser sends it, 32 bytes."""
    return sha256(token.encode("utf-8", "replace")).digest()
