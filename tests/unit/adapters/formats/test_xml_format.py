"""XML exports."""

from __future__ import annotations

import io
from typing import Any

import pytest

from adapters.base import MappingError, Records, Rejected, Row
from adapters.formats import Columns, FormatSettings, RecordFormat, detect, format_of
from adapters.limits import (
    MAX_HEAD_BYTES,
    MAX_ITEMS,
    MAX_NAMES,
    MAX_NAMESPACE,
    MAX_PARTS,
    MAX_RECORD_BYTES,
    MAX_REFUSED,
    MAX_SKIPPED,
    MAX_TOKEN_BYTES,
)
from adapters.sources.rejects import piece_bytes, rejected_pieces

COLUMNS = Columns(
    known=("@id", "Ref", "Person/Name", "Person/@age", "Flags/Flag", "Linked", "{urn:x}Extra"),
    lists=frozenset({"Flags/Flag", "Linked"}),
)
GOOD = """<Case id="7">
<Ref>A-1</Ref>
<Person age="30"><Name>Zoë</Name></Person>
<Flags><Flag>R</Flag><Flag>D</Flag></Flags>
<Linked><Name>Imran</Name></Linked>
</Case>
"""
VALUES = {
    "@id": "7",
    "Ref": "A-1",
    "Person/Name": "Zoë",
    "Person/@age": "30",
    "Flags/Flag": ["R", "D"],
    "Linked": [{"Name": "Imran"}],
    "{urn:x}Extra": "",
}


def form(records: str = "/Export/Case", **members: Any) -> RecordFormat:
    settings = {"type": "xml", "records": records, **members}
    return format_of(FormatSettings.model_validate(settings))


def xml(*cases: str, root: str = "", before: str = "") -> bytes:
    return f"<?xml version='1.0'?>\n{before}<Export{root}>\n{''.join(cases)}</Export>\n".encode()


def kept(records: Records, items: list[Row | Rejected], content: bytes) -> bytes:
    return b"".join(piece_bytes(rejected_pieces(records, items), io.BytesIO(content)))


def values_of(content: bytes, reader: RecordFormat | None = None) -> dict[str, object]:
    (row,) = (reader or form()).read(content, COLUMNS)
    assert isinstance(row, Row), row
    return dict(row.values)


def test_elements_and_attributes_are_columns_by_their_paths() -> None:
    assert values_of(xml(GOOD)) == VALUES


@pytest.mark.parametrize("root", [' xmlns="urn:example"', ""])
def test_names_are_of_the_namespace_of_the_root(root: str) -> None:
    assert values_of(xml(GOOD, root=root)) == VALUES
    prefixed = (
        b'<e:Export xmlns:e="urn:e" xmlns:y="urn:x"><e:Case><e:Ref>A</e:Ref>'
        b"<y:Extra>more</y:Extra></e:Case></e:Export>"
    )
    found = values_of(prefixed)
    assert (found["Ref"], found["{urn:x}Extra"]) == ("A", "more")


@pytest.mark.parametrize("root", ["", ' xmlns="urn:example:2"'])
def test_a_stated_namespace_is_the_only_one(root: str) -> None:
    with pytest.raises(MappingError) as error:
        form("/{urn:example:3}Export/Case").read(xml(GOOD, root=root), COLUMNS)
    assert error.value.code == "file_malformed"
    stated = xml(GOOD, root=' xmlns="urn:example:3"')
    assert values_of(stated, form("/{urn:example:3}Export/Case")) == VALUES


