"""Signatures of webhook requests, as Standard Webhooks 1.0.0 defines them (scheme ``v1``).

HMAC-SHA256 over `ID.TIMESTAMP.BODY`. During a rotation each request has a signature of both
secrets, and the receiver accepts the one that it can check.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets as random
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

PREFIX: Final = "whsec_"
LEAST_BYTES: Final = 24
MOST_BYTES: Final = 64
NEW_BYTES: Final = 32


def new_secret() -> str:
    """Return a new secret, as receivers expect it: ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(random.token_bytes(NEW_BYTES)).decode()


def secret_bytes(text: str) -> bytes:
    """Return the key of a secret.

    Raises:
        ValueError: it is not ``whsec_`` and base64 of 24 to 64 bytes.
    """
    if not text.startswith(PREFIX):
        raise ValueError("prefix")
    encoded = text.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise ValueError("base64") from None
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError("length")
    return key


def message_id(source: str, event_id: str) -> str:
    """Return the `webhook-id` of an event: the same at each attempt, different for two senders.

    Two agencies can send one event id, so the id of the event alone would make a receiver that
    drops repeats lose an event. It has no full stop, which separates the signed parts.
    """
    return f"msg_{sha256(f'webhook{chr(0)}{source}{chr(0)}{event_id}'.encode()).hexdigest()[:32]}"


def signature_headers(
    keys: Sequence[bytes], message: str, now_ms: int, body: bytes
) -> dict[str, str]:
    """Return the three headers of a request.

    Args:
        keys: keys of the secrets, the current one first.
        message: the `webhook-id`.
        now_ms: time of this attempt.
        body: the body exactly as it is sent.
    """
    timestamp = str(now_ms // 1000)
    signed = f"{message}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, signed, sha256)).decode() for key in keys)
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }
