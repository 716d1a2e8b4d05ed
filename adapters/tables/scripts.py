"""Scripts for the administrator of the agency's own database: tables, indexes, comments, rights.

PostgreSQL has two roles without a password: the application of the agency, and the adapter. Each
gets only what it needs. The names are those of the settings, quoted.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from adapters.tables.definition import ANSWER_COLUMNS
from broker.agency.database_section import DatabaseSection, InboxSection, OutboxSection

Dialect = Literal["postgresql", "sqlite"]


class DatabaseRoles(NamedTuple):
    """Names of the two roles in PostgreSQL."""

    application: str = "concordant_application"
    adapter: str = "concordant_adapter"


_ANSWER_TYPES: Final = {
    "state": "varchar(16) CHECK ({0} IN ('accepted', 'refused', 'filtered'))",
    "code": "varchar(64)",
    "field": "varchar(255)",
    "detail": "varchar(500)",
    "event_id": "varchar(36)",
    "answer": "{json}",
    "answered_at": "{time}",
}
_HEAD: Final = """\
-- Tables through which an application and the Concordant adapter exchange events.
"""
_SQLITE_HEAD: Final = """\
-- Run once, as the user that owns the file: sqlite3 FILE < tables.sql
-- SQLite has no roles. Who may write the file may change every row: give the file and its folder to
-- a group of the application and the adapter only.
"""
_POSTGRES_HEAD: Final = """\
-- Run once, as the owner of the database: psql -v ON_ERROR_STOP=1 -f tables.sql DATABASE
-- Then give the application's own user the first role, and the second one a password:
--   GRANT {application} TO HOUSING_USER;
--   \\password {adapter_plain}
"""


def quoted(name: str) -> str:
    """Return a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def tables_script(
    section: DatabaseSection, dialect: Dialect, roles: DatabaseRoles | None = None
) -> str:
    """Return the script for the tables that the settings name.

    A mapped outbox or inbox is the agency's own table: only rights, and the table of answers, are
    made for it.
    """
    if dialect == "sqlite":
        parts = [_HEAD + _SQLITE_HEAD + "BEGIN;\n"]
        parts += _outbox(section.outbox, None) + _inbox(section.inbox, None)
        return "\n".join([*parts, "COMMIT;\n"])
    roles = roles or DatabaseRoles()
    head = _POSTGRES_HEAD.format(application=quoted(roles.application), adapter_plain=roles.adapter)
    parts = [_HEAD + head + "BEGIN;\n", _roles(roles)]
    for schema in dict.fromkeys((section.outbox.schema_, section.inbox.schema_)):
        if schema != "public":
            parts.append(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)};")
        for role in roles:
            parts.append(f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(role)};")
    parts += _outbox(section.outbox, roles) + _inbox(section.inbox, roles)
    return "\n".join([*parts, "COMMIT;\n"])


def _roles(roles: DatabaseRoles) -> str:
    made = []
    for name, login in ((roles.application, "NOLOGIN"), (roles.adapter, "LOGIN")):
        text = name.replace("'", "''")
        made.append(
            f"  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{text}') THEN\n"
            f"    CREATE ROLE {quoted(name)} {login};\n  END IF;"
        )
    body = "\n".join(made)
    return f"DO $concordant$\nBEGIN\n{body}\nEND\n$concordant$;\n"