UNKNOWN_IN_A_RECORD = {
    "an attribute of the record": ('<Case id="7">', '<Case deleted="true" id="7">', 3),
    "an attribute of a section": ("<Flags>", '<Flags all="true">', 6),
    "an attribute of a value": ("<Ref>", '<Ref old="1">', 4),
    "an attribute of a value in a section": ("<Name>Zoë", '<Name withdrawn="1">Zoë', 5),
    "an attribute of xml": ("<Ref>", '<Ref xml:lang="cy">', 4),
    "an attribute of another namespace": ("<Ref>", '<Ref xmlns:i="urn:i" i:nil="true">', 4),
    "another item": ("</Flags>", "<ExcludedFlag>P2</ExcludedFlag></Flags>", 6),
    "an unknown element": ("<Person", "<Deleted>true</Deleted><Person", 5),
    "an unknown element in a section": ("<Name>Zoë", "<Dead/><Name>Zoë", 5),
    "another namespace of an element": ("<Ref>", '<Ref xmlns="urn:y">', 4),
    "another namespace of an item": ("<Flag>", '<Flag xmlns="urn:y">', 6),
    "an instruction": ("<Person", "<?delete all?><Person", 5),
    "an instruction in a value": ("A-1", "A-<?x?>1", 4),
    "a comment in a value": ("A-1", "A-<!-- not -->1", 4),
    "a comment before a value": ("A-1", "<!-- not -->A-1", 4),
    "a comment in an item": ("<Flag>R", "<Flag>R<!-- x -->S", 6),
    "a comment in a part": ("Imran", "Im<!-- x -->ran", 7),
    "text between elements": ("<Person", "no <Person", 5),
    "text in a section": ("<Flags>", "<Flags>all but ", 6),
    "text in an item with parts": ("<Linked>", "<Linked>not ", 7),
    "text after a part": ("</Linked>", "not</Linked>", 7),
    "text in CDATA between elements": ("<Person", "<![CDATA[no]]><Person", 5),
    "an element twice": ("<Person", "<Ref>B</Ref><Person", 5),
    "a section twice": ("<Flags>", "<Person/><Flags>", 6),
    "a part twice": ("</Linked>", "<Name>Other</Name></Linked>", 7),
    "a value in a value": ("A-1", "<B-1/>", 4),
    "text beside a value in a value": ("A-1", "A-1<B-1/>", 4),
    "nil with a value": (
        "<Ref>",
        '<Ref xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true">',
        4,
    ),
}


@pytest.mark.parametrize("case", UNKNOWN_IN_A_RECORD)
def test_a_forbidden_member_of_a_record_is_refused_by_line_also_the_second_time(case: str) -> None:
    old, new, line = UNKNOWN_IN_A_RECORD[case]
    changed = GOOD.replace(old, new, 1)
    content = xml(changed, GOOD)
    records = form().read(content, COLUMNS)
    bad, good = records
    assert isinstance(good, Row)
    assert isinstance(bad, Rejected)
    assert bad.error.code in ("unknown_column", "row_malformed")
    assert (bad.error.where or "").split(",")[0] == f"line {line}"
    again = kept(records, [bad], content)
    assert changed.encode() in again
    (still,) = form().read(again, COLUMNS)
    assert isinstance(still, Rejected)
    assert still.error.code == bad.error.code


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ('<Flag not="true">R</Flag>', "unknown_column"),
        ("<Flag><R/></Flag>", "row_malformed"),
    ],
)
def test_stated_parts_refuse_others(item: str, code: str) -> None:
    content = xml(GOOD.replace("<Flag>R</Flag>", item))
    columns = Columns(COLUMNS.known, lists=COLUMNS.lists, parts={"Linked": frozenset({"Name"})})
    (bad,) = form().read(content, columns)
    assert isinstance(bad, Rejected)
    assert bad.error.code == code
    wrong = Columns(COLUMNS.known, lists=COLUMNS.lists, parts={"Linked": frozenset({"Age"})})
    (bad,) = form().read(xml(GOOD), wrong)
    assert isinstance(bad, Rejected)
    assert (bad.error.code, bad.error.where) == ("unknown_column", "line 7, column Linked")


def test_without_stated_parts_the_mapping_sees_all_of_them() -> None:
    content = xml(GOOD.replace("<Flag>R</Flag>", '<Flag not="true">R</Flag>'))
    assert values_of(content)["Flags/Flag"] == [{"@not": "true", ".": "R"}, "D"]


def test_comments_between_elements_and_cdata_are_allowed() -> None:
    content = xml(
        "<!-- night -->",
        GOOD.replace("A-1", "<![CDATA[A-1]]>").replace("<Person", "<!-- --><Person"),
    )
    assert values_of(content) == VALUES


