r"""Records of JSON exports: one object to values by dotted paths of members, and back.

The path ``tenant.name`` is the member ``name`` of the object ``tenant``. A dot or backslash inside
a member's name has a backslash before it: the path of the member ``a.b`` is ``a\.b``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from adapters.base import FilePlace, MappingError
from adapters.formats.delimited import escape, split_escaped
from adapters.formats.record_format import Columns
from adapters.limits import MAX_DEPTH, MAX_PARTS
from broker.strict_json import RepeatedMemberError, parse_strict_json

SEPARATOR: Final = "."
NOT_AN_OBJECT: Final = "this is not one complete JSON object"


class JsonRecords:
    """Converts objects for one set of columns."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known = frozenset(columns.known)
        self._paths = {name: split_escaped(name, SEPARATOR) for name in columns.known}
        self._above = frozenset(
            _path_of(names[:depth])
            for names in self._paths.values()
            for depth in range(1, len(names))
        )

    def parse(self, content: bytes, codec: str) -> Mapping[str, object]:
        """Return the values of one record; absent members have none.

        Raises:
            MappingError: row_malformed, unknown_column, missing_value.
        """
        if sum(map(content.count, (b",", b"[", b"{"))) > MAX_PARTS:
            raise broken(f"this record has more than {MAX_PARTS} values")
        try:
            record = parse_strict_json(content.decode(codec))
        except RepeatedMemberError:
            raise broken("a key appears twice in the record") from None
        except ValueError:
            raise broken(NOT_AN_OBJECT) from None
        if not isinstance(record, dict):
            raise broken(NOT_AN_OBJECT)
        if not _is_flat(record, MAX_DEPTH):
            raise broken(f"values are nested deeper than {MAX_DEPTH}")
        values: dict[str, object] = {}
        self._flatten(record, "", values)
        if all(value in ("", None, []) for value in values.values()):
            raise MappingError(
                "the record has no value",
                code="missing_value",
                fix="Remove the record, or export it again.",
            )
        return values

    def _flatten(self, record: Mapping[str, object], above: str, values: dict[str, object]) -> None:
        for name, value in record.items():
            path = f"{above}{escape(name, SEPARATOR)}"
            if isinstance(value, dict) and path in self._above:
                self._flatten(value, path + SEPARATOR, values)
            elif path in self._known:
                values[path] = flat_items(value) if path in self._columns.lists else value
            elif path not in self._above:
                raise FilePlace(0, above.removesuffix(SEPARATOR)).error(
                    "unknown_column",
                    "the record has a key that the mapping does not know",
                    fix="Remove the key from the export, or add it to the mapping file.",
                )
            elif value is not None:
                raise FilePlace(0, path).error(
                    "row_malformed", "an object is expected here, not a single value or a list"
                )

    def build(self, row: Mapping[str, object]) -> dict[str, object]:
        """Return the object of one record; empty values have no member.

        Raises:
            MappingError: invalid_value: a column stands inside another one that has a value.
        """
        record: dict[str, object] = {}
        for column, names in self._paths.items():
            value = row.get(column)
            if value is None or value in ("", []):
                continue
            if isinstance(value, list) and column in self._columns.lists:
                value = [_nested(item) for item in value]
            _place(record, names, value, column)
        return record


def paths_of(records: Sequence[Mapping[str, object]]) -> Columns:
    """Return the columns of sample records: every path that has a value, and which are lists."""
    known: dict[str, None] = {}
    lists: set[str] = set()
    for record in records:
        for path, value in _leaves(record, ""):
            known.setdefault(path)
            if isinstance(value, list):
                lists.add(path)
    return Columns(tuple(known), lists=frozenset(lists))


def broken(detail: str) -> MappingError:
    """Return the refusal of a record that cannot be read."""
    return MappingError(
        detail, code="row_malformed", fix="Run the export again, or correct the record."
    )


def flat_items(value: object) -> object:
    """Return a list with its objects as flat records: dotted part -> value."""
    if not isinstance(value, list):
        return value
    return [dict(_leaves(item, "")) if isinstance(item, dict) else item for item in value]


def _leaves(record: Mapping[str, object], above: str) -> Iterator[tuple[str, object]]:
    for name, value in record.items():
        path = f"{above}{escape(name, SEPARATOR)}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, path + SEPARATOR)
        else:
            yield path, value


def _nested(item: object) -> object:
    if not isinstance(item, Mapping):
        return item
    record: dict[str, object] = {}
    for part, value in item.items():
        _place(record, split_escaped(str(part), SEPARATOR), value, str(part))
    return record


def _place(record: dict[str, object], names: Sequence[str], value: object, column: str) -> None:
    for name in names[:-1]:
        inner = record.setdefault(name, {})
        if not isinstance(inner, dict):
            raise FilePlace(0, column).error("invalid_value", "it stands inside another value")
        record = inner
    if names[-1] in record:
        raise FilePlace(0, column).error("invalid_value", "another value stands inside it")
    record[names[-1]] = value


def _path_of(names: Sequence[str]) -> str:
    return SEPARATOR.join(escape(name, SEPARATOR) for name in names)


def _is_flat(value: object, depth: int) -> bool:
    """Return whether a value has at most ``depth`` nested levels."""
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_flat(item, depth - 1) for item in items)