class _Writer:
    """Writes statements for one table.

    Args:
        schema, table: its name.
        roles: None for SQLite.
    """

    def __init__(self, schema: str, table: str, roles: DatabaseRoles | None) -> None:
        self.postgres = roles is not None
        self._roles = roles or DatabaseRoles()
        self._table = table
        self.name = f"{quoted(schema)}.{quoted(table)}" if self.postgres else quoted(table)
        self.statements: list[str] = []

    @property
    def json(self) -> str:
        return "jsonb" if self.postgres else "text"

    @property
    def time(self) -> str:
        return "timestamptz" if self.postgres else "text"

    @property
    def now(self) -> str:
        return "now()" if self.postgres else "(strftime('%Y-%m-%dT%H:%M:%fZ'))"

    def position(self, name: str) -> str:
        if self.postgres:
            return f"{quoted(name)} bigint GENERATED ALWAYS AS IDENTITY"
        return f"{quoted(name)} integer PRIMARY KEY AUTOINCREMENT"

    def create(self, lines: list[str]) -> None:
        body = ",\n  ".join(lines)
        self.statements.append(f"CREATE TABLE {self.name} (\n  {body}\n);")

    def index(self, suffix: str, columns: list[str], where: str) -> None:
        name = quoted(f"{self._table[:50]}_{suffix}")
        listed = ", ".join(quoted(one) for one in columns)
        self.statements.append(f"CREATE INDEX {name} ON {self.name} ({listed}) WHERE {where};")

    def comment(self, text: str, column: str | None = None) -> None:
        said = text.replace("'", "''")
        if not self.postgres:
            return
        on = f"COLUMN {self.name}.{quoted(column)}" if column else f"TABLE {self.name}"
        self.statements.append(f"COMMENT ON {on} IS '{said}';")

    def grant(
        self, role: Literal["application", "adapter"], right: str, columns: list[str]
    ) -> None:
        if not self.postgres:
            return
        to = quoted(getattr(self._roles, role))
        only = f" ({', '.join(quoted(one) for one in columns)})" if columns else ""
        self.statements.append(f"GRANT {right}{only} ON {self.name} TO {to};")


def _outbox(section: OutboxSection, roles: DatabaseRoles | None) -> list[str]:
    names = section.columns
    outbox = _Writer(section.schema_, section.table, roles)
    inside = section.answers == "columns"
    answer_names = [getattr(names, one) for one in ANSWER_COLUMNS]
    if section.form == "events":
        id_ = (
            f"{quoted(names.id)} uuid PRIMARY KEY DEFAULT gen_random_uuid()"
            if outbox.postgres
            else f"{quoted(names.id)} varchar(36) NOT NULL UNIQUE"
        )
        lines = [
            id_,
            f"{quoted(names.aggregatetype)} varchar(255) NOT NULL",
            f"{quoted(names.aggregateid)} varchar(255) NOT NULL",
            f"{quoted(names.type)} varchar(255) NOT NULL",
            f"{quoted(names.payload)} {outbox.json} NOT NULL",
            outbox.position(names.position),
        ]
        written = [names.id, names.aggregatetype, names.aggregateid, names.type, names.payload]
        if names.recipients is not None:
            lines.append(f"{quoted(names.recipients)} text NOT NULL")
            written.append(names.recipients)
        if names.version is not None:
            lines.append(f"{quoted(names.version)} varchar(100) NOT NULL")
            written.append(names.version)
        if inside:
            lines += [
                _answer_column(outbox, one, name)
                for one, name in zip(ANSWER_COLUMNS, answer_names, strict=True)
            ]
        outbox.create(lines)
        if inside:
            state = quoted(names.state)
            outbox.index("waiting", [names.position], f"{state} IS NULL")
        outbox.comment(
            "Events of the application, inserted in the transaction of its own change. "
            "The first columns are those of the outbox event router of Debezium."
        )
        outbox.comment("Unique key of the event. It is never used again.", names.id)
        outbox.comment(
            'JSON: {"type": ..., "recipients": [...], "data": {...}}'
            if names.recipients is None
            else "JSON: the data of the event",
            names.payload,
        )
        if inside:
            outbox.comment(
                "NULL: waits. accepted or refused: written by the adapter. "
                "Set it to NULL after a correction, and the row is taken again.",
                names.state,
            )
        outbox.grant("application", "SELECT", [])
        outbox.grant("application", "DELETE", [])
        outbox.grant("application", "INSERT", written)
        changed = [one for one in written if one != names.id]
        outbox.grant("application", "UPDATE", changed + ([names.state] if inside else []))
    outbox.grant("adapter", "SELECT", [])
    if inside:
        outbox.grant("adapter", "UPDATE", answer_names)
    if section.answers == "delete":
        outbox.grant("adapter", "DELETE", [])
    return outbox.statements + ([] if inside else _answers(section, roles))


