"""A mapping file of XML: names are checked when it is loaded, and ignored lists are passed."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.base import Row
from adapters.mapped import OwnMapping
from adapters.mapping import MappingFileError
from contracts.vocabulary.known import Documents

TEXT = """\
mapping: housing
version: "1"
source: a test
vocabulary: hate-crime
format: {type: xml, records: /Export/Case, encoding: windows-1252}
style: lists
roles: {case: "@id", referral: referral reference, rest: Shared, recipients: To}
derived: {referral reference: 'row["@id"]'}
kinds: {report: {type: referral.made, referral: new}}
fixed: {requested_service: housing}
columns: [{column: Client/Name, paths: [victim.name]}]
ignored: [Tags/Tag]
"""
CASE = (
    '<Export><Case id="C-1"><To>P1</To><Client><Name>Ann</Name></Client>'
    "<Tags><Tag>a</Tag><Tag>b</Tag></Tags></Case></Export>"
)


def mapping(folder: Path, text: str) -> OwnMapping:
    file = folder / "mapping.yaml"
    file.write_text(text)
    return OwnMapping(file, Documents({}))


def test_a_repeated_element_that_is_ignored_is_passed(tmp_path: Path) -> None:
    (row,) = mapping(tmp_path, TEXT).read(CASE.encode())
    assert isinstance(row, Row), row
    assert (row.values["@id"], row.values["Client/Name"]) == ("C-1", "Ann")


def test_a_written_file_is_read_back_as_utf_8(tmp_path: Path) -> None:
    adapter = mapping(tmp_path, TEXT)
    content = adapter.write([{"@id": "C-1", "Client/Name": "Zoë"}])
    (row,) = adapter.read_back(content)
    assert row["Client/Name"] == "Zoë"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rest: Shared", "rest: Shared information"),
        ("/Export/Case", "/Export/a case"),
        ("/Export/Case", "Export/Case"),
        ("/Export/Case", "/Export/@case"),
        ("/Export/Case", "/a/b/c/d/e/f/g/h"),
    ],
)
def test_a_name_that_no_xml_file_can_have_is_refused_when_the_file_is_loaded(
    tmp_path: Path, old: str, new: str
) -> None:
    with pytest.raises(MappingFileError):
        mapping(tmp_path, TEXT.replace(old, new))
