"""A reference is what the agency wrote, or it is refused: no two cases become one, nor one two."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters import council, cps, csu, support
from adapters.base import Context, MappingError, Row
from adapters.mapping import MappingDocument, MemoryLinks, load_mapping
from adapters.mapping.document import MappingFileError, parse_mapping
from adapters.mapping.references import DEFAULT_PATTERN

ADAPTERS: dict[str, Any] = {
    "csu": csu.ADAPTER, "cps": cps.ADAPTER, "council": council.ADAPTER, "support": support.ADAPTER,
}  # fmt: skip
MADE_BY_PROGRAMS = (
    "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "########",
    "Err:502", "NULL", "null", "(null)", "None", "NaN", "N/A", "n/a", "NA", "TBC", "UNKNOWN",
    "Not known", "undefined", "-", "?", "0", "000", "0/0", "00-00-00", "TRUE", "false",
    "2.61E+12", "2,61E+12",
    "2.61e12", "1E5", "1.0", "12,5", "1234567890123456", "01/12/2026", "2026-12-01", "1.12.2026",
    "01/12/2026 00:00", "03-Apr", "3 apr", "Apr-26", "03-Apr-26", "April 2026",
)  # fmt: skip
UNSEEN = (
    "01/700/26\u200b", "\u200b01/700/26", "01/\u200b700/26", "01/700\u00ad/26", "\ufeff01/700/26",
    "01/700/26\u2060", "01/700/26\u200e", "01\u00a0700", "01/7\u041e0/26", "\uff10\uff11/700/26",
    "\u0660\u0661", "01\u2044700\u204426", "01\u2215700", "01\u2010700", "01/700/26\x00", "01\t700",
    "'01/700/26", "\u201901/700/26", "01/700/26\ufffd", "01\n700", "C-1\u0301",
)  # fmt: skip


def first_row(kind: str) -> tuple[Row, Context]:
    """A good row of the sample of an adapter, that needs no former link."""
    from adapters.testing import full_data, opened

    adapter = ADAPTERS[kind]
    document: MappingDocument = adapter.mapping.document
    context = Context("this-agency", {"P1": "partner-one", "P2": "partner-two"}, MemoryLinks())
    flat = full_data(document, "referral.made")
    written = adapter.from_event(opened("referral.made", flat), context)
    (row,) = adapter.read(written)
    assert isinstance(row, Row)
    return row, context


def refusal(kind: str, **changed: object) -> MappingError:
    row, context = first_row(kind)
    roles = ADAPTERS[kind].mapping.document.roles
    values = dict(row.values) | {roles.shared_case: "", roles.shared_referral: ""}
    values |= {roles.case: "A-1", roles.referral: "A-2"}
    values |= {getattr(roles, role): value for role, value in changed.items()}
    with pytest.raises(MappingError) as error:
        ADAPTERS[kind].to_event(Row(2, values, 0, 0), context)
    assert context.links.find_shared("case", str(changed.get("case", ""))) is None
    return error.value


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("role", ["case", "referral"])
def test_names_that_programs_write_are_not_references(kind: str, role: str) -> None:
    column = getattr(ADAPTERS[kind].mapping.document.roles, role)
    for value in MADE_BY_PROGRAMS + UNSEEN:
        error = refusal(kind, **{role: value})
        assert (error.code, error.where) == ("invalid_value", f"line 2, column {column}"), value
        assert value not in error.detail or len(value) < 4


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("digit", "01f")
def test_a_shared_id_that_stands_for_none_joins_no_cases(kind: str, digit: str) -> None:
    none = "-".join(digit * length for length in (8, 4, 4, 4, 12))
    for role in ("shared_case", "shared_referral"):
        assert refusal(kind, **{role: none}).code == "invalid_value"
        assert refusal(kind, **{role: none.upper()}).code == "invalid_value"


@pytest.mark.parametrize("kind", ADAPTERS)
def test_good_references_are_taken_and_blanks_around_them_are_no_part(kind: str) -> None:
    row, context = first_row(kind)
    roles = ADAPTERS[kind].mapping.document.roles
    found = set()
    for value in ("01/700/26", " 01/700/26\u00a0"):
        values = dict(row.values) | {roles.shared_case: "", roles.case: value}
        event = ADAPTERS[kind].to_event(Row(2, values, 0, 0), context).event
        found.add(event.data["case_id"])
    assert len(found) == 1


@pytest.mark.parametrize("kind", ADAPTERS)
def test_each_shipped_format_states_its_patterns(kind: str) -> None:
    roles = load_mapping(f"adapters.{kind}").roles
    assert "case_pattern" in roles.model_fields_set
    assert "referral_pattern" in roles.model_fields_set


def test_a_pattern_that_is_none_is_an_error_of_the_mapping_file() -> None:
    document = json.loads(load_mapping("adapters.csu").model_dump_json())
    document["roles"]["case_pattern"] = "("
    with pytest.raises(MappingFileError):
        parse_mapping(json.dumps(document).encode(), "mini.json")
    assert DEFAULT_PATTERN


@pytest.mark.parametrize("value", ["#N/A", "#REF!", "NULL", "(null)", "#####"])
def test_a_text_that_a_program_wrote_for_an_error_is_refused(value: str) -> None:
    row, context = first_row("csu")
    for column in ("VIC_NAME", "MO_TEXT", "REFER_REASON", "CRIME_NO"):
        with pytest.raises(MappingError) as error:
            csu.ADAPTER.to_event(Row(2, dict(row.values) | {column: value}, 0, 0), context)
        assert (error.value.code, error.value.where) == (
            "invalid_value",
            f"line 2, column {column}",
        )


@pytest.mark.parametrize("value", ["01/12/2026", "2.61E+12", "UNKNOWN"])
def test_a_reference_to_a_record_elsewhere_is_none_of_these_either(value: str) -> None:
    row, context = first_row("csu")
    with pytest.raises(MappingError) as error:
        csu.ADAPTER.to_event(Row(2, dict(row.values) | {"CRIME_NO": value}, 0, 0), context)
    assert error.value.where == "line 2, column CRIME_NO"


@pytest.mark.parametrize(
    "char", ["\u200b", "\ufeff", "\u2060", "\u202e", "\u2066", "\u00ad", "\ue000", "\u2028"]
)
def test_a_short_text_has_no_character_that_cannot_be_seen(char: str) -> None:
    row, context = first_row("csu")
    with pytest.raises(MappingError) as error:
        csu.ADAPTER.to_event(Row(2, dict(row.values) | {"VIC_NAME": f"Da{char}n"}, 0, 0), context)
    assert f"U+{ord(char):04X}" in error.value.detail


def test_joiners_that_names_need_are_kept() -> None:
    row, context = first_row("csu")
    values = dict(row.values) | {"VIC_NAME": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647"}
    assert csu.ADAPTER.to_event(Row(2, values, 0, 0), context)
