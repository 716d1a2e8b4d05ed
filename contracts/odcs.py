"""Export of an agreement as an Open Data Contract Standard document (ODCS 3.2.0, Bitol).

ODCS describes data. An agreement also says who may read a field, and on which legal basis: such
terms stand in custom properties, so that nothing is lost. The document is for data catalogues. It
binds no party: the parties sign the agreement's own file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from contracts.durations import HOUR_MS, duration_ms
from contracts.loading import ContractText
from contracts.model import Contract, topic_name
from contracts.terms import EventTerms, FieldTerms
from contracts.vocabulary.json_schema import json_schema

__all__ = ["ODCS_VERSION", "odcs_document"]

ODCS_VERSION: Final = "v3.2.0"
_Document: TypeAlias = dict[str, Any]
_STATUS: Final[Mapping[str, str]] = {
    "drafted": "draft",
    "offered-for-signature": "proposed",
    "amended": "proposed",
}


def odcs_document(text: ContractText) -> dict[str, Any]:
    """Return the document as plain data, which `yaml.safe_dump` or `orjson` writes."""
    contract = text.contract
    return {
        "apiVersion": ODCS_VERSION,
        "kind": "DataContract",
        "id": f"urn:concordant:{contract.deployment}:{contract.name}:{contract.version}",
        "name": contract.name,
        "version": contract.version,
        "status": _STATUS[contract.status],
        "tenant": contract.deployment,
        "description": {
            "purpose": contract.summary,
            "usage": "\n".join(contract.use.permitted),
            "limitations": "\n".join((*contract.use.prohibited, contract.use.onward_disclosure)),
        },
        "schema": [_type(contract, name) for name in contract.event_types],
        "support": [
            {
                "channel": f"{party.id} operations",
                "url": f"mailto:{party.contacts.operations.email}",
                "description": party.legal_name,
                "scope": "issues",
            }
            for party in contract.parties
        ],
        "team": {
            "name": contract.deployment,
            "description": "The parties; each is a controller, and no party leads.",
            "members": [
                {"username": party.id, "name": party.legal_name, "role": party.role}
                for party in contract.parties
            ],
        },
        "roles": [
            {"role": role, "description": description, "access": "read"}
            for role, description in contract.roles.items()
        ],
        "slaProperties": list(_levels(contract)),
        "customProperties": _custom(
            {
                "fileSha256": text.hash.hex(),
                "starts": contract.starts.isoformat(),
                "ends": contract.ends.isoformat(),
                "reviewOn": contract.review_on.isoformat() if contract.review_on else None,
                "purposes": {
                    name: purpose.model_dump(mode="json")
                    for name, purpose in contract.purposes.items()
                },
                "legalBases": [
                    basis.model_dump(mode="json", exclude_none=True)
                    for basis in contract.legal_bases
                ],
                "consentByRole": {
                    role: rule.model_dump(mode="json")
                    for role, rule in contract.consent_by_role.items()
                },
                "security": list(contract.security),
                "dpia": contract.dpia.model_dump(mode="json", exclude_none=True),
                "privacyNotice": contract.privacy_notice,
            }
        ),
    }


def _type(contract: Contract, name: str) -> _Document:
    terms = contract.event_types[name]
    return {
        "name": name,
        "physicalName": topic_name(contract, terms.topic),
        "physicalType": "topic",
        "logicalType": "object",
        "description": terms.text,
        "properties": [_field(contract, name, path, field) for path, field in terms.fields.items()],
        "customProperties": _custom(
            {
                "clause": terms.clause,
                "publishers": list(terms.publishers),
                "recipients": list(terms.recipients),
                "purposes": list(terms.purposes),
                "incidentIdentifiers": terms.incident_identifiers,
            }
        ),
    }


def _field(contract: Contract, event_type: str, path: str, field: FieldTerms) -> _Document:
    return {
        "name": path,
        **_logical(contract, event_type, path),
        "required": field.required,
        "classification": field.sensitivity,
        "tags": [field.category],
        "customProperties": _custom(
            {
                "clause": field.clause,
                "dataSubject": field.data_subject,
                "purposes": list(field.purposes),
                "readers": list(field.readers),
                "senders": list(field.senders),
                "consent": list(field.consent),
                "identifies": field.identifies,
                "withoutConsent": field.without_consent,
            }
        ),
    }


def _custom(values: Mapping[str, object]) -> list[_Document]:
    return [
        {"property": name, "value": value}
        for name, value in values.items()
        if value is not None and value != []
    ]


def _levels(contract: Contract) -> Iterator[_Document]:
    for name, terms in contract.event_types.items():
        yield from _levels_of(name, terms)


def _levels_of(name: str, terms: EventTerms) -> Iterator[_Document]:
    if terms.retention is not None:
        yield {
            "property": "retention",
            "value": terms.retention.recipient_years,
            "unit": "y",
            "element": name,
            "driver": "regulatory",
            "description": f"On Kafka: {terms.retention.kafka_days} days.",
        }
    if terms.service_levels is not None:
        for member, value in terms.service_levels.model_dump(exclude_none=True).items():
            yield {
                "property": _camel(member),
                "value": duration_ms(value) / HOUR_MS,
                "unit": "h",
                "element": name,
                "driver": "operational",
            }


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


# --- kind of each field ---------------------------------------------------------------------------


def _logical(contract: Contract, event_type: str, path: str) -> _Document:
    """Return the logical type of a leaf, with its code list and its form; empty if not known."""
    if event_type not in contract.vocabulary.event_types:
        return {}
    root = json_schema(contract.vocabulary.form, event_type)
    found = root
    for part in path.split("."):
        found = _resolved(root, _resolved(root, found).get("properties", {}).get(part, {}))
    if "enum" in found:
        return {"logicalType": "string", "enum": [{"value": code} for code in found["enum"]]}
    kind = found.get("type", "string")
    if kind == "array":
        items = _resolved(root, found.get("items", {}))
        inner: _Document = {"logicalType": _SCALARS.get(items.get("type", "string"), "string")}
        if "enum" in items:
            inner["enum"] = [{"value": code} for code in items["enum"]]
        return {"logicalType": "array", "items": inner}
    return {"logicalType": _SCALARS.get(kind, "string"), **_form(found)}


_SCALARS: Final[Mapping[str, str]] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
}


def _form(found: Mapping[str, Any]) -> _Document:
    options = {name: found[name] for name in ("maxLength", "minLength") if name in found}
    options |= {name: found[name] for name in ("minimum", "maximum") if name in found}
    return {"logicalTypeOptions": options} if options else {}


def _resolved(root: _Document, schema: _Document) -> _Document:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema
