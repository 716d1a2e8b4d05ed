"""The form of a vocabulary file (docs/spec/vocabularies.md, "The file" to "References").

`parse_vocabulary_file` gives a parsed file with every default filled in. It follows the text and
shares nothing with the software.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from tests.conformance.contract_form import (
    ID,
    SENSITIVITY,
    Kind,
    Optional,
    any_of,
    day,
    exact_text,
    flag,
    integer,
    listed,
    mapped,
    members,
    one_of,
    pattern,
    text,
)
from tests.conformance.refusals import MalformedError
from tests.conformance.vocabulary_patterns import parse_pattern
from tests.conformance.yaml_form import parse_yaml

MAX_BYTES = 1048576
MAX_LEAVES = 256
BUILT_IN = frozenset(
    ["uuid", "day", "time_of_day", "instant", "agency", "email", "language", "leaf_path", "boolean"]
)
NAME = pattern(r"[a-z][a-z_]{0,39}")
OBJECT_NAME = pattern(r"[A-Z][A-Za-z0-9]{0,39}")
TYPE = pattern(r"[a-z][a-z0-9-]{0,39}(\.[a-z][a-z0-9-]{0,39}){1,3}")
PATH = pattern(r"[a-z][a-z_]{0,39}(\.[a-z][a-z_]{0,39})?")
CODE = pattern(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
SENDER = one_of("competent-authority", "public-authority", "other")
BIG = 2**31
FORMS = ("kind", "code", "object", "list_of", "set_of")


def exactly_one(checked: dict[str, Any], names: Iterable[str]) -> str:
    found = [name for name in names if checked[name] is not None]
    if len(found) != 1:
        raise MalformedError("not exactly one of the members")
    return found[0]


def a_pattern(value: Any) -> str:
    parse_pattern(exact_text(value))
    return str(value)


def kind(value: Any) -> dict[str, Any]:
    checked: dict[str, Any] = members(
        description=Optional(text),
        text=Optional(
            members(shortest=Optional(integer(1, 8000), default=1), longest=integer(1, 8000))
        ),
        pattern=Optional(a_pattern),
        integer=Optional(members(lowest=integer(-BIG, BIG), highest=integer(-BIG, BIG))),
    )(value)
    exactly_one(checked, ("text", "pattern", "integer"))
    limits, number = checked["text"], checked["integer"]
    if limits and limits["longest"] < limits["shortest"]:
        raise MalformedError("a text of no length")
    if number and number["highest"] < number["lowest"]:
        raise MalformedError("a range of no number")
    return checked


def one_value(value: Any) -> dict[str, Any]:
    checked: dict[str, Any] = members(
        kind=Optional(NAME), code=Optional(NAME), object=Optional(OBJECT_NAME)
    )(value)
    exactly_one(checked, ("kind", "code", "object"))
    return checked


def field(value: Any) -> dict[str, Any]:
    checked: dict[str, Any] = members(
        label=Optional(text),
        kind=Optional(NAME),
        code=Optional(NAME),
        object=Optional(OBJECT_NAME),
        list_of=Optional(one_value),
        set_of=Optional(one_value),
        longest=Optional(integer(1, 80)),
        required=Optional(flag, default=False),
        category=Optional(ID),
        sensitivity=Optional(SENSITIVITY),
        data_subject=Optional(ID),
        identifies=Optional(flag, default=False),
    )(value)
    form = exactly_one(checked, FORMS)
    if (form in ("list_of", "set_of")) != (checked["longest"] is not None):
        raise MalformedError("a list without a longest, or a longest without a list")
    if checked["set_of"] and checked["set_of"]["object"] is not None:
        raise MalformedError("a set of objects")
    about = [checked[name] for name in ("category", "sensitivity", "data_subject")]
    if form == "object" and (any(about) or checked["identifies"]):
        raise MalformedError("an object has no data subject")
    if form != "object" and not all(about):
        raise MalformedError("a field that does not say whom it is about")
    return checked


def item_field(value: Any) -> dict[str, Any]:
    checked: dict[str, Any] = members(
        label=Optional(text),
        kind=Optional(NAME),
        code=Optional(NAME),
        required=Optional(flag, default=False),
    )(value)
    exactly_one(checked, ("kind", "code"))
    return checked


def several(member: Kind, low: int = 0, high: int | None = None) -> Optional:
    return Optional(listed(member, low, high), default=[])


def counted(names: Kind, member: Kind, high: int) -> Kind:
    check = mapped(names, member, 1)

    def checked(value: Any) -> dict[str, Any]:
        found: dict[str, Any] = check(value)
        if len(found) > high:
            raise MalformedError("too many members")
        return found

    return checked


CODE_LIST = members(
    dated=day,
    source=text,
    identifier=Optional(text),
    others=Optional(a_pattern),
    codes=mapped(CODE, text, 1),
    closed=Optional(mapped(CODE, mapped(SENDER, day)), default={}),
)
CONDITION = members(
    when=members(field=PATH, has=Optional(listed(any_of(flag, CODE), 1))),
    required=listed(PATH, 1, 32),
    text=text,
)
SIDE = members(transitions=mapped(CODE, listed(CODE)), business=several(CODE))
VOCABULARY = members(
    format=one_of("concordant.vocabulary/v1"),
    vocabulary=ID,
    title=text,
    dated=day,
    source=text,
    data_subjects=mapped(ID, text, 1),
    kinds=Optional(mapped(NAME, kind), default={}),
    code_lists=Optional(mapped(NAME, CODE_LIST), default={}),
    items=Optional(
        mapped(OBJECT_NAME, members(description=text, fields=counted(NAME, item_field, 32))),
        default={},
    ),
    objects=Optional(
        mapped(OBJECT_NAME, members(description=text, fields=counted(NAME, field, 128))),
        default={},
    ),
    event_types=counted(
        TYPE,
        members(
            description=text,
            fields=counted(NAME, field, 128),
            conditions=several(CONDITION, 0, 64),
        ),
        128,
    ),
    consent=Optional(
        members(scopes=mapped(NAME, text, 1), answers=mapped(PATH, NAME, 1), identity=NAME)
    ),
    law=Optional(
        members(
            criminal_offence_subjects=several(ID),
            acknowledgements=several(
                members(fields=listed(PATH, 1), acknowledgement=ID, message=text)
            ),
        ),
        default={"criminal_offence_subjects": [], "acknowledgements": []},
    ),
    parts=members(
        case=PATH,
        urgent_types=several(TYPE),
        altering_types=several(TYPE),
        record_kinds=several(PATH),
        depersonalised_kinds=several(CODE),
        depersonalised_record=Optional(text),
    ),
    referrals=Optional(
        members(
            made=members(type=TYPE, id=PATH, urgency=PATH),
            changed=members(
                type=TYPE,
                id=PATH,
                version=PATH,
                status=PATH,
                previous_status=PATH,
                reason=PATH,
                business_status=PATH,
            ),
            status_list=NAME,
            reason_list=NAME,
            first=CODE,
            unacknowledged=listed(CODE),
            unanswered=listed(CODE),
            open=listed(CODE),
            terminal=listed(CODE),
            reason_required=several(CODE),
            called_off=several(CODE),
            cancellation_requested=several(CODE),
            urgent=several(CODE),
            referrer=SIDE,
            fulfiller=SIDE,
        )
    ),
    figures=Optional(
        members(
            consent=Optional(NAME),
            corrected=Optional(members(type=TYPE, source=PATH, id=PATH, withdrawn=PATH)),
            recording=Optional(members(dimension=NAME, third_party=text, areas=NAME)),
            dimensions=counted(
                NAME,
                members(
                    label=text,
                    several=Optional(flag, default=False),
                    leaves=mapped(TYPE, PATH, 1),
                ),
                16,
            ),
        )
    ),
)
FIGURES_CODES = {"not-stated", "third-party-report", "several-areas"}


def parse_vocabulary_file(octets: bytes) -> dict[str, Any]:
    """The members of a vocabulary file, each name defined.

    Raises:
        MalformedError: it is not well formed.
    """
    if len(octets) > MAX_BYTES:
        raise MalformedError("too large")
    form: dict[str, Any] = VOCABULARY(parse_yaml(octets))
    _check_values(form)
    leaves = {name: dict(leaves_of(form, name)) for name in form["event_types"]}
    _check_lists(form)
    for name, each in leaves.items():
        _check_type(form, name, each)
    _check_parts(form, leaves)
    _check_consent(form, leaves)
    if form["referrals"] is not None:
        _check_referrals(form, form["referrals"], leaves)
    if form["figures"] is not None:
        _check_figures(form, form["figures"], leaves)
    return form


def value_of(form: dict[str, Any]) -> dict[str, Any]:
    """The value of a field, or of each of its items: one of `kind`, `code`, `object`."""
    found: dict[str, Any] = form.get("list_of") or form.get("set_of") or form
    return found


def leaves_of(form: dict[str, Any], event_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and field of each leaf of a type, in the order of the file."""
    for name, one in form["event_types"][event_type]["fields"].items():
        if one["object"] is None:
            yield name, one
        else:
            for inner, below in form["objects"][one["object"]]["fields"].items():
                yield f"{name}.{inner}", below


