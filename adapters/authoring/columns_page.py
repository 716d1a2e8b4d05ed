"""A mapping file as a page of documentation, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adapters.authoring.columns_table import ColumnRow, column_rows
from adapters.mapping.document import MappingDocument

__all__ = ["columns_page"]

MOST_CODES_IN_A_CELL = 4
"""A column with more codes has a table of its own below."""


def columns_page(document: MappingDocument, kind: str, file: str = "") -> str:
    """Return the page of a format: the file, every column, and the codes of each column.

    Args:
        document: the mapping file.
        kind: the kind of adapter, as `agency.toml` names it.
        file: the form of the files in words.
    """
    rows = list(column_rows(document))
    lines = [*_head(document, kind, file), *_columns(rows), "", *_codes(rows)]
    return "\n".join(lines).rstrip() + "\n"


def _head(document: MappingDocument, kind: str, file: str) -> Iterator[str]:
    yield f"# Columns of the format `{kind}`"
    yield ""
    yield f"The system: {document.source.rstrip('.')}."
    yield f"This is version {document.version} of the mapping."
    yield f"The fields and codes are those of the vocabulary `{document.vocabulary}`."
    if file:
        yield file
    yield ""
    yield "The heading File says which file has a column: the `export` that the adapter reads, the"
    yield "`import` that it writes, or `both`. An export is refused if a needed column is missing."
    yield ""


def _columns(rows: Sequence[ColumnRow]) -> Iterator[str]:
    yield "| Column | File | Needed | Holds | Form | Codes |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in rows:
        yield "| " + " | ".join(_cells(row)) + " |"


def _cells(row: ColumnRow) -> Iterator[str]:
    yield _code(row.column)
    yield row.use
    yield "yes" if row.needed else ""
    yield ", ".join(_text(one) if " " in one else _code(one) for one in row.holds)
    yield _form(row.form)
    if len(row.codes) > MOST_CODES_IN_A_CELL:
        yield f"[{len(row.codes)} codes](#codes-of-{_anchor(row.column)})"
    else:
        yield ", ".join(f"{_code(own)} = {_code(shared)}" for own, shared in row.codes.items())


def _codes(rows: Sequence[ColumnRow]) -> Iterator[str]:
    for row in rows:
        if len(row.codes) <= MOST_CODES_IN_A_CELL:
            continue
        yield f"## Codes of {_code(row.column)}"
        yield ""
        yield "| Own code | Code of the vocabulary |"
        yield "| --- | --- |"
        for own, shared in row.codes.items():
            yield f"| {_code(own)} | {_code(shared)} |"
        yield ""


def _form(form: str) -> str:
    """Return the form with its pattern as code; a pattern is of a regular expression or a date."""
    for begin in ("of the form ", "datetime: ", "date: ", "time: "):
        words, found, pattern = form.partition(begin)
        if found:
            return f"{words}{begin}{_code(pattern)}"
    return _text(form)


def _anchor(column: str) -> str:
    """Return the last part of the address that a heading with this column has."""
    return "".join(one for one in column.lower().replace(" ", "-") if one.isalnum() or one in "_-")


def _code(text: str) -> str:
    return f"`{_text(text)}`"


def _text(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
