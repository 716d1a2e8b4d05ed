"""JSON Schema 2020-12 of the event types of a vocabulary.

Objects and code lists are definitions, used by reference. A schema is one text: the same vocabulary
gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from contracts.vocabulary.format import (
    EventTypeForm,
    FieldForm,
    ItemFieldForm,
    Value,
    VocabularyForm,
)
from contracts.vocabulary.patterns import parse_pattern, regular_expression

__all__ = ["DIALECT", "Schema", "json_schema"]

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DAY = "(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}"
_HOUR = "([01][0-9]|2[0-3]):"
_PLAIN_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f\x80-\x9f]*$"
_BUILT_IN: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "uuid": {
            "type": "string",
            "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        },
        "day": {"type": "string", "pattern": f"^{_DAY}$", "format": "date"},
        "time_of_day": {"type": "string", "pattern": f"^{_HOUR}[0-5][0-9]$"},
        "instant": {
            "type": "string",
            "pattern": rf"^{_DAY}T{_HOUR}[0-9]{{2}}:[0-9]{{2}}\.[0-9]{{3}}Z$",
            "format": "date-time",
        },
        "agency": {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,62}$"},
        "email": {
            "type": "string",
            "maxLength": 254,
            "pattern": r"^[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
        },
        "language": {"type": "string", "pattern": "^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"},
        "leaf_path": {
            "type": "string",
            "maxLength": 80,
            "pattern": r"^[a-z_]{1,40}(\.[a-z_]{1,40})?$",
        },
        "boolean": {"type": "boolean"},
    }
)
"""Schema of each built-in kind (docs/spec/vocabularies.md, "Kinds of values")."""


def json_schema(
    form: VocabularyForm,
    event_type: str,
    paths: Set[str] | None = None,
    *,
    conditions: bool = True,
) -> Schema:
    """Return the schema of the nested data of an event type.

    Args:
        form: the vocabulary's file.
        event_type: a type of it.
        paths: leaf paths to which the schema is restricted; None for all.
        conditions: whether the schema has the conditional requirements, which senders keep to. An
            event may reach a reader without such a field.
    """
    writer = _Writer(form, paths)
    of_type = form.event_types[event_type]
    return {
        "$schema": DIALECT,
        "$id": f"urn:concordant:1:{event_type}",
        "title": event_type,
        **writer.object_of(of_type.description, of_type.fields, ""),
        **(_all_of(form, of_type, paths) if conditions else {}),
        "$defs": dict(sorted(writer.definitions.items())),
    }


def _all_of(form: VocabularyForm, of_type: EventTypeForm, paths: Set[str] | None) -> Schema:
    """Return the conditional requirements, each as an `if` with its `then`.

    A text without a visible character counts as missing when an event is sent. The schema does not
    say so: JSON Schema has no common name for these characters.
    """
    found: list[Schema] = []
    for one in of_type.conditions:
        asked = one.when.field
        required = [path for path in one.required if paths is None or path in paths]
        if (paths is None or asked in paths) and required:
            found.append(
                {
                    "description": one.text,
                    "if": _with(form, of_type, [asked], one.when.has),
                    "then": _with(form, of_type, required, None),
                }
            )
    return {"allOf": found} if found else {}


def _with(
    form: VocabularyForm,
    of_type: EventTypeForm,
    paths: Sequence[str],
    values: tuple[str | bool, ...] | None,
) -> Schema:
    """Return the schema of an object that has these leaves, and one of the values in each."""
    top: Schema = {}
    for path in paths:
        first, dot, second = path.partition(".")
        field, place, name = of_type.fields[first], top, first
        if dot and field.object is not None:
            field, name = form.objects[field.object].fields[second], second
            _require(top, first)
            place = top.setdefault("properties", {}).setdefault(first, {})
        _require(place, name)
        leaf: Schema = {}
        if values is not None:
            leaf = {"enum": list(values)}
            leaf = {"contains": leaf} if field.longest is not None else leaf
        elif field.longest is not None:
            leaf = {"minItems": 1}
        if leaf:
            place.setdefault("properties", {})[name] = leaf
    return top


def _require(place: Schema, name: str) -> None:
    required = place.setdefault("required", [])
    if name not in required:
        required.append(name)


class _Writer:
    """One schema in the making."""

    def __init__(self, form: VocabularyForm, paths: Set[str] | None) -> None:
        self.definitions: dict[str, Schema] = {}
        self._form = form
        self._paths = paths

    def object_of(
        self,
        description: str,
        fields: Mapping[str, FieldForm] | Mapping[str, ItemFieldForm],
        above: str | None,
    ) -> Schema:
        """Return the schema of an object; `above` is the beginning of its leaf paths, if any."""
        kept = {name: each for name, each in fields.items() if self._has(above, name, each)}
        body: Schema = {
            "description": description,
            "type": "object",
            "properties": {name: self._field(name, each) for name, each in kept.items()},
        }
        required = [name for name, each in kept.items() if each.required]
        if required:
            body["required"] = required
        body["additionalProperties"] = False
        return body

    def _has(self, above: str | None, name: str, field: FieldForm | ItemFieldForm) -> bool:
        if self._paths is None or above is None:  # the items of a list come whole
            return True
        if isinstance(field, FieldForm) and field.object is not None:
            return any(path.startswith(f"{name}.") for path in self._paths)
        return f"{above}{name}" in self._paths

    def _field(self, name: str, field: FieldForm | ItemFieldForm) -> Schema:
        if isinstance(field, ItemFieldForm):
            return self._value(field.value)
        if field.object is not None:
            below = self._form.objects[field.object]
            return self._reference(field.object, below.description, below.fields, f"{name}.")
        value = self._value(field.value)
        if field.longest is None:
            return value
        listed: Schema = {"type": "array", "items": value, "maxItems": field.longest}
        return listed if field.set_of is None else {**listed, "uniqueItems": True}

    def _value(self, value: Value) -> Schema:
        if value.object is not None:
            item = self._form.items[value.object]
            return self._reference(value.object, item.description, item.fields, None)
        if value.code is not None:
            return self._code(value.code)
        assert value.kind is not None
        return _of_kind(self._form, value.kind)

    def _reference(
        self,
        name: str,
        description: str,
        fields: Mapping[str, FieldForm] | Mapping[str, ItemFieldForm],
        above: str | None,
    ) -> Schema:
        if name not in self.definitions:
            self.definitions[name] = self.object_of(description, fields, above)
        return {"$ref": f"#/$defs/{name}"}

    def _code(self, name: str) -> Schema:
        listed = self._form.code_lists[name]
        about = {"list": name, "dated": listed.dated.isoformat(), "source": listed.source}
        if listed.others is None:
            codes: Schema = {"type": "string", "enum": list(listed.codes)}
        else:
            others = regular_expression(parse_pattern(listed.others))
            codes = {"type": "string", "pattern": others, "examples": list(listed.codes)}
        self.definitions[name] = {**codes, "x-code-list": about}
        return {"$ref": f"#/$defs/{name}"}


def _of_kind(form: VocabularyForm, name: str) -> Schema:
    if name in _BUILT_IN:
        return dict(_BUILT_IN[name])
    kind = form.kinds[name]
    if kind.text is not None:
        return {
            "type": "string",
            "minLength": kind.text.shortest,
            "maxLength": kind.text.longest,
            "pattern": _PLAIN_TEXT,
        }
    if kind.integer is not None:
        return {
            "type": "integer",
            "minimum": kind.integer.lowest,
            "maximum": kind.integer.highest,
        }
    assert kind.pattern is not None
    return {"type": "string", "pattern": regular_expression(parse_pattern(kind.pattern))}
