"""AsyncAPI document of the bus side of one party, made by FastStream, and FastStream's page of it.

The document is written from the side of the agency's own systems: what they receive and send. No
connection is made.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

from faststream.specification.asyncapi import AsyncAPI, get_asyncapi_html
from pydantic import WithJsonSchema

from adapters.bus.cloud_events import ANSWER, CONTENT_TYPE, RESULT
from broker.agency.config_bus import BusKind, BusSection
from contracts.model import Contract
from contracts.open_api import open_api_document

_Document: TypeAlias = dict[str, Any]
_TEXT: Final = {"type": "string"}
_PAYLOAD: Final = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]
_NOT_ON_THE_BUS: Final = frozenset({"Page", "Problem", "ResultTaken", "State"})
"""Schemas that only the HTTP interface has."""


@dataclass(frozen=True, slots=True)
class BusDescription:
    """The document of one party.

    Attributes:
        document: AsyncAPI 3.0 as plain data.
    """

    document: _Document

    @property
    def title(self) -> str:
        """Return the title, as text of HTML."""
        return html.escape(str(self.document["info"]["title"]))

    def to_jsonable(self) -> _Document:
        """Return the document."""
        return self.document

    def to_json(self) -> str:
        """Return the document as JSON that can stand inside a script element of HTML."""
        return json.dumps(self.document).replace("<", "\\u003c")

    def to_yaml(self) -> str:
        """Return the document; JSON is YAML."""
        return self.to_json()

    def page(self, assets: str | None) -> str:
        """Return FastStream's page of the document.

        Args:
            assets: address of a folder with `index.js` and `default.min.css` of AsyncAPI's React
                component; None for the public addresses that FastStream names.
        """
        if assets is None:
            page = get_asyncapi_html(self, try_it_out_path=None)
        else:
            folder = html.escape(assets.rstrip("/"))
            page = get_asyncapi_html(
                self,
                try_it_out_path=None,
                asyncapi_js_url=f"{folder}/index.js",
                asyncapi_css_url=f"{folder}/default.min.css",
            )
        lines = [line for line in page.splitlines() if '<link rel="icon"' not in line]
        return "\n".join(lines) + "\n"


def bus_description(contract: Contract, agency: str, section: BusSection) -> BusDescription:
    """Return the document of a party.

    Args:
        contract: the agreement.
        agency: agency id of the party.
        section: the section `[bus]`.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    schemas = _schemas(contract, agency)
    names = section.names
    reads = {
        names.received: ("Events from other agencies. Each needs a result.", "ReceivedEvent"),
        names.answers: ("The adapter's answers to messages with events to send.", "Answer"),
        names.refused: ("Answers to refused messages alone.", "Answer"),
    }
    writes = {
        names.send: ("Events to send. One source and id is accepted once.", "Event"),
        names.results: ("Results for received events.", "BusResult"),
    }
    document = _faststream_document(
        section,
        {name: text for name, (text, _) in reads.items()},
        {name: text for name, (text, _) in writes.items()},
        title=f"Bus of {agency}",
        version=contract.version,
        description=f"Events of {agency} as CloudEvents under {contract.name} "
        f"{contract.version}. The adapter decides by the agreement, encrypts, decrypts and logs.",
        identifier=f"urn:concordant:{contract.deployment}:{contract.name}:{agency}:bus",
    )
    for name, (_, data) in {**reads, **writes}.items():
        document["components"]["schemas"][f"{name}:Message:Payload"] = _cloud_event(data)
    for message in document["components"]["messages"].values():
        message["contentType"] = CONTENT_TYPE
    document["components"]["schemas"] |= schemas
    return BusDescription(document)


