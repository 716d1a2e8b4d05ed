"""A mapping file that contradicts itself is refused when it is loaded, and says where."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.base import Context, MappingError, Row
from adapters.mapping import MappingFileError, MemoryLinks, RowMapping, load_mapping, parse_mapping
from adapters.testing import full_data, opened
from broker.event import OpenedEvent


def document() -> dict[str, Any]:
    return {
        "mapping": "mini",
        "version": "2026-11",
        "source": "tests",
        "vocabulary": "hate-crime",
        "roles": {
            "kind": "KIND",
            "recipients": "TO",
            "case": "CASE",
            "shared_case": "SHARED",
            "not_shared": "MISSING",
            "received_from": "FROM",
            "event_id": "EVENT",
            "sent_at": "SENT",
        },
        "kinds": {"U": {"type": "case.updated", "required": ["STATUS"]}},
        "tables": {"status": {"list": "case_status", "codes": {"1": "charged"}}},
        "columns": [
            {"column": "STATUS", "paths": ["case_status"], "kind": "code", "table": "status"},
            {"column": "NOTE", "paths": ["note"]},
        ],
    }


def load(changed: dict[str, Any]) -> RowMapping:
    return RowMapping(parse_mapping(json.dumps(changed).encode(), "mini.json"))


def context(links: MemoryLinks | None = None) -> Context:
    return Context("me", {"P": "partner-one"}, links or MemoryLinks())


def row(**values: object) -> Row:
    return Row(3, {"KIND": "U", "TO": "P", "CASE": "C1", "STATUS": "1", **values}, 0, 0)


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("tables.status", {"codes": {"1": "charged", "2": "charged"}}),
        ("tables.status", {"codes": {"1": "charged"}, "absent": ["1"]}),
        ("tables.status", {"codes": {"1": "charged"}, "accepted": {"1": "fined"}}),
        ("tables.status", {"codes": {"1": "charged"}, "written": {"charged": "9"}}),
        ("tables.status", {"codes": {}, "surprise": 1}),
        ("columns[1]", {"column": "NOTE", "kind": "code"}),
        ("columns[1]", {"column": "NOTE", "table": "status"}),
        ("columns[1]", {"column": "NOTE", "kind": "records"}),
        ("columns[1]", {"column": "NOTE", "kind": "records", "parts": [{"column": "A"}]}),
        ("columns[1]", {"column": "NOTE", "kind": "picture"}),
        ("columns[1]", {"column": "NOTE", "kind": "code", "table": "absent"}),
        ("columns", {"column": "STATUS"}),
        ("kinds.U", {"type": "case.updated", "required": ["NOWHERE"]}),
    ],
)
def test_a_contradiction_is_refused_and_located(where: str, change: dict[str, Any]) -> None:
    changed = document()
    if "type" in change:
        changed["kinds"]["U"] = change
    elif "column" in change:
        changed["columns"][1] = change
    else:
        changed["tables"]["status"] = change
    with pytest.raises(MappingFileError) as error:
        load(changed)
    assert error.value.code == "mapping_invalid"
    assert error.value.exit_code == 3
    assert where in (error.value.where or "")


@pytest.mark.parametrize(
    "column",
    [
        {"column": "NEW", "paths": ["victim.nme"]},
        {"column": "NEW", "paths": ["note", "victim.nme"]},
        {"column": "NEW", "paths": ["note"], "types": ["referral.made"]},
    ],
)
def test_a_column_that_no_event_uses_is_refused(column: dict[str, Any]) -> None:
    changed = document()
    changed["columns"].append(column)
    with pytest.raises(MappingFileError, match="column NEW"):
        load(changed)


def test_input_that_is_not_json_or_missing_is_refused() -> None:
    with pytest.raises(MappingFileError):
        parse_mapping(b"{", "x.json")
    with pytest.raises(MappingFileError):
        load_mapping("adapters.csu", "1999-01")
    assert load_mapping("adapters.csu", "2026-11").mapping == "csu"


def test_a_value_without_a_place_in_the_mapping_is_refused_and_not_dropped() -> None:
    mapping = load(document())
    for event, code in (
        (opened("case.updated", {"case_id": "x", "victim.name": "Testcase"}), "unknown_column"),
        (opened("case.updated", {"case_id": "x", "case_status": "fined"}), "unknown_value"),
        (opened("referral.made", {"case_id": "x"}), "unknown_kind"),
    ):
        with pytest.raises(MappingError) as error:
            mapping.to_row(event, context())
        assert error.value.code == code
        assert "Testcase" not in error.value.diagnostics()


def test_a_leaf_withheld_without_a_column_is_named_by_its_path() -> None:
    event = opened("case.updated", {"case_id": "x"}, withheld=["note", "urn"])
    assert load(document()).to_row(event, context())["MISSING"] == "NOTE;urn"


def test_several_kinds_make_one_type_and_the_first_is_written() -> None:
    changed = document()
    changed["kinds"]["V"] = {"type": "case.updated", "required": ["NOTE"]}
    mapping = load(changed)
    assert mapping.to_row(opened("case.updated", {"case_id": "x"}), context())["KIND"] == "U"
    with pytest.raises(MappingError) as error:
        mapping.to_event(row(KIND="V"), context())
    assert error.value.where == "line 3, column NOTE"


def test_own_reference_and_shared_id_are_tied_together_once() -> None:
    mapping, links = load(document()), MemoryLinks()
    shared = "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01"
    only_shared = mapping.to_event(row(CASE="", SHARED=shared), context(links))
    assert only_shared.event.data["case_id"] == shared
    both = mapping.to_event(row(SHARED=shared.upper()), context(links))
    later = mapping.to_event(row(), context(links))
    assert both.event.data["case_id"] == later.event.data["case_id"] == shared
    assert links.own("case", shared) == "C1"
    with pytest.raises(MappingError) as error:
        mapping.to_event(row(CASE="C2", SHARED=shared), context(links))
    assert error.value.code == "unknown_case"


def test_native_numbers_and_lists_are_read_and_nothing_else() -> None:
    mapping = load(document())
    native = mapping.to_event(row(TO=["P"]), context()).event
    assert native.data["case_status"] == "charged"
    for value in (1, True, 1.5, ["1"], {"a": "1"}, [], {}):
        with pytest.raises(MappingError) as error:
            mapping.to_event(row(STATUS=value), context())
        assert error.value.code == "invalid_value"


def test_json_style_writes_native_values() -> None:
    changed = document() | {"style": "json"}
    changed["columns"] += [
        {"column": "UPLIFT", "paths": ["sentence_uplift"], "kind": "flag"},
        {"column": "OFFENCES", "paths": ["offences"], "kind": "texts"},
    ]
    mapping = load(changed)
    flat = full_data(mapping.document, "case.updated")
    kept = {path: flat[path] for path in ("case_id", "sentence_uplift", "offences")}
    event: OpenedEvent = opened("case.updated", kept)
    written = mapping.to_row(event, context())
    assert written["UPLIFT"] is True
    assert written["OFFENCES"] == flat["offences"]
    back = mapping.to_event(Row(1, written | {"STATUS": "1", "TO": "P"}, 0, 0), context()).event
    assert back.data["offences"] == flat["offences"]


def warning_document(**roles: str) -> dict[str, Any]:
    """A mapping of a type with an extensible code list, and an own code for one of its codes."""
    changed = document()
    changed["vocabulary"] = "domestic-abuse"
    changed["roles"] |= roles
    changed["kinds"] = {"W": {"type": "safety.warned"}}
    changed["tables"] = {"warning": {"list": "warning", "codes": {"R": "released"}}}
    changed["columns"] = [
        {"column": "WHAT", "paths": ["event"], "kind": "code", "table": "warning"},
    ]
    return changed


def warned(code: str, *, unlisted: bool) -> OpenedEvent:
    flat: dict[str, Any] = {"case_id": "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38", "event": code}
    event = opened("safety.warned", flat)
    return replace(event, unlisted=("event",) if unlisted else ())


def test_a_code_that_its_list_lacks_reaches_the_file_with_a_mark() -> None:
    mapping = load(warning_document(unlisted="NOT IN LIST"))
    written = mapping.to_row(warned("new_weapon", unlisted=True), context())
    assert (written["WHAT"], written["NOT IN LIST"]) == ("new_weapon", "WHAT")
    written = mapping.to_row(warned("released", unlisted=False), context())
    assert (written["WHAT"], written["NOT IN LIST"]) == ("R", "")


@pytest.mark.parametrize(
    ("roles", "event"),
    [
        ({}, warned("new_weapon", unlisted=True)),  # there is no column for the mark
        ({"unlisted": "NOT IN LIST"}, warned("missing", unlisted=False)),  # listed, no own code
    ],
    ids=["no column for the mark", "a listed code without an own one"],
)
def test_a_code_without_an_own_one_waits_for_a_person(
    roles: dict[str, str], event: OpenedEvent
) -> None:
    with pytest.raises(MappingError) as error:
        load(warning_document(**roles)).to_row(event, context())
    assert error.value.code == "unknown_value"


def test_a_listed_code_without_an_own_one_is_named_with_its_command() -> None:
    listed, unlisted = warned("missing", unlisted=False), warned("new_weapon", unlisted=True)
    with pytest.raises(MappingError) as error:
        load(warning_document()).to_row(listed, context())
    assert "mapping add-code warning OWN missing" in error.value.detail
    with pytest.raises(MappingError) as error:
        load(warning_document()).to_row(unlisted, context())
    assert "new_weapon" not in error.value.diagnostics()


def test_an_unlisted_code_that_is_an_own_code_with_another_meaning_waits() -> None:
    document = warning_document(unlisted="NOT IN LIST")
    (table,) = document["tables"].values()
    table["codes"]["seen_again"] = table["codes"].pop("R")
    with pytest.raises(MappingError) as error:
        load(document).to_row(warned("seen_again", unlisted=True), context())
    assert error.value.code == "unknown_value"
