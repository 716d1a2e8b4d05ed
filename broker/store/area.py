"""Base of the areas of a transaction: reading of rows, and columns that identify a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, Insert, Table, bindparam

from broker.record import KafkaPartition
from broker.tlog.checkpoint import GenerationPlace, Place

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RowT = TypeVar("RowT")
ValueT = TypeVar("ValueT")
MOST_NAMED: Final = 500
"""Maximum number of values in one SQL list."""


class Area:
    """A part of the state, inside one transaction."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _first(
        self, kind: Callable[..., RowT], statement: Executable, asked: Mapping[str, Any] = {}
    ) -> RowT | None:
        """Return the first row, made from its columns in order; None if there is none."""
        found = self._connection.execute(statement, asked).first()
        return None if found is None else kind(*found)

    def _all(
        self, kind: Callable[..., RowT], statement: Executable, asked: Mapping[str, Any] = {}
    ) -> list[RowT]:
        """Return every row, made from its columns in order."""
        return [kind(*row) for row in self._connection.execute(statement, asked)]

    def _add_rows(self, statement: Executable, rows: Iterable[DataclassInstance]) -> None:
        """Insert rows, whose members are the columns."""
        values = [columns_of(row) for row in rows]
        if values:
            self._connection.execute(statement, values)

    def _insert(self, statement: Insert, values: Mapping[str, Any]) -> int:
        """Insert a row. Returns the number that it got."""
        key = self._connection.execute(statement, values).inserted_primary_key
        assert key is not None
        number: int = key[0]
        return number


def columns_of(row: DataclassInstance) -> dict[str, object]:
    """Return the members of a row as values of columns."""
    return {member.name: getattr(row, member.name) for member in fields(row)}


def in_parts(values: Sequence[ValueT]) -> Iterator[Sequence[ValueT]]:
    """Yield values in parts that one SQL list can name."""
    for at in range(0, len(values), MOST_NAMED):
        yield values[at : at + MOST_NAMED]


def of_partition(table: Table) -> ColumnElement[bool]:
    """Return the condition for rows of one topic and partition."""
    return (table.c.topic == bindparam("topic_")) & (table.c.partition == bindparam("partition_"))


def of_stream(table: Table) -> ColumnElement[bool]:
    """Return the condition for rows of one sender's stream: see `stream`."""
    return (table.c.agency == bindparam("agency_")) & of_partition(table)


def of_generation(table: Table) -> ColumnElement[bool]:
    """Return the condition for rows of one generation of one sender's stream: see `generation`."""
    return of_stream(table) & (table.c.generation == bindparam("generation_"))


def partition(of: KafkaPartition) -> dict[str, object]:
    """Return parameters of `of_partition`."""
    return {"topic_": of.topic, "partition_": of.number}


def stream(place: Place) -> dict[str, object]:
    """Return parameters of `of_stream`."""
    return {"agency_": place.agency, "topic_": place.topic, "partition_": place.partition}


def generation(log: GenerationPlace) -> dict[str, object]:
    """Return parameters of `of_generation`."""
    return {
        "agency_": log.agency,
        "topic_": log.topic,
        "partition_": log.partition,
        "generation_": log.generation,
    }