def always(form: dict[str, Any], event_type: str, path: str) -> bool:
    """True of a leaf that every event of the type has."""
    first, _, second = path.partition(".")
    top = form["event_types"][event_type]["fields"][first]
    if not second:
        return bool(top["required"])
    below = form["objects"][top["object"]]["fields"][second]
    return bool(top["required"] and below["required"])


def _require(met: bool, why: str) -> None:
    if not met:
        raise MalformedError(why)


def _check_values(form: dict[str, Any]) -> None:
    _require(not BUILT_IN & form["kinds"].keys(), "a built-in kind")
    for item in form["items"].values():
        for one in item["fields"].values():
            _check_value(form, one)
            code = one["code"]
            _require(code is None or not form["code_lists"][code]["closed"], "closed in an item")
    for group in form["objects"].values():
        for one in group["fields"].values():
            _require(one["object"] is None, "an object in an object")
            _check_field(form, one)
    for name, each in form["event_types"].items():
        _require(not name.startswith("concordant."), "a type of the protocol")
        for one in each["fields"].values():
            if one["object"] is None:
                _check_field(form, one)
            else:
                _require(one["object"] in form["objects"], "no such object")


def _check_field(form: dict[str, Any], one: dict[str, Any]) -> None:
    _check_value(form, value_of(one))
    _require(one["data_subject"] in form["data_subjects"], "no such data subject")


