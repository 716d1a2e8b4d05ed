"""The event types' models (docs/spec/contracts.md, "Schemas", and the files in docs/spec/schemas).

Only the keywords that these files use are implemented; any other is an error, so that a new one
cannot pass unnoticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance import json_form
from tests.conformance.refusals import MalformedError

SCHEMAS = Path(__file__).parents[2] / "docs" / "spec" / "schemas"
ANNOTATIONS = {"$schema", "$id", "title", "description", "x-code-list", "$defs"}
TYPES: dict[str, type] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "array": list,
    "object": dict,
}


@dataclass(frozen=True, slots=True)
class Model:
    """One event type: its leaves in order, and which of them are required when."""

    schema: dict[str, Any]
    leaves: dict[str, dict[str, Any]]
    required: frozenset[str]
    """Leaves that are required at every level."""
    required_with: dict[str, frozenset[str]]
    """For each object that may be absent, the leaves that it requires when it is there."""

    def check(self, leaves: Mapping[str, object], granted: frozenset[str]) -> None:
        """The model restricted to what a reader is granted ("A reader's part").

        Raises:
            MalformedError: the leaves do not meet it.
        """
        for path, value in leaves.items():
            if path not in granted or path not in self.leaves:
                raise MalformedError("a leaf that is not granted")
            check(value, self.leaves[path], self.schema)
        missing = self.required & granted - leaves.keys()
        for member, inner in self.required_with.items():
            if any(path.startswith(member + ".") for path in leaves):
                missing |= inner & granted - leaves.keys()
        if missing:
            raise MalformedError("a required leaf is missing")


@cache
def model(event_type: str) -> Model | None:
    """The model of a type, None if there is none."""
    known = {file.name.removesuffix(".schema.json"): file for file in SCHEMAS.glob("*.schema.json")}
    if event_type not in known:
        return None
    schema = json.loads(known[event_type].read_bytes())
    leaves: dict[str, dict[str, Any]] = {}
    required: set[str] = set()
    required_with = {}
    for name, part in schema["properties"].items():
        member = resolve(part, schema)
        if member["type"] != "object":
            leaves[name] = member
            required |= {name} & set(schema["required"])
            continue
        leaves.update({f"{name}.{inner}": leaf for inner, leaf in member["properties"].items()})
        inner = frozenset(f"{name}.{each}" for each in member.get("required", []))
        if name in schema["required"]:
            required |= inner
        else:
            required_with[name] = inner
    return Model(schema, leaves, frozenset(required), required_with)


def resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow a `$ref` to one of the root's definitions."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema


def check(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> None:
    """Validate one value.

    Raises:
        MalformedError: it does not meet the schema.
    """
    schema = resolve(schema, root)
    for keyword, argument in schema.items():
        if keyword not in ANNOTATIONS and not _meets(keyword, argument, value, schema, root):
            raise MalformedError(f"not as {keyword} says")


def _meets(
    keyword: str, argument: Any, value: Any, schema: dict[str, Any], root: dict[str, Any]
) -> bool:
    if not _is_of(schema["type"], value):
        return False
    match keyword:
        case "type":
            return True
        case "enum":
            return value in argument
        case "pattern":
            return re.search(argument.removesuffix("$") + r"\Z", value) is not None
        case "format":
            return _is_moment(value)
        case "minLength":
            return bool(len(value) >= argument)
        case "maxLength" | "maxItems":
            return bool(len(value) <= argument)
        case "minimum":
            return bool(value >= argument)
        case "maximum":
            return bool(value <= argument)
        case "uniqueItems":
            return len({json_form.serialise(item) for item in value}) == len(value)
        case "items":
            for item in value:
                check(item, argument, root)
            return True
        case "required":
            return set(argument) <= set(value)
        case "additionalProperties":
            return argument is True or set(value) <= set(schema["properties"])
        case "properties":
            for name in value.keys() & argument.keys():
                check(value[name], argument[name], root)
            return True
    raise NotImplementedError(keyword)


def _is_of(kind: str, value: object) -> bool:
    # A boolean is an int to Python and not to JSON.
    return isinstance(value, TYPES[kind]) and not (kind == "integer" and isinstance(value, bool))


def _is_moment(value: str) -> bool:
    # The patterns beside `format` leave only the calendar and the clock to be checked. Newer
    # versions of the library read 24:00 as the next day.
    if value[11:13] == "24":
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
