"""FastStream's AsyncAPI document and page of the bus side."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.bus.description import bus_description
from broker.agency.config_bus import BusSection
from contracts.typed_models import leaves_of_party
from tests.support.founded_partnership import founded

CHARITY = "haven-support"


def document(kind: str = "nats") -> dict[str, Any]:
    section = BusSection.model_validate({"kind": kind, "servers": ["bus.example.org:4222"]})
    return bus_description(founded().contract, CHARITY, section).document


@pytest.mark.parametrize("kind", ["kafka", "nats", "rabbitmq", "redis"])
def test_the_document_has_every_subject_and_every_reference_leads_somewhere(kind: str) -> None:
    made = document(kind)
    addresses = {one["address"].removesuffix(":_") for one in made["channels"].values()}
    names = {"send", "answers", "refused", "received", "results"}
    assert {name.split(".")[-1].split(":")[0] for name in addresses} == names
    text = json.dumps(made)
    for found in {one.split('"')[0] for one in text.split('"$ref": "#/')[1:]}:
        place: Any = made
        for part in found.split("/"):
            place = place[part.replace("~1", "/")]


def test_the_payloads_are_cloud_events_with_the_events_of_the_party() -> None:
    schemas = document()["components"]["schemas"]
    payload = schemas["concordant.received:Message:Payload"]
    assert payload["properties"]["specversion"] == {"const": "1.0"}
    assert payload["properties"]["data"] == {"$ref": "#/components/schemas/ReceivedEvent"}
    received = {one["properties"]["type"]["const"] for one in schemas["ReceivedEvent"]["anyOf"]}
    assert received == set(leaves_of_party(founded().contract, CHARITY, "receives"))
    assert "cursor" not in json.dumps(schemas["ReceivedEvent"])
    results = [one["properties"]["outcome"]["const"] for one in schemas["BusResult"]["oneOf"]]
    assert results == ["imported", "rejected"]


def test_the_page_with_own_assets_loads_nothing_from_elsewhere() -> None:
    section = BusSection.model_validate({"kind": "nats", "servers": ["127.0.0.1:4222"]})
    described = bus_description(founded().contract, CHARITY, section)
    page = described.page("assets")
    loaded = [one.split('"')[0] for one in page.replace("href=", "src=").split('src="')[1:]]
    assert loaded == ["assets/default.min.css", "assets/index.js"]
    assert "AsyncApiStandalone" in page
    assert "unpkg.com" in described.page(None)


def test_a_text_of_the_agreement_ends_no_script() -> None:
    section = BusSection.model_validate({"kind": "nats", "servers": ["127.0.0.1:4222"]})
    described = bus_description(founded().contract, CHARITY, section)
    described.document["info"]["description"] = "</script><script>alert(1)</script>"
    described.document["info"]["title"] = "<b>"
    page = described.page("assets")
    assert page.count("<script") == 2
    assert "<b>" not in page
