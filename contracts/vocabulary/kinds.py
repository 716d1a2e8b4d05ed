"""Annotations that check the values of fields, made from the forms of a vocabulary.

pydantic compiles them once into one validator for an event type. The built-in kinds are those of
`contracts/scalars.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NotRequired, Required

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, with_config
from typing_extensions import TypedDict

from contracts import scalars
from contracts.vocabulary.format import (
    CodeList,
    FieldForm,
    KindForm,
    Value,
    VocabularyForm,
)
from contracts.vocabulary.patterns import parse_pattern, regular_expression

__all__ = ["Annotations", "checked_dictionary"]

_BUILT_IN: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "uuid": scalars.Uuid,
        "day": scalars.Day,
        "time_of_day": scalars.TimeOfDay,
        "instant": scalars.Instant,
        "agency": scalars.AgencyId,
        "email": scalars.Email,
        "language": scalars.LanguageTag,
        "leaf_path": scalars.LeafPath,
        "boolean": bool,
    }
)


class Annotations:
    """Annotations of one vocabulary, each made on first use."""

    def __init__(self, form: VocabularyForm) -> None:
        self._form = form
        self._made: dict[str, Any] = {}

    def of(self, field: FieldForm) -> Any:
        """Return the annotation of a field that is no object."""
        value = self._value(field.value)
        if field.list_of is not None:
            return Annotated[list[value], Field(max_length=field.longest)]  # type: ignore[valid-type]
        if field.set_of is not None:
            distinct = AfterValidator(scalars.distinct)
            return Annotated[list[value], Field(max_length=field.longest), distinct]  # type: ignore[valid-type]
        return value

    def _value(self, value: Value) -> Any:
        if value.kind is not None and value.kind in _BUILT_IN:
            return _BUILT_IN[value.kind]
        key = f"{value.kind} {value.code} {value.object}"
        if key not in self._made:
            self._made[key] = self._make(value)
        return self._made[key]

    def _make(self, value: Value) -> Any:
        if value.kind is not None:
            return _of_kind(self._form.kinds[value.kind])
        if value.code is not None:
            return _of_list(self._form.code_lists[value.code])
        assert value.object is not None
        item = self._form.items[value.object]
        return checked_dictionary(
            value.object,
            {name: (self._value(each.value), each.required) for name, each in item.fields.items()},
        )


def checked_dictionary(name: str, fields: Mapping[str, tuple[Any, bool]]) -> Any:
    """Return a typed dictionary: names to annotation and requirement; other names are refused."""
    # its functional form allows names known only at run time, which mypy cannot check
    make: Any = TypedDict
    content = {
        each: (Required if required else NotRequired)[annotation]
        for each, (annotation, required) in fields.items()
    }
    return with_config(ConfigDict(extra="forbid", strict=True))(make(name, content))


def _of_kind(kind: KindForm) -> Any:
    if kind.text is not None:
        limits = StringConstraints(
            min_length=kind.text.shortest, max_length=kind.text.longest, pattern=scalars.PLAIN_TEXT
        )
        return Annotated[str, limits]
    if kind.integer is not None:
        return Annotated[int, Field(ge=kind.integer.lowest, le=kind.integer.highest)]
    assert kind.pattern is not None
    return _of_pattern(kind.pattern)


def _of_list(listed: CodeList) -> Any:
    if listed.others is not None:
        return _of_pattern(listed.others)
    return Literal[tuple(listed.codes)]


def _of_pattern(source: str) -> Any:
    return Annotated[str, StringConstraints(pattern=regular_expression(parse_pattern(source)))]
