"""Spreadsheet files for tests, with any content of their parts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
XLSX_PARTS = {
    "[Content_Types].xml": "<Types/>",
    "_rels/.rels": (
        f'<Relationships><Relationship Id="r1" Type="{RELATIONS}/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns:r="{RELATIONS}"><sheets>'
        '<sheet name="Cases" sheetId="1" r:id="r1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships><Relationship Id="r1" Type="{RELATIONS}/worksheet"'
        ' Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>'
        f'<Relationship Id="r3" Type="{RELATIONS}/styles" Target="styles.xml"/></Relationships>'
    ),
}


def packed(parts: Mapping[str, str], *, form: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", form) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def text_cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def xlsx(rows: str, *, after: str = "", **parts: str) -> bytes:
    """A workbook whose sheet has these rows; ``parts`` replaces parts below ``xl/``."""
    named = {f"xl/{name}.xml": content for name, content in parts.items()}
    sheet = f"<worksheet><sheetData>{rows}</sheetData>{after}</worksheet>"
    return packed({**XLSX_PARTS, "xl/worksheets/sheet1.xml": sheet, **named})


def table(*cells: str, header: str = "Ref") -> str:
    """Rows below a header ``Ref`` in column A; each cell stands in its own row from row 2."""
    rows = "".join(f'<row r="{n}">{cell}</row>' for n, cell in enumerate(cells, 2))
    return f'<row r="1">{text_cell("A1", header)}</row>{rows}'


ODS_HEAD = (
    '<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x" xmlns:draw="d"'
    ' xmlns:calcext="c"><office:body><office:spreadsheet>'
)


def ods(rows: str, *, sheets: tuple[str, ...] = ("Cases",)) -> bytes:
    """A spreadsheet whose sheets have these rows."""
    tables = "".join(f'<table:table table:name="{name}">{rows}</table:table>' for name in sheets)
    content = f"{ODS_HEAD}{tables}</office:spreadsheet></office:body></office:document-content>"
    return packed({"mimetype": "x", "content.xml": content})


def ods_row(*cells: str, repeated: int = 1) -> str:
    many = f' table:number-rows-repeated="{repeated}"' if repeated != 1 else ""
    return f"<table:table-row{many}>{''.join(cells)}</table:table-row>"


def ods_cell(text: str, kind: str = "string", more: str = "") -> str:
    return (
        f'<table:table-cell office:value-type="{kind}" {more}><text:p>{text}</text:p>'
        "</table:table-cell>"
    )
