"""OpenAPI document: valid, served, and true of the application for generated requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from contracts.open_api import open_api_document
from tests.support.founded_partnership import COUNCIL, POLICE, founded
from tests.support.http_agency import HttpPartnership, http_partnership, key

EXAMPLES: Final = 8
"""Generated requests of each operation; the real application answers each."""
OPERATIONS = (
    ("POST", "/events"),
    ("GET", "/events"),
    ("GET", "/events/{id}"),
    ("GET", "/events/{id}/status"),
    ("POST", "/events/{id}/result"),
    ("GET", "/openapi.json"),
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpPartnership]:
    folder = tmp_path_factory.mktemp("town")
    made = http_partnership(folder, POLICE, COUNCIL, requests_per_minute=1_000_000)
    yield made
    made.close()


def document(agency: str = POLICE) -> dict[str, Any]:
    return json.loads(json.dumps(open_api_document([founded().contract], agency)))


@pytest.mark.parametrize("agency", [POLICE, COUNCIL])
def test_the_document_is_valid(agency: str) -> None:
    found = document(agency)
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []
    for schema in found["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_it_has_only_the_sides_that_are_in_use() -> None:
    contract = founded().contract
    only = open_api_document([contract], POLICE, reads=False)["paths"]
    assert set(only) == {"/events", "/events/{id}", "/events/{id}/status", "/openapi.json"}
    assert set(only["/events"]) == {"post"}
    assert set(open_api_document([contract], POLICE, publishes=False)["paths"]["/events"]) == {
        "get"
    }


def test_without_an_agreement_no_event_is_permitted() -> None:
    found = open_api_document([], POLICE)
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []
    assert found["components"]["schemas"]["Event"]["not"] == {}


async def test_it_is_served_for_the_agreements_in_force(town: HttpPartnership) -> None:
    async with town[POLICE].client() as client:
        answer = await client.get("/openapi.json")
    assert answer.json() == document()


def validator(name: str, agency: str = POLICE) -> Draft202012Validator:
    whole = document(agency)
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": whole["components"]}
    )


async def test_real_bodies_and_answers_match_their_schemas(town: HttpPartnership) -> None:
    police, council = town[POLICE], town[COUNCIL]
    body = police.body()
    validator("Event").validate(body)
    async with police.client() as client:
        accepted = (await client.post("/events", json=body, headers=key())).json()
        validator("Accepted").validate(accepted)
        validator("State").validate((await client.get(f"/events/{accepted['id']}")).json())
        validator("Problem").validate((await client.get("/events?x=1")).json())
    await town.deliver(POLICE, COUNCIL)
    async with council.client() as client:
        page = (await client.get("/events")).json()
        validator("Page", COUNCIL).validate(page)
        assert [one["id"] for one in page["events"]] == [accepted["id"]]
        validator("State").validate((await client.get(f"/events/{accepted['id']}")).json())
        result = {"outcome": "imported"}
        validator("Result").validate(result)
        taken = await client.post(f"/events/{accepted['id']}/result", json=result)
        validator("ResultTaken").validate(taken.json())


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda one: one)
@pytest.mark.parametrize("mode", ["positive", "negative"])
async def test_schemathesis_finds_no_answer_that_the_document_does_not_have(
    town: HttpPartnership, method: str, path: str, mode: str
) -> None:
    """Generated requests, right and wrong: no fault, and each answer is one of the document."""
    schema = schemathesis.openapi.from_dict(document())
    operation = schema[path][method]
    generated = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode))
    cases: list[schemathesis.Case] = []

    @given(generated)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def collect(case: schemathesis.Case) -> None:
        cases.append(case)

    collect()
    assert cases
    responses = operation.definition.raw["responses"]
    async with town[POLICE].client() as client:
        for case in cases:
            answer = await asked(client, case)
            assert answer.status_code < 500, answer.text
            assert str(answer.status_code) in responses or answer.status_code in {404, 405}
            if answer.status_code >= 400:
                validator("Problem").validate(answer.json())
            if mode == "positive" and method == "POST" and path == "/events":
                assert answer.status_code in {201, 422}, answer.text


async def asked(client: httpx.AsyncClient, case: schemathesis.Case) -> httpx.Response:
    """Send a generated request to the application in memory."""
    sent = case.as_transport_kwargs(base_url="http://test")
    headers = {name: str(one) for name, one in dict(sent.get("headers") or {}).items()}
    for name in ("User-Agent", "Authorization"):  # the token of the client counts
        headers.pop(name, None)
    params = dict(sent.get("params") or {})
    if str(params.get("wait", "")).isdigit() and 0 < int(params["wait"]) <= 60:
        params["wait"] = "0"  # a right value: it would only wait
    request = client.build_request(
        sent["method"],
        sent["url"],
        params=params,
        json=sent.get("json"),
        content=sent.get("data"),
        headers={**client.headers, **{name: one.encode() for name, one in headers.items()}},
    )
    return await client.send(request)
