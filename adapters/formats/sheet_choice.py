"""Choice of a sheet of a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.formats.office_archive import malformed


def chosen(names: Sequence[str], wanted: str | None) -> str:
    """Return the wanted sheet, or the only one.

    Raises:
        MappingError: file_malformed: there is none of this name, or there are several.
    """
    if wanted is not None:
        if wanted not in names:
            raise malformed(
                "the file has no sheet of the name that the mapping file states",
                fix="Check the name of the sheet, or `sheet` in the format of the mapping file.",
            )
        return wanted
    if len(names) != 1:
        raise malformed(
            f"the file has {len(names)} sheets, hidden ones included",
            fix="State the name of the sheet in the mapping file: `sheet` under `format`.",
        )
    return names[0]
