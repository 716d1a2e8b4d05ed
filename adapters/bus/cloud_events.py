"""CloudEvents 1.0: messages of the bus to their parts, and back.

A message is read in structured mode (one JSON object) or in binary mode (attributes as headers).
Messages are written in structured mode. ``data`` is the JSON form that every side of the adapter
uses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import orjson

from adapters.exchange.errors import ExchangeError
from adapters.exchange.json_input import require_shallow
from broker.strict_json import StrictJsonError, parse_strict_json
from contracts.errors import EventError

CONTENT_TYPE: Final = "application/cloudevents+json"
RESULT: Final = "concordant.result"
"""Type of a message with the result for a received event."""
ANSWER: Final = "concordant.answer"
"""Type of a message with the answer to an event to send, or to a result that is refused."""
MOST_CHARACTERS: Final = 1_024
_PREFIXES: Final = ("ce-", "ce_", "cloudevents:", "cloudevents_")
"""Prefixes of the attributes as headers: NATS and HTTP, Kafka, AMQP, and older AMQP clients."""
UNDECODED: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands for bytes of a header that are not UTF-8."""
_REQUIRED: Final = ("specversion", "id", "source", "type")


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """A message that was read.

    Attributes:
        id, source: they name the message; a repeat has the same ones.
        type: type of what it holds.
        data: the JSON object in it, as text.
    """

    id: str
    source: str
    type: str
    data: bytes

    @property
    def key(self) -> str:
        """Return the idempotency key: the same for the same source and id."""
        return sha256(json.dumps([self.source, self.id]).encode()).hexdigest()


def parse_cloud_event(body: bytes, headers: Mapping[str, str]) -> CloudEvent:
    """Parse a message.

    Args:
        body: the bytes of the message.
        headers: its headers.

    Raises:
        EventError: `event_malformed`; names the attribute, never a value.
    """
    if any(UNDECODED in name for name in headers):
        raise _malformed("The name of a header of the message is not UTF-8 text.", "headers")
    attributes = _binary_attributes(headers)
    document = _object(body)
    if attributes is None:
        attributes = {name: one for name, one in document.items() if name != "data"}
        if "data_base64" in attributes:
            raise _malformed("The data must be JSON, not Base64.", "data_base64")
        data = document.get("data")
        if not isinstance(data, dict):
            raise _malformed("The member data of the CloudEvent is not an object.", "data")
        document = data
    for name in _REQUIRED:
        value = attributes.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= MOST_CHARACTERS:
            raise _malformed(
                f"The CloudEvent's attribute {name} is missing, or is not a text of at most "
                f"{MOST_CHARACTERS} characters.",
                name,
            )
        if UNDECODED in value:
            raise _malformed(f"The CloudEvent's attribute {name} is not UTF-8 text.", name)
    if document.get("type", attributes["type"]) != attributes["type"]:
        raise _malformed("The type of the CloudEvent is not that of the event in it.", "type")
    if attributes["specversion"] != "1.0":
        raise _malformed("The CloudEvent has another version than 1.0.", "specversion")
    kind = attributes.get("datacontenttype", "application/json")
    if not isinstance(kind, str) or kind.partition(";")[0].strip() != "application/json":
        raise _malformed("The data of the CloudEvent is not application/json.", "datacontenttype")
    return CloudEvent(
        str(attributes["id"]),
        str(attributes["source"]),
        str(attributes["type"]),
        json.dumps(document, ensure_ascii=False).encode(),
    )


def require_message_size(body: bytes, most: int) -> None:
    """Check the size of a message before it is read.

    Raises:
        EventError: `request_too_large`.
    """
    if len(body) > most:
        raise EventError(f"The message has more than {most:,} bytes.", code="request_too_large")


def structured(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return a message as one file: in structured mode if it has attributes as headers."""
    attributes = _binary_attributes(headers)
    if attributes is None:
        return body
    try:
        return json.dumps({**attributes, "data": json.loads(body)}, ensure_ascii=False).encode()
    except ValueError:
        return body


def format_cloud_event(
    id_: str, source: str, type_: str, data: Mapping[str, object], time: str | None = None
) -> bytes:
    """Return a message in structured mode.

    Args:
        id_: the same for a repeat.
        source: URI reference of the party that the content comes from.
        type_: type of what it holds.
        data: what it holds.
        time: RFC 3339, if the content has one.
    """
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": id_,
            "source": source,
            "type": type_,
            **({} if time is None else {"time": time}),
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def derived_id(*parts: str) -> str:
    """Return an id that is the same for the same parts."""
    return str(uuid5(NAMESPACE_URL, json.dumps(parts)))


def agency_source(agency: str) -> str:
    """Return the CloudEvents source of what an agency sent, or of what its adapter says."""
    return f"/concordant/{agency}"


def _binary_attributes(headers: Mapping[str, str]) -> dict[str, object] | None:
    """Return the attributes in the headers, or None if the mode is not binary."""
    found: dict[str, object] = {}
    for name, value in headers.items():
        for prefix in _PREFIXES:
            if name.lower().startswith(prefix):
                found[name.lower().removeprefix(prefix)] = value
    if "specversion" not in found:
        return None
    kind = next((one for name, one in headers.items() if name.lower() == "content-type"), None)
    return found if kind is None else {**found, "datacontenttype": kind}


def _object(body: bytes) -> dict[str, object]:
    try:
        require_shallow(body)
        document = parse_strict_json(body)
    except ExchangeError as error:
        raise _malformed(error.detail) from None
    except StrictJsonError as error:
        raise _malformed(f"The message is not a JSON document: {error}.") from None
    if not isinstance(document, dict):
        raise _malformed("The message is not a JSON object.")
    return document


def _malformed(detail: str, where: str | None = None) -> EventError:
    return EventError(detail, code="event_malformed", where=where)
