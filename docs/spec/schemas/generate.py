"""Writes the JSON Schema of each event type beside this file (docs/spec/contracts.md, "Schemas").

The schemas are read by people and by other implementations; ours checks the same annotations with
pydantic. A schema is one text: the same types and code lists give the same bytes, and
tests/unit/docs/test_schemas.py compares them. Run it with the project installed.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired, Required, TypeAlias, get_args, get_origin

import annotated_types
from pydantic import AfterValidator, StringConstraints
from pydantic.fields import FieldInfo
from typing_extensions import get_type_hints, is_typeddict

from contracts.events import EVENT_TYPES
from contracts.vocabulary import Code, code_list

Schema: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FORMATS = {
    "_real_day": {"format": "date"},
    "_real_instant": {"format": "date-time"},
    "distinct": {"uniqueItems": True},
}
"""What a check beyond constraints is in JSON Schema; a check that is not here stops the script."""
_RANGES = {
    annotated_types.Ge: ("minimum", "ge"),
    annotated_types.Le: ("maximum", "le"),
    annotated_types.MaxLen: ("maxItems", "max_length"),
}


def schema_of(event_type: str) -> Schema:
    """The schema of the nested data of an event type."""
    writer = _Writer()
    body = writer.object_of(EVENT_TYPES[event_type])
    return {
        "$schema": DIALECT,
        "$id": f"urn:concordant:1:{event_type}",
        "title": event_type,
        **body,
        "$defs": dict(sorted(writer.definitions.items())),
    }


def text_of(event_type: str) -> str:
    """The one text of a schema file."""
    return json.dumps(schema_of(event_type), indent=2, ensure_ascii=False) + "\n"


class _Writer:
    """One schema in the making: objects and code lists are definitions, used by reference."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def object_of(self, model: type) -> Schema:
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for name, hint in get_type_hints(model, include_extras=True).items():
            qualifier = get_origin(hint)
            if qualifier in (Required, NotRequired):
                needed, inner = qualifier is Required, get_args(hint)[0]
            else:
                needed, inner = model.__total__, hint  # type: ignore[attr-defined]  # a TypedDict
            properties[name] = self.of(inner)
            if needed:
                required.append(name)
        body: Schema = {"description": _sentence(model), "type": "object"}
        body["properties"] = properties
        if required:
            body["required"] = required
        body["additionalProperties"] = False
        return body

    def of(self, hint: Any) -> Schema:
        if is_typeddict(hint):
            if hint.__name__ not in self.definitions:
                self.definitions[hint.__name__] = self.object_of(hint)
            return {"$ref": f"#/$defs/{hint.__name__}"}
        if get_origin(hint) is Annotated:
            base, *metadata = get_args(hint)
            code = next((m for m in metadata if isinstance(m, Code)), None)
            if code is not None:
                return self.code(code.name)
            schema = self.of(base)
            for item in metadata:
                schema |= _constraint(item)
            return schema
        if isinstance(hint, types.GenericAlias) and get_origin(hint) is list:
            return {"type": "array", "items": self.of(get_args(hint)[0])}
        return {"type": {str: "string", int: "integer", bool: "boolean"}[hint]}

    def code(self, name: str) -> Schema:
        listed = code_list(name)
        self.definitions[name] = {
            "type": "string",
            "enum": list(listed.codes),
            "x-code-list": {"list": listed.name, "dated": listed.dated, "source": listed.source},
        }
        return {"$ref": f"#/$defs/{name}"}


def _constraint(item: Any) -> Schema:
    if isinstance(item, StringConstraints):
        return dict(_of_string(item))
    if isinstance(item, FieldInfo):
        found: Schema = {}
        for part in item.metadata:
            keyword, attribute = _RANGES[type(part)]
            found[keyword] = getattr(part, attribute)
        return found
    assert isinstance(item, AfterValidator)
    return _FORMATS[item.func.__name__]


def _of_string(item: StringConstraints) -> Iterator[tuple[str, object]]:
    if item.min_length is not None:
        yield "minLength", item.min_length
    if item.max_length is not None:
        yield "maxLength", item.max_length
    if item.pattern is not None:
        assert isinstance(item.pattern, str)
        # The one place where Rust's spelling of a pattern is not that of ECMA-262.
        yield "pattern", item.pattern.replace(r"\x{80}-\x{9f}", r"\x80-\x9f")


def _sentence(model: type) -> str:
    assert model.__doc__ is not None
    return model.__doc__.split("\n", 1)[0]


def files() -> Mapping[str, str]:
    """File name to text, for every event type."""
    return {f"{event_type}.schema.json": text_of(event_type) for event_type in EVENT_TYPES}


def main() -> None:
    """Write the files."""
    for name, text in files().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