def _answers(section: OutboxSection, roles: DatabaseRoles | None) -> list[str]:
    answers = _Writer(section.schema_, section.answers_table, roles)
    answers.create(
        [
            f"{quoted('id')} varchar(200) NOT NULL",
            f"{quoted('version')} varchar(100) NOT NULL",
            *(_answer_column(answers, one, one) for one in ANSWER_COLUMNS),
            f"PRIMARY KEY ({quoted('id')}, {quoted('version')})",
        ]
    )
    answers.comment(
        "Answers of the adapter to rows of the outbox. A row without an answer waits. Remove the "
        "answer of a refused row after its correction, and the row is taken again."
    )
    answers.grant("application", "SELECT", [])
    answers.grant("application", "DELETE", [])
    for right in ("SELECT", "INSERT", "DELETE"):
        answers.grant("adapter", right, [])
    return answers.statements


def _answer_column(writer: _Writer, kind: str, name: str) -> str:
    form = _ANSWER_TYPES[kind].format(quoted(name), json=writer.json, time=writer.time)
    return f"{quoted(name)} {form}"


def _inbox(section: InboxSection, roles: DatabaseRoles | None) -> list[str]:
    names = section.columns
    inbox = _Writer(section.schema_, section.table, roles)
    result = quoted(names.result)
    results = [names.result, names.reason, names.text]
    control = [*results, names.recorded_at, names.result_code]
    if section.form == "events":
        event = [
            f"{quoted(names.type)} varchar(255) NOT NULL",
            f"{quoted(names.case_id)} varchar(64) NOT NULL",
            f"{quoted(names.urgent)} {'boolean' if inbox.postgres else 'integer'} NOT NULL",
            f"{quoted(names.received_at)} {inbox.time} NOT NULL",
            f"{quoted(names.payload)} {inbox.json} NOT NULL",
        ]
        key = f"({quoted(names.source)}, {quoted(names.id)})"
        inbox.create(
            [
                f"{quoted(names.source)} varchar(63) NOT NULL",
                f"{quoted(names.id)} varchar(36) NOT NULL",
                *event,
                f"{quoted(names.offer)} bigint NOT NULL",
                inbox.position(names.position),
                f"{result} varchar(16) CHECK ({result} IN ('imported', 'rejected'))",
                f"{quoted(names.reason)} varchar(48)",
                f"{quoted(names.text)} varchar(500)",
                f"{quoted(names.recorded_at)} {inbox.time}",
                f"{quoted(names.result_code)} varchar(64)",
                f"PRIMARY KEY {key}" if inbox.postgres else f"UNIQUE {key}",
            ]
        )
        recorded, code = quoted(names.recorded_at), quoted(names.result_code)
        inbox.index("new", [names.position], f"{result} IS NULL")
        inbox.index(
            "results",
            [names.position],
            f"{result} IS NOT NULL AND {recorded} IS NULL AND {code} IS NULL",
        )
        inbox.index("refused_results", [names.position], f"{code} IS NOT NULL")
        inbox.comment(
            "Events of other agencies, inserted by the adapter. The application sets result, and "
            "removes a row only after recorded_at is set."
        )
        inbox.comment("Set by the application: imported or rejected", names.result)
        inbox.comment("Code of a rejection: lower-case letters, digits, _", names.reason)
        inbox.comment("Set by the adapter when it has recorded the result", names.recorded_at)
        inbox.comment(
            "Code with which the adapter refuses a result. Correct the result and set this to "
            "NULL.",
            names.result_code,
        )
        inbox.grant("application", "SELECT", [])
        inbox.grant("application", "DELETE", [])
        inbox.grant("application", "UPDATE", [*results, names.result_code])
        written = [
            names.type, names.case_id, names.urgent, names.received_at, names.payload, names.offer
        ]  # fmt: skip
        inbox.grant("adapter", "SELECT", [])
        inbox.grant("adapter", "INSERT", [names.source, names.id, *written])
        inbox.grant("adapter", "UPDATE", [*written, *control])
    else:
        for right in ("SELECT", "INSERT", "UPDATE"):
            inbox.grant("adapter", right, [])
    return inbox.statements
