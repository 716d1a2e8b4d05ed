"""Tables of the agency's own database, as the settings name them.

Every name is quoted where it is used, so a name in the settings is never read as SQL. Columns have
no types here: a value goes to the server as it is, and the server's own type of the column
decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import TableClause, column, table
from sqlalchemy.sql import quoted_name

from broker.agency.database_section import InboxSection, OutboxSection

ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
FILTERED: Final = "filtered"
"""States of a row of the outbox. ``filtered``: the mapping does not send it."""
IMPORTED: Final = "imported"
REJECTED: Final = "rejected"
ANSWER_COLUMNS: Final = (
    "state",
    "code",
    "field",
    "detail",
    "event_id",
    "answer",
    "answered_at",
)
"""Columns of an answer: of the outbox itself, or of the table of answers."""


@dataclass(frozen=True, slots=True)
class Named:
    """A table, and the names of its columns.

    Attributes:
        table: the table, for statements.
        name: its name with the schema, unquoted, for messages.
    """

    table: TableClause
    name: str


def named_table(schema: str, name: str, columns: Iterable[str], *, postgres: bool) -> Named:
    """Return a table of the settings; SQLite has no schemas."""
    found = table(
        quoted_name(name, quote=True),
        *(column(quoted_name(one, quote=True)) for one in dict.fromkeys(columns)),
        **({"schema": quoted_name(schema, quote=True)} if postgres else {}),
    )
    return Named(found, f"{schema}.{name}" if postgres else name)


def outbox_table(section: OutboxSection, *, postgres: bool) -> Named:
    """Return the outbox."""
    names = [one for one in section.columns.model_dump().values() if one is not None]
    return named_table(section.schema_, section.table, names, postgres=postgres)


def answers_table(section: OutboxSection, *, postgres: bool) -> Named:
    """Return the table of answers; its own columns have fixed names."""
    names = ("id", "version", *ANSWER_COLUMNS)
    return named_table(section.schema_, section.answers_table, names, postgres=postgres)


def inbox_table(section: InboxSection, *, postgres: bool) -> Named:
    """Return the inbox."""
    names = section.columns.model_dump().values()
    return named_table(section.schema_, section.table, names, postgres=postgres)
