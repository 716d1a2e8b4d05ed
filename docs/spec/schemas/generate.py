"""Writes the JSON Schema of each event type beside this file (docs/spec/contracts.md, "Schemas").

It also writes the vocabulary file that agreements pin by its hash (docs/spec/contracts.md,
"Documents"): event types, fields, code lists, and which field plays which part.

The schemas are read by people and by other implementations; ours checks the same annotations with
pydantic. A schema is one text: the same types and code lists give the same bytes, and
tests/unit/docs/test_schemas.py compares them. Run it with the project installed.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired, Required, TypeAlias, get_args, get_origin

import annotated_types
from pydantic import AfterValidator, StringConstraints
from pydantic.fields import FieldInfo
from typing_extensions import get_type_hints, is_typeddict

from contracts.events import EVENT_TYPES
from contracts.vocabulary import Code, code_list, dated_data

Schema: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parent
VOCABULARY = FOLDER.parents[2] / "contracts" / "agreements" / "london-hate-crime.vocabulary.yaml"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FORMATS = {
    "_real_day": {"format": "date"},
    "_real_instant": {"format": "date-time"},
    "distinct": {"uniqueItems": True},
}
"""JSON Schema for each check beyond constraints; a check that is not here stops the script."""
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


def vocabulary_text() -> str:
    """The one text of the vocabulary file, in the YAML of agreements."""
    parts, rules = dated_data("vocabulary"), dated_data("referral_rules")
    types, objects, lists = {}, {}, set()
    for event_type in EVENT_TYPES:
        schema = schema_of(event_type)
        definitions = schema["$defs"]
        lists |= {name for name, one in definitions.items() if "x-code-list" in one}
        objects |= {
            name: _object(one) for name, one in definitions.items() if "x-code-list" not in one
        }
        types[event_type] = _object(schema)
    code_lists = {
        name: {
            "dated": listed.dated,
            "source": listed.source,
            "codes": dict(listed.codes),
        }
        for name, listed in ((name, code_list(name)) for name in sorted(lists | _named_lists()))
    }
    content = {
        "vocabulary": "london-hate-crime",
        "dated": max([parts["dated"], rules["dated"], *(c["dated"] for c in code_lists.values())]),
        "event_types": types,
        "objects": dict(sorted(objects.items())),
        "code_lists": code_lists,
        "parts": _without(parts),
        "referrals": _without(rules),
    }
    head = (
        "# Vocabulary of the partnership: event types, their fields, code lists, and the part that\n"
        "# each field plays. Agreements pin this file by its SHA-256 hash.\n"
        "# Made by docs/spec/schemas/generate.py. Do not edit it.\n"
    )
    return head + "".join(f"{line}\n" for line in _yaml(content))


def _named_lists() -> set[str]:
    """The code lists that a rule names without a field of their own."""
    parts, rules = dated_data("vocabulary"), dated_data("referral_rules")
    return {parts["scope_list"], rules["status_list"], rules["reason_list"]}


def _object(schema: Schema) -> Schema:
    required = set(schema.get("required", ()))
    return {
        "description": schema["description"],
        "fields": {
            name: {**_kind(one), **({"required": True} if name in required else {})}
            for name, one in schema["properties"].items()
        },
    }


def _kind(schema: Schema) -> Schema:
    """A field's kind and limits; a reference names a code list or an object of the file."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return {"object": name} if name[0].isupper() else {"code_list": name}
    found = dict(schema)
    if "items" in found:
        found["items"] = _kind(found["items"])
    return found


def _without(content: Mapping[str, Any]) -> Schema:
    return {key: value for key, value in content.items() if key not in ("list", "dated", "source")}


def _yaml(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for key, item in value.items():
        name = key if re.fullmatch("[a-z][a-z_.-]*", key, re.IGNORECASE) else json.dumps(key)
        nested = isinstance(item, Mapping) and any(
            isinstance(one, Mapping | str) for one in item.values()
        )
        if nested and not {"type", "object", "code_list"} & item.keys():
            yield f"{indent}{name}:"
            yield from _yaml(item, indent + "  ")
        else:
            yield f"{indent}{name}: {json.dumps(item, ensure_ascii=False)}"


def main() -> None:
    """Write the files."""
    for name, text in files().items():
        (FOLDER / name).write_text(text, "utf-8")
    VOCABULARY.write_text(vocabulary_text(), "utf-8")


if __name__ == "__main__":
    main()
