"""Check of the agency's own database: reachability, tables, columns, rights, encoding, time zones.

Nothing is changed. A finding names tables and columns of the settings, and no value of a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection, text

from adapters.mapping.adapter import MappedAdapter
from adapters.tables.catalog import FoundTable, find_table
from adapters.tables.connecting import Database
from adapters.tables.definition import ANSWER_COLUMNS
from adapters.tables.errors import DatabaseError
from adapters.tables.inbox import InboxRows
from adapters.tables.outbox import OutboxRows
from broker.agency.config import DATABASE, AgencyConfig
from broker.agency.database_section import DatabaseSection

Status = Literal["pass", "warn", "fail"]
PAYLOAD_TYPES: Final = frozenset({"json", "jsonb", "text", "character varying"})
CHECK: Final = "concordant adapter tables sql --dialect {} --agency DIR"
_SELECT: Final = frozenset({"SELECT"})
_WRITE: Final = frozenset({"SELECT", "UPDATE"})
_INSERT: Final = frozenset({"SELECT", "INSERT"})
_ALL: Final = frozenset({"SELECT", "INSERT", "UPDATE"})


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of one check.

    Attributes:
        name: what was checked.
        status: `pass`, `warn` or `fail`.
        detail: one sentence.
        code: reason code; empty if it passed.
        fix: next step; empty if it passed.
    """

    name: str
    status: Status
    detail: str
    code: str = ""
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding for scripts."""
        return {
            "name": self.name,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "fix": self.fix,
        }


@dataclass(frozen=True, slots=True)
class _Needed:
    """Columns and rights that the adapter needs of a table.

    Attributes:
        name: `outbox`, `answers` or `inbox`.
        schema, table: its name.
        columns: column -> rights that the adapter needs.
        key: columns of which each value must occur once.
        whole: rights on the table as a whole.
        payload: column of JSON.
        times: columns of times.
        empty: columns that must take NULL, and that are NULL in a new row.
        own: the agency's own table: other columns and rights of it are not looked at.
    """

    name: str
    schema: str
    table: str
    columns: dict[str, frozenset[str]]
    key: frozenset[str]
    whole: frozenset[str] = frozenset()
    payload: str | None = None
    times: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    own: bool = False


def check_tables(
    database: Database,
    config: AgencyConfig,
    section: DatabaseSection,
    adapter: MappedAdapter | None,
) -> list[CheckResult]:
    """Check the tables of the sides that use the database; both if neither does yet.

    Args:
        database: the agency's own database.
        config: settings of the agency.
        section: those of the database.
        adapter: for a mapped outbox or inbox; else None.
    """
    used = {
        side
        for side, name in (("source", config.adapter.source), ("sink", config.adapter.sink))
        if name == DATABASE
    } or {"source", "sink"}
    try:
        with database.transaction() as connection:
            findings = [CheckResult("connection", "pass", "The database can be reached.")]
            if database.postgres:
                findings += _server(connection)
            for needed in _needed(section, adapter, used):
                findings += _table(connection, database, needed)
        if not any(one.status == "fail" for one in findings):
            findings += _rows(database, section, used)
    except DatabaseError as error:
        return [CheckResult("connection", "fail", error.detail, error.code, error.fix or "")]
    finally:
        database.close()
    return findings


def _server(connection: Connection) -> Iterator[CheckResult]:
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding == "UTF8":
        yield CheckResult("encoding", "pass", "The database stores text in UTF-8.")
    else:
        yield CheckResult(
            "encoding",
            "fail" if encoding == "SQL_ASCII" else "warn",
            f"The database stores text in {encoding}: not every name can be written.",
            "database_encoding",
            "Use a database whose encoding is UTF8.",
        )
    asked = text(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication "
        "FROM pg_roles WHERE rolname = current_user"
    )
    if connection.execute(asked).scalar():
        yield _excess("role", "The adapter's role has rights over the whole server.")
    else:
        yield CheckResult("role", "pass", "The adapter's role has no rights over the server.")


def _needed(
    section: DatabaseSection, adapter: MappedAdapter | None, used: Collection[str]
) -> Iterator[_Needed]:
    if "source" in used:
        yield from _of_source(section, adapter)
    if "sink" in used:
        yield _of_sink(section, adapter)


def _of_source(section: DatabaseSection, adapter: MappedAdapter | None) -> Iterator[_Needed]:
    outbox, names = section.outbox, section.outbox.columns
    mapped = outbox.form == "mapped"
    columns = {names.id: _SELECT, names.position: _SELECT}
    if names.version is not None:
        columns[names.version] = _SELECT
    if mapped and adapter is not None:
        columns |= dict.fromkeys(adapter.mapping.export_columns, _SELECT)
    if not mapped:
        columns |= dict.fromkeys((names.type, names.payload), _SELECT)
        if outbox.aggregatetypes:
            columns[names.aggregatetype] = _SELECT
        if names.recipients is not None:
            columns[names.recipients] = _SELECT
    if outbox.answers == "columns":
        columns |= {getattr(names, one): _WRITE for one in ANSWER_COLUMNS}
    else:
        answers = dict.fromkeys(("id", "version", *ANSWER_COLUMNS), _INSERT)
        yield _Needed(
            "answers",
            outbox.schema_,
            outbox.answers_table,
            answers,
            frozenset({"id", "version"}),
            frozenset({"DELETE", "INSERT"}),
            times=("answered_at",),
            empty=("code", "field", "detail", "event_id", "answer"),
        )
    deletes = outbox.answers == "delete"
    yield _Needed(
        "outbox",
        outbox.schema_,
        outbox.table,
        columns,
        frozenset({names.id}),
        frozenset({"DELETE"}) if deletes else frozenset(),
        payload=None if mapped else names.payload,
        times=(names.answered_at,) if outbox.answers == "columns" else (),
        empty=(
            tuple(getattr(names, one) for one in ANSWER_COLUMNS)
            if outbox.answers == "columns"
            else ()
        ),
        own=mapped,
    )


def _of_sink(section: DatabaseSection, adapter: MappedAdapter | None) -> _Needed:
    inbox, names = section.inbox, section.inbox.columns
    columns: dict[str, frozenset[str]] = {
        names.source: _INSERT,
        names.id: _INSERT,
        names.offer: _ALL,
        names.position: _SELECT,
    }
    empty = (names.result, names.reason, names.text, names.recorded_at, names.result_code)
    columns |= dict.fromkeys(empty, _WRITE)
    mapped = inbox.form == "mapped"
    own = (names.type, names.case_id, names.urgent, names.received_at, names.payload)
    if mapped and adapter is not None:
        own = tuple(adapter.mapping.written_columns)  # type: ignore[assignment]
    columns |= dict.fromkeys(own, frozenset({"INSERT", "UPDATE"}))
    return _Needed(
        "inbox",
        inbox.schema_,
        inbox.table,
        columns,
        frozenset({names.source, names.id}),
        payload=None if mapped else names.payload,
        times=(names.recorded_at,) if mapped else (names.received_at, names.recorded_at),
        empty=empty,
        own=mapped,
    )


def _table(connection: Connection, database: Database, needed: _Needed) -> Iterator[CheckResult]:
    name = f"{needed.schema}.{needed.table}" if database.postgres else needed.table
    make = f"Make it with the script: {CHECK.format(database.dialect)}"
    found = find_table(connection, needed.schema, needed.table)
    if found is None:
        detail = f"The table {name} is missing, or the adapter may not see it."
        yield CheckResult(needed.name, "fail", detail, "database_table_missing", make)
        return
    missing = sorted(needed.columns.keys() - found.columns.keys())
    if missing:
        detail = f"{name} has no column {', '.join(missing)}."
        fix = "Add the columns, or name others in the section [database]."
        yield CheckResult(needed.name, "fail", detail, "database_table_missing", fix)
        return
    yield CheckResult(needed.name, "pass", f"{name} has every column that is needed.")
    yield from _values(name, found, needed)
    yield from _security(name, found, needed)
    yield from _rights(name, found, needed, postgres=database.postgres)
    yield from _form(name, found, needed, postgres=database.postgres)


def _values(name: str, found: FoundTable, needed: _Needed) -> Iterator[CheckResult]:
    """Check that the columns take what the adapter writes, and what it leaves out."""
    inserted = {one for one, rights in needed.columns.items() if "INSERT" in rights}
    written = inserted | {one for one, rights in needed.columns.items() if "UPDATE" in rights}
    columns = found.columns
    no_null = sorted(one for one in needed.empty if columns[one].required)
    if no_null:
        yield _unusable(
            needed.name,
            f"{', '.join(no_null)} of {name} must take NULL: it means that there is no value yet.",
            "Drop NOT NULL from these columns.",
        )
    preset = sorted(one for one in needed.empty if columns[one].default is not None)
    if preset:
        yield _unusable(
            needed.name,
            f"{', '.join(preset)} of {name} must be NULL in a new row, and a default sets a value.",
            "Drop the default from these columns.",
        )
    lacking = sorted(
        one for one, column in columns.items() if one not in inserted and column.lacks_value
    )
    if inserted and lacking:
        yield _unusable(
            needed.name,
            f"The adapter leaves {', '.join(lacking)} of {name} out, and NULL is refused there.",
            "Give these columns a default, or drop NOT NULL.",
        )
    fixed = sorted(
        one for one in written if columns[one].made_by in {"generated", "identity always"}
    )
    if fixed:
        yield _unusable(
            needed.name,
            f"The adapter writes {', '.join(fixed)} of {name}, and the database generates it.",
            "Make them plain columns, or name others in the section [database].",
        )


def _security(name: str, found: FoundTable, needed: _Needed) -> Iterator[CheckResult]:
    """Check row-level security: rows that it hides are neither taken nor answered."""
    if found.security is None:
        return
    rights = needed.whole.union(*needed.columns.values())
    lacking = sorted(rights - found.security.allowed)
    if lacking:
        yield CheckResult(
            needed.name,
            "fail",
            f"Row-level security of {name} has no policy that lets the adapter do: "
            f"{', '.join(lacking)}.",
            "database_row_security",
            "Add a policy for the adapter's role, USING (true) WITH CHECK (true).",
        )
    elif found.security.limited:
        yield CheckResult(
            needed.name,
            "warn",
            f"A policy of row-level security of {name} has a condition: the adapter may not see "
            "every row.",
            "database_row_security",
            "Make sure that it lets the adapter's role see and write every row.",
        )


def _unusable(name: str, detail: str, fix: str) -> CheckResult:
    return CheckResult(name, "fail", detail, "database_column_unusable", fix)


def _rights(
    name: str, found: FoundTable, needed: _Needed, *, postgres: bool
) -> Iterator[CheckResult]:
    if not postgres:
        return
    lacking = [
        f"{right} ({column})"
        for column, rights in sorted(needed.columns.items())
        for right in sorted(rights - found.columns[column].rights)
    ]
    lacking += sorted(needed.whole - found.rights)
    if lacking:
        yield CheckResult(
            needed.name,
            "fail",
            f"The adapter lacks rights on {name}: {', '.join(lacking)}.",
            "database_rights_missing",
            "Grant them, as the script does: " + CHECK.format("postgresql"),
        )
    over = sorted(found.rights - needed.whole - {"INSERT", "UPDATE"})
    if not needed.own:
        over += [
            f"{right} ({column})"
            for column, one in sorted(found.columns.items())
            for right in sorted(one.rights - needed.columns.get(column, _SELECT) - _SELECT)
        ]
    if over:
        yield _excess(
            needed.name, f"The adapter has rights on {name} that it does not need: "
            f"{', '.join(over)}.",
        )  # fmt: skip
    if not lacking and not over:
        yield CheckResult(needed.name, "pass", f"The rights on {name} are those that are needed.")


def _form(
    name: str, found: FoundTable, needed: _Needed, *, postgres: bool
) -> Iterator[CheckResult]:
    if found.kind == "table" and not any(one <= needed.key for one in found.unique):
        yield CheckResult(
            needed.name,
            "fail",
            f"Nothing in {name} makes {', '.join(sorted(needed.key))} unique.",
            "database_key_not_unique",
            "Add a primary key or a unique index on it.",
        )
    if not postgres:
        return
    if needed.payload is not None:
        kind = found.columns[needed.payload].type.partition("(")[0]
        if kind not in PAYLOAD_TYPES:
            yield CheckResult(
                needed.name,
                "fail",
                f"The column {needed.payload} of {name} has the type {kind}, not JSON or text.",
                "database_column_type",
                "Use json, jsonb or text.",
            )
    zoneless = [
        one for one in needed.times if found.columns[one].type == "timestamp without time zone"
    ]
    if zoneless:
        yield CheckResult(
            needed.name,
            "warn",
            f"Times in {', '.join(zoneless)} of {name} have no time zone; the adapter writes UTC.",
            "database_time_zone",
            "Use timestamptz, or read these columns as UTC.",
        )


def _rows(
    database: Database, section: DatabaseSection, used: Collection[str]
) -> Iterator[CheckResult]:
    with database.transaction() as connection:
        if "source" in used:
            strange = OutboxRows(database, section.outbox, section.row_bytes).unusable(connection)
            if strange:
                yield CheckResult(
                    "rows",
                    "warn",
                    f"{strange} rows of the outbox have a key that cannot be used.",
                    "database_row_unusable",
                    "Give each a key of at most 200 visible ASCII characters.",
                )
        if "sink" in used:
            refused = InboxRows(database, section.inbox).refused(connection)
            if refused:
                yield CheckResult(
                    "rows",
                    "warn",
                    f"{refused} results in the inbox are refused, and wait for a correction.",
                    "database_result_refused",
                    "Read the column of the result's code, correct the result, and set the code "
                    "to NULL.",
                )


def _excess(name: str, detail: str) -> CheckResult:
    return CheckResult(
        name,
        "warn",
        detail,
        "database_rights_excess",
        "Take them away. The rights that are needed: " + CHECK.format("postgresql"),
    )
