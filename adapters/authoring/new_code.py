"""Addition of a code to a table of a mapping file, without a change of its other lines.

Comments, order and layout stay: one line is put in. The result is read again before it replaces the
file, so a file never loses or gains anything else.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from adapters.mapping.document import (
    MAPPING_BYTES,
    MappingDocument,
    MappingFileError,
    parse_mapping,
)
from broker.errors import WrongInputError
from broker.keys.durable import write_durably
from contracts.bounded_file import read_bounded
from contracts.names import suggestion
from contracts.phrases import N_, phrase
from contracts.vocabulary.known import Documents

__all__ = ["add_code"]

_BY_HAND: Final = "Add it by hand: one line, OWN: SHARED, under `codes` of that table."


def add_code(file: Path, documents: Documents, table: str, own: str, shared: str) -> bool:
    """Add an own code with its code of the vocabulary to a table.

    Where the table has an own code for that shared code already, the new one is only read
    (``accepted``): received events keep the code that is written today.

    Args:
        file: the mapping file.
        documents: places of vocabularies besides those of the software.
        table: name of the table in the file.
        own: the agency's code.
        shared: code of the vocabulary.

    Returns:
        Whether the own code is also written.

    Raises:
        WrongInputError: `table_unknown`, `code_known`, `code_unknown`.
        MappingFileError: the file cannot be used, or its layout is not one that can be changed.
    """
    raw = read_bounded(file, MAPPING_BYTES, MappingFileError, code="mapping_invalid")
    before = parse_mapping(raw, file.name, documents)
    _check(before, file, table, own, shared)
    both = shared not in before.tables[table].writable
    member = "codes" if both else "accepted"
    text = _with_line(raw.decode(), table, member, f"{_quoted(own)}: {_quoted(shared)}")
    if text is None:
        raise _not_changed(file)
    try:
        after = parse_mapping(text.encode(), file.name, documents)
    except MappingFileError:
        raise _not_changed(file) from None
    if after != _expected(before, table, member, own, shared):
        raise _not_changed(file)
    write_durably(file, text.encode())
    return both


def _check(document: MappingDocument, file: Path, table: str, own: str, shared: str) -> None:
    known = document.tables.get(table)
    if known is None:
        raise WrongInputError(
            phrase("The mapping file has no table %(table)s.", table=table),
            code="table_unknown",
            where=str(file),
            fix=suggestion(table, document.tables),
        )
    if own in known.readable or own in known.absent:
        raise WrongInputError(
            phrase("The table %(table)s has this own code already.", table=table),
            code="code_known",
            where=str(file),
        )
    listed = document.codes_of(known)
    if listed is not None and shared not in listed:
        raise WrongInputError(
            phrase(
                "The code list %(list)s of the vocabulary has no %(shared)s.",
                list=known.list,
                shared=shared,
            ),
            code="code_unknown",
            where=str(file),
            fix=suggestion(shared, listed),
        )


def _with_line(text: str, table: str, member: str, line: str) -> str | None:
    """Return the text with one more entry of a table; None for a layout that is not understood."""
    lines = text.splitlines(keepends=True)
    at = _find(lines, 0, len(lines), r"tables:", "")
    if at is None:
        return None
    name = rf"(?:{re.escape(table)}|{re.escape(_quoted(table))}):"
    start = _find(lines, at + 1, _end(lines, at), name, None)
    if start is None:
        return None
    end, indent = _end(lines, start), _indent(lines[start])
    here = _find(lines, start + 1, end, rf"{member}:", None)
    if here is None:
        inner = next((_indent(x) for x in lines[start + 1 : end] if x.strip()), indent + "  ")
        new = [f"{inner}{member}:\n", f"{inner}  {line}\n"]
        return "".join([*lines[: start + 1], *new, *lines[start + 1 :]])
    flow = re.fullmatch(r"(\s*\w+:\s*)\{(.*)\}(\s*(?:#.*)?\n?)", lines[here])
    if flow is not None:
        inside = flow[2].strip()
        joined = f"{inside}, {line}" if inside else line
        lines[here] = f"{flow[1]}{{{joined}}}{flow[3]}"
        return "".join(lines)
    stop = _end(lines, here)
    deeper = _indent(lines[here]) + "  "
    inner = next((_indent(x) for x in lines[here + 1 : stop] if x.strip()), deeper)
    while stop > here + 1 and not lines[stop - 1].strip():
        stop -= 1
    if not lines[stop - 1].endswith("\n"):
        lines[stop - 1] += "\n"
    return "".join([*lines[:stop], f"{inner}{line}\n", *lines[stop:]])


def _find(lines: list[str], start: int, end: int, pattern: str, indent: str | None) -> int | None:
    """Return the line of a key; the least indented one if no indent is given."""
    found = [
        (len(_indent(line)), at)
        for at, line in enumerate(lines[start:end], start)
        if re.match((r"\s*" if indent is None else indent) + pattern, line)
    ]
    return min(found)[1] if found else None


def _end(lines: list[str], start: int) -> int:
    """Return the line after the block of a key."""
    own = len(_indent(lines[start]))
    for at in range(start + 1, len(lines)):
        stripped = lines[at].strip()
        if stripped and not stripped.startswith("#") and len(_indent(lines[at])) <= own:
            return at
    return len(lines)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def _expected(
    before: MappingDocument, table: str, member: str, own: str, shared: str
) -> MappingDocument:
    known = before.tables[table]
    codes = {**getattr(known, member), own: shared}
    tables = {**before.tables, table: known.model_copy(update={member: codes})}
    return before.model_copy(update={"tables": tables})


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _not_changed(file: Path) -> MappingFileError:
    return MappingFileError(
        N_("The layout of the file is not one that a command can change."),
        code="mapping_layout",
        where=file.name,
        fix=_BY_HAND,
    )
