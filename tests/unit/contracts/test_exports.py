"""Exports of an agreement: ODCS by its official schema, record of processing, assessment."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from importlib import resources

import pytest
import yaml
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema.validators import validator_for

from contracts.async_api import async_api_document
from contracts.csv_text import csv_text
from contracts.errors import UnknownNameError
from contracts.impact_assessment import impact_assessment
from contracts.loading import ContractText
from contracts.markup import DocumentFormat, Heading, written
from contracts.model import Contract
from contracts.odcs import odcs_document
from contracts.processing_record import COLUMNS, processing_record, processing_record_csv


def test_the_odcs_document_is_valid_by_the_official_schema(contract_text: ContractText) -> None:
    folder = resources.files("open_data_contract_standard")
    schema = json.loads((folder / "schema.json").read_text())
    document = odcs_document(contract_text)
    validator = validator_for(schema)(schema)
    assert list(validator.iter_errors(document)) == []
    assert yaml.safe_load(yaml.safe_dump(document)) == document


def test_odcs_keeps_the_terms_of_every_field(contract_text: ContractText) -> None:
    contract = contract_text.contract
    types = {each["name"]: each for each in odcs_document(contract_text)["schema"]}
    for name, terms in contract.event_types.items():
        fields = {each["name"]: each for each in types[name]["properties"]}
        assert fields.keys() == terms.fields.keys()
        for path, field in terms.fields.items():
            more = {one["property"]: one["value"] for one in fields[path]["customProperties"]}
            assert more["readers"] == list(field.readers)
            assert more["clause"] == field.clause
            assert more.get("consent", []) == list(field.consent)
    needs = next(
        one for one in types["referral.made"]["properties"] if one["name"] == "victim.needs"
    )
    assert needs["logicalType"] == "array"
    assert {"value": "drugs_alcohol"} in needs["items"]["enum"]


@pytest.mark.parametrize("agency", ["csu-camden", "haven-support"])
def test_the_record_of_processing_has_a_row_for_each_purpose_of_the_party(
    contract: Contract, agency: str
) -> None:
    rows = list(csv.DictReader(io.StringIO(processing_record_csv(contract, agency))))
    role = contract.role_of[agency]
    pursued = [p for p in contract.purposes.values() if not p.pursued_by or role in p.pursued_by]
    assert [row["purpose"] for row in rows] == [purpose.text for purpose in pursued]
    assert tuple(rows[0]) == COLUMNS
    assert all(all(row.values()) for row in rows)
    regime = "Part 3" if contract.by_id[agency].regime == "dpa2018-part3" else "UK GDPR"
    assert all(regime in row["regime"] for row in rows)


def test_a_party_that_only_receives_discloses_to_no_party(contract: Contract) -> None:
    name, terms = "case.updated", contract.event_types["case.updated"]
    only = contract.model_copy(update={"event_types": {name: terms}})
    used = [row for row in processing_record(only, "haven-support") if row["retention"]]
    assert used
    assert {row["disclosed to"] for row in used} == {"none"}
    assert all("Camden" in row["received from"] for row in used)


def test_a_cell_is_never_a_formula(contract: Contract) -> None:
    text = '=HYPERLINK("http://x")'
    name, purpose = next(iter(contract.purposes.items()))
    evil = contract.model_copy(
        update={"purposes": {name: purpose.model_copy(update={"text": text})}}
    )
    (row,) = csv.DictReader(io.StringIO(processing_record_csv(evil, "csu-camden")))
    assert row["purpose"] == f"'{text}"


def test_the_assessment_has_the_seven_steps_in_order(contract: Contract) -> None:
    document = impact_assessment(contract, "haven-support")
    steps = [
        block.text for block in document.blocks if isinstance(block, Heading) and block.level == 2
    ]
    assert [text.split(":")[0] for text in steps] == [f"Step {n}" for n in range(1, 8)]
    for form in DocumentFormat:
        text = written(document, form)
        assert contract.dpia.reference in text
        assert all(each.outcome in " ".join(text.split()) for each in contract.consulted[:1])


def test_an_agency_that_is_no_party_gets_no_export(contract: Contract) -> None:
    for export in (processing_record, impact_assessment):
        with pytest.raises(UnknownNameError) as refused:
            export(contract, "stranger")
        assert refused.value.code == "agency_unknown"


# --- AsyncAPI -------------------------------------------------------------------------------------


def test_the_asyncapi_document_is_well_formed_and_every_reference_leads_somewhere(
    contract: Contract,
) -> None:
    for party in contract.parties:
        document = json.loads(json.dumps(async_api_document(contract, party.id)))
        ApplicationSchema.model_validate(document)
        for reference in _references(document):
            at = document
            for name in reference.removeprefix("#/").split("/"):
                at = at[name]
            assert isinstance(at, dict)
        for message in document["components"]["messages"].values():
            schema = message["payload"]["schema"]
            validator_for(schema).check_schema(schema)


def _references(node: object) -> Iterator[str]:
    """References of the document; a schema's own lead into the schema."""
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for name, one in node.items():
            if name != "schema":
                yield from _references(one)


def test_no_cell_of_a_csv_is_a_formula() -> None:
    text = csv_text(("a", "b"), [("=1+1", "@x"), ("+44 20", "plain, with a comma")])
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["a", "b"], ["'=1+1", "'@x"], ["'+44 20", "plain, with a comma"]]
    assert "\r" not in text
