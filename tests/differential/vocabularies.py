"""Vocabulary files, altered, and values of their event types (docs/spec/vocabularies.md).

All vocabularies of the software. Of a file both readers say whether it is one, and then what it
states: leaves, requirements, conditions, lists. Of an event's leaves both say whether a reader of
some paths takes them, which codes are not listed, and whether a condition is unmet at the sender.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from random import Random
from typing import Any

import yaml

from contracts.errors import ContractError, EventError
from contracts.vocabulary import Vocabulary, parse_vocabulary
from contracts.vocabulary.known import shipped_vocabulary_files
from contracts.vocabulary.samples import sample_values
from tests.conformance import vocabularies as second
from tests.conformance.refusals import MalformedError
from tests.differential.alteration import altered, grown
from tests.differential.comparison import REFUSED, Comparison, Family

FILES = shipped_vocabulary_files()
VALUES: tuple[object, ...] = (
    *(None, True, False, 0, 1, -1, 80, 81, 8000, 8001, 2**31, 2**31 + 1, [], {}, "", " ", "x"),
    *("uuid", "day", "text", "boolean", "short_text", "none", "personal", "criminal-offence"),
    *("Victim", "Risk", "Child", "case_id", "victim.name", "risk.score", "reason", "criteria"),
    *("[a-z]{1,5}", "[a-z", "[^a]", "[z-a]", "a{0}", "a?", "[a-]{2,1}", "[-a]", "x{1001}", "\\d"),
    *("2026-01-01", "2027-01-01", "2026-02-30", "other", "refused", "requested", "concordant.x"),
    *({"kind": "uuid"}, {"code": "urgency"}, {"object": "Risk"}, {"field": "criteria"}),
    *(["case_id"], ["risk.score"], [True], ["refused"], [{"when": {"field": "told"}}]),
)
NAMES = ("extra", "has", "when", "conditions", "others", "longest", "required", "x", "X", "a.b")


def _leaf_values() -> tuple[object, ...]:
    return (
        *(True, False, 0, 1, -1, 27, 28, 99, 100, "", " ", "x", "é" * 300, "x" * 301, "\x7f"),
        *("a\nb", "2026-02-28", "2026-02-30", "2026-03-01T10:00:00.000Z", "24:00", "23:59"),
        *("2026-03-01T24:00:00.000Z", "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38", "N1 9GU", "en-GB"),
        *("a@b.example", "police", "refused", "other", "seen_near", "x_y", "A", "9990019999"),
        *([], ["weapons"], ["poison"], ["weapons", "weapons"], {}, [{}], [[]], [True], ["x"]),
        *([{"id": "x"}], [{"name": "A", "known_to_social_care": False}], ["case_id", "a.b.c"]),
    )


# --- files ----------------------------------------------------------------------------------------


@cache
def _typed() -> tuple[Any, ...]:
    """The trees with numbers and truth values, small enough that each rule is met as often."""
    found = []
    for raw in FILES.values():
        tree = yaml.safe_load(raw)
        tree["dated"] = str(tree["dated"])
        for listed in tree["code_lists"].values():
            listed["dated"] = str(listed["dated"])
            for senders in listed.get("closed", {}).values():
                senders.update({kind: str(day) for kind, day in senders.items()})
        found.append(tree)
    return tuple(found)


def _part(tree: Any, rng: Random) -> Any:
    """Alter one part of the tree, so that small parts are met as often as large ones."""
    tree = deepcopy(tree)
    values: list[Callable[[], object]] = [lambda: deepcopy(rng.choice(VALUES))]
    for _ in range(rng.choice((1, 1, 2))):
        place, last = tree, rng.choice(list(tree))
        while rng.random() < 0.75:
            inner = place[last]
            if isinstance(inner, dict) and inner:
                place, last = inner, rng.choice(list(inner))
            elif isinstance(inner, list) and inner:
                place, last = inner, rng.randrange(len(inner))
            else:
                break
        how = rng.random()
        if how < 0.35:
            place[last] = rng.choice(values)()
        elif how < 0.5 and isinstance(place, dict):
            del place[last]
        elif how < 0.65 and isinstance(place, dict):
            place[rng.choice(NAMES)] = rng.choice(values)()
        else:
            place[last] = grown(place[last], rng, values, NAMES)
    return tree


def _tree(rng: Random) -> bytes:
    tree = _part(rng.choice(_typed()), rng)
    return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _text(rng: Random) -> bytes:
    return altered(rng.choice(list(FILES.values())), rng)


def _product(raw: bytes) -> object:
    try:
        words = parse_vocabulary(raw, "mine.yaml")
    except ContractError:
        return REFUSED
    return [
        (
            name,
            list(of_type.leaves),
            sorted(of_type.required),
            sorted(of_type.open_lists),
            [(one.field, list(one.required)) for one in of_type.conditions],
        )
        for name, of_type in words.event_types.items()
    ] + [(words.case, sorted(words.answers.items()), list(words.record_kinds))]


def _second(raw: bytes) -> object:
    try:
        words = second.Vocabulary(raw)
    except MalformedError:
        return REFUSED
    return [
        (
            name,
            list(model.leaves),
            sorted(model.required),
            sorted(model.open_codes),
            [(one["when"]["field"], one["required"]) for one in model.conditions],
        )
        for name, model in words.models.items()
    ] + [(words.case, sorted(words.answers.items()), words.record_kinds)]


def _files(raw: bytes) -> Comparison:
    ours = _product(raw)
    return Comparison(ours, _second(raw), raw, (REFUSED if ours == REFUSED else "taken",))


# --- values ---------------------------------------------------------------------------------------


@cache
def _both() -> tuple[tuple[Vocabulary, second.Vocabulary], ...]:
    return tuple((parse_vocabulary(raw, "x"), second.Vocabulary(raw)) for raw in FILES.values())


def _changed(value: Any, rng: Random) -> Any:
    values: list[Callable[[], object]] = [lambda: deepcopy(rng.choice(_leaf_values()))]
    if isinstance(value, (dict, list)) and value and rng.random() < 0.6:
        return grown(deepcopy(value), rng, values, ["a", "name", "id", "action"])
    if isinstance(value, str) and rng.random() < 0.4:
        return altered(value.encode(), rng).decode("utf-8", "replace").replace("\0", "")
    return rng.choice(values)()


def _plain(value: Any) -> bool:
    """Return True for JSON without null, as groups hold it."""
    if isinstance(value, list):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _plain(each) for name, each in value.items())
    return isinstance(value, (str, int))


def _values(rng: Random) -> Comparison:
    ours, theirs = rng.choice(_both())
    name = rng.choice(list(ours.event_types))
    of_type, model = ours.event_types[name], theirs.models[name]
    flat: dict[str, Any] = dict(sample_values(ours, name))
    if rng.random() < 0.6:
        flat = {path: value for path, value in flat.items() if rng.random() < 0.8}
    for _ in range(rng.choice((0, 1, 1, 2))):
        path = rng.choice(list(of_type.leaves))
        flat[path] = _changed(flat.get(path), rng)
    listed = [p for p in flat if of_type.leaves[p].form.value.code]
    for path in rng.sample(listed, min(2, len(listed))):  # other codes meet other conditions
        codes = ours.code_lists[of_type.leaves[path].form.value.code or ""]
        further = ["not_in_the_list"] * len(codes.codes) if codes.others is not None else []
        code = rng.choice([*codes.codes, *further])
        flat[path] = [code] if of_type.leaves[path].form.longest else code
    flat = {path: value for path, value in flat.items() if _plain(value)}
    granted = frozenset(path for path in of_type.leaves if rng.random() < 0.9)
    held = {path: value for path, value in flat.items() if path in granted or rng.random() < 0.05}
    mine = _taken(lambda: of_type.restricted(granted).check(held), EventError)
    other = _taken(lambda: model.check(held, granted), MalformedError)
    about = {"type": name, "leaves": held, "granted": sorted(granted)}
    if mine == other == "taken":
        return Comparison(
            (list(of_type.unlisted(held)), of_type.unmet(held, granted) is not None),
            (model.unlisted(held), model.unmet(held, granted)),
            about,
            (ours.form.vocabulary, "taken", *_marks(of_type.unlisted(held), held, of_type)),
        )
    return Comparison(mine, other, about, (mine,))


def _marks(unlisted: tuple[str, ...], held: Mapping[str, Any], of_type: Any) -> list[str]:
    unmet = of_type.unmet(held, of_type.leaves.keys()) is not None
    return ["unlisted"] * bool(unlisted) + ["condition unmet"] * unmet


def _taken(check: Callable[[], None], refusal: type[Exception]) -> str:
    try:
        check()
    except refusal:
        return REFUSED
    return "taken"


FAMILIES = (
    Family("vocabularies, as trees", lambda rng: _files(_tree(rng)), 60),
    Family("vocabularies, as text", lambda rng: _files(_text(rng)), 20),
    Family("values of vocabularies", _values, 300),
)
