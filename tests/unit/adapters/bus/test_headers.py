"""Headers of other programs: whatever they hold, the message is read, and decided once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition
from faststream.redis.message import DATA_KEY

from adapters.bus.clients import BusSettings, header_texts
from adapters.bus.cloud_events import parse_cloud_event
from adapters.bus.kafka_client import KafkaClient
from adapters.bus.redis_client import RedisClient
from broker.agency.config_bus import BusSection
from contracts.errors import EventError

TOPIC = "concordant.send"
UNDECODED = "\N{REPLACEMENT CHARACTER}"


def settings(kind: str) -> BusSettings:
    table = {"kind": kind, "servers": ["127.0.0.1:9092"], "tls": False}
    return BusSettings(BusSection.model_validate(table), None, None, None)


class Consumer:
    """Gives one record."""

    def __init__(self, headers: tuple[tuple[str, bytes | None], ...]) -> None:
        self._headers: Any = headers

    async def getmany(self, **_: Any) -> Any:
        body = b'{"some": "body"}'
        record = ConsumerRecord(TOPIC, 0, 5, 0, 0, b"k", body, None, 1, 16, self._headers)
        return {TopicPartition(TOPIC, 0): [record]}


@pytest.mark.parametrize(
    ("value", "text"), [(b"\xff\xfe", UNDECODED * 2), (None, None), ("é".encode(), "é"), (b"", "")]
)
async def test_kafka_takes_a_record_with_any_header(
    monkeypatch: pytest.MonkeyPatch, value: bytes | None, text: str | None
) -> None:
    client = KafkaClient(settings("kafka"), TOPIC)
    consumer = Consumer((("trace", value), ("content-type", b"application/json")))
    monkeypatch.setattr(client, "_reader", consumer)
    message = await client.next(0.1)
    assert message is not None
    assert message.body == b'{"some": "body"}'
    assert message.headers["content-type"] == "application/json"
    assert message.headers.get("trace") == text


def test_the_name_of_a_header_that_cannot_be_read_is_event_malformed() -> None:
    body = b'{"specversion": "1.0", "id": "a", "source": "/a", "type": "b", "data": {}}'
    parse_cloud_event(body, header_texts({"trace": b"x"}))
    for name in ("pr\udcff", b"pr\xff"):  # of Kafka's reader, and of RabbitMQ's
        with pytest.raises(EventError) as caught:
            parse_cloud_event(body, header_texts({name: b"x"}))
        assert (caught.value.code, caught.value.where) == ("event_malformed", "headers")


@pytest.mark.parametrize("headers", [[1], None, "text", {"trace": None}])
async def test_redis_takes_an_entry_with_any_headers(
    monkeypatch: pytest.MonkeyPatch, headers: object
) -> None:
    content = json.dumps({"data": "{}", "headers": headers}).encode()

    class Server:
        async def xreadgroup(self, *_: Any, **__: Any) -> Any:
            return {TOPIC: [(b"1-0", {DATA_KEY.encode(): content})]}

        async def xack(self, *_: Any) -> None:
            pass

    client = RedisClient(settings("redis"), TOPIC)
    monkeypatch.setattr(client, "_client", Server())
    message = await client.next(0.1)
    assert message is not None
    assert (message.body, message.headers) == (b"{}", {})


def test_headers_become_text_and_those_without_a_value_are_left_out() -> None:
    given = {"a": b"\xff", "b": None, "c": 7, "d": bytearray(b"x")}
    assert header_texts(given) == {"a": UNDECODED, "c": "7", "d": "x"}
    assert header_texts(None) == {}


@pytest.mark.parametrize("value", [b"\xff", None])
def test_an_attribute_that_cannot_be_read_is_event_malformed(value: bytes | None) -> None:
    """Two ids that cannot be read must not become the same one: the second would be lost."""
    attributes = {"specversion": b"1.0", "id": value, "source": b"/a", "type": b"case.opened"}
    headers = header_texts({f"ce_{name}": one for name, one in attributes.items()})
    with pytest.raises(EventError) as caught:
        parse_cloud_event(b"{}", headers)
    assert (caught.value.code, caught.value.where) == ("event_malformed", "id")
