"""One event type: its leaves, strict validation, and a reader's part of it.

Sender and reader both hold an event as a flat mapping from dotted path to value, because fields are
granted, grouped and sealed leaf by leaf (protocol `concordant/1`, "Sealed event"). The sender
validates the whole nested event; the reader validates what it may read, in the flat form, against
the same annotations restricted to its paths (step 10). Validators are built once and kept: both
checks are on the hot path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeAlias, cast

from pydantic import TypeAdapter, ValidationError

from contracts.errors import EventError
from contracts.vocabulary.conditions import Condition, compile_conditions
from contracts.vocabulary.format import FieldForm, Value, VocabularyForm
from contracts.vocabulary.kinds import Annotations, checked_dictionary
from contracts.vocabulary.name_forms import SenderKind

__all__ = ["JSON", "EventType", "Leaf", "Restricted", "unflatten"]

JSON: TypeAlias = "str | int | bool | list[JSON] | dict[str, JSON]"
"""A value of an event: JSON without null and without floats."""
_SAFE_KEY = re.compile(r"[a-z][a-z_.]{0,79}")
_EXPLANATIONS: Final = {
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
class Leaf:
    """One leaf of an event type.

    Attributes:
        path: dotted path.
        form: as the vocabulary states it.
        annotation: what pydantic checks.
        required: at every level, so that every event of the type has it.
        required_in_object: the object that has it cannot be without it.
    """

    path: str
    form: FieldForm
    annotation: Any
    required: bool
    required_in_object: bool


class EventType:
    """One event type of a vocabulary, with its validators.

    Attributes:
        name: as the contract and the sealed event name it.
        description: one sentence.
        leaves: path to leaf, in the order of the file.
        required: the leaf paths that every event of the type holds.
        closed: leaf path, code and kind of sender to the day from which the sender does not use it.
        conditions: fields that an event needs beside other values.
        open_lists: leaf path to the codes of its extensible list; by the name of the item's field
            where the leaf is a list of objects, otherwise under an empty name.
    """

    def __init__(self, form: VocabularyForm, name: str, annotations: Annotations) -> None:
        self.name = name
        self.description = form.event_types[name].description
        self.leaves: Mapping[str, Leaf] = MappingProxyType(
            {
                path: Leaf(path, field, annotations.of(field), everywhere, in_object)
                for path, field, everywhere, in_object in form.leaves_of(name)
            }
        )
        self.required = frozenset(leaf.path for leaf in self.leaves.values() if leaf.required)
        self.closed: Mapping[str, Mapping[str, Mapping[SenderKind, date]]] = MappingProxyType(
            {
                path: form.code_lists[leaf.form.value.code].closed
                for path, leaf in self.leaves.items()
                if leaf.form.value.code and form.code_lists[leaf.form.value.code].closed
            }
        )
        self.open_lists: Mapping[str, Mapping[str, Set[str]]] = MappingProxyType(
            {
                path: found
                for path, leaf in self.leaves.items()
                if (found := _open_codes(form, leaf.form.value))
            }
        )
        self.conditions = compile_conditions(form.event_types[name].conditions)
        self._form = form
        self._restricted: dict[frozenset[str], Restricted] = {}
        self._without: dict[frozenset[str], tuple[str, ...]] = {}

    @cached_property
    def _tree(self) -> Mapping[str, str | Mapping[str, str]]:
        """Return first names with their path, or with the second names and theirs."""
        tree: dict[str, str | Mapping[str, str]] = {}
        for path in self.leaves:
            first, dot, second = path.partition(".")
            if dot:
                cast("dict[str, str]", tree.setdefault(first, {}))[second] = path
            else:
                tree[first] = path
        return tree

    @cached_property
    def _validate(self) -> Callable[[object], object]:
        fields = self._form.event_types[self.name].fields
        members: dict[str, tuple[Any, bool]] = {}
        for name, below in self._tree.items():
            if isinstance(below, str):
                members[name] = (self.leaves[below].annotation, fields[name].required)
                continue
            inner = {
                second: (self.leaves[path].annotation, self.leaves[path].required_in_object)
                for second, path in below.items()
            }
            members[name] = (checked_dictionary(name, inner), fields[name].required)
        adapter: TypeAdapter[object] = TypeAdapter(checked_dictionary(self.name, members))
        return adapter.validator.validate_python

    @cached_property
    def optional_objects(self) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
        """Return, of each object that may be absent, its leaves and those it cannot be without."""
        return tuple(_together(self.leaves.values()))

    def lacking(self, paths: Set[str]) -> frozenset[str]:
        """Return what an event with these leaves lacks: required ones, and those of its objects."""
        needed = set(self.required)
        for group, beside in self.optional_objects:
            if not group.isdisjoint(paths):
                needed |= beside
        return frozenset(needed - paths)

    def flatten(self, data: Mapping[str, JSON]) -> dict[str, JSON]:
        """Return the leaves of valid nested `data` by dotted path; a list is one leaf.

        Raises:
            EventError: `event_invalid` for a name that the type does not have.
        """
        tree = self._tree
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
            raise EventError(_EXPLANATIONS["extra_forbidden"], where=self.name) from None
        return flat

    def validate(self, data: Mapping[str, JSON]) -> None:
        """Check nested `data` against the whole type: known names, strict kinds, codes of lists.

        Raises:
            EventError: `event_invalid`, where = the leaf path, never with the value.
        """
        try:
            self._validate(data)
        except ValidationError as error:
            _refuse(error)

    def without(self, paths: frozenset[str]) -> tuple[str, ...]:
        """Return the sorted leaf paths that are not among `paths`."""
        found = self._without.get(paths)
        if found is None:
            found = self._without[paths] = tuple(sorted(self.leaves.keys() - paths))
        return found

    def unmet(
        self, flat: Mapping[str, JSON], possible: Collection[str]
    ) -> tuple[Condition, str] | None:
        """Return the first condition that an event does not meet, and the leaf that it lacks.

        Args:
            flat: valid leaves by dotted path, as the author of the event wrote them.
            possible: leaf paths that the sender may send and an addressed agency may read.
        """
        for condition in self.conditions:
            path = condition.missing(flat, possible)
            if path is not None:
                return condition, path
        return None

    def unlisted(self, flat: Mapping[str, JSON]) -> tuple[str, ...]:
        """Return the sorted leaf paths with a code that is not in its extensible list.

        Args:
            flat: valid leaves by dotted path.
        """
        if not self.open_lists:
            return ()
        return tuple(
            sorted(
                path
                for path, lists in self.open_lists.items()
                if path in flat and any(_unlisted(flat[path], lists))
            )
        )

    def restricted(self, paths: frozenset[str]) -> Restricted:
        """Return the checker for a reader of `paths`, which are leaves of the type.

        Raises:
            EventError: `event_invalid` for a path that the type does not have.
        """
        made = self._restricted.get(paths)
        if made is None:
            made = self._restricted[paths] = self._restrict(paths)
        return made

    def _restrict(self, paths: frozenset[str]) -> Restricted:
        for path in sorted(paths - self.leaves.keys()):
            raise EventError(_EXPLANATIONS["extra_forbidden"], where=path)
        kept = [leaf for leaf in self.leaves.values() if leaf.path in paths]
        members = {leaf.path: (leaf.annotation, leaf.required) for leaf in kept}
        adapter: TypeAdapter[object] = TypeAdapter(checked_dictionary("Restricted", members))
        return Restricted(
            event_type=self.name,
            paths=paths,
            required=frozenset(leaf.path for leaf in kept if leaf.required),
            _validate=adapter.validator.validate_python,
            _together=tuple(_together(kept)),
        )

    def allowed_instead(
        self, data: Mapping[str, object]
    ) -> tuple[str, str, tuple[str, ...]] | None:
        """Return the first wrong name or code of an event's data, and what may stand there.

        Show the answer only to the author of the event, because it repeats the event's own text.

        Returns:
            Path, text at the path, and allowed names of fields or codes; None if
            the data is valid, or wrong in another way.
        """
        try:
            self._validate(dict(data))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
        else:
            return None
        where = _where(first["loc"])
        if first["type"] == "extra_forbidden":
            return where, ".".join(str(part) for part in first["loc"]), tuple(self.leaves)
        written = first["input"]
        if first["type"] == "literal_error" and isinstance(written, str):
            expected = str(first.get("ctx", {}).get("expected", ""))
            return where, written, tuple(re.findall(r"'([^']*)'", expected))
        return None


def _open_codes(form: VocabularyForm, value: Value) -> Mapping[str, Set[str]]:
    named = {"": value.code}
    if value.object is not None:
        named = {name: each.value.code for name, each in form.items[value.object].fields.items()}
    return {
        name: form.code_lists[code].codes.keys()
        for name, code in named.items()
        if code is not None and form.code_lists[code].others is not None
    }


def _unlisted(value: JSON, lists: Mapping[str, Set[str]]) -> Iterator[bool]:
    """Yield for each code of a leaf whether its list lacks it."""
    for one in value if isinstance(value, list) else (value,):
        for name, codes in lists.items():
            code = one.get(name) if isinstance(one, dict) else one
            yield code is not None and code not in codes


def unflatten(flat: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return nested data from leaves by dotted path; the inverse of `EventType.flatten`."""
    data: dict[str, JSON] = {}
    for path, value in flat.items():
        group, dot, name = path.partition(".")
        if dot:
            cast("dict[str, JSON]", data.setdefault(group, {}))[name] = value
        else:
            data[path] = value
    return data


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


def _together(leaves: Iterable[Leaf]) -> Iterable[tuple[frozenset[str], frozenset[str]]]:
    """Yield, for each optional object, its leaves and those that it cannot be without."""
    groups: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        group, dot, _ = leaf.path.partition(".")
        if dot:
            groups.setdefault(group, []).append(leaf)
    for members in groups.values():
        needed = frozenset(m.path for m in members if m.required_in_object and not m.required)
        if needed:
            yield frozenset(m.path for m in members), needed


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
