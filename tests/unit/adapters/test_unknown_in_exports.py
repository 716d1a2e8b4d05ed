"""Unknown content of an export is refused by its line, and kept as the original bytes."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from adapters import council, cps
from adapters.base import Context, MappingError, Records, Rejected, Row
from adapters.council.flat import FlatRecords
from adapters.cps.case_xml import NAMESPACE
from adapters.limits import (
    MAX_ITEMS,
    MAX_NAMES,
    MAX_PARTS,
    MAX_RECORD_BYTES,
    MAX_REFUSED,
    MAX_SKIPPED,
)
from adapters.mapping import MemoryLinks
from adapters.sources.rejects import piece_bytes, rejected_pieces
from adapters.testing import AdapterBehaviour

GOOD = """<Case>
<Action>ChargingDecision</Action>
<Recipients><Agency>P1</Agency></Recipients>
<Case><Number>CMS-1</Number><URN>01ZZ1000126</URN></Case>
<File><Forms><Form><Number>MG3</Number><Reference>MG3-1</Reference></Form></Forms>
<Offences><Offence>Harassment</Offence></Offences></File>
<Charging><Decision>B-Charge</Decision></Charging>
</Case>
"""


def xml(*cases: str, root: str = "") -> bytes:
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<CaseExport xmlns="{NAMESPACE}"{root}>\n'
    return (head + "".join(cases) + "</CaseExport>\n").encode()


def kept(records: Records, content: bytes) -> bytes:
    """The refused records, as they are put aside."""
    rejected = [item for item in records if isinstance(item, Rejected)]
    return b"".join(piece_bytes(rejected_pieces(records, rejected), io.BytesIO(content)))


UNKNOWN_IN_A_CASE = {
    "an attribute of the case": ("<Case>\n", '<Case Deleted="true">\n', 3),
    "an attribute of a section": ("<File>", '<File x="1">', 7),
    "an attribute of a list": ("<Recipients>", '<Recipients all="true">', 5),
    "an attribute of an item": ("<Agency>", '<Agency not="true">', 5),
    "an attribute of a record": ("<Form>", '<Form withdrawn="1">', 7),
    "an attribute of a part": ("<Reference>", '<Reference old="1">', 7),
    "an attribute of a value": ("<Decision>", '<Decision status="withdrawn">', 9),
    "an attribute of another namespace": (
        "<Decision>",
        '<Decision xmlns:i="urn:i" i:nil="true">',
        9,
    ),
    "an attribute of xml": ("<Decision>", '<Decision xml:lang="cy">', 9),
    "another item": ("</Recipients>", "<ExcludedAgency>P2</ExcludedAgency></Recipients>", 5),
    "another item in another list": (
        "<Offences>",
        "<Offences><DroppedOffence>x</DroppedOffence>",
        8,
    ),
    "another record in a list": ("<Form>", "<WithdrawnForm>", 7),
    "another part of a record": ("<Reference>", "<Void>1</Void><Reference>", 7),
    "an unknown element": ("<Charging>", "<Deleted>true</Deleted><Charging>", 9),
    "an unknown element in a section": ("<Decision>", "<Reversed/><Decision>", 9),
    "another namespace of an element": ("<Charging>", '<Charging xmlns="urn:x">', 9),
    "another namespace of an item": ("<Agency>", '<Agency xmlns="urn:x">', 5),
    "an instruction": ("<Charging>", "<?delete all?><Charging>", 9),
    "an instruction in a value": ("B-Charge", "B-<?x?>Charge", 9),
    "a comment in a value": ("B-Charge", "B-<!-- not -->Charge", 9),
    "a comment in an item": ("<Agency>P1", "<Agency>P1<!-- x -->0", 5),
    "text between elements": ("<Charging>", "no <Charging>", 9),
    "text in a list": ("<Recipients>", "<Recipients>all but ", 5),
    "text in CDATA between elements": ("<Charging>", "<![CDATA[no]]><Charging>", 9),
    "an element twice": ("<Charging>", "<Action>Other</Action><Charging>", 9),
    "a value in a value": ("B-Charge", "<B-Charge/>", 9),
}


def adjusted(case: str) -> str:
    old, new, _ = UNKNOWN_IN_A_CASE[case]
    changed = GOOD.replace(old, new, 1)
    if case == "another record in a list":
        changed = changed.replace("</Form>", "</WithdrawnForm>", 1)
    return changed


@pytest.mark.parametrize("case", UNKNOWN_IN_A_CASE)
def test_a_forbidden_member_of_a_case_is_refused_by_line_also_the_second_time(case: str) -> None:
    content = xml(adjusted(case), GOOD)
    records = cps.ADAPTER.read(content)
    bad, good = records
    assert isinstance(good, Row)
    assert isinstance(bad, Rejected)
    assert bad.error.code in ("unknown_column", "row_malformed")
    assert (bad.error.where or "").startswith(f"line {UNKNOWN_IN_A_CASE[case][2]}")
    again = kept(records, content)
    assert adjusted(case).encode() in again
    (still,) = cps.ADAPTER.read(again)
    assert isinstance(still, Rejected)
    assert still.error.code == bad.error.code


def test_unknown_members_are_skipped_and_kept() -> None:
    content = xml(
        "<!-- made at night -->",
        GOOD.replace("<Charging>", "<!-- a comment --><Charging>").replace(
            "B-Charge", "<![CDATA[B-Charge]]>"
        ),
        "<!-- and after -->\n",
        GOOD.replace("<Action>", "<Bad/><Action>"),
    )
    records = cps.ADAPTER.read(content)
    first, second = records
    assert isinstance(first, Row)
    assert first.values["Charging/Decision"] == "B-Charge"
    assert isinstance(second, Rejected)
    assert b"made at night" in kept(records, content)


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (xml(GOOD, root=' status="withdrawn"'), "unknown_column", 2),
        (xml(GOOD, root=' xmlns:i="urn:i" i:schemaLocation="a b"'), "unknown_column", 2),
        (xml("<?delete all?>", GOOD), "unknown_column", 3),
        (xml("these are void", GOOD), "file_malformed", 3),
        (xml(GOOD, "these were void"), "file_malformed", 11),
        (b"<?a b?>" + xml(GOOD)[39:], "unknown_column", 1),
        (
            xml(GOOD).replace(b"<CaseExport", b"<!DOCTYPE CaseExport>\n<CaseExport"),
            "file_malformed",
            2,
        ),
        (
            xml("<Case>", *(f"<a{n}/>" for n in range(MAX_NAMES + 1)), "</Case>"),
            "file_malformed",
            3,
        ),
        (xml('<Case a="">', "<a/>" * (MAX_SKIPPED + 1), "</Case>"), "file_malformed", 3),
    ],
)
def test_a_forbidden_member_of_a_file_is_refused_by_line(
    content: bytes, code: str, line: int
) -> None:
    with pytest.raises(MappingError) as error:
        cps.ADAPTER.read(content)
    assert error.value.code == code
    assert error.value.where == f"line {line}"


def test_another_element_than_a_case_is_refused_alone() -> None:
    content = xml("<DeletedCase/>\n", GOOD, "<Case/>\n")
    found = list(cps.ADAPTER.read(content))
    assert [(type(item), item.line) for item in found] == [
        (Rejected, 3),
        (Row, 4),
        (Rejected, 12),
    ]


def test_a_case_of_too_many_bytes_or_elements_is_refused_alone() -> None:
    long = GOOD.replace("B-Charge", "x" * MAX_RECORD_BYTES)
    many = GOOD.replace("<Offences>", "<Offences>" + "<Offence>x</Offence>" * (MAX_PARTS + 1))
    content = xml(long, GOOD, many)
    records = cps.ADAPTER.read(content)
    assert [type(item) for item in records] == [Rejected, Row, Rejected]
    assert long.encode() in kept(records, content)


def test_a_list_of_too_many_items_refuses_its_case() -> None:
    many = GOOD.replace("<Offences>", "<Offences>" + "<Offence>x</Offence>" * MAX_ITEMS)
    bad, good = cps.ADAPTER.read(xml(many, GOOD))
    assert isinstance(bad, Rejected)
    assert bad.error.code == "invalid_value"
    assert isinstance(good, Row)


def test_after_so_many_refused_cases_the_rest_is_not_read() -> None:
    """Neither when the file is checked nor when its cases are given: a rest is put aside."""
    content = xml("<Bad/>" * MAX_REFUSED, GOOD, "<a></b>")
    *refused, rest = cps.ADAPTER.read(content)
    assert len(refused) == MAX_REFUSED
    assert {item.error.code for item in refused if isinstance(item, Rejected)} == {"unknown_column"}
    assert isinstance(rest, Rejected)
    assert rest.error.code == "rest_put_aside"
    assert content[rest.start : rest.end].startswith(b"<Case>\n<Action>")
    assert rest.end == len(content)


def test_an_unknown_entity_is_refused() -> None:
    with pytest.raises(MappingError) as error:
        cps.ADAPTER.read(xml(GOOD.replace("B-Charge", "&b;")))
    assert error.value.code == "file_malformed"


@pytest.mark.parametrize("record", [{}, {"action": ""}, {"action": None, "notify": []}])
def test_a_record_without_any_value_is_refused_and_not_passed_over(record: object) -> None:
    (found,) = council.ADAPTER.read(lines(record))
    assert isinstance(found, Rejected)
    assert found.error.code == "missing_value"


@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, '{"a":' * 300 + "1" + "}" * 300])
@pytest.mark.parametrize("column", ["cps_stage", "resident_name"])
def test_a_value_of_too_many_levels_refuses_its_line_alone(column: str, value: str) -> None:
    """Also in a column that this kind of row does not read: it made the whole file fail."""
    bad = json.dumps({**REFERRAL, column: "?"}).replace('"?"', value) + "\n"
    first, second = council.ADAPTER.read(bad.encode() + lines(REFERRAL))
    assert isinstance(first, Rejected)
    assert first.error.code == "row_malformed"
    assert isinstance(second, Row)


@pytest.mark.parametrize("number", [10**20, -(10**30), 1e300])
def test_any_number_may_stand_in_a_column_that_this_kind_of_row_does_not_read(
    number: float,
) -> None:
    keys = set()
    for changed in (number, number * 10):
        (row,) = council.ADAPTER.read(lines({**REFERRAL, "cps_stage": changed}))
        assert isinstance(row, Row)
        context = Context("council-camden", {"P1": "csu-camden"}, MemoryLinks())
        keys.add(council.ADAPTER.to_event(row, context).key)
    assert len(keys) == 2


def test_a_refused_record_holds_nothing_of_the_record() -> None:
    """An exception that was raised holds its frames: a thousand of them held the whole file."""
    for bad in council.ADAPTER.read(lines({"x": 1}, {}, [])):
        assert isinstance(bad, Rejected)
        assert bad.error.__traceback__ is None
        assert bad.error.__context__ is None


# --- JSON ---------------------------------------------------------------------------------------

REFERRAL: dict[str, Any] = {
    "action": "NEW_REFERRAL",
    "notify": ["P1"],
    "asb_case_ref": "ASB/1",
    "referral_ref": "R-77",
    "service_code": "SUP-EMO",
    "priority": "P2",
    "resident_name": "Zoë Testcase",
    "incident_class": "HI",
    "motivations": ["RAC", "DIS"],
    "la_code": "00AG",
    "previous_reports": 2,
    "police_aware": False,
    "perpetrators": [{"age_band": "18-24", "known": True}],
}
NOT_TEXT = (7, 1.5, True, False, {}, {"a": "b"}, [["P1"]], [7], [None], [""], [True], [{}], [[]])
ROLES = ("action", "asb_case_ref", "pan_london_case_id", "referral_ref", "pan_london_referral_id")


def lines(*records: object) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def refused_field(record: dict[str, Any]) -> str:
    (row,) = council.ADAPTER.read(lines(record))
    assert isinstance(row, Row)
    with pytest.raises(MappingError) as error:
        council.ADAPTER.to_event(row, AdapterBehaviour().context())
    assert error.value.code == "invalid_value", error.value
    return (error.value.where or "").removeprefix("line 1, column ")


@pytest.mark.parametrize("value", NOT_TEXT, ids=repr)
def test_a_value_that_is_not_text_is_refused(value: object) -> None:
    for field in (*ROLES, "resident_name", "service_code", "la_code"):
        assert refused_field({**REFERRAL, field: value}) == field


@pytest.mark.parametrize("value", [v for v in NOT_TEXT if v != []], ids=repr)
def test_a_value_that_is_not_a_list_of_texts_is_refused(value: object) -> None:
    for field in ("notify", "motivations"):
        assert refused_field({**REFERRAL, field: value}) == field
        if not isinstance(value, list):
            good = "P1" if field == "notify" else "RAC"
            assert refused_field({**REFERRAL, field: [good, value]}) == field


@pytest.mark.parametrize("value", [7, "text", [], {}, [[]], None], ids=repr)
def test_a_value_that_is_not_a_record_is_refused_in_a_list_of_records(value: object) -> None:
    assert refused_field({**REFERRAL, "perpetrators": [value]}) == "perpetrators"


@pytest.mark.parametrize(
    "value", [1.0, True, [2], {"n": 2}, 10**400, -1], ids=lambda v: repr(v)[:9]
)
def test_a_value_that_is_not_a_whole_number_is_refused(value: object) -> None:
    assert refused_field({**REFERRAL, "previous_reports": value}) == "previous_reports"


@pytest.mark.parametrize("value", [1, 0, [True], {}], ids=repr)
def test_a_value_that_is_neither_true_nor_false_is_refused(value: object) -> None:
    assert refused_field({**REFERRAL, "police_aware": value}) == "police_aware"


@pytest.mark.parametrize("text", ["|", " | | "])
def test_a_list_of_separators_alone_is_not_absent(text: str) -> None:
    assert refused_field({**REFERRAL, "motivations": text}) == "motivations"
    flat = FlatRecords(council.ADAPTER.mapping.document)
    row = Row(2, {"motivations": text, "notify": text}, 0, 0)
    (read,) = flat.read(Records(lambda: iter([row])))
    assert isinstance(read, Row)
    assert dict(read.values) == {"motivations": text, "notify": text}


@pytest.mark.parametrize("absent", [None, "", "  "], ids=repr)
def test_null_and_blank_say_that_nothing_is_recorded(absent: object) -> None:
    changed = {**REFERRAL, "resident_name": absent, "previous_reports": absent}
    (row,) = council.ADAPTER.read(lines(changed))
    assert isinstance(row, Row)
    event = council.ADAPTER.to_event(row, AdapterBehaviour().context()).event
    assert "victim" not in event.data


@pytest.mark.parametrize(
    "line",
    [
        b'{"action":"A","action":"B"}',
        b'{"perpetrators":[{"known":true,"known":false}]}',
        b'{"action":"A"}{"action":"B"}',
        b'{"perpetrators":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"previous_reports":' + b"9" * 5_000 + b"}",
        b'{"notify":[' + b"1," * (MAX_PARTS + 1) + b"1]}",
        b'{"incident_details":"' + b"x" * MAX_RECORD_BYTES + b'"}',
        b'{"resident_name":"\\udc00"}',
        b"\xef\xbb\xbf{}",
    ],
    ids=range(9),
)
def test_a_line_with_two_readings_or_too_large_is_refused_and_kept(line: bytes) -> None:
    content = lines(REFERRAL) + line + b"\n" + lines(REFERRAL)
    records = council.ADAPTER.read(content)
    assert [type(item) for item in records] == [Row, Rejected, Row]
    assert kept(records, content) == line + b"\n"
