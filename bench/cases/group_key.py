"""kafkacrypto: its own serializer and deserializer with a group key that was handed out before.

One secretbox per message under a key that every member has; nothing is signed by its sender.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from types import SimpleNamespace
from typing import Any

import orjson
import pysodium
from kafkacrypto.crypto import KafkaCrypto
from kafkacrypto.keygenerator import KeyGenerator

from bench import measuring
from bench.sample_event import Referral

_TOPIC = "bench"
_KEY_INDEX = b"0"


class Case(measuring.Case):
    """A message is the serialized value."""

    name = "kafkacrypto"

    def __init__(self, recipients: int) -> None:
        del recipients  # all of them hold the one key
        secret = pysodium.randombytes(32)
        ends = []
        for _ in range(2):
            key, value = KeyGenerator.get_key_value_generators(secret)
            ends.append({"key": key, "value": value, "secret": secret})
        member = SimpleNamespace(
            _lock=Lock(),
            get_root=lambda topic: topic,
            _cur_pgens={_TOPIC: _KEY_INDEX},
            _pgens={_TOPIC: {_KEY_INDEX: ends[0]}},
            _cgens={_TOPIC: {_KEY_INDEX: ends[1]}},
            _cwaits={},
        )
        self._serializer = KafkaCrypto.Serializer(member, "value")
        self._deserializer = KafkaCrypto.Deserializer(member, "value", 1, 1)

    def produce(self, datas: Sequence[dict[str, Any]]) -> list[bytes]:
        serialize = self._serializer.serialize
        return [
            serialize(_TOPIC, orjson.dumps(Referral.model_validate(data).model_dump()))
            for data in datas
        ]

    def consume(self, messages: Sequence[bytes]) -> list[Referral]:
        deserialize = self._deserializer.deserialize
        return [
            Referral.model_validate(orjson.loads(deserialize(_TOPIC, message).getMessage()))
            for message in messages
        ]
