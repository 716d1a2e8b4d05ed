"""Columns and rights of a table, from the catalogue of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

_GENERATED_IN_SQLITE: Final = (2, 3)
PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE")
_KINDS: Final = {"r": "table", "p": "table", "v": "view", "m": "view", "f": "foreign table"}
_OF_POSTGRES: Final = text(
    """
    SELECT c.relkind, a.attname, format_type(a.atttypid, a.atttypmod),
           a.attnotnull OR t.typnotnull,
           coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault),
           CASE WHEN a.attgenerated <> '' THEN 'generated'
                WHEN a.attidentity = 'a' THEN 'identity always'
                WHEN a.attidentity = 'd' THEN 'identity' ELSE '' END,
           has_column_privilege(c.oid, a.attnum, 'SELECT'),
           has_column_privilege(c.oid, a.attnum, 'INSERT'),
           has_column_privilege(c.oid, a.attnum, 'UPDATE')
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE n.nspname = :schema AND c.relname = :name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY a.attnum
    """
)
_RIGHTS: Final = text(
    """
    SELECT has_table_privilege(c.oid, 'DELETE'), has_table_privilege(c.oid, 'TRUNCATE'),
           has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'UPDATE'),
           pg_has_role(c.relowner, 'USAGE')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :name
    """
)
_UNIQUE_OF_POSTGRES: Final = text(
    """
    SELECT array_agg(a.attname::text)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
    WHERE n.nspname = :schema AND c.relname = :name AND i.indisunique AND i.indpred IS NULL
    GROUP BY i.indexrelid
    """
)
_SECURED: Final = text(
    """
    SELECT row_security_active(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :name
    """
)
_POLICIES: Final = text(
    """
    SELECT p.polcmd::text, p.polpermissive,
           coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') = 'true'
           AND coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true'
    FROM pg_policy p
    JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :name AND EXISTS (
        SELECT FROM unnest(p.polroles) AS role
        WHERE role = 0 OR pg_has_role(role, 'USAGE')
    )
    """
)
_COMMANDS: Final = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
_OF_SQLITE: Final = text(
    'SELECT name, type, "notnull", pk, dflt_value, hidden FROM pragma_table_xinfo(:name)'
)
_KIND_OF_SQLITE: Final = text("SELECT type FROM sqlite_schema WHERE name = :name")
_INDEXES_OF_SQLITE: Final = text(
    'SELECT name FROM pragma_index_list(:name) WHERE "unique" AND NOT partial'
)
_PARTS_OF_SQLITE: Final = text("SELECT name FROM pragma_index_info(:name)")


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column of a table.

    Attributes:
        type: its type, in the words of the database.
        rights: those of PRIVILEGES that this user has.
        required: whether it refuses NULL.
        default: expression of its default; None if there is none, or if it is NULL.
        made_by: `generated`, `identity`, `identity always`, or empty: what gives it a value.
    """

    type: str
    rights: frozenset[str]
    required: bool = False
    default: str | None = None
    made_by: str = ""

    @property
    def lacks_value(self) -> bool:
        """Return whether an insert that leaves it out is refused."""
        return self.required and self.default is None and not self.made_by


@dataclass(frozen=True, slots=True)
class RowSecurity:
    """Row-level security of PostgreSQL, as it applies to this user.

    Attributes:
        allowed: commands for which there is a policy that allows rows.
        limited: whether a policy has a condition.
    """

    allowed: frozenset[str]
    limited: bool


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table or view.

    Attributes:
        kind: `table`, `view` or `foreign table`.
        columns: name -> column.
        unique: sets of columns of which each value occurs once.
        rights: of the table as a whole: DELETE, TRUNCATE, INSERT, UPDATE, OWNER.
        security: row-level security; None if it does not apply to this user.
    """

    kind: str
    columns: dict[str, FoundColumn]
    unique: tuple[frozenset[str], ...]
    rights: frozenset[str]
    security: RowSecurity | None = None


def find_table(connection: Connection, schema: str, name: str) -> FoundTable | None:
    """Return a table or view; None if there is none of this name."""
    if connection.dialect.name == "sqlite":
        return _in_sqlite(connection, name)
    asked = {"schema": schema, "name": name}
    rows = connection.execute(_OF_POSTGRES, asked).all()
    if not rows:
        return None
    columns = {
        row[1]: FoundColumn(
            row[2],
            frozenset(one for one, has in zip(PRIVILEGES, row[6:], strict=True) if has),
            bool(row[3]),
            _default(row[4]),
            row[5],
        )
        for row in rows
    }
    unique = tuple(frozenset(row[0]) for row in connection.execute(_UNIQUE_OF_POSTGRES, asked))
    names = ("DELETE", "TRUNCATE", "INSERT", "UPDATE", "OWNER")
    has = connection.execute(_RIGHTS, asked).one()
    kind = rows[0][0]
    rights = frozenset(one for one, held in zip(names, has, strict=True) if held)
    return FoundTable(
        _KINDS[kind.decode() if isinstance(kind, bytes) else kind],
        columns,
        unique,
        rights,
        _row_security(connection, asked),
    )


def _default(expression: str | None) -> str | None:
    """Return a default that gives a value: `NULL::text` gives none."""
    found = (expression or "").partition("::")[0].strip(" ()").upper()
    return None if found in {"", "NULL"} else expression


def _row_security(connection: Connection, asked: dict[str, str]) -> RowSecurity | None:
    if not connection.execute(_SECURED, asked).scalar():
        return None
    allowed: set[str] = set()
    limited = False
    for command, permissive, every_row in connection.execute(_POLICIES, asked).all():
        if permissive:
            allowed |= set(_COMMANDS.values()) if command == "*" else {_COMMANDS[command]}
        limited = limited or not every_row
    return RowSecurity(frozenset(allowed), limited)


def _in_sqlite(connection: Connection, name: str) -> FoundTable | None:
    rows = connection.execute(_OF_SQLITE, {"name": name}).all()
    if not rows:
        return None
    every = frozenset(PRIVILEGES)  # SQLite has no rights: who may open the file may do everything
    keys = sum(row[3] > 0 for row in rows)
    columns = {}
    for name_, type_, required, key, default, hidden in rows:
        made_by = "generated" if hidden in _GENERATED_IN_SQLITE else ""
        if key and keys == 1 and type_.lower() == "integer":  # the number of the row
            made_by = "identity"
        columns[name_] = FoundColumn(
            type_.lower(), every, bool(required), _default(default), made_by
        )
    unique = [frozenset(row[0] for row in rows if row[3])]
    for (index,) in connection.execute(_INDEXES_OF_SQLITE, {"name": name}).all():
        parts = connection.execute(_PARTS_OF_SQLITE, {"name": index}).scalars()
        unique.append(frozenset(parts))
    kind = connection.execute(_KIND_OF_SQLITE, {"name": name}).scalar() or "table"
    return FoundTable(str(kind), columns, tuple(one for one in unique if one), every)
