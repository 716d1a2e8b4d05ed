"""Alterations of an agreement, one term at a time, made from the schema of the agreement itself.

`filled` gives every optional member a value, so that each member of each model occurs; `altered`
yields the agreement with one leaf changed, removed or added. A member that is added to a model
later is altered without a change here.
"""

from __future__ import annotations

import base64
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from contracts.durations import duration_ms
from contracts.parties import GovernanceKeys, GovernancePair
from contracts.terms import ConsentScope
from tests.support.words import codes

Member = tuple[str, str]
"""Name of a model and of one of its members."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """One change of one leaf.

    Attributes:
        where: path of keys and indexes.
        member: the innermost model and the member in which the leaf stands.
        how: `changed`, `removed`, `added`, `renamed`.
        value: the whole agreement with the change.
    """

    where: tuple[str | int, ...]
    member: Member
    how: str
    value: Any = field(repr=False)


def members(model: type[BaseModel]) -> set[Member]:
    """Every member of every model that an agreement is made of, but those that are a model."""
    found: set[Member] = set()
    todo = [model]
    while todo:
        one = todo.pop()
        for name, info in one.model_fields.items():
            inner = _models(info.annotation)
            if inner == [info.annotation]:
                todo += inner
            elif (one.__name__, name) not in found:
                found.add((one.__name__, name))
                todo += inner
    return found


def filled(value: Any, annotation: Any = None, name: str = "") -> Any:
    """The same agreement with every optional member present, and every list and mapping filled.

    Governance keys have two forms: the first party has officers.
    """
    if isinstance(value, GovernanceKeys):
        return value
    if isinstance(value, dict) and any(isinstance(one, GovernanceKeys) for one in value.values()):
        first, *_ = value
        return {**value, first: with_officers(value[first])}
    if isinstance(value, BaseModel):
        update = {
            name: filled(getattr(value, name), _marked(info), name)
            for name, info in type(value).model_fields.items()
        }
        return value.model_copy(update=update)
    if value is None or value == () or value == {}:
        return sample(annotation, name)
    if isinstance(value, tuple):
        inner = get_args(_plain(annotation))[0]
        return tuple(filled(each, inner) for each in value)
    if isinstance(value, dict):
        inner = get_args(_plain(annotation))[1]
        return {key: filled(each, inner) for key, each in value.items()}
    return value


def with_officers(keys: GovernanceKeys) -> GovernanceKeys:
    """The pair of a party and another one, as those of two officers."""
    (own,) = keys.pairs.values()
    other = {
        name: base64.b64encode(bytes(b ^ 1 for b in base64.b64decode(key))).decode()
        for name, key in own.model_dump().items()
    }
    return GovernanceKeys(threshold=2, officers={"chief": own, "deputy": GovernancePair(**other)})


def sample(annotation: Any, name: str = "") -> Any:
    """Some value of a type, without its validation."""
    plain = _plain(annotation)
    origin = get_origin(plain)
    if origin is Literal:
        return get_args(plain)[0]
    if origin is tuple:
        return (sample(get_args(plain)[0]),)
    if origin is dict:
        return {"sample": sample(get_args(plain)[1])}
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        return plain.model_construct(
            **{n: sample(_marked(info), n) for n, info in plain.model_fields.items()}
        )
    if plain is str and ("within" in name or "every" in name):
        return "PT7H"
    return {str: "sample", bool: True, int: 7, date: date(2026, 7, 7)}[plain]


def altered(root: BaseModel) -> Iterator[Alteration]:
    """Every alteration of every leaf of an agreement."""
    yield from _altered(root, None, (), ("", ""), lambda value: value)


def _altered(value: Any, annotation: Any, where: Any, member: Member, whole: Any) -> Iterator[Any]:
    if isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from _altered(
                getattr(value, name),
                _marked(info),
                (*where, name),
                (type(value).__name__, name),
                lambda new, name=name: whole(value.model_copy(update={name: new})),
            )
            pinned = isinstance(value, GovernanceKeys)  # each form needs all of its members
            if _optional(info.annotation) and getattr(value, name) is not None and not pinned:
                gone = whole(value.model_copy(update={name: None}))
                yield Alteration((*where, name), (type(value).__name__, name), "removed", gone)
    elif isinstance(value, tuple):
        inner = get_args(_plain(annotation))[0]
        more = next((each for each in _choices(inner) if each not in value), None)
        if more is not None:
            yield Alteration(where, member, "added", whole((*value, more)))
        for index, each in enumerate(value):
            rest = value[:index], value[index + 1 :]
            yield Alteration((*where, index), member, "removed", whole(rest[0] + rest[1]))
            yield from _altered(
                each,
                inner,
                (*where, index),
                member,
                lambda new, rest=rest: whole((*rest[0], new, *rest[1])),
            )
    elif isinstance(value, dict):
        inner = get_args(_plain(annotation))[1]
        for key, each in value.items():
            without = {k: v for k, v in value.items() if k != key}
            yield Alteration((*where, key), member, "removed", whole(without))
            renamed = {(f"{k}x" if k == key else k): v for k, v in value.items()}
            yield Alteration((*where, key), member, "renamed", whole(renamed))
            yield from _altered(
                each,
                inner,
                (*where, key),
                member,
                lambda new, key=key: whole({**value, key: new}),
            )
    elif value is not None:
        for new in _others(value, annotation):
            yield Alteration(where, member, "changed", whole(new))


def _choices(annotation: Any) -> tuple[Any, ...]:
    plain = _plain(annotation)
    return get_args(plain) if get_origin(plain) is Literal else (sample(annotation),)


def _others(value: Any, annotation: Any) -> list[Any]:
    plain = _plain(annotation)
    if get_origin(plain) is Literal:
        return [each for each in get_args(plain) if each != value] or [f"{value}x"]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, date):
        return [value + timedelta(days=1), value - timedelta(days=36525)]
    try:
        duration_ms(value)
    except ValueError:
        pass
    else:
        return ["P30D" if value != "P30D" else "P31D"]
    if len(value) > 40 and value.endswith("="):
        raw = base64.b64decode(value)
        return [base64.b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode()]
    return [f"{value}x", value[1:] or "y"]


def _plain(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation, *marks = get_args(annotation)
        if any(map(_is_scope, marks)):
            return Literal[tuple(codes("consent_scope"))]
    if get_origin(annotation) in {Union, types.UnionType}:
        annotation = next(a for a in get_args(annotation) if a is not type(None))
        return _plain(annotation)
    return annotation


def _is_scope(mark: object) -> bool:
    """Return whether a mark is that of a scope of consent, whose codes are in the vocabulary."""
    return getattr(mark, "pattern", None) == get_args(ConsentScope)[1].pattern


def _marked(info: FieldInfo) -> Any:
    """The annotation of a member as it was written, with its marks."""
    if any(map(_is_scope, info.metadata)):
        return Annotated[(info.annotation, *info.metadata)]
    return info.annotation


def _optional(annotation: Any) -> bool:
    return get_origin(annotation) in {Union, types.UnionType}


def _models(annotation: Any) -> list[type[BaseModel]]:
    plain = _plain(annotation)
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        return [plain]
    return [model for inner in get_args(plain) for model in _models(inner)]


def by_member(alterations: Iterator[Alteration]) -> Mapping[Member, list[Alteration]]:
    """The alterations of each member, in order."""
    found: dict[Member, list[Alteration]] = {}
    for each in alterations:
        found.setdefault(each.member, []).append(each)
    return found
