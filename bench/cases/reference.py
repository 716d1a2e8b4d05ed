"""The reference: what a competent team writes by hand.

AES-GCM for each sensitive field under one key that all agencies share, an Ed25519 signature per
event, pydantic on both sides, JSON and base64 of the standard library. One reader cannot be given
less than another, a lost or repeated event goes unnoticed, and every holder of the key reads
everything. ``Tuned`` is the same with orjson and hexadecimal: as fast as that design gets.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import measuring
from bench.sample_event import SENSITIVE, SOURCE, TYPE, Referral

Message = tuple[bytes, bytes]


def _dumps(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _b64encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


class Case(measuring.Case):
    """A message is (body, signature)."""

    name = "reference"
    dumps: Callable[[object], bytes] = staticmethod(_dumps)
    loads: Callable[[bytes], Any] = staticmethod(json.loads)
    to_text: Callable[[bytes], str] = staticmethod(_b64encode)
    from_text: Callable[[str], bytes] = staticmethod(base64.b64decode)

    def __init__(self, recipients: int) -> None:
        self._recipients = [f"agency-{at:02d}" for at in range(recipients)]
        self._aead = AESGCM(os.urandom(32))
        self._signer = Ed25519PrivateKey.generate()
        self._verifier = self._signer.public_key()

    def produce(self, datas: Sequence[dict[str, Any]]) -> list[Message]:
        messages = []
        dumps, to_text = self.dumps, self.to_text
        for data in datas:
            event = Referral.model_validate(data).model_dump()
            event_id = str(uuid4())
            for group, field in SENSITIVE:
                nonce = os.urandom(12)
                aad = f"{event_id}/{group}.{field}".encode()
                sealed = self._aead.encrypt(nonce, dumps(event[group][field]), aad)
                event[group][field] = to_text(nonce + sealed)
            body = dumps(
                {
                    "specversion": "1.0",
                    "id": event_id,
                    "type": TYPE,
                    "source": SOURCE,
                    "time": int(time.time() * 1000),
                    "to": self._recipients,
                    "data": event,
                }
            )
            messages.append((body, self._signer.sign(body)))
        return messages

    def consume(self, messages: Sequence[Message]) -> list[Referral]:
        opened = []
        loads, from_text = self.loads, self.from_text
        for body, signature in messages:
            self._verifier.verify(signature, body)
            envelope = loads(body)
            event, event_id = envelope["data"], envelope["id"]
            for group, field in SENSITIVE:
                raw = from_text(event[group][field])
                aad = f"{event_id}/{group}.{field}".encode()
                event[group][field] = loads(self._aead.decrypt(raw[:12], raw[12:], aad))
            opened.append(Referral.model_validate(event))
        return opened

    def parts(self, message: Message) -> Message:
        return message


class Tuned(Case):
    """The reference with orjson and hexadecimal."""

    name = "reference, orjson"
    dumps = staticmethod(orjson.dumps)
    loads = staticmethod(orjson.loads)
    to_text = staticmethod(bytes.hex)
    from_text = staticmethod(bytes.fromhex)