def test_an_element_that_is_nil_has_no_value() -> None:
    nil = ' xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'
    assert values_of(xml(GOOD.replace("<Ref>A-1", f"<Ref{nil}>")))["Ref"] == ""


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (xml(GOOD, root=' status="withdrawn"'), "unknown_column", 2),
        (xml(GOOD, root=' xmlns:i="urn:i" i:schemaLocation="a b"'), "unknown_column", 2),
        (xml("<?delete all?>", GOOD), "unknown_column", 3),
        (xml("these are void", GOOD), "file_malformed", 3),
        (xml(GOOD, "these were void"), "file_malformed", 9),
        (xml(GOOD, before="<!DOCTYPE Export>\n"), "file_malformed", 2),
        (
            xml(GOOD, before='<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]>\n'),
            "file_malformed",
            2,
        ),
        (
            xml("<Case>", *(f"<a{n}/>" for n in range(MAX_NAMES + 1)), "</Case>"),
            "file_malformed",
            3,
        ),
        (xml('<Case a="">', "<a/>" * (MAX_SKIPPED + 1), "</Case>"), "file_malformed", 3),
        (xml(f'<Case xmlns:a="{"x" * (MAX_NAMESPACE + 1)}"/>'), "file_malformed", 3),
        (xml("<!--" + "x" * MAX_HEAD_BYTES + "-->", GOOD), "file_malformed", 1),
        (xml("<Case>", "<Ref>" * 40, "</Ref>" * 40, "</Case>"), "file_malformed", 3),
        (xml(GOOD).replace(b"</Export>", b""), "file_malformed", 10),
        (xml(GOOD).replace(b"Export", b"Import"), "file_malformed", 2),
        (xml(GOOD.replace("A-1", "&b;")), "file_malformed", 4),
    ],
    ids=range(15),
)
def test_a_forbidden_member_of_a_file_is_refused_by_line(
    content: bytes, code: str, line: int
) -> None:
    with pytest.raises(MappingError) as error:
        form().read(content, COLUMNS)
    assert error.value.code == code
    assert error.value.where == f"line {line}"


def test_a_tag_that_does_not_end_is_refused_before_it_is_read_whole() -> None:
    long = "<Case a='" + "x" * (MAX_TOKEN_BYTES + 200_000) + "'/>"
    with pytest.raises(MappingError) as error:
        form().read(xml(long), COLUMNS)
    assert error.value.code == "file_malformed"


def test_a_record_of_too_many_bytes_or_elements_is_refused_alone() -> None:
    long = GOOD.replace("A-1", "x" * MAX_RECORD_BYTES)
    many = GOOD.replace("<Flags>", "<Flags>" + "<Flag>x</Flag>" * (MAX_PARTS + 1))
    items = GOOD.replace("<Flags>", "<Flags>" + "<Flag>x</Flag>" * MAX_ITEMS)
    found = list(form().read(xml(long, GOOD, many, items), COLUMNS))
    assert [type(item) for item in found] == [Rejected, Row, Rejected, Rejected]


def test_after_so_many_refused_records_the_rest_is_not_read() -> None:
    content = xml("<Bad/>" * MAX_REFUSED, GOOD, "<a></b>")
    *refused, rest = form().read(content, COLUMNS)
    assert len(refused) == MAX_REFUSED
    assert isinstance(rest, Rejected)
    assert rest.error.code == "rest_put_aside"
    assert content[rest.start : rest.end].startswith(b'<Case id="7">')


HEADER = "<Header><From><Name>Haven</Name></From></Header>"


def test_ignored_elements_and_attributes_may_stand_beside_the_records() -> None:
    reader = form(ignored=["/Export/Header", "/Export/@made", "/Export/Count"])
    content = xml(HEADER, GOOD, "<Count>2</Count>", GOOD, root=' made="today"')
    records = reader.read(content, COLUMNS)
    first, second = records
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    again = kept(records, [second], content)
    assert values_of(again, reader) == VALUES


def test_an_unknown_element_beside_the_records_is_refused() -> None:
    (bad, good) = form().read(xml(HEADER, GOOD), COLUMNS)
    assert isinstance(bad, Rejected)
    assert isinstance(good, Row)
    assert bad.error.code == "unknown_column"
    deep = b"<Export><Header/><Body>" + GOOD.encode() + b"</Body></Export>"
    with pytest.raises(MappingError) as error:
        form("/Export/Body/Case").read(deep, COLUMNS)
    assert error.value.code == "unknown_column"
    assert values_of(deep, form("/Export/Body/Case", ignored=["/Export/Header"])) == VALUES


def test_elements_above_the_records_may_be_repeated() -> None:
    reader = form("/Export/Ward/Case", ignored=["/Export/Ward/@name"])
    content = xml(
        '<Ward name="A"></Ward><Ward name="B">\n',
        GOOD,
        GOOD,
        '</Ward><Ward name="C">',
        GOOD,
        "</Ward>",
    )
    records = reader.read(content, COLUMNS)
    items = list(records)
    assert [type(item) for item in items] == [Row, Row, Row]
    for item in items:
        assert values_of(kept(records, [item], content), reader) == VALUES


