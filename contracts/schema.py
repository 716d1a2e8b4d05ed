"""Leaves of an event type: flat paths, strict validation, and a reader's part of it.

Sender and reader both hold an event as a flat mapping from dotted path to value, because fields are
granted, grouped and sealed leaf by leaf (protocol `concordant/1`, "Sealed event"). The sender
validates the whole nested event; the reader validates what it may read, in the flat form, against
the same annotations restricted to its paths (step 10). Validators are built once and kept: both
checks are on the hot path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, NoReturn, NotRequired, Required, cast, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import (
    TypedDict,
    get_type_hints,
    is_typeddict,
)

from contracts.errors import EventError
from contracts.events import EVENT_TYPES, JSON

__all__ = [
    "Restricted",
    "allowed_instead",
    "flatten",
    "lacking",
    "leaves",
    "optional_objects",
    "required_leaves",
    "restricted",
    "unflatten",
    "validate_event",
]

_SAFE_KEY = re.compile(r"[a-z][a-z_.]{0,79}")
_EXPLANATIONS = {
    "extra_forbidden": "the event type has no such field",
    "missing": "a required field is missing",
    "literal_error": "the value is not in its code list",
    "string_pattern_mismatch": "the text has not the form agreed for this field",
    "string_too_long": "the text is longer than agreed",
    "string_too_short": "the text is empty or shorter than agreed",
    "string_unicode": "the text is not valid Unicode",
    "value_error": "the value does not exist (a date) or is repeated (a list)",
    "too_long": "the list is longer than agreed",
    "greater_than_equal": "the number is below its range",
    "less_than_equal": "the number is above its range",
}


@dataclass(frozen=True, slots=True)
class _Leaf:
    path: str
    annotation: Any  # what pydantic checks: a type, an Annotated, or a list of either
    required: bool  # at every level: the leaf is in every event of the type
    required_in_group: bool


@dataclass(frozen=True, slots=True)
class _Shape:
    leaves: Mapping[str, _Leaf]
    tree: Mapping[str, str | Mapping[str, str]]  # first name to its path, or to second names
    validate: Callable[[object], object]


def _unqualified(hint: Any, total: bool) -> tuple[Any, bool]:
    origin = get_origin(hint)
    if origin is Required or origin is NotRequired:
        return hint.__args__[0], origin is Required
    return hint, total


@cache
def _shape(event_type: str) -> _Shape:
    model = EVENT_TYPES.get(event_type)
    if model is None:
        raise EventError("there is no event type of this name", code="type_unknown")
    found: dict[str, _Leaf] = {}
    tree: dict[str, str | Mapping[str, str]] = {}
    for name, hint in get_type_hints(model, include_extras=True).items():
        annotation, required = _unqualified(hint, cast("Any", model).__total__)
        if not is_typeddict(annotation):
            found[name] = _Leaf(name, annotation, required, False)
            tree[name] = name
            continue
        names: dict[str, str] = {}
        for inner, inner_hint in get_type_hints(annotation, include_extras=True).items():
            inner_annotation, inner_required = _unqualified(inner_hint, annotation.__total__)
            path = f"{name}.{inner}"
            names[inner] = path
            found[path] = _Leaf(path, inner_annotation, required and inner_required, inner_required)
        tree[name] = MappingProxyType(names)
    adapter: TypeAdapter[object] = TypeAdapter(model)
    return _Shape(
        MappingProxyType(found), MappingProxyType(tree), adapter.validator.validate_python
    )


def leaves(event_type: str) -> tuple[str, ...]:
    """Return every leaf path of the type, in the order of declaration.

    Raises:
        EventError: `type_unknown`.
    """
    return tuple(_shape(event_type).leaves)


@cache
def required_leaves(event_type: str) -> frozenset[str]:
    """Return the leaf paths that every event of the type holds.

    Raises:
        EventError: `type_unknown`.
    """
    return frozenset(leaf.path for leaf in _shape(event_type).leaves.values() if leaf.required)


def lacking(event_type: str, paths: Set[str]) -> frozenset[str]:
    """Return what an event with these leaves lacks: required ones, and those of its objects.

    Raises:
        EventError: `type_unknown`.
    """
    needed = set(required_leaves(event_type))
    for group, beside in optional_objects(event_type):
        if not group.isdisjoint(paths):
            needed |= beside
    return frozenset(needed - paths)


@cache
def optional_objects(event_type: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Return, of each object that may be absent, its leaves and those it cannot be without.

    Raises:
        EventError: `type_unknown`.
    """
    return tuple(_together(list(_shape(event_type).leaves.values())))


