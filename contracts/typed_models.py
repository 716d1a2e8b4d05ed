"""Python types of the events of one party: what it may read, and what it may send.

The text is a module of typed dictionaries that needs only the standard library, for a program that
subscribes or publishes. It is made from the agreement and its vocabulary, so a new version of the
agreement gives a new module.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping, Set
from typing import Final, Literal, TypeAlias

from contracts.model import Contract
from contracts.names import require_known
from contracts.policy import granted_from
from contracts.vocabulary.format import FieldForm, ItemFieldForm, Value, VocabularyForm
from contracts.vocabulary.json_schema import Schema, json_schema

__all__ = ["Direction", "TypeWriter", "leaves_of_party", "party_schemas", "typed_module"]

Direction: TypeAlias = Literal["receives", "sends"]
_TYPING: Final = frozenset({"Literal", "NotRequired", "Required", "TypedDict"})


def leaves_of_party(contract: Contract, agency: str, direction: Direction) -> dict[str, Set[str]]:
    """Return event type to the leaf paths that a party may read, or send to any other.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    require_known("party", agency, contract.by_id, code="agency_unknown", exact=True)
    others = [party.id for party in contract.parties if party.id != agency]
    found: dict[str, Set[str]] = {}
    for name in contract.event_types:
        pairs = [(agency, each) if direction == "sends" else (each, agency) for each in others]
        paths = frozenset[str]().union(*(granted_from(contract, a, b, name) for a, b in pairs))
        if paths:
            found[name] = paths
    return found


def party_schemas(
    contract: Contract, agency: str, event_type: str | None = None
) -> dict[Direction, dict[str, Schema]]:
    """Return direction to event type to the JSON Schema of what a party may read or send.

    Args:
        contract: the agreement.
        agency: agency id of the party.
        event_type: only this type; None for all.

    Raises:
        UnknownNameError: `agency_unknown` or `type_unknown`.
    """
    if event_type is not None:
        require_known(
            "event type", event_type, contract.event_types, code="type_unknown", exact=True
        )
    form = contract.vocabulary.form
    directions: tuple[Direction, ...] = ("receives", "sends")
    return {
        direction: {
            name: json_schema(form, name, paths, conditions=direction == "sends")
            for name, paths in leaves_of_party(contract, agency, direction).items()
            if event_type in {None, name}
        }
        for direction in directions
    }


def typed_module(contract: Contract, agency: str) -> str:
    """Return the source of a module with a typed dictionary for each event type and direction.

    Args:
        contract: the agreement.
        agency: agency id of the party.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    form = contract.vocabulary.form
    lines = [
        f'"""Events of {agency} under {contract.name} {contract.version}.',
        "",
        f"Made by `concordant contract types` from the vocabulary {form.vocabulary},",
        f"{contract.vocabulary.hash}.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        f"from typing import {', '.join(sorted(_TYPING))}",
        "",
    ]
    writer = TypeWriter(form)
    for name, listed in form.code_lists.items():
        lines += writer.code_type(name, listed.codes, closed=listed.others is None)
    for name, item in form.items.items():
        rows = ((field, each, each.required) for field, each in item.fields.items())
        lines += writer.dictionary(writer.name("item", name), item.description, rows)
    directions: tuple[Direction, ...] = ("receives", "sends")
    for direction in directions:
        for event_type, paths in leaves_of_party(contract, agency, direction).items():
            lines += writer.event(event_type, paths, direction)
    return "\n".join(lines) + "\n"