def _check_value(form: dict[str, Any], one: dict[str, Any]) -> None:
    known: dict[str, Collection[str]] = {
        "kind": BUILT_IN | form["kinds"].keys(),
        "code": form["code_lists"],
        "object": form["items"],
    }
    for member, names in known.items():
        name = one.get(member)
        _require(name is None or name in names, f"no such {member}")


def _check_lists(form: dict[str, Any]) -> None:
    for one in form["code_lists"].values():
        _require(one["dated"] <= form["dated"], "a list of a later day")
        _require(one["closed"].keys() <= one["codes"].keys(), "a closed code that is none")
        if one["others"] is not None:
            matches = parse_pattern(one["others"])
            _require(all(map(matches, one["codes"])), "a code that others does not match")
            _require(not one["closed"], "closed codes of an open list")


def _closed_list(form: dict[str, Any], name: str) -> None:
    _require(form["code_lists"][name]["others"] is None, "a rule on an open list")


def _check_type(form: dict[str, Any], name: str, leaves: dict[str, dict[str, Any]]) -> None:
    case = form["parts"]["case"]
    _require(len(leaves) <= MAX_LEAVES, "too many leaves")
    _require(case in leaves and always(form, name, case), "a type without the case")
    edges: dict[str, set[str]] = {}
    for one in form["event_types"][name]["conditions"]:
        when, required = one["when"], one["required"]
        _require(when["field"] in leaves, "a condition on no leaf")
        _require(set(required) <= leaves.keys(), "a condition for no leaf")
        _require(len(set(required)) == len(required), "a leaf twice")
        _require(not any(always(form, name, path) for path in required), "required anyway")
        for path in required:
            edges.setdefault(path, set()).add(when["field"])
        if when["has"] is not None:
            _check_has(form, value_of(leaves[when["field"]]), when["has"])
    while edges:  # remove leaves that depend on nothing; a circle leaves the others
        free = [path for path, before in edges.items() if not before & edges.keys()]
        _require(bool(free), "a circle")
        for path in free:
            del edges[path]


