"""The schemas in docs/spec are what the code checks, and contracts.md names every member."""

from __future__ import annotations

import base64
import copy
import json
import re
import runpy
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError as SchemaError
from jsonschema.validators import extend
from pydantic import BaseModel

from contracts import loading, model, parties, strict_yaml, terms
from contracts.drafting import draft, london_parties
from contracts.errors import EventError
from contracts.events import JSON
from contracts.examples import example, permitted_types
from contracts.loading import parse_contract, shipped_terms
from contracts.model import Contract
from contracts.parties import GovernanceKeys
from tests.support.words import (
    EVENT_TYPES,
    HATE_CRIME,
    leaves,
    required_leaves,
    restricted,
    validate_event,
)

SPEC = Path(__file__).parents[3] / "docs" / "spec"
SCHEMAS = SPEC / "schemas"
TEXT = (SPEC / "contracts.md").read_text()

formats = FormatChecker(())


@formats.checks("date", ValueError)
def is_day(text: object) -> bool:
    return not isinstance(text, str) or bool(date.fromisoformat(text))


@formats.checks("date-time", ValueError)
def is_instant(text: object) -> bool:
    return not isinstance(text, str) or bool(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z"))


def pattern(_: Any, expected: str, found: object, __: Any) -> Iterator[SchemaError]:
    """As ECMA-262 has it: ``$`` is the end of the text, also before a line break."""
    assert expected.startswith("^")
    assert expected.endswith("$")
    if isinstance(found, str) and re.fullmatch(expected[1:-1], found) is None:
        yield SchemaError("pattern")


Validator = extend(Draft202012Validator, {"pattern": pattern})


@cache
def schema(event_type: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{event_type}.schema.json").read_text())
    return found


VALIDATORS = {
    event_type: Validator(schema(event_type), format_checker=formats) for event_type in EVENT_TYPES
}


def by_schema(event_type: str, data: object) -> bool:
    return bool(VALIDATORS[event_type].is_valid(data))


def by_us(event_type: str, data: Any) -> bool:
    try:
        validate_event(event_type, data)
        flat = HATE_CRIME.type(event_type).flatten(data)
        if HATE_CRIME.type(event_type).unmet(flat, flat.keys() | set(leaves(event_type))):
            return False
    except EventError:
        return False
    return True


def _contract() -> Contract:
    members = london_parties()
    keys = {
        str(party["id"]): GovernanceKeys(
            ed25519=base64.b64encode(bytes(32)).decode(),
            ml_dsa_65=base64.b64encode(bytes(1952)).decode(),
        )
        for party in members
    }
    text = draft(
        shipped_terms(),
        deployment="pan-london",
        parties=members,
        governance_keys=keys,
        starts=date(2026, 1, 1),
        ends=date(2026, 12, 31),
        review_on=date(2026, 6, 30),
    )
    return parse_contract(text.encode(), "contract").contract


CONTRACT = _contract()
EXAMPLES: Mapping[str, dict[str, JSON]] = {
    event_type: example(
        CONTRACT,
        next(p.id for p in CONTRACT.parties if event_type in permitted_types(CONTRACT, p.id)),
        event_type,
    ).data
    for event_type in EVENT_TYPES
}


def places(data: JSON, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in an event, the whole included."""
    yield at
    if isinstance(data, dict):
        for name, value in data.items():
            yield from places(value, (*at, name))
    if isinstance(data, list):
        for index, value in enumerate(data):
            yield from places(value, (*at, index))


def without(data: dict[str, JSON], at: tuple[str | int, ...]) -> JSON:
    changed: Any = copy.deepcopy(data)
    target = changed
    for part in at[:-1]:
        target = target[part]
    del target[at[-1]]
    return changed


def replaced(data: dict[str, JSON], at: tuple[str | int, ...], value: object) -> Any:
    changed: Any = copy.deepcopy(data)
    if not at:
        return value
    target = changed
    for part in at[:-1]:
        target = target[part]
    target[at[-1]] = value
    return changed


def subschemas(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from subschemas(value)
    if isinstance(node, list):
        for value in node:
            yield from subschemas(value)


@cache
def of_leaf(event_type: str, path: str) -> tuple[dict[str, Any], bool, bool]:
    """(schema of a leaf, required at every level, required in its object), as contracts.md says."""
    whole = schema(event_type)
    names, required, node = path.split("."), [], whole
    for name in names:
        required.append(name in node.get("required", ()))
        node = node["properties"][name]
        node = whole["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    return {**node, "$defs": whole["$defs"]}, all(required), required[-1]


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_schema_is_what_its_generator_writes(event_type: str) -> None:
    files = runpy.run_path(str(SCHEMAS / "generate.py"))["files"]()
    assert files.keys() == {path.name for path in SCHEMAS.glob("*.json")}
    name = f"{event_type}.schema.json"
    assert (SCHEMAS / name).read_text() == files[name]


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_schema_is_one_and_has_the_leaves_of_its_type(event_type: str) -> None:
    Draft202012Validator.check_schema(schema(event_type))
    whole = schema(event_type)
    found: list[str] = []
    for name, node in whole["properties"].items():
        if "$ref" in node:
            node = whole["$defs"][node["$ref"].rpartition("/")[2]]  # noqa: PLW2901 - the same node
        inner = node.get("properties")
        found += [f"{name}.{each}" for each in inner] if inner else [name]
    assert tuple(found) == leaves(event_type)
    needed = {path for path in found if of_leaf(event_type, path)[1]}
    assert needed == required_leaves(event_type)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_both_take_the_shipped_example(event_type: str) -> None:
    assert by_schema(event_type, EXAMPLES[event_type])
    assert by_us(event_type, EXAMPLES[event_type])


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_both_agree_when_something_is_left_out_or_added(event_type: str) -> None:
    data = EXAMPLES[event_type]
    answers = []
    for at in places(data):
        if at:
            changed = without(data, at)
            answers.append(by_us(event_type, changed))
            assert by_schema(event_type, changed) is answers[-1], at
    assert set(answers) == {True, False}
    for at in ((), ("incident",), ("alleged_perpetrators", 0)):
        if at in set(places(data)):
            more = replaced(data, (*at, "imagined"), "x")
            assert not by_schema(event_type, more)
            assert not by_us(event_type, more)


OTHERS = (
    "", " ", "x\n", "a\tb", "a\x00b", "a\x7fb", "a\x85b", "a\u2028b", "\U0001d4b3" * 300,
    "\U0001d4b3" * 301, "x" * 300, "x" * 301, "x" * 8000, "x" * 8001,
    "2024-02-29", "2025-02-29", "2025-2-1", "2025-01-01\n", "1899-12-31", "2100-01-01",
    "2025-03-10T08:15:00.000Z", "2025-03-10T24:00:00.000Z", "2025-03-10T08:15:60.000Z",
    "2025-02-30T08:15:00.000Z", "2025-03-10T08:15:00.000+00:00", "23:59", "24:00", "1:00",
    "7D0F6A52-93C1-4E8B-A2D4-51C6E09B7F38", "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
    "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38\n", "E05013661", "race", "Race", "female",
    "council", "victim.phone", "victim", "victim.phone.x", "a@b.example", "a@b", "bn",
    "zh-Hant", "0", "007", "١٢٣", "ZZ99 9ZZ", "+44 20 7946 0123", "CR/90210/25",
    "01ZZ9021025",
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(OTHERS))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 1001), st.just(1.5), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["name", "form", "reference", "source", "id"]), inner),
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_both_agree_on_an_example_with_another_value_somewhere(data: st.DataObject) -> None:
    event_type = data.draw(st.sampled_from(sorted(EVENT_TYPES)))
    at = data.draw(st.sampled_from(sorted(places(EXAMPLES[event_type]), key=str)))
    changed = replaced(EXAMPLES[event_type], at, data.draw(VALUES))
    assert by_schema(event_type, changed) is by_us(event_type, changed), at


SIZES = (0, 1, 2, 3, 4, 5, 6, 11, 12, 13, 29, 30, 31, 63, 64, 65, 79, 80, 81, 82)
SIZES += (159, 160, 161, 254, 255, 299, 300, 301, 7999, 8000, 8001)
NUMBERS = (-1, 0, 1, 2, 998, 999, 1000, 999_999, 1_000_000, 1_000_001)


def near(value: JSON) -> Iterator[object]:
    """Values beside a good one of the same leaf."""
    yield value
    if isinstance(value, str):
        yield from (value[:at] + value[at + 1 :] for at in range(min(len(value), 24)))
        yield from (value[:at] + "9" + value[at + 1 :] for at in range(min(len(value), 24)))
        yield from (
            value + "0",
            value + "x",
            " " + value,
            value + "\n",
            value.upper(),
            value.lower(),
        )
    if isinstance(value, list):
        yield [*value, value[0]]
        yield from ([each] for each in near(value[0]))
        yield from (value[:1] * size for size in (0, 1, 2, 20, 21, 24, 25, 40, 41, 80, 81))
        if isinstance(value[0], str):
            yield from ([f"{'x' * 9}{chr(97 + n)}" for n in range(size)] for size in range(20, 82))
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {other: each for other, each in value.items() if other != name}
            yield from ({**value, name: each} for each in near(inner))


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_both_agree_leaf_by_leaf(event_type: str) -> None:
    """Good values, what lies beside them, lengths and numbers at the limits, and every code."""
    examples = _flat(event_type)
    for path in leaves(event_type):
        node, _, _ = of_leaf(event_type, path)
        validator = Validator(node, format_checker=formats)
        mine = restricted(event_type, frozenset({path}))
        codes = [code for each in subschemas(node) for code in each.get("enum", ())]
        values: list[object] = [*near(examples[path]), *OTHERS, *NUMBERS, True, None, [], {}]
        values += [letter * size for letter in "x9" for size in SIZES]
        values += [*codes, *([code] for code in codes)]
        for value in values:
            try:
                mine.check({path: value})  # type: ignore[dict-item]  # wrong kinds are the point
                taken = True
            except EventError:
                taken = False
            assert validator.is_valid(value) is taken, (path, value)


def _flat(event_type: str) -> dict[str, JSON]:
    flat: dict[str, JSON] = {}
    for name, value in EXAMPLES[event_type].items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": leaf for inner, leaf in value.items()}
        else:
            flat[name] = value
    return flat


def readers_part(event_type: str, granted: frozenset[str], flat: Mapping[str, object]) -> bool:
    """contracts.md, "A reader's part", taken literally."""
    for path, value in flat.items():
        if path not in granted:
            return False
        if not Validator(of_leaf(event_type, path)[0], format_checker=formats).is_valid(value):
            return False
    for path in granted - flat.keys():
        _, everywhere, in_object = of_leaf(event_type, path)
        group, dot, _ = path.partition(".")
        if everywhere:
            return False
        if dot and in_object and any(other.startswith(f"{group}.") for other in flat):
            return False
    return True


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_readers_part_is_what_the_text_says(data: st.DataObject) -> None:
    event_type = data.draw(st.sampled_from(sorted(EVENT_TYPES)))
    flat: dict[str, Any] = dict(_flat(event_type))
    paths = sorted(leaves(event_type))
    grouped = [path for path in paths if of_leaf(event_type, path)[2]]
    hidden = set(data.draw(st.lists(st.sampled_from(paths), max_size=12)))
    for path in data.draw(st.lists(st.sampled_from(paths + grouped * 4), max_size=6)):
        flat.pop(path, None)
    if data.draw(st.booleans()):
        flat[data.draw(st.sampled_from(paths))] = data.draw(TEXTS)
    granted = frozenset(paths) - hidden
    if data.draw(st.integers(0, 3)):
        flat = {path: value for path, value in flat.items() if path in granted}
    try:
        restricted(event_type, granted).check(flat)
        taken = True
    except EventError:
        taken = False
    assert readers_part(event_type, granted, flat) is taken


# --- contracts.md --------------------------------------------------------------------------------


def models() -> list[type[BaseModel]]:
    """Every model of which a contract consists; the framework agreement is another document."""
    found = {
        each
        for module in (model, parties, terms)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, terms.Term)
    }
    others = {terms.Term, model.FrameworkAgreement, model.DraftContract}
    return sorted(found - others, key=lambda each: each.__name__)


@pytest.mark.parametrize("each", models(), ids=lambda each: each.__name__)
def test_contracts_md_names_every_member_and_says_which_may_be_absent(
    each: type[BaseModel],
) -> None:
    others = [other for other in models() if other is not each]
    for name, field in each.model_fields.items():
        mentioned = re.findall(rf"`(?:[a-z_]+\.)?{name}`( \?)?", TEXT)
        assert mentioned, name
        if field.is_required():
            elsewhere = any(
                name in other.model_fields and not other.model_fields[name].is_required()
                for other in others
            )
            assert elsewhere or " ?" not in mentioned, name
        else:
            assert " ?" in mentioned, name


@pytest.mark.parametrize(
    ("value", "constant"), re.findall(r"\| ([0-9]+)[^|]*\| `([A-Z_]+)` \|", TEXT)
)
def test_a_limit_of_contract_files_is_the_constant_that_it_names(value: str, constant: str) -> None:
    assert int(value) == getattr(
        strict_yaml if hasattr(strict_yaml, constant) else loading, constant
    )
