"""Cost of the pydantic model and the JSON text alone, without protection."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import orjson

from bench import measuring
from bench.sample_event import SOURCE, TYPE, Referral


class Case(measuring.Case):
    """A message is the JSON text."""

    name = "pydantic+json"
    hides = False

    def __init__(self, recipients: int) -> None:
        self._recipients = [f"agency-{at:02d}" for at in range(recipients)]

    def produce(self, datas: Sequence[dict[str, Any]]) -> list[bytes]:
        return [
            orjson.dumps(
                {
                    "specversion": "1.0",
                    "id": str(uuid4()),
                    "type": TYPE,
                    "source": SOURCE,
                    "time": int(time.time() * 1000),
                    "to": self._recipients,
                    "data": Referral.model_validate(data).model_dump(),
                }
            )
            for data in datas
        ]

    def consume(self, messages: Sequence[bytes]) -> list[Referral]:
        return [Referral.model_validate(orjson.loads(message)["data"]) for message in messages]