class TypeWriter:
    """Lines of one module of types.

    The vocabulary may be of another agency, so its texts reach the module only as literals, and
    each of its names stands for one thing and is no word of Python or of `typing`.
    """

    def __init__(self, form: VocabularyForm, reserved: Set[str] = _TYPING) -> None:
        """Args: form: the vocabulary. reserved: names that no type may have."""
        self._form = form
        self._names: dict[tuple[str, str], str] = {}
        self._taken = {*keyword.kwlist, *reserved}

    def name(self, kind: str, name: str) -> str:
        """Return the name of a type in the module.

        Args:
            kind: `code`, `item` or `event`.
            name: as the vocabulary names it.
        """
        own = self._names.get((kind, name))
        if own is None:
            words = name.replace(".", "_").replace("-", "_").split("_")
            own = "".join(word[:1].upper() + word[1:] for word in words)
            while own in self._taken:
                own += "_"
            self._taken.add(own)
            self._names[kind, name] = own
        return own

    def code_type(self, name: str, codes: Mapping[str, str], *, closed: bool) -> Iterator[str]:
        """Yield the type of a code list."""
        own = self.name("code", name)
        yield ""
        if not closed:
            yield f"{own} = str"
            yield f'"""A code of {name}, or one that the list does not have yet."""'
            return
        yield f"{own} = Literal["
        yield from (f"    {code!r}," for code in codes)
        yield "]"

    def event(self, event_type: str, paths: Set[str], direction: Direction) -> Iterator[str]:
        """Yield the types of one event type, below which a party has some leaves."""
        form, ending = self._form, "received" if direction == "receives" else "to_send"
        own = self.name("event", f"{event_type}_{ending}")
        members: list[tuple[str, str, bool]] = []
        for name, field in form.event_types[event_type].fields.items():
            if field.object is None:
                if name in paths:
                    certain = field.required and self.certain(event_type, name, direction)
                    members.append((name, self._of_field(field), certain))
                continue
            below = {
                inner: each
                for inner, each in form.objects[field.object].fields.items()
                if f"{name}.{inner}" in paths
            }
            if below:
                inside = self.name("event", f"{event_type}_{ending}_{name}")
                surely = [self.certain(event_type, f"{name}.{one}", direction) for one in below]
                rows = (
                    (inner, each, each.required and sure)
                    for (inner, each), sure in zip(below.items(), surely, strict=True)
                )
                yield from self.dictionary(inside, form.objects[field.object].description, rows)
                members.append((name, inside, field.required and any(surely)))
        about = form.event_types[event_type].description
        if direction == "sends":
            about += "".join(
                f"\n{one.text} (Required: {', '.join(one.required)}.)"
                for one in form.event_types[event_type].conditions
                if not paths.isdisjoint(one.required)
            )
        yield from self.class_lines(own, about, members)

    def certain(self, event_type: str, path: str, direction: Direction) -> bool:
        """Return whether a required leaf is always there."""
        return True

    def class_lines(
        self, name: str, description: str, members: list[tuple[str, str, bool]]
    ) -> Iterator[str]:
        """Yield the type of an object.

        Args:
            name: of the type.
            description: its docstring.
            members: name, type, and whether it is always there.
        """
        yield from _class_lines(name, description, members)

    def dictionary(
        self,
        own: str,
        description: str,
        rows: Iterator[tuple[str, FieldForm | ItemFieldForm, bool]],
    ) -> Iterator[str]:
        """Yield the type of an object."""
        members = [(field, self._of_field(each), required) for field, each, required in rows]
        yield from self.class_lines(own, description, members)

    def _of_field(self, field: FieldForm | ItemFieldForm) -> str:
        value = self._of_value(field.value)
        listed = isinstance(field, FieldForm) and field.longest is not None
        return f"list[{value}]" if listed else value

    def _of_value(self, value: Value) -> str:
        if value.object is not None:
            return self.name("item", value.object)
        if value.code is not None:
            return self.name("code", value.code)
        kind = self._form.kinds.get(value.kind or "")
        if kind is not None and kind.integer is not None:
            return "int"
        return "bool" if value.kind == "boolean" else "str"


def _class_lines(
    name: str, description: str, members: list[tuple[str, str, bool]]
) -> Iterator[str]:
    yield ""
    yield ""
    if any(keyword.iskeyword(member) for member, _, _ in members):
        content = ", ".join(
            f"{member!r}: {'Required' if required else 'NotRequired'}[{kind}]"
            for member, kind, required in members
        )
        yield f"{name} = TypedDict({name!r}, {{{content}}})"
        return
    yield f"class {name}(TypedDict, total=False):"
    yield f"    {description!r}"
    yield ""
    for member, kind, required in members:
        yield f"    {member}: {f'Required[{kind}]' if required else kind}"
