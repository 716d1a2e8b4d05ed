"""Description of the HTTP interface of one party's adapter as an OpenAPI 3.1 document.

The schemas are those of the events that the party may send and receive under its agreements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from contracts.model import Contract
from contracts.typed_models import party_schemas
from contracts.vocabulary.json_schema import DIALECT, Schema

__all__ = ["OPENAPI_VERSION", "open_api_document"]

OPENAPI_VERSION: Final = "3.1.0"
_Document: TypeAlias = dict[str, Any]
_JSON: Final = "application/json"
_UUID: Final = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
}
_AGENCY: Final = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"}
_CODE: Final = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}
_TEXT: Final = {"type": "string"}
_NAMES: Final = "^[a-z0-9][a-z0-9.-]{0,127}(,[a-z0-9][a-z0-9.-]{0,127})*$"
_AGENCIES: Final = "^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?(,[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?)*$"
_INSTANT: Final = (
    "^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9][.][0-9]{3}Z$"
)
_CURSOR: Final = {"type": "string", "minLength": 19, "maxLength": 19}


def open_api_document(
    contracts: Sequence[Contract], agency: str, *, publishes: bool = True, reads: bool = True
) -> _Document:
    """Return the document as plain data, which `json.dumps` writes.

    Args:
        contracts: the agreements in force.
        agency: agency id of the party.
        publishes: whether the interface has `POST /events`.
        reads: whether it has `GET /events` and `POST /events/{id}/result`.

    Raises:
        UnknownNameError: `agency_unknown`: an agreement has no such party.
    """
    schemas: dict[str, Schema] = dict(_COMMON)
    sent = _event_types(contracts, agency, "sends", schemas)
    received = _event_types(contracts, agency, "receives", schemas)
    others = sorted({one.id for each in contracts for one in each.parties} - {agency})
    schemas["Event"] = _any_of(
        _sent_event(name, refs, others) for name, refs in sorted(sent.items())
    )
    schemas["ReceivedEvent"] = _any_of(
        _received_event(name, refs) for name, refs in sorted(received.items())
    )
    events: _Document = {}
    paths: _Document = {
        "/events": events,
        "/events/{id}": {"get": _state_operation()},
        "/events/{id}/status": {"get": _status_operation()},
    }
    if publishes:
        events["post"] = _publish_operation()
    if reads:
        events["get"] = _read_operation()
        paths["/events/{id}/result"] = {"post": _result_operation()}
    paths["/openapi.json"] = {"get": _description_operation()}
    named = ", ".join(f"{one.name} {one.version}" for one in contracts) or "no agreement"
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": f"Events of {agency}",
            "version": "1",
            "description": f"HTTP interface of the adapter of {agency}, under {named}. The adapter "
            "decides by the agreement, encrypts and logs; a client needs a token and no key.",
        },
        "jsonSchemaDialect": DIALECT,
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Made by `concordant adapter token new`.",
                }
            },
        },
    }


def _event_types(
    contracts: Iterable[Contract], agency: str, direction: str, schemas: dict[str, Schema]
) -> dict[str, list[Schema]]:
    """Return event type to references to its schemas, which are added to the others."""
    found: dict[str, list[Schema]] = {}
    for contract in contracts:
        for name, schema in party_schemas(contract, agency)[direction].items():  # type: ignore[index]  # a text of the two
            stem = f"{direction}.{contract.name}.{name}"
            for below, definition in schema.pop("$defs").items():
                schemas[f"{stem}.{below}"] = _relinked(definition, stem)
            body = {key: one for key, one in schema.items() if key not in {"$schema", "$id"}}
            schemas[stem] = _relinked(body, stem)
            found.setdefault(name, []).append(_reference(stem))
    return found


def _relinked(schema: Any, stem: str) -> Any:
    """Return a schema whose references lead to the components of the document."""
    if isinstance(schema, dict):
        return {
            key: f"#/components/schemas/{stem}.{one.rpartition('/')[2]}"
            if key == "$ref"
            else _relinked(one, stem)
            for key, one in schema.items()
        }
    if isinstance(schema, list):
        return [_relinked(one, stem) for one in schema]
    return schema


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _any_of(schemas: Iterable[Schema]) -> Schema:
    listed = list(schemas)
    return {"anyOf": listed} if listed else {"not": {}, "description": "No type is permitted."}


def _data(references: list[Schema]) -> Schema:
    return references[0] if len(references) == 1 else {"anyOf": references}


def _object(properties: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in set(optional)],
        "additionalProperties": False,
    }


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _sent_event(name: str, references: list[Schema], others: list[str]) -> Schema:
    recipients = {
        "type": "array",
        "items": {"type": "string", "enum": others},
        "minItems": 1,
        "uniqueItems": True,
    }
    return _object({"type": {"const": name}, "recipients": recipients, "data": _data(references)})


def _received_event(name: str, references: list[Schema]) -> Schema:
    # Fields that the agreement or the consent keeps back are absent, also required ones. So the
    # data is described, and its own list of required fields is not repeated here.
    return _object(
        {
            "id": _UUID,
            "type": {"const": name},
            "source": _AGENCY,
            "time": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "x-schema": _data(references)},
            "withheld": _list_of(_TEXT),
            "unlisted": _list_of(_TEXT),
            "urgent": {"type": "boolean"},
            "withheld_reasons": {
                "type": "object",
                "additionalProperties": {"enum": ["consent_missing", "field_not_granted"]},
            },
            "cursor": _CURSOR,
        },
        optional=["unlisted"],
    )


_COMMON: Final[Mapping[str, Schema]] = {
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457). It never holds a value of the request.",
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "code": {**_CODE, "description": "Stable reason code."},
            "advice": _TEXT,
            "field": {"type": "string", "description": "Path of the field, parameter or header."},
            "clause": {"type": "string", "description": "Clause of the agreement that decided."},
            "removed": {"type": "integer", "description": "Events whose content was removed."},
            "next": _CURSOR,
        },
        "required": ["type", "title", "status", "detail", "code"],
    },
    "Accepted": _object(
        {
            "id": _UUID,
            "state": {"const": "accepted"},
            "left_out": _list_of(
                _object(
                    {"field": _TEXT, "agency": _AGENCY, "reason": _CODE, "clause": _TEXT},
                    optional=["clause"],
                )
            ),
            "not_sealed": _list_of(_object({"agency": _AGENCY, "reason": _CODE})),
        }
    ),
    "Page": _object({"events": _list_of(_reference("ReceivedEvent")), "next": _CURSOR}),
    "Result": {
        "oneOf": [
            _object({"outcome": {"const": "imported"}}),
            _object(
                {
                    "outcome": {"const": "rejected"},
                    "reason": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,47}$"},
                    "text": {
                        "type": "string",
                        "description": "No control character, and none that is invisible or "
                        "changes the direction of the text.",
                        "maxLength": 500,
                        "pattern": r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$",
                    },
                },
                optional=["text"],
            ),
        ]
    },
    "ResultTaken": _object({"id": _UUID, "state": {"enum": ["imported", "rejected"]}}),
    "Status": _object(
        {
            "id": _UUID,
            "recipients": {
                "type": "object",
                "description": "State at each recipient, by its agency id.",
                "additionalProperties": _object(
                    {
                        "state": {
                            "enum": [
                                "accepted",
                                "on_kafka",
                                "stored",
                                "delivered",
                                "put_aside",
                                "refused",
                                "later",
                                "unknown",
                            ]
                        },
                        "code": {"type": ["string", "null"]},
                        "since": {"type": "string", "format": "date-time"},
                    }
                ),
            },
        }
    ),
    "State": {
        "oneOf": [
            _object(
                {
                    "id": _UUID,
                    "direction": {"const": "sent"},
                    "state": {"enum": ["accepted", "on_kafka", "held"]},
                    "accepted": {"type": "string", "format": "date-time"},
                    "later": _list_of(_object({"agency": _AGENCY, "reason": _CODE})),
                    "code": _CODE,
                },
                optional=["code"],
            ),
            _object(
                {
                    "id": _UUID,
                    "direction": {"const": "received"},
                    "state": {
                        "enum": ["waiting", "offered", "imported", "rejected", "held", "discarded"]
                    },
                    "source": _AGENCY,
                    "type": _TEXT,
                    "received": {"type": "string", "format": "date-time"},
                    "code": _CODE,
                },
                optional=["code"],
            ),
        ]
    },
}

_PROBLEMS: Final[Mapping[int, str]] = {
    400: "The request is malformed.",
    401: "The token is missing or not valid.",
    403: "The token does not have the scope.",
    404: "No event of this id is known here.",
    405: "The address does not know the method.",
    408: "The body came too slowly.",
    409: "The request contradicts the state of the event.",
    410: "The cursor is unknown, or content after it was removed.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The event is refused, or the idempotency key came with another event.",
    429: "Too many requests.",
    500: "A defect of this software.",
    503: "The adapter cannot carry out the request now.",
}
_ALWAYS: Final = (400, 401, 403, 429, 500, 503)


def _operation(
    summary: str, scope: str, status: int, answer: Schema, problems: Iterable[int] = ()
) -> _Document:
    content = {_JSON: {"schema": answer}}
    return {
        "summary": summary,
        "description": f"Scope: {scope}.",
        "responses": {
            str(status): {"description": "Done.", "content": content},
            **{str(each): _problem(each) for each in sorted({*_ALWAYS, *problems})},
        },
    }


def _problem(status: int) -> _Document:
    found: _Document = {
        "description": _PROBLEMS[status],
        "content": {"application/problem+json": {"schema": _reference("Problem")}},
    }
    if status in {429, 503}:
        found["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    return found


def _parameter(name: str, place: str, schema: Schema, text: str, *, required: bool = False) -> Any:
    return {"name": name, "in": place, "required": required, "schema": schema, "description": text}


def _body(schema: Schema) -> _Document:
    return {"required": True, "content": {_JSON: {"schema": schema}}}


_ID: Final = _parameter("id", "path", _UUID, "Id of the event.", required=True)
_FROM: Final = _parameter("from", "query", _AGENCY, "The sender, if two agencies used the same id.")


def _publish_operation() -> _Document:
    made = _operation(
        "Publish an event", "publish", 201, _reference("Accepted"), (408, 413, 415, 422)
    )
    key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
    text = "Unique for each event. A repeat with the same body has the same answer."
    made["operationId"] = "publishEvent"
    made["parameters"] = [_parameter("Idempotency-Key", "header", key, text, required=True)]
    made["requestBody"] = _body(_reference("Event"))
    made["responses"]["201"]["headers"] = {"Location": {"schema": {"type": "string"}}}
    return made


def _read_operation() -> _Document:
    made = _operation("Read received events", "read", 200, _reference("Page"), (410,))
    made["operationId"] = "readEvents"
    made["parameters"] = [
        _parameter("after", "query", _CURSOR, "Cursor; without it, the first open event."),
        _parameter(
            "limit", "query", {"type": "integer", "minimum": 1, "maximum": 100}, "Most events."
        ),
        _parameter(
            "wait",
            "query",
            {"type": "integer", "minimum": 0, "maximum": 60},
            "Seconds to wait for the first event.",
        ),
        _parameter(
            "since",
            "query",
            {"type": "string", "pattern": _INSTANT},
            "Time: events that were offered since then. Not together with `after`.",
        ),
        _parameter(
            "type",
            "query",
            {"type": "string", "pattern": _NAMES, "maxLength": 4096},
            "Event types, with commas between them; without it, all.",
        ),
        _parameter(
            "from",
            "query",
            {"type": "string", "pattern": _AGENCIES, "maxLength": 4096},
            "Senders, with commas between them; without it, all.",
        ),
        _parameter(
            "replay",
            "query",
            {"type": "string", "enum": ["true", "false"]},
            "Whether events come again for which this token has sent a result, while their content "
            "is kept (`keep_days`).",
        ),
        _parameter(
            "Last-Event-ID", "header", _CURSOR, "Cursor, for a stream of server-sent events."
        ),
    ]
    made["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    return made


def _result_operation() -> _Document:
    problems = (404, 408, 409, 413, 415)
    made = _operation(
        "Say what became of an event", "result", 200, _reference("ResultTaken"), problems
    )
    made["operationId"] = "sendResult"
    made["parameters"] = [_ID, _FROM]
    made["requestBody"] = _body(_reference("Result"))
    return made


def _state_operation() -> _Document:
    made = _operation("State of an event", "any", 200, _reference("State"), (404, 409))
    made["operationId"] = "eventState"
    made["parameters"] = [_ID, _FROM]
    return made


def _status_operation() -> _Document:
    made = _operation(
        "State of a sent event at each recipient", "status", 200, _reference("Status"), (404,)
    )
    made["operationId"] = "eventStatus"
    made["parameters"] = [_ID]
    return made


def _description_operation() -> _Document:
    made = _operation("This document", "any", 200, {"type": "object"})
    made["operationId"] = "description"
    return made
