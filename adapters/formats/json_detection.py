"""Detection of the format of a JSON sample: lines or one document, and the path to its records."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from adapters.base import MappingError
from adapters.formats.delimited import escape
from adapters.formats.detected import SAMPLE_ROWS
from adapters.formats.encoding import UTF8_BOM, check_encoding
from adapters.formats.json_records import SEPARATOR, paths_of
from adapters.formats.record_format import Columns
from adapters.formats.settings import FormatSettings
from broker.strict_json import StrictJsonError, parse_strict_json

MAX_SAMPLE_BYTES: Final = 16 * 1024 * 1024
MAX_ENVELOPE: Final = 12
"""Single values that may stand beside a list of records; an object with more is a record itself."""
MAX_DOWN: Final = 4
"""Members that lead to the records at most."""


def json_settings(content: bytes) -> tuple[FormatSettings, Columns, list[str]]:
    """Return the settings that read a sample, its columns, and notes in words.

    Raises:
        MappingError: it is not JSON, or has no records.
    """
    found = check_encoding(io.BytesIO(content), legacy=None)
    if len(content) > MAX_SAMPLE_BYTES:
        raise MappingError(
            f"the sample is larger than {MAX_SAMPLE_BYTES >> 20} MiB",
            code="file_too_large",
            fix="Give a sample of a few hundred records.",
        )
    text = content[found.mark :].decode(found.codec)
    lines = [line for line in text.split("\n") if line.strip()]
    notes = ["the file begins with a byte order mark"] if found.mark else []
    bom = content.startswith(UTF8_BOM)
    if len(lines) > 1 and _is_object(lines[0]) and _is_object(lines[1]):
        objects = [r for line in lines[:SAMPLE_ROWS] if isinstance(r := _parsed(line), dict)]
        notes.insert(0, "each line is one JSON object (JSON lines)")
        return FormatSettings(type="jsonl", bom=bom), paths_of(objects), notes
    try:
        document = parse_strict_json(text)
    except StrictJsonError as error:
        raise MappingError(
            f"the file is not one JSON document, and its lines are not JSON objects: {error}",
            code="file_malformed",
            fix="Export one JSON list of objects, or one object in each line.",
        ) from None
    path, records, beside = _records_in(document)
    notes.insert(0, _place_note(path, records is document))
    if beside:
        notes.append(f"beside the records stand {', '.join(beside)}: they are ignored")
    settings = FormatSettings(
        type="json",
        bom=bom,
        records=SEPARATOR.join(escape(name, SEPARATOR) for name in path),
        ignored=tuple(beside),
    )
    return settings, paths_of(records[:SAMPLE_ROWS]), notes


def _place_note(path: Sequence[str], whole: bool) -> str:
    if path:
        return f"the file is one JSON document with its records in the list {'.'.join(path)}"
    kind = "list of records" if whole else "object, which is one record"
    return f"the file is one JSON {kind}"


def _records_in(
    document: object,
) -> tuple[Sequence[str], Sequence[Mapping[str, object]], Sequence[str]]:
    """Return the path to the records, the records, and the paths of what stands beside them.

    Raises:
        MappingError: missing_column: there are no records, or more than one list of records.
    """
    if _is_list_of_objects(document):
        return (), document, ()  # type: ignore[return-value]  # the check is a type guard
    lists = list(_lists_below(document, ()))
    if isinstance(document, dict) and len(lists) == 1:
        path, records, beside = lists[0]
        if len(beside) <= MAX_ENVELOPE:
            return path, records, beside
    if isinstance(document, dict) and document:
        if len(lists) > 1 and len(document) <= MAX_ENVELOPE:
            places = ", ".join(".".join(path) for path, _, _ in lists)
            raise MappingError(
                f"the document has more than one list of records: {places}",
                code="missing_column",
                fix="Export one list of records in each file.",
            )
        return (), [document], ()
    raise MappingError(
        "the document has no records: a list of objects is expected",
        code="missing_column",
        fix="Export a JSON list of objects, or an object with such a list.",
    )


def _lists_below(
    value: object, above: tuple[str, ...]
) -> Iterator[tuple[Sequence[str], Sequence[Mapping[str, object]], Sequence[str]]]:
    if not isinstance(value, dict) or len(above) == MAX_DOWN:
        return
    for name, inner in value.items():
        others = [".".join((*above, other)) for other in value if other != name]
        if _is_list_of_objects(inner):
            yield (*above, name), inner, others
        else:
            for path, records, beside in _lists_below(inner, (*above, name)):
                yield path, records, [*others, *beside]


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _is_object(line: str) -> bool:
    return isinstance(_parsed(line), dict)


def _parsed(line: str) -> object:
    try:
        return parse_strict_json(line)
    except StrictJsonError:
        return None