def test_the_root_itself_may_be_the_record() -> None:
    reader = form("/Case")
    assert values_of(GOOD.encode(), reader) == VALUES
    content = GOOD.replace("<Ref>", "<Dead/><Ref>").encode()
    records = reader.read(content, COLUMNS)
    (bad,) = records
    assert isinstance(bad, Rejected)
    assert kept(records, [bad], content) == content
    written = reader.write([VALUES], COLUMNS)
    assert values_of(written, reader) == VALUES
    with pytest.raises(MappingError):
        reader.write([VALUES, VALUES], COLUMNS)


@pytest.mark.parametrize(
    "known",
    [
        ["a b"],
        ["a//b"],
        ["/a"],
        ["a/"],
        [""],
        ["@a/b"],
        ["a<b"],
        ["Linked", "Linked/Name"],
        ["Linked/Name", "Linked"],
        ["Linked", "Linked/@age"],
        ["1st"],
    ],
)
def test_columns_that_are_not_paths_are_refused(known: list[str]) -> None:
    columns = Columns(tuple(known), lists=frozenset({"Linked"}))
    for use in (lambda: form().read(xml(GOOD), columns), lambda: form().write([], columns)):
        with pytest.raises(MappingError) as error:
            use()
        assert error.value.code == "unknown_column"


@pytest.mark.parametrize("value", ["\x01", "\ufffe", ["a"], {"a": "b"}])
def test_a_value_that_the_element_cannot_hold_is_not_written(value: object) -> None:
    with pytest.raises(MappingError) as error:
        form().write([{"Ref": value}], COLUMNS)
    assert (error.value.code, error.value.where) == ("invalid_value", "column Ref")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be"])
def test_wide_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(MappingError) as error:
        form().read(xml(GOOD).decode().encode(encoding), COLUMNS)
    assert error.value.code == "file_encoding"


def test_a_declared_encoding_is_trusted_and_an_undeclared_one_is_refused() -> None:
    latin = xml(GOOD).decode().encode("latin-1")
    with pytest.raises(MappingError) as error:
        form().read(latin, COLUMNS)
    assert error.value.code == "file_encoding"
    declared = latin.replace(b"'1.0'", b"'1.0' encoding='iso-8859-1'")
    assert values_of(declared) == VALUES
    assert values_of(latin, form(encoding="iso-8859-1")) == VALUES


# --- detection ------------------------------------------------------------------------------------


def test_records_columns_and_what_stands_beside_are_detected() -> None:
    content = xml(HEADER, GOOD, GOOD, root=' xmlns="urn:e" made="today"')
    found = detect(content, "export.xml")
    assert found.settings.records == "/{urn:e}Export/Case"
    assert set(found.settings.ignored) == {"/Export/Header", "/Export/@made"}
    assert set(found.header) == {
        "@id", "Ref", "Person/@age", "Person/Name", "Flags/Flag", "Linked/Name",
    }  # fmt: skip
    assert [row.values["Flags/Flag"] for row in found.rows] == [["R", "D"]] * 2


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (f"<Export>{GOOD}</Export>", "/Export/Case"),
        (f"<Export><Made>x</Made>{GOOD}</Export>", "/Export/Case"),
        (f"<Export><Body><Cases>{GOOD}{GOOD}</Cases></Body></Export>", "/Export/Body/Cases/Case"),
        (GOOD, "/Case"),
        ('<r><row a="1"/><row a="2"/></r>', "/r/row"),
    ],
)
def test_the_path_to_the_records_is_detected(content: str, records: str) -> None:
    found = detect(content.encode(), "export.xml")
    assert found.settings.records == records
    assert found.rows


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<a/>", "missing_column"),
        ("<a>text</a>", "missing_column"),
        ("<a><b><c>1</c></b><b/><d><c>1</c></d><d/></a>", "missing_column"),
        ("<a><b></a>", "file_malformed"),
        ("<!DOCTYPE a><a><b><c/></b></a>", "file_malformed"),
    ],
)
def test_a_sample_without_records_is_refused_with_a_fix(content: str, code: str) -> None:
    with pytest.raises(MappingError) as error:
        detect(content.encode(), "export.xml")
    assert error.value.code == code
    assert error.value.fix is not None