def _check_has(form: dict[str, Any], value: dict[str, Any], has: list[Any]) -> None:
    allowed: list[Any] = [True, False] if value["kind"] == "boolean" else []
    if value["code"] is not None:
        _closed_list(form, value["code"])
        allowed = list(form["code_lists"][value["code"]]["codes"])
    for one in has:
        _require(any(one is each or (one == each and one is not True and one is not False)
                     for each in allowed), "a value that the leaf cannot have")  # fmt: skip
    _require(len(set(has)) == len(has), "a value twice")


def _check_parts(form: dict[str, Any], leaves: dict[str, dict[str, dict[str, Any]]]) -> None:
    parts, types = form["parts"], form["event_types"].keys()
    paths = {path for each in leaves.values() for path in each}
    _require({*parts["urgent_types"], *parts["altering_types"]} <= types, "no such type")
    kinds: set[str] = set()
    for path in parts["record_kinds"]:
        fields = [each[path] for each in leaves.values() if path in each]
        _require(bool(fields) and all(one["code"] for one in fields), "a kind without a code")
        for one in fields:
            _closed_list(form, one["code"])
            kinds |= form["code_lists"][one["code"]]["codes"].keys()
    _require(set(parts["depersonalised_kinds"]) <= kinds, "no such kind of record")
    named = parts["depersonalised_record"] is not None
    _require(named or not parts["depersonalised_kinds"], "records without a name")
    law = form["law"]
    _require(set(law["criminal_offence_subjects"]) <= form["data_subjects"].keys(), "no subject")
    for one in law["acknowledgements"]:
        _require(set(one["fields"]) <= paths, "an acknowledgement for no leaf")


def _check_consent(form: dict[str, Any], leaves: dict[str, dict[str, dict[str, Any]]]) -> None:
    consent = form["consent"]
    if consent is None:
        return
    answers, scopes = consent["answers"], consent["scopes"]
    for path in answers:
        fields = [each[path] for each in leaves.values() if path in each]
        _require(bool(fields) and all(one["kind"] == "boolean" for one in fields), "no answer")
    _require(sorted(answers.values()) == sorted(scopes), "not one answer for each scope")
    _require(consent["identity"] in scopes, "no such scope")
    objects = {path.split(".")[0] for path in answers if "." in path}
    for each in leaves.values():
        beside = {path for path in each if "." in path and path.split(".")[0] in objects}
        _require(beside <= answers.keys(), "a field beside the answers")