def flatten(event_type: str, data: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the leaves of valid nested `data` by dotted path; a list is one leaf.

    Raises:
        EventError: `type_unknown`, or `event_invalid` for a name that the type does not have.
    """
    tree = _shape(event_type).tree
    flat: dict[str, JSON] = {}
    try:
        for name, value in data.items():
            below = tree[name]
            if below.__class__ is str:
                flat[below] = value
            else:
                names = cast("Mapping[str, str]", below)
                for inner, leaf in cast("dict[str, JSON]", value).items():
                    flat[names[inner]] = leaf
    except (KeyError, AttributeError):
        raise EventError(_EXPLANATIONS["extra_forbidden"], where=event_type) from None
    return flat


def unflatten(flat: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return nested data from leaves by dotted path; the inverse of `flatten`."""
    data: dict[str, JSON] = {}
    for path, value in flat.items():
        group, dot, name = path.partition(".")
        if dot:
            cast("dict[str, JSON]", data.setdefault(group, {}))[name] = value
        else:
            data[path] = value
    return data


def validate_event(event_type: str, data: Mapping[str, JSON]) -> None:
    """Check nested `data` against the whole type: known names, strict kinds, codes of the lists.

    Raises:
        EventError: `type_unknown`; `event_invalid`, where = the leaf path, never with the value.
    """
    try:
        _shape(event_type).validate(data)
    except ValidationError as error:
        _refuse(error)


@dataclass(frozen=True, slots=True)
class Restricted:
    """The part of a type that holds only some paths: what one reader validates.

    Attributes:
        event_type: name of the type.
        paths: the leaves that may be there.
        required: those of them that must be.
    """

    event_type: str
    paths: frozenset[str]
    required: frozenset[str]
    _validate: Callable[[object], object]
    _together: tuple[tuple[frozenset[str], frozenset[str]], ...]

    def check(self, flat: Mapping[str, JSON]) -> None:
        """Check leaves by dotted path: each of `paths`, valid, and the required ones there.

        Raises:
            EventError: `event_invalid`, where = the leaf path, never with the value.
        """
        try:
            self._validate(flat)
        except ValidationError as error:
            _refuse(error)
        for group, needed in self._together:
            if not group.isdisjoint(flat) and not needed <= flat.keys():
                missing = min(needed - flat.keys())
                raise EventError(_EXPLANATIONS["missing"], where=missing)


@cache
def restricted(event_type: str, paths: frozenset[str]) -> Restricted:
    """Return the checker for a reader of `paths`, which are leaves of the type.

    Raises:
        EventError: `type_unknown`, or `event_invalid` for a path that the type does not have.
    """
    shape = _shape(event_type)
    for path in sorted(paths - shape.leaves.keys()):
        raise EventError(_EXPLANATIONS["extra_forbidden"], where=path)
    kept = [leaf for leaf in shape.leaves.values() if leaf.path in paths]
    fields = {
        leaf.path: (Required if leaf.required else NotRequired)[leaf.annotation] for leaf in kept
    }
    # its functional form allows names known only at run time, which mypy cannot check
    make: Any = TypedDict
    flat_type = with_config(ConfigDict(extra="forbid", strict=True))(make("Restricted", fields))
    adapter: TypeAdapter[object] = TypeAdapter(flat_type)
    return Restricted(
        event_type=event_type,
        paths=paths,
        required=frozenset(leaf.path for leaf in kept if leaf.required),
        _validate=adapter.validator.validate_python,
        _together=tuple(_together(kept)),
    )


def _together(kept: list[_Leaf]) -> Iterable[tuple[frozenset[str], frozenset[str]]]:
    """Yield, for each optional group, its leaves and those that the group cannot be without."""
    groups: dict[str, list[_Leaf]] = {}
    for leaf in kept:
        group, dot, _ = leaf.path.partition(".")
        if dot:
            groups.setdefault(group, []).append(leaf)
    for members in groups.values():
        needed = frozenset(m.path for m in members if m.required_in_group and not m.required)
        if needed:
            yield frozenset(m.path for m in members), needed


def allowed_instead(
    event_type: str, data: Mapping[str, object]
) -> tuple[str, str, tuple[str, ...]] | None:
    """Return the first wrong name or code of an event's data, and what may stand there.

    Show the answer only to the author of the event, because it repeats the event's own text.

    Returns:
        Path, text at the path, and allowed names of fields or codes; None if
        the data is valid, or wrong in another way.

    Raises:
        EventError: `type_unknown`.
    """
    shape = _shape(event_type)
    try:
        shape.validate(dict(data))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    else:
        return None
    where = _where(first["loc"])
    if first["type"] == "extra_forbidden":
        return where, ".".join(str(part) for part in first["loc"]), tuple(shape.leaves)
    written = first["input"]
    if first["type"] == "literal_error" and isinstance(written, str):
        expected = str(first.get("ctx", {}).get("expected", ""))
        return where, written, tuple(re.findall(r"'([^']*)'", expected))
    return None


def _where(location: Sequence[int | str]) -> str:
    """Return the path of a place in the data; an unknown name may itself be personal data."""
    where = ""
    for part in location:
        if isinstance(part, int):
            where += f"[{part}]"
        else:
            shown = part if _SAFE_KEY.fullmatch(part) else "(a name that is not a field's)"
            where += f".{shown}" if where else shown
    return where or "data"


def _refuse(error: ValidationError) -> NoReturn:
    """Raise our error for pydantic's, with path and reason but never with the value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    why = _EXPLANATIONS.get(first["type"], "the value is not of the kind agreed for this field")
    raise EventError(why, where=_where(first["loc"])) from None
