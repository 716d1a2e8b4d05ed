"""HPKE and Ed25519 by hand: a fresh AES-256-GCM key per event, wrapped for each recipient.

HPKE base mode with X25519 (RFC 9180), not post-quantum. Every recipient reads the whole event.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import measuring
from bench.sample_event import SOURCE, TYPE, Referral

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
Message = tuple[bytes, bytes]


class Case(measuring.Case):
    """A message is (body, signature)."""

    name = "HPKE + Ed25519"

    def __init__(self, recipients: int) -> None:
        self._private = [X25519PrivateKey.generate() for _ in range(recipients)]
        self._public = [key.public_key() for key in self._private]
        self._signer = Ed25519PrivateKey.generate()
        self._verifier = self._signer.public_key()

    def produce(self, datas: Sequence[dict[str, Any]]) -> list[Message]:
        messages = []
        for data in datas:
            event_id = str(uuid4())
            info = event_id.encode()
            plain = orjson.dumps(Referral.model_validate(data).model_dump())
            key, nonce = os.urandom(32), os.urandom(12)
            body = orjson.dumps(
                {
                    "specversion": "1.0",
                    "id": event_id,
                    "type": TYPE,
                    "source": SOURCE,
                    "time": int(time.time() * 1000),
                    "sealed": (nonce + AESGCM(key).encrypt(nonce, plain, info)).hex(),
                    "keys": [_SUITE.encrypt(key, public, info).hex() for public in self._public],
                }
            )
            messages.append((body, self._signer.sign(body)))
        return messages

    def consume(self, messages: Sequence[Message]) -> list[Referral]:
        opened = []
        for body, signature in messages:
            self._verifier.verify(signature, body)
            envelope = orjson.loads(body)
            info = envelope["id"].encode()
            wrap = bytes.fromhex(envelope["keys"][0])
            key = _SUITE.decrypt(wrap, self._private[0], info)
            sealed = bytes.fromhex(envelope["sealed"])
            plain = AESGCM(key).decrypt(sealed[:12], sealed[12:], info)
            opened.append(Referral.model_validate(orjson.loads(plain)))
        return opened

    def parts(self, message: Message) -> Message:
        return message