def _check_referrals(
    form: dict[str, Any], rules: dict[str, Any], leaves: dict[str, dict[str, dict[str, Any]]]
) -> None:
    for part in ("made", "changed"):
        named = rules[part]
        _require(named["type"] in leaves, "no such type")
        paths = {path for member, path in named.items() if member != "type"}
        _require(paths <= leaves[named["type"]].keys(), "no such leaf")
    lists = form["code_lists"]
    _require({rules["status_list"], rules["reason_list"]} <= lists.keys(), "no such list")
    made, changed = leaves[rules["made"]["type"]], leaves[rules["changed"]["type"]]
    for member, name in (
        ("status", rules["status_list"]),
        ("previous_status", rules["status_list"]),
        ("reason", rules["reason_list"]),
    ):
        _closed_list(form, name)
        _require(changed[rules["changed"][member]]["code"] == name, "a leaf of another list")
    coded = {
        "business": changed[rules["changed"]["business_status"]]["code"],
        "urgency": made[rules["made"]["urgency"]]["code"],
    }
    for one in filter(None, coded.values()):
        _closed_list(form, one)
    codes = {what: lists[one]["codes"].keys() if one else set() for what, one in coded.items()}
    statuses = lists[rules["status_list"]]["codes"].keys()
    used = {rules["first"]}
    for member in (
        "unacknowledged", "unanswered", "open", "terminal", "reason_required", "called_off",
    ):  # fmt: skip
        used |= set(rules[member])
    business = set(rules["cancellation_requested"])
    for side in ("referrer", "fulfiller"):
        business |= set(rules[side]["business"])
        for before, after in rules[side]["transitions"].items():
            used |= {before, *after}
            _require(before not in rules["terminal"], "a change of what has ended")
    _require(used <= statuses, "no such status")
    _require(business <= codes["business"], "no such business status")
    _require(set(rules["urgent"]) <= codes["urgency"], "no such urgency")


def _check_figures(
    form: dict[str, Any], part: dict[str, Any], leaves: dict[str, dict[str, dict[str, Any]]]
) -> None:
    consent = form["consent"]
    scope = part["consent"]
    _require(scope is None or (consent is not None and scope in consent["scopes"]), "no such scope")
    dimensions = part["dimensions"]
    _require(not dimensions.keys() & {"source", "unit_area"}, "a dimension of the engine")
    for one in dimensions.values():
        lists = {_counted_by(form, one, leaves, *where) for where in one["leaves"].items()}
        _require(len(lists) == 1, "a dimension over two lists")
    corrected = part["corrected"]
    if corrected is not None:
        fields = leaves.get(corrected["type"], {})
        for member, name, many in (
            ("source", "agency", False), ("id", "uuid", False), ("withdrawn", "leaf_path", True),
        ):  # fmt: skip
            one = fields.get(corrected[member])
            _require(one is not None, "no such leaf of the correction")
            assert one is not None
            fits = value_of(one)["kind"] == name and (one["longest"] is not None) == many
            _require(fits, "a correction by another kind of leaf")
    recording = part["recording"]
    if recording is not None:
        one = dimensions.get(recording["dimension"])
        _require(one is not None and not one["several"], "no dimension of one value")
        _require(recording["areas"] in form["code_lists"], "no such list of areas")
        _countable(form, recording["areas"])


def _counted_by(
    form: dict[str, Any],
    dimension: dict[str, Any],
    leaves: dict[str, dict[str, dict[str, Any]]],
    event_type: str,
    path: str,
) -> str:
    """The code list by which a leaf is counted; an empty name for truth values."""
    one = leaves.get(event_type, {}).get(path)
    _require(one is not None, "no such leaf of a dimension")
    assert one is not None
    value = value_of(one)
    _require(not one["identifies"], "a dimension that identifies")
    _require(one["longest"] is None or dimension["several"], "several values of one")
    if value["code"] is None:
        _require(value["kind"] == "boolean", "a dimension without codes")
        return ""
    _countable(form, value["code"])
    return str(value["code"])


def _countable(form: dict[str, Any], name: str) -> None:
    _closed_list(form, name)
    _require(not FIGURES_CODES & form["code_lists"][name]["codes"].keys(), "a code of figures")