def _faststream_document(
    section: BusSection, reads: Mapping[str, str], writes: Mapping[str, str], **about: str
) -> _Document:
    """Return FastStream's document of a program that reads and writes these subjects."""
    broker, named, more = _BROKERS[section.kind](section)
    for name, text in reads.items():

        async def handler(message: Any) -> None:
            """Only its type is used."""

        handler.__annotations__ = {"message": _PAYLOAD}
        place, named_place = ((name,), {}) if named == "topic" else ((), {named: name})
        broker.subscriber(*place, **named_place, **more(name), title=name, description=text)(
            handler
        )
    for name, text in writes.items():
        broker.publisher(
            **{named: name}, **more(name), title=name, description=text, schema=_PAYLOAD
        )
    made: _Document = json.loads(AsyncAPI(broker, **about).to_specification().to_json())  # type: ignore[arg-type]  # texts by name
    return made


_Parts: TypeAlias = tuple[Any, str, Callable[[str], Mapping[str, Any]]]
"""A broker without a connection, its argument for the name of a subject, and the others."""


def _no_others(_name: str) -> Mapping[str, Any]:
    return {}


def _nats(section: BusSection) -> _Parts:
    from faststream.nats import NatsBroker

    return NatsBroker([f"nats://{one}" for one in section.servers]), "subject", _no_others


def _kafka(section: BusSection) -> _Parts:
    from faststream.kafka import KafkaBroker

    return KafkaBroker(list(section.servers)), "topic", _no_others


def _rabbitmq(section: BusSection) -> _Parts:
    from faststream.rabbit import RabbitBroker, RabbitExchange

    def exchange(name: str) -> Mapping[str, Any]:
        return {"exchange": RabbitExchange(name)}

    return RabbitBroker(f"amqp://{section.servers[0]}/"), "queue", exchange


def _redis(section: BusSection) -> _Parts:
    from faststream.redis import RedisBroker

    return RedisBroker(f"redis://{section.servers[0]}"), "stream", _no_others


_BROKERS: Final[Mapping[BusKind, Callable[[BusSection], _Parts]]] = {
    "kafka": _kafka,
    "nats": _nats,
    "rabbitmq": _rabbitmq,
    "redis": _redis,
}


def _schemas(contract: Contract, agency: str) -> dict[str, _Document]:
    """Return the schemas of events and answers, as the HTTP interface has them."""
    document = open_api_document([contract], agency)
    found: dict[str, _Document] = {
        name: schema
        for name, schema in document["components"]["schemas"].items()
        if name not in _NOT_ON_THE_BUS
    }
    for one in found["ReceivedEvent"].get("anyOf", ()):
        one["properties"].pop("cursor")
        one["required"].remove("cursor")
    results = found.pop("Result")["oneOf"]
    named = {"id": _TEXT, "source": _TEXT}
    found["BusResult"] = {
        "oneOf": [
            {
                **each,
                "properties": {**named, **each["properties"]},
                "required": [*named, *each["required"]],
            }
            for each in results
        ]
    }
    about = {
        "type": "object",
        "description": f"The message that is answered. Type of an answer: {ANSWER}.",
        "properties": {"source": _TEXT, "id": _TEXT, "sha256": _TEXT},
    }
    accepted = found.pop("Accepted")
    refusal = {
        "type": "object",
        "properties": dict.fromkeys(("code", "detail", "field", "clause", "advice"), _TEXT),
        "required": ["code", "detail"],
    }
    found["Answer"] = {
        "oneOf": [
            {**accepted, "properties": {"message": about, **accepted["properties"]}},
            {
                "type": "object",
                "properties": {
                    "message": about,
                    "state": {"const": "refused"},
                    "refusal": refusal,
                },
                "required": ["message", "state", "refusal"],
            },
        ]
    }
    return found


def _cloud_event(data: str) -> _Document:
    types = {"BusResult": {"const": RESULT}, "Answer": {"const": ANSWER}}
    return {
        "title": f"CloudEvent with {data}",
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**_TEXT, "description": "A repeat has the same source and id."},
            "source": {**_TEXT, "format": "uri-reference"},
            "type": types.get(data, {**_TEXT, "description": "The event type."}),
            "time": {**_TEXT, "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "data": {"$ref": f"#/components/schemas/{data}"},
        },
        "required": ["specversion", "id", "source", "type", "data"],
    }
