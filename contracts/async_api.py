"""Description of one party's events as an AsyncAPI 3.1 document.

The messages are the opened events, as a subscriber gets them. On Kafka every record is sealed, and
neither the type nor any field of it can be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final, TypeAlias

from contracts.model import Contract, topic_name
from contracts.typed_models import Direction, leaves_of_party
from contracts.vocabulary.json_schema import json_schema

__all__ = ["ASYNCAPI_VERSION", "async_api_document"]

ASYNCAPI_VERSION: Final = "3.1.0"
_Document: TypeAlias = dict[str, Any]


def async_api_document(contract: Contract, agency: str) -> _Document:
    """Return the document as plain data, which `json.dumps` writes.

    Args:
        contract: the agreement.
        agency: agency id of the party.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    directions: tuple[Direction, ...] = ("receives", "sends")
    leaves = {each: leaves_of_party(contract, agency, each) for each in directions}
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "id": f"urn:concordant:{contract.deployment}:{contract.name}:{agency}",
        "info": {
            "title": f"{contract.title}: events of {agency}",
            "version": contract.version,
            "description": (
                f"{contract.summary}\n\nThe messages are opened events. On Kafka every record is "
                "sealed; the software of Concordant opens and checks it."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {topic: _channel(contract, topic, leaves) for topic in contract.topics},
        "operations": {
            f"{'receive' if direction == 'receives' else 'send'}_{topic}": _operation(
                contract, topic, direction, leaves[direction]
            )
            for direction in directions
            for topic in contract.topics
            if _on(contract, topic, leaves[direction])
        },
        "components": {
            "messages": {
                _message_name(name, direction): _message(contract, name, direction, paths)
                for direction in directions
                for name, paths in leaves[direction].items()
            }
        },
    }


def _on(contract: Contract, topic: str, leaves: Mapping[str, Set[str]]) -> list[str]:
    return [name for name in leaves if contract.event_types[name].topic == topic]


def _message_name(event_type: str, direction: Direction) -> str:
    return f"{event_type}.{'received' if direction == 'receives' else 'sent'}"


def _channel(
    contract: Contract, topic: str, leaves: Mapping[Direction, Mapping[str, Set[str]]]
) -> _Document:
    return {
        "address": topic_name(contract, topic),
        "messages": {
            _message_name(name, direction): {
                "$ref": f"#/components/messages/{_message_name(name, direction)}"
            }
            for direction, types in leaves.items()
            for name in _on(contract, topic, types)
        },
        "bindings": {"kafka": {"partitions": contract.topics[topic].partitions}},
    }


def _operation(
    contract: Contract, topic: str, direction: Direction, leaves: Mapping[str, Set[str]]
) -> _Document:
    return {
        "action": "receive" if direction == "receives" else "send",
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [
            {"$ref": f"#/channels/{topic}/messages/{_message_name(name, direction)}"}
            for name in _on(contract, topic, leaves)
        ],
    }


def _message(
    contract: Contract, event_type: str, direction: Direction, paths: Set[str]
) -> _Document:
    form = contract.vocabulary.form
    schema = json_schema(form, event_type, paths, conditions=direction == "sends")
    return {
        "name": event_type,
        "title": event_type,
        "summary": form.event_types[event_type].description,
        "contentType": "application/json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": schema,
        },
        "tags": [{"name": direction}],
    }
