"""A vocabulary that a contract pins, and the values that its event types may have.

docs/spec/vocabularies.md, "Kinds of values" and "Code lists"; contracts.md, "A reader's part".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import Any

from tests.conformance import json_form
from tests.conformance.conventions import hides
from tests.conformance.refusals import MalformedError
from tests.conformance.vocabulary_form import always, leaves_of, parse_vocabulary_file, value_of
from tests.conformance.vocabulary_patterns import parse_pattern

Check = Callable[[Any], bool]
DAY = r"(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}"
HOUR = r"([01][0-9]|2[0-3])"
BUILT_IN = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "day": DAY,
    "time_of_day": HOUR + ":[0-5][0-9]",
    "instant": DAY + "T" + HOUR + r":[0-9]{2}:[0-9]{2}\.[0-9]{3}Z",
    "agency": r"[a-z][a-z0-9-]{1,62}",
    "email": r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
    "language": r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}",
    "leaf_path": r"[a-z_]{1,40}(\.[a-z_]{1,40})?",
}
EMAIL_CHARACTERS = 254
CONTROLS = {*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A}


@dataclass(frozen=True)
class Model:
    """One event type: the check of each leaf, and which of them are required when."""

    leaves: Mapping[str, Check]
    required: frozenset[str]
    """Leaves that are required at every level."""
    required_with: Mapping[str, frozenset[str]]
    """For each object that may be absent, the leaves that it requires when it is there."""
    open_codes: Mapping[str, Mapping[str, Collection[str]]]
    """Leaf to the codes of its open list; of objects in a list, by the name of the member."""
    conditions: tuple[dict[str, Any], ...]

    def check(self, leaves: Mapping[str, object], granted: frozenset[str]) -> None:
        """The model restricted to what a reader is granted ("A reader's part").

        Raises:
            MalformedError: the leaves do not meet it.
        """
        for path, value in leaves.items():
            if path not in granted or path not in self.leaves:
                raise MalformedError("a leaf that is not granted")
            if not self.leaves[path](value):
                raise MalformedError("a value that the leaf cannot have")
        missing = self.required & granted - leaves.keys()
        for member, inner in self.required_with.items():
            if any(path.startswith(member + ".") for path in leaves):
                missing |= inner & granted - leaves.keys()
        if missing:
            raise MalformedError("a required leaf is missing")

    def unlisted(self, leaves: Mapping[str, Any]) -> list[str]:
        """Sorted paths of leaves with a code that its list does not have."""
        return sorted(
            path
            for path, lists in self.open_codes.items()
            if path in leaves and not all(_listed(leaves[path], lists))
        )

    def unmet(self, leaves: Mapping[str, Any], possible: Collection[str]) -> bool:
        """True if a condition asks a sender for a leaf that it could send, and that is missing."""
        for condition in self.conditions:
            when = condition["when"]
            value = leaves.get(when["field"], [])
            items = value if isinstance(value, list) else [value]
            if not _tells(value):
                continue
            if when["has"] is not None and not any(i in when["has"] for i in items):
                continue
            if any(p in possible and not _tells(leaves.get(p, [])) for p in condition["required"]):
                return True
        return False


def _tells(value: Any) -> bool:
    """False for a text without a visible character, and for a list that has nothing else."""
    if isinstance(value, list):
        return any(map(_tells, value))
    return not isinstance(value, str) or any(not (c.isspace() or hides(c)) for c in value)


def _listed(value: Any, lists: Mapping[str, Collection[str]]) -> Iterator[bool]:
    for item in value if isinstance(value, list) else [value]:
        for name, codes in lists.items():
            code = item if name == "" else item.get(name)
            yield code is None or code in codes


class Vocabulary:
    """A vocabulary file that is well formed."""

    def __init__(self, octets: bytes) -> None:
        self.form = parse_vocabulary_file(octets)
        parts, consent = self.form["parts"], self.form["consent"]
        self.case: str = parts["case"]
        self.record_kinds: list[str] = parts["record_kinds"]
        self.depersonalised = set(parts["depersonalised_kinds"])
        self.answers: dict[str, str] = {} if consent is None else consent["answers"]
        self.scopes: Collection[str] = set() if consent is None else consent["scopes"].keys()
        self.identity: str | None = None if consent is None else consent["identity"]
        self.subjects: Collection[str] = self.form["data_subjects"].keys()

    @cached_property
    def models(self) -> dict[str, Model]:
        """The model of each event type."""
        return {name: self._model(name) for name in self.form["event_types"]}

    def _model(self, name: str) -> Model:
        leaves = dict(leaves_of(self.form, name))
        required_with = {}
        for member, top in self.form["event_types"][name]["fields"].items():
            if top["object"] is not None and not top["required"]:
                below = self.form["objects"][top["object"]]["fields"]
                inner = {f"{member}.{each}" for each, one in below.items() if one["required"]}
                required_with[member] = frozenset(inner)
        return Model(
            {path: self._leaf(one) for path, one in leaves.items()},
            frozenset(path for path in leaves if always(self.form, name, path)),
            required_with,
            {path: lists for path, one in leaves.items() if (lists := self._open(value_of(one)))},
            tuple(self.form["event_types"][name]["conditions"]),
        )

    def _open(self, value: dict[str, Any]) -> dict[str, Collection[str]]:
        named = {"": value["code"]}
        if value["object"] is not None:
            item = self.form["items"][value["object"]]["fields"]
            named = {name: one["code"] for name, one in item.items()}
        lists = self.form["code_lists"]
        return {
            name: lists[code]["codes"].keys()
            for name, code in named.items()
            if code is not None and lists[code]["others"] is not None
        }

    def _leaf(self, one: dict[str, Any]) -> Check:
        check = self._value(value_of(one))
        if one["longest"] is None:
            return check

        def check_all(value: Any) -> bool:
            if not isinstance(value, list) or len(value) > one["longest"]:
                return False
            if not all(check(item) for item in value):
                return False
            distinct = {json_form.serialise(item) for item in value}
            return one["set_of"] is None or len(distinct) == len(value)

        return check_all

    def _value(self, value: dict[str, Any]) -> Check:
        if value.get("object") is not None:
            return self._item(self.form["items"][value["object"]]["fields"])
        if value["code"] is not None:
            codes = self.form["code_lists"][value["code"]]
            if codes["others"] is None:
                return lambda code: isinstance(code, str) and code in codes["codes"]
            return _texts(parse_pattern(codes["others"]))
        own = self.form["kinds"].get(value["kind"])
        return _built_in(value["kind"]) if own is None else _own_kind(own)

    def _item(self, fields: dict[str, Any]) -> Check:
        checks = {name: self._value(one) for name, one in fields.items()}
        required = {name for name, one in fields.items() if one["required"]}

        def check(value: Any) -> bool:
            return (
                isinstance(value, dict)
                and required <= value.keys() <= checks.keys()
                and all(checks[name](each) for name, each in value.items())
            )

        return check


@lru_cache(maxsize=64)
def vocabulary_of(octets: bytes) -> Vocabulary:
    """The vocabulary of these bytes.

    Raises:
        MalformedError: they are none.
    """
    return Vocabulary(octets)


def _texts(matches: Callable[[str], bool]) -> Check:
    return lambda value: isinstance(value, str) and matches(value)


def _own_kind(own: dict[str, Any]) -> Check:
    if own["integer"] is not None:
        low, high = own["integer"]["lowest"], own["integer"]["highest"]
        return lambda value: (
            isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        )
    if own["text"] is not None:
        short, long = own["text"]["shortest"], own["text"]["longest"]
        return _texts(
            lambda value: short <= len(value) <= long and CONTROLS.isdisjoint(map(ord, value))
        )
    return _texts(parse_pattern(own["pattern"]))


def _built_in(name: str) -> Check:
    if name == "boolean":
        return lambda value: isinstance(value, bool)
    form = re.compile(BUILT_IN[name])

    def matches(value: str) -> bool:
        if form.fullmatch(value) is None:
            return False
        try:
            if name == "day":
                date.fromisoformat(value)
            elif name == "instant":
                datetime.fromisoformat(value)
        except ValueError:
            return False
        return name != "email" or len(value) <= EMAIL_CHARACTERS

    return _texts(matches)
